"""Pseudo-stems: what a model makes of real accompaniments, as songs to train on beside those with true stems."""

import shutil
from pathlib import Path

import numpy as np
import soundfile as sf

from ...data import SAMPLE_RATE, TARGETS, find_tracks, targets_of
from ..song_files import song_folder, write_about


def split_tree(tree, folder, separator, *, progress=None):
    """Split the sums of targets in a tree's songs into their targets, and write them as a tree in `folder`.

    The stems of a song sum to the file that they come from. Songs that are there already are kept.

    separator : a `lightsaft_infer.Separator` with all of TARGETS; progress : called with (songs there, songs)
    """
    folder = Path(folder)
    tracks = [(track, name) for track in find_tracks(tree) for name in track.stems if name not in TARGETS]
    for done, (track, name) in enumerate(tracks, 1):
        path = folder / track.path.name
        if not (path / "song.json").exists():
            _write(path, split(separator, track.read(name, 0, track.samples), targets_of(name)), track)
        if progress:
            progress(done, len(tracks))
    shutil.copyfile(Path(tree) / "manifest.json", folder / "manifest.json")  # the sources and their licences


def split(separator, audio, targets):
    """Stems {target: float32 (2, samples)} of audio (2, samples), which is the sum of `targets` alone: the rest of the
    estimates joins the last of them."""
    estimates = separator.separate(audio, sample_rate=SAMPLE_RATE, targets=targets)
    last = audio - sum((estimates[target] for target in targets[:-1]), np.zeros_like(audio))
    return {**{target: estimates[target] for target in targets[:-1]}, targets[-1]: last}


def _write(path, stems, track):
    scale = np.float32(min(1.0, 0.98 / max(np.abs(audio).max() for audio in stems.values())))
    with song_folder(path) as folder:
        for name, audio in stems.items():
            sf.write(folder / f"{name}.flac", (audio * scale).T, SAMPLE_RATE, "PCM_16")
        write_about(folder, {"kind": "pseudo-stems", "of": track.path.name, "scale": float(scale)})
