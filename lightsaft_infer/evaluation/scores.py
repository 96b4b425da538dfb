"""Quality of separated songs against their references: the Music Demixing Challenge's SDR, and BSS Eval v4.

    from lightsaft_infer.evaluation import evaluate
    from lightsaft_infer.evaluation_table import table

    scores = evaluate("musdb18hq/test", "separated")
    print(table(scores))

All scores are in dB.
"""

import itertools
import statistics

import numpy as np

from ..audio import AudioReader
from ..errors import EvaluationError
from .metrics import sdr_of_blocks
from .song_tree import match


def evaluate(references, estimates, *, targets=None, allow_missing=False, bsseval=False, progress=None):
    """Score a tree of estimated stems against a tree of references (see `lightsaft_infer.songs` for what they hold).

    Parameters
    ----------
    references, estimates : paths of folders; songs match by their path below them, stems by their name
    targets : score only these, default all that have a reference
    allow_missing : score what is there where references have no estimate, instead of raising
    bsseval : BSS Eval v4 by museval, too (see `lightsaft_infer.bsseval`), which holds a whole song in memory; the SDR
        takes a few blocks, whatever the songs' length
    progress : callable(done, total), in songs

    Returns a dict that JSON can hold, all scores in dB:

    `songs` : {song: {"sdr": {target: SDR}, "mean": mean of these}}, and with `bsseval` in each song `bsseval`:
        {target: {"SDR", "ISR", "SIR", "SAR"}}, medians over frames, or None and the reason in `bsseval_undefined`
    `sdr` : {"targets": {target: {"songs": number, "mean", "median"}}, "overall": the same of the songs' means}
    `bsseval` : None, or {"museval": version, "targets": {target: {"songs": number, "SDR", ...}}, "overall": {"SDR",
        ...}}: medians over the songs that have a value, and their means over the targets; None where there are none
    `missing` : [{"song", "target"}] without estimate; `unreferenced` : number of estimates without reference

    Raises EvaluationError where an estimate is missing, or differs from its reference in sample rate, channels or
    length (nothing is cropped or resampled), or where museval is asked for and missing; AudioError for damaged files,
    NaN and infinity. Errors name the file. All headers are looked at before the first song is scored.
    """
    if bsseval:
        from .bss_eval import bss_eval, load_museval

        version = load_museval()[1]
    matches = match(references, estimates, targets=targets, allow_missing=allow_missing)
    for pairs in matches.pairs.values():
        _check_headers(pairs, alike=bsseval)
    songs = {}
    for song, pairs in matches.pairs.items():
        scores = {target: _sdr(*pair) for target, pair in pairs.items()}
        songs[song] = {"sdr": scores, "mean": statistics.fmean(scores.values())}
        if bsseval:
            songs[song]["bsseval"], songs[song]["bsseval_undefined"] = bss_eval(pairs)
        if progress is not None:
            progress(len(songs), len(matches.pairs))
    return {
        "songs": songs,
        "sdr": _sdr_summary(songs),
        "bsseval": {"museval": version, **_bsseval_summary(songs)} if bsseval else None,
        "missing": [{"song": song, "target": target} for song, target in matches.missing],
        "unreferenced": matches.unreferenced,
    }


def _check_headers(pairs, *, alike):
    """Raises EvaluationError unless each estimate has the form of its reference, and where all references of a song
    must be `alike`, these that of the first."""
    first = next(iter(pairs.values()))[0]
    for reference, estimate in pairs.values():
        for expected, got in ((reference, estimate), (first, reference)) if alike else ((reference, estimate),):
            with AudioReader(expected) as one, AudioReader(got) as other:
                _check_form(one, other)


def _check_form(expected, got):
    for name, unit in (("sample_rate", "Hz"), ("channels", "channels"), ("samples", "samples per channel")):
        values = getattr(expected, name), getattr(got, name)
        if None not in values and values[0] != values[1]:
            raise EvaluationError(f"expected {values[0]} {unit} as in {expected.path}, got {values[1]}: {got.path}")


def _sdr(reference, estimate):
    with AudioReader(reference) as reference, AudioReader(estimate) as estimate:
        _check_form(reference, estimate)
        return sdr_of_blocks(_block_pairs(reference, estimate))


def _block_pairs(reference, estimate):
    """Yield pairs of blocks of two open files. Raises EvaluationError where they turn out to differ in length, which
    headers do not always tell."""
    lengths = [0, 0]
    nothing = np.zeros((reference.channels, 0), np.float32)
    for pair in itertools.zip_longest(reference.blocks(), estimate.blocks(), fillvalue=nothing):
        lengths = [length + block.shape[1] for length, block in zip(lengths, pair, strict=True)]
        if lengths[0] == lengths[1]:
            yield pair
    if lengths[0] != lengths[1]:
        expected = f"expected {lengths[0]} samples per channel as in {reference.path}"
        raise EvaluationError(f"{expected}, got {lengths[1]}: {estimate.path}")


def _sdr_summary(songs):
    def summary(values):
        return {"songs": len(values), "mean": statistics.fmean(values), "median": statistics.median(values)}

    return {
        "targets": {
            target: summary([song["sdr"][target] for song in songs.values() if target in song["sdr"]])
            for target in _targets(songs)
        },
        "overall": summary([song["mean"] for song in songs.values()]),
    }


def _bsseval_summary(songs):
    from .bss_eval import METRICS

    targets = {}
    for target in _targets(songs):
        scored = [song["bsseval"][target] for song in songs.values() if target in (song["bsseval"] or ())]
        medians = {metric: _median(score[metric] for score in scored) for metric in METRICS}
        targets[target] = {"songs": len(scored), **medians}
    rows = targets.values()
    overall = {metric: _mean([row[metric] for row in rows]) for metric in METRICS}
    return {"targets": targets, "overall": overall}


def _targets(songs):
    return sorted({target for song in songs.values() for target in song["sdr"]})


def _median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def _mean(values):
    return None if None in values else statistics.fmean(values)
