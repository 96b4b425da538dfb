"""Produced instrumentals of Debian's games as songs: real music that has no voice.

`RECORDINGS/accompaniment/instrumentals.tsv` lists them with licence, genre and digest. `training/instrumentals.tsv`
names those that are not trained on: `mashups` (held out for the mashups) and `left out`.

A piece becomes `drums+bass+other.wav`, the stem of a guitar `other.wav`. A backing whose lead guitar is a stem beside
it is written with that guitar. At most MOST seconds of a piece are used, and no repetition of a loop.
"""

import csv
import dataclasses
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import soundfile as sf
import soxr

from ...arrays import Audio, Floats, SongProgress
from ...data import ACCOMPANIMENT, SAMPLE_RATE
from ...errors import DataError
from ..song_files import write_manifest, write_song
from .packages import fetch

STEMS = {"music": ACCOMPANIMENT, "stem": "other"}
MOST = 240.0  # seconds
USES = Path(__file__).parents[3] / "instrumentals.tsv"


@dataclasses.dataclass(frozen=True)
class Piece:
    """A row of the list.

    Parameters
    ----------
    package, version, path
        The Debian package, and the file in it.
    seconds
        Length without repetition.
    genre, licence, sha256
        Genre, licence, and digest of the file.
    kind
        A key of STEMS.
    """

    package: str
    version: str
    path: str
    seconds: float
    genre: str
    licence: str
    kind: str
    sha256: str

    @property
    def name(self) -> str:
        """<package>/<name>: the name of the file, or that of its folder if each folder has a file of that name."""
        path = PurePosixPath(self.path)
        name = {"song": path.parent.name, "guitar": f"{path.parent.name} guitar"}.get(path.stem, path.stem)
        return f"{self.package}/{name}"

    @property
    def folder(self) -> str:
        """The name of its song's folder."""
        return self.name.replace("/", " ")


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Read the rows of a table with tabs.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise DataError(f"expected a table with tabs ({error.strerror}): {path}") from error


def pieces(recordings: str | os.PathLike[str]) -> list[Piece]:
    """Return the pieces of the recordings' list that are kept, in its order.

    Raises
    ------
    DataError
        If the list cannot be read or lacks a column.
    """
    path = Path(recordings) / "accompaniment" / "instrumentals.tsv"
    rows = read_rows(path)
    try:
        return [
            Piece(
                row["package"],
                row["package version"],
                row["path inside the package"],
                float(row["unique_seconds"]),
                *(row[name] for name in ("genre", "licence", "kind", "sha256")),
            )
            for row in rows
            if row["keep"] == "yes"
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected a list of instrumentals ({error}): {path}") from error


def uses(path: str | os.PathLike[str] = USES) -> dict[str, str]:
    """Return {piece: "mashups" or "left out"} of the pieces that are not trained on."""
    return {row["piece"]: row["use"] for row in read_rows(path)}


def write_instrumentals(
    recordings: str | os.PathLike[str],
    tree: str | os.PathLike[str],
    *,
    packages: str | os.PathLike[str] | None = None,
    progress: SongProgress | None = None,
) -> dict[str, Any]:
    """Write the songs of the pieces to train on that are missing, and the manifest.

    Songs of pieces that are no longer trained on are removed.

    Parameters
    ----------
    recordings
        The folder of recordings.
    tree
        The folder of the songs. It is created if it is missing.
    packages
        Folder that keeps the .deb files; None: they are not kept.
    progress
        A function that is called with (finished songs, songs) after each song.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        If the list, a package or a file in it cannot be read.
    """
    tree, listed, kept_out = Path(tree), pieces(recordings), uses()
    tree.mkdir(parents=True, exist_ok=True)
    for piece in listed:
        if piece.name in kept_out:
            shutil.rmtree(tree / piece.folder, ignore_errors=True)
    wanted = [piece for piece in listed if piece.name not in kept_out]
    there = [piece for piece in wanted if (tree / piece.folder / "song.json").exists()]
    todo = [piece for piece in wanted if piece not in there]
    for done, (piece, audio, names) in enumerate(decoded(listed, todo, packages), len(there) + 1):
        sources = {f"instrumental {name}" for name in names}
        write_song(tree / piece.folder, piece.genre, {STEMS[piece.kind]: (audio, sources)})
        if progress:
            progress(done, len(wanted))
    licences = {f"instrumental {piece.name}": piece.licence for piece in listed}
    return write_manifest(tree, None, licences.__getitem__)


def decoded(
    listed: Sequence[Piece], wanted: Sequence[Piece], packages: str | os.PathLike[str] | None = None
) -> Iterator[tuple[Piece, Audio, list[str]]]:
    """Decode pieces, package by package.

    Parameters
    ----------
    listed
        All pieces. A backing gets the stem of its folder.
    wanted
        The pieces that are decoded.
    packages
        Folder that keeps the .deb files; None: they are not kept.

    Yields
    ------
    Piece
        The piece.
    float32 array, shape (2, samples)
        Its audio, at most MOST seconds.
    list of str
        Names of the pieces in it.
    """
    for package, version in sorted({(piece.package, piece.version) for piece in wanted}):
        own = [piece for piece in wanted if piece.package == package]
        parts = {piece: [piece, *_stems_beside(piece, listed)] for piece in own}
        digests = {part.path: part.sha256 for row in parts.values() for part in row}
        with tempfile.TemporaryDirectory() as folder:
            files = fetch(package, version, digests, packages or folder)
            for piece, row in parts.items():
                seconds = min(MOST, *(part.seconds for part in row))
                audio: Audio = functools.reduce(np.add, (read(files[part.path], seconds) for part in row))
                yield piece, audio, [part.name for part in row]
            for file in files.values():
                file.unlink()


def _stems_beside(piece: Piece, listed: Iterable[Piece]) -> list[Piece]:
    folder = PurePosixPath(piece.path).parent
    beside = [other for other in listed if other.package == piece.package and other.kind == "stem" != piece.kind]
    return [other for other in beside if PurePosixPath(other.path).parent == folder]


def read(path: Path, seconds: float) -> Audio:
    """Read the first seconds of a file at 44.1 kHz, by libsndfile, or by ffmpeg if libsndfile cannot read it.

    Returns
    -------
    float32 array, shape (2, samples)
        A file that is shorter ends with silence.

    Raises
    ------
    DataError
        If neither can read it.
    """
    try:
        with sf.SoundFile(path) as file:
            rate = file.samplerate
            audio = file.read(round(seconds * rate), dtype="float32", always_2d=True)
    except sf.LibsndfileError:
        audio, rate = _by_ffmpeg(path, seconds), SAMPLE_RATE
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE, quality="VHQ")
    samples = round(seconds * SAMPLE_RATE)
    audio = audio[:samples].T
    audio = np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))
    return np.ascontiguousarray(np.broadcast_to(audio, (2, samples)), np.float32)


def _by_ffmpeg(path: Path, seconds: float) -> Floats:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-t", str(seconds), "-f", "f32le", "-ac", "2"]
    try:
        done = subprocess.run([*command, "-ar", str(SAMPLE_RATE), "-"], capture_output=True)
    except FileNotFoundError as error:
        raise DataError(f"libsndfile cannot read it, and ffmpeg is missing: {path}") from error
    if done.returncode:
        raise DataError(f"neither libsndfile nor ffmpeg can read it: {path}")
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2)
