"""Synthesisers for all parts but bass and drums, with a patch that is drawn for every part.

`bass`, `drums`, `effects` and `duck` are those of the neighbouring modules.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import pedalboard

from ...arrays import Audio, Floats, Rng
from ..levels_and_pan import pan_gains
from ..score import SAMPLE_RATE, Note, Part, add, frequency, silence
from .synth_bass import bass
from .synth_drums import drums
from .synth_effects import duck, effects
from .synth_voices import (
    HOP,
    LOOP,
    LOW,
    PULSE,
    SAW,
    SYNC,
    Line,
    at_audio_rate,
    at_drawn_peak,
    board,
    butter,
    chorus,
    cut,
    oscillate,
    ping_pong,
    saturate,
    sweep,
    ticks,
    unison,
)

__all__ = ["bass", "drums", "duck", "effects", "other"]

# Ranges of attack, decay and release in seconds, of the sustained level and of the filter's envelope in octaves.
ENVELOPES = {
    "pad": ((0.1, 1.2), (0.5, 3), (0.3, 1.5), (0.6, 1), (0, 2)),
    "pluck": ((0.001, 0.006), (0.05, 0.35), (0.03, 0.3), (0, 0.2), (2, 5.5)),
    "arpeggio": ((0.001, 0.01), (0.06, 0.5), (0.02, 0.3), (0, 0.5), (0.5, 4)),
    "lead": ((0.002, 0.05), (0.1, 1), (0.03, 0.3), (0.4, 1), (0, 2)),
    "chords": ((0.001, 0.02), (0.1, 0.7), (0.02, 0.3), (0, 0.8), (0, 4)),
    "riff": ((0.001, 0.02), (0.08, 0.6), (0.02, 0.15), (0.1, 0.9), (0, 4)),
}


@dataclasses.dataclass(frozen=True)
class Patch:
    """A polyphonic sound.

    Parameters
    ----------
    amplitudes
        Of the harmonics of the waveform.
    ratios, gains
        Frequencies (voices,) and gains (2, voices) of the voices in unison.
    attack, decay, sustain, release
        The envelope; times in seconds.
    cutoff
        Of the filter at rest, in Hz; None: no filter.
    octaves, fall
        The envelope of the filter: octaves above the cutoff, and its time constant in seconds.
    resonance, slope
        Q of the filter, and the number of filters of 12 dB per octave.
    touch
        How much velocity changes the level.
    """

    amplitudes: Floats
    ratios: Floats
    gains: Floats
    attack: float
    decay: float
    sustain: float
    release: float
    cutoff: float | None
    octaves: float
    fall: float
    resonance: float
    slope: int
    touch: float


def other(part: Part, seconds: float, rng: Rng, tempo: float = 120.0) -> Audio:
    """Return audio (2, samples) of a part that a synthesiser plays. The synthesiser is drawn, by the part's style."""
    audio = silence(seconds)
    notes = [note for note in part.notes if note.start < seconds and note.start + note.duration > 0]
    if not notes or not audio.shape[1]:
        return audio
    style = part.style if part.style in ENVELOPES else list(ENVELOPES)[rng.integers(len(ENVELOPES))]
    notes.sort(key=lambda note: (note.start, note.pitch))
    overlaps = np.mean([b.start < a.start + 0.5 * a.duration for a, b in itertools.pairwise(notes)] or [False])
    if style in ("lead", "riff") and overlaps < 0.1 and rng.random() < 0.75:
        audio = _solo(notes, audio.shape[1], rng)
    elif style in ("chords", "riff", "arpeggio", "pluck") and rng.random() < (0.4 if style == "chords" else 0.2):
        _bells(notes, audio, rng)
    else:
        _poly(notes, audio, _patch(style, rng), rng)
    return at_drawn_peak(_rack(audio, style, tempo, rng), rng)


def _waveform(rng: Rng) -> Floats:
    """Draw amplitudes (harmonics,) of a waveform: saw, square, pulse, triangle, draw-bars, digital or with formants."""
    k = np.arange(1, 1500)
    kind = rng.choice(7, p=[0.38, 0.14, 0.14, 0.06, 0.1, 0.09, 0.09])
    if kind == 4:
        bars = np.zeros(24)
        bars[[1, 2, 3, 4, 6, 8, 10, 12, 16]] = rng.uniform(0, 1, 9) ** 1.5
        bars[2] += 0.3
        return bars[1:]
    odd = k % 2 == 1
    pulse = 1.4 * np.abs(np.sin(np.pi * k * rng.uniform(0.08, 0.4))) / k
    digital = rng.uniform(0, 1, len(k)) ** 3 * 3 / k ** rng.uniform(0.7, 1.5)
    centres, widths = rng.uniform(2, 30, 3), rng.uniform(1, 5, 3)
    bumps = 0.15 + sum(np.exp(-(((k - c) / w) ** 2)) for c, w in zip(centres, widths, strict=True))
    waveforms = {0: 1 / k, 1: 1.3 * odd / k, 2: pulse, 3: 1.5 * odd / k**2, 5: digital, 6: 2 * bumps / k**0.8}
    return waveforms[int(kind)]


def _patch(style: str, rng: Rng) -> Patch:
    """Draw a sound of a style."""
    attack, decay, release, sustain, octaves = (rng.uniform(*span) for span in ENVELOPES[style])
    voices = int(
        rng.choice([1, 2, 3, 5, 7], p=[0.1, 0.2, 0.2, 0.25, 0.25] if style == "pad" else [0.3, 0.2, 0.15, 0.15, 0.2])
    )
    cents = np.linspace(-1, 1, voices) * np.exp(rng.uniform(1.4, 3.4)) if voices > 1 else np.zeros(1)
    cents = cents + rng.normal(0, 1, voices) + (1200 * (rng.random(voices) < 0.25) if rng.random() < 0.25 else 0)
    places = np.linspace(-1, 1, voices)[rng.permutation(voices)] * rng.uniform(0.2, 1) * (voices > 1)
    gains = pan_gains(places) / np.sqrt(voices)
    filtered = style != "pad" and rng.random() < 0.85
    cutoff = float(np.exp(rng.uniform(np.log(200), np.log(4000)))) if filtered else None
    fall, resonance = decay * rng.uniform(0.3, 1.2), float(np.exp(rng.uniform(-0.4, 1.3)))
    slope, touch = int(rng.integers(1, 3)), rng.uniform(0.2, 1.2)
    amplitudes = _waveform(rng)
    ratios = 2 ** (cents / 1200)
    return Patch(
        amplitudes, ratios, gains, attack, decay, sustain, release, cutoff, octaves, fall, resonance, slope, touch
    )


def _poly(notes: Sequence[Note], audio: Audio, patch: Patch, rng: Rng) -> None:
    """Add notes played with a patch to audio (2, samples). The oscillators of a pitch run on between its notes."""
    loops: dict[int, Audio] = {}
    for note in notes:
        if note.pitch not in loops:
            loops[note.pitch] = unison(note.pitch, patch.amplitudes, patch.ratios, patch.gains, rng)
        level = _envelope(note, patch)
        sound = cut(loops[note.pitch], int(rng.integers(LOOP)), len(level)) * level
        if patch.cutoff:
            time = np.arange(ticks(len(level))) * (HOP / SAMPLE_RATE)
            octaves = patch.octaves * (note.velocity / 127) * np.exp(-time / patch.fall) + (note.pitch - 60) / 24
            cutoff = patch.cutoff * 2**octaves
            for resonance in (patch.resonance, 0.7)[: patch.slope]:
                sound = sweep(sound, cutoff, resonance, LOW)
        add(audio, sound, note.start)


def _envelope(note: Note, patch: Patch) -> Audio:
    """Return levels (samples,) of a note from its start to the end of its release."""
    samples = round((note.duration + patch.release) * SAMPLE_RATE) + 1
    time = np.arange(ticks(samples) + 1) * (HOP / SAMPLE_RATE)
    level = patch.sustain + (1 - patch.sustain) * np.exp(-time / patch.decay)
    level *= np.minimum(time / patch.attack, 1)
    over = np.clip((time - note.duration) / patch.release, 0, 1)
    level *= (1 - over) ** 2 * (note.velocity / 127) ** patch.touch
    if patch.sustain < 0.02:
        samples = min(samples, round((patch.attack + 7 * patch.decay) * SAMPLE_RATE) + 1)
    return at_audio_rate(level, samples)


def _bells(notes: Sequence[Note], audio: Audio, rng: Rng) -> None:
    """Add notes played by sines that modulate each other's phase, as in electric pianos, bells and marimbas."""
    ratio = float(rng.choice([1, 1, 2, 3, 3.5, 4, 7, 14, 1.41]))
    index, decay = rng.uniform(0.3, 3.5), np.exp(rng.uniform(np.log(0.15), np.log(2.5)))
    bright, release, spread = rng.uniform(0.1, 0.8) * decay, rng.uniform(0.03, 0.4), rng.uniform(0, 0.004)
    length = min(6 * decay, max(note.duration for note in notes) + release)
    time, tones = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE, {}
    for note in notes:
        key = (note.pitch, note.velocity // 32)
        if key not in tones:
            depth = index * (0.4 + 0.2 * key[1]) * np.exp(-time / bright)
            turn = 2 * np.pi * frequency(note.pitch) * time
            bend = depth * np.sin(ratio * turn)
            sides = [np.sin(turn * scale + bend) for scale in (1 - spread, 1 + spread)]
            tones[key] = (np.stack(sides) * np.exp(-time / decay) * np.minimum(1, time / 0.002)).astype(np.float32)
        tone = tones[key][:, : round((note.duration + release) * SAMPLE_RATE)] * np.float32(note.velocity / 127)
        fade = min(tone.shape[1], round(release * SAMPLE_RATE))
        tone[:, tone.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
        add(audio, tone, note.start)


def _solo(notes: Sequence[Note], samples: int, rng: Rng) -> Audio:
    """Return audio (2, samples) of a lead of one voice: super-saw, square or hard sync, with vibrato and portamento."""
    line = Line(notes, samples, rng.choice([0, 0.04, 0.1, 0.2]), bool(rng.random() < 0.5), lowest=False)
    delayed = np.clip(line.age / rng.uniform(0.1, 0.6), 0, 1)
    vibrato = rng.choice([0, 0.1, 0.3]) * np.sin(2 * np.pi * rng.uniform(4.5, 7) * line.time) * delayed
    hertz = frequency(line.pitch + vibrato)
    attack, decay, release, sustain, octaves = (rng.uniform(*span) for span in ENVELOPES["lead"])
    envelope = line.envelope(attack, decay, sustain, release)
    shape = int(rng.choice([SAW, SAW, PULSE, SYNC]))
    width: Floats = np.full(len(hertz), rng.uniform(0.1, 0.5)) + 0.1 * np.sin(rng.uniform(0.5, 6) * line.time)
    if shape == SYNC:
        width = 1 + rng.uniform(0.5, 4) * line.envelope(0.01, rng.uniform(0.1, 1), rng.uniform(0, 1), 0.2)
    audio, voices = (
        np.zeros((2, samples), np.float32),
        int(rng.choice([1, 2, 7])) if shape == SAW else int(rng.integers(1, 3)),
    )
    for offset in np.linspace(-1, 1, voices) * rng.uniform(4, 28) if voices > 1 else [0.0]:
        sound = oscillate(hertz * 2 ** (offset / 1200), line.resets[:0], samples, rng.uniform(), shape, width)
        gains = pan_gains(rng.uniform(-0.8, 0.8) * (voices > 1)).astype(np.float32)
        audio += gains[:, None] * sound
    cutoff = np.exp(rng.uniform(6.5, 9.2)) * 2 ** (octaves * envelope)
    audio = sweep(audio, cutoff, np.exp(rng.uniform(-0.3, 1)), LOW)
    return audio * at_audio_rate(envelope * line.velocity ** rng.uniform(0.2, 1), samples)


def _rack(audio: Audio, style: str, tempo: float, rng: Rng) -> Audio:
    """Return audio (2, samples) with effects: distortion, filter sweeps over bars, modulation, echoes, reverb."""
    if rng.random() < (0.35 if style in ("lead", "riff") else 0.12):
        audio = saturate(audio, np.exp(rng.uniform(0.3, 2.7)))
    if rng.random() < 0.05:
        audio = board(audio, pedalboard.Bitcrush(rng.uniform(5, 10)))
    if rng.random() < (0.7 if style == "pad" else 0.35):
        audio = _turned(audio, tempo, rng)
    if rng.random() < 0.4:
        rate, wet = rng.uniform(0.1, 3), rng.uniform(0.2, 1)
        if rng.random() < 0.3:
            phaser = pedalboard.Phaser(rate / 2, wet, rng.uniform(400, 2500), rng.uniform(0, 0.6), 0.5)
            audio = board(audio, phaser)
        else:
            depth, centre = rng.uniform(0.0004, 0.003) / max(rate, 1), rng.uniform(0.006, 0.018)
            audio = audio + np.float32(wet) * chorus(audio, rate, depth, centre, rng.uniform(0, 0.5))
    if rng.random() < (0.2 if style == "pad" else 0.45):
        audio = ping_pong(
            audio, 60 / tempo * rng.choice([0.5, 0.75, 1, 1.5]), rng.uniform(0.2, 0.65), rng.uniform(0.1, 0.5)
        )
    if rng.random() < 0.7:
        room, wet = rng.uniform(0.2, 0.95), rng.uniform(0.05, 0.5 if style == "pad" else 0.3)
        audio = board(audio, pedalboard.Reverb(room, rng.uniform(0.2, 0.8), wet, 1 - wet / 2, rng.uniform(0.7, 1)))
    if rng.random() < 0.4:
        audio = butter(audio, rng.uniform(80, 350), "highpass")
    return audio


def _turned(audio: Audio, tempo: float, rng: Rng) -> Audio:
    """Return audio behind a filter that moves slowly, over some bars, or swings in tempo."""
    samples = audio.shape[1]
    time = np.arange(ticks(samples)) * (HOP / SAMPLE_RATE)
    cycle = 240 / tempo * float(rng.choice([0.5, 1, 4, 8, 16, 32], p=[0.05, 0.1, 0.2, 0.25, 0.25, 0.15]))
    turn = np.sin(2 * np.pi * (time / cycle + rng.uniform()))
    cutoff = np.exp(rng.uniform(6, 8.5)) * 2 ** (rng.uniform(0.5, 2.2) * turn)
    return sweep(audio, cutoff, np.exp(rng.uniform(-0.4, 1.1)), LOW)
