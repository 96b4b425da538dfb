"""Fixtures: a small manifest with networks whose output can be computed by hand, and the packaged model."""

import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from data.make_model import write_model

from lightsaft_infer import Manifest, Separator

pytest.register_assert_rewrite("helpers")
hypothesis.settings.register_profile("no deadline", deadline=None)  # on a busy machine an example may take seconds
hypothesis.settings.load_profile("no deadline")
if hasattr(signal, "SIGHUP"):  # ignored under nohup, also by the commands that tests start
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

EXAMPLE = Path(__file__).parent.parent / "examples" / "lithium.flac"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that need a package index, unless the option -m names their marker."""
    if "network" not in config.option.markexpr:
        deselected = [item for item in items if item.get_closest_marker("network")]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


@pytest.fixture(scope="session")
def packaged():
    """The packaged model, on two threads."""
    return Separator.from_file(threads=2)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """The manifest of a tiny ONNX model whose targets are the mixture times 1, 0.5, -0.25 and 0."""
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def manifest(model_path):
    return Manifest.from_file(model_path)


@pytest.fixture
def echo(manifest):
    """A separator whose every target is the mixture."""
    return Separator(manifest, echo_network)


def echo_network(planes, targets):
    return np.repeat(planes[:, np.newaxis], len(targets), axis=1)


def noise(channels, samples, seed=0):
    """Return uniform noise, float32 (channels, samples), full scale."""
    return np.random.default_rng(seed).uniform(-1, 1, (channels, samples)).astype(np.float32)


def split(audio, size):
    """Return the audio in blocks of `size` samples."""
    return [audio[:, start : start + size] for start in range(0, audio.shape[1], size)]


def joined(blocks):
    """Return whole stems from blocks of stems."""
    blocks = list(blocks)
    return {target: np.concatenate([block[target] for block in blocks], axis=1) for target in blocks[0]}
