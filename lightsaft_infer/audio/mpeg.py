"""MP3 files: the length of a frame, and the header that encoders write into the first frame."""

import re
import struct
from typing import BinaryIO, NamedTuple

SEARCHED = 65536  # bytes after the tag in which the first frame is searched
SLACK = 4096  # bytes of tags that may follow the last frame
# kbit/s by the index in a frame's header, of MPEG 1 and of MPEG 2 and 2.5, layer III; 0 is the free format.
KILOBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
MPEG1_RATES = (44100, 48000, 32000)  # sample rates in Hz; MPEG 2 has half of them, MPEG 2.5 a quarter


class XingHeader(NamedTuple):
    """The number of frames and of bytes that an encoder has counted, and the number of bytes in the file."""

    frames: int
    declared: int | None
    found: int

    @property
    def complete(self) -> bool:
        """Whether the file has all bytes that were counted."""
        return self.declared is None or self.found >= self.declared

    @property
    def alone(self) -> bool:
        """Whether nothing but a tag follows the last frame. Otherwise another MP3 file may have been joined to it."""
        return self.declared is not None and self.found <= self.declared + SLACK


def is_frame(content: bytes) -> bool:
    """Whether bytes begin with the header of an MPEG audio frame."""
    return len(content) > 3 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0


def frame_length(header: bytes) -> int:
    """Return the bytes of a layer III frame from its header of 4 bytes, 0 if the header does not say it."""
    version, layer, kilobits, rate = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer != 1 or kilobits == 15 or rate == 3:
        return 0
    mpeg1 = version == 3
    bits = 1000 * KILOBITS[0 if mpeg1 else 1][kilobits]
    sample_rate = MPEG1_RATES[rate] // (1 if mpeg1 else 2 if version == 2 else 4)
    return (144 if mpeg1 else 72) * bits // sample_rate + (header[2] >> 1 & 1) if bits else 0


def begins_with_xing(file: BinaryIO) -> bool:
    """Whether a seekable file is MP3 and begins, after a tag, with the header that `xing_header` returns.

    The position in the file does not change.
    """
    before = file.tell()
    try:
        file.seek(id3_size(file))
        head = file.read(4)
    finally:
        file.seek(before)
    return is_frame(head) and frame_length(head) > 0 and xing_header(file) is not None


def xing_header(file: BinaryIO) -> XingHeader | None:
    """Return the header of Xing, LAME or FFmpeg of a seekable MP3 file, or None if it has none with a number of frames.

    The position in the file does not change.
    """
    before = file.tell()
    try:
        start = id3_size(file)
        size = file.seek(0, 2)
        size -= ending_tags(file, size)
        file.seek(start)
        content = file.read(SEARCHED)
    finally:
        file.seek(before)
    found = re.search(rb"\xff[\xe2-\xff][^\xff]", content)
    if found is None:
        return None
    header = content[found.start() :]
    if len(header) < 4:
        return None
    mpeg1, mono = header[1] & 0x18 == 0x18, header[3] & 0xC0 == 0xC0
    offset = 4 + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    if header[offset : offset + 4] not in (b"Xing", b"Info") or len(header) < offset + 16:
        return None
    flags, frames, declared = struct.unpack_from(">III", header, offset + 4)
    if not flags & 1:
        return None
    return XingHeader(frames, declared if flags & 2 else None, size - start - found.start())


def ending_tags(file: BinaryIO, size: int) -> int:
    """Return the size in bytes of the ID3v1 and APEv2 tags at the end of a seekable file of `size` bytes."""
    file.seek(max(0, size - 128))
    tags = 128 if file.read(3) == b"TAG" else 0
    file.seek(max(0, size - tags - 32))
    footer = file.read(32)
    if footer.startswith(b"APETAGEX"):
        length, _, flags = struct.unpack_from("<III", footer, 12)
        tags += length + (32 if flags & 2**31 else 0)  # the header is not counted
    return min(tags, size)


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
