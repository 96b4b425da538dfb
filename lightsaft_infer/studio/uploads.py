"""Uploads: written to the disk as they come, and bounded in size, number and time."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator

import anyio

from ..audio import part_name
from ..errors import OutputError, raise_as
from .job import Upload
from .settings import Settings
from .work_folder import WorkFolder, remove_tree

MAX_AT_ONCE = 100


class TooLargeError(OutputError):
    """An upload has more bytes than are allowed."""


class TooManyError(OutputError):
    """More files come in at the same time than are allowed."""


class TooSlowError(OutputError):
    """Nothing has come for too long."""


class Uploads:
    """The uploads that come in.

    Attributes
    ----------
    missing : int
        Bytes that are still to come.
    """

    def __init__(self, folder: WorkFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._on_the_way = 0
        self.missing = 0

    def check(self, size: int) -> None:
        """Check that one more upload, of `size` bytes, may come. Raises TooLargeError or TooManyError."""
        self._check_size(size)
        if self._on_the_way >= MAX_AT_ONCE:
            raise TooManyError(f"expected at most {MAX_AT_ONCE} uploads at the same time")

    def _check_size(self, size: int) -> None:
        if size > self._settings.max_upload:
            raise TooLargeError(f"expected an upload of at most {self._settings.max_upload} bytes, got {size}")

    async def receive(self, name: str, content: AsyncGenerator[bytes, None], declared: int) -> Upload:
        """Write an upload to the disk. It has its name when it is complete.

        Parameters
        ----------
        name : str
            The name that the client gave to it.
        content : async generator of bytes
            Raises an error if the client goes away.
        declared : int
            Bytes that will come, or 0 if the client did not say so.

        Returns
        -------
        Upload

        Raises
        ------
        TooLargeError, TooManyError, TooSlowError
        OutputError
            If it cannot be written.
        """
        self.check(declared)
        path = self._folder.new_upload(name)
        part = path.with_name(part_name())
        self._on_the_way += 1
        self.missing += declared
        size = 0
        try:
            with raise_as(OutputError, "write", path.name):
                async with contextlib.aclosing(content), await anyio.open_file(part, "xb") as file:
                    while block := await self._next(content):
                        size += len(block)
                        self._check_size(size)
                        await file.write(block)
                        self.missing -= min(len(block), declared)
                        declared -= min(len(block), declared)
                    await file.flush()
                    await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
                os.replace(part, path)
        except BaseException:
            remove_tree(path.parent)
            raise
        finally:
            self._on_the_way -= 1
            self.missing -= declared
        return Upload(id=path.parent.name, name=path.name, bytes=size)

    async def _next(self, content: AsyncGenerator[bytes, None]) -> bytes:
        """The next block that is not empty. b"" at the end."""
        try:
            while True:
                block = await asyncio.wait_for(anext(content, None), self._settings.patience)
                if block != b"":
                    return block or b""
        except asyncio.TimeoutError as error:
            raise TooSlowError(f"nothing came for {self._settings.patience:g} seconds") from error
