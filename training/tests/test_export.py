"""Exported graphs: the published outputs through ONNX Runtime and through the whole runtime, dynamic sizes, sharing."""

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.config import PRESETS  # noqa: E402
from lightsaft_train.export.cost import multiply_adds  # noqa: E402
from lightsaft_train.networks.build import build  # noqa: E402

from lightsaft_infer import Separator  # noqa: E402
from lightsaft_infer.verify import selftest  # noqa: E402


@pytest.fixture(scope="session")
def separator(golden_model):
    return Separator.from_file(golden_model, threads=2)


def test_graph_gives_the_published_spectra(golden, separator):
    golden.expect_specs(separator.network(golden.spec, np.arange(4)))


def test_runtime_gives_the_published_waveforms(golden, separator):
    """STFT, graph and inverse STFT of one window, as the published implementation runs it."""
    stems = separator.separate(golden.waveform, sample_rate=44100)
    for target, expected in golden.waveforms.items():
        np.testing.assert_allclose(stems[target], expected, atol=1e-4 * np.abs(expected).max(), err_msg=target)


def test_batch_frames_and_targets_are_dynamic(golden, golden_network, separator):
    generator = np.random.default_rng(0)
    for batch, frames, targets in ((3, 4, [2]), (1, 16, [3, 0]), (2, 36, [1, 0, 2, 3])):
        mixture = generator.standard_normal((batch, 4, frames, 129)).astype(np.float32)
        with torch.no_grad():
            expected = golden_network(torch.from_numpy(mixture), torch.tensor(targets)).numpy()
        estimates = separator.network(mixture, np.array(targets))
        assert estimates.shape == (batch, len(targets), 4, frames, 129)
        np.testing.assert_allclose(estimates, expected, atol=1e-4 * np.abs(expected).max())


def test_manifest_and_selftest(golden, separator):
    manifest = separator.manifest
    assert (manifest.n_fft, manifest.hop_length, manifest.frames, manifest.frames_multiple) == (256, 64, 32, 4)
    assert all(check.agrees for check in selftest(separator).values())


def test_conditioning_and_batch_norm_are_folded(golden, golden_model):
    graph = onnx.load(golden_model.with_suffix(".onnx")).graph
    names = {tensor.name for tensor in graph.initializer}
    assert not [name for name in names if "embedding" in name or "generator" in name or "linear_query.weight" in name]
    # Batch norm after a convolution is folded. After a layer along frequency it is not, as it scales by channel.
    producers = {output: node.op_type for node in graph.node for output in node.output}
    norms = [node for node in graph.node if node.op_type == "BatchNormalization"]
    assert not [node.name for node in norms if producers.get(node.input[0]) in ("Conv", "ConvTranspose")]


@pytest.mark.parametrize("preset", ["lightsaft-paper", "lasaft-v2-light", "lightsaft-small"])
def test_what_does_not_depend_on_the_target_is_computed_once(preset):
    with torch.device("meta"):  # multiply-adds follow from shapes
        network = build(PRESETS[preset]).eval()
        frames = network.config.frames_multiple
        one, two, four = (multiply_adds(network, targets, frames) for targets in (1, 2, 4))
    each = two - one
    assert four == one + 3 * each
    shared = one - each
    # The parts before anything depends on the target: in the paper's network the first convolution, and the first
    # block up to its latent sources; in the others the whole encoder.
    assert shared > {"lightsaft-paper": 0.08, "lasaft-v2-light": 0.35, "lightsaft-small": 0.3}[preset] * one


def test_the_graph_itself_shares(golden, separator):
    """Images (batch times targets) that each convolution of the exported graph works on, for one mixture."""
    model = onnx.load(separator.manifest.path.with_suffix(".onnx"))
    convolutions = [node.output[0] for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    for name in convolutions:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = session.run(convolutions, {"mixture": golden.spec, "target": np.arange(4)})
    images = [len(output) for output in outputs]
    config = golden.config
    # The first convolution and the first TFC; in v2 the whole encoder, the middle, and the first decoder's TFC.
    shared = 1 + config.tfc_layers
    if config.block == "lightsaft_v2":
        shared += config.levels * (config.tfc_layers + 1) + 1 + config.tfc_layers
    assert images == [1] * shared + [4] * (len(images) - shared)
