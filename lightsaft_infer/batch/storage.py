"""The places of tracks and stems: paths, or URLs of shared storage (file://, s3://, gs://, sftp://, ...) by fsspec.

A URL is `protocol://path` as fsspec takes it, without percent-encoding. Only this module imports fsspec, and only for
URLs. Errors of fsspec are raised as OSError with the reason in `strerror` and the place in `filename`.
"""

import contextlib
import datetime
import errno
import fnmatch
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ..arguments import AnyPath, to_path
from ..audio import PARTS, part_name
from ..errors import ClusterError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# On these a file appears when all of it is stored, and a rename would copy it.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"}


class FileState(NamedTuple):
    """The size of a file in bytes, and the time of its last change in nanoseconds, None if the storage has no time."""

    bytes: int
    mtime_ns: int | None


def is_url(place: AnyPath) -> bool:
    """Return whether a place is a URL, not a path.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    return "://" in str(to_path(place, "a path or URL") if not isinstance(place, str) else place)


def absolute(place: AnyPath) -> str:
    """Return a place as text for other processes: a URL without "/" at the end of its path, or an absolute path."""
    if not is_url(place):
        return str(to_path(place, "a path or URL").absolute())
    protocol, mark, path = str(place).partition("://")
    if local_place(place) is not None and not path.startswith("/"):
        path = str(Path(path).absolute())
    return f"{protocol}{mark}{path.rstrip('/')}"


def below(place: AnyPath, name: str) -> str:
    """Return the place of a file in a folder. `name` is the path below the folder, with "/"."""
    return f"{place}/{name}" if is_url(place) else str(Path(place, name))


def local_place(place: AnyPath) -> Path | None:
    """Return the path of a place in this machine's file system, None if the place is elsewhere."""
    if not is_url(place):
        return Path(place)
    return Path(str(place).partition("://")[2]) if str(place).startswith(("file://", "local://")) else None


def file_state(place: AnyPath) -> FileState:
    """Return the size and time of a file. Raises OSError if it cannot be read."""
    if not is_url(place):
        state = os.stat(place)
        return FileState(state.st_size, state.st_mtime_ns)
    with _opened(str(place)) as (filesystem, path):
        return _state(filesystem.info(path))


@contextlib.contextmanager
def opened(place: AnyPath) -> Iterator[BinaryIO]:
    """Open a file for reading, in binary form. Raises OSError if it cannot be read."""
    if not is_url(place):
        with open(place, "rb") as file:
            yield file
        return
    with _opened(str(place)) as (filesystem, path), filesystem.open(path, "rb") as remote:
        yield remote


def list_files(url: str) -> dict[str, FileState]:
    """Return the state of all files below a URL, by their path below it. It is empty if there are none.

    Raises OSError if the storage cannot be read.
    """
    with _opened(url) as (filesystem, root):
        filesystem.invalidate_cache()
        root = root.rstrip("/")
        found = filesystem.find(root, detail=True)
        return {path[len(root) + 1 :]: _state(info) for path, info in found.items() if path != root}


def download(url: str, path: Path) -> FileState:
    """Copy a file to a path. Returns its state before the copy. Raises OSError if it cannot be copied."""
    with _opened(url) as (filesystem, source):
        filesystem.invalidate_cache()
        state = _state(filesystem.info(source))
        filesystem.get_file(source, str(path))
        _check_size(path, os.stat(path).st_size, state.bytes)
    return state


def upload(files: Mapping[Path, str]) -> None:
    """Copy files to URLs. Existing files are replaced.

    All files are stored under temporary names, then all are renamed. On an object store each file is stored under its
    own name, as it appears there when all of it is stored.

    Parameters
    ----------
    files : dict of Path to str
        The URL of each file.

    Raises
    ------
    OSError
        If a file cannot be copied. The files with temporary names are then removed.
    """
    parts = {}
    try:
        for path, url in files.items():
            parts[url] = _part_of(url)
            with _opened(parts[url]) as (filesystem, target):
                filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
                filesystem.put_file(str(path), target)
                filesystem.invalidate_cache()
                _check_size(parts[url], filesystem.info(target)["size"], os.stat(path).st_size)
        for url, part in parts.items():
            if part != url:
                with _opened(part) as (filesystem, source), _opened(url) as (_, target):
                    filesystem.mv(source, target)
    except BaseException:
        for url, part in parts.items():
            if part != url:
                with contextlib.suppress(OSError), _opened(part) as (filesystem, target):
                    filesystem.rm_file(target)
        raise


def remove_parts_of(folder: str) -> None:
    """Remove the files with temporary names that a killed run has left in a folder, a URL."""
    with contextlib.suppress(OSError), _opened(folder) as (filesystem, root):
        filesystem.invalidate_cache()
        for path in filesystem.ls(root, detail=False):
            if fnmatch.fnmatchcase(path.rpartition("/")[2], PARTS):
                filesystem.rm_file(path)


def _part_of(url: str) -> str:
    """Return the URL that a file is first stored at."""
    if url.partition("://")[0] in OBJECT_STORES:
        return url
    return f"{url.rpartition('/')[0]}/{part_name()}"


@contextlib.contextmanager
def _opened(url: str) -> "Iterator[tuple[AbstractFileSystem, str]]":
    """The file system of a URL, and the path in it.

    Raises ClusterError if fsspec, or a package that it needs for the protocol, is missing. Errors within the context
    are raised as OSError.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ClusterError(f'URLs need fsspec: pip install "lightsaft[cluster]": {url}') from error
    base, name = _split(url)
    try:
        filesystem, path = url_to_fs(base)
    except (ImportError, ValueError) as error:
        raise ClusterError(f"expected a URL that fsspec can open on this machine ({error}): {url}") from error
    try:
        yield filesystem, f"{path.rstrip('/')}/{name}" if name else path
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "No such file", url) from error
    except Exception as error:  # each kind of storage has its own errors
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise OSError(getattr(error, "errno", None) or errno.EIO, why, url) from error


def _split(url: str) -> tuple[str, str]:
    """Split a URL before the first part of its path that has "::" in its name, which fsspec would take as a chain.

    In front of the last "://", as in simplecache::s3://, it is a chain.
    """
    protocol, mark, path = url.rpartition("://")
    if "::" not in path:
        return url, ""
    folder, _, rest = path.partition("::")
    folder, slash, name = folder.rpartition("/")
    return f"{protocol}{mark}{folder}{slash}", f"{name}::{rest}"


def _check_size(place: AnyPath, got: int, expected: int) -> None:
    if got != expected:
        raise OSError(errno.EIO, f"expected {expected} bytes, got {got}", str(place))


def _state(info: Mapping[str, Any]) -> FileState:
    """Return the state of a file by fsspec's description of it. Kinds of storage have different names for the time."""
    time = next((info[name] for name in ("mtime", "LastModified", "last_modified", "updated") if info.get(name)), None)
    if isinstance(time, str):
        time = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    if isinstance(time, datetime.datetime):
        time = time.timestamp()
    return FileState(info["size"], None if time is None else round(time * 1e9))
