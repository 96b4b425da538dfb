"""Ogg files (RFC 3533), which may be chains of streams: one after another, as internet radio sends them."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import soundfile

from ..arrays import Audio
from ..errors import AudioError
from .downmix import default_speakers
from .file_slice import FileSlice
from .libsndfile import damaged, read_blocks
from .source import BufferedBlocks, read_and_skip

FIRST, LAST = 2, 4  # flags of a stream's pages
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # bytes with their bits in the opposite order


class OggStream(NamedTuple):
    """A stream of a file: the offsets of its first byte and of the byte after its last one."""

    start: int
    end: int


def find_streams(file: BinaryIO) -> list[OggStream]:
    """Find the streams of a seekable Ogg file from the headers of its pages.

    Streams side by side, such as those of a video, are one. The position in the file changes. Raises AudioError
    unless a page begins a stream, the last page is complete and ends its stream, and the checksums of all pages are
    right: decoders leave out a wrong page without a word.
    """
    size, offset, starts, after_first, last = file.seek(0, 2), 0, [], False, False
    while offset < size:
        file.seek(offset)
        header = file.read(27 + 255)
        count = header[26] if len(header) > 26 else 256
        segments = header[27 : 27 + count]
        end = offset + 27 + len(segments) + sum(segments)
        if not header.startswith(b"OggS") or len(segments) < count or end > size:
            incomplete, offset = header.startswith(b"OggS"), _next_page(file, offset + 1)
            if incomplete or offset < size:  # a tag or zeros may follow the last page
                last = False
            continue
        file.seek(offset)
        page = file.read(end - offset)
        if int.from_bytes(page[22:26], "little") != checksum(page[:22] + bytes(4) + page[26:]):
            raise AudioError(f"damaged: the Ogg page at byte {offset} has a wrong checksum")
        if header[5] & FIRST and not after_first:
            starts.append(offset)
        after_first, last = bool(header[5] & FIRST), bool(header[5] & LAST)
        offset = end
    if not last:
        raise AudioError("truncated: the last Ogg page is incomplete, or does not end the stream")
    if not starts:
        raise AudioError("damaged: no Ogg page begins a stream")
    return [OggStream(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def checksum(page: bytes) -> int:
    """Return the checksum of an Ogg page whose own field is zeros: the CRC of RFC 3533.

    It is that of zlib with the bits of bytes and result in the opposite order, and without the inversions.
    """
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _next_page(file: BinaryIO, offset: int) -> int:
    """Position of the next page at `offset` or later, or the end of the file."""
    overlap = b""
    file.seek(offset)
    while part := file.read(65536):
        found = (overlap + part).find(b"OggS")
        if found >= 0:
            return offset - len(overlap) + found
        offset += len(part)
        overlap = (overlap + part)[-3:]
    return offset


class OggSource:
    """The sound of a file, stream by stream, decoded by libsndfile (see `lightsaft_infer.audio.source.Source`).

    libsndfile trims the ends of Vorbis and Opus streams exactly. (FFmpeg also reads several streams, but the end
    of a short Vorbis stream is up to 128 samples off.)

    Parameters
    ----------
    file : binary file
        It must be seekable.
    streams : list of OggStream
        One or more.

    Raises
    ------
    AudioError
        If the streams differ in sample rate or channels.
    soundfile.LibsndfileError
        If libsndfile cannot read a stream.
    """

    def __init__(self, file: BinaryIO, streams: list[OggStream]) -> None:
        self._file, self._streams = file, streams
        sounds = [self._open(stream) for stream in streams]
        formats = [f"{sound.samplerate} Hz and {sound.channels} channels" for sound in sounds]
        for other in formats[1:]:
            if other != formats[0]:
                raise AudioError(f"expected one format in the whole file, got {formats[0]}, then {other}")
        self.sample_rate = int(sounds[0].samplerate)
        self.channels = int(sounds[0].channels)
        self.speakers = default_speakers(self.channels)
        self.samples: int | None = sum(sound.frames for sound in sounds)
        self._buffered = BufferedBlocks(self._read(), self.channels)
        self._done = 0

    def read(self, count: int) -> Audio:
        audio = self._buffered.read(count)
        self._done += audio.shape[1]
        return audio

    def skip(self, count: int) -> int:
        return read_and_skip(self, count)

    def _read(self) -> Iterator[Audio]:
        try:
            for stream in self._streams:
                yield from read_blocks(self._open(stream))
        except soundfile.LibsndfileError as error:
            raise damaged(error, self._done / self.sample_rate) from error

    def _open(self, stream: OggStream) -> soundfile.SoundFile:
        return soundfile.SoundFile(FileSlice(self._file, stream.start, stream.end))
