"""Files that appear only when they are complete: written under a temporary name in the same folder, then renamed."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import BinaryIO

from ..errors import OutputError, raise_as

PARTS = ".lightsaft-*.part"  # pattern of the temporary names


def part_name() -> str:
    """Return a new temporary file name that matches `PARTS`."""
    return PARTS.replace("*", uuid.uuid4().hex)


def track_name(file_name: str) -> str:
    """Return the name of a track, the last part of its path, without the suffix.

    The suffix stays if the rest would not be the name of a folder: "..wav" would give ".", and "...wav" "..".
    """
    stem = PurePath(file_name).stem
    return file_name if stem in ("", ".", "..") else stem


def rename_new(part: Path, path: Path) -> None:
    """Give a complete file its final path. Raises FileExistsError if there is a file already, also if another process
    has just written it."""
    if os.name == "nt":
        os.rename(part, path)  # it does not replace files on Windows
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        os.rename(part, path)
    else:
        part.unlink()


def hard_link(path: Path) -> Path | None:
    """Return a hard link to a file, beside it under a temporary name. None if that is not possible."""
    link = path.with_name(part_name())
    try:
        os.link(path, link)
    except OSError:
        return None
    return link


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write bytes to an unbuffered file, which may write less at a time. Raises OSError if it cannot be written."""
    while content:
        content = content[file.write(content) :]


def make_parent(path: Path) -> None:
    """Make the folder of a file, unless it exists. Raises OutputError if that fails."""
    with raise_as(OutputError, "write", path):
        path.parent.mkdir(parents=True, exist_ok=True)


def write_text(path: Path, parts: Iterable[str]) -> None:
    """Write a text file in UTF-8, like `write_bytes`.

    Parameters
    ----------
    path : Path
    parts : iterable of str
        The text in pieces. Bytes of file names that are not text are written as escapes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_bytes(path, (text.encode(errors="backslashreplace") for text in parts))


def write_bytes(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file. An existing file is replaced when the new one is complete.

    Parameters
    ----------
    path : Path
    parts : iterable of bytes

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    part = path.with_name(part_name())
    try:
        with raise_as(OutputError, "write", path):
            with open(part, "xb") as file:
                for content in parts:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
