"""Blocks of audio: their size, the checks that they pass, the mixture that is kept until its stems are complete, and
the stems."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arguments import is_number
from .arrays import Audio, Stems, to_array
from .errors import AudioError, ModelError

BLOCK_SAMPLES = 65536  # samples per channel that are read, separated and written at a time
SAMPLE_RATE_RANGE = (8000, 192000)  # in Hz


def check_format(sample_rate: float, channels: int = 2) -> None:
    """Raise AudioError unless the rate is a whole number of Hz in range and there are 1 or 2 channels."""
    low, high = SAMPLE_RATE_RANGE
    if not is_number(sample_rate) or not low <= sample_rate <= high or sample_rate % 1 != 0:
        raise AudioError(f"expected a sample rate of {low} to {high} Hz, got {sample_rate!r}")
    if channels not in (1, 2):
        hint = " (downmix mixes them to stereo)" if channels > 2 else ""
        raise AudioError(f"expected 1 or 2 channels, got {channels}{hint}")


def check_samples(block: NDArray[np.generic], *, channels: int | None, start: int) -> Audio:
    """Return a block of floating-point samples (channels, samples) as float32.

    `channels` is None if the number is not known yet; `start` is the position of the block's first sample in the track.

    Raises AudioError for an array of another type or shape, and for NaN or infinity.
    """
    if block.ndim != 2 or block.dtype.kind != "f":
        raise AudioError(f"expected floating-point audio (channels, samples), got {block.dtype} {block.shape}")
    if block.shape[0] not in ((1, 2) if channels is None else (channels,)):
        raise AudioError(f"expected {channels or '1 or 2'} channels, got an array of shape {block.shape}")
    with np.errstate(over="ignore"):  # such values become infinite and are reported below
        audio = block.astype(np.float32, copy=False)
    finite = np.isfinite(audio).all(axis=0)
    if not finite.all():
        raise AudioError(f"expected finite samples, got NaN or infinity at sample {start + finite.argmin()}")
    return audio


def to_audio(audio: ArrayLike) -> NDArray[np.generic]:
    """Return audio as an array. Raises AudioError if it is none, for example for rows of different lengths."""
    return to_array(audio, "floating-point audio (channels, samples)", AudioError)


def checked(blocks: Iterable[ArrayLike]) -> Iterator[Audio]:
    """Yield the blocks as float32. Raises AudioError if they are not audio, or if there is none."""
    done, channels = 0, None
    for block in blocks:
        audio = check_samples(to_audio(block), channels=channels, start=done)
        channels = audio.shape[0]
        done += audio.shape[1]
        yield audio
    if not done:
        raise AudioError("expected audio, got 0 samples")


def reblocked(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """Yield the same samples in blocks of BLOCK_SAMPLES samples; the last one is shorter. Results then do not depend on
    the caller's blocks."""
    parts: list[Audio] = []
    count = 0
    for block in blocks:
        while count + block.shape[1] >= BLOCK_SAMPLES:
            head, block = np.split(block, [BLOCK_SAMPLES - count], axis=1)
            yield np.concatenate([*parts, head], axis=1)
            parts, count = [], 0
        if block.shape[1]:
            # A copy: the caller may fill the same buffer again.
            parts.append(block.copy())
            count += block.shape[1]
    if parts:
        yield np.concatenate(parts, axis=1)


class MixtureBuffer:
    """Keeps the mixture's samples until their stems are complete."""

    def __init__(self) -> None:
        self._held: Audio = np.empty((0, 0), np.float32)

    def through(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Yield the blocks, and keep their samples."""
        for block in blocks:
            self._held = np.concatenate([self._held, block], axis=1) if self._held.size else block
            yield block

    def take(self, count: int | None) -> Audio:
        """Return the next `count` samples, fewer if the mixture has ended; None: all that are left."""
        taken = self._held[:, :count]
        self._held = self._held[:, taken.shape[1] :]
        return taken


@dataclasses.dataclass(frozen=True)
class StemBlocks:
    """Makes blocks of stems from blocks of estimates.

    Attributes
    ----------
    targets : tuple of str
        The targets that are estimated.
    residual : str or None
        The name of one more stem, the mixture minus the sum of the estimates.
    spread : bool
        Whether each stem gets an equal part of the mixture minus the sum of the estimates, so that they sum to it.
    """

    targets: tuple[str, ...]
    residual: str | None
    spread: bool

    def of(self, estimates: Audio, mixture: Audio) -> Stems:
        """Return {name: (channels, samples)} of the mixture's shape, from estimates (targets, 2, samples)."""
        stems = estimates[..., : mixture.shape[1]]
        if stems.shape[1] > mixture.shape[0]:
            stems = stems.mean(axis=1, keepdims=True)
        if not np.isfinite(stems).all():
            raise ModelError("expected finite estimates from the network, got NaN or infinity")
        if self.spread:
            stems = stems + (mixture - stems.sum(axis=0)) / len(stems)
        named = dict(zip(self.targets, stems, strict=True))
        if self.residual is not None:
            named[self.residual] = mixture - stems.sum(axis=0)
        return named
