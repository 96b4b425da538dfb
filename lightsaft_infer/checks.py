"""Checks of audio, float32 (channels, samples), that comes from outside."""

import numpy as np

from .errors import AudioError

BLOCK_SAMPLES = 65536  # of each channel, read, separated and written at a time
SAMPLE_RATES = (8000, 192000)


def check_format(sample_rate, channels=2):
    """Raises AudioError unless the rate is a whole number of Hz in range and there are 1 or 2 channels."""
    low, high = SAMPLE_RATES
    if not (low <= sample_rate <= high and sample_rate == int(sample_rate)):
        raise AudioError(f"expected a sample rate of {low} to {high} Hz, got {sample_rate}")
    if channels not in (1, 2):
        raise AudioError(f"expected 1 or 2 channels, got {channels}")


def check_samples(block, *, channels, start):
    """Raises AudioError unless the block is floating point (channels, samples) and finite.

    `channels` is None where the number is not known yet; `start` is the position of the block's first sample.
    """
    if block.ndim != 2 or block.dtype.kind != "f":
        raise AudioError(f"expected floating point audio (channels, samples), got {block.dtype} {block.shape}")
    if block.shape[0] not in ((1, 2) if channels is None else (channels,)):
        raise AudioError(f"expected {channels or '1 or 2'} channels, got an array of shape {block.shape}")
    finite = np.isfinite(block).all(axis=0)
    if not finite.all():
        raise AudioError(f"expected finite samples, got NaN or infinity at sample {start + finite.argmin()}")
