"""Passes of the network over a chunk: their phase rotations, and what takes their place if there is no time for one.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary; estimates are
(1, targets, 4, frames, bins).
"""

import numpy as np

from .arrays import Planes

# The phase of the mixture's spectrum is rotated by these angles in degrees before each pass, and that of the estimates
# rotated back. A separation should not depend on it. The errors of a network do, and their mean is smaller
# (benchmarks/extras.py).
PHASE_ROTATIONS = (0, 90, 45, 135)


def phase_rotated(planes: Planes, degrees: float) -> Planes:
    """Return planes of the spectrum with its phase rotated by an angle."""
    cosine, sine = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    real, imaginary = np.split(planes, 2, axis=-3)
    rotated = np.empty_like(planes)
    rotated[..., :2, :, :] = cosine * real - sine * imaginary
    rotated[..., 2:, :, :] = sine * real + cosine * imaginary
    return rotated


class AverageGains:
    """A cheap estimate of targets, for chunks that get no pass of the network.

    It is the mixture times one gain for each target and frequency bin: the gain that fits the earlier estimates best
    (least squares).

    Parameters
    ----------
    targets : int
        Number of targets.
    gain : float
        The gain of all targets while there are no earlier estimates.
    """

    def __init__(self, targets: int, gain: float) -> None:
        self._whole = np.full(1, 1e-6)
        self._taken = np.full((targets, 1), gain) * self._whole

    def add(self, planes: Planes, estimates: Planes) -> None:
        """Take the estimates of a chunk into account."""
        self._taken = self._taken + np.einsum("tpfb,pfb->tb", estimates[0], planes[0])
        self._whole = self._whole + np.einsum("pfb,pfb->b", planes[0], planes[0])

    def estimates(self, planes: Planes) -> Planes:
        """Return the cheap estimate for a chunk."""
        gains = (self._taken / self._whole).astype(np.float32)
        estimates: Planes = gains[:, np.newaxis, np.newaxis] * planes[:, np.newaxis]
        return estimates
