"""Mixtures as after mastering: low-passed, limited, clipped. Audio is float32."""

import numpy as np
import scipy.fft

from ..arrays import Audio, Rng
from .songs import SAMPLE_RATE

LIMITER, CLIPPING = 0.25, 0.05  # how often a mixture is limited, and clipped
BAND_LIMITED = 0.25  # mixtures that end far below 22 kHz, as after a lossy codec


def mastered(stems: Audio, rng: Rng, bandwidth: float = np.inf) -> tuple[Audio, Audio]:
    """Return a mixture of stems as mastering leaves it: low-passed, scaled, limited, clipped, each at times.

    The gain of a limiter is applied to the stems too, so that they still sum to the mixture. Clipping changes the
    mixture alone.

    Parameters
    ----------
    stems
        Audio (targets, 2, samples).
    rng
        The generator that the changes are drawn from.
    bandwidth
        Frequency in Hz that nothing is above. Some mixtures end at a lower one.

    Returns
    -------
    float32 array, shape (2, samples)
        The mixture.
    float32 array, shape (targets, 2, samples)
        The stems as they are in the mixture.
    """
    if rng.random() < BAND_LIMITED:
        bandwidth = min(bandwidth, rng.uniform(9000, 17000))
    if bandwidth < SAMPLE_RATE / 2:
        stems = band_limited(stems, bandwidth)
    peak = np.abs(stems.sum(axis=0)).max()
    if rng.random() < LIMITER:
        drive = 10 ** (rng.uniform(2, 9) / 20) / max(peak, 0.25)
        stems = stems * np.float32(drive)
        stems = stems * _limiter_gain(stems.sum(axis=0))
    elif peak > 0.9:
        stems = stems * np.float32(rng.uniform(0.5, 1.0) / peak)
    mixture = stems.sum(axis=0)
    if rng.random() < CLIPPING:
        ceiling = np.abs(mixture).max() * np.float32(rng.uniform(0.5, 0.9))
        mixture = np.clip(mixture, -ceiling, ceiling)
    return mixture, stems


def band_limited(audio: Audio, cutoff: float) -> Audio:
    """Return audio (..., samples) without anything above a frequency in Hz, by its spectrum."""
    spectrum = scipy.fft.rfft(audio)
    spectrum[..., int(cutoff * audio.shape[-1] / SAMPLE_RATE) :] = 0
    return scipy.fft.irfft(spectrum, n=audio.shape[-1])


def _limiter_gain(mixture: Audio, ceiling: float = 0.95, block: int = 64) -> Audio:
    """Return a gain (samples,) that keeps the peaks of blocks below the ceiling, with a release of about 50 ms."""
    envelope = np.abs(mixture).max(axis=0)
    padded = np.pad(envelope, (0, -len(envelope) % block)).reshape(-1, block).max(axis=1)
    release = 0.5 ** (block / (0.05 * SAMPLE_RATE))
    for index in range(1, len(padded)):
        padded[index] = max(padded[index], padded[index - 1] * release)
    ahead = np.maximum(padded, np.append(padded[1:], padded[-1]))
    gain = ceiling / np.maximum(ahead, ceiling)
    return np.interp(np.arange(len(envelope)), (np.arange(len(gain)) + 0.5) * block, gain).astype(np.float32)
