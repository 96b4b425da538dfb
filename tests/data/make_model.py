"""Write a tiny ONNX model that follows the model contract, with its manifest: each target is the mixture times a
gain of its own."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GAINS = {"vocals": 1.0, "drums": 0.5, "bass": -0.25, "other": 0.0}
N_FFT = 64
HOP_LENGTH = 32
FRAMES = 16


def gains_graph(*, gains=None, bins=N_FFT // 2 + 1, mixture="mixture", frames="frames"):
    """Return the graph as bytes. `mixture` (the input's name), `bins` and `frames` can be set to break the contract."""
    constants = [
        numpy_helper.from_array(np.array(gains or list(GAINS.values()), np.float32), "gains"),
        numpy_helper.from_array(np.array([1], np.int64), "target_axis"),
        numpy_helper.from_array(np.array([1, -1, 1, 1, 1], np.int64), "broadcast"),
    ]
    nodes = [
        helper.make_node("Gather", ["gains", "target"], ["gain"]),
        helper.make_node("Reshape", ["gain", "broadcast"], ["gain_5d"]),
        helper.make_node("Unsqueeze", [mixture, "target_axis"], ["mixture_5d"]),
        helper.make_node("Mul", ["mixture_5d", "gain_5d"], ["estimates"]),
    ]
    inputs = [
        helper.make_tensor_value_info(mixture, TensorProto.FLOAT, ["batch", 4, frames, bins]),
        helper.make_tensor_value_info("target", TensorProto.INT64, ["targets"]),
    ]
    outputs = [helper.make_tensor_value_info("estimates", TensorProto.FLOAT, ["batch", "targets", 4, frames, bins])]
    graph = helper.make_graph(nodes, "gains", inputs, outputs, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_model(folder, graph=None, **changes):
    """Write graph and manifest, with fields changed (None removes one). Return the manifest's path."""
    graph = gains_graph() if graph is None else graph
    (folder / "gains.onnx").write_bytes(graph)
    content = {
        "format": 1,
        "name": "gains",
        "version": "1",
        "sample_rate": 44100,
        "channels": 2,
        "n_fft": N_FFT,
        "hop_length": HOP_LENGTH,
        "frames": FRAMES,
        "frames_multiple": 4,
        "targets": list(GAINS),
        "onnx": {
            "file": "gains.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "bytes": len(graph),
            "opset": 17,
        },
        "parameters": 4,
        "licence": "CC0 1.0",
        "training": {},
        "scores": {},
        "selftest": {"seed": 1, "frames": 8, "scale": 2.0, "rms": expected_rms(seed=1, frames=8, scale=2.0)},
    }
    content.update(changes)
    path = folder / "gains.json"
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return path


def expected_rms(*, seed, frames, scale):
    noise = scale * np.random.default_rng(seed).standard_normal((1, 4, frames, N_FFT // 2 + 1))
    return {target: abs(gain) * float(np.sqrt(np.mean(noise**2))) for target, gain in GAINS.items()}
