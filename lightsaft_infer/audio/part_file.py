"""A sound file that has a temporary name until it is complete."""

import abc
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..arrays import Audio
from ..errors import AudioError, OutputError, reason
from .files import hard_link, part_name, rename_new
from .tags import Tags, insert_picture

if TYPE_CHECKING:
    from soundfile import SoundFile
    from typing_extensions import Self

RF64_AUTO_DOWNGRADE = 0x1210  # SFC_RF64_AUTO_DOWNGRADE of sndfile.h


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
        with naming(path):
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
        with naming(self._final):
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


class PartFile(UnfinishedFile):
    """A sound file that libsndfile writes, under a temporary name in the folder of its final path.

    Parameters
    ----------
    path : Path
        The final path.
    container, subtype : str
        libsndfile's names. RF64 becomes WAV if the file has less than 4 GiB in the end.
    sample_rate : int
        In Hz.
    channels : int
    tags : Tags, optional
        Texts for any container, and a picture for FLAC.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """

    def __init__(
        self, path: Path, *, container: str, subtype: str, sample_rate: int, channels: int, tags: Tags | None = None
    ) -> None:
        import soundfile

        super().__init__(path)
        self.sample_rate = sample_rate
        self._picture = tags.picture if tags is not None and container == "FLAC" else None
        with naming(path):
            try:
                self._sound: SoundFile = soundfile.SoundFile(
                    self._raw.fileno(),
                    "w",
                    closefd=False,
                    samplerate=sample_rate,
                    channels=channels,
                    format=container,
                    subtype=subtype,
                )
            except BaseException as error:
                self.__exit__()
                if isinstance(error, soundfile.LibsndfileError):
                    form = f"{container} {subtype}, {channels} channels, {sample_rate} Hz"
                    raise OutputError(f"cannot write {path} as {form}: {error.error_string}") from error
                raise
        if container == "RF64":
            # soundfile has no function for this command of libsndfile.
            soundfile._snd.sf_command(self._sound._file, RF64_AUTO_DOWNGRADE, soundfile._ffi.NULL, True)
        for name, text in (tags.texts if tags is not None else {}).items():
            with contextlib.suppress(soundfile.LibsndfileError):  # a container without this tag
                setattr(self._sound, "tracknumber" if name == "track" else name, text)

    def write(self, block: Audio) -> None:
        with naming(self._final):
            self._sound.write(np.ascontiguousarray(block.T))

    def read_back(self) -> Iterator[Audio]:
        """End writing, and yield the samples in blocks, shape (channels, samples)."""
        from .libsndfile import read_blocks

        with naming(self._final):
            self._sound.close()
            try:
                with _opened(self._path) as sound:
                    yield from read_blocks(sound)
            except AudioError as error:
                raise OutputError(f"cannot read back what was written for {self._final}: {error}") from error

    def finish(self, samples: int) -> None:
        """Close the file, and check that all its samples are on the disk. Raises OutputError if they are not."""
        with naming(self._final):
            self._sound.close()
            _clear_time_stamp(self._raw)
            if self._picture is not None:
                insert_picture(self._raw, self._picture)
            os.fsync(self._raw.fileno())
            with _opened(self._path) as sound:
                got = sound.frames
        if got != samples:
            raise OutputError(f"expected to write {samples} samples, got {got}: {self._final}")

    def _close(self) -> None:
        self._sound.close()


@contextlib.contextmanager
def _opened(path: Path) -> "Iterator[SoundFile]":
    """Open a sound file by descriptor: soundfile does not take the name of every file."""
    import soundfile

    with open(path, "rb", buffering=0) as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as sound:
        yield sound


def already_exists(path: Path) -> OutputError:
    """Return the error of a file that must not be replaced."""
    return OutputError(f"already exists: {path} (use overwrite=True or --force to replace it)")


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise errors of the file system and of libsndfile as OutputError with the name of the file."""
    import soundfile

    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason(error)}") from error
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all samples were written
        why = str(error) or "not all samples were written"
        raise OutputError(f"cannot write {path}: the disk may be full ({why})") from error


def _clear_time_stamp(file: BinaryIO) -> None:
    """Set to 0 the time that libsndfile writes into float WAV (chunk PEAK). The same stems then give the same bytes."""
    file.seek(0)
    name, place = file.read(4), 12
    if name != b"RIFF":
        return
    while name not in (b"PEAK", b"data", b""):
        file.seek(place)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name == b"PEAK":
            file.seek(place + 12)  # after the name, size and version of the chunk
            file.write(bytes(4))
        place += 8 + size + size % 2
