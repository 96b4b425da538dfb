"""BSS Eval v4 by museval (Stöter, Liutkus and Ito, 2018), for comparison with papers on MUSDB18. Only this module
imports museval, which the extra `eval` installs.

museval takes audio (targets, samples, channels).
"""

import contextlib
import importlib.metadata

import numpy as np

from ..audio import AudioReader
from ..errors import EvaluationError

METRICS = ("SDR", "ISR", "SIR", "SAR")
WINDOW = 1.0  # seconds; frames and their hops, museval's default


def load_museval():
    """The package and its version (str). Raises EvaluationError where it is not installed or cannot be imported."""
    try:
        import museval
    except (ImportError, RuntimeError) as error:  # RuntimeError: its reader of MUSDB18 looks for ffmpeg when imported
        raise EvaluationError(f"BSS Eval needs museval (pip install 'lightsaft[eval]') and ffmpeg: {error}") from error
    return museval, importlib.metadata.version("museval")


def bss_eval(pairs):
    """BSS Eval v4 of one song, which is held in memory.

    pairs : {target: (path of the reference, path of the estimate)}; all of these are the sources that interfere

    Returns ({target: {"SDR": dB, "ISR": dB, "SIR": dB, "SAR": dB}}, None): for each the median over the frames of 1 s
    where museval gives a finite value, None where there are none, as it does (an estimate equal to its reference).
    Where BSS Eval is not defined, (None, why): a stem is silent throughout, or there is only one.

    Raises AudioError, or EvaluationError where the stems differ in form or museval is missing.
    """
    museval, _ = load_museval()
    if len(pairs) < 2:
        return None, f"expected two targets or more, got {', '.join(pairs)}"
    sample_rate, references = _read([reference for reference, _ in pairs.values()])
    _, estimates = _read([estimate for _, estimate in pairs.values()])
    for name, stems in (("reference", references), ("estimate", estimates)):
        for target, stem in zip(pairs, stems, strict=True):
            if not stem.sum(axis=1).any():  # as museval has it: -1 left and 1 right are silent, too
                return None, f"the {name} of {target} is silent (its channels sum to zero)"
    window = int(WINDOW * sample_rate)
    with _numpy_as_museval_knows_it(), np.errstate(divide="ignore"):
        values = museval.evaluate(references, estimates, win=window, hop=window, padding=False)
    scores = {}
    for target, *frames in zip(pairs, *values, strict=True):
        scores[target] = {metric: _median(row) for metric, row in zip(METRICS, frames, strict=True)}
    return scores, None


def _read(paths):
    """Sample rate and float32 (files, samples, channels) of files of one form."""
    stems = []
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


def _median(frames):
    """Median of the finite values: museval takes infinity for missing."""
    finite = frames[np.isfinite(frames)]
    return float(np.median(finite)) if finite.size else None


@contextlib.contextmanager
def _numpy_as_museval_knows_it():
    """museval 0.4.1 catches `numpy.linalg.linalg.LinAlgError`, a name that numpy 2.4 no longer has, and then solves by
    least squares: references that depend on each other (one channel twice) would end in an AttributeError."""
    there = "linalg" in vars(np.linalg)
    if not there:
        np.linalg.linalg = np.linalg
    try:
        yield
    finally:
        if not there:
            del np.linalg.linalg
