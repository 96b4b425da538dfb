"""Conversion of the sample rate, as a stream."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .arrays import Audio


def resample_stream(blocks: Iterable[Audio], *, orig_sr: float, target_sr: float) -> Iterator[Audio]:
    """Convert blocks float32 (..., samples) from `orig_sr` to `target_sr` Hz, one by one.

    The resampler is libsoxr at its quality VHQ ("very high"), which librosa.resample calls too. The result does not
    depend on the sizes of the blocks, is aligned with the input, and has round(samples * target_sr / orig_sr) samples,
    or one more or less. `benchmarks/resampling.py` measures its aliasing.
    """
    if orig_sr == target_sr:
        yield from blocks
        return
    import soxr

    resampler, shape = None, ()
    for block in blocks:
        shape = block.shape[:-1]
        if resampler is None:
            resampler = soxr.ResampleStream(orig_sr, target_sr, int(np.prod(shape)), dtype="float32", quality="VHQ")
        yield _run(resampler, block, shape)
    if resampler is not None:
        yield _run(resampler, np.zeros((*shape, 0), np.float32), shape, last=True)


def _run(resampler: Any, block: Audio, shape: tuple[int, ...], last: bool = False) -> Audio:
    channels_last = np.ascontiguousarray(block.reshape(int(np.prod(shape)), block.shape[-1]).T)
    resampled: Audio = resampler.resample_chunk(channels_last, last=last).T
    return resampled.reshape(*shape, -1)
