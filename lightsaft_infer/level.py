"""Chunks at the levels that a network knows from its training.

A network that compresses its input depends on its level: chunks that are much quieter or louder than the music of its
training are separated worse.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .arrays import Network, Planes, concurrency_of

SILENCE = -200.0  # dB of full scale; what is below has no level


class LevelledNetwork:
    """A network whose chunks are brought into a range of levels; its estimates are brought back.

    Parameters
    ----------
    network : Network
    n_fft : int
        Window of the STFT, a Hann window, in samples.
    lowest, highest : float
        The range of the root mean square of a chunk, in dB of full scale. A chunk within it is left as it is. Another
        one gets the nearest level of the range.

    Attributes
    ----------
    concurrency : int
        See `lightsaft_infer.network.OnnxNetwork`.
    """

    def __init__(self, network: Network, *, n_fft: int, lowest: float, highest: float) -> None:
        self._network = network
        self._n_fft = n_fft
        self._range = (lowest, highest)
        self.concurrency = concurrency_of(network)

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        """Estimate targets (see `lightsaft_infer.arrays.Network`)."""
        level = chunk_level(planes, self._n_fft)
        wanted = min(max(level, self._range[0]), self._range[1])
        if wanted == level or level < SILENCE or not math.isfinite(level):
            return self._network(planes, targets)
        gain = np.float32(10 ** ((wanted - level) / 20))
        estimates = self._network(planes * gain, targets)
        # In place, if possible: the estimates of a chunk take some 10 MB.
        scaled: Planes = np.divide(estimates, gain, out=estimates if estimates.flags.writeable else None)
        return scaled


def chunk_level(planes: Planes, n_fft: int) -> float:
    """Return the root mean square of the audio of a spectrum in dB of full scale, -inf for silence.

    Parameters
    ----------
    planes : float32 array, shape (1, 4, frames, bins)
        See `lightsaft_infer.arrays.Network`.
    n_fft : int
        Window of the STFT, a Hann window, in samples.

    Notes
    -----
    By Parseval's theorem the bins of a frame, and those of negative frequencies, have n_fft times the energy of the
    windowed samples. The mean square of a Hann window is 3/8.
    """
    frames = planes.shape[2]
    with np.errstate(over="ignore"):  # of samples far beyond full scale: the level is infinite
        norm = float(np.linalg.norm(planes))
    root = norm / (n_fft * math.sqrt(3 / 8 * frames))  # 2 channels, and 2 signs of frequency
    return 20 * math.log10(root) if root > 0 else -math.inf
