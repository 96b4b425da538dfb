"""Ogg files (RFC 3533), which may be chains of streams: one after another, as internet radio sends them."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from ..arrays import Audio
from ..errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

FIRST, LAST = 2, 4  # flags of a stream's pages


class Link(NamedTuple):
    """A link of a chain: the positions of its first byte and of the byte after its last one."""

    start: int
    end: int


def find_links(file: BinaryIO) -> list[Link]:
    """Find the links of a seekable Ogg file from the headers of its pages.

    Streams side by side, such as those of a video, are one link. The position in the file changes. Raises AudioError
    unless the last page is complete and ends its stream.
    """
    size, place, starts, after_first, last = file.seek(0, 2), 0, [], False, False
    while place < size:
        file.seek(place)
        header = file.read(27 + 255)
        count = header[26] if len(header) > 26 else 256
        segments = header[27 : 27 + count]
        end = place + 27 + len(segments) + sum(segments)
        if not header.startswith(b"OggS") or len(segments) < count or end > size:
            place, last = _next_page(file, place + 1), False
            continue
        if header[5] & FIRST and not after_first:
            starts.append(place)
        after_first, last = bool(header[5] & FIRST), bool(header[5] & LAST)
        place = end
    if not last:
        raise AudioError("truncated: the last Ogg page is incomplete, or does not end the stream")
    return [Link(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


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
    """The sound of a chain, link by link, decoded by libsndfile.

    It trims the ends of Vorbis and Opus streams exactly. (FFmpeg's libraries read chains themselves, but the end of a
    short Vorbis stream is up to 128 samples off.)

    Parameters
    ----------
    file : binary file
        It must be seekable.
    links : list of Link
        One or more.

    Attributes
    ----------
    samplerate : int
        In Hz.
    channels : int
    samples : int
        Samples per channel of all links together.

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
        self.samplerate: int = sounds[0].samplerate
        self.channels: int = sounds[0].channels
        self.samples: int = sum(sound.frames for sound in sounds)
        for sound in sounds:
            sound.close()
        self._blocks = self._read()
        self._rest: Audio = np.empty((0, self.channels), np.float32)

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> Audio:
        """Return the next samples, shape (samples, channels): `frames` samples per channel, fewer only at the end."""
        while len(self._rest) < frames and (block := next(self._blocks, None)) is not None:
            self._rest = np.concatenate([self._rest, block])
        audio, self._rest = self._rest[:frames], self._rest[frames:]
        return audio

    def _read(self) -> Iterator[Audio]:
        for link in self._links:
            with self._open(link) as sound:
                yield from sound.blocks(65536, dtype="float32", always_2d=True)

    def _open(self, link: Link) -> "SoundFile":
        import soundfile

        return soundfile.SoundFile(_Part(self._file, link))


class _Part(io.RawIOBase):
    """A part of a seekable file, as a file."""

    def __init__(self, file: BinaryIO, link: Link) -> None:
        self._file, self._link, self._place = file, link, 0

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        self._file.seek(self._link.start + self._place)
        size = max(0, min(len(buffer), self._link.end - self._link.start - self._place))
        content = self._file.read(size)
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._place, self._link.end - self._link.start)[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
