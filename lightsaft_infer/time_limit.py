"""Time limits: how many passes of the network every chunk gets, so that a track is done in time.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary; estimates are
(1, targets, 4, frames, bins).
"""

import collections
import dataclasses
import threading
import time

import numpy as np

RECENT = 3  # passes of which the slowest is what the next one is expected to take


# Degrees by which the phase of the mixture's spectrum is turned before each pass, and that of the estimates turned
# back. A separation should not depend on it; a network's errors do, and are less in the mean (benchmarks/extras.py).
PHASE_ROTATIONS = (0, 90, 45, 135)
MAX_PASSES = len(PHASE_ROTATIONS)


@dataclasses.dataclass(frozen=True)
class Policy:
    """Decides whether a chunk gets another pass, from what is known before it.

    limit : seconds for the whole track
    max_passes : passes that a chunk may get, 1 or more
    reserve : part of the limit that is kept for what comes after the last chunk
    caution : factor on what passes may cost that are not needed
    """

    limit: float
    max_passes: int = MAX_PASSES
    reserve: float = 0.02
    caution: float = 1.25

    def another(self, passes, *, elapsed, chunks, pass_seconds, other_seconds, concurrency=1):
        """Whether a chunk that has had `passes` passes gets one more.

        elapsed : seconds since the start
        chunks : chunks that are not finished, this one among them; None: not known
        pass_seconds : what a pass is expected to take; other_seconds : what else a chunk takes
        concurrency : passes that are made at the same time, of as many chunks

        The first pass is given wherever it ends in time if all later chunks do without. Further passes are given only
        where all later chunks can have as many, so that the quality is even.
        """
        left = self.limit * (1 - self.reserve) - elapsed - (1 if chunks is None else chunks) * other_seconds
        if passes == 0:
            return pass_seconds <= left
        if passes >= self.max_passes or chunks is None:
            return False
        return self.caution * pass_seconds * (1 + (chunks - 1) * (passes + 1) / concurrency) <= left


class TimeLimit:
    """A limit on the time that the separation of one track takes, and afterwards what was done.

    seconds : the limit, more than 0, from the call of `Separator.separate` or `separate_file` to its end
    max_passes : passes of the network that a chunk gets where there is time, 1 to 4
    clock : callable that returns seconds

    `passes` counts chunks by the passes that they got: {0: 3, 1: 200} are three chunks with a cheap estimate.
    Raises ValueError for numbers out of range, and where the limit has served another track.
    """

    def __init__(self, seconds, *, max_passes=MAX_PASSES, clock=time.monotonic):
        if not seconds > 0:
            raise ValueError(f"expected a time limit above 0 seconds, got {seconds}")
        if not 1 <= max_passes <= MAX_PASSES:
            raise ValueError(f"expected 1 to {MAX_PASSES} passes, got {max_passes}")
        self.passes = collections.Counter()
        self._policy = Policy(seconds, max_passes)
        self._clock = clock
        self._start = self._chunks = self._typical = None
        self._recent = collections.deque(maxlen=RECENT)
        self._in_passes = 0.0
        self._concurrency = 1
        self._lock = threading.Lock()

    @classmethod
    def started(cls, limit):
        """A limit that counts from now, or goes on counting: a TimeLimit, seconds, or None for none."""
        if limit is None:
            return None
        limit = limit if isinstance(limit, cls) else cls(limit)
        if limit._start is None:
            limit._start = limit._clock()
        return limit

    def expect(self, chunks, targets, share, concurrency):
        """Tell how many chunks the track has (None: not known, and none gets a second pass), how many targets are
        separated, what part of the mixture one of them is taken for before the network has run, and how many chunks
        are estimated at the same time."""
        if self._typical is not None:
            raise ValueError("expected a time limit that has not served another track")
        self._chunks, self._concurrency = chunks, concurrency
        self._typical = _Typical(targets, share)

    def several_passes(self, planes, estimate):
        """Estimates of a chunk: the mean of as many passes as there is time for (see `estimate_chunks`).

        Several threads may call it at once.
        """
        total, passes = None, 0
        while self._another(passes):
            before = self._clock()
            if passes == 0:
                total = estimate(planes)
            else:
                if passes == 1:
                    total = total.copy()  # the network's array may be its own
                total += phase_rotated(
                    estimate(phase_rotated(planes, PHASE_ROTATIONS[passes])), -PHASE_ROTATIONS[passes]
                )
            took = self._clock() - before
            with self._lock:
                self._recent.append(took)
                self._in_passes += took
            passes += 1
        if passes > 1:
            total /= np.float32(passes)
        with self._lock:
            self.passes[passes] += 1
            if not passes:
                return self._typical.estimates(planes)
            self._typical.add(planes, total)
        return total

    def _another(self, passes):
        with self._lock:
            elapsed, finished = self._clock() - self._start, self.passes.total()
            return self._policy.another(
                passes,
                elapsed=elapsed,
                chunks=None if self._chunks is None else max(1, self._chunks - finished),
                pass_seconds=max(self._recent, default=0.0),
                other_seconds=max(0.0, elapsed - self._in_passes / self._concurrency) / max(finished, 1),
                concurrency=self._concurrency,
            )


def phase_rotated(planes, degrees):
    """Planes of the spectrum whose phase is turned by an angle."""
    cosine, sine = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    real, imaginary = np.split(planes, 2, axis=-3)
    rotated = np.empty_like(planes)
    rotated[..., :2, :, :] = cosine * real - sine * imaginary
    rotated[..., 2:, :, :] = sine * real + cosine * imaginary
    return rotated


class _Typical:
    """The cheap estimate: of the mixture in each bin, the part that a target's estimates until now have had of it."""

    def __init__(self, targets, share):
        self._whole = np.full(1, 1e-6)
        self._taken = np.full((targets, 1), share) * self._whole

    def add(self, planes, estimates):
        self._taken = self._taken + np.einsum("tpfb,pfb->tb", estimates[0], planes[0])
        self._whole = self._whole + np.einsum("pfb,pfb->b", planes[0], planes[0])

    def estimates(self, planes):
        gains = (self._taken / self._whole).astype(np.float32)
        return gains[:, np.newaxis, np.newaxis] * planes[:, np.newaxis]
