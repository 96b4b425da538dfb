"""Ogg files (RFC 3533), which may be chains of streams: one after another, as internet radio sends them."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import soundfile

from ..arrays import Audio
from ..blocks import BLOCK_SAMPLES
from ..errors import AudioError
from .downmix import default_speakers
from .libsndfile import damaged
from .part import Part
from .source import Rest, read_and_skip

FIRST, LAST = 2, 4  # flags of a stream's pages


class Link(NamedTuple):
    """A link of a chain: the positions of its first byte and of the byte after its last one."""

    start: int
    end: int


def find_links(file: BinaryIO) -> list[Link]:
    """Find the links of a seekable Ogg file from the headers of its pages.

    Streams side by side, such as those of a video, are one link. The position in the file changes. Raises AudioError
    unless a page begins a stream, and the last page is complete and ends its stream.
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
    if not starts:
        raise AudioError("damaged: no Ogg page begins a stream")
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
        self._rest = Rest(self._read(), self.channels)
        self._done = 0

    def read(self, count: int) -> Audio:
        audio = self._rest.read(count)
        self._done += audio.shape[1]
        return audio

    def skip(self, count: int) -> int:
        return read_and_skip(self, count)

    def _read(self) -> Iterator[Audio]:
        try:
            for link in self._links:
                for block in self._open(link).blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True):
                    yield block.T
        except soundfile.LibsndfileError as error:
            raise damaged(error, self._done / self.sample_rate) from error

    def _open(self, link: Link) -> soundfile.SoundFile:
        return soundfile.SoundFile(Part(self._file, link.start, link.end))
