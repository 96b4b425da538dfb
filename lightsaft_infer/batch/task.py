"""One track of a batch, and the function that separates it, in this process, another process or on another machine."""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audio import PARTS
from ..checks import AnyPath
from ..errors import AudioError, reason
from .journal import Entry
from .storage import below, is_url, opened, remove_parts_of

if TYPE_CHECKING:
    from ..separator import Separator

OPTIONS = ("targets", "residual", "consistency", "format", "subtype", "clip")


@dataclasses.dataclass(frozen=True)
class Track:
    """A track to separate, in plain values that can be sent to another process.

    Attributes
    ----------
    track : str
        Its path below the input folder of the batch, with "/".
    source : str
        Its path or URL.
    folder : str
        The folder of its stems below the output folder, with "/".
    out : str
        Path or URL of the output folder.
    model : str
        Path of the manifest.
    model_sha256 : str
        SHA-256 of the model's ONNX file.
    threads : int
        Threads of the network.
    options : dict
        "targets" (list of str), "residual" (str or None), "consistency" (bool), "format" (a suffix without the dot),
        "subtype" and "clip", and optionally "bitrate" and "tags", with the meaning that they have in `separate_file`.
    """

    track: str
    source: str
    folder: str
    out: str
    model: str
    model_sha256: str
    threads: int
    options: dict[str, Any]

    @property
    def outputs(self) -> dict[str, str]:
        """The path of each stem's file below the output folder, by target."""
        names = [*self.options["targets"], *filter(None, [self.options["residual"]])]
        return {name: f"{self.folder}/{name}.{self.options['format']}" for name in names}


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
        The entry for the journal. The status is "done" or "failed": no Exception is raised.
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
        return failed_entry(track, _text(error, track))
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
    if separator.manifest.onnx.sha256 != sha256:
        raise ModelError(f"expected the model with SHA-256 {sha256}, got {separator.manifest.onnx.sha256}: {model}")
    return separator


def _separate_local(track: Track, separator: "Separator") -> Entry:
    """Separate a track of paths. Returns the facts for its entry."""
    from ..separate_file import separate_file

    remove_parts(track)
    # Before the samples are read: if the file changes during the separation, the next run sees a changed file.
    with _reading(track.source):
        state = os.stat(track.source)
        digest = file_digest(track.source)
    options = {name: value for name, value in track.options.items() if name not in ("targets", "format")}
    outputs = {name: Path(track.out, path) for name, path in track.outputs.items()}
    result = separate_file(separator, track.source, outputs, overwrite=True, **options)
    return {
        "input": {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": digest},
        "model": separator.manifest.onnx.sha256,
        "outputs": {
            name: {"file": track.outputs[name], "bytes": path.stat().st_size, "sha256": file_digest(path)}
            for name, path in result.outputs.items()
        },
        "seconds": result.samples / result.sample_rate,
        "peaks": result.peaks,
        "gain": result.gain,
    }


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AudioError(f"cannot read {path}: {reason(error)}") from error


def _entry(track: Track, status: str) -> Entry:
    return {"track": track.track, "status": status, "model": track.model_sha256, "options": track.options}


def _text(error: Exception, track: Track) -> str:
    """Return the message of an error, with the name of a file."""
    from ..errors import LightSAFTError

    if isinstance(error, LightSAFTError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot read or write {error.filename or track.source}: {reason(error)}"
    with contextlib.suppress(Exception):
        return f"{type(error).__name__}: {error}: {track.source}"
    return f"{type(error).__name__}: {track.source}"


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
