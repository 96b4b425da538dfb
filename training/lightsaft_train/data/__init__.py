"""Songs to train on, and the mixtures that are made of their stems."""

from .mixing import Mixer
from .remixing import edges
from .tracks import ACCOMPANIMENT, SAMPLE_RATE, TARGETS, DataError, Track, find_tracks, targets_of

__all__ = [
    "ACCOMPANIMENT",
    "SAMPLE_RATE",
    "TARGETS",
    "DataError",
    "Mixer",
    "Track",
    "edges",
    "find_tracks",
    "targets_of",
]
