"""The processes that train a run together: one, several that are started here, or those of torch's launcher."""

import ctypes
import dataclasses
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from lightsaft_infer.errors import LightSAFTError

from .config import Config
from .devices import device_of, loader_processes, prepare
from .errors import SettingsError, TrainingError
from .run import Data, Intervals, Report, Run, world_size

PATIENCE = timedelta(days=1)  # the longest that processes wait for each other: process 0 scores whole songs


@dataclasses.dataclass(frozen=True)
class Machine:
    """The device and the processes of a training.

    Parameters
    ----------
    device
        "auto", "cpu", "cuda" or "cuda:N" (`devices.device_of`).
    processes
        Number of processes; None: one on a GPU, or one for each core. Each of them draws batches of its own, and their
        gradients are averaged. Two processes with one thread each are faster than one process with two threads. A
        process that torch's launcher (`torchrun`) started starts no others: the launcher decides how many there are.
    threads
        Threads of each process.
    loaders
        Number of processes that draw the mixtures of each process; None: as the device needs
        (`devices.loader_processes`).
    """

    device: str = "cpu"
    processes: int | None = None
    threads: int = 1
    loaders: int | None = None


@dataclasses.dataclass(frozen=True)
class TrainingSession:
    """The arguments of a training session, which all of its processes get.

    Parameters
    ----------
    folder, config, changes
        As `Run` takes them: its folder, the network of a new run, and the changes of the training.
    data, intervals, report
        As `Run.train` takes them. With several processes, `report` must be a function that other processes can import.
    machine
        Device and processes.
    """

    folder: Path
    config: Config
    changes: dict[str, Any]
    data: Data
    intervals: Intervals
    machine: Machine
    report: Report | None = None

    def train(self, rank: int = 0, local_rank: int = 0, stop: Callable[[], bool] = lambda: False) -> None:
        """Train as one process: number `rank` of all, number `local_rank` of those on this machine."""
        device = device_of(self.machine.device, local_rank)
        prepare(device)
        keep_memory()
        torch.set_num_threads(self.machine.threads)
        loaders = self.machine.loaders or loader_processes(device, world_size())
        run = Run(self.folder, self.config, self.changes, rank=rank, device=device)
        run.train(self.data, self.intervals, loaders=loaders, report=self.report, stop=stop)

    def train_together(
        self,
        rank: int,
        local_rank: int,
        *,
        world_size: int,
        init_method: str,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train as one of `world_size` processes, which find each other at the address `init_method`."""
        backend = "nccl" if device_of(self.machine.device, local_rank).type == "cuda" else "gloo"
        dist.init_process_group(backend, init_method, rank=rank, world_size=world_size, timeout=PATIENCE)
        try:
            self.train(rank, local_rank, stop)
        finally:
            dist.destroy_process_group()


def train(session: TrainingSession) -> None:
    """Train a run, in one process or in several.

    A KeyboardInterrupt is raised again when the processes have saved the run.

    Raises
    ------
    TrainingError
        If the data, the settings or the checkpoint of the run cannot be used, or there is no such device.
    """
    if dist.is_torchelastic_launched():
        rank, local_rank, size = (int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
        session.train_together(rank, local_rank, world_size=size, init_method="env://")
        return
    on_gpu = device_of(session.machine.device).type == "cuda"
    count = session.machine.processes or (1 if on_gpu else os.cpu_count() or 1)
    if count == 1:
        session.train()
    elif on_gpu:
        raise SettingsError("expected one process on a GPU (torchrun starts several, one for each GPU)")
    else:
        _train_in_processes(session, count)


def _train_in_processes(session: TrainingSession, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stop = torch.multiprocessing.get_context("spawn").Event()
        running = torch.multiprocessing.spawn(_spawned, (folder, stop, session, count), count, join=False)
        try:
            try:
                _wait_for(running)
            except KeyboardInterrupt:
                stop.set()
                _wait_for(running)
                raise
        except (ProcessRaisedException, ProcessExitedException) as error:
            messages = [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("error *"))]
            if not messages:
                raise
            raise TrainingError(messages[0]) from error


def _wait_for(processes: Any) -> None:
    while not processes.join():
        pass


def _spawned(rank: int, folder: str, stop: Any, session: TrainingSession, count: int) -> None:
    """Train in a process that was started here. The message of an error that a user can cause is left in `folder`."""

    def stopped() -> bool:
        # The command may have been killed; its processes must not outlive it.
        parent = multiprocessing.parent_process()
        return bool(stop.is_set()) or (parent is not None and not parent.is_alive())

    try:
        session.train_together(rank, rank, world_size=count, init_method=f"file://{folder}/meeting", stop=stopped)
    except LightSAFTError as error:
        Path(folder, f"error {rank}").write_text(str(error), encoding="utf-8")
        raise


def keep_memory() -> None:
    """Have the C library keep freed memory. A step that must ask the system for memory takes half as long again."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
    if mallopt is not None:
        mallopt(-4, 0)  # M_MMAP_MAX: no memory by mmap
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
        mallopt(-2, 2**28)  # M_TOP_PAD
