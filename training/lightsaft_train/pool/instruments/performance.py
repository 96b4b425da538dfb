"""How notes are played: strummed, tied, as power chords, muted with the palm."""

import dataclasses

TOGETHER = 0.02  # seconds within which notes are a chord


@dataclasses.dataclass(frozen=True)
class Played:
    """A note for a sampler: times in seconds, MIDI pitch, velocity 1 to 127; `decay`: the time constant in seconds of a
    muted note, 0 if it rings; `tied` to the note before it."""

    start: float
    duration: float
    pitch: int
    velocity: int
    decay: float = 0.0
    tied: bool = False


def arrange(notes, kind, distorted, rng):
    """The notes as an instrument of a kind plays them: [Played, ...] in order of time."""
    played = [Played(note.start, note.duration, note.pitch, note.velocity) for note in notes]
    played.sort(key=lambda note: (note.start, note.pitch))
    if kind in ("bass", "upright", "sax"):
        return monophonic(played, rng.uniform(0, 0.7), rng)
    if kind in ("electric", "acoustic"):
        if distorted:
            played = power_chords(played, rng)
        played = strummed(played, rng)
    return played


def chords(notes):
    """The notes in lists of those that begin together."""
    groups = []
    for note in notes:
        if groups and note.start - groups[-1][0].start <= TOGETHER:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def monophonic(notes, tying, rng):
    """The highest notes of chords, each ended by the next; touching ones are tied with probability `tying`."""
    tops = [max(chord, key=lambda note: note.pitch) for chord in chords(notes)]
    result = []
    for at, note in enumerate(tops):
        before = tops[at - 1] if at else None
        touching = before is not None and before.start + before.duration > note.start - 0.03
        tied = bool(touching and before.pitch != note.pitch and rng.random() < tying)
        until = tops[at + 1].start - note.start if at + 1 < len(tops) else note.duration
        result.append(dataclasses.replace(note, duration=max(0.02, min(note.duration, until)), tied=tied))
    return result


def strummed(notes, rng):
    """Chords of three and more notes with 10 to 30 ms from string to string, down and up in turn."""
    result, spread, down = [], rng.uniform(0.01, 0.03), True
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


def power_chords(notes, rng):
    """Chords' lowest notes with fifth and octave in a guitar's low register; short ones muted with the palm. Single
    notes above it stay single."""
    result, limit, octave = [], rng.uniform(0.15, 0.35), rng.random() < 0.7
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
