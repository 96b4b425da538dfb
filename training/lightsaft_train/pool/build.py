"""The pool on disk: which songs it has, rendering those that are missing, and its manifest.

A song is a folder in the layout of `tracks.py` with its `song.json`; it gets its name when it is whole. Song n is drawn
from a generator seeded with (seed, n), so that a pool that was interrupted goes on, and a larger one begins with the
songs of a smaller one.
"""

import concurrent.futures
import json
import multiprocessing
from pathlib import Path

import numpy as np

from lightsaft_infer.batch import follow_parent

from ..data import DataError
from . import studio
from .song_files import write_manifest, write_song

KINDS = (("composed", 0.42), ("arranged", 0.24), ("sung", 0.3), ("guitar", 0.04))
_studio = None  # of a worker process


def build(data, folder, *, songs, seconds=60.0, seed=0, workers=2, progress=None):
    """Render the songs 0 to `songs` - 1 of `seconds` each that are missing in `folder`, and write its manifest.

    data : the folder of recordings, MIDI files and samples; progress : called with (songs there, songs) after each
    Returns the manifest as a dict. Raises DataError: `data` is no such folder, or `folder` a pool of another seed.
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
    with concurrent.futures.ProcessPoolExecutor(workers, context, _open_studio, (data, folder / ".cache")) as pool:
        tasks = [pool.submit(_render, index, seconds, seed, folder) for index in todo]
        try:
            for done, task in enumerate(concurrent.futures.as_completed(tasks), songs - len(todo) + 1):
                task.result()
                if progress:
                    progress(done, songs)
        finally:
            pool.shutdown(cancel_futures=True)
    return write_manifest(folder, seed)


def _check_seed(folder, seed):
    path = folder / "manifest.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8"))["seed"] != seed:
        raise DataError(f"expected a pool of seed {seed}, found another's: {path}")


def _open_studio(data, cache):
    global _studio
    follow_parent()
    cache.mkdir(exist_ok=True)
    _studio = studio.Studio(data, cache)


def _render(index, seconds, seed, folder):
    """Render one song and write it."""
    rng = np.random.default_rng((seed, index))
    kind = draw_kind(rng)
    write_song(folder / f"{index:05d}", kind, getattr(studio, kind)(_studio, rng, seconds))


def draw_kind(rng):
    """What kind of song it is: the name of a function of `studio`."""
    kinds, odds = zip(*KINDS, strict=True)
    return str(rng.choice(kinds, p=odds))
