"""Scores of separated songs against their references: the SDR of the Music Demixing Challenge, and BSS Eval v4.

    from lightsaft_infer.evaluation import evaluate, table

    scores = evaluate("musdb18hq/test", "separated")
    print(table(scores))

All scores are in dB.
"""

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ..arguments import AnyPath
from ..arrays import Audio, Progress
from ..audio import AudioReader
from ..errors import AudioError, EvaluationError
from .metrics import sdr_of_blocks
from .results import (
    BssEvalScores,
    BssEvalSummaries,
    Evaluation,
    FailedSong,
    MissingStem,
    SdrSummaries,
    SdrSummary,
    SongScores,
)
from .song_tree import StemPair, match


def evaluate(
    references: AnyPath,
    estimates: AnyPath,
    *,
    targets: Iterable[str] | None = None,
    allow_missing: bool = False,
    bsseval: bool = False,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a tree of estimated stems against a tree of references.

    A tree has a folder for each song, at any depth, with the file ``<target>.wav``, ``.flac`` or ``.ogg`` for each
    target. Songs match by their path below the tree, stems by their name. Stems in ``<song>/mixture/`` belong to
    ``<song>``. Files are neither cropped nor resampled. The formats of all files are checked before the first song is
    scored.

    Parameters
    ----------
    references, estimates : path
        Folders.
    targets : iterable of str, optional
        Score only these. Default: all that have a reference.
    allow_missing : bool, optional
        Score the stems that exist, instead of raising an error if a reference has no estimate.
    bsseval : bool, optional
        Compute BSS Eval v4 by museval as well (see `bss_eval`), which holds one song in memory. The SDR holds a few
        blocks in memory for any length.
    keep_going : bool, optional
        Score the other songs, instead of raising an error, if a file of a song is damaged. An error is still raised if
        no song can be scored.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of songs.

    Returns
    -------
    dict
        Can be written as JSON. All scores are in dB.

        - ``songs`` has for each song ``sdr``, the SDR of each target, and ``mean``, the mean of these. If BSS Eval was
          computed, ``bsseval`` has for each target ``SDR``, ``ISR``, ``SIR`` and ``SAR``, medians over frames, and
          ``bsseval_undefined`` is None. If it is not defined for the song, ``bsseval`` is None and
          ``bsseval_undefined`` is the reason.
        - ``sdr`` has ``targets``, with ``mean`` and ``median`` over the songs and ``songs``, their number, for each
          target. ``overall`` has the same for the means of the songs.
        - ``bsseval`` is None if BSS Eval was not computed. Otherwise it has ``museval``, the version of museval, and
          ``targets``, with medians over the songs that have a value and ``songs``, the number of songs, for each
          target. ``overall`` has the means of these medians over the targets. A score is None if it has no value.
        - ``failed`` is a list of the songs that could not be scored, each with ``song`` and ``error``.
        - ``missing`` is a list of the references without an estimate, each with ``song`` and ``target``, and with
          ``found`` if there is a file that may be meant, of another format, in other letters or in another folder.
        - ``unreferenced`` is the number of estimates without a reference.

    Raises
    ------
    EvaluationError
        If an estimate is missing or differs from its reference in sample rate, channels or length, or if museval is
        missing.
    AudioError
        If a file is damaged, or has NaN or infinity.
    ArgumentError
        If an argument has the wrong type.

    Examples
    --------
    An error of a tenth of the reference:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer.evaluation import evaluate
    >>> bass = np.sin(np.arange(1000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for tree, gain in (("true", 1), ("separated", 0.9)):
    ...         Path(folder, tree, "song").mkdir(parents=True)
    ...         soundfile.write(Path(folder, tree, "song", "bass.wav"), gain * bass, 44100, subtype="FLOAT")
    ...     scores = evaluate(Path(folder, "true"), Path(folder, "separated"))
    >>> round(scores["songs"]["song"]["sdr"]["bass"], 3)
    20.0
    """
    if bsseval:
        from .bss_eval import load_museval

        load_museval()
    matches = match(references, estimates, targets=targets, allow_missing=allow_missing)
    others = matches.unpaired if bsseval else {}
    for song, pairs in matches.pairs.items():
        _check_headers(pairs, others.get(song, {}), alike=bsseval)
    songs: dict[str, SongScores] = {}
    failed: list[FailedSong] = []
    for done, (song, pairs) in enumerate(matches.pairs.items(), start=1):
        try:
            songs[song] = _song_scores(pairs, others.get(song, {}), bsseval=bsseval)
        except (AudioError, EvaluationError) as error:
            if not keep_going or (done == len(matches.pairs) and not songs):
                raise
            failed.append({"song": song, "error": str(error)})
        if progress is not None:
            progress(done, len(matches.pairs))
    return {
        "songs": songs,
        "sdr": _sdr_summaries(songs),
        "bsseval": _bsseval_summaries(songs) if bsseval else None,
        "failed": failed,
        "missing": [_missing_stem(*stem, matches.found.get(stem)) for stem in matches.missing],
        "unreferenced": matches.unreferenced,
    }


def _check_headers(pairs: Mapping[str, StemPair], others: Mapping[str, Path], *, alike: bool) -> None:
    """Check that each estimate has the format of its reference, and with `alike` that all references of the song,
    also the others, have the same format."""
    first = next(iter(pairs.values())).reference
    for pair in pairs.values():
        _check_files(pair.reference, pair.estimate)
        if alike:
            _check_files(first, pair.reference)
    for other in others.values():
        _check_files(first, other)


def _check_files(expected: Path, got: Path) -> None:
    with AudioReader(expected) as one, AudioReader(got) as other:
        _check_form(one, other)


def _check_form(expected: AudioReader, got: AudioReader) -> None:
    for name, unit in (("sample_rate", "Hz"), ("channels", "channels"), ("samples", "samples per channel")):
        values = getattr(expected, name), getattr(got, name)
        if None not in values and values[0] != values[1]:
            raise EvaluationError(f"expected {values[0]} {unit} as in {expected.path}, got {values[1]}: {got.path}")


def _song_scores(pairs: Mapping[str, StemPair], others: Mapping[str, Path], *, bsseval: bool) -> SongScores:
    """Score the pairs of a song. The others are references that count as interference in BSS Eval."""
    sdr = {target: _sdr(pair) for target, pair in pairs.items()}
    scores: SongScores = {"sdr": sdr, "mean": statistics.fmean(sdr.values())}
    if bsseval:
        from .bss_eval import bss_eval

        scores["bsseval"], scores["bsseval_undefined"] = bss_eval(
            {**pairs, **{target: (reference, None) for target, reference in others.items()}}
        )
    return scores


def _sdr(pair: StemPair) -> float:
    with AudioReader(pair.reference) as reference, AudioReader(pair.estimate) as estimate:
        _check_form(reference, estimate)
        return sdr_of_blocks(_block_pairs(reference, estimate))


def _block_pairs(reference: AudioReader, estimate: AudioReader) -> Iterator[tuple[Audio, Audio]]:
    """Yield pairs of blocks of two open files. Raises EvaluationError if the files differ in length, which their
    headers do not always show."""
    lengths = [0, 0]
    nothing = np.zeros((reference.channels, 0), np.float32)
    for pair in itertools.zip_longest(reference.blocks(), estimate.blocks(), fillvalue=nothing):
        lengths = [length + block.shape[1] for length, block in zip(lengths, pair, strict=True)]
        if lengths[0] == lengths[1]:
            yield pair
    if lengths[0] != lengths[1]:
        expected = f"expected {lengths[0]} samples per channel as in {reference.path}"
        raise EvaluationError(f"{expected}, got {lengths[1]}: {estimate.path}")


def _missing_stem(song: str, target: str, found: str | None) -> MissingStem:
    stem: MissingStem = {"song": song, "target": target}
    return stem if found is None else {**stem, "found": found}


def _sdr_summaries(songs: Mapping[str, SongScores]) -> SdrSummaries:
    def summary(values: list[float]) -> SdrSummary:
        return {"songs": len(values), "mean": statistics.fmean(values), "median": statistics.median(values)}

    return {
        "targets": {
            target: summary([song["sdr"][target] for song in songs.values() if target in song["sdr"]])
            for target in _targets(songs)
        },
        "overall": summary([song["mean"] for song in songs.values()]),
    }


def _bsseval_summaries(songs: Mapping[str, SongScores]) -> BssEvalSummaries:
    from .bss_eval import METRICS, museval_version

    defined = [scores for song in songs.values() if (scores := song["bsseval"]) is not None]
    targets: dict[str, dict[str, float | None]] = {}
    for target in _targets(songs):
        scored = [scores[target] for scores in defined if target in scores]
        medians = {metric: _median(score[metric] for score in scored) for metric in METRICS}
        targets[target] = {"songs": len(scored), **medians}
    overall: BssEvalScores = {metric: _mean([row[metric] for row in targets.values()]) for metric in METRICS}
    return {"museval": museval_version(), "targets": targets, "overall": overall}


def _targets(songs: Mapping[str, SongScores]) -> list[str]:
    return sorted({target for song in songs.values() for target in song["sdr"]})


def _median(scores: Iterable[float | None]) -> float | None:
    values = [score for score in scores if score is not None]
    return statistics.median(values) if values else None


def _mean(scores: list[float | None]) -> float | None:
    values = [score for score in scores if score is not None]
    return statistics.fmean(values) if len(values) == len(scores) else None
