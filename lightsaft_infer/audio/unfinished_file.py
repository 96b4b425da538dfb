"""A sound file that has a temporary name until it is complete."""

import abc
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..arrays import Audio
from ..errors import OutputError, raise_as
from .files import hard_link, part_name, rename_new

if TYPE_CHECKING:
    from typing_extensions import Self


class UnfinishedFile(abc.ABC):
    """A file under a temporary name in the folder of its final path. It is removed on exit unless it was renamed.

    Parameters
    ----------
    path : Path
        The final path.

    Raises
    ------
    OutputError
        If the file cannot be created.
    """

    sample_rate: int

    def __init__(self, path: Path) -> None:
        self._final = path
        self._path = path.with_name(part_name())
        self._replaced: Path | None = None  # a link to the file that was replaced
        self._existed = False
        with raise_as(OutputError, "write", path):
            # Unbuffered: errors of the file system are raised as they are, and fsync covers all of the file.
            self._raw: BinaryIO = open(self._path, "x+b", buffering=0)

    @abc.abstractmethod
    def write(self, block: Audio) -> None:
        """Append a block, shape (channels, samples). Raises OutputError if it cannot be written."""

    @abc.abstractmethod
    def finish(self, samples: int) -> None:
        """Close the file, and check that all its samples are on the disk. Raises OutputError if they are not."""

    @abc.abstractmethod
    def _close(self) -> None:
        """Close the encoder."""

    def rename(self, *, overwrite: bool) -> None:
        """Give the file its final path. Raises OutputError if that fails, or a file has it and `overwrite` is false."""
        self._raw.close()
        with raise_as(OutputError, "write", self._final):
            if overwrite:
                self._existed, self._replaced = os.path.lexists(self._final), hard_link(self._final)
                os.replace(self._path, self._final)
                return
            try:
                rename_new(self._path, self._final)
            except FileExistsError:
                raise already_exists(self._final) from None

    def undo_rename(self) -> None:
        """Restore what was there before, unless the file system has no hard links."""
        if self._replaced is not None:
            os.replace(self._replaced, self._final)
        elif not self._existed:
            self._final.unlink()

    def forget_replaced(self) -> None:
        """Remove what `undo_rename` would restore."""
        if self._replaced is not None:
            self._replaced.unlink(missing_ok=True)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *exception: object) -> None:
        # The file is removed even if closing it fails or is interrupted.
        try:
            with contextlib.suppress(Exception):
                self._close()
        finally:
            self._raw.close()
            self._path.unlink(missing_ok=True)
            self.forget_replaced()


def rename_all(files: Iterable[UnfinishedFile], *, overwrite: bool) -> None:
    """Give complete files their final paths: all of them or, if an error is raised, none.

    Parameters
    ----------
    files : iterable of UnfinishedFile
    overwrite : bool
        Replace existing files.

    Raises
    ------
    OutputError
        If a file cannot be renamed, or exists already.
    """
    renamed = []
    try:
        for file in files:
            file.rename(overwrite=overwrite)
            renamed.append(file)
    except BaseException:
        for file in renamed:
            with contextlib.suppress(OSError):
                file.undo_rename()
        raise
    for file in renamed:
        with contextlib.suppress(OSError):
            file.forget_replaced()


def already_exists(path: Path) -> OutputError:
    """Return the error of a file that must not be replaced."""
    return OutputError(f"already exists: {path} (use overwrite=True or --force to replace it)")
