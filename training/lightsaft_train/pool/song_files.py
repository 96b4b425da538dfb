"""Songs of a pool on disk, in the layout of `data/songs.py`, each with its `song.json`; and the pool's manifest."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from ..arrays import SourcedStems
from ..data import SAMPLE_RATE, TARGETS
from ..errors import DataError
from .licences import licence_of
from .voices import BANDWIDTHS

PEAK = 0.7  # of each stem of a pool song


@contextlib.contextmanager
def song_folder(path: Path) -> Iterator[Path]:
    """Yield the folder of a song, under a temporary name. It replaces the one at `path` when the block ends."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(path, ignore_errors=True)
    os.replace(part, path)


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the `song.json` of a song into its folder."""
    (folder / "song.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_song(path: Path, kind: str, stems: SourcedStems, **more: Any) -> None:
    """Write a song: its stems as 16-bit WAV, and `song.json`.

    Stems that are silent throughout are left out. A stem has a `bandwidth` in Hz if recordings in it end there.
    Mixtures with it must be low-passed there, so that a network does not recognise voices by their lack of treble.

    Parameters
    ----------
    path
        The folder of the song. It gets its name when all is there.
    kind
        Kind of the song.
    stems
        Its stems, with the names of their sources.
    **more
        Further parts of `song.json`.
    """
    written: dict[str, dict[str, Any]] = {}
    with song_folder(path) as folder:
        for target, (audio, names) in stems.items():
            peak = np.abs(audio).max()
            if peak < 1e-4:
                continue
            sf.write(folder / f"{target}.wav", (audio * np.float32(PEAK / peak)).T, SAMPLE_RATE, "PCM_16")
            written[target] = {"seconds": audio.shape[1] / SAMPLE_RATE, "sources": sorted(names)}
            limits = [hertz for voice, hertz in BANDWIDTHS.items() if f"voices {voice}" in names]
            if limits:
                written[target]["bandwidth"] = min(limits)
        write_about(folder, {"kind": kind, "stems": written, **more})


def write_manifest(
    folder: Path, seed: int | None = None, licence_of: Callable[[str], str] = licence_of
) -> dict[str, Any]:
    """Write the manifest of a pool: minutes of every stem, and minutes and licence of every source.

    The minutes of a stem count for each source that is heard in it.

    Parameters
    ----------
    folder
        The folder of the pool.
    seed
        The seed that the pool is drawn from; None: it is not drawn.
    licence_of
        A function that returns the licence of a source, and raises KeyError if the source is unknown.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        If a `song.json` cannot be read, or names a source without a known licence.
    """
    stems: dict[str, float] = dict.fromkeys(TARGETS, 0.0)
    sources: dict[str, float] = {}
    songs = 0
    for path in sorted(folder.glob("*/song.json")):
        songs += 1
        for target, stem in _stems_of(path).items():
            minutes = stem["seconds"] / 60
            stems[target] = stems.get(target, 0.0) + minutes
            for name in stem["sources"]:
                sources[name] = sources.get(name, 0.0) + minutes
    manifest = {
        "seed": seed,
        "songs": songs,
        "minutes": {target: round(minutes, 1) for target, minutes in stems.items()},
        "sources": {
            name: {"licence": _known(licence_of, name, folder), "minutes": round(minutes, 1)}
            for name, minutes in sorted(sources.items())
        },
    }
    part = folder / ".manifest.part"
    part.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    os.replace(part, folder / "manifest.json")
    return manifest


def _stems_of(path: Path) -> dict[str, Any]:
    """Read the stems of a `song.json`."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["stems"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected a song.json of a pool ({error}): {path}") from error


def _known(licence_of: Callable[[str], str], name: str, folder: Path) -> str:
    """Return the licence of a source."""
    try:
        return licence_of(name)
    except KeyError as error:
        raise DataError(f"no licence is known for the source {name} of a song in: {folder}") from error
