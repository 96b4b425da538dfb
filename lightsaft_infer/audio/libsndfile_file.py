"""Sound files that libsndfile writes: WAV, RF64, W64, FLAC and Ogg Vorbis.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..arrays import Audio
from ..errors import AudioError, OutputError, raise_as
from .tags import Tags, insert_picture
from .unfinished_file import UnfinishedFile

if TYPE_CHECKING:
    from soundfile import SoundFile

RF64_AUTO_DOWNGRADE = 0x1210  # SFC_RF64_AUTO_DOWNGRADE of sndfile.h


class LibsndfileFile(UnfinishedFile):
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
        with _writing(path):
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
        with _writing(self._final):
            self._sound.write(np.ascontiguousarray(block.T))

    def read_back(self) -> Iterator[Audio]:
        """End writing, and yield the samples in blocks, shape (channels, samples)."""
        from .libsndfile import read_blocks

        with _writing(self._final):
            self._sound.close()
            try:
                with _opened(self._path) as sound:
                    yield from read_blocks(sound)
            except AudioError as error:
                raise OutputError(f"cannot read back what was written for {self._final}: {error}") from error

    def finish(self, samples: int) -> None:
        """Close the file, and check that all its samples are on the disk. Raises OutputError if they are not."""
        with _writing(self._final):
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


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raise errors of the file system and of libsndfile as OutputError with the name of the file."""
    import soundfile

    with raise_as(OutputError, "write", path):
        try:
            yield
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
