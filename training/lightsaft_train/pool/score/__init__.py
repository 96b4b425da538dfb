"""Scores: notes in parts, composed by rule or read from MIDI files."""

from . import compose, midi
from .accompaniment import GUITARS
from .harmony import MAJOR, MINOR
from .midi import DRUM_CHANNEL
from .notes import SAMPLE_RATE, Note, Part, Score, add, frequency, silence

__all__ = [
    "DRUM_CHANNEL",
    "GUITARS",
    "MAJOR",
    "MINOR",
    "SAMPLE_RATE",
    "Note",
    "Part",
    "Score",
    "add",
    "compose",
    "frequency",
    "midi",
    "silence",
]
