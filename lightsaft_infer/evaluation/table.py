"""The scores of `evaluate` as text."""

import unicodedata
from collections.abc import Sequence

from ..text import one_line
from .results import BssEvalSummaries, Evaluation, MissingStem, SongScores


def table(result: Evaluation) -> str:
    """Format the result of `evaluate` as aligned lines of text.

    Parameters
    ----------
    result : dict
        The result of `evaluate`.

    Returns
    -------
    str
        SDR of each song and target with means and medians, BSS Eval of each target, all in dB, and a list of the stems
        that were not scored.

    Examples
    --------
    >>> from lightsaft_infer.evaluation import table
    >>> summary = {"songs": 1, "mean": 20.0, "median": 20.0}
    >>> result = {
    ...     "songs": {"song": {"sdr": {"bass": 20.0}, "mean": 20.0}},
    ...     "sdr": {"targets": {"bass": summary}, "overall": summary},
    ...     "bsseval": None,
    ...     "failed": [],
    ...     "missing": [],
    ...     "unreferenced": 0,
    ... }
    >>> print(table(result))
    SDR in dB          bass    mean
    song             20.000  20.000
    mean of songs    20.000  20.000
    median of songs  20.000  20.000
    """
    targets = list(result["sdr"]["targets"])
    rows = [["SDR in dB", *map(one_line, targets), "mean"]]
    for song, scores in result["songs"].items():
        rows.append([one_line(song), *(_text(scores["sdr"].get(target)) for target in targets), _text(scores["mean"])])
    summaries = (*result["sdr"]["targets"].values(), result["sdr"]["overall"])
    rows.append(["mean of songs", *(_text(summary["mean"]) for summary in summaries)])
    rows.append(["median of songs", *(_text(summary["median"]) for summary in summaries)])
    lines = _aligned(rows)
    if result["bsseval"] is not None:
        lines += ["", *_bsseval(result["bsseval"], result["songs"])]
    unscored = [one_line(f"not scored: {item['song']}: {item['error']}") for item in result["failed"]]
    unscored += [one_line(f"no estimate: {item['song']}/{item['target']}{_found(item)}") for item in result["missing"]]
    if result["unreferenced"]:
        unscored.append(f"estimates without reference, not scored: {result['unreferenced']}")
    return "\n".join(lines + ([""] if unscored else []) + unscored)


def _bsseval(summary: BssEvalSummaries, songs: dict[str, SongScores]) -> list[str]:
    metrics = list(summary["overall"])
    rows = [["BSS Eval v4 in dB, median of songs", *metrics, "songs"]]
    for target, scores in summary["targets"].items():
        rows.append([one_line(target), *(_text(scores[metric]) for metric in metrics), str(scores["songs"])])
    rows.append(["mean of targets", *(_text(summary["overall"][metric]) for metric in metrics), ""])
    undefined = {song: scores["bsseval_undefined"] for song, scores in songs.items()}
    return _aligned(rows) + [
        one_line(f"no BSS Eval of {song}: {reason}") for song, reason in undefined.items() if reason
    ]


def _found(item: MissingStem) -> str:
    return f" (found {item['found']})" if "found" in item else ""


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table. The first column is aligned to the left, the others to the right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = [row[0] + gaps[0], *(gap + cell for gap, cell in zip(gaps[1:], row[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
