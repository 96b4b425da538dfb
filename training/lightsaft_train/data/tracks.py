"""Trees of songs whose stems are known: the layout of MUSDB18-HQ, which the training pool shares.

A song is a folder that holds `vocals`, `drums`, `bass` and `other`, each as WAV or FLAC, all of one length at 44.1 kHz;
a mixture beside them is not read: mixtures are made of stems. A song may lack stems. A file may also be the sum of
several targets (a partial label): it is named after them, `drums+bass+other.wav`; `accompaniment` and `instrumental`
are other names of this very sum. A song's `song.json`, if there is one, may give a stem's bandwidth in Hz, above which
it has nothing. Audio is float32 (2, samples), full scale 1.0.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import soundfile as sf

TARGETS = ("vocals", "drums", "bass", "other")
ACCOMPANIMENT = "drums+bass+other"
SYNONYMS = {"accompaniment": ACCOMPANIMENT, "instrumental": ACCOMPANIMENT}
SAMPLE_RATE = 44100


class DataError(Exception):
    """Training data is missing or not what it should be."""


def targets_of(name):
    """The targets that a stem of this name is the sum of, in the order of TARGETS; () if it is no stem's name."""
    parts = SYNONYMS.get(name, name).split("+")
    known = tuple(target for target in TARGETS if target in parts)
    return known if len(known) == len(parts) else ()


@dataclasses.dataclass(frozen=True)
class Track:
    """A song.

    `stems` maps a stem's name, a target or several joined by "+", to its file. `samples` is their common length.
    `bandwidths` maps names of stems that have no treble to the frequency in Hz at which they end.
    """

    path: Path
    stems: dict
    samples: int
    bandwidths: dict = dataclasses.field(default_factory=dict)

    @property
    def parts(self):
        """Names of stems that share no target, and so sum to the mixture: single targets, and sums of others."""
        single = set(self.stems) & set(TARGETS)
        return tuple(name for name in self.stems if name in single or not single & set(targets_of(name)))

    def read(self, stem, start, samples):
        """A stretch of a stem, float32 (2, samples); a mono file serves for both channels. DataError: it is shorter."""
        audio, _ = sf.read(self.stems[stem], samples, start, dtype="float32", always_2d=True)
        if len(audio) < samples:
            got = f"got {len(audio)} samples from {start}"
            raise DataError(f"expected {samples} samples, {got}: {self.stems[stem]}")
        return np.ascontiguousarray(np.broadcast_to(audio.T, (2, samples)))


def find_tracks(root):
    """The songs of a tree, sorted by path: `root` itself, or any folder under it, that holds stems.

    Raises DataError: no song, or stems that differ in length, are not at 44.1 kHz, or have more than 2 channels.
    """
    files = {}
    for file in sorted(Path(root).rglob("*")):
        targets = targets_of(file.stem) if file.suffix in (".wav", ".flac") else ()
        if targets:
            files.setdefault(file.parent, {}).setdefault("+".join(targets), file)
    tracks = [_track(path, files[path]) for path in sorted(files) if not path.name.startswith(".")]
    if not tracks:
        names = ", ".join(f"{target}.wav" for target in TARGETS)
        raise DataError(f"expected folders that hold {names}, found none: {root}")
    return tracks


def _track(path, stems):
    lengths = {}
    for name, file in sorted(stems.items()):
        try:
            info = sf.info(file)
        except sf.LibsndfileError as error:
            raise DataError(f"expected an audio file ({error}): {file}") from error
        if info.samplerate != SAMPLE_RATE or info.channels > 2:
            got = f"got {info.samplerate} Hz, {info.channels} channels"
            raise DataError(f"expected {SAMPLE_RATE} Hz and 1 or 2 channels, {got}: {file}")
        lengths[name] = info.frames
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"expected stems of one length, got samples: {found}: {path}")
    ordered = sorted(stems, key=lambda name: [TARGETS.index(target) for target in targets_of(name)])
    return Track(path, {name: stems[name] for name in ordered}, min(lengths.values()), _bandwidths(path))


def _bandwidths(path):
    """{stem: Hz} of the stems whose bandwidth the song's `song.json` gives."""
    file = path / "song.json"
    if not file.exists():
        return {}
    stems = json.loads(file.read_text(encoding="utf-8")).get("stems", {})
    return {name: float(about["bandwidth"]) for name, about in stems.items() if "bandwidth" in about}
