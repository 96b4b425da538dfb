"""What the tests of the worker processes let them do; in a module of its own, as each of them imports it."""

import os
import signal
import time
from pathlib import Path


def square(number):
    return number * number, os.getpid()


def die_once(marker):
    """Kill this process, the first time."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die_where_told(task):
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def leave_a_mark(folder):
    """Work for a long time; remove the file that says so when ended in good order."""
    mark = Path(folder) / str(os.getpid())
    try:
        mark.touch()
        time.sleep(600)
    finally:
        mark.unlink()


def supervise(folder):
    """Two tasks that never end, for a process of its own."""
    from lightsaft_infer.batch.local_workers import run_in_workers

    list(run_in_workers(leave_a_mark, [folder, folder], workers=2))
