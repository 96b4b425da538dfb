"""Loudness of audio that comes in blocks, as defined by ITU-R BS.1770-4.

Audio is float32 (channels, samples), full scale 1.0.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Audio

Filter = NDArray[np.float64]
"""Second-order sections (sections, 6) as scipy has them, or one section (6,)."""

OFFSET = -0.691  # dB: makes a sine of 997 Hz and full scale on one channel -3.01 LUFS
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU, relative to the loudness of the blocks above the absolute gate


class Loudness:
    """Integrated loudness of 1 or 2 channels.

    K-weighting is followed by the mean of gated blocks of 400 ms that overlap by three quarters. One number is held in
    memory for each 100 ms.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._filter = k_weighting(sample_rate)
        self._state: NDArray[np.float64] | None = None
        self._step = round(sample_rate / 10)
        self._rest = np.empty(0)
        self._powers: list[float] = []  # mean square of each step of 100 ms, summed over channels

    def add(self, block: Audio) -> None:
        """Take the next block (channels, samples)."""
        from scipy.signal import sosfilt

        if self._state is None:
            self._state = np.zeros((len(self._filter), block.shape[0], 2))
        weighted, self._state = sosfilt(self._filter, block, axis=1, zi=self._state)
        power = np.concatenate([self._rest, (weighted**2).sum(axis=0)])
        whole = len(power) // self._step * self._step
        self._powers.extend(power[:whole].reshape(-1, self._step).mean(axis=1))
        self._rest = power[whole:]

    def integrated(self) -> float:
        """Return the loudness in LUFS: -inf for silence, and for less than 400 ms."""
        if len(self._powers) < 4:
            return -math.inf
        blocks = np.convolve(self._powers, np.full(4, 0.25), "valid")
        blocks = blocks[_lufs(blocks) > ABSOLUTE_GATE]
        if not len(blocks):
            return -math.inf
        return float(_lufs(blocks[_lufs(blocks) > _lufs(blocks.mean()) + RELATIVE_GATE].mean()))


def k_weighting(sample_rate: float) -> Filter:
    """Return the K-weighting: a high shelf for the effect of the head, then a high pass.

    Parameters
    ----------
    sample_rate : float
        In Hz.

    Returns
    -------
    array of float, shape (2, 6)
        Second-order sections.

    Notes
    -----
    BS.1770 lists coefficients for 48 kHz. These are the analogue filters behind them, transformed for any rate.

    References
    ----------
    B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", 2018.
    """
    gain = 10 ** (3.999843853973347 / 20)
    shelf = _section(sample_rate, 1681.974450955533, 0.7071752369554196, gain, gain**0.4996667741545416, 1)
    return np.array([shelf, _section(sample_rate, 38.13547087602444, 0.5003270373238773, 1, 0, 0, scale=False)])


def _section(
    sample_rate: float, frequency: float, q: float, high: float, band: float, low: float, *, scale: bool = True
) -> Filter:
    """A biquad with the gains `high`, `band` and `low`, by the bilinear transform.

    The standard leaves the numerator of its high pass at 1, -2, 1 (`scale` false).
    """
    k = math.tan(math.pi * frequency / sample_rate)
    b = np.array([high + band * k / q + low * k * k, 2 * (low * k * k - high), high - band * k / q + low * k * k])
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return np.concatenate([b / a[0] if scale else b, a / a[0]])


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return OFFSET + 10 * np.log10(power)
