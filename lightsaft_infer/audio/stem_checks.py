"""Checks of what the writers of stems get: the clip policy, and the samples in a block.

Audio is float32 (channels, samples), full scale 1.0.
"""

from collections.abc import Mapping

import numpy as np

from ..arrays import Audio, to_array
from ..errors import ArgumentError

CLIP_POLICIES = ("scale", "clamp", "error")


def check_clip(clip: str) -> None:
    """Raise ArgumentError unless a clip policy is known."""
    if clip not in CLIP_POLICIES:
        raise ArgumentError(f"expected clip to be one of {', '.join(CLIP_POLICIES)}, got {clip!r}")


def check_stem(stems: Mapping[str, Audio], target: str, channels: int) -> Audio:
    """Return the samples of a target in a block. Raises ArgumentError if they are missing, or not finite floating-point
    samples (channels, samples)."""
    if not isinstance(stems, Mapping) or target not in stems:
        found = ", ".join(map(str, stems)) if isinstance(stems, Mapping) else type(stems).__name__
        raise ArgumentError(f"expected a block of stems with {target}, got {found or 'an empty one'}")
    expected = f"floating-point samples ({channels}, samples) of {target}"
    block = to_array(stems[target], expected)
    if block.ndim != 2 or block.shape[0] != channels or block.dtype.kind != "f":
        raise ArgumentError(f"expected {expected}, got {block.dtype} {block.shape}")
    if not np.isfinite(block).all():
        raise ArgumentError(f"expected finite samples of {target}, got NaN or infinity")
    # soundfile takes no other type, and would take samples of another byte order for noise.
    return block if block.dtype in (np.float32, np.float64) else block.astype(np.float32)
