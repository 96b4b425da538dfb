"""A process that works for this one, at the other end of a pipe."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from .errors import OutputError, reason
from .signals import leave_on_signals

PATIENCE = 30  # seconds in which a worker must remove its temporary files
_ENVIRONMENT = threading.Lock()  # held while this process's environment is changed


class WorkerProcess:
    """A process that calls ``function(pipe)``. It also ends when this process ends, in any way.

    Parameters
    ----------
    function : callable
        Defined in a module, so that it can be sent to another process.

    Attributes
    ----------
    pipe : Connection
        This process's end of the pipe.
    process : multiprocessing.Process
    """

    def __init__(self, function: Callable[[Connection], object]) -> None:
        # Not forked: threads of this process, such as those of ONNX Runtime, do not exist after a fork.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, function), daemon=True)
        with _interrupts_held(), _safe_path():
            self.process.start()
        theirs.close()

    def end(self) -> str:
        """Close the pipe, which ends a process that reads from it, and wait for that. Returns how it ended."""
        self.pipe.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"status {code}"


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Block interrupts in processes that are started in the context: Ctrl-C reaches all processes, and this process
    handles it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # the start of the first process would start it, which unblocks interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Keep Python processes that are started in the context from importing modules of the working folder, such as a
    `signal.py` beside somebody's music. This needs Python 3.11."""
    name = "PYTHONSAFEPATH"
    with _ENVIRONMENT:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def check_working_folder() -> None:
    """Check that processes can be started from the working folder. Raises OutputError if it is gone, or this user may
    not enter it."""
    try:
        os.chdir(os.getcwd())
    except OSError as error:
        raise OutputError(f"cannot enter the working folder: {reason(error)} (start from another folder)") from error


def _work(pipe: Connection, function: Callable[[Connection], object]) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_on_signals()
    follow_parent()
    with contextlib.suppress(EOFError, OSError):
        function(pipe)


def follow_parent() -> None:
    """Terminate this process when the process that started it has ended, in any way.

    A thread waits for that end. Nothing happens in a process that multiprocessing has not started.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
