"""One track of a batch: what is to be done, and the function that does it, here, in another process or on another
machine."""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from ..audio import PARTS
from .storage import below, is_url, opened, remove_parts_of


@dataclasses.dataclass(frozen=True)
class Track:
    """A track to separate, in plain values.

    `track` is its path below the batch's input folder and `folder` that of its stems below the output folder, both with
    "/"; `source` and `out` are the paths or URLs of the track and of the output folder, `model` the manifest's path.
    `options` are targets (list), residual (name or None), consistency, format (suffix), subtype and clip, as
    `separate_file` knows them.
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
    def outputs(self):
        """{target: path below the output folder} of its files."""
        names = [*self.options["targets"], *filter(None, [self.options["residual"]])]
        return {name: f"{self.folder}/{name}.{self.options['format']}" for name in names}


def separate_track(track, *, scratch=None):
    """Separate a track, replacing its stems, and return its entry for the journal, a dict for JSON.

    The entry has status "done" or "failed"; this function raises no Exception. The model is loaded once in a process.
    `scratch` is the folder for copies of what is at a URL (default: the system's).
    """
    start = time.perf_counter()
    try:
        separate_local = functools.partial(
            _separate_local, separator=_separator(track.model, track.model_sha256, track.threads)
        )
        if is_url(track.source) or is_url(track.out):
            from .staging import separate_staged

            done = separate_staged(track, separate_local, scratch=scratch)
        else:
            done = separate_local(track)
    except Exception as error:  # whatever it is, it must not cost the other tracks of a long run
        return failed_entry(track, _text(error, track))
    wall = time.perf_counter() - start
    return _entry(track, "done") | done | {"wall_seconds": wall, "rtf": wall / done["seconds"], "finished": _now()}


def failed_entry(track, text):
    """The journal's entry of a track that failed with an error."""
    return _entry(track, "failed") | {"error": text, "finished": _now()}


def again_entry(track, reason):
    """The journal's entry of a finished track whose stems are about to be replaced."""
    return _entry(track, "again") | {"reason": reason, "finished": _now()}


def remove_parts(track):
    """Remove what a run that was killed has left of the track's stems."""
    if is_url(track.out):
        remove_parts_of(below(track.out, track.folder))
        return
    for part in Path(track.out, track.folder).glob(PARTS):
        part.unlink(missing_ok=True)


def file_digest(path):
    """SHA-256 of a file, a path or URL, in hexadecimal digits."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@functools.lru_cache(maxsize=1)
def _separator(model, sha256, threads):
    """The digest tells models apart that one path had in the life of a process."""
    from ..errors import ModelError
    from ..separator import Separator

    separator = Separator.from_file(model, threads=threads)
    if separator.manifest.onnx.sha256 != sha256:
        raise ModelError(f"expected the model with SHA-256 {sha256}, got {separator.manifest.onnx.sha256}: {model}")
    return separator


def _separate_local(track, separator):
    from ..separate_file import separate_file

    remove_parts(track)
    # Taken before the samples are: a file that changes meanwhile is a changed file to the next run.
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


def _entry(track, status):
    return {"track": track.track, "status": status, "model": track.model_sha256, "options": track.options}


def _text(error, track):
    from ..errors import LightSAFTError

    if isinstance(error, LightSAFTError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or track.source}"
    with contextlib.suppress(Exception):
        return f"{type(error).__name__}: {error}: {track.source}"
    return f"{type(error).__name__}: {track.source}"


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
