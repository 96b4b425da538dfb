"""Keys, chord progressions and voicings."""

import bisect
import dataclasses
import math
from collections.abc import Iterable, Sequence

from ...arrays import Rng
from .feel import BAR, pick
from .styles import Section, Style

# Scales: semitones above the tonic.
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
DORIAN, PHRYGIAN, MIXOLYDIAN = (0, 2, 3, 5, 7, 9, 10), (0, 1, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 10)
MODES = {True: (MINOR,) * 10 + (DORIAN, PHRYGIAN), False: (MAJOR,) * 6 + (MIXOLYDIAN,)}

# Degrees of a scale, the tonic 0. They are repeated.
LOOPS: dict[tuple[int, ...], tuple[str, ...]] = {
    MINOR: ("0 5 2 6", "0 6 5 6", "0 6 5 4", "0 3 5 4", "5 6 0 0", "0 0 5 6", "0 2 6 3", "0 3 6 2", "5 4 0 6", "0",
            "0 5",
            "0 0 0 6", "3 0 5 6", "0 5 3 4", "5 2 6 0", "1 4 0 0", "0 4 5 2 3 0 5 4", "0 3"),
    DORIAN: ("0 3", "0 0 3 3", "0 2 3 0", "0 6 3 0", "0 1", "0"),
    PHRYGIAN: ("0 1", "0", "0 0 1 6", "0 1 2 1", "0 0 0 1"),
    MAJOR: ("0 4 5 3", "5 3 0 4", "0 5 3 4", "0 3 4 3", "1 4 0 5", "0 4 5 2 3 0 3 4", "3 4 2 5", "0 3", "3 0 4 5",
            "0 2 3 4", "0", "0 0 3 4", "3 3 0 4", "0 5 1 4", "0 0 0 0 3 3 0 0 4 3 0 4"),
    MIXOLYDIAN: ("0 6 3 0", "0 6", "0 3 6 0", "0 0 6 3", "0 4 3 6"),
}  # fmt: skip
# The degrees that may follow a degree in functional harmony.
FUNCTIONAL = ((3, 4, 5, 1, 2), (4, 4, 6, 3), (5, 3, 1), (4, 0, 1, 4), (0, 5, 0, 3), (3, 1, 4, 2), (0, 4))


@dataclasses.dataclass(frozen=True)
class Key:
    """A tonic (pitch class), minor or not, and the semitones of its scale."""

    tonic: int
    minor: bool
    scale: tuple[int, ...]

    def pitch(self, degree: int) -> int:
        """Return the MIDI note of a degree of the scale: 0 is the tonic of octave 0, 7 is an octave higher."""
        octave, step = divmod(degree, 7)
        return self.tonic + 12 * octave + self.scale[step]

    def within(self, low: int, high: int) -> list[int]:
        """Return all MIDI notes of the scale from low to high."""
        return [pitch for pitch in range(low, high + 1) if (pitch - self.tonic) % 12 in self.scale]


@dataclasses.dataclass(frozen=True)
class Chord:
    """Pitch classes from the root on, from the sixteenth `start` for `length` sixteenths."""

    start: int
    length: int
    classes: tuple[int, ...]


class Changes(list[Chord]):
    """Chords in order of time."""

    def __init__(self, chords: Iterable[Chord]) -> None:
        super().__init__(chords)
        self.starts = [chord.start for chord in self]

    def at(self, step: float) -> Chord:
        """Return the chord that sounds at a step."""
        return self[max(0, bisect.bisect_right(self.starts, step) - 1)]


def draw_key(rng: Rng, style: Style) -> Key:
    """Draw a key: any of the twelve tonics, minor as often as the style is."""
    return make_key(rng, int(rng.integers(12)), bool(rng.random() < style.minor))


def make_key(rng: Rng, tonic: int, minor: bool) -> Key:
    """Return a key in a mode drawn among those that are minor or major."""
    return Key(int(tonic) % 12, bool(minor), pick(rng, MODES[bool(minor)]))


def draw_loop(rng: Rng, key: Key, style: Style) -> list[tuple[int, tuple[int, ...]]]:
    """Draw a progression [(length, classes), ...] of 1 to 12 chords of half a bar to two bars."""
    if key.scale in (MAJOR, MINOR) and style.form == "song" and rng.random() < 0.3:
        degrees = [0]
        while len(degrees) < 4:
            degrees.append(pick(rng, FUNCTIONAL[degrees[-1]]))
    else:
        degrees = [int(degree) for degree in pick(rng, LOOPS[key.scale]).split()]
    length = pick(rng, (BAR, BAR, BAR, 2 * BAR, BAR // 2) if len(degrees) > 2 else (BAR, 2 * BAR))
    return [(length, draw_chord(rng, key, style, degree)) for degree in degrees]


def draw_chord(rng: Rng, key: Key, style: Style, degree: int) -> tuple[int, ...]:
    """Draw the pitch classes of a chord on a degree: a triad, seventh, ninth or suspended chord.

    In a minor key the dominant is major at times.
    """
    steps: tuple[int, ...] = pick(rng, ((0, 1, 4), (0, 3, 4))) if rng.random() < 0.08 else (0, 2, 4)
    if rng.random() < style.colour:
        steps += pick(rng, ((6,), (6,), (6, 8), (8,)))
    classes = [key.pitch(degree + step) % 12 for step in steps]
    if key.scale == MINOR and degree == 4 and steps[1] == 2 and rng.random() < 0.35:
        classes[1] = (key.tonic + 11) % 12
    return tuple(classes)


def harmonise(rng: Rng, key: Key, style: Style, sections: Iterable[Section]) -> Changes:
    """Draw the chords of a piece: one loop; in half of the songs another loop in choruses and bridges."""
    first = draw_loop(rng, key, style)
    other = draw_loop(rng, key, style) if rng.random() < (0.6 if style.form == "song" else 0.2) else first
    chords = []
    for section in sections:
        loop = other if section.kind in ("chorus", "bridge", "break", "solo") else first
        step, index = section.start, 0
        while step < section.stop:
            length, classes = loop[index % len(loop)]
            chords.append(Chord(step, min(length, section.stop - step), classes))
            step += length
            index += 1
    return Changes(chords)


def near(pitch_class: int, centre: int) -> int:
    """Return the MIDI note of a pitch class that is nearest to the centre."""
    return centre + (pitch_class - centre + 6) % 12 - 6


def voicing(classes: tuple[int, ...], centre: int, last: Sequence[int] = ()) -> list[int]:
    """Return ascending MIDI notes of a chord around the centre: the inversion that is nearest to the last voicing."""
    best: tuple[float, list[int]] = (math.inf, [])
    for first in range(len(classes)):
        pitches = [near(classes[first], centre - 5)]
        for pitch_class in classes[first + 1 :] + classes[:first]:
            pitches.append(pitches[-1] + (pitch_class - pitches[-1] - 1) % 12 + 1)
        mean = sum(pitches) / len(pitches)
        pitches = [pitch - 12 * round((mean - centre) / 12) for pitch in pitches]
        cost = abs(sum(pitches) / len(pitches) - centre) + pitches[-1] - pitches[0]
        cost += sum(min(abs(pitch - before) for before in last) for pitch in pitches) if last else 0
        if cost < best[0]:
            best = cost, pitches
    return best[1]
