"""Time limits: the number of passes of the network that each chunk gets, so that a track is done in time.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary; estimates are
(1, targets, 4, frames, bins).
"""

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .arguments import is_number, whole_number
from .arrays import Network, Planes, concurrency_of
from .chunking import checked_estimates
from .errors import ArgumentError
from .pass_policy import CAUTION, MAX_PASSES, Policy
from .passes import PHASE_ROTATIONS, AverageGains, phase_rotated

RECENT = 3  # the next pass is expected to take as long as the slowest of this number of passes


@dataclasses.dataclass(frozen=True)
class Work:
    """The work of one network on a track.

    Attributes
    ----------
    network : Network
    chunks : int or None
        Number of its chunks. None if it is not known; then no chunk gets a second pass.
    targets : int
        Number of targets that it estimates.
    gain : float
        The estimate of a target is the mixture times this factor, if a chunk gets no pass before the network has run.
    """

    network: Network
    chunks: int | None
    targets: int
    gain: float


class TimeLimit:
    """A limit on the time for one track, and a record of the passes that its chunks got.

    Parameters
    ----------
    seconds : float
        The limit, more than 0, from the call of `Separator.separate` or `separate_file` to its end.
    max_passes : int, optional
        Passes of the network that a chunk gets if there is time, 1 to 4.
    clock : callable, optional
        Returns seconds.

    Attributes
    ----------
    passes : Counter of int
        Number of chunks by the passes that they got: {0: 3, 1: 200} are three chunks with a cheap estimate, and 200
        with one pass.

    Raises
    ------
    ArgumentError
        If a number is out of range, or the limit has served another track.

    Examples
    --------
    >>> import numpy as np
    >>> from lightsaft_infer import Separator, TimeLimit
    >>> limit = TimeLimit(60, max_passes=1)
    >>> mixture = np.zeros((2, 44100), np.float32)
    >>> stems = Separator.from_file().separate(mixture, sample_rate=44100, time_limit=limit)
    >>> dict(limit.passes)
    {1: 1}
    """

    def __init__(
        self, seconds: float, *, max_passes: int = MAX_PASSES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not is_number(seconds) or not seconds > 0:
            raise ArgumentError(f"expected a time limit above 0 seconds, got {seconds!r}")
        max_passes = whole_number(max_passes, "max_passes", most=MAX_PASSES)
        self.passes: collections.Counter[int] = collections.Counter()
        self._policy = Policy(seconds, max_passes)
        self._clock = clock
        self._start: float | None = None
        self._progress: list[_Progress] = []
        self._kept = 0.0
        self._waits = 0  # for chunks, by the thread that does all but the passes
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._lock = threading.Lock()

    @classmethod
    def started(cls, limit: "float | TimeLimit | None") -> "TimeLimit | None":
        """Return a limit that counts from now, or continues to count.

        Parameters
        ----------
        limit : TimeLimit, or float (seconds), or None

        Returns
        -------
        TimeLimit or None
            None if `limit` is None.
        """
        if limit is None:
            return None
        limit = limit if isinstance(limit, cls) else cls(limit)  # type: ignore[arg-type]
        if limit._start is None:
            limit._start = limit._clock()
        return limit

    def limited(self, works: Sequence[Work]) -> "list[LimitedNetwork]":
        """Return networks for a track that keep to this limit.

        Parameters
        ----------
        works : sequence of Work
            One for each network.

        Returns
        -------
        list of LimitedNetwork

        Raises
        ------
        ArgumentError
            If the limit has served another track.
        """
        if self._progress:
            raise ArgumentError("expected a time limit that was not used for another track: make a new one")
        self._progress = [_Progress(work) for work in works]
        return [LimitedNetwork(self, progress) for progress in self._progress]

    @property
    def overrun(self) -> float:
        """Seconds that have passed since the end of the limit; 0 before."""
        return 0.0 if self._start is None else max(0.0, self._clock() - self._start - self._policy.limit)

    def keep(self, seconds: float) -> None:
        """Keep time for work after the last chunk, such as the conversion of stems."""
        self._kept = CAUTION * seconds

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Return a context in which the thread that does everything else waits for the estimates of a chunk.

        Its other time is the work without the network. Part of that work is done while the network runs in other
        threads. It takes time of its own when later chunks get no pass.
        """
        with self._lock:
            self._waits += 1
            self._waiting_since = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._waited += self._clock() - self._waiting_since
                self._waiting_since = None

    def _estimates(self, progress: "_Progress", planes: Planes, targets: NDArray[np.int64]) -> Planes:
        network = progress.work.network
        total: Planes | None = None
        passes = 0
        while self._allows_another(progress, passes):
            before = self._clock()
            if total is None:
                total = checked_estimates(network, planes, targets)
            else:
                angle = PHASE_ROTATIONS[passes]
                rotated = checked_estimates(network, phase_rotated(planes, angle), targets)
                total = total + phase_rotated(rotated, -angle)
            took = self._clock() - before
            with self._lock:
                progress.recent.append(took)
            passes += 1
        if total is not None and passes > 1:
            total = total / np.float32(passes)
        with self._lock:
            self.passes[passes] += 1
            progress.finished += 1
            if total is None:
                return progress.average_gains.estimates(planes)
            progress.average_gains.add(planes, total)
        return total

    def _allows_another(self, progress: "_Progress", passes: int) -> bool:
        with self._lock:
            assert self._start is not None, "started() comes first"
            now = self._clock()
            elapsed = now - self._start
            waited = self._waited + (0.0 if self._waiting_since is None else now - self._waiting_since)
            other_seconds = (elapsed - waited) / max(self._waits, 1)
            unwritten = self.passes.total() - max(self._waits - 1, 0)  # finished chunks that are not written yet
            pass_seconds = progress.pass_seconds
            # A network that has not run yet is expected to be as slow as the slowest one.
            slowest = max(each.pass_seconds for each in self._progress)
            every = sum(each.left * (each.pass_seconds or slowest) for each in self._progress)
            known = all(each.work.chunks is not None for each in self._progress)
            return self._policy.allows_another(
                passes,
                elapsed=elapsed + unwritten * other_seconds + self._kept,
                chunks=sum(each.left for each in self._progress) if known else None,
                pass_seconds=pass_seconds,
                other_seconds=other_seconds,
                later_seconds=every - (pass_seconds or slowest),
                concurrency=concurrency_of(progress.work.network),
            )


class LimitedNetwork:
    """A network whose chunks get the mean of as many passes as there is time for, or a cheap estimate.

    Several threads may call it at the same time. `TimeLimit.limited` makes it.

    Attributes
    ----------
    concurrency : int
        That of the network (see `lightsaft_infer.arrays.Network`).
    waiting : callable
        See `TimeLimit.waiting`.
    """

    def __init__(self, limit: TimeLimit, progress: "_Progress") -> None:
        self._limit, self._progress = limit, progress
        self.concurrency = concurrency_of(progress.work.network)
        self.waiting = limit.waiting

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        """Estimate targets (see `lightsaft_infer.arrays.Network`)."""
        return self._limit._estimates(self._progress, planes, targets)


class _Progress:
    """What a network has done so far."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.finished = 0
        self.recent: collections.deque[float] = collections.deque(maxlen=RECENT)
        self.average_gains = AverageGains(work.targets, work.gain)

    @property
    def pass_seconds(self) -> float:
        """The expected time of a pass."""
        return max(self.recent, default=0.0)

    @property
    def left(self) -> int:
        """Chunks that are not finished, 1 or more while one is being estimated."""
        return max(1, (self.work.chunks or 1) - self.finished)
