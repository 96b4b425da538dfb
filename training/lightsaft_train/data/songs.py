"""Songs whose stems are known, in folders: the layout of MUSDB18-HQ, which the training pool shares.

A song is a folder that holds `vocals`, `drums`, `bass` and `other`, each as WAV, FLAC or Ogg, all of one length at
44.1 kHz. A mixture beside them is not read, as mixtures are made of stems. A song may lack stems.

A file may also be the sum of several targets (a partial label). It is named after them, such as `drums+bass+other.wav`;
`accompaniment` and `instrumental` are other names of this sum.

A song may have a `song.json`. It may give the bandwidth of a stem in Hz, if the stem has nothing above it.

Audio is float32 (2, samples), full scale 1.0.
"""

import dataclasses
import json
import os
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile as sf

from lightsaft_infer.errors import EvaluationError
from lightsaft_infer.evaluation import find_songs

from ..arrays import Audio
from ..errors import DataError

TARGETS = ("vocals", "drums", "bass", "other")
ACCOMPANIMENT = "drums+bass+other"
SYNONYMS = {"accompaniment": ACCOMPANIMENT, "instrumental": ACCOMPANIMENT}
SAMPLE_RATE = 44100


def targets_of(name: str) -> tuple[str, ...]:
    """Return the targets that a stem is the sum of, by its name, in the order of TARGETS.

    The result is empty if this is not the name of a stem.

    Examples
    --------
    >>> targets_of("bass+drums")
    ('drums', 'bass')
    >>> targets_of("instrumental")
    ('drums', 'bass', 'other')
    >>> targets_of("mixture")
    ()
    """
    parts = SYNONYMS.get(name, name).split("+")
    known = tuple(target for target in TARGETS if target in parts)
    return known if len(known) == len(parts) else ()


@dataclasses.dataclass(frozen=True)
class Song:
    """A song.

    Parameters
    ----------
    path
        Folder of the song.
    stems
        The file of each stem, by the name of the stem: a target, or several targets joined by "+".
    samples
        Their common length.
    bandwidths
        The frequency in Hz at which stems without treble end, by the name of the stem.
    """

    path: Path
    stems: dict[str, Path]
    samples: int
    bandwidths: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of stems that share no target, and so sum to the mixture: the targets, and sums of other targets."""
        single = set(self.stems) & set(TARGETS)
        return tuple(name for name in self.stems if name in single or not single & set(targets_of(name)))

    def read(self, stem: str, start: int, samples: int) -> Audio:
        """Read a part of a stem.

        Parameters
        ----------
        stem
            Name of the stem.
        start, samples
            Its first sample, and its length.

        Returns
        -------
        float32 array, shape (2, samples)
            The channel of a mono file is there twice.

        Raises
        ------
        DataError
            If the file cannot be read or is shorter.
        """
        try:
            audio, _ = sf.read(self.stems[stem], samples, start, dtype="float32", always_2d=True)
        except sf.LibsndfileError as error:
            raise DataError(f"cannot read {self.stems[stem]}: {error}") from error
        if len(audio) < samples:
            got = f"got {len(audio)} samples from {start}"
            raise DataError(f"expected {samples} samples, {got}: {self.stems[stem]}")
        return np.ascontiguousarray(np.broadcast_to(audio.T, (2, samples)))


def songs_in(root: str | os.PathLike[str]) -> list[Song]:
    """Find the songs of a folder.

    Parameters
    ----------
    root
        The folder. It is a song itself, or songs lie anywhere under it. Links are followed. Folders whose names begin
        with a dot are ignored.

    Returns
    -------
    list of Song
        Sorted by path.

    Raises
    ------
    DataError
        If there is no song, a stem has two files, or the stems of a song differ in length, are not at 44.1 kHz, or have
        more than 2 channels.
    """
    if not Path(root).is_dir():
        raise DataError(f"no such folder: {root}")
    try:
        found = find_songs(root)
    except EvaluationError as error:
        raise DataError(str(error)) from error
    songs = []
    for path in sorted(found, key=PurePosixPath):
        stems = {"+".join(targets_of(name)): file for name, file in found[path].items() if targets_of(name)}
        if stems:
            songs.append(_song(Path(root, path), stems))
    if not songs:
        names = ", ".join(f"{target}.wav" for target in TARGETS)
        raise DataError(f"expected folders that hold {names}, found none: {root}")
    return songs


def _song(path: Path, stems: dict[str, Path]) -> Song:
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
    return Song(path, {name: stems[name] for name in ordered}, min(lengths.values()), _bandwidths(path))


def _bandwidths(path: Path) -> dict[str, float]:
    """Return {stem: Hz} of the stems whose bandwidth the `song.json` of a song gives."""
    file = path / "song.json"
    if not file.exists():
        return {}
    try:
        stems = json.loads(file.read_text(encoding="utf-8")).get("stems", {})
        return {name: float(about["bandwidth"]) for name, about in stems.items() if "bandwidth" in about}
    except (OSError, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"expected a song.json of a pool ({error}): {file}") from error
