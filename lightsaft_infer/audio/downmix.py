"""Downmix of several channels to stereo, with the coefficients of ITU-R BS.775."""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Audio
from ..errors import AudioError

HALF_POWER = np.sqrt(0.5)
# Gains to left and right. The channel of low frequencies (LFE) is left out, as the recommendation says.
GAINS = {
    "FL": (1, 0),
    "FR": (0, 1),
    "FC": (HALF_POWER, HALF_POWER),
    "LFE": (0, 0),
    "BL": (HALF_POWER, 0),
    "BR": (0, HALF_POWER),
    "SL": (HALF_POWER, 0),
    "SR": (0, HALF_POWER),
    "BC": (0.5, 0.5),
    "FLC": (1, 0),
    "FRC": (0, 1),
}
# The speakers of files that do not name them, by their number: the order of WAV and FLAC.
LAYOUTS = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
MASK = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR")  # by the bits of WAV's channel mask


def default_speakers(channels: int) -> tuple[str, ...]:
    """Return the speakers of a file that does not name them, "" if there is no convention for their number."""
    return LAYOUTS.get(channels, ("",) * channels)


def masked_speakers(mask: int, channels: int) -> tuple[str, ...]:
    """Return the speakers of WAV's channel mask, or the default ones if the mask does not name all channels."""
    named = tuple(name for bit, name in enumerate(MASK) if mask >> bit & 1)
    return named if len(named) == channels and not mask >> len(MASK) else default_speakers(channels)


def downmix_matrix(speakers: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the gains (2, channels) to left and right. Raises AudioError for a speaker that has none."""
    if unknown := [name for name in speakers if name not in GAINS]:
        expected = f"expected channels of the speakers {', '.join(GAINS)} for a downmix"
        raise AudioError(f"{expected}, got {len(speakers)} channels with {', '.join(map(repr, unknown))}")
    return np.array([GAINS[name] for name in speakers], np.float32).T


def downmixed(audio: Audio, matrix: NDArray[np.float32]) -> Audio:
    """Return audio (channels, samples) as stereo (2, samples)."""
    return np.ascontiguousarray(matrix @ audio)
