"""The peak of an instrument's audio, and its place between left and right."""

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Floats

PEAK = 10 ** (-3 / 20)  # of the audio of an instrument: -3 dB of full scale


def pan_gains(place: ArrayLike) -> Floats:
    """Return the gains (2, ...) of left and right for places (...) from -1 (left) to 1 (right), at constant power.

    The squares of the two gains sum to 1.
    """
    angle = (np.asarray(place) + 1) * np.pi / 4
    return np.stack([np.cos(angle), np.sin(angle)])
