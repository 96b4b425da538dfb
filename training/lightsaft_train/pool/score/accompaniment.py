"""The parts that are neither drums, bass nor vocals: pads, chords, arpeggios, plucks, riffs, leads."""

import numpy as np

from .feel import BAR, pick, repeat
from .harmony import voicing
from .melodies import melody_events
from .midi import VOICES

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

# Rhythms of chords: x a chord, held through "-".
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
# A wall of distorted guitars: chords that ring, strummed ones, and riffs of muted 8ths and 16ths.
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


def voicings(changes, centre, power=False):
    """{start of a chord: its voicing}, led from chord to chord; root, fifth and octave for power chords."""
    led, last = {}, ()
    for chord in changes:
        if power:
            root = voicing(chord.classes[:1], centre - 6)[0]
            last = [root, root + (chord.classes[2] - chord.classes[0]) % 12, root + 12]
        else:
            last = voicing(chord.classes, centre, last)
        led[chord.start] = last
    return led


def pad(rng, style, changes, spans, key, centre, program):
    """Held chords, at times with the lowest note doubled an octave lower."""
    doubled, led = rng.random() < 0.3, voicings(changes, centre)
    events = []
    for chord in changes:
        if any(start <= chord.start < stop for start, stop in spans):
            pitches = led[chord.start]
            pitches = [pitches[0] - 12, *pitches] if doubled and pitches[0] >= 52 else pitches
            events += [(chord.start, chord.length, pitch, 78) for pitch in pitches]
    return events


def chords(rng, style, changes, spans, key, centre, program):
    """Chords in a rhythm; strummed on guitars, of which the distorted ones play power chords in a low register."""
    power, guitar = program in GUITARS, 24 <= program < 29
    led = voicings(changes, 48 if power else centre, power)
    rhythm = pick(rng, RHYTHMS[style.family])
    rhythm = rhythm if rng.random() < 0.6 else rhythm + " " + pick(rng, RHYTHMS[style.family])
    gate, strum = rng.uniform(0.6, 1.0), rng.uniform(0.05, 0.15) if guitar else 0.0
    events = []
    for step, length, _ in repeat(rhythm, spans):
        pitches = led[changes.at(step).start]
        velocity = 90 if step % 8 == 0 else 80
        events += [(step + strum * index, gate * length, pitch, velocity) for index, pitch in enumerate(pitches)]
    return events


def wall(rng, changes, spans):
    """(program, events) of power chords of a distorted guitar in the spans (start, stop)."""
    led, events = voicings(changes, int(rng.integers(46, 51)), power=True), []
    rhythm, gate = pick(rng, WALLS), rng.uniform(0.85, 1.0)
    for step, length, _ in repeat(rhythm, spans):
        velocity = 105 if step % 8 == 0 else 92
        events += [(step, gate * length, pitch, velocity) for pitch in led[changes.at(step).start]]
    return pick(rng, GUITARS), events


def arpeggio(rng, style, changes, spans, key, centre, program):
    """The chord's notes one by one, up, down, to and fro or in a fixed random order, over one or two octaves."""
    led = voicings(changes, centre)
    stride = pick(rng, (1, 1, 2) if style.tempo[1] > 100 else (1, 2, 2))
    shape, octaves, gate = pick(rng, ("up", "down", "both", "random")), pick(rng, (1, 2)), rng.uniform(0.5, 1.2)
    shuffled = rng.integers(100, size=pick(rng, (8, 16))).tolist()
    events = []
    for start, stop in spans:
        for count, step in enumerate(range(start, stop, stride)):
            notes = [pitch + 12 * octave for octave in range(octaves) for pitch in led[changes.at(step).start]]
            turn = {"up": count, "down": -1 - count, "random": shuffled[count % len(shuffled)]}.get(shape)
            if turn is None:
                turn = abs((count + len(notes) - 1) % max(1, 2 * len(notes) - 2) - len(notes) + 1)
            events.append((step, gate * stride, notes[turn % len(notes)], 92 if step % 4 == 0 else 78))
    return events


def motif(rng, density):
    """[(step, length, choice 0 to 99), ...] of one or two bars, a phrase that is repeated."""
    size = pick(rng, (BAR, BAR, 2 * BAR))
    weight = np.where(np.arange(size) % 4 == 0, 1.3, np.where(np.arange(size) % 2 == 0, 1.0, 0.6))
    steps = np.flatnonzero(rng.random(size) < density * weight).tolist() or [0]
    ends = [*steps[1:], size]
    return [(step, min(end - step, 4), int(rng.integers(100))) for step, end in zip(steps, ends, strict=True)], size


def pluck(rng, style, changes, spans, key, centre, program):
    """Short notes of the chord in a repeated syncopated rhythm."""
    phrase, size = motif(rng, rng.uniform(0.25, 0.7))
    led, gate = voicings(changes, centre), rng.uniform(0.3, 0.9)
    events = []
    for start, stop in spans:
        for base in range(start, stop, size):
            for step, _, choice in phrase:
                pitches = led[changes.at(base + step).start]
                if base + step < stop:
                    events.append((base + step, gate, pitches[choice % len(pitches)], 85 + 10 * (step % 4 == 0)))
    return events


def riff(rng, style, changes, spans, key, centre, program):
    """A repeated phrase on a few notes of the pentatonic scale, in half of the pieces on the chords' roots."""
    phrase, size = motif(rng, rng.uniform(0.25, 0.6))
    follows, gate = rng.random() < 0.5, rng.uniform(0.5, 1.0)
    degrees = (0, 2, 3, 4, 6) if key.minor else (0, 1, 2, 4, 5)
    few = [pick(rng, degrees) for _ in range(int(rng.integers(2, 5)))] + [0]
    base_octave = round((centre - key.tonic) / 12) * 7
    events = []
    for start, stop in spans:
        for base in range(start, stop, size):
            for step, length, choice in phrase:
                if base + step < stop:
                    shift = root_degree(key, changes.at(base + step)) if follows else 0
                    pitch = key.pitch(base_octave + few[choice % len(few)] + (shift - 7 if shift > 3 else shift))
                    events.append((base + step, gate * length, pitch, 88 + 10 * (step % 4 == 0)))
    return events


def root_degree(key, chord):
    """The degree of the scale that is the root of a chord."""
    return key.scale.index((chord.classes[0] - key.tonic) % 12)


def lead(rng, style, changes, spans, key, centre, program):
    """A melody for an instrument."""
    tempo = sum(style.tempo) / 2
    return melody_events(rng, changes, spans, key.within(centre - 8, centre + 8), tempo, rng.uniform(0.6, 0.95))


PARTS = {"pad": pad, "chords": chords, "arpeggio": arpeggio, "pluck": pluck, "riff": riff, "lead": lead}


def other_events(rng, kind, style, changes, spans, key, low=False):
    """(program, events) of a part of a kind in the spans (start, stop); `low`: in the bass's register."""
    program = pick(rng, PROGRAMS[style.family][kind])
    centre = int(rng.integers(43, 48)) if low else int(rng.integers(*CENTRES[kind]))
    events = PARTS[kind](rng, style, changes, spans, key, centre, program)
    if low:
        events = [
            (*event[:2], 36 + (event[2] - 36) % 12 + (12 if 48 <= event[2] <= 55 else 0), event[3]) for event in events
        ]
    return program, [event for event in events if 28 <= event[2] <= 103]
