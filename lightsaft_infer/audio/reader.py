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

from ..arguments import AnyPath, is_number, to_path, whole_number
from ..arrays import Audio
from ..blocks import BLOCK_SAMPLES, check_format, check_samples
from ..errors import ArgumentError, AudioError, raise_as
from .downmix import downmix_matrix, downmixed
from .opening import open_source
from .tags import Tags, read_tags

MAX_SECONDS = 1e9  # of a start or a duration


class AudioReader:
    """An audio file or stream that is read in blocks. Use it as a context manager.

    The content of a file decides its format, not its name. The same bytes give the same samples from a file and through
    a pipe. WAV is read from a pipe as it comes; a pipe of another format is copied into a temporary file first.

    Parameters
    ----------
    path : path, or binary file
        A file, or a stream with a descriptor that need not be seekable, such as ``sys.stdin.buffer.raw``.
    start : float, optional
        Seconds to leave out at the start.
    duration : float, optional
        Seconds to read. Default: to the end.
    downmix : bool, optional
        Mix more than 2 channels to stereo, with the coefficients of ITU-R BS.775. Default: such a file is an error.

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
        If the file is missing, a folder, empty, truncated or not audio, has more than 2 channels and `downmix` is not
        set, has a sample rate outside 8000 to 192000 Hz, or ends before `start`.
    ArgumentError
        If `path` is neither a path nor a binary file with a descriptor, or `start` or `duration` is out of range.

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

    def __init__(
        self,
        path: AnyPath | BinaryIO,
        *,
        start: float = 0.0,
        duration: float | None = None,
        downmix: bool = False,
    ) -> None:
        source = _checked(path)
        _check_seconds(start, duration)
        self.path = source if isinstance(source, Path) else Path(str(getattr(source, "name", "<stream>")))
        self._closing = contextlib.ExitStack()
        self._closed = self._used = False
        with self._reading(), contextlib.ExitStack() as closing:
            file = source if not isinstance(source, Path) else closing.enter_context(open(source, "rb", buffering=0))
            self._source, self._seekable, self._tags_end = open_source(file, closing)
            self.sample_rate = self._source.sample_rate
            several = downmix and self._source.channels > 2
            self._matrix = downmix_matrix(self._source.speakers) if several else None
            self.channels = 2 if several else self._source.channels
            check_format(self.sample_rate, self.channels)
            if self._source.samples == 0:
                raise AudioError("expected audio, got 0 samples")
            self._start = round(start * self.sample_rate)
            self._longest = None if duration is None else max(1, round(duration * self.sample_rate))
            self.samples = self._expected()
            self._closing = closing.pop_all()

    def _expected(self) -> int | None:
        """Samples to read if the length of the file is known."""
        whole = self._source.samples
        if whole is None:
            return None
        if self._start >= whole:
            raise AudioError(f"expected a start before the end at {whole / self.sample_rate:.2f} s")
        return whole - self._start if self._longest is None else min(self._longest, whole - self._start)

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
            If the audio is damaged, ends before its header says, or contains NaN or infinity, or the reader is closed
            or was read before.
        ArgumentError
            If `size` is not a whole number of 1 or more.
        """
        return self._blocks(whole_number(size, "size"))

    def _blocks(self, size: int) -> Iterator[Audio]:
        done = 0
        with self._reading():
            self._check_open()
            if self._used:
                raise AudioError("expected a reader that was not read before (open the file again)")
            self._used = True
            if self._start and self._source.skip(self._start) < self._start:
                raise AudioError(f"expected a start before the end, got {self._start / self.sample_rate:.2f} s")
            while self._longest is None or done < self._longest:
                self._check_open()
                block = self._source.read(size if self._longest is None else min(size, self._longest - done))
                if not block.shape[1]:
                    break
                check_samples(block, channels=self._source.channels, start=self._start + done)
                done += block.shape[1]
                yield np.ascontiguousarray(block) if self._matrix is None else downmixed(block, self._matrix)
            if self.samples is not None and done < self.samples:
                raise AudioError(f"truncated: expected {self.samples} samples, got {done}")
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

    def tags(self) -> Tags | None:
        """Read the tags and the cover picture.

        Returns
        -------
        Tags or None
            None if the file has none, they are damaged, or the audio is WAV from a pipe.

        Raises
        ------
        AudioError
            If the reader is closed.
        """
        with self._reading():
            self._check_open()
            return None if self._seekable is None else read_tags(self._seekable, self._tags_end)

    def _check_open(self) -> None:
        if self._closed:
            raise AudioError("expected an open reader, got a closed one")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise errors of the file system as AudioError, and add the name of the file to every AudioError."""
        with raise_as(AudioError, "read", self.path):
            try:
                yield
            except AudioError as error:
                raise AudioError(f"{error}: {self.path}") from error.__cause__

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


def _check_seconds(start: float, duration: float | None) -> None:
    if not is_number(start) or not 0 <= start < MAX_SECONDS:
        raise ArgumentError(f"expected a start of 0 seconds or more, got {start!r}")
    if duration is not None and (not is_number(duration) or not 0 < duration < MAX_SECONDS):
        raise ArgumentError(f"expected a duration above 0 seconds, got {duration!r}")
