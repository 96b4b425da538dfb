"""BSS Eval v4 by museval (Stöter, Liutkus and Ito, 2018), for comparison with papers on MUSDB18. Only this module
imports museval, which the extra `eval` installs.

museval takes audio (targets, samples, channels).
"""

import contextlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import AnyPath
from ..audio import AudioReader
from ..errors import ArgumentError, EvaluationError
from .results import BssEvalScores

METRICS = ("SDR", "ISR", "SIR", "SAR")
WINDOW = 1.0  # seconds; the length of frames and of their hops, museval's default


class BssEval(NamedTuple):
    """BSS Eval of a song: the scores of each target, or None and the reason that they are not defined."""

    scores: dict[str, BssEvalScores] | None
    undefined: str | None


def load_museval() -> ModuleType:
    """Import museval. Raises EvaluationError if it is not installed or cannot be imported."""
    try:
        import museval
    except (ImportError, RuntimeError) as error:  # RuntimeError: its reader of MUSDB18 looks for ffmpeg when imported
        raise EvaluationError(f"BSS Eval needs museval (pip install 'lightsaft[eval]') and ffmpeg: {error}") from error
    module: ModuleType = museval
    return module


def museval_version() -> str:
    """Return the version of museval, which must be installed."""
    return importlib.metadata.version("museval")


def bss_eval(pairs: Mapping[str, tuple[AnyPath, AnyPath | None]]) -> BssEval:
    """Compute BSS Eval v4 of one song, which is held in memory.

    Parameters
    ----------
    pairs : dict of str to (path, path)
        The files of the reference and of the estimate of each target. The reference of each target is interference for
        the others. A target whose estimate is None is only that, and gets no scores.

    Returns
    -------
    BssEval
        A tuple ``(scores, undefined)``. For each target, ``scores`` has ``SDR``, ``ISR``, ``SIR`` and ``SAR`` in dB.
        Each is the median over the frames of 1 s in which museval gives a finite value. It is None if there are none,
        as for an estimate that equals its reference. If BSS Eval is not defined, because a stem that is scored is
        silent throughout or there is only one stem, ``scores`` is None and ``undefined`` is the reason. Otherwise
        ``undefined`` is None.

    Raises
    ------
    AudioError
        If a file cannot be read.
    EvaluationError
        If the files differ in sample rate, length or channels, or museval is missing.
    ArgumentError
        If `pairs` is not a dict of pairs.

    Examples
    --------
    ::

        from lightsaft_infer.evaluation import bss_eval

        pairs = {name: (f"true/{name}.wav", f"separated/{name}.wav") for name in ("vocals", "drums", "bass")}
        scores, undefined = bss_eval(pairs)
        print(undefined or scores["vocals"]["SDR"])
    """
    if not isinstance(pairs, Mapping) or not all(map(_is_pair, pairs.values())):
        raise ArgumentError(f"expected a dict of targets to pairs (reference, estimate), got {pairs!r}")
    museval = load_museval()
    too_few = BssEval(None, f"expected two targets or more, got {', '.join(map(str, pairs)) or 'none'}")
    if len(pairs) < 2:
        return too_few
    targets = list(pairs)
    scored = [index for index, (_, estimate) in enumerate(pairs.values()) if estimate is not None]
    files = [reference for reference, _ in pairs.values()]
    files += [estimate for _, estimate in pairs.values() if estimate is not None]
    sample_rate, audio = _read(files)
    references = audio[: len(pairs)]
    estimates = references.copy()  # museval wants an estimate of each reference
    estimates[scored] = audio[len(pairs) :]
    for name, stems in (("reference", references), ("estimate", estimates)):
        for index in scored:
            if _is_silent(stems[index]):
                return BssEval(None, f"the {name} of {targets[index]} is silent (its channels sum to zero)")
    heard = [index for index, reference in enumerate(references) if not _is_silent(reference)]
    if len(heard) < 2:
        return too_few
    window = int(WINDOW * sample_rate)
    with _old_name_of_linalg(), np.errstate(divide="ignore"):
        values = museval.evaluate(references[heard], estimates[heard], win=window, hop=window, padding=False)
    scores = {}
    for index, *frames in zip(heard, *values, strict=True):
        if index in scored:
            scores[targets[index]] = {metric: _median(row) for metric, row in zip(METRICS, frames, strict=True)}
    return BssEval(scores, None)


def _is_silent(stem: NDArray[np.float32]) -> bool:
    """museval's definition: a left channel of -1 and a right one of 1 are silent."""
    return not stem.sum(axis=1).any()


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _read(paths: Sequence[AnyPath]) -> tuple[int, NDArray[np.float32]]:
    """Read files of the same format. Return their sample rate and their audio (files, samples, channels)."""
    stems: list[NDArray[np.float32]] = []
    for path in paths:
        with AudioReader(path) as reader:
            audio = reader.read().T
            form = (reader.sample_rate, *audio.shape)
        if not stems:
            first = form
        if form != first:
            expected = f"expected stems of (sample rate, samples, channels) {first} as in {paths[0]}"
            raise EvaluationError(f"{expected}, got {form}: {path}")
        stems.append(audio)
    return first[0], np.stack(stems)


def _median(frames: NDArray[np.float64]) -> float | None:
    """The median of the finite values: museval uses infinity for a missing value."""
    finite = frames[np.isfinite(frames)]
    return float(np.median(finite)) if finite.size else None


@contextlib.contextmanager
def _old_name_of_linalg() -> Iterator[None]:
    """Give numpy the name `numpy.linalg.linalg` while museval runs.

    museval 0.4.1 catches `numpy.linalg.linalg.LinAlgError` and then solves by least squares. numpy 2.4 does not have
    this name any more. References that depend on each other (one channel twice) would then end in an AttributeError.
    """
    exists = "linalg" in vars(np.linalg)
    if not exists:
        vars(np.linalg)["linalg"] = np.linalg
    try:
        yield
    finally:
        if not exists:
            del vars(np.linalg)["linalg"]
