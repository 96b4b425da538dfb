"""The form in which the decoders of this package return a sound that they have opened."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

from ..arrays import Audio


class SampleSource(Protocol):
    """A sound that is read forward: `soundfile.SoundFile`, or an object with the same attributes.

    Attributes
    ----------
    samplerate : int
        In Hz.
    channels : int
    """

    samplerate: int
    channels: int

    def read(self, frames: int, dtype: str = ..., always_2d: bool = ...) -> Audio:
        """Return the next samples, shape (samples, channels): `frames` samples per channel, fewer only at the end."""


@dataclasses.dataclass(frozen=True)
class OpenedSound:
    """A sound that is ready to be read.

    Attributes
    ----------
    source : SampleSource
    samples : int or None
        Samples per channel. None if the length is not known before the end.
    check : callable or None
        Called after the last sample was read. It raises AudioError or OSError if the decoder reported a fault.
    """

    source: SampleSource
    samples: int | None
    check: Callable[[], None] | None = None
