"""The shipped model's family: every choice of its configuration."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.export import write_model  # noqa: E402
from lightsaft_train.networks import build  # noqa: E402

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
    "sum": {"skip": "sum", "growth": 2},
    "all conditioned": {"conditioned": "all", "tfc": "residual"},
    "conditioned head": {"conditioned": "head", "tfc": "residual", "skip": "sum", "growth": 2},
    "magnitudes": {"magnitudes": True, "folding": "bins"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_of_the_small_network(name):
    """Gradients everywhere, estimates that depend on the target, one target alone the same as among all."""
    network = build(dataclasses.replace(SMALL, **VARIANTS[name]))
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
    """The graph that the runtime runs gives what torch gives, for other sizes than those it was traced with."""
    torch.manual_seed(0)
    network = build(dataclasses.replace(SMALL, **VARIANTS[name])).eval()
    path = write_model(network, tmp_path, name="m", version="1", licence="l", training={}, scores={})
    mixture, targets = torch.randn(1, 4, 20, 129), np.array([3, 1])
    with torch.no_grad():
        expected = network(mixture, torch.from_numpy(targets)).numpy()
    estimates = Separator.from_file(path, threads=1).network(mixture.numpy(), targets)
    np.testing.assert_allclose(estimates, expected, atol=1e-5 * np.abs(expected).max() + 1e-6)


@pytest.mark.parametrize("folding", ["bands", "bins"])
def test_folding_is_undone(folding):
    network = build(dataclasses.replace(SMALL, folding=folding))
    planes = torch.randn(3, 4, 5, 128)
    folded = network._fold(planes)
    assert folded.shape == (3, 16, 5, 32)
    torch.testing.assert_close(network._unfold(folded[:, None])[:, 0], planes)
    near = folded[0, 0::4, 0] if folding == "bands" else folded[0, 0::4, 0].T
    torch.testing.assert_close(near.flatten(), planes[0, 0, 0])


def test_masks():
    """A real mask scales a channel's bins; a complex one turns their phase too."""
    real, imaginary = torch.randn(2, 1, 1, 2, 3, 5)
    mixture = torch.cat([real, imaginary], dim=2)
    output = torch.randn(1, 1, 4, 3, 5)
    network = build(dataclasses.replace(SMALL, output="complex_mask"))
    mask = torch.complex(output[:, :, :2], output[:, :, 2:])
    product = mask * torch.complex(real, imaginary)
    torch.testing.assert_close(network._applied(output, mixture), torch.cat([product.real, product.imag], dim=2))
    network = build(dataclasses.replace(SMALL, output="real_mask"))
    scaled = torch.sigmoid(output[:, :, :2]) * torch.complex(real, imaginary)
    torch.testing.assert_close(
        network._applied(output[:, :, :2], mixture), torch.cat([scaled.real, scaled.imag], dim=2)
    )


def test_mask_and_compression_of_the_small_network():
    """A mask of one half everywhere where the last layer is silent; a louder input gives a louder estimate."""
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
