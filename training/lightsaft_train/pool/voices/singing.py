"""Vocal stems for songs, made of recorded voices: phrases, re-sung melodies, whole songs, shouts and chops."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import soxr

from ...arrays import Audio, Rng
from ...errors import DataError
from ..score import SAMPLE_RATE, Part, add, silence
from .melody import harmony, perform
from .modes import SUNG, adlibs, choir, draw_notes, fitted, formant_of, rap, recited
from .production import FRONT, doublings, pan, produce
from .recordings import BANDWIDTHS, SPEAKERS, Recording
from .remix import remix
from .singing_session import (
    SingingSession,
    Voices,
    backing_of,
    draw_takes,
    key_of,
    lay,
    moved,
    pace_of,
    sections,
    shift_of,
    singers_of,
)
from .world import climb, join, pitch, resing, scaled, syllables

NARROW = 0.18  # the part of the stems that are made of recordings without treble
ADLIBS = 0.2  # the part of the leads that have answers in their pauses
CHOPPED = ("sung", "pjs", "alys", "yuki", "alys_a4_e4", "ibuki")


def sing(
    part: Part | None,
    seconds: float,
    rng: Rng,
    recordings: Sequence[Recording],
    cache: str | os.PathLike[str],
    tonic: int | None = None,
    minor: bool | None = None,
    tempo: float | None = None,
) -> tuple[Audio, tuple[str, ...]]:
    """Sing a vocal stem.

    Parameters
    ----------
    part
        The part to be sung, if any.
    seconds
        Length.
    rng
        The generator that everything is drawn from.
    recordings
        The voices.
    cache
        Folder that keeps analysed voices.
    tonic, minor, tempo
        The key (0 to 11, and whether it is minor) and beats per minute. If they are None, they are those of a
        recording, or drawn.

    Returns
    -------
    float32 array, shape (2, samples)
        The stem.
    tuple of str
        The names of the recordings in it, sorted.

    Raises
    ------
    DataError
        If there are no recordings.
    """
    if not recordings:
        raise DataError("expected recorded voices, got none")
    if tonic is None and part is not None and part.notes:
        tonic, minor = key_of(part.notes)
    known = [recording for recording in recordings if recording.tempo]
    tempos = [rng.uniform(85, 150), rng.uniform(118, 132)]
    drawn: tuple[Any, Any, Any] = rng.choice(tempos), int(rng.integers(12)), bool(rng.random() < 0.7)
    if known and rng.random() < 0.5:
        anchor = known[rng.integers(len(known))]
        drawn = anchor.tempo, anchor.tonic, anchor.minor
    tempo = drawn[0] if tempo is None else tempo
    tonic = drawn[1] if tonic is None else tonic
    minor = drawn[2] if minor is None else minor
    recordings, narrow = _of_one_bandwidth(recordings, rng)
    session = SingingSession(seconds, float(tempo), int(tonic), bool(minor), rng, recordings, cache, set())
    sung = part if part is not None and part.notes else None
    modes = NARROW_MODES if narrow else MODES
    odds = np.array([pair[0 if sung else 1] for pair in modes.values()])
    mode = list(modes)[rng.choice(len(odds), p=odds / odds.sum())]
    lead, backing = mode(session, sung)
    if not narrow and rng.random() < 0.2:
        more = (_shouts, _chops)[rng.integers(2)](session, None)[0]
        backing = backing + more * np.float32(0.7)
    if not lead.any() and not backing.any():
        lead, backing = (recited if narrow else _phrases)(session, None)
    if rng.random() < ADLIBS:
        backing = backing + adlibs(session, lead) * np.float32(rng.uniform(0.4, 1))
    front = mode is rap or rng.random() < FRONT
    voice = produce(lead, backing, session.tempo, rng, front)
    if not front and not narrow:
        voice = remix(voice, session.tempo, session.tonic, session.minor, rng)
    return voice, tuple(sorted(session.names))


def _of_one_bandwidth(recordings: Sequence[Recording], rng: Rng) -> tuple[tuple[Recording, ...], bool]:
    """Return the recordings that lack treble, or all others, never both; and whether they lack it."""
    narrow = tuple(r for r in recordings if r.kind in BANDWIDTHS)
    full = tuple(r for r in recordings if r.kind not in BANDWIDTHS)
    chosen = bool(narrow) and (not full or rng.random() < NARROW)
    return (narrow, True) if chosen else (full, False)


def _phrases(session: SingingSession, _: Part | None) -> Voices:
    """Return recorded phrases of a singer in the key and tempo of the song; at times with harmonies, re-sung."""
    rng = session.rng
    singers = singers_of(session, ("sung",)) or singers_of(session, [r.kind for r in session.recordings])
    far = np.array([abs(shift_of(s[0], session)) / 1.5 + 5 * abs(np.log2(pace_of(s[0], session))) for s in singers])
    weight = np.exp(-far) * np.sqrt([len(s) for s in singers])
    takes = singers[rng.choice(len(singers), p=weight / weight.sum())]
    shift, pace, formants = shift_of(takes[0], session), pace_of(takes[0], session), rng.random() < 0.75
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(3, 16)]]
    events, lead = lay(
        session,
        lambda: takes[rng.integers(len(takes))],
        lambda recording: moved(session.load(recording), shift, pace, formants),
        rng.choice([1, 2, 4], p=[0.3, 0.4, 0.3]),
        rng.uniform(0.1, 0.7),
    )
    backing = backing_of(lead, rng)
    if rng.random() < 0.45:
        backing = backing + _harmonies(session, events[: rng.integers(3, 12)], shift, 1 / pace)
    return lead, backing


def _harmonies(
    session: SingingSession, events: Iterable[tuple[float, Recording]], shift: float, stretch: float
) -> Audio:
    """Return the recordings of events sung again in thirds, fourths, fifths or octaves, (2, samples)."""
    rng, audio = session.rng, silence(session.seconds)
    degrees, formant, place = rng.choice([-7, -3, 2, 2, 4, 7]), rng.uniform(0.92, 1.08), rng.uniform(-0.7, 0.7)

    @functools.cache
    def render(recording: Recording) -> Audio:
        voice = session.voice(recording)
        melody = scaled(voice, rng, session.tonic, session.minor, shift, degrees)
        return resing(voice, rng, 0, melody, formant, stretch, rng.uniform(0, 0.2), loose=0)

    for time, recording in events:
        add(audio, pan(render(recording), place), time + rng.uniform(0, 0.015))
    return audio


def _resung(session: SingingSession, part: Part | None) -> Voices:
    """Return a melody, that of the part or a new one, sung by syllables of one singer, with harmonies or doublings."""
    rng = session.rng
    voice = join([session.voice(recording) for recording in draw_takes(session, SUNG)])
    notes = draw_notes(session, part)
    if not notes:
        return silence(session.seconds), silence(session.seconds)
    notes = fitted(notes, voice, rng)
    formant, breath, hard = formant_of(session), rng.uniform(0, 0.3), rng.random() < 0.2
    first = perform(voice, notes, session.seconds, rng, formant, breath, hard)
    lead = pan(first, 0)
    backing = backing_of(lead, rng)
    for _ in range(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1])):
        line = harmony(notes, rng.choice([-7, -3, 2, 2, 4]), session.tonic, session.minor)
        other = formant * (rng.uniform(1, 1.07) if session.narrow else rng.uniform(0.93, 1.07))
        second = perform(voice, line, session.seconds, rng, other, breath, hard)
        backing = backing + doublings(second, rng, 0.5)
    return lead, backing


def _songs(session: SingingSession, _: Part | None) -> Voices:
    """Return songs of a singer in long stretches: transposed as recorded, or re-sung in the key of the song."""
    rng = session.rng
    takes = [r for r in session.recordings if r.kind == "pjs"]
    if not takes:
        return _phrases(session, None)
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(1, 5)]]
    shift, pace = rng.uniform(-4, 7), rng.uniform(0.85, 1.2)
    formants, tape, again = rng.random() < 0.5, rng.random() < 0.3, rng.random() < 0.4
    formant = 2 ** (shift / 36) * rng.uniform(0.93, 1.08)
    natural, wander = rng.choice([0, 0.7, 1]), int(rng.integers(2))

    def render(recording: Recording) -> Audio:
        if not again:
            return moved(session.load(recording), 12 * np.log2(pace) if tape else shift, pace, formants)
        voice = session.voice(recording)
        melody = scaled(voice, rng, session.tonic, session.minor, shift, 0, wander)
        return pan(resing(voice, rng, 0, melody, formant, 1 / pace, rng.uniform(0, 0.2), natural), 0)

    lead = lay(session, lambda: takes[rng.integers(len(takes))], render, 4, repeat=0.1)[1]
    return lead, backing_of(lead, rng)


def _shouts(session: SingingSession, _: Part | None) -> Voices:
    """Return shouts, growls and spoken phrases in rhythm, as recorded, or lower or higher."""
    rng = session.rng
    singers, speakers = singers_of(session, ("spoken", "orks")), singers_of(session, SPEAKERS)
    if speakers and rng.random() < 0.4:
        singers = speakers
    singers = singers or singers_of(session, [r.kind for r in session.recordings])
    takes = singers[rng.integers(len(singers))]
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(2, 20)]]
    shift = rng.choice([0, 0, rng.uniform(-6, 5)])
    pace, formants = (2 ** (shift / 12) if rng.random() < 0.4 else 1.0), rng.random() < 0.5
    grid, rests, repeat = rng.choice([0.5, 1, 2, 4]), rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.7)
    lead = lay(
        session,
        lambda: takes[rng.integers(len(takes))],
        lambda recording: moved(session.load(recording), shift, pace, formants),
        grid,
        rests,
        repeat,
    )[1]
    return lead, backing_of(lead, rng)


def _chops(session: SingingSession, _: Part | None) -> Voices:
    """Return short syllables in a pattern of 8ths or 16ths, on notes of the key; only their speed is changed."""
    rng = session.rng
    takes = [r for r in session.recordings if r.kind in CHOPPED]
    slices = [_slice(session, takes[rng.integers(len(takes))]) for _ in range(rng.integers(1, 5))]
    step, length = 60 / session.tempo * rng.choice([0.25, 0.5]), rng.choice([8, 16, 32])
    base = climb(np.array([60 + session.tonic]), rng.integers(-7, 6, length), session.tonic, session.minor)
    plays, which = rng.random(length) < rng.uniform(0.25, 0.8), rng.integers(0, len(slices), length)
    gate, audio = rng.uniform(0.6, 2.5), silence(session.seconds)

    @functools.cache
    def render(index: int) -> Audio:
        sound, own = slices[which[index]]
        move = (base[index] - own + 6) % 12 - 6
        fast = soxr.resample(sound, SAMPLE_RATE, SAMPLE_RATE / 2 ** (move / 12))[: round(gate * step * SAMPLE_RATE)]
        return fast * np.minimum((len(fast) - np.arange(len(fast))) / 300, 1).astype(np.float32)

    for start, end in sections(session):
        for index in range(int((end - start) / step + 0.01)):
            if plays[index % length]:
                add(audio, render(index % length), start + index * step)
    return audio, backing_of(audio, rng)


def _slice(session: SingingSession, recording: Recording) -> tuple[Audio, float]:
    """Return a syllable of a recording, mono (samples,), from its onset on, and its MIDI pitch."""
    voice, audio = session.voice(recording), session.load(recording).mean(axis=0)
    parts = syllables(voice)
    a, b = parts[session.rng.integers(len(parts))]
    sound = audio[round(a * 220.5) : round(min(b, a + 160) * 220.5)].copy()
    sound[:100] *= np.linspace(0, 1, 100, dtype=np.float32)[: len(sound)]
    return sound, float(np.median(pitch(voice)[a:b]))


Mode = Callable[[SingingSession, Part | None], Voices]
# How often each way of singing is used, with a part to be sung, and without one.
MODES: dict[Mode, tuple[float, float]] = {
    _phrases: (0.27, 0.35),
    _resung: (0.34, 0.18),
    _songs: (0.08, 0.12),
    _shouts: (0.07, 0.09),
    _chops: (0.09, 0.11),
    choir: (0.06, 0.05),
    rap: (0.09, 0.1),
}
NARROW_MODES: dict[Mode, tuple[float, float]] = {
    recited: (0.4, 0.55),
    _resung: (0.35, 0.2),
    choir: (0.15, 0.1),
    rap: (0.1, 0.15),
}
