"""The published implementation's random-weight vectors (data/*.npz) and full-size key lists (data/checkpoints.json)."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes test at the same time; read when torch is imported
torch = pytest.importorskip("torch")

DATA = Path(__file__).parent / "data"
FAMILIES = {"v1_lightsaft": "lightsaft", "v1_lasaft": "lasaft", "v2_lightsaft": "lightsaft_v2"}
PUBLISHED = json.loads((DATA / "checkpoints.json").read_text())


class Golden:
    """One family's small network with random weights, an input, and the published outputs."""

    def __init__(self, name):
        from lightsaft_train.export.published_network import published_config

        with np.load(DATA / f"{name}.npz") as file:
            arrays = dict(file)
        self.name = name
        self.published = json.loads(str(arrays["config"]))
        self.config = published_config(FAMILIES[name], self.published)
        self.state_dict = {
            key.removeprefix("state_dict/"): torch.from_numpy(value)
            for key, value in arrays.items()
            if key.startswith("state_dict/")
        }
        self.spec = arrays["spec"]
        self.waveform = arrays["waveform"].T
        self.specs = {target: arrays[f"spec_{target}"] for target in ("vocals", "drums", "bass", "other")}
        self.waveforms = {target: arrays[f"waveform_{target}"].T for target in self.specs}

    def expect_specs(self, estimates):
        """Estimates (1, targets, 4, frames, bins) within 1e-4 of the published ones' largest magnitude."""
        for index, (target, expected) in enumerate(self.specs.items()):
            error = np.abs(np.asarray(estimates)[:, index] - expected).max() / np.abs(expected).max()
            assert error < 1e-4, f"{self.name}, {target}: {error}"


@pytest.fixture(scope="session", params=FAMILIES)
def golden(request):
    return Golden(request.param)


@pytest.fixture(scope="session")
def golden_network(golden):
    from lightsaft_train.export.published_network import network_of

    return network_of({"state_dict": golden.state_dict}, config=golden.published)[0]


@pytest.fixture(scope="session")
def golden_model(golden, golden_network, tmp_path_factory):
    """Manifest of the exported golden network."""
    from lightsaft_train.export.onnx_model import write_model

    folder = tmp_path_factory.mktemp(golden.name)
    about = {"version": "1", "licence": "CC0 1.0", "training": {}, "scores": {}}
    return write_model(golden_network, folder, name=golden.name, **about)


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """Songs of four stems: tones that are always in the same place, and some noise."""
    from lightsaft_train.data import TARGETS

    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for song in range(4):
        (root / str(song)).mkdir()
        for index, target in enumerate(TARGETS):
            noise = 0.1 * rng.standard_normal((9000, 2))
            tone = np.sin(2 * np.pi * 300 * 4**index * np.arange(9000) / 44100)
            sf.write(root / str(song) / f"{target}.wav", noise * 0.05 + 0.2 * tone[:, None], 44100)
    return root


@pytest.fixture
def few_mixtures(monkeypatch):
    """Runs of this process are scored on few mixtures, to be fast."""
    monkeypatch.setattr("lightsaft_train.run.MIXTURES", 4)


@pytest.fixture(scope="session")
def run_of_two_processes(songs, tmp_path_factory):
    """Network, training and folder of a run of one step of two processes, started as a user does."""
    from tiny import TINY, TRAINER, TRAINING, train_command

    folder = tmp_path_factory.mktemp("two_processes")
    config = dataclasses.replace(TINY, output="mapping")
    training = dataclasses.replace(TRAINING, batch=1, clip=1e9)
    options = ("--steps", "1", "--device", "cpu", "--processes", "2", "--intervals", "log=1e-9")
    command = [*TRAINER, *train_command(folder, songs, *options, config=config, training=training)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 1  minutes") == 2  # one row of the log, and one of the scores
    return config, training, folder
