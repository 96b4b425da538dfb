"""Worker processes on this machine. If one dies, only the task that it was working on is started again."""

import collections
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from ..errors import whole_number
from ..signals import leave_on_signals

ATTEMPTS = 2
PATIENCE = 30  # seconds in which a worker must remove its temporary files

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class WorkerLost:
    """Takes the place of a result if all processes that worked on a task have died.

    Attributes
    ----------
    reason : str
        The end of the last one, such as "signal 9".
    """

    reason: str


@dataclasses.dataclass(frozen=True)
class _Job(Generic[Task]):
    """A task, and the number of the attempt to do it, from 1."""

    task: Task
    attempt: int


def run_in_workers(
    function: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int
) -> Generator[tuple[Task, Result | WorkerLost], None, None]:
    """Call a function for each task in worker processes.

    If a worker dies before it has a result, a new worker takes its place and the task is tried once more. If that
    fails too, the result is a WorkerLost. Close the generator to end all workers. They remove their temporary files
    first. Workers also end when this process ends, in any way.

    Parameters
    ----------
    function : callable
        Defined in a module, so that it can be sent to another process. It must not raise an error.
    tasks : iterable
        Tasks that can be pickled. The next one is taken when a worker is free.
    workers : int
        Largest number of processes. Each is started when it is needed.

    Yields
    ------
    tuple of (task, result or WorkerLost)
        In the order in which results arrive.

    Raises
    ------
    ArgumentError
        If `workers` is not a whole number of 1 or more.
    """
    workers = whole_number(workers, "workers")
    jobs = (_Job(task, 1) for task in tasks)
    lost: collections.deque[_Job[Task]] = collections.deque()
    idle: list[_Worker[Task, Result]] = []
    busy: dict[object, _Worker[Task, Result]] = {}  # by their pipes
    results: list[tuple[Task, Result | WorkerLost]] = []
    try:
        while True:
            while len(busy) < workers and (job := lost.popleft() if lost else next(jobs, None)):
                worker = idle.pop() if idle else _Worker(function)
                busy[worker.pipe] = worker
                worker.give(job)
            yield from results
            if not busy:
                return
            results = []
            for pipe in multiprocessing.connection.wait([worker.pipe for worker in busy.values()]):
                worker = busy.pop(pipe)
                try:
                    results.append((worker.job.task, worker.pipe.recv()))
                    idle.append(worker)
                except (EOFError, OSError):
                    reason = worker.end()
                    if worker.job.attempt < ATTEMPTS:
                        lost.append(_Job(worker.job.task, worker.job.attempt + 1))
                    else:
                        results.append((worker.job.task, WorkerLost(reason)))
    finally:
        for worker in busy.values():
            worker.process.terminate()
        for worker in (*idle, *busy.values()):
            worker.end()


class _Worker(Generic[Task, Result]):
    """A process, and this process's end of the pipe to it."""

    job: _Job[Task]

    def __init__(self, function: Callable[[Task], Result]) -> None:
        # Not forked: threads of this process, such as those of ONNX Runtime, do not exist after a fork.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, function), daemon=True)
        with _interrupts_held():
            self.process.start()
        theirs.close()

    def give(self, job: _Job[Task]) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # if it has ended, reading from its pipe reports that
            self.pipe.send(job.task)

    def end(self) -> str:
        """Close the pipe, which ends the process, and wait for that. Returns how it ended."""
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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, function: Callable[[Task], Result]) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_on_signals()
    follow_parent()
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            pipe.send(function(task))


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
