"""WAV and RF64, from files and from streams that cannot seek."""

import io
import struct
from typing import BinaryIO

import numpy as np

from ..arrays import Audio
from ..errors import AudioError
from .downmix import masked_speakers
from .source import read_and_skip
from .wav_format import UNKNOWN_SIZE, WavFormat, is_placeholder

PART_BYTES = 65536  # read at a time
MAX_CHUNK_BYTES = 2**20  # of the header's chunks that are kept


class WavSource:
    """The samples of a WAV or RF64 file, read forward (see `lightsaft_infer.audio.source.Source`).

    Parameters
    ----------
    file : binary file
        At its start. It need not be seekable.

    Raises
    ------
    AudioError
        If the header is damaged. It does not name the file.
    UnsupportedCodecError
        If the samples are neither PCM nor floating-point.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = self._exactly(12)
        fmt_chunk, size = self._header(large=head[:4] != b"RIFF")
        _check_size(file, size)
        self._format = WavFormat.from_chunk(fmt_chunk)
        self.channels, self.sample_rate = self._format.channels, self._format.sample_rate
        self.speakers = masked_speakers(self._format.channel_mask, self.channels)
        self.samples = None if size is None else size // self._format.frame_bytes
        self._left = None if size is None else self.samples_bytes(size)

    def samples_bytes(self, size: int) -> int:
        """Return the bytes of complete samples in a number of bytes."""
        return size // self._format.frame_bytes * self._format.frame_bytes

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
                raise AudioError("truncated: the file ends within the WAV header")
            size -= len(part)
            content += part if keep else b""
        return content

    def read(self, count: int) -> Audio:
        import soundfile

        wanted = count * self._format.frame_bytes
        raw = read_up_to(self._file, wanted if self._left is None else min(wanted, self._left))
        if self._left is not None:
            self._left -= len(raw)
        raw = raw[: self.samples_bytes(len(raw))]
        if not raw:
            while self._file.read(PART_BYTES):  # so that the program that writes into a pipe can end without an error
                pass
            return np.empty((self.channels, 0), np.float32)
        samples: Audio = soundfile.read(
            io.BytesIO(raw),
            dtype="float32",
            always_2d=True,
            samplerate=self.sample_rate,
            channels=self.channels,
            format="RAW",
            subtype=self._format.subtype,
            endian="LITTLE",
        )[0].T
        return samples

    def skip(self, count: int) -> int:
        return read_and_skip(self, count)


def _check_size(file: BinaryIO, size: int | None) -> None:
    """Raise AudioError if a file on a disk is shorter than its header says."""
    if size is None or not file.seekable():
        return
    place = file.tell()
    held = file.seek(0, 2) - place
    file.seek(place)
    if held < size:
        raise AudioError(f"truncated: expected {size} bytes of audio, got {held}")


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
