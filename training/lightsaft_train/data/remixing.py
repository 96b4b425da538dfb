"""The changes that remixers make to stems: slices, gates, frozen moments, swells, width. Audio is float32 (2, samples).

The functions do not change their arguments.
"""

import itertools

import numpy as np
import soxr
from pedalboard import Reverb
from scipy.signal import oaconvolve

from ..arrays import Audio, Rng
from .songs import SAMPLE_RATE


def resampled(audio: Audio, speed: float) -> Audio:
    """Return audio that is played `speed` times as fast, and higher in pitch with it."""
    rate = SAMPLE_RATE
    return np.ascontiguousarray(soxr.resample(audio.T, rate * speed, rate, quality="LQ").T)


def chopped(audio: Audio, rng: Rng, samples: int) -> Audio:
    """Return one to three slices of the audio, repeated in a rhythm for `samples` samples, at times at another speed.

    They are as hard and as short as drums; the network must not take them for drums.
    """
    if rng.random() < 0.4:
        audio = resampled(audio, rng.choice([0.5, 0.5, 0.67, 0.75, 1.5]))
    sixteenth = 15 / rng.uniform(80, 175) * SAMPLE_RATE
    slices = [_loud_place(audio, rng) for _ in range(rng.integers(1, 4))]
    if rng.random() < 0.2:
        slices = [falling(piece, rng) for piece in slices]
    onsets = rng.random(rng.choice([8, 16])) < rng.uniform(0.25, 0.7)
    onsets[0] |= not onsets.any()
    hold, release = rng.uniform(0.5, 3) * sixteenth, int(rng.uniform(0.003, 0.06) * SAMPLE_RATE)
    steps = [step for step in range(int(samples / sixteenth) + 1) if onsets[step % len(onsets)]]
    starts = [int(step * sixteenth) for step in steps] + [samples]
    played = np.zeros((2, samples), np.float32)
    for start, stop in itertools.pairwise(starts):
        piece = slices[rng.integers(len(slices))][:, : min(int(hold), stop - start)]
        played[:, start : start + piece.shape[1]] = piece * edges(piece.shape[1], 66, release)
    return played


def falling(audio: Audio, rng: Rng) -> Audio:
    """Return audio that is played fast at first, and at its own speed after a moment: a hit whose pitch falls."""
    time = np.arange(audio.shape[1]) / SAMPLE_RATE
    extra, constant = rng.uniform(0.5, 4), rng.uniform(0.01, 0.08)
    places = (time + extra * constant * (1 - np.exp(-time / constant))) * SAMPLE_RATE
    places = places[places < audio.shape[1] - 1]
    return np.stack([np.interp(places, np.arange(audio.shape[1]), channel) for channel in audio]).astype(np.float32)


def frozen(audio: Audio, rng: Rng) -> Audio:
    """Return the sum of a voice, at times silent, and of a moment of it that sounds on as if it were frozen."""
    moment = _loud_place(audio, rng)[:, : int(rng.uniform(0.1, 0.8) * SAMPLE_RATE)]
    moment = moment * edges(moment.shape[1], 441, 441)
    noise = rng.standard_normal(audio.shape, np.float32)
    drone = oaconvolve(moment, noise, axes=1)[:, : audio.shape[1]].astype(np.float32)
    if rng.random() < 0.5:
        first, last = rng.permutation([rng.uniform(0, 1), 1.0])
        drone *= np.linspace(first, last, audio.shape[1], dtype=np.float32)
    level = np.sqrt(np.mean(np.square(audio)) / (np.mean(np.square(drone)) + 1e-12))
    dry = rng.choice([0, 1], p=[0.4, 0.6])
    return audio * np.float32(dry) + drone * np.float32(level * 10 ** (rng.uniform(-9, 3) / 20))


def swelling(audio: Audio, rng: Rng) -> Audio:
    """Return audio whose reverberation comes before each sound and swells up to it."""
    wet = rng.uniform(0.3, 1)
    reverb = Reverb(rng.uniform(0.6, 0.98), rng.uniform(0.2, 0.8), wet, 1 - wet, 1)
    return np.ascontiguousarray(reverb(np.ascontiguousarray(audio[:, ::-1]), SAMPLE_RATE)[:, ::-1])


def widened(audio: Audio, rng: Rng) -> Audio:
    """Return audio with loud sides: its own, or a late copy of its middle.

    Remixed voices are often so wide. A network that has seen them in the middle only takes wide ones for synthesisers.
    """
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2
    level = np.sqrt(np.mean(np.square(middle)))
    if rng.random() < 0.5 or np.sqrt(np.mean(np.square(side))) < 0.05 * level:
        late = int(rng.uniform(0.006, 0.03) * SAMPLE_RATE)
        side = np.pad(middle, (late, 0))[: len(middle)]
    wanted = level * 10 ** (rng.uniform(-9, 0) / 20)
    side = side * np.float32(wanted / max(np.sqrt(np.mean(np.square(side))), 1e-6))
    return np.stack([middle + side, middle - side])


def gate(rng: Rng, samples: int) -> Audio:
    """Return a gain (samples,) that opens and closes in a rhythm."""
    time = np.arange(samples) / SAMPLE_RATE
    period = rng.uniform(0.1, 0.5)
    phase = (time / period + rng.random()) % 1
    opened = phase < rng.uniform(0.3, 0.8)
    ramp = int(0.004 * SAMPLE_RATE)
    return np.convolve(opened, np.ones(ramp) / ramp, mode="same").astype(np.float32)


def edges(size: int, rise: float, fall: float) -> Audio:
    """Return a gain (size,) that rises from 0 to 1 within `rise` samples and falls to 0 within `fall` at the end."""
    ramps = np.minimum(np.arange(1, size + 1) / rise, np.arange(size, 0, -1) / fall)
    return np.minimum(ramps, 1).astype(np.float32)


def _loud_place(audio: Audio, rng: Rng) -> Audio:
    """Return the audio from the loudest of some drawn places on."""
    window = SAMPLE_RATE // 10
    places = rng.integers(max(1, audio.shape[1] - 4 * window), size=6)
    return audio[:, max(places, key=lambda place: np.square(audio[:, place : place + window]).sum()) :]
