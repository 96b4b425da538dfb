"""The form in which sound is read, whatever decodes it."""

from typing import Protocol

from ..arrays import Audio


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
    while done < count and (read := source.read(min(65536, count - done)).shape[1]):
        done += read
    return done
