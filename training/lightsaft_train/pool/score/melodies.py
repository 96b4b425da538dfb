"""Melodies that can be sung: phrases of one or two bars with rests, stepwise, chord tones on strong beats."""

from collections.abc import Iterable, Sequence

import numpy as np

from ...arrays import Floats, Rng
from .feel import BAR, Event, Span, pick
from .harmony import Changes

LENGTHS = np.array((1, 2, 3, 4, 6, 8, 12))
WEIGHTS = {"busy": (4, 6, 2, 2, 0.3, 0.2, 0), "even": (1, 6, 2, 4, 1, 1, 0), "long": (0, 2, 1, 4, 3, 4, 2)}
SHORTEST = 0.19
LEAPS = (-1, -1, -1, -1, 1, 1, 1, 1, 0, 0, 0, -2, 2, 3, -3)


def draw_rhythm(rng: Rng, size: int, tempo: float, weights: Floats, fullness: float) -> list[tuple[int, int]]:
    """Draw the rhythm [(step, length), ...] of a phrase in a slot of `size` sixteenths; notes last 0.15 to 2 s."""
    seconds = LENGTHS * 15 / tempo
    weights = np.where((seconds >= SHORTEST) & (seconds <= 1.8), weights, 0.0)
    draws = LENGTHS[rng.choice(len(LENGTHS), size=size, p=weights / weights.sum())].tolist()
    step = int(pick(rng, (0, 0, 0, 2, 2, 4)))
    stop = min(size - 1, step + round(size * fullness) + int(rng.integers(-1, 2)))
    notes = []
    for length in draws:
        length = min(length, stop - step)
        if length * 15 / tempo < SHORTEST:
            break
        if rng.random() < 0.95:
            notes.append((step, length))
        step += length
    return notes


def melody_events(
    rng: Rng,
    changes: Changes,
    spans: Iterable[Span],
    scale: Sequence[int],
    tempo: float,
    fullness: float,
    weights: str | None = None,
) -> list[Event]:
    """Draw the events of a melody in the spans. Three rhythms are repeated.

    Parameters
    ----------
    rng
        The generator that the melody is drawn from.
    changes
        The chords.
    spans
        Start and stop of the spans.
    scale
        MIDI notes of the scale, ascending.
    tempo
        In beats per minute.
    fullness
        The part of each phrase's slot that is sung.
    weights
        Lengths of notes, a key of WEIGHTS; None: drawn.
    """
    size = BAR if BAR * 15 / tempo > 2.6 or (tempo < 130 and rng.random() < 0.2) else 2 * BAR
    odds = np.array(WEIGHTS[weights or pick(rng, tuple(WEIGHTS))], float)
    rhythms = [draw_rhythm(rng, size, tempo, odds, fullness) for _ in range(3)]
    moves = [rng.integers(len(LEAPS), size=2 * size).tolist() for _ in rhythms]
    order = pick(rng, ((0, 0, 1, 2), (0, 1, 0, 2), (0, 1), (0, 0, 0, 1), (0, 1, 2, 1)))
    legato = rng.uniform(0.88, 1.0)
    index = len(scale) // 2
    events: list[Event] = []
    for start, stop in spans:
        for count, base in enumerate(range(start, stop, size)):
            which = order[count % len(order)]
            for (step, length), move in zip(rhythms[which], moves[which], strict=False):
                index = walk(index + LEAPS[move], scale, changes, base + step)
                if base + step < stop:
                    velocity = 82 + 14 * (step % 8 == 0) + int(rng.integers(-8, 9))
                    events.append((base + step, min(legato * length, stop - base - step), scale[index], velocity))
            index = (index + len(scale) // 2) // 2
    return events


def walk(index: int, scale: Sequence[int], changes: Changes, step: int) -> int:
    """Return the index of a note of the scale: turned back at the ends; on strong beats a tone of the chord."""
    last = len(scale) - 1
    index = -index if index < 0 else 2 * last - index if index > last else index
    index = min(max(index, 0), last)
    if step % 8 == 0:
        classes = changes.at(step).classes
        for off in (0, -1, 1):
            if 0 <= index + off <= last and scale[index + off] % 12 in classes:
                return index + off
    return index


def voice_range(rng: Rng) -> tuple[int, int]:
    """Draw the lowest and the highest note of a singer: 12 to 16 semitones within 48 to 79."""
    width = int(rng.integers(12, 17))
    low = int(rng.integers(48, 80 - width))
    return low, low + width
