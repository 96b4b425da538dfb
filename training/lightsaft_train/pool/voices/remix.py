"""The changes that a remixer makes to a voice: stutters, reversed bars, filter sweeps, other speeds, vocoder chords."""

from collections.abc import Callable

import numpy as np
import scipy.signal
import soxr

from ...arrays import Audio, Rng
from ...data import edges
from ..instruments import HIGH, HOP, LOW, SAW, oscillate, sweep, ticks
from ..score import SAMPLE_RATE, frequency
from .world import climb

REMIXED = 0.35  # the part of the voices that are changed
EDGE = 132  # samples in which a cut piece fades in, and out


def remix(audio: Audio, tempo: float, tonic: int, minor: bool, rng: Rng) -> Audio:
    """Return a voice (2, samples), most often as it was, otherwise changed in one of these ways.

    It is as long as before, and not louder.
    """
    if rng.random() > REMIXED:
        return audio
    ways: tuple[Callable[[], Audio], ...] = (
        lambda: stutter(audio, tempo, rng),
        lambda: reverse_bars(audio, tempo, rng),
        lambda: filter_sweep(audio, tempo, rng),
        lambda: varispeed(audio, rng),
        lambda: vocode(audio, tempo, tonic, minor, rng),
    )
    changed = ways[rng.choice(len(ways), p=[0.25, 0.1, 0.25, 0.2, 0.2])]()
    return changed * np.float32(min(1, np.abs(audio).max() / (np.abs(changed).max() + 1e-9)))


def stutter(audio: Audio, tempo: float, rng: Rng) -> Audio:
    """Repeat a slice of an 8th to a 32nd in some beats."""
    changed, beat, often = audio.copy(), 60 / tempo * SAMPLE_RATE, rng.uniform(0.05, 0.4)
    for start in np.arange(0, audio.shape[1] - beat, beat).astype(int):
        if rng.random() < often:
            size = int(beat * rng.choice([0.125, 0.25, 0.25, 0.5]))
            piece = audio[:, start : start + size] * edges(size, EDGE, EDGE)
            whole = int(beat * rng.choice([1, 1, 2]))
            stretch = changed[:, start : start + whole]
            stretch[...] = np.tile(piece, whole // size + 1)[:, : stretch.shape[1]]
    return changed


def reverse_bars(audio: Audio, tempo: float, rng: Rng) -> Audio:
    """Play some bars or half bars backwards."""
    changed, size = audio.copy(), int(240 / tempo * SAMPLE_RATE * rng.choice([0.5, 1]))
    for start in range(0, audio.shape[1] - size, size):
        if rng.random() < 0.4:
            changed[:, start : start + size] = audio[:, start : start + size][:, ::-1] * edges(size, EDGE, EDGE)
    return changed


def filter_sweep(audio: Audio, tempo: float, rng: Rng) -> Audio:
    """Apply a low-pass or high-pass whose cutoff wanders from bar to bar."""
    bars = np.arange(0, audio.shape[1] / SAMPLE_RATE + 480 / tempo, 240 / tempo * rng.choice([1, 2, 4]))
    low = rng.random() < 0.6
    lowest, highest = np.log((250, 12000) if low else (60, 2500))
    points = rng.uniform(lowest, highest, len(bars))
    time = np.arange(ticks(audio.shape[1])) * HOP / SAMPLE_RATE
    cutoff = np.exp(np.interp(time, bars, points))
    return sweep(np.ascontiguousarray(audio), cutoff, rng.uniform(0.6, 3), LOW if low else HIGH)


def varispeed(audio: Audio, rng: Rng) -> Audio:
    """Play all of it faster and higher, or slower and lower, by up to an octave. Formants move too."""
    speed = 2 ** (rng.choice([-12, -7, -5, -3, 3, 5, 7, 12]) / 12)
    changed = soxr.resample(audio.T, SAMPLE_RATE * speed, SAMPLE_RATE, quality="MQ").T
    if changed.shape[1] < audio.shape[1]:
        changed = np.tile(changed, int(np.ceil(audio.shape[1] / changed.shape[1])))
    return np.ascontiguousarray(changed[:, : audio.shape[1]])


def vocode(audio: Audio, tempo: float, tonic: int, minor: bool, rng: Rng) -> Audio:
    """Apply a channel vocoder: chords of the key, and noise, get the loudness of the voice in 16 to 40 bands."""
    samples, size = audio.shape[1], 1024
    carrier = _chords(samples, tempo, tonic, minor, rng)
    frequencies, _, voice = scipy.signal.stft(audio.mean(axis=0), SAMPLE_RATE, nperseg=size)
    carrier = scipy.signal.stft(carrier, SAMPLE_RATE, nperseg=size)[2]
    centres = np.geomspace(100, 14000, rng.integers(16, 41))
    tents = np.stack([np.interp(np.log(frequencies + 1), np.log(centres), row) for row in np.eye(len(centres))])
    wanted, there = (np.sqrt(tents @ np.abs(x) ** 2 + 1e-12) for x in (voice, carrier))
    changed = scipy.signal.istft(carrier * (tents.T @ (wanted / (there + 1e-4))), SAMPLE_RATE, nperseg=size)[1]
    changed = np.pad(changed, (0, max(0, samples - len(changed))))[:samples]
    dry = rng.choice([0, 0, rng.uniform(0, 0.5)])
    return ((1 - dry) * changed + dry * audio).astype(np.float32)


def _chords(samples: int, tempo: float, tonic: int, minor: bool, rng: Rng) -> Audio:
    """Draw saws of 1 to 4 notes of the key, other notes every bar or two, with a little noise, (samples,)."""
    bars = int(samples / SAMPLE_RATE / (240 / tempo)) + 1
    degrees = rng.choice([0, 2, 4, 7, 9], rng.integers(1, 5), replace=False)
    roots = np.repeat(rng.choice([0, 0, 3, 4, 5, -2], bars), rng.choice([1, 2]))[:bars]
    pitches = climb(np.full((len(degrees), bars), 48 + tonic), degrees[:, None] + roots, tonic, minor)
    bar = np.minimum(np.arange(ticks(samples)) * bars // ticks(samples), bars - 1)
    none, width = np.zeros(0, np.int64), np.full(ticks(samples), 0.5)
    sound = sum(
        oscillate(frequency(row[bar]) * 2 ** (rng.uniform(-8, 8) / 1200), none, samples, rng.random(), SAW, width)
        for row in pitches
    )
    return sound + np.float32(rng.uniform(0.02, 0.2)) * rng.standard_normal(samples).astype(np.float32)
