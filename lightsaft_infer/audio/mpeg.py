"""The header that encoders write into the first frame of an MP3 file."""

import re
import struct
from typing import BinaryIO, NamedTuple

SEARCHED = 65536  # bytes after the tag in which the first frame is searched
SLACK = 4096  # bytes of tags that may follow the last frame


class XingHeader(NamedTuple):
    """The number of frames that follow the header, and whether the file has more bytes than the header says: those of
    another MP3 file that was joined to it, for example."""

    frames: int
    followed: bool


def xing_header(file: BinaryIO) -> XingHeader | None:
    """Return the header of Xing, LAME or FFmpeg of a seekable MP3 file, or None if it has none with a number of frames.

    The position in the file does not change.
    """
    before = file.tell()
    try:
        start = id3_size(file)
        size = file.seek(0, 2)
        file.seek(start)
        content = file.read(SEARCHED)
    finally:
        file.seek(before)
    found = re.search(rb"\xff[\xe2-\xff][^\xff]", content)
    if found is None:
        return None
    header = content[found.start() :]
    mpeg1, mono = header[1] & 0x18 == 0x18, header[3] & 0xC0 == 0xC0
    place = 4 + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    if header[place : place + 4] not in (b"Xing", b"Info") or len(header) < place + 16:
        return None
    flags, frames, length = struct.unpack_from(">III", header, place + 4)
    if not flags & 1:
        return None
    followed = bool(flags & 2) and size - start - found.start() > length + SLACK
    return XingHeader(frames, followed)


def id3_size(file: BinaryIO) -> int:
    """Return the size in bytes of the ID3v2 tags at the start of a seekable file, 0 if there is none."""
    size = 0
    while True:
        file.seek(size)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            return size
        bits = [byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)]
        size += 10 + sum(bits) + (10 if head[5] & 0x10 else 0)
