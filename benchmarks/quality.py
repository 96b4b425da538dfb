"""SDR of models on a tree of songs, `SONGS/<song>/<stem>.{flac,wav}`, a song's mixture being the sum of its stems.

    python benchmarks/quality.py ../shared/data/eval
    python benchmarks/quality.py ../shared/data/eval --chunk 256 --overlap 64
    python benchmarks/quality.py JUDGE --table --model A.json --model B.json

A stem is a target or a sum of targets: `drums+bass+other.wav` is compared with the sum of these estimates.

Prints JSON: for each way of separating (with and without mixture consistency) the SDR in dB per song and stem; per
stem the mean over the songs that have it, of SDR, SI-SDR and the SDR in bands of frequency; and the shares, by song and
as means (`leakage`): how much of each true stem is in each estimate, as the gains by which the true stems,
added, come nearest to the estimate (least squares). Beside them what an ideal ratio mask reaches, which knows the true
stems, what the mixture itself scores as estimate of each stem, and how much of a true stem's energy is in each band.
With several models, `models` is the list of their results.

With --table, prints Markdown: without consistency, SDR and share song by song, the models side by side.
"""

import argparse
import json
from pathlib import Path

import quality_table
from quality_measures import (
    energy_of_bands,
    ideal_ratio_mask,
    judged,
    mixture_itself,
    scored,
    shares_of_songs,
    summary,
    with_sums,
)

from lightsaft_infer import AudioReader, Separator, TimeLimit, sdr, si_sdr

WAYS = (("plain", False), ("mixture consistency", True))
SUFFIXES = (".flac", ".wav")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument(
        "--model", type=Path, action="append", help="manifest, may be repeated (default: the packaged model)"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--chunk", type=int, help="frames of a chunk")
    parser.add_argument("--overlap", type=int, help="frames that chunks share")
    parser.add_argument(
        "--passes", type=int, default=1, help="passes of the network, 1 to 4, of which the mean is taken"
    )
    parser.add_argument("--table", action="store_true", help="print Markdown")
    args = parser.parse_args()
    options = {"threads": args.threads, "chunk": args.chunk, "overlap": args.overlap}
    separators = [Separator.from_file(path, **options) for path in args.model or [None]]
    songs = load_songs(args.songs)
    if not songs:
        parser.error(f"no songs in: {args.songs}")
    print(table(separators, songs, args.passes) if args.table else as_json(separators, songs, args.passes))


def as_json(separators, songs, passes):
    stems = {song: references for song, (references, _) in songs.items()}
    results = [result(separator, songs, passes) for separator in separators]
    whole = results[0] if len(results) == 1 else {"models": results}
    for name, way in (("ideal ratio mask", ideal_ratio_mask), ("the mixture itself", mixture_itself)):
        estimates = {song: way(references) for song, references in stems.items()}
        whole[name] = {
            "sdr": summary(scored(sdr, stems, estimates)),
            "si_sdr": summary(scored(si_sdr, stems, estimates)),
        }
    whole["energy_of_bands"] = {song: energy_of_bands(references) for song, references in stems.items()}
    return json.dumps(whole, indent=1)


def result(separator, songs, passes):
    """A separator's part of the JSON."""
    stems = {song: references for song, (references, _) in songs.items()}
    told = {
        "model": separator.manifest.name,
        "sha256": separator.manifest.onnx.sha256,
        "chunk": separator.chunk,
        "overlap": separator.overlap,
    }
    for name, consistency in WAYS:
        told[name] = judged(stems, {song: separate(separator, *songs[song], consistency, passes) for song in songs})
    return told


def table(separators, songs, passes):
    """Song by song, one in memory after the other."""
    ideal, models = {}, [{} for _ in separators]
    for song, (references, sample_rate) in songs.items():
        stems = {song: references}
        ideal |= scored(sdr, stems, {song: ideal_ratio_mask(references)})
        for separator, scores in zip(separators, models, strict=True):
            separated = {song: separate(separator, references, sample_rate, False, passes)}
            scores[song] = scored(sdr, stems, separated)[song], shares_of_songs(stems, separated)[song]
    names = [f"{separator.manifest.name} {separator.manifest.version}" for separator in separators]
    return quality_table.table(ideal, list(zip(names, models, strict=True)))


def load_songs(folder):
    """{song: its stems and sample rate, as `load_song` returns them}"""
    songs = {path.name: load_song(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    return {song: loaded for song, loaded in songs.items() if loaded[0]}


def load_song(folder):
    """Stems {stem: float32 (2, samples)} and the sample rate. A mixture beside the stems is not read."""
    stems, sample_rate = {}, None
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.stem != "mixture":
            with AudioReader(path) as reader:
                stems[path.stem] = reader.read()
                sample_rate = reader.sample_rate
    return stems, sample_rate


def separate(separator, references, sample_rate, consistency, passes):
    """The estimates of a song's mixture, and of the sums that are among its stems."""
    limit = TimeLimit(1e6, max_passes=passes) if passes > 1 else None
    mixture = sum(references.values())
    options = {"consistency": consistency, "time_limit": limit}
    return with_sums(separator.separate(mixture, sample_rate=sample_rate, **options), references)


if __name__ == "__main__":
    main()
