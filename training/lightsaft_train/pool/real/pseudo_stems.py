"""Pseudo-stems: a model's estimates of real accompaniments, as songs to train on beside those with true stems."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf

from lightsaft_infer import Separator

from ...arrays import Audio, SongProgress, Stems
from ...data import SAMPLE_RATE, TARGETS, Song, songs_in, targets_of
from ...errors import DataError
from ..song_files import song_folder, write_about


def write_pseudo_stems(
    tree: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    separator: Separator,
    *,
    progress: SongProgress | None = None,
) -> None:
    """Split the sums of targets in songs into their targets, and write them as songs.

    The stems of a song sum to the file that they come from. Songs that are there already are kept.

    Parameters
    ----------
    tree
        The folder of the songs, with their manifest.
    folder
        The folder to write. It is created if it is missing.
    separator
        A separator of all TARGETS.
    progress
        A function that is called with (finished songs, songs) after each song.

    Raises
    ------
    DataError
        If there are no songs, or no manifest.
    """
    folder, manifest = Path(folder), Path(tree) / "manifest.json"
    parts = [(song, name) for song in songs_in(tree) for name in song.stems if name not in TARGETS]
    if not manifest.exists():
        raise DataError(f"expected a manifest with the sources and their licences: {manifest}")
    for done, (song, name) in enumerate(parts, 1):
        path = folder / song.path.name
        if not (path / "song.json").exists():
            _write(path, split(separator, song.read(name, 0, song.samples), targets_of(name)), song)
        if progress:
            progress(done, len(parts))
    shutil.copyfile(manifest, folder / "manifest.json")


def split(separator: Separator, audio: Audio, targets: Sequence[str]) -> Stems:
    """Return the stems of audio (2, samples), which is the sum of `targets` alone.

    The rest of the estimates is added to the last of them.
    """
    estimates = separator.separate(audio, sample_rate=SAMPLE_RATE, targets=targets)
    last = audio - sum((estimates[target] for target in targets[:-1]), np.zeros_like(audio))
    return {**{target: estimates[target] for target in targets[:-1]}, targets[-1]: last}


def _write(path: Path, stems: Stems, song: Song) -> None:
    scale = np.float32(min(1.0, 0.98 / max(np.abs(audio).max() for audio in stems.values())))
    with song_folder(path) as folder:
        for name, audio in stems.items():
            sf.write(folder / f"{name}.flac", (audio * scale).T, SAMPLE_RATE, "PCM_16")
        write_about(folder, {"kind": "pseudo-stems", "of": song.path.name, "scale": float(scale)})
