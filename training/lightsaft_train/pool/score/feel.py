"""Time on a grid of sixteenths: patterns written as text, and the performance of events as notes.

An event is (step, length, pitch, velocity), step and length in sixteenths from the beginning of the piece."""

import dataclasses
import functools

import numpy as np

from .notes import Note

BAR = 16


def pick(rng, items):
    """One of the items, all equally likely."""
    return items[int(rng.integers(len(items)))]


@functools.lru_cache(maxsize=1024)
def parse(pattern):
    """((step, length, symbol), ...) of a pattern: symbols begin notes, "-" holds, "." rests, spaces are skipped."""
    notes = []
    for step, symbol in enumerate(pattern.replace(" ", "")):
        if symbol == "-" and notes and notes[-1][0] + notes[-1][1] == step:
            notes[-1][1] += 1
        elif symbol not in "-.":
            notes.append([step, 1, symbol])
    return tuple(map(tuple, notes))


def repeat(pattern, spans):
    """Yield (step, length, symbol) of a pattern played over and over in spans (start, stop), cut at their ends."""
    size = len(pattern.replace(" ", ""))
    for start, stop in spans:
        for base in range(start, stop, size):
            for step, length, symbol in parse(pattern):
                if base + step < stop:
                    yield base + step, min(length, stop - base - step), symbol


@dataclasses.dataclass(frozen=True)
class Feel:
    """How a grid is played. `swing`: how late every second unit of `unit` sixteenths is, as a fraction of a unit (0.33:
    a shuffle); `jitter`: seconds of standard deviation of starts; `loose`: of velocities."""

    tempo: float
    swing: float = 0.0
    unit: int = 1
    jitter: float = 0.0
    loose: float = 0.0

    def seconds(self, steps):
        """Seconds at which steps fall, with swing."""
        steps = np.asarray(steps, float)
        pair, within = np.divmod(steps / self.unit, 2)
        late = np.where(within < 1, within * (1 + self.swing), 1 + self.swing + (within - 1) * (1 - self.swing))
        return (2 * pair + late) * self.unit * 15 / self.tempo

    def perform(self, rng, events, seconds, monophonic=False):
        """Notes of events within 0 to `seconds`, sorted by start; a monophonic part's are cut where the next begins."""
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
