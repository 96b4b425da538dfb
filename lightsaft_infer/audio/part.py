"""A part of a file, as a file."""

import io
from typing import BinaryIO


class Part(io.RawIOBase, BinaryIO):
    """The bytes of a seekable file from `start` to `end`, as a file that can be read.

    Several parts of a file can be read in turn. Closing a part leaves the file open.
    """

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._size, self._place = file, start, end - start, 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._place)
        content = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._place = max(0, (0, self._place, self._size)[whence] + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
