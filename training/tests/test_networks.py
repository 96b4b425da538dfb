"""The networks against the published ones: parameter counts, state dicts, outputs."""

import pytest
from conftest import FAMILIES, PUBLISHED

torch = pytest.importorskip("torch")

from lightsaft_train.config import PRESETS, Config  # noqa: E402
from lightsaft_train.export.lightning_file import load_weights  # noqa: E402
from lightsaft_train.export.published_network import published_config  # noqa: E402
from lightsaft_train.networks.blocks import mix_sources, mixing_matrices, pocm  # noqa: E402
from lightsaft_train.networks.build import build  # noqa: E402
from tiny import small_spectrum  # noqa: E402

PARAMETERS = {
    "lightsaft-paper": 3_851_644,  # Jeong et al., Table 1: 3.8 M
    "lasaft": 4_524_780,  # the same table: 4.5 M
    "lasaft-large-2020": 31_541_908,
    "lasaft-v2-light": 1_910_270,
    "lasaft-v2-large": 7_900_700,
    "lightsaft-small": 359_144,  # as in the manifest of the seed model
    "lightsaft": 3_768_936,
}


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_of_the_presets(name):
    with torch.device("meta"):
        network = build(PRESETS[name])
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]


def test_the_papers_sizes():
    preset = PRESETS["lightsaft-paper"]
    assert (preset.latent_sources, preset.d_k) == (16, 24)


@pytest.mark.parametrize("name", PUBLISHED)
def test_full_size_state_dicts_load_strictly(name):
    published = PUBLISHED[name]
    with torch.device("meta"):
        network = build(published_config(FAMILIES[published["family"]], published["config"]))
    weights = {
        key.removeprefix("spec2spec."): torch.empty(shape, device="meta")
        for key, shape in published["state_dict"].items()
        if key.startswith("spec2spec.")
    }
    load_weights(network, weights)
    assert sum(parameter.numel() for parameter in network.parameters()) == published["spec2spec_parameters"]


def test_outputs_are_the_published_ones(golden, golden_network):
    with torch.no_grad():
        golden.expect_specs(golden_network(torch.from_numpy(golden.spec), torch.arange(4)))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_follows_the_contract(name):
    """With a smaller spectrum, to be fast."""
    torch.manual_seed(0)
    config = small_spectrum(PRESETS[name])
    network = build(config).eval()
    mixture = torch.randn(2, 4, config.frames_multiple, config.n_fft // 2 + 1)
    with torch.no_grad():
        estimates = network(mixture, torch.tensor([3, 1, 0]))
        alone = network(mixture[1:], torch.tensor([1]))
    assert estimates.shape == (2, 3, *mixture.shape[1:])
    torch.testing.assert_close(estimates[1:, 1:2], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(estimates[:, 0], estimates[:, 1])


def test_mixing_of_latent_sources_against_a_slow_version():
    value, attention = torch.randn(2, 1, 3, 5, 4 * 7), torch.rand(6, 4)
    expected = torch.stack(
        [
            sum(weights[source] * value[:, 0, ..., source * 7 : source * 7 + 7] for source in range(4))
            for weights in attention
        ],
        dim=1,
    )
    torch.testing.assert_close(mix_sources(value, mixing_matrices(attention, 7)), expected)


def test_pocm_multiplies_from_the_right():
    x, weight, bias = torch.randn(1, 2, 3, 4, 5), torch.randn(2, 3, 6), torch.randn(2, 6)
    expected = torch.einsum("bzctf,zco->bzotf", x, weight) + bias[None, :, :, None, None]
    torch.testing.assert_close(pocm(x, weight, bias), expected)


def test_gradients_reach_every_parameter():
    for block in ("lasaft", "lightsaft", "lightsaft_v2", "lightsaft_small"):
        network = build(
            Config(block, n_fft=64, levels=2, channels=4, tfc_layers=2, latent_sources=3, d_k=5, embedding_dim=6)
        )
        network(torch.randn(2, 4, 8, 33), torch.arange(4)).square().mean().backward()
        without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
        assert not without, f"{block}: {without}"
