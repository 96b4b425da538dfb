"""The form in which sound is read, whatever decodes it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ..arrays import Audio
from ..blocks import BLOCK_SAMPLES


class Source(Protocol):
    """A sound that is read from its start to its end.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    speakers : tuple of str
        The name of each channel's speaker: FL, FR, FC, LFE, BL, BR, SL, SR and others, "" if it is not known.
    samples : int or None
        Samples per channel. None if the length is not known before the end.
    """

    sample_rate: int
    channels: int
    speakers: tuple[str, ...]
    samples: int | None

    def read(self, count: int) -> Audio:
        """Return the next samples, float32 (channels, samples): `count` per channel, fewer only at the end.

        Raises AudioError, which does not name the file, if the sound is damaged or truncated.
        """

    def skip(self, count: int) -> int:
        """Leave out samples. Returns the number that was left out: fewer than `count` only at the end."""


def read_and_skip(source: Source, count: int) -> int:
    """Leave out samples of a source by reading them (see `Source.skip`)."""
    done = 0
    while done < count and (read := source.read(min(BLOCK_SAMPLES, count - done)).shape[1]):
        done += read
    return done


class BufferedBlocks:
    """The samples of blocks of any length, float32 (channels, samples), to be read in other lengths."""

    def __init__(self, blocks: Iterator[Audio], channels: int) -> None:
        self._blocks = blocks
        self._left: Audio = np.empty((channels, 0), np.float32)

    def read(self, count: int) -> Audio:
        """Return the next samples (see `Source.read`)."""
        parts, total = [self._left], self._left.shape[1]
        while total < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            total += block.shape[1]
        audio = np.concatenate(parts, axis=1)
        self._left = audio[:, count:]
        return audio[:, :count]
