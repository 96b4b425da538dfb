"""Time on a grid of sixteenths: patterns written as text, and the performance of events as notes.

An event is (step, length, pitch, velocity). Step and length are in sixteenths from the beginning of the piece.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...arrays import Rng
from .notes import Note

BAR = 16

Item = TypeVar("Item")
Event = tuple[float, float, float, float]
Span = tuple[int, int]


def pick(rng: Rng, items: Sequence[Item]) -> Item:
    """Draw one of the items; all are equally likely."""
    return items[int(rng.integers(len(items)))]


@functools.lru_cache(maxsize=1024)
def parse(pattern: str) -> tuple[tuple[int, int, str], ...]:
    """Return the notes ((step, length, symbol), ...) of a pattern.

    A symbol begins a note, "-" holds it, "." is a rest, and spaces are skipped.

    Examples
    --------
    >>> parse("x-.. x...")
    ((0, 2, 'x'), (4, 1, 'x'))
    """
    notes: list[tuple[int, int, str]] = []
    for step, symbol in enumerate(pattern.replace(" ", "")):
        if symbol == "-" and notes and notes[-1][0] + notes[-1][1] == step:
            start, length, held = notes[-1]
            notes[-1] = start, length + 1, held
        elif symbol not in "-.":
            notes.append((step, 1, symbol))
    return tuple(notes)


def repeat(pattern: str, spans: Iterable[Span]) -> Iterator[tuple[int, int, str]]:
    """Yield (step, length, symbol) of a pattern that is repeated in spans (start, stop), cut at their ends."""
    size = len(pattern.replace(" ", ""))
    for start, stop in spans:
        for base in range(start, stop, size):
            for step, length, symbol in parse(pattern):
                if base + step < stop:
                    yield base + step, min(length, stop - base - step), symbol


@dataclasses.dataclass(frozen=True)
class Feel:
    """How a grid is played.

    Parameters
    ----------
    tempo
        In beats per minute.
    swing, unit
        Every second unit of `unit` sixteenths is late by the part `swing` of a unit (0.33 is a shuffle).
    jitter
        Standard deviation of starts, in seconds.
    loose
        Standard deviation of velocities.
    """

    tempo: float
    swing: float = 0.0
    unit: int = 1
    jitter: float = 0.0
    loose: float = 0.0

    def seconds(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Return the seconds of steps, with swing."""
        steps = np.asarray(steps, float)
        pair, within = np.divmod(steps / self.unit, 2)
        late = np.where(within < 1, within * (1 + self.swing), 1 + self.swing + (within - 1) * (1 - self.swing))
        return (2 * pair + late) * self.unit * 15 / self.tempo

    def perform(self, rng: Rng, events: Iterable[Event], seconds: float, monophonic: bool = False) -> tuple[Note, ...]:
        """Return the notes of events within 0 to `seconds`, sorted by start.

        The notes of a monophonic part end when the next one begins.
        """
        events = list({(round(event[0], 2), event[2]): event for event in events}.values())
        if not events:
            return ()
        step, length, pitch, velocity = np.array(events, float).T
        start = self.seconds(step)
        duration = self.seconds(step + length) - start
        start += self.jitter * (0.5 * rng.normal() + rng.normal(size=len(start)))
        velocity = np.clip(np.round(velocity + self.loose * rng.normal(size=len(start))), 1, 127)
        start = np.clip(start, 0, seconds)
        order = np.lexsort((pitch, start))
        start, duration, pitch, velocity = (a[order] for a in (start, duration, pitch, velocity))
        limit = np.append(start[1:], seconds) if monophonic else seconds
        duration = np.minimum(duration, limit - start)
        columns = start, duration, pitch.astype(int), velocity.astype(int)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return tuple(Note(*row) for row in rows if row[1] > 0.021)
