"""Produced instrumentals of Debian's games as songs of a tree: real music that has no voice.

`RECORDINGS/accompaniment/instrumentals.tsv` lists them with licence, genre and digest. `training/instrumentals.tsv`
names those that are not trained on: `judge` (held out for the judge's songs) and `left out`. A piece becomes
`drums+bass+other.wav`, a stem of a guitar `other.wav`; a backing whose lead guitar is a stem beside it is written with
that guitar. Of a piece, MOST seconds are used at most, and no repetition of a loop.
"""

import csv
import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile as sf
import soxr

from ...data import ACCOMPANIMENT, SAMPLE_RATE, DataError
from ..song_files import write_manifest, write_song
from .packages import fetch

STEMS = {"music": ACCOMPANIMENT, "stem": "other"}
MOST = 240.0  # seconds
USES = Path(__file__).parents[3] / "instrumentals.tsv"


@dataclasses.dataclass(frozen=True)
class Piece:
    """A row of the list; `path` inside the package, `seconds` without repetition, `kind` a key of STEMS."""

    package: str
    version: str
    path: str
    seconds: float
    genre: str
    licence: str
    kind: str
    sha256: str

    @property
    def name(self):
        """<package>/<name>: the file's name, or its folder's if each folder has a file of that name."""
        path = PurePosixPath(self.path)
        name = {"song": path.parent.name, "guitar": f"{path.parent.name} guitar"}.get(path.stem, path.stem)
        return f"{self.package}/{name}"

    @property
    def folder(self):
        """Name of its song's folder in a tree."""
        return self.name.replace("/", " ")


def read_rows(path):
    """The rows of a table with tabs as a list of dicts. Raises DataError: it cannot be read."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise DataError(f"expected a table with tabs ({error.strerror}): {path}") from error


def pieces(recordings):
    """The kept pieces of the recordings' list, in its order."""
    rows = read_rows(Path(recordings) / "accompaniment" / "instrumentals.tsv")
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


def uses(path=USES):
    """{piece: "judge" or "left out"} of the pieces that are not trained on."""
    return {row["piece"]: row["use"] for row in read_rows(path)}


def build_tree(recordings, tree, *, packages=None, progress=None):
    """Write the songs of the pieces to train on that are missing in `tree`, and the tree's manifest, which it returns.
    Songs of pieces that are no longer trained on are removed.

    packages : folder that keeps the .deb files (default: a temporary one)
    progress : called with (songs there, songs) after each song

    Raises DataError as `packages.fetch` does.
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


def decoded(listed, wanted, packages=None):
    """Yield (piece, audio, names of the pieces in it) of each wanted piece, package by package. `listed` are all
    pieces: a backing gets the stem of its folder. Audio is float32 (2, samples), MOST seconds at most."""
    for package, version in sorted({(piece.package, piece.version) for piece in wanted}):
        own = [piece for piece in wanted if piece.package == package]
        parts = {piece: [piece, *_stems_beside(piece, listed)] for piece in own}
        digests = {part.path: part.sha256 for row in parts.values() for part in row}
        with tempfile.TemporaryDirectory() as folder:
            files = fetch(package, version, digests, packages or folder)
            for piece, row in parts.items():
                seconds = min(MOST, *(part.seconds for part in row))
                yield piece, sum(read(files[part.path], seconds) for part in row), [part.name for part in row]
            for file in files.values():
                file.unlink()


def _stems_beside(piece, listed):
    folder = PurePosixPath(piece.path).parent
    beside = [other for other in listed if other.package == piece.package and other.kind == "stem" != piece.kind]
    return [other for other in beside if PurePosixPath(other.path).parent == folder]


def read(path, seconds):
    """The first seconds of a file at 44.1 kHz, float32 (2, samples), decoded by libsndfile, or by ffmpeg if that
    cannot. Raises DataError: neither can."""
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


def _by_ffmpeg(path, seconds):
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-t", str(seconds), "-f", "f32le", "-ac", "2"]
    try:
        done = subprocess.run([*command, "-ar", str(SAMPLE_RATE), "-"], capture_output=True)
    except FileNotFoundError as error:
        raise DataError(f"libsndfile cannot read it, and ffmpeg is missing: {path}") from error
    if done.returncode:
        raise DataError(f"neither libsndfile nor ffmpeg can read it: {path}")
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2)
