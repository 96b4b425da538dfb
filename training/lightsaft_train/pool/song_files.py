"""Songs of a pool on disk, in the layout of `data/tracks.py`, each with its `song.json`, and the pool's manifest."""

import contextlib
import json
import os
import shutil

import numpy as np
import soundfile as sf

from ..data import SAMPLE_RATE, TARGETS
from .licences import licence_of
from .voices import BANDWIDTHS

PEAK = 0.7


@contextlib.contextmanager
def song_folder(path):
    """The folder of a song, under a temporary name until the block ends; then it replaces the one at `path`."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(path, ignore_errors=True)
    os.replace(part, path)


def write_about(folder, about):
    """Write a song's `song.json`, a dict, into its folder."""
    (folder / "song.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_song(path, kind, stems, **more):
    """Write stems {target: (audio (2, samples), names of sources)} as 16-bit WAV with `song.json`, which `more` joins,
    under a temporary name until all is there. Stems that are silent throughout are left out. A stem has a `bandwidth`
    in Hz if recordings in it reach no higher: a mixture with it must be low-passed there, lest voices be known by their
    lack of treble."""
    told = {}
    with song_folder(path) as folder:
        for target, (audio, names) in stems.items():
            peak = np.abs(audio).max()
            if peak < 1e-4:
                continue
            sf.write(folder / f"{target}.wav", (audio * np.float32(PEAK / peak)).T, SAMPLE_RATE, "PCM_16")
            told[target] = {"seconds": audio.shape[1] / SAMPLE_RATE, "sources": sorted(names)}
            limits = [hertz for voice, hertz in BANDWIDTHS.items() if f"voices {voice}" in names]
            if limits:
                told[target]["bandwidth"] = min(limits)
        write_about(folder, {"kind": kind, "stems": told, **more})


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
