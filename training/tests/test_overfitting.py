"""Each preset learns one short song by heart, so that its training is known to work: network, loss and optimiser."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.data import SAMPLE_RATE  # noqa: E402
from lightsaft_train.trainer import Trainer  # noqa: E402
from lightsaft_train.training_config import TrainingConfig  # noqa: E402
from tiny import small_spectrum  # noqa: E402


def song(length):
    """Stems (1, 4, 2, samples) of one song, which share their frequencies: a voice, beats, a bass line, chords."""
    rng = np.random.default_rng(0)
    time = np.arange(length) / SAMPLE_RATE

    def tone(pitch):
        return sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 12))

    beats = rng.standard_normal(length) * np.exp(-25 * (time % 0.05))
    voice = tone(220 * 2 ** (np.sin(2 * np.pi * 11 * time) / 120))
    stems = np.stack([voice, beats, tone(55) * np.exp(-9 * (time % 0.1)), tone(277) + tone(330) + tone(415)])
    stems *= 0.1 / np.sqrt(np.mean(stems**2, axis=1, keepdims=True))
    sides = np.array([[1, 1], [0.9, 1.1], [1, 1], [1.2, 0.8]])
    return torch.from_numpy((sides[:, :, None] * stems[:, None])[None].astype(np.float32))


def learnt(config, steps):
    """Train a network on one song alone. Return its first and its last loss: the part of the energy that is wrong."""
    training = TrainingConfig(
        batch=1, frames=config.frames_multiple, warmup=10, learning_rate=3e-3, loss="relative", floor_steps=20
    )
    trainer = Trainer(config, training)
    stems = song(config.samples(training.frames))
    losses = [trainer.update(stems.sum(dim=1), stems, torch.eye(4)[None])[0] for _ in range(steps)]
    return losses[0], losses[-1]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_learns_a_song_by_heart(name):
    """With the channels, layers and latent sources of the preset. The spectrum is smaller, to be fast."""
    first, last = learnt(small_spectrum(PRESETS[name]), steps=60)
    assert first > 0.5
    assert last < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_full_size_learns_a_song_by_heart(name):
    first, last = learnt(PRESETS[name], steps=300)
    assert first > 0.5
    assert last < 0.1
