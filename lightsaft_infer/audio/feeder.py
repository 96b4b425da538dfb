"""A pipe between a file and a decoder that must not seek in it."""

import contextlib
import os
import threading
from typing import BinaryIO

PART_BYTES = 65536  # copied at a time
TAIL_BYTES = 131072  # an Ogg page has 65307 bytes at most


class Feeder:
    """A thread that copies a file into a pipe. Use it as a context manager: on exit it closes the pipe.

    Parameters
    ----------
    file : binary file
    head : bytes
        The bytes that were read from the file before. They are copied first.
    ends : bool
        Whether reading from the file never waits, as for a file on a disk. On exit the thread is then waited for.
        Otherwise the thread may wait for input that never comes.

    Attributes
    ----------
    reading : int
        Descriptor of the end of the pipe that is read from.
    tail : bytes
        The last bytes that were copied, 128 KiB at most.
    """

    def __init__(self, file: BinaryIO, head: bytes = b"", *, ends: bool = False) -> None:
        self.reading, writing = os.pipe()
        self.tail = b""
        self._ends = ends
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._copy, args=(file, head, writing), daemon=True)
        self._thread.start()

    def _copy(self, file: BinaryIO, head: bytes, writing: int) -> None:
        with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
            part = head or self._next(file)
            while part:
                self.tail = (self.tail + part)[-TAIL_BYTES:]
                pipe.write(part)
                pipe.flush()
                part = self._next(file)

    def _next(self, file: BinaryIO) -> bytes:
        try:
            return file.read(PART_BYTES)
        except OSError as error:
            self._error = error
            return b""

    def drain(self) -> None:
        """Read the rest, so that a program that writes into the file can end without an error.

        Raises
        ------
        OSError
            If the file could not be read to its end.
        """
        while os.read(self.reading, PART_BYTES):
            pass
        self._thread.join()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self.reading)
        if self._ends:
            self._thread.join()
