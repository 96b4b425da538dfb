"""More ways to sing: recited phrases as recorded, choirs, rap, and ad-libs between the phrases of a lead."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.ndimage as ndimage

from ...arrays import Audio, Rng
from ..score import SAMPLE_RATE, Note, Part, add, silence
from .melody import compose, harmony, octave, perform, single
from .production import doublings, hall, pan, send, sung_again
from .recordings import BANDWIDTHS
from .singing_session import SingingSession, Voices, backing_of, draw_takes, lay, moved, sections
from .world import Voice, join, pitch, reciting_pitch

# Weights of each singer of a kind. Men are rare, so their weights are large.
SUNG = {"sung": 0.025, "pjs": 0.35, "alys": 0.15, "alys_a4_e4": 0.3, "yuki": 0.2, "ibuki": 0.7, "iona": 0.08}
SUNG |= {"klettres": 0.012, "ktuberling": 0.012, "chant": 0.7, "trope": 0.3}
SPOKEN = {"spoken": 0.01, "klettres": 0.015, "ktuberling": 0.01, "ibuki": 0.5, "alys": 0.1, "alys_a4_e4": 0.1}
SPOKEN |= {"chant": 0.8, "trope": 0.2}
ANSWERS = {"sung": 0.03, "spoken": 0.02, "klettres": 0.01, "pjs": 0.2, "ibuki": 0.2, "chant": 0.7, "trope": 0.3}
RAPS = (
    "x.x.x.x.x.x.x...",
    "x.xxx.x.x.xxx.x.",
    "xxxxx.x.xxx.x...",
    "x..xx..xx..xx.x.",
    "x.xx.xx.xx.xx...",
    "..x.xxx.x.x.xxx.",
)


def draw_notes(session: SingingSession, part: Part | None) -> tuple[Note, ...]:
    """Return the notes of a part, or of a new melody if there is none, one after the other."""
    notes = part.notes if part else compose(sections(session), session.tempo, session.tonic, session.minor, session.rng)
    return single(note for note in notes if note.start < session.seconds)


def fitted(notes: Sequence[Note], voice: Voice, rng: Rng) -> tuple[Note, ...]:
    """Return the notes in the octave of a voice."""
    shift = octave(notes, voice, rng)
    return tuple(dataclasses.replace(note, pitch=int(np.clip(note.pitch + shift, 40, 84))) for note in notes)


def formant_of(session: SingingSession, low: float = 0.85, high: float = 1.2) -> float:
    """Draw a factor of formants, never below 1 if the recordings lack treble: they would lack yet more of it."""
    factor = session.rng.triangular(low, 1, high)
    return max(factor, 1.0) if session.narrow else factor


def recited(session: SingingSession, _: Part | None) -> Voices:
    """Return phrases of a reader in their order, as recorded, moved up to be recited on a note of the key."""
    rng = session.rng
    takes = draw_takes(session, {kind: SUNG[kind] for kind in BANDWIDTHS}, ordered=True)
    own = reciting_pitch(session.load(takes[0])[0])
    shift = min((session.tonic + degree - own) % 12 for degree in (0, 7, 3 if session.minor else 4))
    pace, formants = rng.uniform(0.9, 1.2), rng.random() < 0.8
    order = itertools.cycle(takes)
    lead = lay(
        session,
        lambda: next(order),
        lambda recording: moved(session.load(recording), shift, pace, formants),
        rng.choice([1, 2, 4]),
        rng.uniform(0.1, 0.6),
        repeat=0.0,
    )[1]
    return lead, backing_of(lead, rng)


def choir(session: SingingSession, part: Part | None) -> Voices:
    """Return a melody in unison, octaves and thirds: two or three singers, each doubled, across the stereo field."""
    rng, notes = session.rng, draw_notes(session, part)
    lead = silence(session.seconds)
    if not notes:
        return lead, lead.copy()
    lines = [notes] + [
        harmony(notes, degrees, session.tonic, session.minor) for degrees in rng.choice([0, -7, 2, 2, 4], 2)
    ]
    for line in lines[: rng.integers(2, 4)]:
        voice = join([session.voice(recording) for recording in draw_takes(session, SUNG, others=(2, 5))])
        sound = perform(voice, fitted(line, voice, rng), session.seconds, rng, formant_of(session), rng.uniform(0, 0.3))
        lead += pan(sound, rng.uniform(-0.8, 0.8)) * np.float32(0.5) + doublings(
            sound, rng, 0.35, int(rng.integers(1, 3))
        )
    return lead, np.zeros_like(lead)


def rap(session: SingingSession, _: Part | None) -> Voices:
    """Return syllables in 8ths and 16ths on nearly one low pitch; at the end of a phrase they fall and are doubled."""
    rng = session.rng
    takes = draw_takes(session, SPOKEN, short=(15, 30), others=(4, 8))
    voice = join([session.voice(recording) for recording in takes])
    own = np.median(pitch(voice)[voice.f0 > 0]) if voice.f0.any() else 50
    notes, ends = _rapped(session, round(np.clip(own + rng.uniform(-5, 1), 40, 62)))
    sound = perform(voice, notes, session.seconds, rng, formant_of(session), rng.uniform(0, 0.15))
    again = np.zeros(len(sound), np.float32)
    for start, end in ends:
        a, b = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        again[a:b] = sound[a:b]
    return pan(sound, 0), doublings(again, rng, 0.7)


def _rapped(session: SingingSession, base: int) -> tuple[tuple[Note, ...], list[tuple[float, float]]]:
    """Return notes of a rap around a MIDI pitch, and the (start, end) in seconds of the ends of its phrases."""
    rng, step = session.rng, 15 / session.tempo * (2 if session.tempo > 125 else 1)
    patterns = [RAPS[i] for i in rng.integers(0, len(RAPS), 3)]
    notes: list[Note] = []
    ends: list[tuple[float, float]] = []
    for start, end in sections(session):
        for bar, time in enumerate(np.arange(start, end - 15 * step, 16 * step)):
            steps = [at for at, mark in enumerate(patterns[rng.integers(3)]) if mark == "x" and rng.random() < 0.95]
            last = bar % 2 == 1 or rng.random() < 0.3
            for index, (at, after) in enumerate(itertools.pairwise([*steps, 16])):
                left = len(steps) - 1 - index
                fall = (4, 2)[left] if last and left < 2 else 0
                length = min(after - at, 2.5) * step * 0.95
                move = int(rng.choice([-1, 0, 0, 1, 2]))
                notes.append(Note(float(time + at * step), length, base + move - fall, int(rng.integers(85, 120))))
            if last and steps:
                ends.append((time + steps[-2:][0] * step, time + 16 * step))
    return tuple(notes), ends


def adlibs(session: SingingSession, lead: Audio) -> Audio:
    """Return short answers (2, samples) in the pauses of a lead (2, samples), at one side, with more reverb."""
    rng, audio = session.rng, np.zeros_like(lead)
    level = np.abs(lead).max(axis=0)[: lead.shape[1] // 4410 * 4410].reshape(-1, 4410).max(axis=1)  # each 0.1 s
    loud = ndimage.maximum_filter1d(level, 3) > 0.1 * max(level.max(initial=0), 1e-4)
    starts = np.flatnonzero(np.diff(loud.astype(int), prepend=0) == -1) / 10
    if not len(starts):
        return audio
    takes = draw_takes(session, ANSWERS, short=(3, 8), others=(2, 5))
    for start in starts[rng.random(len(starts)) < rng.uniform(0.4, 0.9)]:
        clip = session.load(takes[rng.integers(len(takes))]).mean(axis=0)
        clip = clip[: round(rng.uniform(0.4, 1.6) * SAMPLE_RATE)].copy()
        clip[-2205:] *= np.linspace(1, 0, 2205, dtype=np.float32)[-len(clip) :]
        side = rng.choice([-1, 1]) * rng.uniform(0.4, 0.9)
        add(audio, pan(clip, side) + pan(sung_again(clip, rng), side) * np.float32(0.5), start + rng.uniform(0, 0.3))
    return send(audio, hall(audio, rng), rng.uniform(-8, 0)) if audio.any() else audio
