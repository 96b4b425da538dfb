"""Training on a device that is not the processor, and processes that torch's launcher starts."""

import contextlib
import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.__main__ import main  # noqa: E402
from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.data import Mixer, songs_in  # noqa: E402
from lightsaft_train.devices import device_of, loader_processes, on_processor  # noqa: E402
from lightsaft_train.errors import SettingsError  # noqa: E402
from lightsaft_train.run import Data, Intervals, Run  # noqa: E402
from lightsaft_train.trainer import Trainer  # noqa: E402
from lightsaft_train.training_config import TrainingConfig  # noqa: E402
from tiny import TINY, TRAINER, TRAINING, small_spectrum, train_command  # noqa: E402

pytestmark = pytest.mark.usefixtures("few_mixtures")

NETWORKS = PRESETS | {
    "recurrent paths": dataclasses.replace(PRESETS["lightsaft"], channels=96, head_units=96, paths=(0, 0, 1, 2))
}


def weights(run):
    return torch.load(run / "checkpoint.pt", weights_only=True)["network"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_runs_on_the_device_alone(name, monkeypatch):
    """The device "meta" knows shapes alone, and refuses tensors of the processor. A step fails only at its results."""
    monkeypatch.setattr(torch, "autocast", lambda *kind, **options: contextlib.nullcontext())  # it has none for "meta"
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *arguments: torch.tensor(1.0))
    config = small_spectrum(NETWORKS[name])
    training = TrainingConfig(batch=1, frames=4 * config.frames_multiple, loss="sdr", bfloat16=False)
    trainer = Trainer(config, training, torch.device("meta"))
    stems, members = torch.zeros(1, 4, 2, config.samples(training.frames)), torch.eye(4)[None]
    members[:, 3] = 0  # an unknown stem
    with pytest.raises(RuntimeError, match="item"):
        trainer.update(stems.sum(dim=1), stems, members)
    assert trainer.step == 1
    assert {weight.device.type for network in (trainer.network, trainer.ema) for weight in network.parameters()} == {
        "meta"
    }


def test_names_of_devices(monkeypatch):
    assert device_of("cpu") == device_of("auto") == torch.device("cpu")
    for name in ("cuda", "cuda:0"):
        with pytest.raises(SettingsError, match=f"expected GPU 0 for the device {name}, but torch .* finds 0"):
            device_of(name)
    for name in ("gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", ""):
        with pytest.raises(SettingsError, match="expected auto, cpu, cuda or cuda:N as device, got: "):
            device_of(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("auto") == torch.device("cuda", 0)
    assert device_of("cuda", local_rank=1) == device_of("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SettingsError, match=r"expected GPU 2 for the device cuda, but torch .* finds 2"):
        device_of("cuda", local_rank=2)
    assert loader_processes(torch.device("cpu"), 2) == 1
    assert 1 <= loader_processes(torch.device("cuda", 0), 1) <= 16


def test_a_state_is_in_the_memory_of_the_processor():
    meta = torch.zeros(2)
    state = {"a": [meta, (1, {"b": meta})], "c": "text"}
    assert on_processor(state) == state
    assert on_processor(meta) is meta


def test_the_launcher_of_torch_trains_as_our_own_processes(songs, run_of_two_processes, tmp_path):
    """Two processes of `torchrun` make the same step as `--processes 2`."""
    config, training, ours = run_of_two_processes
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable]
    cpu = ("--steps", "1", "--device", "cpu", "--intervals", "log=1e-9")
    arguments = train_command(tmp_path, songs, *cpu, config=config, training=training)
    start = [sys.executable, *launcher, *TRAINER[1:], *arguments]
    done = subprocess.run(start, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 1  minutes") == 2  # one row of the log, and one of the scores
    for name, weight in weights(ours).items():
        torch.testing.assert_close(weights(tmp_path)[name], weight, rtol=0, atol=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_of_the_command_alone_saves_and_ends(songs, tmp_path, number):
    """Without a terminal only the command gets the signal, not the processes that it started."""
    options = ("--minutes", "60", "--processes", "2", "--intervals", "log=1e-9")
    start = [*TRAINER, *train_command(tmp_path, songs, *options)]
    with subprocess.Popen(
        start,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in jobs of a shell
    ) as process:
        assert process.stdout.readline().startswith("step 1  minutes")
        process.send_signal(number)
        printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "lightsaft_train: interrupted"
    assert "Traceback" not in errors
    assert "validation" not in printed
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] >= 1


def test_the_mixtures_do_not_depend_on_their_loaders(songs, tmp_path):
    found = songs_in(songs)
    for loaders in (1, 3):
        run = Run(tmp_path / str(loaders), TINY, dataclasses.asdict(TRAINING))
        run.train(Data(found, found), Intervals(steps=5), loaders=loaders)
        assert run.trainer.step == 5
    for name, weight in weights(tmp_path / "1").items():
        torch.testing.assert_close(weights(tmp_path / "3")[name], weight, rtol=0, atol=0)


def test_a_run_ends_at_its_step_and_tells_the_time_left(songs, tmp_path, capsys):
    command = train_command(tmp_path / "run", songs, *("--steps", "4", "--processes", "1", "--intervals", "log=1e-9"))
    assert main(command) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "minutes_left" in line]
    assert [row.split()[1] for row in rows] == ["1", "2", "3", "4"]
    left = [float(row.split()[-1]) for row in rows]
    assert left[-1] == 0
    assert main(command) == 0
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 4


def test_dropout_follows_from_the_step(songs):
    """A training that goes on draws the same dropout as one that was not stopped."""
    config = dataclasses.replace(PRESETS["lightsaft-paper"], n_fft=128, hop_length=64, levels=2, channels=4)
    training = dataclasses.replace(TRAINING, frames=8)
    mixer = Mixer(songs_in(songs), config.samples(8))

    def advance(trainer, steps):
        for _ in range(steps):
            trainer.update(*(torch.from_numpy(part) for part in mixer.batch(trainer.step, 2)))
        return trainer

    through, resumed = advance(Trainer(config, training), 4), advance(Trainer(config, training), 2)
    torch.rand(7)
    resumed = advance(Trainer.from_state(resumed.state()), 2)
    assert any(isinstance(module, torch.nn.Dropout) for module in through.network.modules())
    for name, weight in through.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], weight, rtol=0, atol=0)


def test_wrong_devices_and_lengths_end_with_one_line(songs, tmp_path, capsys):
    for options, message in (
        (["--steps", "1", "--device", "tpu"], "expected auto, cpu, cuda or cuda:N as device, got: tpu"),
        (["--steps", "1", "--device", "cuda:0"], "expected GPU 0 for the device cuda:0"),
        ([], "expected --minutes or --steps"),
    ):
        assert main(train_command(tmp_path / "run", songs, *options)) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
