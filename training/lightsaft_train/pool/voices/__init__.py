"""Voices: recordings, singing, and the production of vocal stems."""

from . import recordings, singing
from .production import double, doubled, process
from .recordings import BANDWIDTHS

__all__ = ["BANDWIDTHS", "double", "doubled", "process", "recordings", "singing"]
