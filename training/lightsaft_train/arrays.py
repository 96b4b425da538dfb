"""The types of arrays that pass between modules, for annotations."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsaft_infer.arrays import Audio, Stems

__all__ = ["Audio", "Floats", "Integers", "Rng", "SongProgress", "SourcedAudio", "SourcedStems", "Stems"]

Floats = NDArray[np.floating[Any]]
"""Floating point numbers of any width: audio, or a curve over time."""

Integers = NDArray[np.integer[Any]]
"""Whole numbers of any width."""

SourcedAudio = tuple[Audio, set[str]]
"""A stem of a pool song, or a part of it: audio float32 (2, samples), and the names of the sources that are heard."""

SourcedStems = dict[str, SourcedAudio]
"""The stems of a pool song, {name: sourced audio}. A name is a target, or several targets joined by "+"."""

Rng = np.random.Generator
"""The generator that everything random is drawn from."""

SongProgress = Callable[[int, int], object]
"""A function of the number of finished songs and the number of all songs."""
