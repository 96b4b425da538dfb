"""The settings of a studio."""

import dataclasses
import os
import sys
from pathlib import Path

from ..errors import ArgumentError

GB = 10**9


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a studio.

    Attributes
    ----------
    folder : Path
        The work folder: uploads, stems and the states of all jobs.
    host : str
        The address to listen on.
    port : int
        0: any free port.
    names : tuple of str
        Further names of this machine that requests may have as their Host, such as that of a proxy.
    music : Path or None
        A folder whose files clients may name instead of uploading them.
    token : str or None
        The secret that every request must have. Needed unless `host` is a loopback address.
    model : Path or None
        The manifest. None: the packaged model.
    threads : int or None
        Threads of the network for each track. None: all cores.
    workers : int
        Tracks that are separated at the same time.
    max_upload : int
        Largest upload in bytes.
    max_bytes : int
        Bytes that the work folder may hold. The oldest finished tracks are removed first.
    max_days : float
        Days after which finished tracks are removed.
    max_jobs : int
        Largest number of jobs.
    patience : float
        Seconds for which an upload may stand still.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    music: Path | None = None
    token: str | None = None
    model: Path | None = None
    threads: int | None = None
    workers: int = 1
    max_upload: int = 4 * GB
    max_bytes: int = 40 * GB
    max_days: float = 7
    max_jobs: int = 1000
    patience: float = 60


def default_folder() -> Path:
    """Return the work folder in the user's folder for caches (the XDG Base Directory Specification on Linux).

    Raises ArgumentError if the user has no home folder.
    """
    try:
        return _caches() / "lightsaft" / "studio"
    except RuntimeError as error:  # Path.home
        raise ArgumentError("expected a folder for uploads and stems, as there is no home folder (--folder)") from error


def _caches() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
