"""Instruments that play scores: synthesisers, samplers, drum kits, SoundFonts, amplifiers."""

from . import drumkits, drumloops, kitfiles, rigs, sampler, soundfonts, synths
from .synth_voices import HIGH, HOP, LOW, SAW, oscillate, sweep, ticks

__all__ = [
    "HIGH",
    "HOP",
    "LOW",
    "SAW",
    "drumkits",
    "drumloops",
    "kitfiles",
    "oscillate",
    "rigs",
    "sampler",
    "soundfonts",
    "sweep",
    "synths",
    "ticks",
]
