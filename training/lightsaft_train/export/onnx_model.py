"""Export of a torch network: an ONNX graph that follows the model contract, and its manifest."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from lightsaft_infer.arrays import Planes
from lightsaft_infer.audio import write_bytes
from lightsaft_infer.verify import noise_rms

from ..arrays import Integers
from ..config import Config
from ..data import SAMPLE_RATE, TARGETS
from ..networks import Network, SubBandUNet
from .tiles import traced_in_tiles
from .tracing import OPSET, folded, traced

FEWEST_IN_FLOAT16 = 256  # a tensor with fewer numbers stays in float32
SEED, FRAMES, SCALE = 0, 64, 10.0  # of the self-test's input


class ContractGraph(nn.Module):
    """A network ready for export: batch norm is folded into convolutions, conditions of all targets are constants."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = folded(network)
        with torch.no_grad():
            tables = self.network.conditions(torch.arange(len(TARGETS)))
        self._structure = self._register(tables)

    def _register(self, tables: Any) -> Any:
        """Register tensors of nested dicts, lists and tuples as buffers. Return the same nest of their names."""
        if isinstance(tables, torch.Tensor):
            name = f"condition_{len(self._buffers)}"
            self.register_buffer(name, tables.detach().clone())
            return name
        if isinstance(tables, dict):
            return {key: self._register(value) for key, value in tables.items()}
        return [self._register(value) for value in tables]

    def _select(self, structure: Any, target: torch.Tensor) -> Any:
        """Return the nest of tensors for some targets."""
        if isinstance(structure, str):
            return getattr(self, structure).index_select(0, target)
        if isinstance(structure, dict):
            return {key: self._select(value, target) for key, value in structure.items()}
        return [self._select(value, target) for value in structure]

    def forward(self, mixture: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.network.estimate(mixture, self._select(self._structure, target))


def export_graph(network: Network, *, float16: bool = False) -> bytes:
    """Return the graph of a network. Batch, frames and targets are dynamic.

    Parameters
    ----------
    network
        The network.
    float16
        Whether the larger weights are stored in float16; otherwise all are in float32.
    """
    config = network.config
    if isinstance(network, SubBandUNet) and config.conditioned == "head":
        model = traced_in_tiles(network)
    else:
        example = (torch.zeros(2, 4, 3 * config.frames_multiple, config.n_fft // 2 + 1), torch.arange(3))
        axes = {"mixture": {0: "batch", 2: "frames"}, "target": {0: "targets"}}
        model = traced(ContractGraph(network), example, ["mixture", "target"], ["estimates"], axes)
    _declare_output(model, config)
    if float16:
        store_in_float16(model.graph)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def store_in_float16(graph: onnx.GraphProto) -> None:
    """Store the weights of a graph and of its loops in float16, in place; a graph that is loaded makes them float32."""
    for tensor in [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]:
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < FEWEST_IN_FLOAT16:
            continue
        stored = onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_float16")
        cast = onnx.helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
        graph.node.insert(0, cast)
    for node in graph.node:
        if node.op_type == "Scan":
            store_in_float16(onnx.helper.get_node_attr_value(node, "body"))


def _declare_output(model: onnx.ModelProto, config: Config) -> None:
    """Write the contract's shape of the output, a part of which the exporter loses."""
    sizes: list[str | int | None] = ["batch", "targets", 4, "frames", config.n_fft // 2 + 1]
    value = onnx.helper.make_tensor_value_info("estimates", onnx.TensorProto.FLOAT, sizes)
    model.graph.output[0].CopyFrom(value)


def write_model(
    network: Network,
    folder: str | os.PathLike[str],
    *,
    name: str,
    version: str,
    licence: str,
    training: Mapping[str, Any],
    scores: Mapping[str, Any],
    float16: bool = False,
    level_range: tuple[float, float] | None = None,
) -> Path:
    """Write a model: `folder`/<name>.onnx, and its manifest `folder`/<name>.json.

    The files get their names when they are whole. Existing ones are replaced.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    folder
        The folder. It is created if it is missing.
    name, version, licence, training, scores, level_range
        Parts of the manifest.
    float16
        Whether the larger weights are stored in float16.

    Returns
    -------
    Path
        The manifest.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graph = export_graph(network, float16=float16)
    config = network.config
    manifest: dict[str, Any] = {
        "format": 1,
        "name": name,
        "version": version,
        "sample_rate": SAMPLE_RATE,
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
        "selftest": {"seed": SEED, "frames": FRAMES, "scale": SCALE, "rms": _selftest_rms(graph, config)},
    }
    if level_range is not None:
        manifest["level_range"] = list(level_range)
    write_bytes(folder / f"{name}.onnx", [graph])
    path = folder / f"{name}.json"
    write_bytes(path, [(json.dumps(manifest, indent=2) + "\n").encode()])
    return path


def _selftest_rms(graph: bytes, config: Config) -> dict[str, float]:
    """Return the RMS of each target's estimate for the input of the self-test."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def network(planes: Planes, targets: Integers) -> Planes:
        estimates: Planes = session.run(["estimates"], {"mixture": planes, "target": targets})[0]
        return estimates

    return noise_rms(network, TARGETS, bins=config.n_fft // 2 + 1, seed=SEED, frames=FRAMES, scale=SCALE)
