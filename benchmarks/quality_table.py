"""Markdown tables of quality.py: SDR and shares song by song, several models side by side."""

from statistics import mean


def table(ideal, models):
    """Markdown: rows of SDR in dB and of the share of each true stem in its own estimate, then all mean shares.

    ideal : {song: {stem: dB}} of an ideal ratio mask
    models : (name, {song: ({stem: dB}, {estimate: {stem: share}})}) of each model
    """
    return "\n".join([*_scores(ideal, models), *(line for model in models for line in _shares(*model))])


def _scores(ideal, models):
    head = ["song", "stem", "ideal mask", *(f"{name}: {what}" for name, _ in models for what in ("SDR", "share"))]
    lines = [_row(head), _row(["---"] * 2 + ["---:"] * (len(head) - 2))]
    cells = {
        (song, stem): [dB, *(value for _, songs in models for value in (songs[song][0][stem], _own(songs[song], stem)))]
        for song, stems in ideal.items()
        for stem, dB in stems.items()
    }
    lines += [_row([song, stem, *_numbers(values)]) for (song, stem), values in cells.items()]
    stems = dict.fromkeys(stem for _, stem in cells)
    means = {stem: _means([row for (_, own), row in cells.items() if own == stem]) for stem in stems}
    lines += [_row(["**mean**", stem, *_numbers(row)]) for stem, row in means.items()]
    return [*lines, _row(["**mean**", "all stems", *_numbers(_means(means.values()))])]


def _means(rows):
    return [mean(column) for column in zip(*rows, strict=True)]


def _own(song, stem):
    """The share of a true stem in its own estimate."""
    return song[1][stem][stem]


def _shares(name, songs):
    """Mean share of each true stem in each estimate."""
    estimates, stems = ([*dict.fromkeys(found)] for found in _names(songs))
    lines = ["", _row([f"{name}: estimate", *(f"share of {stem}" for stem in stems)])]
    lines.append(_row(["---"] + ["---:"] * len(stems)))
    for estimate in estimates:
        found = [
            [shares[estimate][stem] for _, shares in songs.values() if _has(shares, estimate, stem)] for stem in stems
        ]
        lines.append(_row([estimate, *_numbers([mean(values) if values else None for values in found])]))
    return lines


def _names(songs):
    """All estimates and all true stems of the songs, with repetitions."""
    estimates = [estimate for _, shares in songs.values() for estimate in shares]
    return estimates, [stem for scores, _ in songs.values() for stem in scores]


def _has(shares, estimate, stem):
    return stem in shares.get(estimate, {})


def _numbers(values):
    return ["" if value is None else f"{value:.2f}" for value in values]


def _row(cells):
    return f"| {' | '.join(cells)} |"
