"""Notes with times in seconds, in parts with a role, in a score. Instruments play them."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...arrays import Audio, Floats
from ...data import SAMPLE_RATE

ROLES = ("vocals", "drums", "bass", "other")


@dataclasses.dataclass(frozen=True)
class Note:
    """A note.

    Parameters
    ----------
    start, duration
        In seconds.
    pitch
        A MIDI note; in parts for drums a drum of General MIDI.
    velocity
        1 to 127.
    """

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclasses.dataclass(frozen=True)
class Part:
    """The notes of one instrument.

    Parameters
    ----------
    role
        The stem that it belongs to, one of ROLES.
    program
        A General MIDI programme, 0 to 127.
    notes
        The notes.
    style
        Kind of a composed part: "pad", "pluck", "arpeggio", "lead", "chords", "riff" or "effect"; "" if it is unknown.
    """

    role: str
    program: int
    notes: tuple[Note, ...]
    style: str = ""


@dataclasses.dataclass(frozen=True)
class Score:
    """Parts that belong together.

    Parameters
    ----------
    seconds
        Length.
    tempo
        In beats per minute. The first beat is at 0 s.
    parts
        The parts.
    tonic, minor
        The key: a pitch class 0 to 11, and whether it is minor. None if they are not known.
    """

    seconds: float
    tempo: float
    parts: tuple[Part, ...]
    tonic: int | None = None
    minor: bool | None = None

    def of(self, role: str) -> tuple[Part, ...]:
        """Return the parts of a role."""
        return tuple(part for part in self.parts if part.role == role)


def silence(seconds: float) -> Audio:
    """Return silent audio (2, samples) to render into."""
    return np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)


def add(audio: Audio, sound: Floats, start: float) -> None:
    """Add a sound, (channels, samples) or (samples,), to audio in place.

    The sound begins at `start` seconds, and is cut at both ends of the audio.
    """
    first = round(start * SAMPLE_RATE)
    skip = max(0, -first)
    first = max(0, first)
    length = min(sound.shape[-1] - skip, audio.shape[-1] - first)
    if length > 0:
        audio[:, first : first + length] += sound[..., skip : skip + length]


def frequency(pitch: ArrayLike) -> NDArray[np.float64]:
    """Return the frequency in Hz of MIDI notes; A4 (69) has 440 Hz."""
    return 440.0 * 2.0 ** ((np.asarray(pitch, float) - 69) / 12)
