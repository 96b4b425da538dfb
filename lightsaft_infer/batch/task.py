"""One track of a batch, and the function that separates it, in this process, another process or on another machine."""

import datetime
import functools
import hashlib
import os
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import AnyPath
from ..audio import PARTS
from ..errors import AudioError, LightSAFTError, message_of, raise_as
from .journal import Entry
from .storage import below, is_url, opened, remove_parts_of
from .track import Track

if TYPE_CHECKING:
    from ..separator import Separator

OPTIONS = ("targets", "residual", "consistency", "format", "subtype", "clip")


def separate_track(track: Track, *, scratch: AnyPath | None = None) -> Entry:
    """Separate a track. Existing stems are replaced.

    A process loads the model once, for all tracks.

    Parameters
    ----------
    track : Track
    scratch : path, optional
        The folder for copies of files at URLs. Default: the system's folder for temporary files.

    Returns
    -------
    dict
        The entry for the journal. The status is "done" or "failed": no Exception is raised. After an error that this
        package does not expect, "traceback" has the place of that error.
    """
    start = time.perf_counter()
    try:
        separator = _separator(track.model, track.model_sha256, track.threads)
        separate_local = functools.partial(_separate_local, separator=separator)
        if is_url(track.source) or is_url(track.out):
            from .staging import separate_staged

            done = separate_staged(track, separate_local, scratch=scratch)
        else:
            done = separate_local(track)
    except Exception as error:  # no error must stop the other tracks of a long run
        entry = failed_entry(track, message_of(error, track.source))
        known = isinstance(error, (LightSAFTError, OSError, MemoryError))
        return entry if known else entry | {"traceback": traceback.format_exc()}
    wall = time.perf_counter() - start
    return _entry(track, "done") | done | {"wall_seconds": wall, "rtf": wall / done["seconds"], "finished": _now()}


def failed_entry(track: Track, text: str) -> Entry:
    """Return the entry of a track that failed with an error."""
    return _entry(track, "failed") | {"error": text, "finished": _now()}


def again_entry(track: Track, why: str) -> Entry:
    """Return the entry of a finished track whose stems will be replaced."""
    return _entry(track, "again") | {"reason": why, "finished": _now()}


def remove_parts(track: Track) -> None:
    """Remove the files with temporary names that a killed run has left beside the track's stems."""
    if is_url(track.out):
        remove_parts_of(below(track.out, track.folder))
        return
    for part in Path(track.out, track.folder).glob(PARTS):
        part.unlink(missing_ok=True)


def file_digest(path: AnyPath) -> str:
    """Return the SHA-256 of a file, at a path or URL, in hexadecimal digits. Raises OSError if it cannot be read."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@functools.lru_cache(maxsize=1)
def _separator(model: str, sha256: str, threads: int) -> "Separator":
    """Load a model. The digest is an argument because the file at the path may change while the process runs."""
    from ..errors import ModelError
    from ..separator import Separator

    separator = Separator.from_file(model, threads=threads)
    if separator.manifest.sha256 != sha256:
        raise ModelError(f"expected the model with SHA-256 {sha256}, got {separator.manifest.sha256}: {model}")
    return separator


def _separate_local(track: Track, separator: "Separator") -> Entry:
    """Separate a track of paths. Returns the facts for its entry."""
    from ..separate_file import separate_file

    remove_parts(track)
    # Before the samples are read: if the file changes during the separation, the next run sees a changed file.
    with raise_as(AudioError, "read", track.source):
        state = os.stat(track.source)
        digest = file_digest(track.source)
    options = {name: value for name, value in track.options.items() if name not in ("targets", "format")}
    outputs = {name: Path(track.out, path) for name, path in track.outputs.items()}
    result = separate_file(separator, track.source, outputs, overwrite=True, **options)
    return {
        "input": {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": digest},
        "model": separator.manifest.sha256,
        "outputs": {
            name: {"file": track.outputs[name], "bytes": path.stat().st_size, "sha256": file_digest(path)}
            for name, path in result.outputs.items()
        },
        "seconds": result.samples / result.sample_rate,
        "peaks": result.peaks,
        "gain": result.gain,
    }


def _entry(track: Track, status: str) -> Entry:
    return {"track": track.name, "status": status, "model": track.model_sha256, "options": track.options}


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
