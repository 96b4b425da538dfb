"""A slice of a file, as a file."""

import io
from typing import BinaryIO


class FileSlice(io.RawIOBase, BinaryIO):
    """The bytes of a seekable file from `start` to `end`, as a file that can be read.

    Several slices of a file can be read in turn. Closing a slice leaves the file open. Decoders print exceptions that
    occur while they read: a slice keeps an OSError as `error` instead, and ends.
    """

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._size, self._place = file, start, end - start, 0
        self.error: OSError | None = None

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            self._file.seek(self._start + self._place)
            content = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        except OSError as error:
            self.error = error
            return 0
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
