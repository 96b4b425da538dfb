"""The decision whether a chunk gets another pass of the network, under a time limit."""

import dataclasses

from .passes import PHASE_ROTATIONS

MAX_PASSES = len(PHASE_ROTATIONS)
CAUTION = 1.25  # factor on the expected time of passes that could be left out
RESERVE = 0.02  # part of the limit that is kept for the work after the last chunk


@dataclasses.dataclass(frozen=True)
class Policy:
    """The decision whether a chunk gets another pass.

    Attributes
    ----------
    limit : float
        Seconds for the whole track.
    max_passes : int
        Passes that a chunk may get, 1 or more.
    """

    limit: float
    max_passes: int = MAX_PASSES

    def allows_another(
        self,
        passes: int,
        *,
        elapsed: float,
        chunks: int | None,
        pass_seconds: float,
        other_seconds: float,
        later_seconds: float,
        concurrency: int = 1,
    ) -> bool:
        """Decide whether a chunk that has had a number of passes gets one more.

        The first pass is given if it ends in time, assuming that all later chunks get none. A further pass is given
        only if all later chunks can have as many, so that the quality is even.

        Parameters
        ----------
        passes : int
            Passes that the chunk has had.
        elapsed : float
            Seconds since the start.
        chunks : int or None
            Chunks that are not finished, including this one. None if the length of the track is not known.
        pass_seconds : float
            Expected time of a pass.
        other_seconds : float
            Expected time of the other work for a chunk.
        later_seconds : float
            Expected time of one pass over each later chunk, all together.
        concurrency : int
            Number of chunks that get passes at the same time.

        Returns
        -------
        bool
        """
        left = self.limit * (1 - RESERVE) - elapsed - (1 if chunks is None else chunks) * other_seconds
        if passes == 0:
            return pass_seconds <= left
        if passes >= self.max_passes or chunks is None:
            return False
        return CAUTION * (pass_seconds + later_seconds * (passes + 1) / concurrency) <= left
