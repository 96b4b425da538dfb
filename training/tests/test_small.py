"""The family of the packaged model: every choice of its configuration."""

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.errors import SettingsError  # noqa: E402
from lightsaft_train.export.onnx_model import write_model  # noqa: E402
from lightsaft_train.networks.build import build  # noqa: E402
from lightsaft_train.networks.paths import AxisLSTM  # noqa: E402

from lightsaft_infer import Separator  # noqa: E402

SMALL = dataclasses.replace(
    PRESETS["lightsaft-small"], n_fft=256, hop_length=64, frames=16, levels=2, channels=6, embedding_dim=4, d_k=4
)
VARIANTS = {
    "as shipped first": {},
    "mapping": {"output": "mapping"},
    "real mask": {"output": "real_mask"},
    "complex mask": {"output": "complex_mask"},
    "uncompressed": {"compression": 1.0},
    "bins apart": {"folding": "bins", "subbands": 2},
    "growing": {"growth": 3},
    "residual": {"tfc": "residual", "tfc_layers": 4},
    "longer in the middle": {"tfc": "residual", "tfc_layers": 2, "middle_layers": 4},
    "sum": {"skip": "sum", "growth": 2},
    "all conditioned": {"conditioned": "all", "tfc": "residual"},
    "conditioned head": {"conditioned": "head", "tfc": "residual", "skip": "sum", "growth": 2},
    "head, complex mask": {"conditioned": "head", "output": "complex_mask", "magnitudes": True},
    "head, real mask, bins apart": {"conditioned": "head", "output": "real_mask", "folding": "bins"},
    "magnitudes": {"magnitudes": True, "folding": "bins"},
    "recurrent paths": {"conditioned": "head", "skip": "sum", "paths": (0, 1, 2)},
    "layers in the head": {"conditioned": "head", "output": "complex_mask", "head_units": 5},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_the_small_network(name):
    """Gradients everywhere, estimates that depend on the target, one target alone the same as among all."""
    torch.manual_seed(0)
    network = build(dataclasses.replace(SMALL, **VARIANTS[name]))
    for weight in network.parameters():
        if not weight.any():  # also those of layers that change nothing at first
            torch.nn.init.normal_(weight, std=0.3)
    mixture = torch.randn(2, 4, 8, 129)
    network(mixture, torch.arange(4)).square().mean().backward()
    without = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert [key for key in without if "norm" not in key and ".bias" not in key] == []
    network.eval()
    with torch.no_grad():
        estimates = network(mixture, torch.arange(4))
        alone = network(mixture[1:], torch.tensor([2]))
    assert estimates.shape == (2, 4, 4, 8, 129)
    torch.testing.assert_close(estimates[1:, 2:3], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])
    assert not estimates[..., 128].any()


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_exported(name, tmp_path):
    """The graph gives the results of torch, also for other sizes than the traced ones, with the runtime's optimisations
    and without them. A loop states its shapes for readers that do not infer them."""
    torch.manual_seed(0)
    network = build(dataclasses.replace(SMALL, **VARIANTS[name])).eval()
    for weight in network.parameters():
        if weight.ndim > 1 and not weight.any():
            torch.nn.init.normal_(weight, std=0.3)
    path = write_model(network, tmp_path, name="m", version="1", licence="l", training={}, scores={})
    mixture, targets = torch.randn(2, 4, 20, 129), np.array([3, 1])
    with torch.no_grad():
        expected = network(mixture, torch.from_numpy(targets)).numpy()
    estimates = Separator.from_file(path, threads=1).network(mixture.numpy(), targets)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    graph = str(path.with_suffix(".onnx"))
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    plain = session.run(["estimates"], {"mixture": mixture.numpy(), "target": targets})[0]
    for got in (estimates, plain):
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max() + 1e-6)


def test_weights_in_float16(tmp_path):
    """Half the size, nearly the same estimates, and nothing left to be cast when the runtime has loaded the graph."""
    torch.manual_seed(0)
    network = build(dataclasses.replace(PRESETS["lightsaft-small"], conditioned="head")).eval()
    about = {"version": "1", "licence": "l", "training": {}, "scores": {}}
    paths = [write_model(network, tmp_path, name=f"m{float16:d}", float16=float16, **about) for float16 in (0, 1)]
    full, half = (path.with_suffix(".onnx").stat().st_size for path in paths)
    assert half < 0.6 * full
    mixture = torch.randn(1, 4, 16, 1025).numpy()
    expected, got = (Separator.from_file(path, threads=1).network(mixture, np.arange(4)) for path in paths)
    assert 0 < np.abs(got - expected).max() < 5e-3 * np.abs(expected).max()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(paths[1].with_suffix(".onnx")), options, providers=["CPUExecutionProvider"])
    casts = [node for node in onnx.load(tmp_path / "loaded.onnx").graph.node if node.op_type == "Cast"]
    assert not [node for node in casts if node.attribute[0].i == onnx.TensorProto.FLOAT]


@pytest.mark.parametrize("folding", ["bands", "bins"])
def test_folding_is_undone(folding):
    network = build(dataclasses.replace(SMALL, folding=folding))
    planes = torch.randn(3, 4, 5, 128)
    folded = network.fold(planes)
    assert folded.shape == (3, 4, 4, 5, 32)
    torch.testing.assert_close(network.unfold(folded.unflatten(2, (2, 2))), planes)
    near = folded[0, :, 0, 0] if folding == "bands" else folded[0, :, 0, 0].T
    torch.testing.assert_close(near.flatten(), planes[0, 0, 0])


def test_paths_beside_conditioned_blocks_are_refused():
    with pytest.raises(SettingsError, match="expected conditioned=head beside paths"):
        build(dataclasses.replace(SMALL, paths=(0, 0, 1)))


@pytest.mark.parametrize("axis", [2, 3])
def test_a_path_runs_along_one_axis(axis):
    """A change at one point reaches all of its line along the axis, and no other line."""
    torch.manual_seed(0)
    path = AxisLSTM(4, axis).eval()
    x = torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(path(x), x)
    torch.nn.init.normal_(path.projection.weight)
    changed = x.clone()
    changed[1, 2, 3, 1] += 1
    with torch.no_grad():
        differs = (path(changed) != path(x)).any(dim=1)
    expected = torch.zeros(2, 6, 5, dtype=bool)
    expected[1, slice(None) if axis == 2 else 3, 1 if axis == 2 else slice(None)] = True
    assert torch.equal(differs, expected)


def test_masks():
    """A mask scales planes; a real mask scales the bins of a channel; a complex mask also turns their phase."""
    real, imaginary = torch.randn(2, 1, 4, 2, 3, 5)
    mixture, output = torch.cat([real, imaginary], dim=2), torch.randn(1, 4, 4, 3, 5)

    def estimates(kind, output):
        network = build(dataclasses.replace(SMALL, output=kind))
        return network.applied(output, network.factors(mixture)).flatten(2, 3)

    torch.testing.assert_close(estimates("mapping", output), output)
    torch.testing.assert_close(estimates("mask", output), torch.sigmoid(output) * mixture)
    scaled = torch.sigmoid(output[:, :, :2]) * torch.complex(real, imaginary)
    expected = torch.cat([scaled.real, scaled.imag], dim=2)
    torch.testing.assert_close(estimates("real_mask", output[:, :, :2]), expected)
    product = torch.complex(output[:, :, :2], output[:, :, 2:]) * torch.complex(real, imaginary)
    torch.testing.assert_close(estimates("complex_mask", output), torch.cat([product.real, product.imag], dim=2))


def test_mask_and_compression_of_the_small_network():
    """The mask is one half if the last layer is silent; a louder input gives a louder estimate."""
    network = build(PRESETS["lightsaft-small"]).eval()
    torch.nn.init.zeros_(network.last_conv.weight)
    torch.nn.init.zeros_(network.last_conv.bias)
    mixture = torch.randn(1, 4, 8, 1025)
    with torch.no_grad():
        estimates = network(mixture, torch.arange(4))
    torch.testing.assert_close(estimates[0, 2, :, :, :1024], mixture[0, :, :, :1024] / 2)
    assert not estimates[..., 1024].any()
    compressed = network._compressed(mixture)
    channels = mixture.unflatten(1, (2, 2)).norm(dim=1)
    torch.testing.assert_close(compressed.unflatten(1, (2, 2)).norm(dim=1), channels**0.4, rtol=1e-3, atol=1e-2)
