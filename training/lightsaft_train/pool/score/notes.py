"""What instruments play: notes with times in seconds, in parts with a role, in a score."""

import dataclasses

import numpy as np

SAMPLE_RATE = 44100

ROLES = ("vocals", "drums", "bass", "other")


@dataclasses.dataclass(frozen=True)
class Note:
    """A note: start and duration in seconds, pitch as a MIDI note (a drum of General MIDI in parts for drums), velocity
    1 to 127."""

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclasses.dataclass(frozen=True)
class Part:
    """What one instrument plays. `role` is the stem that it belongs to, `program` a General MIDI programme (0 to 127),
    `style` what a composed part is ("pad", "pluck", "arpeggio", "lead", "chords", "riff", "effect"; "" if not told)."""

    role: str
    program: int
    notes: tuple
    style: str = ""


@dataclasses.dataclass(frozen=True)
class Score:
    """Parts that belong together. `tempo` in beats per minute, the first beat at 0 s; `tonic` a pitch class 0 to 11 and
    `minor`: its key, None where it is not known; `seconds`: its length."""

    seconds: float
    tempo: float
    parts: tuple
    tonic: int | None = None
    minor: bool | None = None

    def of(self, role):
        """The parts of a role."""
        return tuple(part for part in self.parts if part.role == role)


def silence(seconds):
    """Audio float32 (2, samples) to render into."""
    return np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)


def add(audio, sound, start):
    """Add a sound, (channels, samples) or (samples,), to the audio in place from `start` seconds on, cut at both."""
    first = round(start * SAMPLE_RATE)
    skip = max(0, -first)
    first = max(0, first)
    length = min(sound.shape[-1] - skip, audio.shape[-1] - first)
    if length > 0:
        audio[:, first : first + length] += sound[..., skip : skip + length]


def frequency(pitch):
    """Hertz of a MIDI note, A4 (69) = 440 Hz."""
    return 440.0 * 2.0 ** ((np.asarray(pitch, float) - 69) / 12)
