"""Markdown tables of quality.py: SDR and shares song by song, several models side by side."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean


@dataclasses.dataclass(frozen=True)
class Scores:
    """A model's results on a song: `sdr` in dB by stem, and `shares`, {estimate: {stem: gain}}."""

    sdr: dict[str, float]
    shares: dict[str, dict[str, float]]


def table(ideal: Mapping[str, Mapping[str, float]], models: Sequence[tuple[str, Mapping[str, Scores]]]) -> str:
    """Return Markdown: rows of SDR in dB and of the share of each true stem in its own estimate, then all mean shares.

    Parameters
    ----------
    ideal : {song: {stem: dB}}
        Scores of an ideal ratio mask.
    models : pairs of a name and {song: Scores}
    """
    return "\n".join([*_scores(ideal, models), *(line for model in models for line in _shares(*model))])


def _scores(ideal: Mapping[str, Mapping[str, float]], models: Sequence[tuple[str, Mapping[str, Scores]]]) -> list[str]:
    """The rows of all songs and stems, and the rows of their means."""
    head = ["song", "stem", "ideal mask", *(f"{name}: {what}" for name, _ in models for what in ("SDR", "share"))]
    lines = [_row(head), _row(["---"] * 2 + ["---:"] * (len(head) - 2))]
    cells = {
        (song, stem): [dB, *(value for _, songs in models for value in _own(songs[song], stem))]
        for song, stems in ideal.items()
        for stem, dB in stems.items()
    }
    lines += [_row([song, stem, *_numbers(values)]) for (song, stem), values in cells.items()]
    stems = dict.fromkeys(stem for _, stem in cells)
    means = {stem: _means([row for (_, own), row in cells.items() if own == stem]) for stem in stems}
    lines += [_row(["**mean**", stem, *_numbers(row)]) for stem, row in means.items()]
    return [*lines, _row(["**mean**", "all stems", *_numbers(_means(means.values()))])]


def _own(song: Scores, stem: str) -> tuple[float, float]:
    """The SDR of a stem and its share in its own estimate."""
    return song.sdr[stem], song.shares[stem][stem]


def _means(rows: Iterable[Sequence[float]]) -> list[float]:
    return [mean(column) for column in zip(*rows, strict=True)]


def _shares(name: str, songs: Mapping[str, Scores]) -> list[str]:
    """The rows of one model's mean shares of each true stem in each estimate."""
    estimates = dict.fromkeys(estimate for song in songs.values() for estimate in song.shares)
    stems = dict.fromkeys(stem for song in songs.values() for stem in song.sdr)
    lines = ["", _row([f"{name}: estimate", *(f"share of {stem}" for stem in stems)])]
    lines.append(_row(["---"] + ["---:"] * len(stems)))
    for estimate in estimates:
        found = [
            [song.shares[estimate][stem] for song in songs.values() if stem in song.shares.get(estimate, {})]
            for stem in stems
        ]
        lines.append(_row([estimate, *_numbers([mean(values) if values else None for values in found])]))
    return lines


def _numbers(values: Iterable[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.2f}" for value in values]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
