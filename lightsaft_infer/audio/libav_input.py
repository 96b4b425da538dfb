"""Files that FFmpeg's libraries read, through PyAV."""

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from av.container import InputContainer


def open_input(file: BinaryIO, form: str | None = None) -> "InputContainer":
    """Open a seekable file from its position on. FFmpeg finds out its format, unless it is named.

    The libraries write nothing to the terminal. Raises the errors of PyAV: FFmpegError, ValueError and OverflowError.
    """
    import av

    av.logging.set_level(None)
    return av.open(file, "r", format=form, metadata_errors="replace")
