"""The parts that are neither drums, bass nor vocals: pads, chords, arpeggios, plucks, riffs, leads."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ...arrays import Rng
from .feel import BAR, Event, Span, pick, repeat
from .harmony import Changes, Chord, Key, voicing
from .melodies import melody_events
from .midi import VOICES
from .styles import Style

PIANOS, ORGANS, STRINGS, BRASS = (0, 1, 2, 3, 4, 5), (16, 17, 18, 19), (48, 49, 50, 51), (61, 62, 63)
LEADS, PADS = (
    tuple(program for program in programs if program not in VOICES) for programs in (range(80, 88), range(88, 96))
)
GUITARS = (29, 30)  # distorted
# General MIDI programmes of each kind of part in each family of styles.
PROGRAMS = {
    "club": {"pad": STRINGS + PADS + PADS, "pluck": (80, 81, 84, 87, 10, 11, 12, 45, 46, 98, 5, 28),
             "arpeggio": (80, 81, 81, 84, 87, 90, 98, 5), "lead": (*LEADS, 80, 81, 81),
             "riff": (38, 39, 80, 81, 84, 87, 62, 90),
             "chords": (0, 1, 4, 5, 16, 17, 18, 62, 63, 80, 81, 81, 90, 48)},
    "pop": {"pad": STRINGS + PADS, "pluck": (0, 4, 10, 11, 12, 24, 27, 45, 46, 80, 108),
            "arpeggio": (0, 5, 24, 25, 27, 46, 81, 98),
            "lead": (*LEADS, 73, 65, 56, 27), "chords": (*PIANOS, 16, 24, 25, 27, 62, 81, 48),
            "riff": (27, 28, 29, 80, 81, 61, 62, 4, 7)},
    "band": {"pad": ORGANS + STRINGS + (89, 90), "pluck": (25, 27, 28, 12, 45, 7),
             "arpeggio": (24, 25, 26, 27, 0, 4),
             "lead": (29, 30, 30, 27, 26, 65, 66, 56, 57, 22, 81),
             "chords": (25, 26, 27, 27, 29, 29, 30, 30, *ORGANS, 0, 1, 4),
             "riff": (27, 28, 29, 30, 30, 7, 18, *BRASS, 65)},
    "soft": {"pad": STRINGS + PADS + (19,), "pluck": (0, 10, 11, 12, 14, 24, 45, 46, 108),
             "arpeggio": (0, 0, 4, 24, 25, 46, 8, 98),
             "lead": (40, 42, 68, 71, 73, 75, 26, 56, 80, 82), "chords": (0, 0, 1, 2, 4, 5, 24, 25, 48),
             "riff": (0, 4, 24, 46, 11)},
}  # fmt: skip
BASSES = {
    "club": (38, 38, 39, 39, 33, 36),
    "pop": (38, 39, 33, 34, 35),
    "band": (32, 33, 33, 34, 34, 36, 37),
    "soft": (32, 33, 35, 39),
}

# Rhythms of chords: "x" is a chord, which "-" holds.
RHYTHMS = {
    "club": ("..x. ..x. ..x. ..x.", "x..x ..x. ..x. x...", "x--x --x- -x-- x-x-", ".... x... .... x...",
             "x... ..x. .x.. ....", "x.x. x.x. x.x. x.x.",
             "...x ..x. ...x ..x.", "x--- --x- --x- ----", "x..x ..x. .x.. x.x.", "xxxx xxxx xxxx xxxx",
             "x-.. x-.. x-x. .x-."),
    "pop": ("x--- x--- x--- x---", "x--- ---- x--- ----", "x--x --x- ---- ----", "x-x- x-x- x-x- x-x-",
            "x--- --x- --x- x---", "..x- ..x- ..x- ..x-",
            "x--- ---- ---- ----", ".... x--- .... x---"),
    "band": ("x-x- x-x- x-x- x-x-", "x--- x-xx .xx- x-x-", "x--- --x- x--- x-x-", ".... x-.. .... x-..",
             "..x. ..x. ..x. ..x.", "x.xx .xx. x.xx .xxx",
             "x--- ---- ---- ----", ".x.x x..x .x.x x.x.", "x-.. ..x- x-.. ..x-"),
    "soft": ("x--- ---- ---- ----", "x--- x--- x--- x---", "x--- ---- x--- x---", "x--- --x- x--- ----",
             "x-x- x-x- x-x- x-x-"),
}  # fmt: skip
# Rhythms of distorted guitars: chords that ring, strummed chords, and riffs of muted 8ths and 16ths.
WALLS = ("x--- ---- ---- ----", "x--- ---- x--- ----", "x--- --x- ---- x---", "x-x- x-x- x-x- x-x-",
         "x--x --x- x--x --x-", "x-xx x-xx x-xx x-xx", "x.x. x.x. x.x. xx--", "xxx- xxx- xxx- x-x-")  # fmt: skip
CENTRES = {
    "pad": (53, 70),
    "chords": (52, 68),
    "pluck": (58, 77),
    "arpeggio": (58, 77),
    "lead": (64, 80),
    "riff": (50, 68),
}


@dataclasses.dataclass(frozen=True)
class PartPlan:
    """The things that are settled before a part is drawn.

    Parameters
    ----------
    style, changes, key
        Style, chords and key of the piece.
    spans
        Start and stop of the spans in which the part plays.
    centre
        The MIDI note around which it plays.
    program
        Its General MIDI programme.
    """

    style: Style
    changes: Changes
    spans: Sequence[Span]
    key: Key
    centre: int
    program: int


def voicings(changes: Changes, centre: int, power: bool = False) -> dict[int, list[int]]:
    """Return {start of a chord: its voicing}, led from chord to chord; root, fifth and octave for power chords."""
    led: dict[int, list[int]] = {}
    last: list[int] = []
    for chord in changes:
        if power:
            root = voicing(chord.classes[:1], centre - 6)[0]
            last = [root, root + (chord.classes[2] - chord.classes[0]) % 12, root + 12]
        else:
            last = voicing(chord.classes, centre, last)
        led[chord.start] = last
    return led


def pad(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return held chords, at times with the lowest note doubled an octave lower."""
    doubled, led = rng.random() < 0.3, voicings(plan.changes, plan.centre)
    events: list[Event] = []
    for chord in plan.changes:
        if any(start <= chord.start < stop for start, stop in plan.spans):
            pitches = led[chord.start]
            pitches = [pitches[0] - 12, *pitches] if doubled and pitches[0] >= 52 else pitches
            events += [(chord.start, chord.length, pitch, 78) for pitch in pitches]
    return events


def chords(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return chords in a rhythm. Guitars strum them; distorted guitars play power chords in a low register."""
    power, guitar = plan.program in GUITARS, 24 <= plan.program < 29
    led = voicings(plan.changes, 48 if power else plan.centre, power)
    rhythm = pick(rng, RHYTHMS[plan.style.family])
    rhythm = rhythm if rng.random() < 0.6 else rhythm + " " + pick(rng, RHYTHMS[plan.style.family])
    gate, strum = rng.uniform(0.6, 1.0), rng.uniform(0.05, 0.15) if guitar else 0.0
    events: list[Event] = []
    for step, length, _ in repeat(rhythm, plan.spans):
        pitches = led[plan.changes.at(step).start]
        velocity = 90 if step % 8 == 0 else 80
        events += [(step + strum * index, gate * length, pitch, velocity) for index, pitch in enumerate(pitches)]
    return events


def wall(rng: Rng, changes: Changes, spans: Sequence[Span]) -> tuple[int, list[Event]]:
    """Return programme and events of a distorted guitar that plays power chords in the spans (start, stop)."""
    led = voicings(changes, int(rng.integers(46, 51)), power=True)
    events: list[Event] = []
    rhythm, gate = pick(rng, WALLS), rng.uniform(0.85, 1.0)
    for step, length, _ in repeat(rhythm, spans):
        velocity = 105 if step % 8 == 0 else 92
        events += [(step, gate * length, pitch, velocity) for pitch in led[changes.at(step).start]]
    return pick(rng, GUITARS), events


def arpeggio(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return the notes of the chord one by one: up, down, to and fro or in a fixed random order."""
    led = voicings(plan.changes, plan.centre)
    stride = pick(rng, (1, 1, 2) if plan.style.tempo[1] > 100 else (1, 2, 2))
    shape, octaves, gate = pick(rng, ("up", "down", "both", "random")), pick(rng, (1, 2)), rng.uniform(0.5, 1.2)
    shuffled = rng.integers(100, size=pick(rng, (8, 16))).tolist()
    events: list[Event] = []
    for start, stop in plan.spans:
        for count, step in enumerate(range(start, stop, stride)):
            notes = [pitch + 12 * octave for octave in range(octaves) for pitch in led[plan.changes.at(step).start]]
            turn = {"up": count, "down": -1 - count, "random": shuffled[count % len(shuffled)]}.get(shape)
            if turn is None:
                turn = abs((count + len(notes) - 1) % max(1, 2 * len(notes) - 2) - len(notes) + 1)
            events.append((step, gate * stride, notes[turn % len(notes)], 92 if step % 4 == 0 else 78))
    return events


def motif(rng: Rng, density: float) -> tuple[list[tuple[int, int, int]], int]:
    """Draw a phrase [(step, length, choice 0 to 99), ...] of one or two bars, which is repeated, and its length."""
    size = pick(rng, (BAR, BAR, 2 * BAR))
    weight = np.where(np.arange(size) % 4 == 0, 1.3, np.where(np.arange(size) % 2 == 0, 1.0, 0.6))
    steps = np.flatnonzero(rng.random(size) < density * weight).tolist() or [0]
    ends = [*steps[1:], size]
    return [(step, min(end - step, 4), int(rng.integers(100))) for step, end in zip(steps, ends, strict=True)], size


def pluck(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return short notes of the chord in a repeated syncopated rhythm."""
    phrase, size = motif(rng, rng.uniform(0.25, 0.7))
    led, gate = voicings(plan.changes, plan.centre), rng.uniform(0.3, 0.9)
    events: list[Event] = []
    for start, stop in plan.spans:
        for base in range(start, stop, size):
            for step, _, choice in phrase:
                pitches = led[plan.changes.at(base + step).start]
                if base + step < stop:
                    events.append((base + step, gate, pitches[choice % len(pitches)], 85 + 10 * (step % 4 == 0)))
    return events


def riff(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return a repeated phrase on a few notes of the pentatonic scale; in half of the pieces it follows the chords."""
    phrase, size = motif(rng, rng.uniform(0.25, 0.6))
    follows, gate = rng.random() < 0.5, rng.uniform(0.5, 1.0)
    degrees = (0, 2, 3, 4, 6) if plan.key.minor else (0, 1, 2, 4, 5)
    few = [pick(rng, degrees) for _ in range(int(rng.integers(2, 5)))] + [0]
    base_octave = round((plan.centre - plan.key.tonic) / 12) * 7
    events: list[Event] = []
    for start, stop in plan.spans:
        for base in range(start, stop, size):
            for step, length, choice in phrase:
                if base + step < stop:
                    shift = root_degree(plan.key, plan.changes.at(base + step)) if follows else 0
                    pitch = plan.key.pitch(base_octave + few[choice % len(few)] + (shift - 7 if shift > 3 else shift))
                    events.append((base + step, gate * length, pitch, 88 + 10 * (step % 4 == 0)))
    return events


def root_degree(key: Key, chord: Chord) -> int:
    """Return the degree of the scale that is the root of a chord."""
    return key.scale.index((chord.classes[0] - key.tonic) % 12)


def lead(rng: Rng, plan: PartPlan) -> list[Event]:
    """Return a melody for an instrument."""
    tempo = sum(plan.style.tempo) / 2
    return melody_events(
        rng, plan.changes, plan.spans, plan.key.within(plan.centre - 8, plan.centre + 8), tempo, rng.uniform(0.6, 0.95)
    )


PARTS: dict[str, Callable[[Rng, PartPlan], list[Event]]] = {
    "pad": pad,
    "chords": chords,
    "arpeggio": arpeggio,
    "pluck": pluck,
    "riff": riff,
    "lead": lead,
}


def other_events(
    rng: Rng, kind: str, style: Style, changes: Changes, spans: Sequence[Span], key: Key, low: bool = False
) -> tuple[int, list[Event]]:
    """Return programme and events of a part in the spans (start, stop).

    Parameters
    ----------
    rng
        The generator that the part is drawn from.
    kind
        Kind of the part, a key of PARTS.
    style, changes, spans, key
        Style, chords, spans and key of the piece.
    low
        Whether the part is in the register of the bass.
    """
    program = pick(rng, PROGRAMS[style.family][kind])
    centre = int(rng.integers(43, 48)) if low else int(rng.integers(*CENTRES[kind]))
    events = PARTS[kind](rng, PartPlan(style, changes, spans, key, centre, program))
    if low:
        events = [
            (*event[:2], 36 + (event[2] - 36) % 12 + (12 if 48 <= event[2] <= 55 else 0), event[3]) for event in events
        ]
    return program, [event for event in events if 28 <= event[2] <= 103]
