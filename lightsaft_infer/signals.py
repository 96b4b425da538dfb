"""Signals that end a process: it leaves in an orderly way, so that files with temporary names are removed."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

FILE_SLICE = "lightsaft_infer.audio.file_slice"
WEAK_CALLBACKS = {  # module and function
    ("_frozen_importlib", "cb"),
    ("importlib._bootstrap", "cb"),
    ("weakref", "remove"),
    ("_weakrefset", "_remove"),
}
AGAIN = 0.01  # seconds after which a signal is handled that came at a wrong moment


def leave_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process by SystemExit, with the status 143 or 129.

    Without a handler, the first process of a container would ignore them, and any other would leave its files behind.
    If SIGHUP is ignored, as `nohup` asks, it stays so. SIGINT raises KeyboardInterrupt as before.
    """
    signal.signal(signal.SIGTERM, _leave)
    hangup = _hangup()
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        signal.signal(hangup, _leave)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _leave(number: int, frame: FrameType | None) -> None:
    if _later(_leave, number, frame):
        return
    for other in filter(None, (signal.SIGINT, signal.SIGTERM, _hangup())):
        _finish_with(other)
    sys.exit(128 + number)


def _finish_with(number: int) -> None:
    """Let a signal do nothing any more: a second one must not interrupt the removal of files.

    (SIG_IGN would make Python complain of a signal that has arrived already.)
    """
    signal.signal(number, _nothing)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _later(_interrupt, number, frame):
        _finish_with(number)  # those who press Ctrl-C once more get no traceback
        raise KeyboardInterrupt


def _later(handler: Callable[[int, FrameType | None], None], number: int, frame: FrameType | None) -> bool:
    """Whether the signal will be handled again soon, because an exception would be lost now."""
    if not hasattr(signal, "setitimer") or not _in_callback(frame):
        return False
    signal.signal(signal.SIGALRM, lambda _, frame: handler(number, frame))
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
    return True


def _in_callback(frame: FrameType | None) -> bool:
    """Whether an exception would be ignored now: in code that a decoder calls to read a part of a file, or while an
    object is deleted, in its method or in the callback of a weak reference to it."""
    while frame is not None:
        module, name = frame.f_globals.get("__name__"), frame.f_code.co_name
        if module == FILE_SLICE or name == "__del__" or (module == "soundfile" and name.startswith("vio_")):
            return True
        if (module, name) in WEAK_CALLBACKS:
            return True
        frame = frame.f_back
    return False


def _hangup() -> signal.Signals | None:
    """SIGHUP. None on Windows, which does not have it."""
    return getattr(signal, "SIGHUP", None)
