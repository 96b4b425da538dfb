"""ConvTDFNet against the published architecture, its export, and the published inference against torch's STFT."""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.__main__ import main  # noqa: E402
from lightsaft_train.errors import SettingsError  # noqa: E402
from lightsaft_train.export.mdx_graph import export_mdx  # noqa: E402
from lightsaft_train.networks.mdx_net import ConvTDFNet, MdxConfig, random_network  # noqa: E402
from torch.nn import functional  # noqa: E402

from lightsaft_infer import Separator  # noqa: E402
from lightsaft_infer.model_files import import_mdx  # noqa: E402

spec = importlib.util.spec_from_file_location("mdx_oracle", Path(__file__).parents[2] / "tests" / "mdx_oracle.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

SMALL = MdxConfig(dim_f=64, dim_t=16, levels=2, layers=2, growth=4)
# Bytes of public files: KUIELab's vocals and drums (their submission's Git LFS pointers), and UVR_MDXNET_KARA_2,
# UVR-MDX-NET-Inst_HQ_4 and UVR-MDX-NET-Inst_HQ_3 (lists of their downloads).
PUBLISHED_BYTES = {
    MdxConfig(): 29_703_204,
    MdxConfig(levels=4): 21_930_313,
    MdxConfig(growth=48): 52_786_726,
    MdxConfig(growth=48, dim_f=2560): 59_074_342,
    MdxConfig(growth=48, dim_f=3072): 66_759_214,
}


@pytest.fixture(scope="module")
def network():
    return random_network(SMALL, seed=0)


def snr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


@pytest.mark.parametrize(("config", "size"), PUBLISHED_BYTES.items())
def test_parameters_fill_the_public_files(config, size):
    """A public file has 4 bytes for each parameter, and some KB for the graph."""
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in ConvTDFNet(config).parameters())
    assert 0 < size - 4 * parameters < 12_000


def test_names_and_shapes_are_the_published_ones():
    state = {name: tuple(value.shape) for name, value in ConvTDFNet(SMALL).state_dict().items()}
    expected = {
        "first_conv.0.weight": (4, 4, 1, 1),
        "encoding_blocks.0.tfc.H.1.0.weight": (4, 4, 3, 3),
        "encoding_blocks.0.tdf.0.weight": (8, 64),
        "encoding_blocks.0.tdf.1.running_mean": (4,),
        "encoding_blocks.0.tdf.3.weight": (64, 8),
        "ds.0.0.weight": (8, 4, 2, 2),
        "ds.1.0.weight": (12, 8, 2, 2),
        "mid_dense.tfc.H.0.0.weight": (12, 12, 3, 3),
        "mid_dense.tdf.0.weight": (2, 16),
        "us.0.0.weight": (12, 8, 2, 2),
        "us.1.0.weight": (8, 4, 2, 2),
        "decoding_blocks.0.tdf.0.weight": (4, 32),
        "decoding_blocks.1.tdf.0.weight": (8, 64),
        "final_conv.0.weight": (4, 4, 1, 1),
    }
    assert {name: state.get(name) for name in expected} == expected
    assert not [name for name in state if name.startswith(("encoding_blocks.2", "us.2"))]
    assert "encoding_blocks.0.tdf.0.bias" not in state


def slow_estimate(weights, planes):
    """The network of SMALL, written out by the weights alone."""

    def normed(x, name):
        shape = (1, -1, 1, 1)
        mean, variance = (weights[f"{name}.running_{kind}"].reshape(shape) for kind in ("mean", "var"))
        weight, bias = (weights[f"{name}.{kind}"].reshape(shape) for kind in ("weight", "bias"))
        return torch.clamp((x - mean) / torch.sqrt(variance + 1e-5) * weight + bias, min=0)

    def convolved(x, name, **options):
        return functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], **options)

    def block(x, name):
        for layer in range(2):
            x = normed(convolved(x, f"{name}.tfc.H.{layer}.0", padding=1), f"{name}.tfc.H.{layer}.1")
        y = normed(x @ weights[f"{name}.tdf.0.weight"].T, f"{name}.tdf.1")
        return x + normed(y @ weights[f"{name}.tdf.3.weight"].T, f"{name}.tdf.4")

    def up(x, name):
        return functional.conv_transpose2d(x, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"], stride=2)

    x = normed(convolved(planes, "first_conv.0"), "first_conv.1").permute(0, 1, 3, 2)
    first = block(x, "encoding_blocks.0")
    second = block(normed(convolved(first, "ds.0.0", stride=2), "ds.0.1"), "encoding_blocks.1")
    x = block(normed(convolved(second, "ds.1.0", stride=2), "ds.1.1"), "mid_dense")
    x = block(normed(up(x, "us.0"), "us.0.1") * second, "decoding_blocks.0")
    x = block(normed(up(x, "us.1"), "us.1.1") * first, "decoding_blocks.1")
    return convolved(x.permute(0, 1, 3, 2), "final_conv.0")


def test_the_network_against_a_slow_version(network):
    planes = torch.randn(2, 4, 64, 16)
    with torch.no_grad():
        torch.testing.assert_close(network(planes), slow_estimate(network.state_dict(), planes), rtol=1e-4, atol=1e-4)


def test_sizes_that_do_not_fit():
    with pytest.raises(
        SettingsError, match="expected dim_t to be a multiple of 32, as the network has 5 levels, got 48"
    ):
        MdxConfig(dim_t=48)
    with pytest.raises(SettingsError, match="expected dim_f to be 256 or more, got 128"):
        MdxConfig(dim_f=128)


def test_export_has_the_public_layout_and_the_networks_estimates(network):
    session = onnxruntime.InferenceSession(export_mdx(network))
    tensors = [*session.get_inputs(), *session.get_outputs()]
    assert [tensor.name for tensor in tensors] == ["input", "output"]
    assert [tensor.shape for tensor in tensors] == [["batch_size", 4, 64, 16]] * 2
    for batch in (1, 3):
        planes = 5 * np.random.default_rng(batch).standard_normal((batch, 4, 64, 16)).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(planes)).numpy()
        assert snr(expected, session.run(None, {"input": planes})[0]) > 100


def test_the_command_writes_the_same_file_again_and_reports_errors(tmp_path, capsys):
    sizes = ["--dim-f", "64", "--dim-t", "16", "--levels", "2", "--growth", "4"]
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert main(["mdx-net", "-o", str(tmp_path / name / "x.onnx"), *sizes, "--seed", seed]) == 0
    first, second, other = ((tmp_path / name / "x.onnx").read_bytes() for name in "abc")
    assert first == second != other
    capsys.readouterr()
    assert main(["mdx-net", "-o", str(tmp_path / "x.onnx"), "--dim-f", "100"]) == 1
    assert "expected dim_f to be a multiple of 32" in capsys.readouterr().err


def test_noise_is_estimated_as_noise_of_its_level():
    network = random_network(MdxConfig(dim_f=256, dim_t=32), seed=1)
    with torch.no_grad():
        estimate, other = (network(5 * torch.randn(1, 4, 256, 32)) for _ in range(2))
    assert 2 < estimate.std() < 12
    assert (estimate - other).std() > 0.3 * estimate.std()


def torch_inference(mixture, network, *, n_fft, dim_f, dim_t):
    """The published inference by torch's STFT, with all chunks in one batch."""
    chunk = 1024 * (dim_t - 1)
    step, samples = chunk - n_fft, mixture.shape[1]
    pad = step - samples % step
    padded = functional.pad(torch.from_numpy(mixture), (n_fft // 2, pad + n_fft // 2))
    waves = padded.unfold(1, chunk, step).transpose(0, 1).reshape(-1, chunk)
    settings = {"n_fft": n_fft, "hop_length": 1024, "window": torch.hann_window(n_fft), "center": True}
    spectra = torch.view_as_real(torch.stft(waves, **settings, return_complex=True))[:, :dim_f]
    planes = spectra.permute(0, 3, 1, 2).reshape(-1, 4, dim_f, dim_t)
    estimate = network(planes).reshape(-1, 2, dim_f, dim_t).permute(0, 2, 3, 1)
    estimate = functional.pad(estimate.contiguous(), (0, 0, 0, 0, 0, n_fft // 2 + 1 - dim_f))
    audio = torch.istft(torch.view_as_complex(estimate.contiguous()), **settings).reshape(-1, 2, chunk)
    return audio[:, :, n_fft // 2 : -n_fft // 2].transpose(0, 1).reshape(2, -1)[:, :samples].numpy()


@pytest.mark.parametrize("samples", [20_000, 8 * 1024, 1])
def test_published_inference_against_torch(network, samples):
    sizes = {"n_fft": 4096, "dim_f": 64, "dim_t": 16}
    mixture = np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32) / 10
    with torch.no_grad():
        expected = torch_inference(mixture, network, **sizes)
        estimate = oracle.published_inference(mixture, lambda x: network(torch.from_numpy(x)).numpy(), **sizes)
    assert estimate.shape == mixture.shape
    assert snr(expected, estimate) > (100 if samples > 1 else 40)


def test_factor_zeroed_bins_and_second_pass(network):
    sizes = {"n_fft": 4096, "dim_f": 64, "dim_t": 16}
    mixture = np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32) / 10

    def steps(planes):
        planes = planes.clone()
        planes[:, :, :3] = 0
        return 1.02 * (network(planes) - network(-planes)) / 2

    with torch.no_grad():
        estimate = oracle.published_inference(
            mixture,
            lambda x: network(torch.from_numpy(x)).numpy(),
            **sizes,
            compensate=1.02,
            zeroed_bins=3,
            denoise=True,
        )
        assert snr(torch_inference(mixture, steps, **sizes), estimate) > 100


def test_the_runtime_estimates_one_chunk_as_published(network, tmp_path):
    (tmp_path / "x.onnx").write_bytes(export_mdx(network))
    manifest = import_mdx(tmp_path / "x.onnx", tmp_path / "model", target="vocals", n_fft=4096)
    mixture = np.random.default_rng(0).standard_normal((2, 10_000)).astype(np.float32) / 10
    stem = Separator.from_file(manifest, threads=1).separate(mixture, sample_rate=44100)["vocals"]
    with torch.no_grad():
        expected = oracle.published_inference(
            mixture, lambda x: network(torch.from_numpy(x)).numpy(), n_fft=4096, dim_f=64, dim_t=16
        )
    assert snr(expected, stem) > 100
