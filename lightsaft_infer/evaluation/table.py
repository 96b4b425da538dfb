"""Scores of `lightsaft_infer.evaluation.evaluate` as text to read."""

import unicodedata


def table(result):
    """Aligned lines (str): SDR per song and target with means and medians, BSS Eval per target, all in dB, and what was
    not scored.

    result : what `lightsaft_infer.evaluation.evaluate` returned
    """
    targets = list(result["sdr"]["targets"])
    rows = [["SDR in dB", *targets, "mean"]]
    for song, scores in result["songs"].items():
        rows.append([song, *(_text(scores["sdr"].get(target)) for target in targets), _text(scores["mean"])])
    for statistic in ("mean", "median"):
        summaries = (*result["sdr"]["targets"].values(), result["sdr"]["overall"])
        rows.append([f"{statistic} of songs", *(_text(summary[statistic]) for summary in summaries)])
    lines = _aligned(rows)
    if result["bsseval"] is not None:
        lines += ["", *_bsseval(result)]
    missing = [f"no estimate: {item['song']}/{item['target']}" for item in result["missing"]]
    unreferenced = result["unreferenced"]
    told = [f"estimates without reference, not scored: {unreferenced}"] if unreferenced else []
    return "\n".join(lines + ([""] if missing or told else []) + missing + told)


def _bsseval(result):
    summary = result["bsseval"]
    metrics = list(summary["overall"])
    rows = [["BSS Eval v4 in dB, median of songs", *metrics, "songs"]]
    for target, scores in summary["targets"].items():
        rows.append([target, *(_text(scores[metric]) for metric in metrics), str(scores["songs"])])
    rows.append(["mean of targets", *(_text(summary["overall"][metric]) for metric in metrics), ""])
    undefined = {song: scores["bsseval_undefined"] for song, scores in result["songs"].items()}
    return _aligned(rows) + [f"no BSS Eval of {song}: {why}" for song, why in undefined.items() if why]


def _text(value):
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows):
    """Lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = [row[0] + gaps[0], *(gap + cell for gap, cell in zip(gaps[1:], row[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _width(text):
    """Columns that a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
