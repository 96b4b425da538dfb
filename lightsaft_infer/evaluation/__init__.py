"""Scores of separated stems against true stems, in dB.

Audio is floating point (channels, samples), full scale 1.0.
"""

from .bss_eval import bss_eval
from .metrics import sdr, sdr_of_energies, si_sdr
from .scores import evaluate
from .song_tree import find_songs
from .table import table

__all__ = ["bss_eval", "evaluate", "find_songs", "sdr", "sdr_of_energies", "si_sdr", "table"]
