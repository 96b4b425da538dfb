"""Where tracks and stems are: paths, or URLs of shared storage (file://, s3://, gs://, sftp://, ...) through fsspec.

A URL is `protocol://path` as fsspec has it: nothing in it is percent-encoded. The only module that imports fsspec; for
paths it is not imported. What fsspec raises comes as OSError whose `strerror` says what and `filename` where.
"""

import contextlib
import datetime
import errno
import fnmatch
import os
from pathlib import Path
from typing import NamedTuple

from ..audio import PARTS, part_name
from ..errors import ClusterError

# Here a file appears whole when all of it has been put, and a rename would be a copy.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"}


class FileState(NamedTuple):
    """Size in bytes and time of the last change in nanoseconds, None where the storage does not tell it."""

    bytes: int
    mtime_ns: int | None


def is_url(place):
    """Whether a place is a URL, not a path."""
    return "://" in str(place)


def absolute(place):
    """A place as text that means the same in another process: a URL without "/" at its end or an absolute path."""
    return str(place).rstrip("/") if is_url(place) else str(Path(place).absolute())


def below(place, name):
    """The place of a file, by the place of a folder and the path below it with "/"."""
    return f"{place}/{name}" if is_url(place) else str(Path(place, name))


def local_place(place):
    """The path of a place that this machine's file system has, None for any other."""
    if not is_url(place):
        return Path(place)
    return Path(str(place).partition("://")[2]) if str(place).startswith(("file://", "local://")) else None


def file_state(place):
    """FileState of a file. Raises OSError."""
    if not is_url(place):
        state = os.stat(place)
        return FileState(state.st_size, state.st_mtime_ns)
    with _opened(place) as (filesystem, path):
        return _state(filesystem.info(path))


@contextlib.contextmanager
def opened(place):
    """A file opened for reading, binary. Raises OSError."""
    if not is_url(place):
        with open(place, "rb") as file:
            yield file
        return
    with _opened(place) as (filesystem, path), filesystem.open(path, "rb") as file:
        yield file


def list_files(url):
    """{path below the URL: FileState} of all files below it; empty where there is nothing. Raises OSError."""
    with _opened(url) as (filesystem, root):
        filesystem.invalidate_cache()
        root = root.rstrip("/")
        found = filesystem.find(root, detail=True)
        return {path[len(root) + 1 :]: _state(info) for path, info in found.items() if path != root}


def download(url, path):
    """Copy a file to a path. Returns its FileState from before the first byte was read. Raises OSError."""
    with _opened(url) as (filesystem, source):
        filesystem.invalidate_cache()
        state = _state(filesystem.info(source))
        filesystem.get_file(source, str(path))
        _check_size(path, os.stat(path).st_size, state.bytes)
    return state


def upload(files):
    """Copy files, {path: URL}, replacing what is there; none has its name before all are there.

    On an object store, where a file appears when all of it has been put, each is put under its name.

    Raises OSError; what was put under temporary names is then removed.
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
                with _opened(url) as (filesystem, target):
                    filesystem.mv(filesystem._strip_protocol(part), target)
    except BaseException:
        for url, part in parts.items():
            if part != url:
                with contextlib.suppress(OSError), _opened(part) as (filesystem, target):
                    filesystem.rm_file(target)
        raise


def remove_parts_of(folder):
    """Remove what a run that was killed has left in a folder, a URL, under temporary names."""
    with contextlib.suppress(OSError), _opened(folder) as (filesystem, root):
        filesystem.invalidate_cache()
        for path in filesystem.ls(root, detail=False):
            if fnmatch.fnmatchcase(path.rpartition("/")[2], PARTS):
                filesystem.rm_file(path)


def _part_of(url):
    if url.partition("://")[0] in OBJECT_STORES:
        return url
    return f"{url.rpartition('/')[0]}/{part_name()}"


@contextlib.contextmanager
def _opened(url):
    """The file system and the path that a URL stands for.

    Raises ClusterError where fsspec, or what it needs for the protocol, is missing; and what is raised in the block
    as OSError.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ClusterError(f'URLs need fsspec: pip install "lightsaft[cluster]": {url}') from error
    try:
        pair = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ClusterError(f"expected a URL that fsspec can open here: {error}: {url}") from error
    try:
        yield pair
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "No such file", url) from error
    except Exception as error:  # each kind of storage has errors of its own
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise OSError(getattr(error, "errno", None) or errno.EIO, reason, url) from error


def _check_size(place, got, expected):
    if got != expected:
        raise OSError(errno.EIO, f"expected {expected} bytes, got {got}", str(place))


def _state(info):
    time = next((info[name] for name in ("mtime", "LastModified", "last_modified", "updated") if info.get(name)), None)
    if isinstance(time, str):
        time = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    if isinstance(time, datetime.datetime):
        time = time.timestamp()
    return FileState(info["size"], None if time is None else round(time * 1e9))
