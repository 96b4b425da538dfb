"""WAV from a stream that cannot seek, such as a pipe or a socket."""

import io
import struct
from typing import BinaryIO

import numpy as np

from ..arrays import Audio
from ..errors import AudioError
from .wav_format import UNKNOWN_SIZE, WavFormat, is_placeholder

PART_BYTES = 65536  # read at a time
MAX_CHUNK_BYTES = 2**20  # of the header's chunks that are kept


class WavStreamReader:
    """The samples of a WAV or RF64 file that comes from a stream. `read` works as that of `soundfile.SoundFile`.

    Parameters
    ----------
    file : binary file
    head : bytes
        The first 12 bytes, which were read from the file before.

    Attributes
    ----------
    samplerate : int
        In Hz.
    channels : int
    frames : int or None
        Samples per channel as the header states them. None if it does not.

    Raises
    ------
    AudioError
        If the header is damaged, or the samples are neither PCM nor floating-point. It does not name the file.
    """

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file = file
        fmt_chunk, size = self._header(large=head[:4] != b"RIFF")
        self._format = WavFormat.from_chunk(fmt_chunk)
        self.channels, self.samplerate = self._format.channels, self._format.sample_rate
        self.frames = None if size is None else size // self._format.frame_bytes
        self._left = size

    def _header(self, large: bool) -> tuple[bytes, int | None]:
        """Read up to the samples. Returns the `fmt ` chunk and the size of the `data` chunk, None if not stated."""
        fmt_chunk = b""
        long_size: int | None = None
        while True:
            name, size = struct.unpack("<4sI", self._exactly(8))
            if name == b"data":
                if large and size == UNKNOWN_SIZE:
                    return fmt_chunk, long_size
                return fmt_chunk, None if size == 0 or is_placeholder(size) else size
            if size > MAX_CHUNK_BYTES and name in (b"fmt ", b"ds64"):
                raise AudioError(f"expected a WAV header, got a chunk {name} of {size} bytes")
            content = self._exactly(size + size % 2, keep=name in (b"fmt ", b"ds64"))
            if name == b"fmt ":
                fmt_chunk = content
            elif name == b"ds64":
                long_size = struct.unpack_from("<Q", content.ljust(16, b"\0"), 8)[0] or None

    def _exactly(self, size: int, keep: bool = True) -> bytes:
        content = b""
        while size:
            part = read_up_to(self._file, min(size, PART_BYTES))
            if not part:
                raise AudioError("truncated: the stream ends within the WAV header")
            size -= len(part)
            content += part if keep else b""
        return content

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> Audio:
        """Return the next samples.

        Parameters
        ----------
        frames : int
            Samples per channel to read.
        dtype, always_2d
            See `soundfile.SoundFile.read`.

        Returns
        -------
        array, shape (samples, channels)
            Fewer samples than `frames` only at the end.
        """
        import soundfile

        wanted = frames * self._format.frame_bytes
        raw = read_up_to(self._file, wanted if self._left is None else min(wanted, self._left))
        if self._left is not None:
            self._left -= len(raw)
        raw = raw[: len(raw) // self._format.frame_bytes * self._format.frame_bytes]
        if not raw:
            return np.empty((0, self.channels), dtype)
        samples: Audio = soundfile.read(
            io.BytesIO(raw),
            dtype=dtype,
            always_2d=always_2d,
            samplerate=self.samplerate,
            channels=self.channels,
            format="RAW",
            subtype=self._format.subtype,
            endian="LITTLE",
        )[0]
        return samples

    def drain(self) -> None:
        """Read the rest of the stream, so that the program that writes into it can end without an error."""
        while self._file.read(PART_BYTES):
            pass


def read_up_to(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file: `size` bytes, fewer only at its end."""
    parts = []
    while size:
        part = file.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
