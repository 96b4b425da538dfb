"""WAV and RF64, from files and from streams that cannot seek."""

import io
import select
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
SHORT_BYTES = 2**16  # that may follow the last chunk, such as a tag that another program has appended
REST_BYTES = 2**20  # of those that follow it that are looked at


class WavSource:
    """The samples of a WAV or RF64 file, read forward (see `lightsaft_infer.audio.source.Source`).

    Parameters
    ----------
    file : binary file
        At its start. It need not be seekable.

    Attributes
    ----------
    end : int or None
        The position in the file after its last chunk. None if the file is not seekable, or does not state its length.

    Raises
    ------
    AudioError
        If the header is damaged, or the file has less or more audio than it declares. It does not name the file.
    UnsupportedCodecError
        If the samples are neither PCM nor floating-point.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._format, size = self._header()
        self.end = None if size is None else _check_size(file, size)
        self.channels, self.sample_rate = self._format.channels, self._format.sample_rate
        self.speakers = masked_speakers(self._format.channel_mask, self.channels)
        self.samples = None if size is None else size // self._format.frame_bytes
        self._size = size or 0
        self._left = None if size is None else self.samples_bytes(size)

    def samples_bytes(self, size: int) -> int:
        """Return the bytes of complete samples in a number of bytes."""
        return size // self._format.frame_bytes * self._format.frame_bytes

    def _header(self) -> tuple[WavFormat, int | None]:
        """Read up to the samples. Returns their format, and the size of the `data` chunk, None if not stated."""
        large = self._exactly(12)[:4] != b"RIFF"
        format_: WavFormat | None = None
        long_size: int | None = None
        while True:
            name, size = struct.unpack("<4sI", self._exactly(8))
            if name == b"data":
                if format_ is None:
                    raise AudioError("expected a fmt chunk before the audio of a WAV file, got none")
                if large and size == UNKNOWN_SIZE:
                    return format_, long_size
                if size == 0:
                    return format_, 0 if _chunk_follows(self._file) else None
                return format_, None if is_placeholder(size) else size
            if size > MAX_CHUNK_BYTES and name in (b"fmt ", b"ds64"):
                raise AudioError(f"expected a WAV header, got a chunk {name} of {size} bytes")
            content = self._exactly(size + size % 2, keep=name in (b"fmt ", b"ds64"))
            if name == b"fmt ":
                format_ = WavFormat.from_chunk(content)
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
            if self._left == 0 and not self._file.seekable():
                read_up_to(self._file, self._size - self.samples_bytes(self._size))
                _check_rest(self._file, self._size)
            while read_some(self._file, PART_BYTES):  # so that a program that writes into a pipe ends without an error
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


def _chunk_follows(file: BinaryIO) -> bool:
    """Whether the next bytes of a file on a disk are a whole chunk. The position does not change."""
    if not file.seekable():
        return False
    place = file.tell()
    held = _held(file)
    head = read_up_to(file, 8)
    file.seek(place)
    return _names_a_chunk(head) and 8 + int.from_bytes(head[4:], "little") <= held


def _held(file: BinaryIO) -> int:
    """Return the bytes from the position of a seekable file to its end. The position does not change."""
    place = file.tell()
    held = file.seek(0, 2) - place
    file.seek(place)
    return held


def _names_a_chunk(head: bytes) -> bool:
    return len(head) == 8 and all(32 <= byte < 127 for byte in head[:4])


def _check_size(file: BinaryIO, size: int) -> int | None:
    """Raise AudioError if a file on a disk has less audio than its header says, or more.

    Returns the position after its last chunk. None for a file that is not seekable.
    """
    if not file.seekable():
        return None
    place, held = file.tell(), _held(file)
    if held < size:
        raise AudioError(f"truncated: expected {size} bytes of audio, got {held}")
    file.seek(place + size)
    end = place + size + _check_rest(file, size)
    file.seek(place)
    return end


def _check_rest(file: BinaryIO, size: int) -> int:
    """Raise AudioError if audio follows the `size` bytes of samples of a WAV file. The file is after these.

    Chunks may follow, and anything that is short or zeros. Returns the bytes of the chunks.
    """
    more = f"damaged: the WAV header declares {size} bytes of audio, but more follow"
    first = read_up_to(file, size % 2)
    padded = first == b"\0"  # some programs do not fill up to an even size
    head = read_up_to(file, 8) if padded else first + read_up_to(file, 8 - len(first))
    done = int(padded)
    while _names_a_chunk(head):
        name, length = struct.unpack("<4sI", head)
        if name in (b"data", b"RIFF", b"RF64"):
            raise AudioError(f"expected one part of audio in a WAV file, got a second one after {size} bytes")
        left = length = length + length % 2
        while left and (part := read_some(file, min(left, PART_BYTES))):
            left -= len(part)
        if left > 1:  # no chunk, or a truncated one
            if length - left > SHORT_BYTES:
                raise AudioError(more)
            break
        done, head = done + 8 + length, read_up_to(file, 8)
    rest = head + read_up_to(file, REST_BYTES)
    if len(rest) > SHORT_BYTES and any(rest):
        raise AudioError(more)
    return done


def read_some(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file: 1 to `size` bytes, none only at its end.

    It waits for a pipe that does not block: its `read` returns None if nothing has come yet.
    """
    while (part := file.read(size)) is None:
        select.select([file], [], [])
    return part


def read_up_to(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file: `size` bytes, fewer only at its end."""
    parts = []
    while size:
        part = read_some(file, size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
