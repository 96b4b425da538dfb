"""Electronic basses: one voice that plays a line, with a patch that is drawn for every part."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pedalboard

from ...arrays import Audio, Floats, Rng
from ..score import SAMPLE_RATE, Note, Part, frequency, silence
from .synth_voices import (
    BAND,
    LOW,
    PULSE,
    SAW,
    TRIANGLE,
    Line,
    at_audio_rate,
    at_drawn_peak,
    board,
    butter,
    chorus,
    oscillate,
    phases,
    saturate,
    sweep,
)

Range = tuple[float, float]


def bass(part: Part, seconds: float, rng: Rng, tempo: float = 120.0) -> Audio:
    """Return audio (2, samples) of a part that an electronic bass plays. The bass is drawn."""
    audio = silence(seconds)
    notes = [note for note in part.notes if note.start < seconds and note.start + note.duration > 0]
    if not notes or not audio.shape[1]:
        return audio
    makers = (_sub, _808, _reese, _filtered, _acid, _fm, _organ, _plucked, _off_beat, _wobble, _legato)
    maker = makers[rng.choice(len(makers), p=np.array([3, 2, 2, 4, 2, 2, 2, 2, 2, 1.5, 3]) / 25.5)]
    sound = maker(notes, audio.shape[1], tempo, rng)
    return at_drawn_peak(_finish(sound, rng), rng)


def _finish(sound: Audio, rng: Rng) -> Audio:
    """Return audio (2, samples) of a bass (samples,): saturation, and at times a little width above the lows."""
    if rng.random() < 0.4:
        sound = saturate(sound, rng.uniform(1, 4))
    audio = np.stack([sound, sound]).astype(np.float32)
    if rng.random() < 0.3:
        wet = chorus(audio, rng.uniform(0.2, 1.5), rng.uniform(0.0005, 0.003), rng.uniform(0.005, 0.012), 0.25)
        wide = butter(wet, rng.uniform(150, 400), "highpass") * rng.uniform(0.1, 0.5)
        audio += np.stack([wide[0], -wide[1]])
    if rng.random() < 0.12:
        audio = board(audio, pedalboard.Reverb(rng.uniform(0.1, 0.4), 0.6, rng.uniform(0.03, 0.12), 0.9, 1.0))
    return audio


def _loudness(
    line: Line,
    rng: Rng,
    attack: Range = (0.002, 0.01),
    decay: Range = (0.1, 0.8),
    sustain: Range = (0.4, 1.0),
    release: Range = (0.01, 0.06),
) -> Floats:
    """Return levels (ticks,) of a line, from an envelope drawn from the ranges, in seconds, and the velocities."""
    envelope = line.envelope(*(rng.uniform(*span) for span in (attack, decay, sustain, release)))
    return envelope * line.velocity ** rng.uniform(0.2, 1.0)


def _saws(
    line: Line,
    samples: int,
    rng: Rng,
    voices: int = 1,
    cents: float = 0.0,
    shape: int = SAW,
    resets: bool = False,
) -> Audio:
    """Return the sum (samples,) of detuned oscillators that follow the pitch of a line."""
    width = np.full(len(line.pitch), rng.uniform(0.15, 0.5))
    if shape == PULSE and rng.random() < 0.4:
        width = 0.5 + rng.uniform(0.1, 0.35) * np.sin(2 * np.pi * rng.uniform(0.1, 2) * line.time)
    hertz, again = frequency(line.pitch), line.resets if resets else line.resets[:0]
    total = np.zeros(samples, np.float32)
    for offset in np.linspace(-cents / 2, cents / 2, voices) if voices > 1 else [0.0]:
        phase = 0.25 if resets else rng.uniform()
        total += oscillate(hertz * 2 ** (offset / 1200), again, samples, phase, shape, width)
    return total / voices**0.5


def _through(sound: Audio, cutoff: Floats, resonance: float, slope: int = 1, mode: int = LOW) -> Audio:
    """Return sound (samples,) behind `slope` filters of 12 dB per octave with the cutoff (ticks,) in Hz."""
    audio = sweep(sound[None], cutoff, resonance, mode)
    return (sweep(audio, cutoff, 0.7, mode) if slope == 2 else audio)[0]


def _sine(line: Line, samples: int, octave: int = 0) -> Audio:
    """Return a sine (samples,) at the pitch of a line, or some octaves above it."""
    return np.sin(phases(frequency(line.pitch + 12 * octave), line.resets, samples))


def _sub(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """A sine or a soft triangle, clean or saturated."""
    line = Line(notes, samples, rng.choice([0, 0.03, 0.08]), legato=bool(rng.random() < 0.4))
    sound = _sine(line, samples)
    if rng.random() < 0.3:
        sound = 0.5 * sound + 0.5 * _saws(line, samples, rng, shape=TRIANGLE, resets=True)
    if rng.random() < 0.3:
        sound += rng.uniform(0.05, 0.4) * _sine(line, samples, 1)
    sound = sound * at_audio_rate(_loudness(line, rng, attack=(0.004, 0.02)), samples)
    return saturate(sound, rng.uniform(1.5, 6)) if rng.random() < 0.6 else sound


def _808(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """The kick of a drum machine as a bass: a sine that drops to its pitch, with a long decay, often distorted."""
    long = [dataclasses.replace(note, duration=max(note.duration, rng.uniform(0.3, 1.0))) for note in notes]
    slides = rng.random(len(notes)) < rng.uniform(0, 0.4)
    line = Line(long, samples, rng.uniform(0.04, 0.2), slides=slides)
    drop = rng.uniform(7, 36) * np.exp(-line.age / rng.uniform(0.006, 0.03))
    sound = np.sin(phases(frequency(line.pitch + drop), line.resets, samples))
    level = _loudness(line, rng, (0.001, 0.004), (0.3, 1.6), (0, 0.1), (0.03, 0.25))
    sound = sound * at_audio_rate(level, samples)
    if rng.random() < 0.75:
        sound = saturate(sound, np.exp(rng.uniform(0.3, 3)))
        sound = butter(sound, rng.uniform(800, 8000), "lowpass", 1)
    return sound


def _reese(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """Detuned saws under a low-pass that moves, often with a phaser and a clean sub."""
    line = Line(notes, samples, rng.choice([0, 0.05, 0.15]), legato=bool(rng.random() < 0.7))
    shape = PULSE if rng.random() < 0.2 else SAW
    sound = _saws(line, samples, rng, int(rng.integers(2, 5)), rng.uniform(12, 60), shape)
    rate, depth = rng.uniform(0.05, 0.8), rng.uniform(0.2, 1.5)
    cutoff = rng.uniform(250, 1800) * 2 ** (depth * np.sin(2 * np.pi * (rate * line.time + rng.uniform())))
    sound = _through(sound, cutoff, rng.uniform(0.6, 2), int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        phaser = pedalboard.Phaser(rng.uniform(0.1, 1), rng.uniform(0.3, 0.9), rng.uniform(300, 1500), 0.3, 0.5)
        sound = board(sound[None], phaser)[0]
    if rng.random() < 0.5:
        sound = butter(sound, 100, "highpass") + rng.uniform(0.4, 1) * _sine(line, samples)
    return sound * at_audio_rate(_loudness(line, rng, sustain=(0.7, 1)), samples)


def _filtered(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """A saw or square, one or two oscillators, and a low-pass with an envelope."""
    line = Line(notes, samples, rng.choice([0, 0, 0.05]))
    shape = (SAW, PULSE)[rng.integers(2)]
    sound = _saws(line, samples, rng, int(rng.integers(1, 3)), rng.uniform(4, 20), shape, bool(rng.random() < 0.5))
    if rng.random() < 0.4:
        line_below = frequency(line.pitch - 12)
        width = np.full(len(line_below), 0.5)
        sound += rng.uniform(0.3, 0.8) * oscillate(line_below, line.resets, samples, 0.0, PULSE, width)
    octaves = rng.uniform(0.5, 5) * line.envelope(0.002, rng.uniform(0.05, 0.4), rng.uniform(0, 0.4), 0.1)
    cutoff = rng.uniform(90, 500) * 2 ** (octaves * line.velocity)
    sound = _through(sound, cutoff, np.exp(rng.uniform(-0.4, 1.2)), int(rng.integers(1, 3)))
    return sound * at_audio_rate(_loudness(line, rng), samples)


def _acid(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """A squelching line: high resonance, accents, slides, a cutoff that moves slowly, distortion."""
    slides = rng.random(len(notes)) < rng.uniform(0.1, 0.5)
    line = Line(notes, samples, rng.uniform(0.04, 0.12), legato=bool(rng.random() < 0.5), slides=slides)
    accents = (rng.random(len(notes)) < 0.3)[line.index]
    sound = _saws(line, samples, rng, shape=(SAW, PULSE)[rng.integers(2)])
    turn = np.sin(2 * np.pi * (line.time * tempo / 240 / rng.choice([4, 8, 16]) + rng.uniform()))
    fall = np.exp(-line.age / np.where(accents, 0.08, rng.uniform(0.1, 0.4)))
    cutoff = rng.uniform(150, 600) * 2 ** (
        rng.uniform(0.3, 1.5) * turn + fall * rng.uniform(1, 4) * (1 + 0.4 * accents)
    )
    sound = _through(sound, cutoff, np.exp(rng.uniform(1.2, 2.5)), int(rng.integers(1, 3)))
    sound = sound * at_audio_rate(_loudness(line, rng, decay=(0.2, 1)) * (0.7 + 0.3 * accents), samples)
    return saturate(sound, rng.uniform(1.5, 8))


def _fm(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """Two sines, one of which modulates the phase of the other."""
    line = Line(notes, samples)
    carrier = phases(frequency(line.pitch), line.resets, samples)
    ratio = float(rng.choice([0.5, 1, 1, 2, 3, 4]))
    modulator = phases(frequency(line.pitch) * ratio, line.resets, samples)
    index = rng.uniform(0.5, 6) * line.envelope(0.001, rng.uniform(0.03, 0.4), rng.uniform(0, 0.5), 0.1)
    sound = np.sin(carrier + at_audio_rate(index * line.velocity, samples) * np.sin(modulator))
    return sound * at_audio_rate(_loudness(line, rng), samples)


def _organ(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """House organ and donk: a few sine partials with a hard, fast attack."""
    line = Line(notes, samples)
    sound, ratios = np.zeros(samples, np.float32), (1, 2, 3, 4, 6, 8)
    for ratio, level in zip(ratios, rng.uniform(0.1, 1, 6) / np.array([1, 1.2, 2.5, 2.5, 5, 8]), strict=True):
        decay = line.envelope(0.001, rng.uniform(0.05, 0.4), rng.uniform(0, 0.6), 0.05)
        sound += at_audio_rate(decay * level, samples) * np.sin(
            phases(frequency(line.pitch) * ratio, line.resets, samples)
        )
    click = rng.uniform(0, 2) * np.exp(-line.age / rng.uniform(0.004, 0.02))
    sound += at_audio_rate(click, samples) * np.sin(phases(frequency(line.pitch) * 5.0, line.resets, samples))
    return sound * at_audio_rate(_loudness(line, rng, (0.001, 0.004), (0.08, 0.5), (0, 0.6)), samples)


def _plucked(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """A short pluck of deep house: a dark saw or pulse, whose filter closes at once, over a sine."""
    line = Line(notes, samples)
    sound = _saws(line, samples, rng, shape=(SAW, PULSE, TRIANGLE)[rng.integers(3)], resets=True)
    fall = np.exp(-line.age / rng.uniform(0.02, 0.12))
    sound = _through(sound, rng.uniform(80, 250) * 2 ** (rng.uniform(2, 5) * fall), rng.uniform(0.6, 3), 2)
    sound += rng.uniform(0, 0.8) * _sine(line, samples)
    return sound * at_audio_rate(_loudness(line, rng, (0.001, 0.005), (0.08, 0.35), (0, 0.2)), samples)


def _off_beat(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """Trance: bright saws between the kicks, often with the octave below."""
    line = Line(notes, samples)
    sound = _saws(line, samples, rng, int(rng.integers(1, 4)), rng.uniform(5, 25))
    sound += rng.uniform(0.2, 1) * _sine(line, samples)
    gate = 0.5 * 60 / tempo * rng.uniform(0.4, 1)
    cutoff = rng.uniform(400, 3000) * 2 ** (rng.uniform(0, 2) * np.exp(-line.age / rng.uniform(0.03, 0.15)))
    sound = _through(sound, cutoff, rng.uniform(0.6, 2.5), 2)
    level = _loudness(line, rng, (0.001, 0.006), (0.2, 1), (0.4, 1)) * np.clip((gate - line.age) / 0.02, 0.15, 1)
    return sound * at_audio_rate(level, samples)


def _wobble(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """Dubstep and bass house: a filter that swings in tempo, distortion, and a steady sub."""
    line = Line(notes, samples, rng.choice([0, 0.1]), legato=True)
    sound = _saws(line, samples, rng, int(rng.integers(2, 4)), rng.uniform(5, 40), (SAW, PULSE)[rng.integers(2)])
    speeds = rng.choice([1, 1.5, 2, 3, 4], size=len(notes))[line.index]
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * line.age * tempo / 60 * speeds)
    cutoff = rng.uniform(80, 250) * 2 ** (rng.uniform(2.5, 5) * swing ** rng.uniform(0.6, 2))
    sound = _through(sound, cutoff, np.exp(rng.uniform(0, 1.6)), int(rng.integers(1, 3)))
    if rng.random() < 0.4:
        sound += rng.uniform(0.3, 1) * _through(sound, rng.uniform(300, 900) * (1 + swing), 4.0, mode=BAND)
    sound = butter(saturate(sound, rng.uniform(1.5, 8)), 90, "highpass") + rng.uniform(0.3, 0.8) * _sine(line, samples)
    return sound * at_audio_rate(_loudness(line, rng, sustain=(0.8, 1)), samples)


def _legato(notes: Sequence[Note], samples: int, tempo: float, rng: Rng) -> Audio:
    """A mono synthesiser of the analogue kind: mixed oscillators, a mild low-pass, portamento, a little drift."""
    line = Line(notes, samples, rng.uniform(0.02, 0.15), legato=True)
    drift = np.interp(line.time, np.arange(0, samples / SAMPLE_RATE + 2, 0.5), _walk(samples, rng))
    line.pitch = line.pitch + drift
    sound = _saws(line, samples, rng) + rng.uniform(0, 1) * _saws(line, samples, rng, shape=PULSE)
    sound += rng.uniform(0, 0.8) * _sine(line, samples, int(rng.integers(-1, 1)))
    octaves = rng.uniform(0, 3) * line.envelope(rng.uniform(0.002, 0.05), rng.uniform(0.1, 0.8), 0.3, 0.1)
    cutoff = np.minimum(rng.uniform(150, 900) * 2**octaves, 9000)
    sound = _through(sound, cutoff, rng.uniform(0.6, 2.5), 2)
    return sound * at_audio_rate(_loudness(line, rng, (0.003, 0.03), (0.2, 1), (0.6, 1), (0.02, 0.15)), samples)


def _walk(samples: int, rng: Rng) -> Floats:
    """Return semitones that wander by a few cents: one for every half second, long enough for the samples."""
    count = len(np.arange(0, samples / SAMPLE_RATE + 2, 0.5))
    return np.convolve(rng.normal(0, 0.04, count + 3), np.ones(4) / 4, "valid")
