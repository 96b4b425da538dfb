"""Measure the SDR of models on a tree of songs, `SONGS/<song>/<stem>.{flac,wav}`.

    python benchmarks/quality.py ../shared/data/eval
    python benchmarks/quality.py ../shared/data/eval --chunk 256 --overlap 64
    python benchmarks/quality.py MASHUPS --table --model A.json --model B.json

A song's mixture is the sum of its stems. A stem is a target or a sum of targets: `drums+bass+other.wav` is compared
with the sum of these estimates.

The command prints JSON. For each way to separate (with and without mixture consistency) it has:

- the SDR in dB for each song and stem;
- for each stem, the mean over the songs that have it, of SDR, SI-SDR and the SDR in bands of frequency;
- the shares, by song and as means (`leakage`): how much of each true stem is in each estimate. They are the gains by
  which the true stems, added, come nearest to the estimate (least squares).

It also has the scores of an ideal ratio mask, which knows the true stems, the scores of the mixture itself as the
estimate of each stem, and how much of a true stem's energy is in each band. With several models, `models` is the list
of their results.

With --table, the command prints Markdown: SDR and share song by song, without consistency, the models side by side.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import quality_table
from quality_measures import (
    energy_of_bands,
    ideal_ratio_mask,
    judged,
    mixture_itself,
    scored,
    shares_of_songs,
    sum_of,
    summary,
    with_sums,
)

from lightsaft_infer import AudioReader, Separator, TimeLimit, sdr, si_sdr
from lightsaft_infer.arrays import Stems

WAYS = (("plain", False), ("mixture consistency", True))
SUFFIXES = (".flac", ".wav")


@dataclasses.dataclass(frozen=True)
class Song:
    """The true stems of a song, {stem: float32 (2, samples)}, and their sample rate in Hz."""

    stems: Stems
    sample_rate: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument(
        "--model", type=Path, action="append", help="manifest, may be repeated (default: the packaged model)"
    )
    parser.add_argument("--threads", type=int, help="number of threads (default: the number of cores)")
    parser.add_argument("--chunk", type=int, help="frames of a chunk")
    parser.add_argument("--overlap", type=int, help="frames that neighbouring chunks share")
    parser.add_argument(
        "--passes",
        type=int,
        default=1,
        help="passes of the network to average, 1 to 4 (default: %(default)s)",
    )
    parser.add_argument("--gain", type=float, default=0, metavar="DB", help="change the level of the mixtures by DB")
    parser.add_argument("--table", action="store_true", help="print Markdown")
    args = parser.parse_args()
    options = {"threads": args.threads, "chunk": args.chunk, "overlap": args.overlap}
    separators = [Separator.from_file(path, **options) for path in args.model or [None]]
    songs = load_songs(args.songs, 10 ** (args.gain / 20))
    if not songs:
        parser.error(f"no songs in: {args.songs}")
    print(table(separators, songs, args.passes) if args.table else as_json(separators, songs, args.passes))


def as_json(separators: Sequence[Separator], songs: dict[str, Song], passes: int) -> str:
    """Return the results of all separators as JSON."""
    stems = {name: song.stems for name, song in songs.items()}
    results = [result(separator, songs, passes) for separator in separators]
    whole: dict[str, Any] = results[0] if len(results) == 1 else {"models": results}
    for name, way in (("ideal ratio mask", ideal_ratio_mask), ("the mixture itself", mixture_itself)):
        estimates = {song: way(references) for song, references in stems.items()}
        whole[name] = {
            "sdr": summary(scored(sdr, stems, estimates)),
            "si_sdr": summary(scored(si_sdr, stems, estimates)),
        }
    whole["energy_of_bands"] = {song: energy_of_bands(references) for song, references in stems.items()}
    return json.dumps(whole, indent=1)


def result(separator: Separator, songs: dict[str, Song], passes: int) -> dict[str, Any]:
    """Return a separator's part of the JSON."""
    stems = {name: song.stems for name, song in songs.items()}
    about: dict[str, Any] = {
        "model": separator.manifest.name,
        "sha256": separator.manifest.sha256,
        "chunk": separator.chunk,
        "overlap": separator.overlap,
    }
    for way, consistency in WAYS:
        estimates = {name: separate(separator, song, consistency, passes) for name, song in songs.items()}
        about[way] = judged(stems, estimates)
    return about


def table(separators: Sequence[Separator], songs: dict[str, Song], passes: int) -> str:
    """Return the results as Markdown. Estimates of one song at a time are in memory."""
    ideal: dict[str, dict[str, float]] = {}
    models: list[dict[str, quality_table.Scores]] = [{} for _ in separators]
    for name, song in songs.items():
        stems = {name: song.stems}
        ideal |= scored(sdr, stems, {name: ideal_ratio_mask(song.stems)})
        for separator, scores in zip(separators, models, strict=True):
            separated = {name: separate(separator, song, False, passes)}
            scores[name] = quality_table.Scores(
                scored(sdr, stems, separated)[name], shares_of_songs(stems, separated)[name]
            )
    names = [f"{separator.manifest.name} {separator.manifest.version}" for separator in separators]
    return quality_table.table(ideal, list(zip(names, models, strict=True)))


def load_songs(folder: Path, gain: float = 1.0) -> dict[str, Song]:
    """Return the songs of a tree by name, their stems multiplied by a gain. Folders without stems are left out."""
    songs = {path.name: load_song(path, gain) for path in sorted(folder.iterdir()) if path.is_dir()}
    return {name: song for name, song in songs.items() if song is not None}


def load_song(folder: Path, gain: float) -> Song | None:
    """Return the song of a folder, None if it has no stems. A mixture beside the stems is not read."""
    stems: Stems = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.stem != "mixture":
            with AudioReader(path) as reader:
                stems[path.stem] = reader.read() * np.float32(gain)
                sample_rate = reader.sample_rate
    return Song(stems, sample_rate) if stems else None


def separate(separator: Separator, song: Song, consistency: bool, passes: int) -> Stems:
    """Return the estimates of a song's mixture, and of the sums that are among its stems."""
    limit = TimeLimit(1e6, max_passes=passes) if passes > 1 else None
    estimates = separator.separate(
        sum_of(song.stems), sample_rate=song.sample_rate, consistency=consistency, time_limit=limit
    )
    return with_sums(estimates, song.stems)


if __name__ == "__main__":
    main()
