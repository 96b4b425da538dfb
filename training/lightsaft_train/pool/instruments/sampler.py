"""Multisampled basses, guitars, keyboards and winds: recorded single notes that play parts."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np
import soundfile
import soxr

from ...arrays import Audio, Rng
from ...errors import DataError
from ..score import SAMPLE_RATE, Part, add
from . import performance, rigs
from .performance import Played

REACH = 6  # semitones that the pitch of a sample is changed by at most
KEPT = 128  # decoded samples of an instrument, 0.7 MB each
LEVEL = 0.1  # RMS of a sample's first 0.4 s
OFFSETS = {  # semitones to add to the notes in the file names, measured
    "growly": -12,
    "pasta": -12,
    "swag": -12,
    "alto_sax": 12,
    "baritone_sax": 12.2,
    "banjo": 24.2,
}
INSTRUMENTS = (  # name, folder, pattern of its files' names, kind
    ("ergo", "bass/ergo", "", "upright"),
    ("fashion", "bass/fashion", "", "bass"),
    ("growly_sustain", "bass/growly", "^sustain", "bass"),
    ("growly_staccato", "bass/growly", "^staccato", "bass"),
    ("meat", "bass/meat", "", "upright"),
    ("pasta_fetuccine", "bass/pasta", "fetuccine", "bass"),
    ("pasta_linguine", "bass/pasta", "linguine", "bass"),
    ("pasta_spaghetti", "bass/pasta", "spaghetti", "bass"),
    ("pasta_tagliatelle", "bass/pasta", "tagliatelle", "bass"),
    ("swag", "bass/swag", "", "bass"),
    ("alto_sax", "other/alto_sax", "", "sax"),
    ("baritone_sax", "other/baritone_sax", "looped|subtone", "sax"),
    ("baritone_sax_short", "other/baritone_sax", r"_vl\d", "sax"),
    ("banjo", "other/banjo", "", "acoustic"),
    ("cp80", "other/e_piano", "^cp80", "keys"),
    ("pianet", "other/e_piano", "^pianet", "keys"),
    ("wurlitzer", "other/e_piano", "^wurlitzer", "keys"),
    ("emily_guitar", "other/emily_guitar", "", "electric"),
    ("shiny_acoustic", "other/shiny_guitar", "acoustic", "acoustic"),
    ("shiny_electric", "other/shiny_guitar", "electric", "electric"),
)
METAL = pathlib.Path("/usr/share/games/fretsonfire/data/songs/muldjord")  # fretsonfire-songs-muldjord, CC-BY-SA-3.0
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_DYNAMICS = {"pp": 0.1, "p": 0.3, "soft": 0.35, "mp": 0.45, "mf": 0.6, "f": 0.75, "hard": 0.85, "ff": 0.9, "fff": 1.0}


def pitch_of(stem: str) -> int | None:
    """Return the MIDI note that a file's name gives (C4 = 60); None if it gives none."""
    number = re.search(r"_(\d{2,3})_[a-g]#?\d|string\d_(?:hard|soft)_(\d\d)$", stem)
    if number:
        return int(number[1] or number[2])
    note = re.search(r"(?:^|_)([a-g])([b#]?)(\d)(?=_|$|pp|mp|mf|p|f)", stem)
    if note is None:
        return None
    return 12 * (int(note[3]) + 1) + _STEPS[note[1]] + {"b": -1, "": 0, "#": 1}[note[2]]


def loudness_of(stem: str) -> float:
    """Return how loud the note of a file was played, 0 to 1, by its name."""
    layer = re.search(r"_vl(\d)", stem)
    if layer:
        return int(layer[1]) / 4 - 0.125
    word = re.search(r"(?:_|\d)(fff|ff|mf|f|pp|mp|p|soft|hard)(?=_|$)", stem)
    return _DYNAMICS[word[1]] if word else 0.6


@dataclasses.dataclass(frozen=True)
class Sample:
    """A recorded note: its file, pitch (MIDI, with fractions) and loudness 0 to 1."""

    path: pathlib.Path
    pitch: float
    loudness: float


@dataclasses.dataclass
class Multisample:
    """An instrument of recorded notes. They are decoded when they are first played, and kept.

    Parameters
    ----------
    name
        Name of the instrument.
    role
        Its stem.
    kind
        "bass", "upright", "electric", "acoustic", "keys" or "sax".
    samples
        The recorded notes.
    """

    name: str
    role: str
    kind: str
    samples: tuple[Sample, ...]
    decoded: dict[pathlib.Path, Audio] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], only: str = "", kind: str = "keys", name: str | None = None
    ) -> "Multisample":
        """Return the instrument of the files in a folder whose names fit the pattern `only`.

        Raises
        ------
        DataError
            If there are no such files.
        """
        folder = pathlib.Path(folder)
        samples: list[Sample] = []
        for path in sorted((*folder.glob("*.ogg"), *folder.glob("*.wav"), *folder.glob("*.flac"))):
            pitch = pitch_of(path.stem)
            if pitch is not None and re.search(only, path.stem):
                samples.append(Sample(path, pitch + OFFSETS.get(folder.name, 0), loudness_of(path.stem)))
        if not samples:
            raise DataError(f"no samples of notes in: {folder}")
        role = "bass" if kind in ("bass", "upright") else "other"
        return cls(name or folder.name, role, kind, tuple(samples))

    def play(self, part: Part, seconds: float, rng: Rng) -> Audio:
        """Play a part. Strumming, muting, timing, effects and place are drawn.

        Notes out of the range of the instrument are moved by octaves.

        Returns
        -------
        float32 array, shape (2, samples)
            Peak at -3 dB of full scale or less.
        """
        rig = rigs.choose(self.kind, part, rng)
        notes = performance.arrange(part.notes, self.kind, rig == "distorted", rng)
        wall = part.program in (29, 30) and part.style == "chords"
        takes = 2 if rig != "clean" and (wall or rng.random() < 0.6) else 1
        audio = [self._take(notes, seconds, rng) for _ in range(takes)]
        return rigs.amplify(audio, self.kind, rig, rng)

    def _take(self, notes: Iterable[Played], seconds: float, rng: Rng) -> Audio:
        """Play the dry notes once, (1, samples), each time a little differently."""
        audio = np.zeros((1, round(seconds * SAMPLE_RATE)), np.float32)
        loose, dynamics = rng.uniform(0, 0.009), rng.uniform(0.3, 1.3)
        release, last = rng.uniform(0.03, 0.2) * (1.5 if self.kind == "keys" else 1), None
        for note in notes:
            velocity = float(np.clip(note.velocity / 127 + 0.04 * rng.normal(), 0.05, 1))
            start = max(0.0, note.start + loose * rng.normal())
            if start < seconds:
                pitch = self._within(note.pitch)
                last = self._draw(pitch, velocity, last, rng)
                length = min(note.duration, seconds - start)
                sound = self._sound(last, pitch, dataclasses.replace(note, duration=length), release)
                add(audio, sound * np.float32(velocity**dynamics), start)
        return audio

    def _within(self, pitch: float) -> float:
        """Return the pitch moved by octaves into the reach of the samples."""
        low, high = min(s.pitch for s in self.samples) - REACH, max(s.pitch for s in self.samples) + REACH
        while pitch < low:
            pitch += 12
        while pitch > high:
            pitch -= 12
        return pitch

    def _draw(self, pitch: float, velocity: float, last: Sample | None, rng: Rng) -> Sample:
        """Draw one of the samples nearest in pitch and loudness. It is not the last one again if there are others."""
        cost = np.array([abs(s.pitch - pitch) + 5 * abs(s.loudness - velocity) for s in self.samples])
        cost += [100 * (abs(s.pitch - pitch) > REACH + 0.5) for s in self.samples]
        near = [self.samples[at] for at in np.flatnonzero(cost <= cost.min() + 0.7)]
        near = [sample for sample in near if sample is not last] or near
        return near[int(rng.integers(len(near)))]

    def _decoded(self, sample: Sample) -> Audio:
        """Return a recorded note (n,) at 44.1 kHz, without the silence before it, at one loudness."""
        if sample.path not in self.decoded:
            if len(self.decoded) >= KEPT:
                self.decoded.clear()
            sound, rate = soundfile.read(sample.path, dtype="float32", always_2d=True)
            sound = sound.mean(axis=1)
            sound = sound if rate == SAMPLE_RATE else soxr.resample(sound, rate, SAMPLE_RATE)
            first = max(0, int(np.argmax(np.abs(sound) > 0.05 * np.abs(sound).max())) - 200)
            sound = sound[first:]
            fade = min(2000, len(sound))
            sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
            sound[: min(60, fade)] *= np.linspace(0, 1, min(60, fade), dtype=np.float32)
            rms = np.sqrt(np.mean(np.square(sound[: round(0.4 * SAMPLE_RATE)])))
            self.decoded[sample.path] = sound * np.float32(LEVEL / max(float(rms), 1e-6))
        return self.decoded[sample.path]

    def _sound(self, sample: Sample, pitch: float, note: Played, release: float) -> Audio:
        """Return the note (n,): the sample at the pitch, as long as the note, and faded out in `release` seconds."""
        ratio = 2 ** ((pitch - sample.pitch) / 12)
        skip = 1500 if note.tied else 0
        length = round((note.duration + release) * SAMPLE_RATE)
        sound = self._decoded(sample)[skip : skip + round(length * ratio) + 64]
        if abs(ratio - 1) > 1e-4 and len(sound) > 1:
            sound = soxr.resample(sound, ratio * SAMPLE_RATE, SAMPLE_RATE, quality="MQ")
        sound = sound[:length].copy()
        if note.tied:
            fade = min(900, len(sound))
            sound[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        held = round(note.duration * SAMPLE_RATE)
        tail = len(sound) - held
        if tail > 0:
            sound[held:] *= np.linspace(1, 0, length - held, dtype=np.float32)[:tail] ** 2
        if note.decay:
            sound *= np.exp(-np.arange(len(sound), dtype=np.float32) / np.float32(note.decay * SAMPLE_RATE))
        return sound


def instruments(data_folder: str | os.PathLike[str]) -> tuple[Multisample, ...]:
    """Return the multisampled instruments below the data folder ("bass/...", "other/...")."""
    places = [(name, pathlib.Path(data_folder) / folder, only, kind) for name, folder, only, kind in INSTRUMENTS]
    return tuple(Multisample.load(folder, only, kind, name) for name, folder, only, kind in places if folder.is_dir())


def metal_guitars(folder: str | os.PathLike[str] = METAL) -> tuple[pathlib.Path, ...]:
    """Return the paths of the guitar stems of metal songs, for the role `other`."""
    return tuple(sorted(pathlib.Path(folder).glob("*/guitar.ogg")))
