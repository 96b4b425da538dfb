"""MDX-Net graphs: the same estimates as one pass over the whole mixture."""

import numpy as np
import onnxruntime
import pytest
from conftest import noise
from data.make_mdx import mdx_graph
from mdx_oracle import chunk_estimate, published_inference

from lightsaft_infer import ArgumentError, ModelError, Separator, TimeLimit
from lightsaft_infer.manifest import MdxNet
from lightsaft_infer.mdx_network import MdxNetwork
from lightsaft_infer.model_files import import_mdx
from lightsaft_infer.session import Session

FRAMES = 64


def snr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def whole_network(bins):
    session = onnxruntime.InferenceSession(mdx_graph(bins=bins, frames="frames"))
    return lambda planes: session.run(None, {"input": planes})[0]


def whole_estimate(mixture, network, *, n_fft, bins, **steps):
    """The published inference with one chunk for the whole mixture."""
    pad, samples = n_fft // 2, mixture.shape[1]
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (pad, pad + -samples % 1024)))
    return chunk_estimate(padded, network, n_fft=n_fft, dim_f=bins, **steps)[:, pad : pad + samples]


@pytest.fixture
def imported(tmp_path):
    """Return a function that imports a small model and loads it."""

    def load(*, bins=200, frames=FRAMES, **options):
        (tmp_path / "model.onnx").write_bytes(mdx_graph(bins=bins, frames=frames))
        options = {"target": "vocals", "n_fft": 4096, **options}
        path = import_mdx(tmp_path / "model.onnx", tmp_path / "imported", **options, overwrite=True)
        return Separator.from_file(path, threads=1)

    return load


# 7680 is not a whole number of hops
@pytest.mark.parametrize(("n_fft", "bins"), [(6144, 300), (4096, 2048), (7680, 300)])
@pytest.mark.parametrize("samples", [1, 1000, 20_000, 300_001])
def test_the_same_as_without_chunks(imported, n_fft, bins, samples):
    mixture = noise(2, samples)
    stem = imported(n_fft=n_fft, bins=bins).separate(mixture, sample_rate=44100)["vocals"]
    expected = whole_estimate(mixture, whole_network(bins), n_fft=n_fft, bins=bins)
    assert stem.shape == mixture.shape
    assert snr(expected, stem) > (100 if samples > 1000 else 40)


def test_a_mixture_of_one_chunk_is_padded_with_silence(imported):
    """The published inference gives the network silent frames up to the length of a chunk."""
    mixture = noise(2, 20_000)
    network = whole_network(200)
    stem = imported().separate(mixture, sample_rate=44100)["vocals"]
    np.testing.assert_allclose(
        stem, published_inference(mixture, network, n_fft=4096, dim_f=200, dim_t=FRAMES), atol=1e-5
    )


def test_steps_of_the_published_inference(imported):
    mixture = noise(2, 50_000)
    network = whole_network(200)

    expected = whole_estimate(mixture, network, n_fft=4096, bins=200, zeroed_bins=3, denoise=True)
    stem = imported(compensate=1.5, zeroed_bins=3, denoise=True).separate(mixture, sample_rate=44100)["vocals"]
    assert snr(1.5 * expected, stem) > 100


def test_mono_other_rates_and_passes(imported):
    separator = imported()
    mixture = noise(1, 30_000)
    stereo = separator.separate(np.repeat(mixture, 2, axis=0), sample_rate=44100)["vocals"]
    np.testing.assert_allclose(
        separator.separate(mixture, sample_rate=44100)["vocals"], stereo.mean(axis=0, keepdims=True), atol=1e-6
    )
    assert separator.separate(mixture, sample_rate=48000)["vocals"].shape == mixture.shape
    limit = TimeLimit(600, max_passes=2)
    separator.separate(mixture, sample_rate=44100, time_limit=limit)
    assert limit.passes == {2: 1}


def test_residual_and_consistency(imported):
    separator = imported()
    mixture = noise(2, 30_000)
    stems = separator.separate(mixture, sample_rate=44100, residual="instrumental")
    np.testing.assert_allclose(stems["vocals"] + stems["instrumental"], mixture, atol=1e-6)
    with pytest.raises(ArgumentError, match="expected a model whose targets sum to the mixture, got only vocals"):
        separator.separate(mixture, sample_rate=44100, consistency=True)


def test_the_chunk_is_fixed(imported):
    separator = imported()
    with pytest.raises(ArgumentError, match="expected a chunk of 64 frames, which the graph has fixed, got 128"):
        Separator(separator.manifest, separator.network, chunk=128)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"bins": 100, "frames": 64}, "expected a graph with dim_f 200, got 100"),
        ({"bins": 200, "frames": 16}, "expected a graph with dim_t 64, got 16"),
        ({"bins": 200, "frames": 64, "planes": 2}, r"expected an MDX-Net graph .* got inputs input tensor\(float\)"),
    ],
)
def test_another_graph_than_the_manifest_says(graph, message):
    layout = MdxNet(bins=200, zeroed_bins=0, compensate=1.0, denoise=False)
    with pytest.raises(ModelError, match=rf"{message}.*x\.onnx"):
        MdxNetwork(Session(mdx_graph(**graph), path="x.onnx", threads=1), layout=layout, frames=64)
