"""How notes are played: strummed, tied, as power chords, muted with the palm."""

import dataclasses
from collections.abc import Iterable

from ...arrays import Rng
from ..score import Note

TOGETHER = 0.02  # seconds; notes that begin within them are a chord


@dataclasses.dataclass(frozen=True)
class Played:
    """A note for a sampler.

    Parameters
    ----------
    start, duration
        In seconds.
    pitch, velocity
        MIDI pitch, and velocity 1 to 127.
    decay
        Time constant of a muted note in seconds; 0 if it rings.
    tied
        Whether it is tied to the note before it.
    """

    start: float
    duration: float
    pitch: int
    velocity: int
    decay: float = 0.0
    tied: bool = False


def arrange(notes: Iterable[Note], kind: str, distorted: bool, rng: Rng) -> list[Played]:
    """Return the notes as an instrument of a kind plays them, in order of time."""
    played = [Played(note.start, note.duration, note.pitch, note.velocity) for note in notes]
    played.sort(key=lambda note: (note.start, note.pitch))
    if kind in ("bass", "upright", "sax"):
        return monophonic(played, rng.uniform(0, 0.7), rng)
    if kind in ("electric", "acoustic"):
        if distorted:
            played = power_chords(played, rng)
        played = strummed(played, rng)
    return played


def chords(notes: Iterable[Played]) -> list[list[Played]]:
    """Return the notes in lists of those that begin together."""
    groups: list[list[Played]] = []
    for note in notes:
        if groups and note.start - groups[-1][0].start <= TOGETHER:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def monophonic(notes: Iterable[Played], tying: float, rng: Rng) -> list[Played]:
    """Return the highest notes of chords. The next note ends a note.

    Notes that touch are tied with probability `tying`.
    """
    tops = [max(chord, key=lambda note: note.pitch) for chord in chords(notes)]
    result: list[Played] = []
    for at, note in enumerate(tops):
        before = tops[at - 1] if at else None
        touching = before if before and before.start + before.duration > note.start - 0.03 else None
        tied = bool(touching and touching.pitch != note.pitch and rng.random() < tying)
        until = tops[at + 1].start - note.start if at + 1 < len(tops) else note.duration
        result.append(dataclasses.replace(note, duration=max(0.02, min(note.duration, until)), tied=tied))
    return result


def strummed(notes: Iterable[Played], rng: Rng) -> list[Played]:
    """Return the notes with chords of three or more strummed: down and up in turn, 10 to 30 ms between strings."""
    result: list[Played] = []
    spread, down = rng.uniform(0.01, 0.03), True
    for chord in chords(notes):
        if len(chord) < 3:
            result += chord
            continue
        ordered = sorted(chord, key=lambda note: note.pitch, reverse=not down)
        step = min(spread * rng.uniform(0.7, 1.3), 0.03, min(note.duration for note in chord) / len(chord))
        for at, note in enumerate(ordered):
            result.append(dataclasses.replace(note, start=note.start + at * step, duration=note.duration - at * step))
        down = not down
    return sorted(result, key=lambda note: (note.start, note.pitch))


def power_chords(notes: Iterable[Played], rng: Rng) -> list[Played]:
    """Return the lowest notes of chords, with fifth and octave, in the low register of a guitar.

    Short chords are muted with the palm. Single notes above the register stay single.
    """
    result: list[Played] = []
    limit, octave = rng.uniform(0.15, 0.35), rng.random() < 0.7
    for chord in chords(notes):
        root = min(chord, key=lambda note: note.pitch)
        if len(chord) == 1 and root.pitch > 55:
            result.append(root)
            continue
        low = root.pitch
        while low > 52:
            low -= 12
        decay = float(rng.uniform(0.05, 0.12)) if root.duration < limit else 0.0
        for interval in (0, 7, 12) if octave else (0, 7):
            result.append(dataclasses.replace(root, pitch=low + interval, decay=decay))
    return result
