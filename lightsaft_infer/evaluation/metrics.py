"""Scores of single stems, in dB. Audio is floating point (channels, samples), full scale 1.0."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import to_array
from ..errors import ArgumentError, EvaluationError

EPSILON = 1e-15  # relative to the energy of the estimate, so that SI-SDR is finite


def sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Compute the signal-to-distortion ratio of a stem, as the Music Demixing Challenge does for a song.

    Parameters
    ----------
    reference, estimate : array of float, shape (channels, samples)
        The true and the separated stem, full scale 1.0.

    Returns
    -------
    float
        SDR in dB. More is better.

    Raises
    ------
    EvaluationError
        If the shapes differ.
    ArgumentError
        If an argument is not an array of real numbers.

    Notes
    -----
    SDR = 10 log10((sum reference^2 + 1e-7) / (sum (reference - estimate)^2 + 1e-7)), with sums over channels and
    samples.

    References
    ----------
    Y. Mitsufuji et al., "Music Demixing Challenge 2021", 2021.

    Examples
    --------
    An error of a tenth of the reference:

    >>> import numpy as np
    >>> from lightsaft_infer import sdr
    >>> reference = np.sin(np.arange(2000)).reshape(2, 1000)
    >>> round(sdr(reference, 0.9 * reference), 3)
    20.0
    """
    return sdr_of_blocks([(reference, estimate)])


def sdr_of_blocks(blocks: Iterable[tuple[ArrayLike, ArrayLike]]) -> float:
    """Compute the SDR of a stem that comes in blocks. One pair of blocks is held in memory at a time.

    Parameters
    ----------
    blocks : iterable of (array, array)
        Blocks of the reference and of the estimate, shape (channels, samples).

    Returns
    -------
    float
        SDR in dB (see `sdr`).

    Raises
    ------
    EvaluationError
        If the shapes of a pair differ.
    ArgumentError
        If a block is not an array of real numbers.
    """
    signal = distortion = 0.0
    for pair in blocks:
        reference, estimate = _checked(*pair)
        signal += float(np.sum(reference**2))
        distortion += float(np.sum((reference - estimate) ** 2))
    return sdr_of_energies(signal, distortion)


def sdr_of_energies(signal: float, distortion: float) -> float:
    """Compute the SDR of a stem from its energies.

    Parameters
    ----------
    signal : float
        The sum of reference^2 over channels and samples.
    distortion : float
        The sum of (reference - estimate)^2.

    Returns
    -------
    float
        SDR in dB (see `sdr`).
    """
    return float(10 * np.log10((signal + 1e-7) / (distortion + 1e-7)))


def si_sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Compute the scale-invariant SDR of a stem.

    The reference is first scaled to come nearest to the estimate. A stem with a wrong level therefore loses nothing.

    Parameters
    ----------
    reference, estimate : array of float, shape (channels, samples)
        The true and the separated stem, full scale 1.0.

    Returns
    -------
    float
        SI-SDR in dB. More is better.

    Raises
    ------
    EvaluationError
        If the shapes differ.
    ArgumentError
        If an argument is not an array of real numbers.

    Notes
    -----
    SI-SDR = 10 log10((sum s^2 + 1e-15) / (sum (s - e)^2 + 1e-15)). The estimate e is divided by its norm, s is the
    projection of e onto the reference. Sums go over channels and samples. The mean is not removed. A perfect estimate
    has 150 dB, a silent reference gives -150 dB, and a silent estimate 0 dB.

    References
    ----------
    J. Le Roux et al., "SDR - half-baked or well done?", 2019.

    Examples
    --------
    An error of a tenth of the reference, in a stem at half the level:

    >>> import numpy as np
    >>> from lightsaft_infer import si_sdr
    >>> reference, error = np.eye(2, 1000), np.eye(2, 1000, k=1)
    >>> round(si_sdr(reference, 0.5 * (reference + 0.1 * error)), 3)
    20.0
    """
    reference, estimate = (_normalised(array) for array in _checked(reference, estimate))
    scaled = np.sum(reference * estimate) * reference
    signal, distortion = np.sum(scaled**2), np.sum((scaled - estimate) ** 2)
    return float(10 * np.log10((signal + EPSILON) / (distortion + EPSILON)))


def _normalised(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """An array divided by its Euclidean norm. Silence stays silence."""
    norm = np.linalg.norm(array)
    return array / norm if norm else array


def _checked(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    reference, estimate = _array(reference, "the reference"), _array(estimate, "the estimate")
    if reference.shape != estimate.shape:
        raise EvaluationError(f"expected an estimate of shape {reference.shape}, got {estimate.shape}")
    return reference, estimate


def _array(audio: ArrayLike, what: str) -> NDArray[np.float64]:
    array = to_array(audio, f"{what} as an array (channels, samples)")
    if array.dtype.kind not in "fiu":
        raise ArgumentError(f"expected {what} as an array of real numbers, got {array.dtype} {array.shape}")
    return array.astype(np.float64, copy=False)
