"""Voices: recordings, singing, and the production of vocal stems."""

from . import recordings, singing
from .production import doublings, produce, sung_again
from .recordings import BANDWIDTHS

__all__ = ["BANDWIDTHS", "doublings", "produce", "recordings", "singing", "sung_again"]
