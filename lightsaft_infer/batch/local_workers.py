"""Worker processes on this machine. If one dies, only the task that it was working on is started again."""

import collections
import contextlib
import dataclasses
import functools
import multiprocessing.connection
from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from ..arguments import whole_number
from ..worker_process import WorkerProcess

ATTEMPTS = 2

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


class _Worker(WorkerProcess, Generic[Task, Result]):
    """A worker, and the job that it is working on."""

    job: _Job[Task]

    def __init__(self, function: Callable[[Task], Result]) -> None:
        super().__init__(functools.partial(_work_through, function=function))

    def give(self, job: _Job[Task]) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # if it has ended, reading from its pipe reports that
            self.pipe.send(job.task)


def _work_through(pipe: Connection, function: Callable[[Task], Result]) -> None:
    """Call the function for each task that comes through the pipe."""
    while True:
        pipe.send(function(pipe.recv()))
