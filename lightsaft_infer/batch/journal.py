"""The journal of a batch: a file with a line of JSON for each track that was finished or has failed.

Lines are only added. The last line of a track is the valid one. Before the stems of a finished track are replaced, a
line with the status "again" is added. If the run then ends before the line of the new stems is written, the line of the
old stems is not valid.
"""

import codecs
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeGuard

from ..arguments import AnyPath, to_path
from ..errors import OutputError, raise_as
from ..file_lock import lock
from .storage import is_url

NAME = "journal.jsonl"

Entry = dict[str, Any]
"""A line of the journal, a JSON object. All entries have "track", "status", "model" and "options"."""


def journal_path(out_dir: AnyPath, journal: AnyPath | None = None) -> Path:
    """Return the path of the journal of an output folder.

    Parameters
    ----------
    out_dir : path or URL
    journal : path, optional
        Default: ``journal.jsonl`` in the output folder.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If the journal would be at a URL: shared storage can neither add lines nor lock a file.
    ArgumentError
        If an argument is neither a path nor a URL.
    """
    if journal is not None:
        if is_url(journal):
            raise OutputError(f"expected the path of a journal on this machine, got a URL: {journal}")
        return to_path(journal, "the path of a journal")
    if is_url(out_dir):
        raise OutputError(
            f"expected the path of a journal (journal=PATH or --journal) because the stems go to a URL: {out_dir}"
        )
    return Path(out_dir, NAME)


def read_journal(path: AnyPath) -> dict[str, Entry]:
    """Read the last entry of each track. It has the "outputs" of an earlier one if it has none, so that the stems keep
    their place.

    Lines that are not entries are ignored, for example a line that was cut when the machine went down. Their tracks are
    separated again.

    Parameters
    ----------
    path : path
        The journal. It may be missing.

    Returns
    -------
    dict of str to dict
        The entry by the path of the track.

    Raises
    ------
    OutputError
        If the file cannot be read, or is something else.
    """
    path = to_path(path, "the path of a journal")
    entries: dict[str, Entry] = {}
    with raise_as(OutputError, "read the journal", path), contextlib.suppress(FileNotFoundError):
        if path.is_fifo():  # to open it would wait for its other end
            raise _another_file(path)
        with open(path, "rb") as lines:
            _check_content(lines, path)
            for line in lines:
                with contextlib.suppress(ValueError, RecursionError):
                    entry = json.loads(line)
                    if _is_entry(entry):
                        known = entries.get(entry["track"], {})
                        entries[entry["track"]] = {"outputs": known.get("outputs")} | entry
    return entries


def _check_content(file: BinaryIO, path: Path) -> None:
    """Raise OutputError if a file is something else, such as a song: nothing must be added to it.

    A crash of the machine may leave zeros, and a part of the first line.
    """
    file.seek(0)
    start = file.read(2**16).removeprefix(codecs.BOM_UTF8).lstrip(b"\0\r\n")  # an editor may have added the mark
    entries = start.startswith(b"{") and b'"track":' in start
    if not entries and not b'{"track":'.startswith(start.rstrip()):
        raise _another_file(path)
    file.seek(0)


def _another_file(path: Path) -> OutputError:
    return OutputError(f"expected a journal of lightsaft batch, got another file: {path}")


def _is_entry(value: object) -> TypeGuard[Entry]:
    """Whether a JSON value is an entry. One of a finished track needs the facts that decide if it is still valid."""
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("track", "status")):
        return False
    outputs = value.get("outputs") or {}
    if not isinstance(outputs, dict) or not all(_is_output(output) for output in outputs.values()):
        return False
    facts = isinstance(value.get("input"), dict) and "model" in value and "options" in value
    return value["status"] != "done" or facts


def _is_output(value: object) -> bool:
    """Whether a JSON value describes a file below the output folder. New stems are written beside it."""
    if not isinstance(value, dict) or not isinstance(value.get("file"), str):
        return False
    os.fsencode(value["file"])  # raises ValueError for a name that no file can have
    path = PurePosixPath(value["file"])
    return not path.is_absolute() and ".." not in path.parts and len(path.parts) > 1 and "\0" not in str(path)


class Journal:
    """A journal that one run at a time adds entries to. Use it as a context manager.

    On systems without `flock`, a second run is not noticed.

    Parameters
    ----------
    path : path
        The file is made if it is missing, and its folders.

    Attributes
    ----------
    path : Path

    Raises
    ------
    OutputError
        If another run uses the journal, or it cannot be written.
    ArgumentError
        If `path` is not a path.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = to_path(path, "the path of a journal")
        with raise_as(OutputError, "write", self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)
            try:
                _check_content(self._file, self.path)
                if not lock(self._file):
                    raise OutputError(f"another run is at work on this folder: {self.path.parent}")
                self._end_torn_line()
            except BaseException:
                self._file.close()
                raise

    def _end_torn_line(self) -> None:
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry. It is on the disk when this method returns.

        Parameters
        ----------
        entry : dict
            JSON with a "track".

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        line = json.dumps(entry).encode() + b"\n"
        with raise_as(OutputError, "write", self.path):
            if self._file.write(line) != len(line):
                raise OutputError(f"cannot write {self.path}: the disk may be full")
            os.fsync(self._file.fileno())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
