"""Validation: the mixtures that a run is scored on, and scores of several runs on the same mixtures."""

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from .arrays import Floats
from .checkpoint_files import STATE, load
from .data import Mixer, Song, songs_in
from .trainer import Trainer

SEED = 48  # of the mixtures
MIXTURES = 48  # that a run is scored on
BATCH = 4


def validation_mixer(songs: Iterable[Song], samples: int) -> Mixer:
    """Return a mixer of songs that draws the same mixtures for all runs. `samples` is their length."""
    return Mixer(songs, samples, SEED)


def batches(mixer: Mixer, mixtures: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield the first mixtures of a mixer, `BATCH` at a time, as `Trainer.sdr` takes them."""
    for step in range(math.ceil(mixtures / BATCH)):
        yield tuple(torch.from_numpy(part) for part in mixer.batch(step, BATCH))


@dataclasses.dataclass(frozen=True)
class Result:
    """The score of a run on mixtures of a tree of songs.

    Parameters
    ----------
    tree, run
        Folder of the songs, and folder of the run.
    sdr
        SDR of the averaged weights in dB, with a floor (`Trainer.sdr`): mean over batches of mixtures, and its standard
        error.
    gain
        The same of the difference from the first run, batch by batch.
    """

    tree: Path
    run: Path
    sdr: tuple[float, float]
    gain: tuple[float, float]


def compare(
    runs: Sequence[str | os.PathLike[str]], trees: Sequence[str | os.PathLike[str]], mixtures: int
) -> Iterator[Result]:
    """Score runs on the same mixtures, to see what they gained on songs that they know and on others.

    Parameters
    ----------
    runs
        Folders of the runs. The first one decides the length of the mixtures.
    trees
        Folders of songs.
    mixtures
        Number of mixtures of each folder. It is rounded up to a multiple of 4.

    Yields
    ------
    Result
        For each folder of songs, the score of each run.

    Raises
    ------
    CheckpointError
        If a run has no checkpoint, or it cannot be read.
    DataError
        If a folder has no songs that are long enough.
    """
    trainers = [Trainer.from_state(load(Path(run) / "checkpoint.pt", STATE)) for run in runs]
    samples = trainers[0].config.samples(trainers[0].training.frames)
    for tree in trees:
        mixer = validation_mixer(songs_in(tree), samples)
        scores = np.array([[trainer.sdr(*batch) for trainer in trainers] for batch in batches(mixer, mixtures)]).T
        for run, score in zip(runs, scores, strict=True):
            yield Result(Path(tree), Path(run), _mean(score), _mean(score - scores[0]))


def _mean(values: Floats) -> tuple[float, float]:
    """Return the mean of values, and its standard error; NaN for the error of one value."""
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return float(values.mean()), float(error)
