"""SDR of a model on a tree of songs, `SONGS/<song>/<target>.{flac,wav}`, a song's mixture being the sum of its stems.

    python benchmarks/quality.py ../shared/data/eval
    python benchmarks/quality.py ../shared/data/eval --chunk 256 --overlap 64

Prints JSON: for each way of separating (with and without mixture consistency) the SDR in dB per song and target, and
per target the mean over the songs that have the stem.
"""

import argparse
import json
from pathlib import Path
from statistics import mean

import numpy as np

from lightsaft_infer import AudioReader, Separator, sdr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged model)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--chunk", type=int, help="frames of a chunk")
    parser.add_argument("--overlap", type=int, help="frames that chunks share")
    args = parser.parse_args()
    separator = Separator.from_file(args.model, threads=args.threads, chunk=args.chunk, overlap=args.overlap)
    result = {
        "model": separator.manifest.name,
        "sha256": separator.manifest.onnx.sha256,
        "chunk": separator.chunk,
        "overlap": separator.overlap,
    }
    songs = {path.name: load_song(path) for path in sorted(args.songs.iterdir()) if path.is_dir()}
    for name, consistency in (("plain", False), ("mixture consistency", True)):
        scores = {song: score(separator, *stems, consistency) for song, stems in songs.items()}
        result[name] = {"songs": scores, "mean": summary(scores, separator.targets)}
    print(json.dumps(result, indent=1))


def load_song(folder):
    """Stems {target: float32 (2, samples)} and the sample rate."""
    stems, sample_rate = {}, None
    for path in sorted(folder.iterdir()):
        with AudioReader(path) as reader:
            stems[path.stem] = np.concatenate(list(reader.blocks()), axis=1)
            sample_rate = reader.sample_rate
    return stems, sample_rate


def score(separator, references, sample_rate, consistency):
    mixture = sum(references.values())
    estimates = separator.separate(mixture, sample_rate=sample_rate, consistency=consistency)
    return {target: round(sdr(reference, estimates[target]), 3) for target, reference in references.items()}


def summary(scores, targets):
    means = {target: mean(song[target] for song in scores.values() if target in song) for target in targets}
    means["mean"] = mean(means.values())
    return {target: round(value, 3) for target, value in means.items()}


if __name__ == "__main__":
    main()
