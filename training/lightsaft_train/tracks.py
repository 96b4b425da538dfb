"""Trees of songs whose stems are known: the layout of MUSDB18-HQ, which the training pool shares.

A song is a folder that holds `vocals`, `drums`, `bass` and `other`, each as WAV or FLAC, all of one length at 44.1 kHz;
a mixture beside them is not read: mixtures are made of stems. A song of the pool may lack stems. Audio is float32
(2, samples), full scale 1.0.
"""

import dataclasses
from pathlib import Path

import numpy as np
import soundfile as sf

TARGETS = ("vocals", "drums", "bass", "other")
SAMPLE_RATE = 44100


class DataError(Exception):
    """Training data is missing or not what it should be."""


@dataclasses.dataclass(frozen=True)
class Track:
    """A song: `stems` maps a target to its file, `samples` is their common length."""

    path: Path
    stems: dict
    samples: int

    def read(self, target, start, samples):
        """A stretch of a stem, float32 (2, samples); a mono file serves for both channels. DataError: it is shorter."""
        audio, _ = sf.read(self.stems[target], samples, start, dtype="float32", always_2d=True)
        if len(audio) < samples:
            got = f"got {len(audio)} samples from {start}"
            raise DataError(f"expected {samples} samples, {got}: {self.stems[target]}")
        return np.ascontiguousarray(np.broadcast_to(audio.T, (2, samples)))


def find_tracks(root):
    """The songs of a tree, sorted by path: `root` itself, or any folder under it, that holds stems.

    Raises DataError: no song, or stems that differ in length, are not at 44.1 kHz, or have more than 2 channels.
    """
    files = {}
    for target in TARGETS:
        for suffix in (".wav", ".flac"):
            for file in Path(root).rglob(target + suffix):
                files.setdefault(file.parent, {})[target] = file
    tracks = [_track(path, files[path]) for path in sorted(files) if not path.name.startswith(".")]
    if not tracks:
        names = ", ".join(f"{target}.wav" for target in TARGETS)
        raise DataError(f"expected folders that hold {names}, found none: {root}")
    return tracks


def _track(path, stems):
    lengths = {}
    for target, file in sorted(stems.items()):
        try:
            info = sf.info(file)
        except sf.LibsndfileError as error:
            raise DataError(f"expected an audio file ({error}): {file}") from error
        if info.samplerate != SAMPLE_RATE or info.channels > 2:
            got = f"got {info.samplerate} Hz, {info.channels} channels"
            raise DataError(f"expected {SAMPLE_RATE} Hz and 1 or 2 channels, {got}: {file}")
        lengths[target] = info.frames
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{target} {length}" for target, length in lengths.items())
        raise DataError(f"expected stems of one length, got samples: {told}: {path}")
    return Track(path, {target: stems[target] for target in TARGETS if target in stems}, min(lengths.values()))
