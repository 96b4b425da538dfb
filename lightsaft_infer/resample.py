"""Sample rate conversion as a stream."""

import numpy as np


def resample_stream(blocks, *, orig_sr, target_sr):
    """Yield blocks float32 (..., samples) at `target_sr` Hz as blocks at `orig_sr` Hz come.

    The resampler is libsoxr at its very high quality, which librosa.resample calls too; the result does not depend on
    the blocks' sizes, is aligned with the input, and has round(samples * target_sr / orig_sr) samples, give or take
    one. `benchmarks/resampling.py` measures its aliasing.
    """
    if orig_sr == target_sr:
        yield from blocks
        return
    import soxr

    resampler = None
    for block in blocks:
        shape = block.shape[:-1]
        if resampler is None:
            resampler = soxr.ResampleStream(orig_sr, target_sr, int(np.prod(shape)), dtype="float32", quality="VHQ")
        yield _run(resampler, block, shape)
    if resampler is not None:
        yield _run(resampler, np.zeros((*shape, 0), np.float32), shape, last=True)


def _run(resampler, block, shape, last=False):
    channels_last = np.ascontiguousarray(block.reshape(int(np.prod(shape)), block.shape[-1]).T)
    return resampler.resample_chunk(channels_last, last=last).T.reshape(*shape, -1)
