"""SDR of a model on a tree of songs, `SONGS/<song>/<target>.{flac,wav}`, a song's mixture being the sum of its stems.

    python benchmarks/quality.py ../shared/data/eval
    python benchmarks/quality.py ../shared/data/eval --chunk 256 --overlap 64

Prints JSON: for each way of separating (with and without mixture consistency) the SDR in dB per song and target, per
target the mean over the songs that have the stem, and the leakage: how much of each true stem is in each estimate, as
the gains by which the true stems, added, come nearest to the estimate (least squares), mean over the songs.
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
        separated = {song: separate(separator, *stems, consistency) for song, stems in songs.items()}
        scores = {song: score(stems[0], separated[song]) for song, stems in songs.items()}
        result[name] = {
            "songs": scores,
            "mean": summary(scores, separator.targets),
            "leakage": leakage({song: stems[0] for song, stems in songs.items()}, separated, separator.targets),
        }
    print(json.dumps(result, indent=1))


def load_song(folder):
    """Stems {target: float32 (2, samples)} and the sample rate."""
    stems, sample_rate = {}, None
    for path in sorted(folder.iterdir()):
        with AudioReader(path) as reader:
            stems[path.stem] = reader.read()
            sample_rate = reader.sample_rate
    return stems, sample_rate


def separate(separator, references, sample_rate, consistency):
    return separator.separate(sum(references.values()), sample_rate=sample_rate, consistency=consistency)


def score(references, estimates):
    return {target: round(sdr(reference, estimates[target]), 3) for target, reference in references.items()}


def leakage(references, estimates, targets):
    """{estimate: {true stem: mean gain}}"""
    gains = {estimate: {target: [] for target in targets} for estimate in targets}
    for song, stems in references.items():
        basis = np.stack([stem.ravel() for stem in stems.values()], axis=1)
        for estimate in targets:
            solution = np.linalg.lstsq(basis, estimates[song][estimate].ravel(), rcond=None)[0]
            for target, gain in zip(stems, solution, strict=True):
                gains[estimate][target].append(float(gain))
    return {
        estimate: {target: round(mean(values), 2) for target, values in row.items()} for estimate, row in gains.items()
    }


def summary(scores, targets):
    means = {target: mean(song[target] for song in scores.values() if target in song) for target in targets}
    means["mean"] = mean(means.values())
    return {target: round(value, 3) for target, value in means.items()}


if __name__ == "__main__":
    main()
