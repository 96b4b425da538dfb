"""Signals that end a process: it leaves in an orderly way, so that files with temporary names are removed."""

import signal
import sys
from types import FrameType


def leave_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process by SystemExit, with the status 143 or 129.

    Without a handler, the first process of a container would ignore them, and any other would leave its files behind.
    If SIGHUP is ignored, as `nohup` asks, it stays so.
    """
    signal.signal(signal.SIGTERM, _leave)
    hangup = _hangup()
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    # A second signal must not interrupt the removal of files.
    for other in filter(None, (signal.SIGTERM, _hangup())):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def _hangup() -> signal.Signals | None:
    """SIGHUP. None on Windows, which does not have it."""
    return getattr(signal, "SIGHUP", None)
