"""Losses, trainer and runs: on tiny networks and noise."""

import csv
import dataclasses
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile as sf

torch = pytest.importorskip("torch")

from lightsaft_train import pictures  # noqa: E402
from lightsaft_train.__main__ import main  # noqa: E402
from lightsaft_train.data.mixing import Mixer  # noqa: E402
from lightsaft_train.data.songs import TARGETS, songs_in  # noqa: E402
from lightsaft_train.errors import DataError, SettingsError  # noqa: E402
from lightsaft_train.evaluation import score, summary  # noqa: E402
from lightsaft_train.export.onnx_model import write_model  # noqa: E402
from lightsaft_train.losses import LOSSES, summed  # noqa: E402
from lightsaft_train.packing import ema_network  # noqa: E402
from lightsaft_train.pool.song_files import write_manifest  # noqa: E402
from lightsaft_train.run import Data, Intervals, Run  # noqa: E402
from lightsaft_train.trainer import Trainer  # noqa: E402
from lightsaft_train.training_config import TrainingConfig  # noqa: E402
from lightsaft_train.validation import SEED, batches  # noqa: E402
from tiny import TINY, TRAINER, TRAINING, settings, train_command  # noqa: E402

from lightsaft_infer import Separator  # noqa: E402

pytestmark = pytest.mark.usefixtures("few_mixtures")


@pytest.fixture
def mixer(songs):
    return Mixer(songs_in(songs), TINY.samples(TRAINING.frames))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_fall_with_the_error_and_stand_silence(name):
    loss = LOSSES[name]
    torch.manual_seed(0)
    stems = torch.randn(2, 4, 4, 8, 16)
    stems[0, 1] = 0
    mixture = stems.sum(dim=1)
    losses = []
    for error in (0.0, 0.1, 1.0):
        estimates = (stems + error * torch.randn_like(stems)).requires_grad_()
        value = loss(estimates, stems, mixture)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(estimates.grad).all()
        losses.append(value.item())
    assert losses[0] < losses[1] < losses[2]
    assert torch.isfinite(loss(torch.zeros_like(stems), 0 * stems, 0 * mixture))


def test_losses_against_slow_versions():
    torch.manual_seed(1)
    stems, estimates = torch.randn(2, 3, 4, 4, 8, 16).double()
    mixture = stems.sum(dim=1)
    assert float(LOSSES["mse"](estimates, stems, mixture)) == pytest.approx(np.mean((estimates - stems).numpy() ** 2))
    assert float(LOSSES["l1"](estimates, stems, mixture)) == pytest.approx(np.mean(np.abs((estimates - stems).numpy())))
    values = []
    for item in range(3):
        floor = 0.1 * np.sum(mixture[item].numpy() ** 2) + 1e-4
        for target in range(4):
            error = np.sum((estimates - stems)[item, target].numpy() ** 2)
            values.append(10 * np.log10((error + floor) / (np.sum(stems[item, target].numpy() ** 2) + floor)))
    assert float(LOSSES["sdr"](estimates, stems, mixture)) == pytest.approx(np.mean(values))


def test_losses_of_sums():
    """A wrong split of a right sum costs nothing, and so does an unknown target. A wrong sum costs all its parts."""
    torch.manual_seed(2)
    members = torch.tensor([[[1.0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], torch.eye(4).tolist()])
    targets = torch.randn(2, 4, 4, 8, 16)
    stems, mixture, known = summed(targets, members), targets.sum(dim=1), members.any(dim=-1)
    estimates = targets.clone()
    estimates[0, 1] += 7
    estimates[0, 3] -= 7
    for name, loss in LOSSES.items():
        right, wrong = (loss(summed(e, members), stems, mixture, known) for e in (targets, estimates))
        torch.testing.assert_close(wrong, right, atol=1e-2, rtol=1e-4, msg=name)
        off = estimates.clone().requires_grad_()
        value = loss(summed(off + torch.eye(4)[2, :, None, None, None], members), stems, mixture, known)
        assert value > wrong + 0.01
        value.backward()
        assert off.grad[0, 1:].flatten(1).any(dim=1).all()
        torch.testing.assert_close(off.grad[0, 1], off.grad[0, 3])
    assert float(LOSSES["mse"](summed(targets, members), stems, mixture, known)) < 1e-10


def test_floor():
    """A quiet stem that sounds counts with less of the mixture than a silent one; the floor falls in training."""
    stems = torch.zeros(1, 4, 4, 8, 16)
    stems[:, 0], stems[:, 1] = 1.0, 0.1
    sdrs = {floor: float(LOSSES["sdr"](0 * stems, stems, stems.sum(dim=1), floor=floor)) for floor in (0.1, 0.003)}
    assert sdrs[0.003] == pytest.approx(
        0
    )  # silence as estimate has 0 dB if the stem sounds, and costs nothing if it is silent
    off = stems.clone()
    off[:, 3] = 0.05
    mixture = stems.sum(dim=1)
    got = [
        float(LOSSES["sdr"](off, stems, mixture, torch.tensor([[False, False, False, True]]), f)) for f in (0.1, 1e-3)
    ]
    expected = [10 * np.log10(0.05**2 / (floor * 1.1**2) + 1) for floor in (0.1, 0.01)]
    assert got == pytest.approx(expected, rel=1e-3)
    training = TrainingConfig(floor=0.001, floor_steps=1000)
    assert [training.floor_at(step) for step in (0, 500, 1000, 5000)] == pytest.approx([0.1, 0.01, 0.001, 0.001])


def test_spectra_are_those_of_the_runtime(mixer):
    """The frames are those of lightsaft_infer's STFT, except those that it pads."""
    from lightsaft_infer.stft import stft

    mixture, _, _ = mixer.batch(0, 2)
    planes = Trainer(TINY, TRAINING)._planes(mixture).numpy()
    assert planes.shape == (2, 4, 16, 65)
    spectrum = stft(mixture[1], n_fft=128, hop_length=64)[..., 1:17]  # (2, bins, frames)
    np.testing.assert_allclose(planes[1, :2], spectrum.real.transpose(0, 2, 1), atol=1e-4)
    np.testing.assert_allclose(planes[1, 2:], spectrum.imag.transpose(0, 2, 1), atol=1e-4)


def test_learning(mixer):
    """A tiny network learns tones that are always in the same place."""
    trainer = Trainer(TINY, dataclasses.replace(TRAINING, learning_rate=3e-2, ema=0.9))
    before = np.mean([trainer.sdr(*batch) for batch in batches(mixer, 8)])
    for step in range(100):
        trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(step, 2)))
    assert np.mean([trainer.sdr(*batch) for batch in batches(mixer, 8)]) > before + 1.5


def test_runs_are_compared_on_the_same_mixtures(songs, mixer, tmp_path, capsys):
    length = TINY.samples(TRAINING.frames)
    for name, steps in (("begun", 0), ("trained", 30)):
        run = Run(tmp_path / name, TINY, {**dataclasses.asdict(TRAINING), "learning_rate": 3e-2, "ema": 0.9})
        for step in range(steps):
            run.trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(step, 2)))
        run.save()
    runs = [str(tmp_path / name) for name in ("begun", "trained")]
    assert main(["validate", *runs, "--data", str(songs), "--mixtures", "7"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [[songs.name, "begun"], [songs.name, "trained"]]
    scores = []
    for run in runs:
        trainer = Run(run, None, {}).trainer
        mixtures = [Mixer(songs_in(songs), length, SEED).batch(step, 4) for step in range(2)]
        losses = []
        for mixture, stems, _ in mixtures:
            mixture, stems = (trainer._planes(torch.from_numpy(audio)) for audio in (mixture, stems))
            estimates = trainer.ema.eval()(mixture, torch.arange(4))
            losses.append(-float(LOSSES["sdr"](estimates, stems, mixture, floor=0.01)))
        scores.append(losses)
    first, second = np.array(scores)
    expected = [
        (values.mean(), abs(values[0] - values[1]) / 2, gain.mean(), abs(gain[0] - gain[1]) / 2)
        for values, gain in ((first, first * 0), (second, second - first))
    ]
    np.testing.assert_allclose([[float(value) for value in row[2:]] for row in rows], expected, atol=0.006)
    assert expected[1][2] > 0.5


def test_a_run_goes_on_to_the_same_state(mixer, tmp_path):
    def advance(trainer, steps):
        for _ in range(steps):
            trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(trainer.step, 2)))

    through = Trainer(TINY, TRAINING)
    advance(through, 6)
    first = Trainer(TINY, TRAINING)
    advance(first, 3)
    torch.save(first.state(), tmp_path / "state.pt")
    resumed = Trainer.from_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert resumed.training == TRAINING
    advance(resumed, 3)
    expected, got = through.state(), resumed.state()
    assert got["step"] == 6
    for name in ("network", "ema"):
        for key in expected[name]:
            torch.testing.assert_close(got[name][key], expected[name][key], rtol=0, atol=0)
    moments = [state["optimisers"][0]["state"][0]["exp_avg_sq"] for state in (expected, got)]
    torch.testing.assert_close(*moments, rtol=0, atol=0)


def test_averaged_weights_follow(mixer):
    trainer = Trainer(TINY, dataclasses.replace(TRAINING, ema=0.5))
    weight = trainer.network.last_conv.weight
    averaged = trainer.ema.last_conv.weight.clone()
    for step, decay in ((0, 2 / 11), (1, 3 / 12)):
        trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(step, 2)))
        averaged = decay * averaged + (1 - decay) * weight.detach()
        torch.testing.assert_close(trainer.ema.last_conv.weight, averaged)
    assert int(trainer.ema.first_conv[1].num_batches_tracked) == 2


def test_learning_rate():
    training = TrainingConfig(learning_rate=1.0, warmup=10, decay_from=100, decay_steps=50)
    rates = [training.learning_rate_at(step) for step in (0, 4, 9, 50, 100, 125, 150, 900)]
    assert rates == pytest.approx([0.1, 0.5, 1, 1, 1, 0.5, 0, 0])


def test_bfloat16_is_near_float32(mixer):
    batch = [torch.from_numpy(audio) for audio in mixer.batch(0, 2)]
    losses = [
        Trainer(TINY, dataclasses.replace(TRAINING, bfloat16=bfloat16)).update(*batch)[0] for bfloat16 in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=0.1)
    assert losses[0] != losses[1]


def test_a_run_on_disk(songs, tmp_path):
    """The command trains, logs, scores on whole songs and on mashups, keeps the best weights, and goes on."""
    mashups = tmp_path / "mashups"
    for name, source in (("vocals", "vocals"), ("drums+bass+other", "other")):
        (mashups / "song").mkdir(parents=True, exist_ok=True)
        shutil.copy(songs / "0" / f"{source}.wav", mashups / "song" / f"{name}.wav")
    command = ["train", str(tmp_path / "run"), "--data", str(songs), "--songs", str(songs), "--processes", "1"]
    command += ["--mashups", str(mashups), "--validation", str(songs)]
    command += ["--intervals", "log=0.0001", "--training", "batch=2", "frames=16", "--network"]
    sizes = {"n_fft": 128, "hop_length": 64, "frames": 16, "levels": 2, "channels": 4, "embedding_dim": 4, "d_k": 4}
    command += [f"{name}={value}" for name, value in sizes.items()]
    assert main([*command, "--minutes", "0.001"]) == 0
    first = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"]
    assert main([*command, "--minutes", "0.001", "--training", "learning_rate=0.0005", "batch=2", "frames=16"]) == 0
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] > first
    assert state["plan"]["learning_rate"] == 0.0005
    with open(tmp_path / "run" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [first, state["step"]]
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        log = list(csv.DictReader(file))
    assert int(log[-1]["step"]) == state["step"]
    assert np.isfinite(float(log[-1]["loss"]))
    network, best = ema_network(tmp_path / "run" / "best.pt")
    found = songs_in(songs)
    path = write_model(network, tmp_path / "model", name="m", version="1", licence="l", training={}, scores={})
    again = summary(score(Separator.from_file(path, threads=1), found))
    assert again["mean"] == pytest.approx(best["scores"]["mean"], abs=1e-3)
    judges = ("validation", "mashup_vocals", "mean")
    overall = [np.mean([float(row[name]) for name in judges]) for row in rows]
    assert best["scores"]["overall"] == pytest.approx(max(overall), abs=1e-3)
    assert not list((tmp_path / "run").glob(".*"))


def test_two_processes_train_as_one_with_their_batches_together(songs, run_of_two_processes):
    """Their gradients are averaged: both take the step of the mean of their losses."""
    config, training, run = run_of_two_processes
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    alone = [Trainer(config, training) for _ in range(2)]
    for rank, trainer in enumerate(alone):
        mixer = Mixer(songs_in(songs)[:-1], config.samples(TRAINING.frames), TRAINING.seed, rank)
        trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(0, 1)))
    moment = state["optimisers"][0]["state"][0]["exp_avg"]
    expected = torch.stack([trainer.state()["optimisers"][0]["state"][0]["exp_avg"] for trainer in alone])
    torch.testing.assert_close(moment, expected.mean(dim=0))
    assert not torch.allclose(*expected)


def test_two_processes_end_with_their_command(songs, tmp_path):
    options = ("--processes", "2", "--minutes", "60", "--intervals", "log=1e-9")
    command = [*TRAINER, *train_command(tmp_path / "run", songs, *options)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout.readline().startswith("step 1  minutes")
        process.kill()
        process.communicate(timeout=120)  # ends when the last of the processes that write to it has ended
    assert process.returncode != 0


def test_a_packed_run_goes_on(songs, mixer, tmp_path):
    run = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING))
    run.trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(0, 2)))
    run.save()
    assert main(["pack", str(tmp_path / "run"), str(tmp_path / "packed.pt")]) == 0
    assert main(["unpack", str(tmp_path / "packed.pt"), str(tmp_path / "elsewhere")]) == 0
    exact, packed = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("run", "elsewhere"))
    for name, weight in exact["ema"].items():
        torch.testing.assert_close(packed["ema"][name], weight, rtol=1e-3, atol=1e-7)
        torch.testing.assert_close(packed["network"][name], packed["ema"][name], rtol=0, atol=0)
    sizes = [(tmp_path / name).stat().st_size for name in ("run/checkpoint.pt", "packed.pt")]
    assert sizes[1] < 0.4 * sizes[0]
    assert (packed["step"], packed["seconds"]) == (exact["step"], exact["seconds"])
    trainer = Run(tmp_path / "elsewhere", TINY, {}).trainer
    assert trainer.training == TRAINING
    trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(1, 2)))
    assert main(["unpack", str(tmp_path / "packed.pt"), str(tmp_path / "run")]) == 1


GROWTHS = {  # changes of a network, and one of the parameters that it gains
    "more layers": ("middle_layers=4", "blocks.middle.tfc.pairs.1.0.weight"),
    "recurrent paths": ("paths=[0,1,2]", "blocks.middle.paths.1.0.projection.weight"),
    "layers in the head": ("head_units=6", "blocks.head.layers.2.weight"),
    "more channels": ("channels=7", "last_conv.weight"),
}


@pytest.mark.parametrize("name", GROWTHS)
def test_a_packed_run_goes_on_with_more(mixer, tmp_path, name):
    """The added layers change nothing at first, and learn."""
    change, added = GROWTHS[name]
    config = dataclasses.replace(
        TINY, tfc="residual", tfc_layers=2, skip="sum", conditioned="head", growth=2, magnitudes=True
    )
    run = Run(tmp_path / "run", config, dataclasses.asdict(TRAINING))
    run.trainer.update(*(torch.from_numpy(audio) for audio in mixer.batch(0, 2)))
    run.save()
    assert main(["pack", str(tmp_path / "run"), str(tmp_path / "packed.pt")]) == 0
    packed = [str(tmp_path / "packed.pt"), str(tmp_path / "same")]
    grown = [str(tmp_path / "packed.pt"), str(tmp_path / "grown"), "--network", change]
    assert main(["unpack", *packed]) == main(["unpack", *grown]) == 0
    same, grown = (Run(tmp_path / name, None, {}).trainer for name in ("same", "grown"))
    added = grown.network.get_parameter(added)
    mixture = torch.randn(1, 4, 16, config.n_fft // 2 + 1)
    for before, after in ((same.network, grown.network), (same.ema, grown.ema)):
        expected, found = (network.eval()(mixture, torch.arange(4)) for network in (before, after))
        torch.testing.assert_close(found, expected)
    before = added.detach().clone()
    for step in range(1, 4):
        grown.update(*(torch.from_numpy(audio) for audio in mixer.batch(step, 2)))
    assert not torch.equal(before, added)


def test_a_packed_run_does_not_go_on_with_other_sizes(tmp_path, capsys):
    Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING)).save()
    assert main(["pack", str(tmp_path / "run"), str(tmp_path / "packed.pt")]) == 0
    for change, lost in (("channels=3", "first_conv.0.weight"), ("levels=1", "downsamplings.1.0.weight")):
        assert main(["unpack", str(tmp_path / "packed.pt"), str(tmp_path / "other"), "--network", change]) == 1
        assert f"got {change}: no place for the packed {lost} of shape" in capsys.readouterr().err
    assert main(["unpack", str(tmp_path / "packed.pt"), str(tmp_path / "other"), "--network", "channels=6"]) == 1
    assert "got channels=6: expected skip=sum" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_mean_of_two_runs(tmp_path, mixer, capsys):
    run = Run(tmp_path / "a", TINY, dataclasses.asdict(TRAINING))
    run.save()
    before = {name: weight.clone() for name, weight in run.trainer.ema.state_dict().items()}
    run.trainer.update(*(torch.from_numpy(part) for part in mixer.batch(0, 2)))
    run.folder = tmp_path / "b"
    run.folder.mkdir()
    run.save()
    assert main(["average", *(str(tmp_path / name) for name in "ab"), "-o", str(tmp_path / "mean")]) == 0
    mean = Run(tmp_path / "mean", None, {}).trainer
    assert mean.step == 1
    for name, weight in mean.ema.state_dict().items():
        if weight.is_floating_point():
            expected = (before[name] + run.trainer.ema.state_dict()[name]) / 2
            torch.testing.assert_close(weight, expected)
            torch.testing.assert_close(mean.network.state_dict()[name], expected)
    assert main(["average", str(tmp_path / "a"), "-o", str(tmp_path / "mean")]) == 1
    assert "already exists" in capsys.readouterr().err


CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"
STEPS_OF_MEANS = {"long-run-5": 29535, "long-run-6": 35501, "long-run-7": 35501}  # those of the last run of `average`


@pytest.mark.parametrize("packed", sorted(CHECKPOINTS.glob("*.pt")), ids=lambda path: path.stem)
def test_the_checkpoints_in_the_repository_can_go_on(tmp_path, packed):
    """They are of this code's networks, and have the steps and minutes of their scores, if they are not means."""
    assert main(["unpack", str(packed), str(tmp_path)]) == 0
    trainer = Run(tmp_path, None, {}).trainer
    if packed.stem in STEPS_OF_MEANS:
        assert trainer.step == STEPS_OF_MEANS[packed.stem]
        return
    with packed.with_name(f"{packed.stem}-scores.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert trainer.step == int(last["step"])
    assert trainer.seconds / 60 == pytest.approx(float(last["minutes"]), abs=0.01)


def test_a_checkpoint_of_an_older_version_goes_on(mixer, tmp_path):
    """The averaged weights and the learning rate had other names."""
    run = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING))
    run.trainer.update(*(torch.from_numpy(part) for part in mixer.batch(0, 2)))
    state = run.trainer.state()
    state["average"], training = state.pop("ema"), state["plan"]
    training["average"], training["rate"] = training.pop("ema"), training.pop("learning_rate")
    torch.save(state, tmp_path / "run" / "checkpoint.pt")
    again = Run(tmp_path / "run", TINY, {}).trainer
    assert again.training == TRAINING
    for name, weight in run.trainer.ema.state_dict().items():
        torch.testing.assert_close(again.ema.state_dict()[name], weight, rtol=0, atol=0)
    network, kept = ema_network(tmp_path / "run" / "checkpoint.pt")
    torch.testing.assert_close(network.last_conv.weight, run.trainer.ema.last_conv.weight)
    assert kept["step"] == 1


def test_pictures_and_export(songs, tmp_path):
    run = tmp_path / "run"
    command = ["train", str(run), "--data", str(songs), "--songs", str(songs), "--processes", "1", "--hold-out", "1"]
    command += [
        "--intervals",
        "log=0.0001",
        "--training",
        "batch=1",
        "frames=16",
        "--minutes",
        "0.001",
        "--network",
        *settings(TINY),
    ]
    assert main(command) == 0
    assert main(["plot", str(run), "-o", str(tmp_path / "curves.png")]) == 0
    assert plt.imread(tmp_path / "curves.png").std() > 0.05
    write_manifest(tmp_path, 0)
    export = ["export", str(run), "-o", str(tmp_path), "--name", "new", "--version", "2", "--licence", "CC0-1.0"]
    assert main([*export, "--pool", str(tmp_path), "--pool", str(tmp_path), "--frames", "8"]) == 0
    manifest = Separator.from_file(tmp_path / "new.json", threads=1).manifest
    best = torch.load(run / "best.pt", weights_only=True)
    assert manifest.scores["drums"] == round(best["scores"]["drums"], 2)
    assert manifest.training["steps"] == best["step"]
    assert manifest.frames == 8
    assert manifest.training["data_minutes"] == dict.fromkeys(TARGETS, 0.0)
    last = [*export, "--last", "--frames", "8"]
    assert main([*last, "--songs", str(songs)]) == 0
    separator = Separator.from_file(tmp_path / "new.json", threads=1)
    assert separator.manifest.training["steps"] == torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    for target, scored in summary(score(separator, songs_in(songs))).items():
        assert separator.manifest.scores[target] == pytest.approx(scored, abs=0.0051)
    assert main(last) == 0
    assert Separator.from_file(tmp_path / "new.json", threads=1).manifest.scores == {"data": "not stated"}


def test_page_of_mixtures(songs, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SECONDS", 0.1)
    page = ["preview", "--data", str(songs), "--songs", str(songs), "--mixtures", "2"]
    assert main([*page, "-o", str(tmp_path / "page.png")]) == 0
    assert plt.imread(tmp_path / "page.png").std() > 0.05
    tone = np.sqrt(2) * 0.1 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    described = pictures.describe(np.stack([tone, 0 * tone]), np.stack([2 * tone, 0 * tone]))
    assert described == "-23 dB (-6), side +0 dB, half below 1000 Hz"
    assert pictures.describe(np.zeros((2, 9)), np.ones((2, 9))) == "silent"


def test_an_interrupted_run_is_saved(songs, tmp_path, monkeypatch):
    run = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING))
    update = run.trainer.update

    def interrupted(*batch):
        if run.trainer.step == 3:
            raise KeyboardInterrupt
        return update(*batch)

    monkeypatch.setattr(run.trainer, "update", interrupted)
    found = songs_in(songs)
    with pytest.raises(KeyboardInterrupt):
        run.train(Data(found, found), Intervals(1))
    assert Run(tmp_path / "run", TINY, {}).trainer.step == 3


def test_a_run_whose_learning_rate_is_0_does_not_go_on(songs, tmp_path):
    changes = dataclasses.asdict(TRAINING) | {"decay_from": 1, "decay_steps": 2}
    found = songs_in(songs)
    data = Data(found, found)
    Run(tmp_path / "run", TINY, changes).train(data, Intervals(steps=3))
    with pytest.raises(SettingsError, match=r"learning rate is 0 from step 3 on .*decay_from=STEP.*run"):
        Run(tmp_path / "run", TINY, {}).train(data, Intervals(steps=4))
    Run(tmp_path / "run", TINY, {}).train(data, Intervals(steps=3))  # it only scores
    run = Run(tmp_path / "run", TINY, {"decay_from": None})
    run.train(data, Intervals(steps=4))
    assert run.trainer.step == 4


def test_a_step_is_scored_once(songs, tmp_path):
    run, found = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING)), songs_in(songs)
    run.train(Data(found, found), Intervals(0.001, evaluate=0))
    with open(tmp_path / "run" / "scores.csv", newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, run.trainer.step + 1))


def test_an_accompaniment_beside_its_stems_is_not_heard_twice(songs, tmp_path):
    """As in exports of MUSDB18: the mixture to be separated is the sum of the four stems."""
    shutil.copytree(songs / "0", tmp_path / "song")
    stems = [sf.read(tmp_path / "song" / f"{target}.wav")[0] for target in TARGETS]
    sf.write(tmp_path / "song" / "accompaniment.wav", sum(stems[1:]), 44100)

    class Recording:
        def separate(self, mixture, *, sample_rate):
            np.testing.assert_allclose(mixture.T, sum(stems), atol=1e-4)
            return dict.fromkeys(TARGETS, mixture)

    assert list(score(Recording(), songs_in(tmp_path))["song"]) == list(TARGETS)


def test_weights_kept_by_an_older_version_are_replaced(songs, tmp_path):
    """Their scores lack the mean that decides today which weights are kept."""
    run, found = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING)), songs_in(songs)
    torch.save({"scores": {"validation": 99.0}}, tmp_path / "run" / "best.pt")
    run.train(Data(found, found), Intervals(0.001))
    assert "overall" in torch.load(tmp_path / "run" / "best.pt", weights_only=True)["scores"]


WRONG = {  # arguments, and a part of the message
    "no such setting": (["--training", "batches=3"], "expected NAME=VALUE with a name of batch, frames"),
    "not a number": (["--training", "batch=many"], "expected batch to be a whole number, got: batch=many"),
    "no such loss": (["--training", "loss=l3"], "expected loss to be mse or l1 or relative or sdr, got: loss=l3"),
    "zero": (["--training", "warmup=0"], "expected warmup to be above 0, got: warmup=0"),
    "not a list": (["--network", "paths=3"], "expected paths to be a list such as [0,0,1,2], got: paths=3"),
    "too few songs": (["--hold-out", "4"], "expected more than 4 songs, as these are held out for validation, got 4"),
    "no multiple": (["--training", "frames=63"], "expected frames of a mixture to be a multiple of 8"),
    "no such network": (["--network", "subbands=24"], "expected n_fft / 2 / subbands to be a multiple of 8"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_end_with_one_line(songs, tmp_path, capsys, name):
    arguments, message = WRONG[name]
    hold_out = [] if "--hold-out" in arguments else ["--hold-out", "1"]
    command = ["train", str(tmp_path / "run"), "--data", str(songs), "--minutes", "1", "--processes", "1", *hold_out]
    assert main([*command, *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("lightsaft_train: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_errors_of_several_processes_end_with_one_line(songs, tmp_path):
    """No song is long enough, and each of the processes finds this error."""
    command = [*TRAINER, "train", tmp_path / "run", "--data", songs, "--minutes", "1"]
    command += ["--hold-out", "1", "--processes", "2"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("lightsaft_train: error: expected songs of")
    assert "Traceback" not in done.stderr


def test_files_that_are_not_checkpoints(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["pack", str(run), str(tmp_path / "packed.pt")]) == 1
    assert f"cannot read {run / 'checkpoint.pt'}: no such file or directory" in capsys.readouterr().err
    run.mkdir()
    (run / "checkpoint.pt").write_text("text")
    assert main(["pack", str(run), str(tmp_path / "packed.pt")]) == 1
    assert f"not a checkpoint of a training run: {run / 'checkpoint.pt'}" in capsys.readouterr().err
    torch.save({"config": {}, "average": {}}, tmp_path / "part.pt")
    assert main(["unpack", str(tmp_path / "part.pt"), str(tmp_path / "new")]) == 1
    assert f"it lacks plan, step, seconds: {tmp_path / 'part.pt'}" in capsys.readouterr().err
    assert main(["plot", str(run), "-o", str(tmp_path / "curves.png")]) == 1
    assert f"cannot read {run / 'log.csv'}: no such file or directory" in capsys.readouterr().err


def test_a_song_that_is_cut_off_ends_the_training(songs, tmp_path):
    """Another process reads it: its error arrives as it is, without a traceback in its message."""
    shutil.copytree(songs, tmp_path / "songs")
    found = songs_in(tmp_path / "songs")
    for file in (tmp_path / "songs").rglob("*.wav"):
        sf.write(file, np.zeros((10, 2)), 44100)
    run = Run(tmp_path / "run", TINY, dataclasses.asdict(TRAINING))
    with pytest.raises(DataError, match=r"^expected \d+ samples, got \d+ samples from \d+: \S+$|^cannot read \S+"):
        run.train(Data(found, found), Intervals(0.001))
