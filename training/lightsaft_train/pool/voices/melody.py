"""Melodies for voices: composed ones, and the syllables of an analysed voice on the notes of a melody."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from ...arrays import Audio, Floats, Integers, Rng
from ..score import SAMPLE_RATE, Note
from .production import disperse
from .world import LOWEST, PERIOD, Voice, climb, gaussian_smoothed, pitch, syllables, synthesise

RHYTHMS: tuple[tuple[float, ...], ...] = (  # beats of the notes of a bar
    (1, 1, 2),
    (0.5, 0.5, 1, 2),
    (0.75, 0.75, 0.5, 2),
    (1.5, 0.5, 2),
    (4,),
    (0.5,) * 6 + (1,),
    (2, 2),
    (0.5, 1.5, 2),
    (0.25, 0.25, 0.5, 0.5, 0.5, 2),
    (3, 1),
    (0.5, 1, 0.5, 1, 1),
    (1, 0.5, 0.5, 1, 1),
    (0.75, 0.75, 0.75, 0.75, 1),
)


def compose(
    sections: Iterable[tuple[float, float]], tempo: float, tonic: int, minor: bool, rng: Rng
) -> tuple[Note, ...]:
    """Compose the notes of a melody in a key: bars of two to four motifs, repeated and varied, with rests.

    `sections` are the start and end in seconds of the stretches that are sung.
    """
    motifs = [_motif(rng) for _ in range(rng.integers(2, 5))]
    order = rng.integers(0, len(motifs), 4)
    beat = 60 / tempo
    notes: list[Note] = []
    base = np.array([tonic + 60 if tonic < 7 else tonic + 48])
    for start, end in sections:
        for bar in range(round((end - start) / (4 * beat))):
            if bar % 4 == 3 and rng.random() < 0.4:
                continue
            time = start + 4 * beat * bar
            for length, degree in motifs[order[bar % 4]]:
                moved = degree + (rng.random() < 0.1) * rng.integers(-2, 3)
                note = int(climb(base, moved, tonic, minor)[0])
                notes.append(Note(time, length * beat * 0.96, note, int(rng.integers(80, 120))))
                time += length * beat
    return tuple(notes)


def _motif(rng: Rng) -> list[tuple[float, int]]:
    """Draw a bar: lengths in beats with degrees of the scale, in small steps and few leaps."""
    degree = rng.integers(-2, 6)
    motif: list[tuple[float, int]] = []
    for length in RHYTHMS[rng.integers(len(RHYTHMS))]:
        motif.append((length, int(degree)))
        degree = np.clip(
            degree + rng.choice([-3, -2, -1, 0, 1, 2, 4], p=[0.05, 0.15, 0.25, 0.2, 0.2, 0.1, 0.05]), -4, 9
        )
    return motif


def single(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes one after the other.

    Of notes that start together the highest is kept. A note ends when the next one starts.
    """
    highest: dict[float, Note] = {}
    for note in sorted(notes, key=lambda note: (note.start, note.pitch)):
        highest[round(note.start, 2)] = note
    line = sorted(highest.values(), key=lambda note: note.start)
    ends = [note.start for note in line[1:]] + [np.inf]
    short = [min(n.duration, end - n.start) for n, end in zip(line, ends, strict=True)]
    return tuple(dataclasses.replace(n, duration=d) for n, d in zip(line, short, strict=True))


def harmony(notes: Iterable[Note], degrees: int, tonic: int, minor: bool) -> tuple[Note, ...]:
    """Return the notes moved by steps of the scale of a key."""
    return tuple(dataclasses.replace(n, pitch=int(climb(np.array([n.pitch]), degrees, tonic, minor)[0])) for n in notes)


def octave(notes: Sequence[Note], voice: Voice, rng: Rng) -> int:
    """Return semitones, in octaves, that bring notes near the pitch of a voice, at times an octave off it."""
    middle = np.median([note.pitch for note in notes])
    own = np.median(pitch(voice)[voice.f0 > 0]) if voice.f0.any() else 60
    shift = 12 * round((own + rng.uniform(-5, 5) - middle) / 12)
    return int(shift + 12 * rng.choice([-1, 0, 1], p=[0.08, 0.82, 0.10]) * (45 < middle + shift < 72))


def perform(
    voice: Voice,
    notes: Iterable[Note],
    seconds: float,
    rng: Rng,
    formant: float = 1.0,
    breath: float = 0.0,
    hard: bool = False,
) -> Audio:
    """Sing notes with the syllables of a voice, one after the other.

    Parameters
    ----------
    voice
        The analysed voice.
    notes
        The notes, one after the other.
    seconds
        Length of the result.
    rng
        The generator that details are drawn from.
    formant, breath
        As in `world.resing`.
    hard
        Whether the pitch has no glides, as after a strong pitch correction.

    Returns
    -------
    float32 array, shape (samples,)
        Mono audio.
    """
    frames = round(seconds / PERIOD)
    where, gain, contour = np.zeros(frames), np.zeros(frames), np.full(frames, np.nan)
    parts = syllables(voice)
    first = rng.integers(len(parts))
    for index, note in enumerate(notes):
        start = max(round((note.start - 0.03) / PERIOD), 0)
        length = min(round(note.duration / PERIOD), frames - start)
        if length < 8:
            continue
        begin, end = parts[(first + index) % len(parts)]
        where[start : start + length] = _held(int(begin), int(end), length)
        contour[start : start + length] = note.pitch + (0 if hard else _vibrato(length, rng))
        fade = np.minimum(np.minimum(np.arange(length) + 1, length - np.arange(length)) / 4, 1)
        gain[start : start + length] = fade * (note.velocity / 100) ** 0.7
    known = np.flatnonzero(~np.isnan(contour))
    if not len(known):
        return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    contour = np.interp(np.arange(frames), known, contour[known])
    if not hard:
        own = pitch(voice)
        detail = np.clip(own - gaussian_smoothed(own, 30), -0.7, 0.7) * rng.uniform(0.4, 1)
        drift = gaussian_smoothed(rng.standard_normal(frames), 40) * rng.uniform(0.2, 1.2)
        contour = gaussian_smoothed(contour, rng.uniform(3, 9)) + drift + detail[where.astype(int)]
    return disperse(_runs(voice, where, gain, contour, round(seconds * SAMPLE_RATE), formant, breath), rng)


def _held(start: int, end: int, length: int) -> Floats | Integers:
    """Return frames (length,) of the syllable start..end: cut, or with its vowel held by going to and fro."""
    size = end - start
    if length <= size:
        return start + np.arange(length)
    head, tail = int(0.7 * size), size - int(0.7 * size)
    back = max(int(0.35 * size), 1)
    swing = np.arange(max(length - size, 0))
    swing = np.abs((swing + back) % (2 * back) - back)
    frames = np.concatenate([np.arange(head), head - back + swing, head + np.arange(tail)])[:length]
    return start + np.clip(gaussian_smoothed(frames.astype(float), 2), 0, size - 1)


def _vibrato(length: int, rng: Rng) -> Floats:
    """Draw semitones (length,) around a note: a scoop up to it at times, and a vibrato that sets in late."""
    times = np.arange(length) * PERIOD
    depth = rng.uniform(0, 0.5) * np.clip((times - 0.25) / 0.4, 0, 1)
    scoop = rng.uniform(0, 2) * (rng.random() < 0.3) * np.exp(-times / 0.05)
    return depth * np.sin(2 * np.pi * rng.uniform(4.8, 6.8) * times) - scoop


def _runs(
    voice: Voice, where: Floats, gain: Floats, contour: Floats, samples: int, formant: float, breath: float
) -> Audio:
    """Return mono audio (samples,): the frames that sound, synthesised run by run.

    Pauses shorter than 0.2 s belong to a run.
    """
    sound = np.zeros(samples, np.float32)
    active = np.flatnonzero(gain)
    contour = np.maximum(contour, 69 + 12 * np.log2(LOWEST * 1.1 / 440))
    for run in np.split(active, np.flatnonzero(np.diff(active) > 40) + 1):
        a, b = run[0], run[-1] + 1
        part = synthesise(voice, where[a:b], contour[a:b], formant, breath)
        first = round(a * PERIOD * SAMPLE_RATE)
        part = part[: samples - first] * np.interp(
            np.arange(len(part)) / SAMPLE_RATE / PERIOD, np.arange(b - a), gain[a:b]
        )[: samples - first].astype(np.float32)
        sound[first : first + len(part)] += part
    return sound
