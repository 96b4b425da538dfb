"""Audio files and streams, read in blocks of samples, with errors that say which file is wrong and why.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..arrays import Audio
from ..checks import BLOCK_SAMPLES, AnyPath, check_format, check_samples, to_path, whole_number
from ..errors import ArgumentError, AudioError, reason
from .opened import OpenedSound


class AudioReader:
    """An audio file or stream that is read in blocks. Use it as a context manager.

    The content of a file decides its format, not its name. Formats that libsndfile cannot read, such as m4a, need
    ffmpeg.

    Parameters
    ----------
    path : path, or binary file
        A file, or a stream with a descriptor that need not be seekable, such as ``sys.stdin.buffer.raw``.

    Attributes
    ----------
    path : Path
        The path of the file, or the name of the stream.
    sample_rate : int
        In Hz.
    channels : int
        1 or 2.
    samples : int or None
        Samples per channel. None if the length is not known before the end.

    Raises
    ------
    AudioError
        If the file is missing, a folder, empty, truncated or not audio, needs ffmpeg and ffmpeg is missing, has more
        than 2 channels, or has a sample rate outside 8000 to 192000 Hz.
    ArgumentError
        If `path` is neither a path nor a binary file with a descriptor.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer import AudioReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/song.flac", np.zeros((100_000, 2)), 44100)
    ...     with AudioReader(f"{folder}/song.flac") as song:
    ...         shapes = [block.shape for block in song.blocks()]
    >>> song.sample_rate, song.channels, song.samples
    (44100, 2, 100000)
    >>> shapes
    [(2, 65536), (2, 34464)]
    """

    def __init__(self, path: AnyPath | BinaryIO) -> None:
        source = _checked(path)
        self.path = source if isinstance(source, Path) else Path(str(getattr(source, "name", "<stream>")))
        self._closing = contextlib.ExitStack()
        self._closed = False
        with self._naming(), contextlib.ExitStack() as closing:
            self._opened = _open(source, closing)
            self.samples = self._opened.samples
            self.sample_rate = self._opened.source.samplerate
            self.channels = self._opened.source.channels
            check_format(self.sample_rate, self.channels)
            if self.samples == 0:
                raise AudioError("expected audio, got 0 samples")
            self._closing = closing.pop_all()

    def blocks(self, size: int = BLOCK_SAMPLES) -> Iterator[Audio]:
        """Read the audio from its start to its end. This can be done once.

        Parameters
        ----------
        size : int, optional
            Samples per channel in a block.

        Yields
        ------
        float32 array, shape (channels, samples)
            Only the last block may be shorter than `size`.

        Raises
        ------
        AudioError
            If the audio is damaged, ends before its header says, or contains NaN or infinity, or the reader is closed.
        ArgumentError
            If `size` is not a whole number of 1 or more.
        """
        return self._blocks(whole_number(size, "size"))

    def _blocks(self, size: int) -> Iterator[Audio]:
        import soundfile

        done = 0
        with self._naming():
            while True:
                if self._closed:
                    raise AudioError("expected an open reader, got a closed one")
                try:
                    block = self._opened.source.read(size, dtype="float32", always_2d=True).T
                except soundfile.LibsndfileError as error:
                    place = f"damaged or truncated after {done / self.sample_rate:.2f} s"
                    raise AudioError(f"{place} ({error.error_string or 'libsndfile gives no reason'})") from error
                if not block.shape[1]:
                    break
                check_samples(block, channels=self.channels, start=done)
                done += block.shape[1]
                yield np.ascontiguousarray(block)
            if self.samples is not None and done < self.samples:
                raise AudioError(f"truncated: expected {self.samples} samples, got {done}")
            if self._opened.check is not None:
                self._opened.check()
            if not done:
                raise AudioError("expected audio, got 0 samples")

    def read(self) -> Audio:
        """Read the audio at once, into memory.

        Returns
        -------
        float32 array, shape (channels, samples)

        Raises
        ------
        AudioError
            See `blocks`.
        """
        return np.concatenate(list(self.blocks()), axis=1)

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Add the name of the file to errors."""
        try:
            yield
        except AudioError as error:
            raise AudioError(f"{error}: {self.path}") from error.__cause__
        except OSError as error:
            raise AudioError(f"cannot read {self.path}: {reason(error)}") from error

    def close(self) -> None:
        """Close the file. A stream that was given stays open."""
        self._closed = True
        self._closing.close()

    def __enter__(self) -> "AudioReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _checked(source: AnyPath | BinaryIO) -> Path | BinaryIO:
    """Return a path as Path, or a binary file. Raises ArgumentError for another object."""
    expected = "the path of an audio file, or a binary file with a descriptor"
    file = all(hasattr(source, name) for name in ("fileno", "read", "readable", "seekable"))
    if isinstance(source, (str, os.PathLike)) or not file:
        return to_path(source, expected)
    if isinstance(source, io.TextIOBase):
        raise ArgumentError(f"expected {expected}, got a text file: {source!r}")
    try:
        source.fileno()
        readable = source.readable()
    except (OSError, ValueError) as error:  # a file in memory, or a closed one
        raise ArgumentError(f"expected {expected}, got {source!r} ({error})") from error
    if not readable:
        raise ArgumentError(f"expected {expected}, got one that is not open for reading: {source!r}")
    return source


def _open(source: Path | BinaryIO, closing: contextlib.ExitStack) -> OpenedSound:
    if isinstance(source, Path):
        from .decoding import open_sound

        return open_sound(source, closing)
    from .pipes import open_stream

    return open_stream(source, closing)
