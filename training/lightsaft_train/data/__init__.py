"""Songs to train on, and the mixtures that are made of their stems."""

from .mixing import Mixer
from .remixing import edges
from .songs import ACCOMPANIMENT, SAMPLE_RATE, TARGETS, Song, songs_in, targets_of

__all__ = [
    "ACCOMPANIMENT",
    "SAMPLE_RATE",
    "TARGETS",
    "Mixer",
    "Song",
    "edges",
    "songs_in",
    "targets_of",
]
