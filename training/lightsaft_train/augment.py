"""Random changes of stems, and of the mixture that they make. Audio is float32 (2, samples).

Arguments are left as they are.
"""

import numpy as np
import soxr
from pedalboard import (
    Compressor,
    Distortion,
    HighpassFilter,
    HighShelfFilter,
    LowpassFilter,
    LowShelfFilter,
    PeakFilter,
    Pedalboard,
    PitchShift,
    Reverb,
)

from .tracks import SAMPLE_RATE

# How often each change is made.
SPEED, PITCH = 0.25, 0.02
FILTER, SATURATION, COMPRESSION, REVERB = 0.3, 0.08, 0.1, 0.1
SWAP, POLARITY, PAN, WIDTH = 0.5, 0.5, 0.3, 0.2
LIMITER, CLIPPING = 0.25, 0.05
DEEP = 0.2  # basses of which only the lowest partials are left


def augmented(audio, rng, samples, target=None):
    """The first `samples` of a target's stem changed at random; speed and pitch only if it has more than that."""
    if audio.shape[1] > samples:
        if rng.random() < SPEED:
            audio = resampled(audio, 2 ** (rng.uniform(-5, 5) / 12))
        elif rng.random() < PITCH:
            audio = PitchShift(semitones=rng.uniform(-4, 4))(audio, SAMPLE_RATE)
    audio = audio[:, :samples]
    board = effects(rng)
    if target == "bass" and rng.random() < DEEP:
        cutoff = np.exp(rng.uniform(np.log(60), np.log(300)))
        for _ in range(3):
            board.append(LowpassFilter(cutoff))
    if len(board):
        audio = board(audio, SAMPLE_RATE)
    return imaged(audio, rng)


def resampled(audio, speed):
    """Played faster by `speed`, and higher with it."""
    rate = SAMPLE_RATE
    return np.ascontiguousarray(soxr.resample(audio.T, rate * speed, rate, quality="LQ").T)


def effects(rng):
    """A chain of filters, saturation, compression and reverberation, empty more often than not."""
    board = Pedalboard()
    if rng.random() < FILTER:
        for _ in range(rng.integers(1, 3)):
            board.append(_filter(rng))
    if rng.random() < SATURATION:
        board.append(Distortion(drive_db=rng.uniform(3, 18)))
    if rng.random() < COMPRESSION:
        board.append(Compressor(rng.uniform(-35, -15), rng.uniform(2, 8), rng.uniform(0.5, 30), rng.uniform(40, 300)))
    if rng.random() < REVERB:
        wet = rng.uniform(0.05, 0.35)
        board.append(Reverb(rng.uniform(0.1, 0.9), rng.uniform(0.2, 0.8), wet, 1 - wet, rng.uniform(0.4, 1)))
    return board


def _filter(rng):
    kind = rng.integers(5)
    gain = rng.uniform(-9, 6)
    if kind == 0:
        return LowShelfFilter(rng.uniform(80, 400), gain)
    if kind == 1:
        return HighShelfFilter(rng.uniform(2000, 10000), gain)
    if kind == 2:
        return PeakFilter(np.exp(rng.uniform(np.log(150), np.log(8000))), gain, rng.uniform(0.5, 2))
    if kind == 3:
        return HighpassFilter(np.exp(rng.uniform(np.log(30), np.log(250))))
    return LowpassFilter(np.exp(rng.uniform(np.log(2500), np.log(16000))))


def imaged(audio, rng):
    """Channels swapped, polarity turned, width and position changed."""
    if rng.random() < SWAP:
        audio = audio[::-1]
    if rng.random() < POLARITY:
        audio = -audio
    if rng.random() < WIDTH:
        middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2 * np.float32(rng.uniform(0, 1.5))
        audio = np.stack([middle + side, middle - side])
    if rng.random() < PAN:
        angle = np.pi / 4 * (1 + rng.uniform(-0.6, 0.6))
        audio = audio * np.sqrt(2).astype(np.float32) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    return audio


def limited(stems, rng):
    """The mixture (2, samples) of stems (targets, 2, samples), and the stems as they are in it.

    The level of all is drawn. A limiter's gain is applied to the stems too, which still sum to the mixture; clipping
    changes the mixture alone.
    """
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


def _limiter_gain(mixture, ceiling=0.95, block=64):
    """Gain (samples,) that keeps blocks' peaks under the ceiling, with a release of some 50 ms."""
    envelope = np.abs(mixture).max(axis=0)
    padded = np.pad(envelope, (0, -len(envelope) % block)).reshape(-1, block).max(axis=1)
    release = 0.5 ** (block / (0.05 * SAMPLE_RATE))
    for index in range(1, len(padded)):
        padded[index] = max(padded[index], padded[index - 1] * release)
    ahead = np.maximum(padded, np.append(padded[1:], padded[-1]))
    gain = ceiling / np.maximum(ahead, ceiling)
    return np.interp(np.arange(len(envelope)), (np.arange(len(gain)) + 0.5) * block, gain).astype(np.float32)
