"""Loudness of audio that comes in blocks, as ITU-R BS.1770-4 defines it.

Audio is float32 (channels, samples), full scale 1.0.
"""

import math

import numpy as np

OFFSET = -0.691  # dB: makes a sine of 997 Hz and full scale on one channel -3.01 LUFS
ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU below the loudness of what passes the absolute gate


class Loudness:
    """Integrated loudness of 1 or 2 channels: K-weighting, then the mean of gated blocks of 400 ms that overlap by
    three quarters. Holds one number per 100 ms."""

    def __init__(self, sample_rate):
        self._filter = k_weighting(sample_rate)
        self._state = None
        self._step = round(sample_rate / 10)
        self._rest = np.empty(0)
        self._powers = []  # mean square of each step of 100 ms, summed over channels

    def add(self, block):
        """Take the next block float32 (channels, samples)."""
        from scipy.signal import sosfilt

        if self._state is None:
            self._state = np.zeros((len(self._filter), block.shape[0], 2))
        weighted, self._state = sosfilt(self._filter, block, axis=1, zi=self._state)
        power = np.concatenate([self._rest, (weighted**2).sum(axis=0)])
        whole = len(power) // self._step * self._step
        self._powers.extend(power[:whole].reshape(-1, self._step).mean(axis=1))
        self._rest = power[whole:]

    def integrated(self):
        """Loudness in LUFS; -inf for silence, and for less than 400 ms."""
        if len(self._powers) < 4:
            return -math.inf
        blocks = np.convolve(self._powers, np.full(4, 0.25), "valid")
        blocks = blocks[_lufs(blocks) > ABSOLUTE_GATE]
        if not len(blocks):
            return -math.inf
        return float(_lufs(blocks[_lufs(blocks) > _lufs(blocks.mean()) + RELATIVE_GATE].mean()))


def k_weighting(sample_rate):
    """Second-order sections (2, 6) of the K-weighting: a high shelf for the head, then a high pass.

    BS.1770 lists coefficients for 48 kHz; these are the analogue filters behind them (De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", 2018), transformed for any rate.
    """
    gain = 10 ** (3.999843853973347 / 20)
    shelf = _sections(sample_rate, 1681.974450955533, 0.7071752369554196, gain, gain**0.4996667741545416, 1)
    return np.array([shelf, _sections(sample_rate, 38.13547087602444, 0.5003270373238773, 1, 0, 0, scale=False)])


def _sections(sample_rate, frequency, q, high, band, low, *, scale=True):
    """A biquad with the gains `high`, `band` and `low`, by the bilinear transform. The standard leaves the numerator
    of its high pass at 1, -2, 1 (`scale` false)."""
    k = math.tan(math.pi * frequency / sample_rate)
    b = np.array([high + band * k / q + low * k * k, 2 * (low * k * k - high), high - band * k / q + low * k * k])
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    return np.concatenate([b / a[0] if scale else b, a / a[0]])


def _lufs(power):
    with np.errstate(divide="ignore"):
        return OFFSET + 10 * np.log10(power)
