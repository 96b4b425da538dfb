"""Published checkpoints: read without running anything in them, matched strictly, converted to models."""

import dataclasses
import json
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
from conftest import FAMILIES, PUBLISHED

torch = pytest.importorskip("torch")

from lightsaft_train.__main__ import main  # noqa: E402
from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.errors import CheckpointError  # noqa: E402
from lightsaft_train.export.lightning_file import read_checkpoint  # noqa: E402
from lightsaft_train.export.published_network import infer_config, network_of, published_config  # noqa: E402

from lightsaft_infer import Separator  # noqa: E402


@pytest.fixture
def lightning(monkeypatch):
    """Classes of a PyTorch Lightning that is installed while a file is written, and gone when it is read."""
    module = types.ModuleType("pytorch_lightning.utilities.parsing")

    class AttributeDict(dict):
        pass

    class ModelCheckpoint:
        def __init__(self):
            self.best = torch.ones(3)

    for item in (AttributeDict, ModelCheckpoint):
        item.__module__, item.__qualname__ = module.__name__, item.__name__
        setattr(module, item.__name__, item)
    for name in ("pytorch_lightning", "pytorch_lightning.utilities", module.__name__):
        monkeypatch.setitem(sys.modules, name, module if name == module.__name__ else types.ModuleType(name))
    yield module
    monkeypatch.undo()


def save(path, lightning, weights, hyper_parameters):
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "1.0.2",
        "callbacks": {lightning.ModelCheckpoint: {"state": lightning.ModelCheckpoint(), "scores": [np.float64(1.5)]}},
        "hyper_parameters": lightning.AttributeDict(hyper_parameters),
        "state_dict": weights,
        "optimizer_states": [{"lr": 0.1, "betas": (0.9, 0.999), "done": {1, 2}}],
    }
    torch.save(content, path)
    for name in [name for name in sys.modules if name.startswith("pytorch_lightning")]:
        del sys.modules[name]
    return path


def test_a_lightning_file_is_read(tmp_path, lightning):
    weights = {
        "spec2spec.a": torch.arange(6.0).reshape(2, 3).T,
        "b": torch.nn.Parameter(torch.ones(2)),
        "n": torch.tensor(7),
    }
    content = read_checkpoint(save(tmp_path / "a.ckpt", lightning, weights, {"n_fft": 2048, "name": "x"}))
    for name, expected in weights.items():
        assert torch.equal(content["state_dict"][name], expected)
    assert dict(content["hyper_parameters"]) == {"n_fft": 2048, "name": "x"}
    assert content["epoch"] == 3
    assert content["optimizer_states"] == [{"lr": 0.1, "betas": (0.9, 0.999), "done": {1, 2}}]


class Attack:
    """Its pickle calls a function when it is read by pickle.load or torch.load."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(mark):
    yield os.system, (f"touch {mark}",)
    yield eval, (f"open({str(mark)!r}, 'w')",)
    yield exec, (f"open({str(mark)!r}, 'w')",)
    yield getattr, (Attack(__import__, "os"), "system")
    yield open, (str(mark), "w")
    yield pickle.loads, (pickle.dumps(Attack(os.system, f"touch {mark}")),)
    yield torch.load, (str(mark),)


def test_no_code_in_a_file_runs(tmp_path):
    mark = tmp_path / "mark"
    for index, (function, arguments) in enumerate(attacks(mark)):
        path = tmp_path / f"{index}.ckpt"
        torch.save({"state_dict": {"a": torch.ones(1)}, "extra": [Attack(function, *arguments)]}, path)
        content = read_checkpoint(path)
        assert torch.equal(content["state_dict"]["a"], torch.ones(1))
        assert not mark.exists(), function
        # Nothing was called: there is an empty dict in its place.
        assert content["extra"] == [{}]
    # The attack is real: it works on torch's own reader, if that is asked to trust the file.
    torch.save({"extra": Attack(open, str(mark), "w")}, tmp_path / "real.ckpt")
    torch.load(tmp_path / "real.ckpt", weights_only=False)["extra"].close()
    assert mark.exists()


def test_weights_that_are_a_call_are_refused(tmp_path):
    torch.save({"state_dict": {"a": Attack(os.system, "true")}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=r"expected a state_dict of tensors in it: .*a\.ckpt"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_opcodes_that_set_attributes_reach_nothing(tmp_path):
    """BUILD with a state for attributes, on a class and on a function that the reader knows."""
    for name in (b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"cos\nsystem\n"):
        payload = b"\x80\x02" + name + b"(N}(X\x04\x00\x00\x00evilK\x01u\x86b."
        payload = payload.replace(b"(N}", b"N}")
        with zipfile.ZipFile(tmp_path / "a.ckpt", "w") as archive:
            archive.writestr("archive/data.pkl", payload)
        with pytest.raises(CheckpointError, match=r"a\.ckpt"):
            read_checkpoint(tmp_path / "a.ckpt")


def test_tensors_beyond_their_storage_are_refused(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"a": torch.ones(4)}}, path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for name in content:
        if "/data/" in name:
            content[name] = content[name][:8]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match="expected 4 values in storage 0, got 2"):
        read_checkpoint(path)


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot read .*: no such file"):
        read_checkpoint(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("weights")
    with pytest.raises(CheckpointError, match=r"expected a zip archive .*text\.ckpt"):
        read_checkpoint(tmp_path / "text.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(CheckpointError, match="expected a state_dict"):
        read_checkpoint(tmp_path / "list.ckpt")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("a/constants.pkl", b"")
        archive.writestr("a/data.pkl", b"")
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_checkpoint(tmp_path / "script.pt")
    with zipfile.ZipFile(tmp_path / "cut.ckpt", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q")
    with pytest.raises(CheckpointError, match=r"its pickle cannot be read .*cut\.ckpt"):
        read_checkpoint(tmp_path / "cut.ckpt")


def test_a_mismatch_lists_what_is_wrong(golden):
    weights = dict(golden.state_dict)
    shape = tuple(weights["spec2spec.last_conv.0.bias"].shape)
    del weights["spec2spec.first_conv.0.bias"]
    weights["spec2spec.more"] = torch.ones(2)
    weights["spec2spec.last_conv.0.bias"] = torch.ones(5)
    with pytest.raises(CheckpointError) as caught:
        network_of({"state_dict": weights}, config=golden.published)
    lines = str(caught.value).splitlines()
    assert lines[1:] == [
        "missing: first_conv.0.bias (6,)",
        "unexpected: more (2,)",
        f"another shape: last_conv.0.bias, expected {shape}, got (5,)",
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_configurations_are_inferred_from_keys_and_shapes(name):
    published = PUBLISHED[name]
    expected = published_config(FAMILIES[published["family"]], published["config"])
    weights = {
        key.removeprefix("spec2spec."): torch.empty(shape, device="meta")
        for key, shape in published["state_dict"].items()
        if key.startswith("spec2spec.")
    }
    config, notes = infer_config(weights, {"num_frame": expected.frames})
    # If no level reaches the least bottleneck, the shapes do not show it, and it makes no difference.
    assert dataclasses.replace(config, min_bn_units=expected.min_bn_units) == expected
    assert any("from the file's hyper-parameters" in note for note in notes)
    assert any("the published value" in note for note in notes)


def test_hyper_parameters_in_the_file_come_before_published_values(golden):
    weights = {key.removeprefix("spec2spec."): value for key, value in golden.state_dict.items()}
    config, _ = infer_config(weights, golden.published)
    assert config.hop_length == golden.published["hop_length"]
    assert config.activation == golden.config.activation


@pytest.mark.parametrize("change", [{"spec_est_mode": "masking"}, {"pocm_type": "conv"}, {"kernel_size_t": 5}])
def test_options_that_are_not_supported_are_refused(golden, change):
    with pytest.raises(CheckpointError, match=f"expected {next(iter(change))} .*not supported"):
        published_config(golden.config.block, {**golden.published, **change})


@pytest.mark.parametrize("activation", ["gelu", "softplus"])
def test_an_activation_that_is_not_known_is_refused(golden, activation):
    weights = {key.removeprefix("spec2spec."): value for key, value in golden.state_dict.items()}
    with pytest.raises(CheckpointError, match=f"expected one of the activations relu, leaky_relu, got '{activation}'"):
        infer_config(weights, {"first_conv_activation": activation})


def test_weights_of_something_else_are_refused():
    with pytest.raises(CheckpointError, match="got keys of none of them"):
        network_of({"state_dict": {"spec2spec.a": torch.ones(1)}})


def test_an_stft_window_of_another_size_is_refused(golden):
    weights = {**golden.state_dict, "stft.stft.window": torch.ones(2048)}
    with pytest.raises(CheckpointError, match="expected n_fft 2048, the length of the STFT window"):
        network_of({"state_dict": weights}, config=golden.published)


def test_convert_makes_a_model_that_the_runtime_runs(golden, tmp_path, lightning, capsys):
    weights = {**golden.state_dict, "stft.stft.window": torch.hann_window(256)}
    checkpoint = save(tmp_path / "epoch=3.ckpt", lightning, weights, golden.published)
    assert main(["convert", str(checkpoint), "-o", str(tmp_path / "out"), "--name", "golden"]) == 0
    assert "from keys and shapes" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["golden.json", "golden.onnx"]
    separator = Separator.from_file(tmp_path / "out" / "golden.json", threads=2)
    golden.expect_specs(separator.network(golden.spec, np.arange(4)))
    assert separator.manifest.training["converted_from"] == "epoch=3.ckpt"


def test_convert_tells_what_is_wrong(golden, tmp_path, lightning, capsys):
    weights = {name: value for name, value in golden.state_dict.items() if "window" not in name}
    checkpoint = save(tmp_path / "a.ckpt", lightning, weights, {})
    out = ["-o", str(tmp_path / "out")]
    assert main(["convert", str(checkpoint), "--preset", "lightsaft-paper", *out]) == 1
    error = capsys.readouterr().err
    assert "another shape: embedding.weight, expected (4, 64), got (4, 8)" in error
    assert str(checkpoint) in error
    (tmp_path / "config.json").write_text(json.dumps({"n_fft": 256}))
    assert main(["convert", str(checkpoint), "--config", str(tmp_path / "config.json"), *out]) == 1
    assert "the configuration lacks n_blocks" in capsys.readouterr().err
    assert main(["convert", str(checkpoint), "--config", str(tmp_path / "none.json"), *out]) == 1
    assert "none.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_presets_of_published_checkpoints_have_the_published_sizes():
    names = {
        "lightsaft_paper": "lightsaft-paper",
        "lasaft_large_2020": "lasaft-large-2020",
        "v2_light": "lasaft-v2-light",
        "v2_large": "lasaft-v2-large",
    }
    for key, preset in names.items():
        published = PUBLISHED[key]
        assert published_config(FAMILIES[published["family"]], published["config"]) == PRESETS[preset]
