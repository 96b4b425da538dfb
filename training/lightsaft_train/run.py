"""A run on disk: trains for a while, stops, goes on another day.

A run's folder holds `checkpoint.pt` (the trainer's state), `log.csv` (training), `scores.csv` (scores now and then) and
`best.pt` (averaged weights of the best score so far). Files are written under a temporary name and renamed when whole.
"""

import csv
import ctypes
import dataclasses
import multiprocessing
import os
import tempfile
import time
from math import inf, nan
from pathlib import Path
from statistics import mean

import torch
import torch.distributed as dist

from .data import ACCOMPANIMENT, SAMPLE_RATE, TARGETS, Mixer
from .evaluation import score, separator_of, summary
from .trainer import Trainer, TrainingConfig, learning_rate_at, samples, upgraded

LOG = ("step", "minutes", "loss", "gradient", "learning_rate", "target_seconds_per_second")
SCORES = ("step", "minutes", "validation", "judge_vocals", "judge_accompaniment", *TARGETS, "mean")
VALIDATION = 48  # mixtures


@dataclasses.dataclass(frozen=True)
class Intervals:
    """What a training session does, in minutes of training: how long it lasts, how often it saves, logs and evaluates.

    `processor`: minutes of the processor's time instead of the clock's, to compare runs on a machine that is not idle.
    """

    minutes: float
    save: float = 4.0
    log: float = 0.5
    evaluate: float = 20.0
    processor: bool = False


@dataclasses.dataclass(frozen=True)
class Data:
    """What a run trains and scores on, lists of `tracks.Track`.

    tracks : mixed to train on; held_out : mixed to validate on; songs : real songs, scored whole; judge : the same, of
    voices and accompaniments (`pool/judge_songs.py`)
    """

    tracks: list
    held_out: list
    songs: list = ()
    judge: list = ()


def say(line):
    """Print a line at once, as `report` of a run on a terminal; other processes can import it."""
    print(line, flush=True)


def train(run, data, intervals, *, processes=1, threads=1, report=None):
    """Train a run by several processes, each with so many threads. Arguments as `Run` (as a tuple) and `Run.train` take
    them. Two processes with a thread each are faster than one with two threads."""
    if processes == 1:
        keep_memory()
        torch.set_num_threads(threads)
        Run(*run).train(data, intervals, report=report)
        return
    with tempfile.TemporaryDirectory() as folder:
        arguments = (f"file://{folder}/meeting", processes, threads, run, (data, intervals), report)
        torch.multiprocessing.spawn(_train_process, arguments, processes)


def _train_process(rank, meeting, processes, threads, run, arguments, report):
    keep_memory()
    torch.set_num_threads(threads)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    try:
        Run(*run, process=rank).train(*arguments, report=report)
    finally:
        dist.destroy_process_group()


def _has_parent():
    """Whether the process that started this one still runs: one of several that train must not outlive the command."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def keep_memory():
    """Let the C library keep freed memory: a step that must ask the system for fresh pages takes half as long again."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
    if mallopt is not None:
        mallopt(-4, 0)  # M_MMAP_MAX: no memory by mmap
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
        mallopt(-2, 2**28)  # M_TOP_PAD


class Run:
    """A run in a folder: its trainer goes on from the checkpoint there, or begins with a network of `config`.

    changes : of the plan until now, or of the default one at the beginning, {field: value}
    process : number of this process among the run's; only process 0 writes files
    """

    def __init__(self, folder, config, changes, *, process=0):
        self.process = process
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = self.folder / "checkpoint.pt"
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            plan = dataclasses.replace(TrainingConfig(**upgraded(state)["plan"]), **changes)
            self.trainer = Trainer.of(state, plan)
        else:
            self.trainer = Trainer(config, dataclasses.replace(TrainingConfig(), **changes))

    def train(self, data, intervals, *, report=None):
        """Train on `data` (`Data`) for `intervals.minutes`; now and then and at the end, score.

        report : called with a line of text at each logging and scoring
        """
        report = report or (lambda line: None)
        trainer, plan = self.trainer, self.trainer.plan
        length = samples(trainer.config, plan.frames)
        mixer = Mixer(tuple(data.tracks), length, plan.seed, self.process)
        validation = Mixer(tuple(data.held_out), length, VALIDATION)
        end = trainer.seconds + 60 * intervals.minutes
        due = {name: trainer.seconds + 60 * getattr(intervals, name) for name in ("save", "log", "evaluate")}
        losses, logged, scored = [], (trainer.step, trainer.seconds), None
        clock = time.process_time if intervals.processor else time.monotonic
        batches = iter(_loader(mixer, trainer.step, plan.batch))
        try:
            while trainer.seconds < end and _has_parent():
                started = clock()
                loss, norm = trainer.update(*next(batches))
                trainer.seconds = self._agreed(trainer.seconds + clock() - started)
                losses.append(loss)
                if self.process:
                    continue
                if trainer.seconds >= due["log"]:
                    due["log"] += 60 * intervals.log
                    report(self._log(losses, norm, logged))
                    losses, logged = [], (trainer.step, trainer.seconds)
                if trainer.seconds >= due["save"]:
                    due["save"] += 60 * intervals.save
                    self.save()
                if trainer.seconds >= due["evaluate"]:
                    due["evaluate"] += 60 * intervals.evaluate
                    report(self.score(validation, data))
                    scored = trainer.step
        finally:
            if not self.process:
                self.save()
        if not self.process and scored != trainer.step:
            report(self.score(validation, data))

    def _agreed(self, seconds):
        """The seconds that process 0 counts, so that all stop at one step."""
        if not dist.is_initialized():
            return seconds
        agreed = torch.tensor(seconds, dtype=torch.float64)
        dist.broadcast(agreed, 0)
        return agreed.item()

    def _log(self, losses, norm, since):
        """Write a row of the log, and return it as text."""
        trainer, plan = self.trainer, self.trainer.plan
        processes = dist.get_world_size() if dist.is_initialized() else 1
        audio = processes * plan.batch * len(TARGETS) * samples(trainer.config, plan.frames) / SAMPLE_RATE
        speed = (trainer.step - since[0]) * audio / (trainer.seconds - since[1])
        row = (
            trainer.step,
            round(trainer.seconds / 60, 2),
            round(sum(losses) / len(losses), 4),
            round(norm, 4),
            round(learning_rate_at(plan, trainer.step - 1), 6),
            round(speed, 1),
        )
        _append(self.folder / "log.csv", LOG, row)
        return "  ".join(f"{name} {value}" for name, value in zip(LOG, row, strict=True))

    def score(self, validation, data):
        """Score the averaged weights on mixtures, on the judge and on whole songs, write the row, keep the weights if
        the mean of these is the best. Returns the row as text."""
        trainer = self.trainer
        scores = {"validation": -trainer.validate(validation, VALIDATION)}
        if data.judge or data.songs:
            separator = separator_of(trainer.ema)
            if data.judge:
                judged = summary(score(separator, data.judge))
                scores |= {"judge_vocals": judged["vocals"], "judge_accompaniment": judged[ACCOMPANIMENT]}
            if data.songs:
                scores |= summary(score(separator, data.songs))
        scores["overall"] = mean(scores[name] for name in ("validation", "judge_vocals", "mean") if name in scores)
        row = (trainer.step, round(trainer.seconds / 60, 2), *(round(scores.get(name, nan), 3) for name in SCORES[2:]))
        _append(self.folder / "scores.csv", SCORES, row)
        best = self.folder / "best.pt"
        # A file of an earlier version has no such score.
        if not best.exists() or torch.load(best, weights_only=True)["scores"].get("overall", -inf) < scores["overall"]:
            state = trainer.state()
            save({"scores": scores, **{name: state[name] for name in ("config", "ema", "step", "seconds")}}, best)
        return "  ".join(f"{name} {value}" for name, value in zip(SCORES, row, strict=True))

    def save(self):
        """Write the checkpoint."""
        save(self.trainer.state(), self.folder / "checkpoint.pt")


class _Steps(torch.utils.data.Dataset):
    """The batches of a run, by their step."""

    def __init__(self, mixer, size):
        self.mixer, self.size = mixer, size

    def __getitem__(self, step):
        return tuple(torch.from_numpy(part) for part in self.mixer.batch(step, self.size))


def _loader(mixer, step, size):
    """The batches from a step on, drawn ahead by another process."""
    steps = range(step, step + 10**7)
    return torch.utils.data.DataLoader(
        _Steps(mixer, size), sampler=steps, batch_size=None, num_workers=1, prefetch_factor=4
    )


def _append(path, header, row):
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(header)
        writer.writerow(row)


def save(content, path):
    """Write a file of torch under a temporary name, and rename it when it is whole."""
    part = path.with_name(f".{path.name}.part")
    torch.save(content, part)
    os.replace(part, path)
