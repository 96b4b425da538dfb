"""A track on shared storage that is no file system of this machine: copied here, separated, its stems copied back."""

import contextlib
import dataclasses
import tempfile
from pathlib import Path, PurePosixPath

from ..errors import AudioError, OutputError
from .storage import below, download, is_url, remove_parts_of, upload


def separate_staged(track, separate_local, *, scratch=None):
    """Separate a track whose `source`, `out` or both are URLs.

    Parameters
    ----------
    track : Track
    separate_local : callable(track) that separates a track of paths and returns what it did, see `separate_track`
    scratch : folder for temporary files, which hold one track and its stems (default: the system's)

    Returns what `separate_local` did, with the track's state on its storage.

    Raises AudioError or OutputError, which name the URL, and what `separate_local` raises.
    """
    with tempfile.TemporaryDirectory(prefix="lightsaft-", dir=scratch) as folder:
        local, state = track, {}
        if is_url(track.source):
            source = Path(folder, f"source{PurePosixPath(track.track).suffix}")
            with _naming(AudioError, "read"):
                state = download(track.source, source)._asdict()
            local = dataclasses.replace(local, source=str(source))
        if is_url(track.out):
            local = dataclasses.replace(local, out=str(Path(folder, "out")))
        try:
            done = separate_local(local)
        except (AudioError, OutputError) as error:
            text = str(error).replace(local.source, track.source).replace(local.out, track.out)
            raise type(error)(text) from error
        if is_url(track.out):
            remove_parts_of(below(track.out, track.folder))
            files = {Path(local.out, path): below(track.out, path) for path in track.outputs.values()}
            with _naming(OutputError, "write"):
                upload(files)
    return done | {"input": done["input"] | state}


@contextlib.contextmanager
def _naming(kind, what):
    try:
        yield
    except OSError as error:
        raise kind(f"cannot {what}: {error.strerror}: {error.filename}") from error
