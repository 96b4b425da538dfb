"""Tracks on shared storage: copied to this machine, separated, and the stems copied back."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from ..arguments import AnyPath
from ..errors import AudioError, ModelError, OutputError, raise_as
from .journal import Entry
from .storage import below, download, is_url, remove_parts_of, upload
from .track import Track


def separate_staged(track: Track, separate_local: Callable[[Track], Entry], *, scratch: AnyPath | None = None) -> Entry:
    """Separate a track whose `source`, `out` or both are URLs.

    Parameters
    ----------
    track : Track
    separate_local : callable
        Separates a track of paths and returns the facts for its entry in the journal.
    scratch : path, optional
        The folder for temporary files: one track and its stems. Default: the system's.

    Returns
    -------
    dict
        The result of `separate_local`, with the size and time that the track has on its storage.

    Raises
    ------
    AudioError, OutputError
        If the track cannot be read or the stems cannot be written. The errors name URLs. Other errors are those of
        `separate_local`.
    """
    with tempfile.TemporaryDirectory(prefix="lightsaft-", dir=scratch) as folder:
        local = track
        state: dict[str, Any] = {}
        if is_url(track.source):
            source = Path(folder, f"source{PurePosixPath(track.name).suffix}")
            with raise_as(AudioError, "read"):
                state = download(track.source, source)._asdict()
            local = dataclasses.replace(local, source=str(source))
        if is_url(track.out):
            local = dataclasses.replace(local, out=str(Path(folder, "out")))
        try:
            done = separate_local(local)
        except (AudioError, ModelError, OutputError) as error:
            text = str(error).replace(local.source, track.source).replace(local.out, track.out)
            raise type(error)(text) from error
        if is_url(track.out):
            remove_parts_of(below(track.out, track.folder))
            files = {Path(local.out, path): below(track.out, path) for path in track.outputs.values()}
            with raise_as(OutputError, "write"):
                upload(files)
    return done | {"input": done["input"] | state}
