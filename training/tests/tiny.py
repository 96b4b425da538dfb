"""A tiny network, its training, and the command that trains it; and presets with few frequencies."""

import dataclasses
import json
import sys

from lightsaft_train.config import PRESETS
from lightsaft_train.training_config import TrainingConfig

TINY = dataclasses.replace(
    PRESETS["lightsaft-small"], n_fft=128, hop_length=64, frames=16, levels=2, channels=4, embedding_dim=4, d_k=4
)
TRAINING = TrainingConfig(batch=2, frames=16, warmup=2, bfloat16=False)
TRAINER = (sys.executable, "-m", "lightsaft_train")


def small_spectrum(config):
    """Return a configuration with as few frequencies as its levels and sub-bands allow, at all its other sizes."""
    n_fft = 32 * config.subbands if config.conditioned == "head" else 256
    return dataclasses.replace(config, n_fft=n_fft, hop_length=n_fft // 2)


def train_command(run, songs, *options, config=TINY, training=TRAINING):
    """Return the arguments of the trainer: a song is held out, all settings of network and training are given."""
    return [
        *("train", str(run), "--data", str(songs), "--hold-out", "1", *options),
        *("--network", *settings(config)),
        *("--training", *settings(training)),
    ]


def settings(values):
    """Return the fields of a dataclass as texts NAME=VALUE."""
    return [f"{name}={json.dumps(value)}" for name, value in dataclasses.asdict(values).items()]
