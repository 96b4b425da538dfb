"""The pool on disk: its songs, the rendering of those that are missing, and its manifest.

A song is a folder in the layout of `data/songs.py` with its `song.json`. It gets its name when it is whole. Song n is
drawn from a generator seeded with (seed, n). So a pool that was interrupted goes on, and a larger pool begins with the
songs of a smaller one.
"""

import concurrent.futures
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np

from lightsaft_infer.worker_process import follow_parent

from ..arrays import Rng, SongProgress
from ..errors import DataError
from .rendering import KINDS
from .song_files import write_manifest, write_song
from .sources import Sources

ODDS = {"composed": 0.42, "arranged": 0.24, "sung": 0.3, "guitar": 0.04}  # of the kinds of songs
_sources: Sources  # of a worker process


def build(
    data: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    songs: int,
    seconds: float = 60.0,
    seed: int = 0,
    workers: int = 2,
    progress: SongProgress | None = None,
) -> dict[str, Any]:
    """Render the songs of a pool that are missing, and write its manifest.

    Parameters
    ----------
    data
        The folder of recordings, MIDI files and samples.
    folder
        The folder of the pool. It is created if it is missing.
    songs
        Number of songs of the pool.
    seconds
        Length of a song.
    seed
        The seed that songs are drawn from.
    workers
        Number of processes.
    progress
        A function that is called with (finished songs, songs) after each song.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        If `data` lacks recordings, or `folder` is a pool of another seed.
    ToolError
        If FluidSynth is missing or fails.
    """
    data, folder = Path(data), Path(folder)
    missing = [name for name in ("vocals", "drums", "bass", "other", "midi") if not (data / name).is_dir()]
    if missing:
        raise DataError(f"expected folders {', '.join(missing)} in: {data}")
    folder.mkdir(parents=True, exist_ok=True)
    _check_seed(folder, seed)
    write_manifest(folder, seed)
    todo = [index for index in range(songs) if not (folder / f"{index:05d}" / "song.json").exists()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, _open_sources, (data, folder / ".cache")) as pool:
        tasks = [pool.submit(_render, index, seconds, seed, folder) for index in todo]
        try:
            for done, task in enumerate(concurrent.futures.as_completed(tasks), songs - len(todo) + 1):
                task.result()
                if progress:
                    progress(done, songs)
        finally:
            pool.shutdown(cancel_futures=True)
    return write_manifest(folder, seed)


def _check_seed(folder: Path, seed: int) -> None:
    path = folder / "manifest.json"
    try:
        other = path.exists() and json.loads(path.read_text(encoding="utf-8"))["seed"] != seed
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected the manifest of a pool ({error}): {path}") from error
    if other:
        raise DataError(f"expected a pool of seed {seed}, got a pool of another seed: {path}")


def _open_sources(data: Path, cache: Path) -> None:
    global _sources
    follow_parent()
    cache.mkdir(exist_ok=True)
    _sources = Sources(data, cache)


def _render(index: int, seconds: float, seed: int, folder: Path) -> None:
    """Render one song and write it."""
    rng = np.random.default_rng((seed, index))
    kind = draw_kind(rng)
    write_song(folder / f"{index:05d}", kind, KINDS[kind](_sources, rng, seconds))


def draw_kind(rng: Rng) -> str:
    """Draw the kind of a song, a key of KINDS."""
    return str(rng.choice(list(ODDS), p=list(ODDS.values())))
