"""A run on disk: trains for a while, stops, and goes on another day.

The folder of a run holds `checkpoint.pt` (the state of the trainer), `log.csv` (rows about the training), `scores.csv`
(scores now and then) and `best.pt` (the averaged weights with the best score so far). Checkpoints are written under a
temporary name and renamed when they are whole.
"""

import csv
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf, nan
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import torch.distributed as dist

from lightsaft_infer.errors import LightSAFTError

from .checkpoint_files import STATE, load, save
from .config import Config
from .data import ACCOMPANIMENT, SAMPLE_RATE, TARGETS, Mixer, Song
from .devices import CPU
from .errors import CheckpointError, SettingsError
from .evaluation import score, separator_of, summary
from .trainer import Trainer
from .training_config import TrainingConfig
from .validation import MIXTURES, batches, validation_mixer

LOG = ("step", "minutes", "loss", "gradient", "learning_rate", "target_seconds_per_second")
SCORES = ("step", "minutes", "validation", "mashup_vocals", "mashup_accompaniment", *TARGETS, "mean")

Report = Callable[[str], object]
Batch = tuple[torch.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class Intervals:
    """The length of a training session, and how often it saves, logs and scores, in minutes of training.

    Parameters
    ----------
    minutes
        Length of the session.
    steps
        The session also ends when the run has made this number of steps in all, those of earlier sessions included.
        None: only its minutes end it.
    save, log, evaluate
        Minutes between two checkpoints, two rows of the log, two scores.
    processor
        Whether minutes are processor time of this process, not time of the clock. So runs can be compared on a machine
        that is not idle.
    """

    minutes: float = inf
    steps: int | None = None
    save: float = 4.0
    log: float = 0.5
    evaluate: float = 20.0
    processor: bool = False


@dataclasses.dataclass(frozen=True)
class Data:
    """The songs that a run trains and scores on.

    Parameters
    ----------
    trained_on
        Songs that are mixed to train on.
    held_out
        Songs that are mixed to validate on.
    real_songs
        Real songs, which are scored whole.
    mashups
        Songs of a voice and an accompaniment (`pool/real/mashups.py`), which are scored whole.
    """

    trained_on: Sequence[Song]
    held_out: Sequence[Song]
    real_songs: Sequence[Song] = ()
    mashups: Sequence[Song] = ()


def say(line: str) -> None:
    """Print a line at once: the `report` of a run in a terminal. Other processes can import it."""
    print(line, flush=True)


def world_size() -> int:
    """Return the number of processes that train the run together."""
    return dist.get_world_size() if dist.is_initialized() else 1


class Run:
    """A run in a folder. Its trainer goes on from the checkpoint there, or begins with a new network.

    Parameters
    ----------
    folder
        Folder of the run. It is created if it is missing.
    config
        The network of a new run. A run that has a checkpoint keeps the checkpoint's network, and needs none.
    changes
        Changes of the training, {field of TrainingConfig: value}: of the checkpoint's training, or of the default one.
    rank
        Number of this process among those of the run. Only process 0 writes files.
    device
        Where the network is trained. A checkpoint that was made on one device goes on on another.

    Raises
    ------
    CheckpointError
        If the checkpoint in the folder cannot be read.
    SettingsError
        If the network cannot take mixtures of the training's number of frames, or does not exist.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Config | None,
        changes: dict[str, Any],
        *,
        rank: int = 0,
        device: torch.device = CPU,
    ) -> None:
        self.rank = rank
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = self.folder / "checkpoint.pt"
        if checkpoint.exists():
            state = load(checkpoint, STATE)
            training = dataclasses.replace(TrainingConfig(**state["plan"]), **changes)
            self.trainer = Trainer.from_state(state, training, device)
        elif config is None:
            raise CheckpointError(f"no checkpoint in {self.folder}")
        else:
            self.trainer = Trainer(config, dataclasses.replace(TrainingConfig(), **changes), device)

    def train(
        self,
        data: Data,
        intervals: Intervals,
        *,
        loaders: int = 1,
        report: Report | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train for some minutes or up to a step, and score now and then and at the end.

        Parameters
        ----------
        data
            The songs to train and score on.
        intervals
            The length of the session, and how often it saves, logs and scores.
        loaders
            Number of processes that draw the mixtures. The mixtures do not depend on it.
        report
            A function that is called with a line of text at each logging and scoring.
        stop
            A function that is called after each step. If it returns true, the session ends, and is not scored. With
            several processes, that of process 0 decides.

        Raises
        ------
        DataError
            If no song is long enough, or a file of a song cannot be read.
        SettingsError
            If the learning rate has fallen to 0 in an earlier session.
        """
        report = report or (lambda line: None)
        trainer, training = self.trainer, self.trainer.training
        length = trainer.config.samples(training.frames)
        mixer = Mixer(data.trained_on, length, training.seed, self.rank)
        validation = validation_mixer(data.held_out, length)
        end, last = trainer.seconds + 60 * intervals.minutes, inf if intervals.steps is None else intervals.steps
        if trainer.seconds < end and trainer.step < last:
            self._check_learning_rate()
        log, save, evaluate = (
            _Due(trainer.seconds, 60 * getattr(intervals, name)) for name in ("log", "save", "evaluate")
        )
        losses, logged, scored, stopped = [], (trainer.step, trainer.seconds), None, False
        clock = time.process_time if intervals.processor else time.monotonic
        drawn = _drawn(mixer, trainer.step, training.batch, loaders, trainer.device)
        try:
            while trainer.seconds < end and trainer.step < last and not stopped:
                started = clock()
                loss, norm = trainer.update(*next(drawn))
                trainer.seconds, stopped = self._agreed(trainer.seconds + clock() - started, stop())
                losses.append(loss)
                if self.rank != 0:
                    continue
                if log.is_due(trainer.seconds):
                    left = _seconds_left(trainer, logged, end, last)
                    report(f"{self._log(losses, norm, logged)}  minutes_left {left / 60:.1f}")
                    losses, logged = [], (trainer.step, trainer.seconds)
                if save.is_due(trainer.seconds):
                    self.save()
                if evaluate.is_due(trainer.seconds):
                    report(self.score(validation, data))
                    scored = trainer.step
        finally:
            if self.rank == 0:
                self.save()
        if self.rank == 0 and scored != trainer.step and not stopped:
            report(self.score(validation, data))

    def _check_learning_rate(self) -> None:
        """Raise SettingsError if a step would change nothing, as the learning rate is 0."""
        step = self.trainer.step
        if self.trainer.training.has_decayed(step):
            raise SettingsError(
                f"the learning rate is 0 from step {step} on (use --training decay_from=STEP to train more, or "
                f"decay_from=null to keep the rate): {self.folder}"
            )

    def _agreed(self, seconds: float, stopped: bool) -> tuple[float, bool]:
        """Return the seconds that process 0 has counted, and whether it stops, so that all stop at the same step."""
        if dist.is_initialized():
            agreed = torch.tensor([seconds, stopped], dtype=torch.float64, device=self.trainer.device)
            dist.broadcast(agreed, 0)
            seconds, stopped = agreed[0].item(), bool(agreed[1])
        return seconds, stopped

    def _log(self, losses: list[float], norm: float, since: tuple[int, float]) -> str:
        """Write a row of the log, and return it as text."""
        trainer, training = self.trainer, self.trainer.training
        audio = world_size() * training.batch * len(TARGETS) * trainer.config.samples(training.frames) / SAMPLE_RATE
        speed = (trainer.step - since[0]) * audio / (trainer.seconds - since[1])
        row = (
            trainer.step,
            round(trainer.seconds / 60, 2),
            round(sum(losses) / len(losses), 4),
            round(norm, 4),
            round(training.learning_rate_at(trainer.step - 1), 6),
            round(speed, 1),
        )
        _append(self.folder / "log.csv", LOG, row)
        return "  ".join(f"{name} {value}" for name, value in zip(LOG, row, strict=True))

    def score(self, validation: Mixer, data: Data) -> str:
        """Score the averaged weights on mixtures, on the mashups and on whole songs, and write a row of `scores.csv`.

        The weights are kept in `best.pt` if the mean of the three scores is the best so far.

        Returns
        -------
        str
            The row as text.
        """
        trainer = self.trainer
        scores = {"validation": mean(trainer.sdr(*batch) for batch in batches(validation, MIXTURES))}
        if data.mashups or data.real_songs:
            separator = separator_of(trainer.ema_on_processor())
            if data.mashups:
                mashups = summary(score(separator, data.mashups))
                scores |= {"mashup_vocals": mashups["vocals"], "mashup_accompaniment": mashups[ACCOMPANIMENT]}
            if data.real_songs:
                scores |= summary(score(separator, data.real_songs))
        scores["overall"] = mean(scores[name] for name in ("validation", "mashup_vocals", "mean") if name in scores)
        row = (trainer.step, round(trainer.seconds / 60, 2), *(round(scores.get(name, nan), 3) for name in SCORES[2:]))
        _append(self.folder / "scores.csv", SCORES, row)
        best = self.folder / "best.pt"
        # A file of an earlier version has no such score.
        if not best.exists() or load(best, ("scores",))["scores"].get("overall", -inf) < scores["overall"]:
            state = trainer.state()
            save({"scores": scores, **{name: state[name] for name in ("config", "ema", "step", "seconds")}}, best)
        return "  ".join(f"{name} {value}" for name, value in zip(SCORES, row, strict=True))

    def save(self) -> None:
        """Write the checkpoint."""
        save(self.trainer.state(), self.folder / "checkpoint.pt")


class _Due:
    """A time after which something is due, again and again, in seconds of training."""

    def __init__(self, now: float, interval: float) -> None:
        self.interval, self.next = interval, now + interval

    def is_due(self, now: float) -> bool:
        """Return whether it is due. If it is, it is due again an interval after the time that it was due at."""
        due = now >= self.next
        self.next += self.interval if due else 0
        return due


def _seconds_left(trainer: Trainer, since: tuple[int, float], end: float, last: float) -> float:
    """Return the seconds until the time `end` or the step `last`, at the speed since (step, seconds)."""
    seconds_of_a_step = (trainer.seconds - since[1]) / (trainer.step - since[0])
    return max(0.0, min(end - trainer.seconds, (last - trainer.step) * seconds_of_a_step))


class _Steps(torch.utils.data.Dataset[Batch | LightSAFTError]):
    """The batches of a run, by their step. An error in the data is returned: raised, it would become a traceback."""

    def __init__(self, mixer: Mixer, size: int) -> None:
        self.mixer, self.size = mixer, size

    def __getitem__(self, step: int) -> Batch | LightSAFTError:
        try:
            return tuple(torch.from_numpy(part) for part in self.mixer.batch(step, self.size))
        except LightSAFTError as error:
            return error


def _drawn(mixer: Mixer, step: int, size: int, processes: int, device: torch.device) -> Iterator[Batch]:
    """Return the batches from a step on. Other processes draw them ahead, from now on."""
    loader = torch.utils.data.DataLoader(
        _Steps(mixer, size),
        sampler=range(step, step + 10**7),
        batch_size=None,
        num_workers=processes,
        prefetch_factor=4,
        pin_memory=device.type == "cuda",
    )
    return map(_unwrapped, loader)


def _unwrapped(batch: Batch | LightSAFTError) -> Batch:
    """Return a batch. Raise an error that came in its place."""
    if isinstance(batch, LightSAFTError):
        raise batch
    return batch


def _append(path: Path, header: tuple[str, ...], row: tuple[float, ...]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(header)
        writer.writerow(row)
