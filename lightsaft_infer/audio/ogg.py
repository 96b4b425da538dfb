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


class Link(NamedTuple):
    """A link of a chain: the positions of its first byte and of the byte after its last one."""

    start: int
    end: int


def find_links(file: BinaryIO) -> list[Link]:
    """Find the links of a seekable Ogg file from the headers of its pages.

    Streams side by side, such as those of a video, are one link. The position in the file changes. Raises AudioError
    unless a page begins a stream, the last page is complete and ends its stream, and the checksums of all pages are
    right: decoders leave out a wrong page without a word.
    """
    size, place, starts, after_first, last = file.seek(0, 2), 0, [], False, False
    while place < size:
        file.seek(place)
        header = file.read(27 + 255)
        count = header[26] if len(header) > 26 else 256
        segments = header[27 : 27 + count]
        end = place + 27 + len(segments) + sum(segments)
        if not header.startswith(b"OggS") or len(segments) < count or end > size:
            incomplete, place = header.startswith(b"OggS"), _next_page(file, place + 1)
            if incomplete or place < size:  # a tag or zeros may follow the last page
                last = False
            continue
        file.seek(place)
        page = file.read(end - place)
        if int.from_bytes(page[22:26], "little") != checksum(page[:22] + bytes(4) + page[26:]):
            raise AudioError(f"damaged: the Ogg page at byte {place} has a wrong checksum")
        if header[5] & FIRST and not after_first:
            starts.append(place)
        after_first, last = bool(header[5] & FIRST), bool(header[5] & LAST)
        place = end
    if not last:
        raise AudioError("truncated: the last Ogg page is incomplete, or does not end the stream")
    if not starts:
        raise AudioError("damaged: no Ogg page begins a stream")
    return [Link(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def checksum(page: bytes) -> int:
    """Return the checksum of an Ogg page whose own field is zeros: the CRC of RFC 3533.

    It is that of zlib with the bits of bytes and result in the opposite order, and without the inversions.
    """
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _next_page(file: BinaryIO, place: int) -> int:
    """Position of the next page at `place` or later, or the end of the file."""
    overlap = b""
    file.seek(place)
    while part := file.read(65536):
        found = (overlap + part).find(b"OggS")
        if found >= 0:
            return place - len(overlap) + found
        place += len(part)
        overlap = (overlap + part)[-3:]
    return place


class ChainSource:
    """The sound of a chain, link by link, decoded by libsndfile (see `lightsaft_infer.audio.source.Source`).

    libsndfile trims the ends of Vorbis and Opus streams exactly. (FFmpeg's libraries read chains themselves, but the
    end of a short Vorbis stream is up to 128 samples off.)

    Parameters
    ----------
    file : binary file
        It must be seekable.
    links : list of Link
        One or more.

    Raises
    ------
    AudioError
        If the links differ in sample rate or channels.
    soundfile.LibsndfileError
        If libsndfile cannot read a link.
    """

    def __init__(self, file: BinaryIO, links: list[Link]) -> None:
        self._file, self._links = file, links
        sounds = [self._open(link) for link in links]
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
            for link in self._links:
                yield from read_blocks(self._open(link))
        except soundfile.LibsndfileError as error:
            raise damaged(error, self._done / self.sample_rate) from error

    def _open(self, link: Link) -> soundfile.SoundFile:
        return soundfile.SoundFile(FileSlice(self._file, link.start, link.end))
