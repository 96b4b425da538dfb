"""Tasks for the worker processes of tests, in a module of their own, as each worker imports it."""

import os
import signal
import time
from pathlib import Path


def square(number):
    return number * number, os.getpid()


def die_once(marker):
    """Kill this process if it is the first call."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die_where_told(task):
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def leave_a_mark(folder):
    """Work for a long time. A file marks this; it is removed if the process ends in good order."""
    mark = Path(folder) / str(os.getpid())
    try:
        mark.touch()
        time.sleep(600)
    finally:
        mark.unlink()


def supervise(folder):
    """Run two tasks that never end. The test calls this in a process of its own."""
    from lightsaft_infer.batch.local_workers import run_in_workers

    list(run_in_workers(leave_a_mark, [folder, folder], workers=2))
