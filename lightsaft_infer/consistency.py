"""Mixture consistency: estimates that sum to the mixture."""

import numpy as np

from .arrays import Spectrum
from .errors import ArgumentError


def mixture_consistency(mixture: Spectrum, estimates: Spectrum) -> Spectrum:
    """Correct estimates so that they sum to the mixture in every bin of the spectrogram.

    The difference between the mixture and the sum of the estimates is added to the estimates in proportion to their
    magnitudes, or in equal parts if all of them are zero. This is the projection of Wisdom et al. [1]_, with weights
    that follow the magnitudes of the estimates bin by bin.

    Parameters
    ----------
    mixture : complex64 array, shape (channels, frames, bins)
    estimates : complex64 array, shape (targets, channels, frames, bins)
        At least one target. They are not changed.

    Returns
    -------
    complex64 array, shape (targets, channels, frames, bins)

    Raises
    ------
    ArgumentError
        If the shapes do not fit.

    References
    ----------
    .. [1] S. Wisdom et al., "Differentiable consistency constraints for improved deep speech enhancement", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from lightsaft_infer.consistency import mixture_consistency
    >>> mixture = np.full((1, 1, 1), 4, np.complex64)
    >>> estimates = np.array([2, 1], np.complex64).reshape(2, 1, 1, 1)
    >>> mixture_consistency(mixture, estimates).real.ravel().astype(float).round(3).tolist()
    [2.667, 1.333]
    """
    if np.shape(estimates)[1:] != np.shape(mixture) or not np.shape(estimates)[:1] or not np.shape(estimates)[0]:
        expected = f"expected estimates of shape (targets, {', '.join(map(str, np.shape(mixture)))})"
        raise ArgumentError(f"{expected}, got {np.shape(estimates)}")
    weights = np.abs(estimates)
    total = weights.sum(axis=0)
    silent = total == 0
    total[silent] = len(estimates)
    weights[:, silent] = 1
    weights /= total
    residual = mixture - estimates.sum(axis=0)
    corrected: Spectrum = estimates + weights * residual
    return corrected
