"""The types that pass between modules: arrays, and the network."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import ArgumentError, LightSAFTError

Audio = NDArray[np.float32]
"""Samples float32 (channels, samples), full scale 1.0; stems of several targets are (targets, channels, samples)."""

Spectrum = NDArray[np.complex64]
"""Spectra complex64 (channels, frames, bins), one spectrum a row; estimates are (targets, channels, frames, bins)."""

Planes = NDArray[np.float32]
"""Spectra as the network takes them, float32 (1, 4, frames, bins): left real, right real, left imaginary, right
imaginary. Estimates are (1, targets, 4, frames, bins)."""

Stems = dict[str, Audio]
"""A block of stems, {target: float32 (channels, samples)}."""

Progress = Callable[[float, "float | None"], object]
"""A function of the part done and the total, which is None if it is not known."""


def to_array(value: object, what: str, error: type[LightSAFTError] = ArgumentError) -> NDArray[Any]:
    """Return a value as an array. Raises an error of the given type, which says that `what` was expected, for a value
    that is no array, and for an array with a mask, as the mask would be ignored."""
    if isinstance(value, np.ma.MaskedArray):
        raise error(f"expected {what} without a mask, got a masked array")
    try:
        return np.asarray(value)
    except Exception as reason:  # tensors of other libraries raise errors of their own
        raise error(f"expected {what}, got {type(value).__name__} ({reason})") from reason


def concurrency_of(network: object) -> int:
    """Return the number of threads that call a network at the same time (see `Network`)."""
    concurrency: int = getattr(network, "concurrency", 1)
    return concurrency


class Network(Protocol):
    """A separation network: any callable that follows the model contract.

    It may have two attributes. If `concurrency` is above 1, this number of threads calls it at the same time.
    `waiting()` returns a context in which the thread that does everything else waits for the estimates of a chunk.
    """

    def __call__(self, planes: Planes, targets: NDArray[np.int64], /) -> Planes:
        """Estimate targets.

        Parameters
        ----------
        planes : float32 array, shape (1, 4, frames, bins)
        targets : int64 array, shape (targets,)
            Indices of the targets.

        Returns
        -------
        float32 array, shape (1, targets, 4, frames, bins)
            The caller may change it.
        """
