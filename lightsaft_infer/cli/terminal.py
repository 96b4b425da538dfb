"""Standard output and standard error. Either may be closed, full, or of an encoding that lacks a character."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

from ..arrays import Progress
from ..errors import OutputError, message_of, reason
from ..text import one_line

DEBUG = "LIGHTSAFT_DEBUG"  # environment variable: print the traceback of an unexpected error


def print_output(text: str) -> None:
    """Print lines on standard output. Raises OutputError or BrokenPipeError if it cannot be written."""
    if sys.stdout is None:  # a daemon
        return
    try:
        print(_encodable(text, sys.stdout), flush=True)
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"cannot write standard output: {reason(error)}") from error


def print_message(text: object) -> None:
    """Print a message on standard error, on one line. It is lost if it cannot be written."""
    write_line(f"lightsaft: {one_line(text)}")


def print_error(error: Exception, subject: object) -> None:
    """Print the message of an error, also of an unexpected one. `subject` is the file or the command."""
    print_message(f"error: {message_of(error, subject)}")
    if os.environ.get(DEBUG):
        write_line("".join(traceback.format_exception(error)))


def write_line(text: str) -> None:
    """Print text on standard error. It is lost if it cannot be written."""
    if sys.stderr is not None:
        try:
            print(_encodable(text, sys.stderr), file=sys.stderr, flush=True)
        except (OSError, ValueError):
            _forget(sys.stderr)


@contextlib.contextmanager
def progress_bar(*, unit: str, desc: str = "", unit_scale: bool = False) -> Iterator[Progress]:
    """Yield a progress function that draws a bar of tqdm on a terminal, and nothing in a pipe."""
    if not _on_terminal():
        yield lambda done, total: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread, which some machines do not allow
    with tqdm(desc=one_line(desc) or None, unit=unit, unit_scale=unit_scale) as bar:

        def progress(done: float, total: float | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def beside_bars() -> contextlib.AbstractContextManager[object]:
    """Return a context in which lines can be printed on standard error although there are bars."""
    if not _on_terminal():
        return contextlib.nullcontext()
    from tqdm import tqdm

    beside: contextlib.AbstractContextManager[object] = tqdm.external_write_mode(file=sys.stderr)
    return beside


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _encodable(text: str, stream: TextIO) -> str:
    """Text with escapes for characters that a stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)


def _discard(stream: TextIO) -> None:
    """Discard the text that a stream holds, which Python would write again when it ends, and all later text."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _forget(stream: TextIO) -> None:
    """Discard the text that a stream holds. Python would write it again when it ends, and end with the status 120."""
    with contextlib.suppress(OSError, ValueError):
        number = stream.fileno()
        kept = os.dup(number)
        try:
            _discard(stream)
            stream.flush()
        finally:
            os.dup2(kept, number)
            os.close(kept)
