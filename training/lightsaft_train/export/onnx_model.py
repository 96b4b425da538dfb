"""From a torch network to an ONNX graph that follows the model contract, with its manifest."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from lightsaft_infer.verify import noise_rms

from .tiles import traced_in_tiles
from .tracing import OPSET, folded, traced

FEWEST_HALVED = 256  # numbers of a tensor that is worth storing in float16
TARGETS = ("vocals", "drums", "bass", "other")
SELFTEST = {"seed": 0, "frames": 64, "scale": 10.0}


class ContractGraph(nn.Module):
    """A network ready for export: batch norm folded into convolutions, conditions tabled for every target."""

    def __init__(self, network):
        super().__init__()
        self.network = folded(network)
        with torch.no_grad():
            tables = self.network.conditions(torch.arange(len(TARGETS)))
        self._structure = self._register(tables)

    def _register(self, tables):
        """Register tensors of nested dicts, lists and tuples as buffers; return the same nest of their names."""
        if isinstance(tables, torch.Tensor):
            name = f"condition_{len(self._buffers)}"
            self.register_buffer(name, tables.detach().clone())
            return name
        if isinstance(tables, dict):
            return {key: self._register(value) for key, value in tables.items()}
        return [self._register(value) for value in tables]

    def _select(self, structure, target):
        if isinstance(structure, str):
            return getattr(self, structure).index_select(0, target)
        if isinstance(structure, dict):
            return {key: self._select(value, target) for key, value in structure.items()}
        return [self._select(value, target) for value in structure]

    def forward(self, mixture, target):
        return self.network.estimate(mixture, self._select(self._structure, target))


def export_graph(network, *, float16=False):
    """The network's graph as bytes, with dynamic batch, frames and targets; its larger weights in float16, or all in
    float32."""
    config = network.config
    if config.conditioned == "head":
        model = traced_in_tiles(network)
    else:
        example = (torch.zeros(2, 4, 3 * config.frames_multiple, config.n_fft // 2 + 1), torch.arange(3))
        axes = {"mixture": {0: "batch", 2: "frames"}, "target": {0: "targets"}}
        model = traced(ContractGraph(network), example, ["mixture", "target"], ["estimates"], axes)
    _declare_output(model, config)
    if float16:
        halve_weights(model.graph)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def halve_weights(graph):
    """Store the weights of a graph and of its loops in float16, in place: half the size. They are made float32 as the
    graph is loaded."""
    for tensor in [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]:
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < FEWEST_HALVED:
            continue
        stored = onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_float16")
        cast = onnx.helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
        graph.node.insert(0, cast)
    for node in graph.node:
        if node.op_type == "Scan":
            halve_weights(onnx.helper.get_node_attr_value(node, "body"))


def _declare_output(model, config):
    """Write the contract's shape of the output, which the exporter partly loses."""
    sizes = ["batch", "targets", 4, "frames", config.n_fft // 2 + 1]
    value = onnx.helper.make_tensor_value_info("estimates", onnx.TensorProto.FLOAT, sizes)
    model.graph.output[0].CopyFrom(value)


def write_model(network, folder, *, name, version, licence, training, scores, float16=False):
    """Write `folder`/<name>.onnx and its manifest <name>.json. Returns the manifest's path.

    name, version, licence : str; training, scores : dict, as in the manifest; float16 : see `export_graph`
    The files get their names when they are whole; existing ones are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graph = export_graph(network, float16=float16)
    config = network.config
    manifest = {
        "format": 1,
        "name": name,
        "version": version,
        "sample_rate": 44100,
        "channels": 2,
        "n_fft": config.n_fft,
        "hop_length": config.hop_length,
        "frames": config.frames,
        "frames_multiple": config.frames_multiple,
        "targets": list(TARGETS),
        "onnx": {
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "bytes": len(graph),
            "opset": OPSET,
        },
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "licence": licence,
        "training": training,
        "scores": scores,
        "selftest": {**SELFTEST, "rms": _selftest_rms(graph, config)},
    }
    _replace(folder / f"{name}.onnx", graph)
    path = folder / f"{name}.json"
    _replace(path, (json.dumps(manifest, indent=2) + "\n").encode())
    return path


def _selftest_rms(graph, config):
    """RMS per target of the estimates for the self test's input."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def network(planes, targets):
        return session.run(["estimates"], {"mixture": planes, "target": targets})[0]

    return noise_rms(network, TARGETS, bins=config.n_fft // 2 + 1, **SELFTEST)


def _replace(path, content):
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
