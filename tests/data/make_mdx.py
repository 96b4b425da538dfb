"""Write small MDX-Net files with random weights, and separate with them in a slow and obvious way."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HOP_LENGTH = 1024


def mdx_graph(*, bins, frames, seed=0, planes=4, bias=0.1):
    """Return an ONNX file as bytes: two convolutions of 3 x 3, so that a frame depends on two frames at each side."""
    chance = np.random.default_rng(seed)
    weights = {
        "first": chance.standard_normal((8, planes, 3, 3)) / 6,
        "first_bias": bias * chance.standard_normal(8),
        "second": chance.standard_normal((planes, 8, 3, 3)) / 9,
        "second_bias": bias * chance.standard_normal(planes),
    }
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    nodes = [
        helper.make_node("Conv", ["input", "first", "first_bias"], ["linear"], pads=[1] * 4),
        helper.make_node("Relu", ["linear"], ["hidden"]),
        helper.make_node("Conv", ["hidden", "second", "second_bias"], ["output"], pads=[1] * 4),
    ]
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", planes, bins, frames])
        for name in ("input", "output")
    ]
    graph = helper.make_graph(nodes, "mdx", tensors[:1], tensors[1:], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def whole_estimate(mixture, network, *, n_fft, bins, frames=None):
    """Separate a mixture (2, samples) without chunks: zeros around it, the spectrum of all of it, one pass.

    `frames`: the spectrum is padded with silence to this number of frames.
    """
    pad, samples = n_fft // 2, mixture.shape[1]
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (pad, pad + -samples % HOP_LENGTH)))
    starts = range(0, padded.shape[1] + 1, HOP_LENGTH)
    centred = np.pad(padded, ((0, 0), (pad, pad)), mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    spectra = np.stack([np.fft.rfft(window * centred[:, start : start + n_fft]) for start in starts], axis=-1)
    left, right = spectra[:, :bins]
    planes = np.stack([left.real, left.imag, right.real, right.imag])[np.newaxis].astype(np.float32)
    silent = 0 if frames is None else frames - len(starts)
    estimate = network(np.pad(planes, ((0, 0), (0, 0), (0, 0), (0, silent))))[0, :, :, : len(starts)]
    spectra[:, :bins] = estimate[[0, 2]] + 1j * estimate[[1, 3]]
    spectra[:, bins:] = 0
    audio, weight = np.zeros_like(centred), np.zeros(centred.shape[1])
    for number, start in enumerate(starts):
        audio[:, start : start + n_fft] += window * np.fft.irfft(spectra[..., number], n=n_fft)
        weight[start : start + n_fft] += window**2
    return (audio / np.maximum(weight, 1e-8))[:, 2 * pad : 2 * pad + samples]
