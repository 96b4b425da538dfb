"""The pool on disk: which songs it has, rendering those that are missing, and its manifest.

A song is a folder in the layout of `tracks.py` with its `song.json`; it gets its name when it is whole. Song n is drawn
from a generator seeded with (seed, n), so that a pool that was interrupted goes on, and a larger one begins with the
songs of a smaller one.
"""

import concurrent.futures
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import soundfile as sf

from lightsaft_infer.batch import follow_parent

from ..tracks import SAMPLE_RATE, TARGETS, DataError
from . import studio
from .licences import licence_of
from .voices import BANDWIDTHS

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


def write_song(path, kind, stems, **more):
    """Write stems {target: (audio (2, samples), names of sources)} as 16-bit WAV with `song.json`, which `more` joins,
    under a temporary name until all is there. Stems that are silent throughout are left out. A stem has a `bandwidth`
    in Hz if recordings in it reach no higher: a mixture with it must be low-passed there, lest voices be known by their
    lack of treble."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    told = {}
    for target, (audio, names) in stems.items():
        peak = np.abs(audio).max()
        if peak < 1e-4:
            continue
        sf.write(part / f"{target}.wav", (audio * np.float32(studio.PEAK / peak)).T, SAMPLE_RATE, "PCM_16")
        told[target] = {"seconds": audio.shape[1] / SAMPLE_RATE, "sources": sorted(names)}
        limits = [hertz for kind, hertz in BANDWIDTHS.items() if f"voices {kind}" in names]
        if limits:
            told[target]["bandwidth"] = min(limits)
    song = {"kind": kind, "stems": told, **more}
    (part / "song.json").write_text(json.dumps(song, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(path, ignore_errors=True)
    os.replace(part, path)


def write_manifest(folder, seed=None, licence_of=licence_of):
    """Write and return what the pool holds: minutes of every stem, and of every source (a stem's minutes count for each
    source heard in it) with its licence, which `licence_of` returns for a source's name. A pool that is not drawn has
    no seed."""
    stems, sources, songs = dict.fromkeys(TARGETS, 0.0), {}, 0
    for path in sorted(folder.glob("*/song.json")):
        songs += 1
        for target, told in json.loads(path.read_text(encoding="utf-8"))["stems"].items():
            minutes = told["seconds"] / 60
            stems[target] = stems.get(target, 0.0) + minutes
            for name in told["sources"]:
                sources[name] = sources.get(name, 0.0) + minutes
    manifest = {
        "seed": seed,
        "songs": songs,
        "minutes": {target: round(minutes, 1) for target, minutes in stems.items()},
        "sources": {
            name: {"licence": licence_of(name), "minutes": round(minutes, 1)}
            for name, minutes in sorted(sources.items())
        },
    }
    part = folder / ".manifest.part"
    part.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / "manifest.json")
    return manifest
