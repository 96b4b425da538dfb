"""Worker processes under a small supervision: the death of one costs nothing but what it was doing."""

import collections
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading

ATTEMPTS = 2
PATIENCE = 30  # seconds that a worker has to remove its half files


@dataclasses.dataclass(frozen=True)
class WorkerLost:
    """In place of a result: the processes that worked on it ended. `reason` tells of the last one."""

    reason: str


def run_in_workers(function, tasks, *, workers):
    """Call a function for every task in worker processes; yield (task, result) as results come.

    Parameters
    ----------
    function : callable of a module, so that it can be sent to another process; it does not raise
    tasks : iterable of what can be pickled; the next one is taken when a worker is free for it
    workers : number of processes; they are started as they are needed

    A task whose worker ends before it has a result, killed for instance, is tried once more; then its result is
    WorkerLost. A new worker takes the place of the old one. Close the generator to end all workers: they remove half
    files first. Workers end, too, when this process does, in whatever way.
    """
    tasks = ((task, 1) for task in tasks)
    lost, idle, busy = collections.deque(), [], {}
    results = []
    try:
        while True:
            while len(busy) < workers and (job := lost.popleft() if lost else next(tasks, None)):
                worker = idle.pop() if idle else _Worker(function)
                busy[worker.pipe] = worker
                worker.give(*job)
            yield from results
            if not busy:
                return
            results = []
            for pipe in multiprocessing.connection.wait(list(busy)):
                worker = busy.pop(pipe)
                try:
                    results.append((worker.task, pipe.recv()))
                    idle.append(worker)
                except (EOFError, OSError):
                    reason = worker.end()
                    if worker.attempt < ATTEMPTS:
                        lost.append((worker.task, worker.attempt + 1))
                    else:
                        results.append((worker.task, WorkerLost(reason)))
    finally:
        _end_all(idle, busy.values())


def _end_all(idle, busy):
    for worker in busy:
        worker.process.terminate()
    for worker in (*idle, *busy):
        worker.end()


class _Worker:
    """A process and our end of the pipe to it."""

    def __init__(self, function):
        # Not forked: threads of this process, such as ONNX Runtime's, do not survive that.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, function), daemon=True)
        with _interrupts_held():
            self.process.start()
        theirs.close()

    def give(self, task, attempt):
        self.task, self.attempt = task, attempt
        with contextlib.suppress(OSError):  # it has ended: its pipe will say so
            self.pipe.send(task)

    def end(self):
        """Let the process end, which it does when its pipe does. Returns how it ended."""
        self.pipe.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode
        return f"signal {-code}" if code < 0 else f"status {code}"


@contextlib.contextmanager
def _interrupts_held():
    """A process started meanwhile has interrupts blocked: Ctrl-C reaches all processes, and is for this one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe, function):
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    follow_parent()
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            pipe.send(function(task))


def _leave(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one is not to disturb the tidying up
    sys.exit(143)


def follow_parent():
    """Have this process, a worker's, terminated when the one that started it has ended, however it did."""

    def follow():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
