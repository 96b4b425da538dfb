"""Songs that people composed, split by instrument: tracker modules and LMMS projects of Debian's packages.

The folder of a song has the instruments that are certainly `drums`, `bass` or `other`, and ACCOMPANIMENT, the sum of
all its instruments except those like voices. The first three need not sum to the last, unlike in the other pool songs.
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Audio, SourcedStems, Stems
from ...data import ACCOMPANIMENT, SAMPLE_RATE
from ...errors import DataError
from ..module_sources import left_out
from ..song_files import write_manifest, write_song
from . import lmms
from .instrument_names import VOICE, agreed, class_of_name
from .instrument_sounds import class_of
from .openmpt import Module

SUFFIXES = (".mod", ".xm", ".s3m", ".it")
PROJECTS = "lmms-common/usr/share/lmms/projects"
LONGEST, SHORTEST = 300.0, 15.0  # seconds of a song
TAIL = 3.0  # seconds of sound after the end of a module
ACTIVE = 3.0  # a stem must sound for this number of seconds
DIFFERENCE = -50.0  # dB: the largest difference between the sum of the instruments and the song


def render_modules(
    packages: str | os.PathLike[str], folder: str | os.PathLike[str], *, progress: Callable[[str], object] = print
) -> dict[str, Any]:
    """Render the songs of the extracted packages that are missing, and write the manifest.

    Parameters
    ----------
    packages
        A folder of folders that have the names of packages.
    folder
        The folder of the songs. It is created if it is missing.
    progress
        A function that is called with a line of text for each song.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        If the packages have no songs.
    """
    packages, folder = Path(packages), Path(folder)
    songs = [*_modules(packages), *_projects(packages)]
    if not songs:
        raise DataError(f"expected packages such as tecnoballz-data or lmms-common, extracted, in: {packages}")
    folder.mkdir(parents=True, exist_ok=True)
    for kind, source, path in songs:
        target = folder / source.replace("/", "__").replace(" ", "_")
        if (target / "song.json").exists():
            continue
        try:
            sums = _module(path) if kind == "module" else _project(path, folder / ".lmms" / path.name)
            stems = sums.stems(f"{kind} {source}")
        except (DataError, RuntimeError) as error:
            progress(f"{source}: left out: {error}")
            continue
        write_song(target, kind, stems, instruments=sums.names)
        shutil.rmtree(folder / ".lmms" / path.name, ignore_errors=True)
        progress(f"{source}: {sums.names}")
    return write_manifest(folder)


def _modules(packages: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield (kind, source, path) of the modules whose licence is known."""
    for path in sorted(packages.glob("*/**/*")):
        package = path.relative_to(packages).parts[0]
        if path.suffix.lower() in SUFFIXES and not left_out(package, path.name):
            yield "module", f"{package}/{path.name}", path


def _projects(packages: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield (kind, source, path) of the projects of LMMS."""
    root = packages / PROJECTS
    for path in sorted(root.glob("*/**/*.mmp*")):
        if "tutorials" not in path.parts:
            yield "lmms", str(path.relative_to(root)), path


@dataclasses.dataclass
class Sums:
    """Sums of instruments by target.

    Parameters
    ----------
    audio
        The sum (2, samples) of each target.
    names
        The instruments of each target.
    """

    audio: Stems = dataclasses.field(default_factory=dict)
    names: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def add(self, name: str, kind: str | None, audio: Audio) -> None:
        """Add an instrument of a class. VOICE is left out; None is added to the accompaniment alone."""
        heard = "left out" if kind == VOICE else kind or "accompaniment only"
        self.names.setdefault(heard, []).append(name)
        if kind != VOICE:
            for target in {ACCOMPANIMENT, kind or ACCOMPANIMENT}:
                if target in self.audio:
                    self.audio[target] += audio
                else:
                    self.audio[target] = audio.copy()

    def stems(self, source: str) -> SourcedStems:
        """Return the stems for `write_song`, cut to the time when the song sounds.

        Raises
        ------
        DataError
            If the song is too short.
        """
        whole = self.audio.get(ACCOMPANIMENT, np.zeros((2, 0), np.float32))
        loud = np.flatnonzero(np.abs(whole).max(0) > 1e-3 * np.abs(whole).max(initial=0))
        if len(loud) < SHORTEST * SAMPLE_RATE:
            raise DataError(f"sounds for less than {SHORTEST:.0f} s")
        part = slice(loud[0], loud[-1] + 1)
        cut = {target: np.ascontiguousarray(audio[:, part]) for target, audio in self.audio.items()}
        return {target: (audio, {source}) for target, audio in cut.items() if _seconds_heard(audio) >= ACTIVE}


def _seconds_heard(audio: Audio) -> float:
    level = np.abs(audio[:, : audio.shape[1] // 441 * 441]).max(0).reshape(-1, 441).max(1)
    return float((level > 1e-3 * level.max()).sum() / 100)


def _module(path: Path) -> Sums:
    """Return the sums of the instruments of a module.

    If the instruments do not sum to the whole song, the song is the accompaniment.
    """
    module = Module(path.read_bytes())
    seconds = min(LONGEST, module.seconds + TAIL)
    song = module.render(seconds)
    rest, sums = song.copy(), Sums()
    kinds = _kinds(module)
    for index, (name, kind, notes) in enumerate(zip(module.names, kinds, module.notes, strict=True)):
        audio = module.render(seconds, index) if notes else song[:, :0]
        if np.abs(audio).max(initial=0) < 1e-4:
            continue
        audio = np.pad(audio, ((0, 0), (0, max(0, song.shape[1] - audio.shape[1]))))[:, : song.shape[1]]
        rest -= audio
        sums.add(f"{index + 1} {name}", class_of(kind, audio, notes), audio)
    if np.mean(rest**2) <= 10 ** (DIFFERENCE / 10) * np.mean(song**2):
        return sums
    if VOICE in kinds:
        raise DataError("its instruments do not sum to the song, which has a voice")
    whole = Sums()
    whole.add("the song (its instruments do not sum to it)", None, song)
    return whole


def _kinds(module: Module) -> list[str | None]:
    """Return classes by the names of instruments, and by those of samples if there are as many of them."""
    if len(module.sample_names) != len(module.names):
        return [class_of_name(name) for name in module.names]
    pairs = zip(module.names, module.sample_names, strict=True)
    return [agreed([class_of_name(name) for name in pair]) for pair in pairs]


def _project(path: Path, work_folder: Path) -> Sums:
    lmms.render(path, work_folder)
    sums = Sums()
    for track, audio in lmms.read_tracks(path, work_folder, LONGEST):
        if np.abs(audio).max(initial=0) >= 1e-4:
            name = f"{track.name} ({track.source})" if track.source else track.name
            sums.add(name, class_of(track.kind, audio, track.notes, recorded=track.recorded), audio)
    return sums
