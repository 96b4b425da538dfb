"""Sounds between the notes: risers, sweeps, impacts, reversed cymbals, noise beds; and side-chain pumping."""

from collections.abc import Sequence

import numpy as np
import pedalboard

from ...arrays import Audio, Floats, Rng
from ..score import SAMPLE_RATE, add, silence
from .synth_voices import BAND, HIGH, HOP, LOW, SAW, at_drawn_peak, board, butter, oscillate, saturate, sweep, ticks


def effects(seconds: float, tempo: float, rng: Rng) -> Audio:
    """Return audio (2, samples) of effects around the phrases of music at `tempo` beats per minute."""
    audio = silence(seconds)
    if not audio.shape[1]:
        return audio
    bar = 240 / tempo
    phrase = bar * int(rng.choice([2, 4, 4, 8]))
    before, after = (_riser, _reversed_cymbal, _noise_sweep, _tonal_riser), (_impact, _down_lifter, _crash)
    for start in np.arange(0, seconds, phrase):
        if rng.random() < 0.75:
            length = bar * float(rng.choice([0.5, 1, 2, 4]))
            sound = before[rng.integers(len(before))](length, rng)
            add(audio, sound * np.float32(rng.uniform(0.3, 1)), start + phrase - length)
        if rng.random() < 0.75:
            length = bar * float(rng.choice([0.5, 1, 2]))
            add(audio, after[rng.integers(len(after))](length, rng) * np.float32(rng.uniform(0.3, 1)), start)
    if rng.random() < 0.3 or not audio.any():
        audio += _bed(audio.shape[1], rng) * np.float32(rng.uniform(0.02, 0.15))
    if rng.random() < 0.6:
        audio = board(audio, pedalboard.Reverb(rng.uniform(0.4, 0.95), 0.5, rng.uniform(0.1, 0.4), 0.8, 1.0))
    return at_drawn_peak(audio, rng)


def duck(audio: Audio, onsets: Sequence[float], rng: Rng) -> Audio:
    """Return audio (2, samples) turned down at the kicks (`onsets`, seconds), as by a side-chained compressor."""
    kicks = np.sort(np.asarray(onsets, float))
    depth, release = 10 ** (-rng.uniform(3, 20) / 20), rng.uniform(0.08, 0.3)
    hold, bend, attack = rng.uniform(0, 0.04), rng.uniform(0.6, 2.5), rng.uniform(0.001, 0.008)
    if not len(kicks):
        return audio.copy()
    time = np.arange(ticks(audio.shape[1]) + 1) * HOP / SAMPLE_RATE
    index = np.searchsorted(kicks, time, "right")
    age = np.where(index > 0, time - kicks[np.maximum(index - 1, 0)], np.inf)
    rise = np.clip((age - hold) / release, 0, 1) ** bend
    until = np.where(index < len(kicks), kicks[np.minimum(index, len(kicks) - 1)] - time, np.inf)
    curve = depth + (1 - depth) * np.minimum(rise, np.clip(until / attack, 0, 1))
    gain = np.interp(np.arange(audio.shape[1]) / SAMPLE_RATE, time, curve)
    return (audio * gain).astype(np.float32)


def _noise(samples: int, rng: Rng) -> Audio:
    """Return noise (2, samples), white or nearly pink, more or less wide."""
    noise = rng.standard_normal((2, samples), np.float32)
    noise[1] += rng.uniform(0, 3) * noise[0]
    noise /= np.abs(noise).max(axis=1, keepdims=True)
    return noise + 4 * butter(noise, 500, "lowpass", 1) if rng.random() < 0.5 else noise


def _peak(sound: Floats) -> Audio:
    """Return a sound at a peak of 1."""
    return (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)


def _moving(samples: int, low: float, high: float, rng: Rng) -> Audio:
    """Return noise (2, samples) behind a filter that moves from `low` to `high` Hz."""
    cutoff = low * (high / low) ** np.linspace(0, 1, ticks(samples)) ** rng.uniform(0.6, 2)
    mode = (LOW, BAND, BAND, HIGH)[rng.integers(4)]
    return sweep(_noise(samples, rng), cutoff, np.exp(rng.uniform(-0.3, 1.8)), mode)


def _riser(seconds: float, rng: Rng) -> Audio:
    """Noise that rises in pitch and loudness."""
    samples = round(seconds * SAMPLE_RATE)
    sound = _moving(samples, rng.uniform(100, 600), rng.uniform(4000, 15000), rng)
    return _peak(sound * np.linspace(0, 1, samples) ** rng.uniform(0.7, 3))


def _down_lifter(seconds: float, rng: Rng) -> Audio:
    """Noise that falls in pitch and loudness."""
    samples = round(seconds * SAMPLE_RATE)
    sound = _moving(samples, rng.uniform(4000, 15000), rng.uniform(80, 500), rng)
    return _peak(sound * np.linspace(1, 0, samples) ** rng.uniform(0.7, 3))


def _noise_sweep(seconds: float, rng: Rng) -> Audio:
    """Noise whose filter goes up and down, once or in a few swings."""
    samples = round(seconds * SAMPLE_RATE)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * int(rng.integers(1, 5)) * np.linspace(0, 1, ticks(samples)))
    sound = sweep(_noise(samples, rng), rng.uniform(200, 800) * 2 ** (swing * rng.uniform(2, 5)), 3.0, BAND)
    return _peak(sound * np.sin(np.pi * np.linspace(0, 1, samples)) ** 0.5)


def _tonal_riser(seconds: float, rng: Rng) -> Audio:
    """Detuned saws whose pitch climbs by an octave or more."""
    samples = round(seconds * SAMPLE_RATE)
    climb = np.linspace(0, 1, ticks(samples)) ** rng.uniform(0.7, 2) * rng.uniform(1, 3)
    hertz = rng.uniform(80, 300) * 2**climb
    voices = [
        oscillate(hertz * rng.uniform(0.985, 1.015), np.zeros(0, np.int64), samples, rng.uniform(), SAW, hertz)
        for _ in range(4)
    ]
    sound = np.stack([voices[0] + voices[1], voices[2] + voices[3]])
    return _peak(sweep(sound, hertz * rng.uniform(2, 10), 1.0, LOW) * np.linspace(0, 1, samples) ** 1.5)


def _impact(seconds: float, rng: Rng) -> Audio:
    """A low boom with a burst of noise and a long tail."""
    time = np.arange(round(max(seconds, 1.0) * SAMPLE_RATE)) / SAMPLE_RATE
    fall = rng.uniform(0.05, 0.3)
    end, start = rng.uniform(28, 50), rng.uniform(80, 250)
    boom = np.sin(2 * np.pi * (end * time + (start - end) * fall * (1 - np.exp(-time / fall))))
    noise = butter(_noise(len(time), rng), rng.uniform(500, 6000), "lowpass") * np.exp(-time / rng.uniform(0.05, 0.4))
    sound = boom * np.exp(-time / rng.uniform(0.2, 0.8)) + rng.uniform(0.3, 2) * noise
    return _peak(saturate(sound * np.minimum(1, (time[-1] - time) / 0.05), rng.uniform(1, 4)))


def _crash(seconds: float, rng: Rng) -> Audio:
    """A cymbal of noise."""
    samples = round(max(seconds, 1.0) * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    noise = butter(_noise(samples, rng), rng.uniform(1500, 6000), "highpass")
    fall = np.exp(-time / (time[-1] * rng.uniform(0.12, 0.25)))
    return _peak(noise * fall * np.minimum(1, (time[-1] - time) / 0.05))


def _reversed_cymbal(seconds: float, rng: Rng) -> Audio:
    """A cymbal that is played backwards, and ends at once."""
    return _crash(seconds, rng)[:, ::-1]


def _bed(samples: int, rng: Rng) -> Audio:
    """Vinyl: hiss, rumble and crackle throughout the piece, at a peak of 1."""
    hiss = butter(_noise(samples, rng), [rng.uniform(100, 800), rng.uniform(5000, 12000)], "bandpass", 1)
    crackle = np.zeros((2, samples), np.float32)
    count = int(samples / SAMPLE_RATE * rng.uniform(2, 30)) + 1
    crackle[:, rng.integers(0, samples, count)] = rng.normal(0, 1, count) ** 3
    crackle = butter(crackle, [800, rng.uniform(4000, 10000)], "bandpass", 1)
    return _peak(_peak(hiss) * rng.uniform(0.1, 1) + _peak(crackle))
