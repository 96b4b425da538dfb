"""Tags and the cover picture of a sound file, which its stems get too.

FFmpeg's libraries read them, through PyAV, from every container that they know.
"""

import contextlib
import dataclasses
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from .file_slice import FileSlice
from .files import write_all
from .libav_input import open_input

if TYPE_CHECKING:
    from av.container import InputContainer

NAMES = ("title", "artist", "album", "track", "date", "genre", "comment")  # FFmpeg's names
TEXT_BYTES = 8000  # of one tag in UTF-8; libsndfile writes headers of up to 100 kB
PICTURE_BYTES = 2**24 - 1000  # a block of FLAC has less than 2**24 bytes
MEDIA_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}  # by FFmpeg's name of the codec
FRONT_COVER = 3  # the type of a picture in FLAC and ID3
FRONT_COVER_NAME = "Cover (front)"  # FFmpeg's name of this type


@dataclasses.dataclass(frozen=True)
class Picture:
    """A cover picture: its media type, image/jpeg or image/png, and the bytes of its file."""

    media_type: str
    content: bytes

    def flac_block(self) -> bytes:
        """Return the content of a block PICTURE of FLAC (RFC 9639, section 8.8). Ogg files have it as a comment."""
        media_type = self.media_type.encode()
        start = struct.pack(">2I", FRONT_COVER, len(media_type)) + media_type
        # No description. The size in pixels is in the picture itself, and 0 means that it is not repeated.
        return start + struct.pack(">6I", 0, 0, 0, 0, 0, len(self.content)) + self.content


@dataclasses.dataclass(frozen=True)
class Tags:
    """The tags of a sound file.

    Attributes
    ----------
    texts : dict of str to str
        Any of title, artist, album, track (the number), date, genre and comment.
    picture : Picture or None
    """

    texts: Mapping[str, str]
    picture: Picture | None = None

    def of_stem(self, name: str) -> "Tags":
        """Return the tags of a stem: the title has the stem's name in brackets."""
        marked = {"title": f"{self.texts['title']} ({name})"} if "title" in self.texts else {}
        return dataclasses.replace(self, texts={**self.texts, **marked})


def read_tags(file: BinaryIO, end: int | None = None) -> Tags | None:
    """Read the tags of a seekable file. Its position does not change.

    Parameters
    ----------
    file : binary file
    end : int, optional
        The position after all tags, if it is known. FFmpeg takes minutes to look for tags in gigabytes of zeros.

    Returns
    -------
    Tags or None
        None if it has no tags, and if they are damaged: tags never stop a separation.
    """
    offset = file.tell()
    try:
        with contextlib.suppress(Exception):
            whole = FileSlice(file, 0, file.seek(0, 2) if end is None else end)
            with open_input(whole) as container:
                tags = Tags(_texts(container), _picture(container))
                return tags if tags.texts or tags.picture else None
        return None
    finally:
        file.seek(offset)


def _texts(container: "InputContainer") -> dict[str, str]:
    found = {name.lower(): text for name, text in container.metadata.items()}
    for stream in container.streams.audio[:1]:  # Ogg has tags of streams
        found = {name.lower(): text for name, text in stream.metadata.items()} | found
    texts = {name: _shortened(found[name]) for name in NAMES if name in found}
    return {name: text for name, text in texts.items() if text}


def _shortened(text: str) -> str:
    return text.replace("\0", " ").strip().encode(errors="replace")[:TEXT_BYTES].decode(errors="ignore")


def _picture(container: "InputContainer") -> Picture | None:
    """The front cover, or else the first picture."""
    from av.stream import Disposition

    pictures = [
        stream
        for stream in container.streams.video
        if stream.disposition & Disposition.attached_pic
        and stream.codec_context is not None  # an unknown codec
        and stream.codec_context.name in MEDIA_TYPES
    ]
    if not pictures:
        return None
    stream = max(pictures, key=lambda stream: stream.metadata.get("comment") == FRONT_COVER_NAME)
    content = next((bytes(packet) for packet in container.demux(stream) if packet.size), b"")
    media_type = MEDIA_TYPES[stream.codec_context.name]
    return Picture(media_type, content) if 0 < len(content) <= PICTURE_BYTES else None


def insert_picture(file: BinaryIO, picture: Picture) -> None:
    """Insert a picture into a complete FLAC file, after its first block. Raises OSError if it cannot be written."""
    content = picture.flac_block()
    file.seek(4)
    header = file.read(4)
    last = header[0] & 0x80  # whether no other block follows
    block = bytes([last | 6]) + len(content).to_bytes(3, "big") + content
    offset = 8 + int.from_bytes(header[1:], "big")
    end = file.seek(0, 2)
    while end > offset:  # from the end, so that nothing is overwritten before it is moved
        start = max(offset, end - 2**20)
        file.seek(start)
        moved = file.read(end - start)
        _write(file, start + len(block), moved)
        end = start
    _write(file, offset, block)
    _write(file, 4, bytes([header[0] & 0x7F]))


def _write(file: BinaryIO, offset: int, content: bytes) -> None:
    file.seek(offset)
    write_all(file, content)
