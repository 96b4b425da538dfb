"""From a torch network to an ONNX graph that follows the model contract, with its manifest."""

import hashlib
import io
import json
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lightsaft_infer.selftest import noise_rms

from .networks import build

OPSET = 17
FEWEST_HALVED = 256  # numbers of a tensor that is worth storing in float16
TARGETS = ("vocals", "drums", "bass", "other")
SELFTEST = {"seed": 0, "frames": 64, "scale": 10.0}


class ContractGraph(nn.Module):
    """A network ready for export: batch norm folded into convolutions, conditions tabled for every target."""

    def __init__(self, network):
        super().__init__()
        self.network = build(network.config).eval()
        self.network.load_state_dict(network.state_dict())
        fold_batch_norm(self.network)
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


def fold_batch_norm(network):
    """Fold batch norm that directly follows a convolution, in place."""
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            convolution, norm = module[index], module[index + 1]
            if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, (nn.Conv2d, nn.ConvTranspose2d)):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                module[index] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
                module[index + 1] = nn.Identity()
    return network


def export_graph(network, *, float16=False):
    """The network's graph as bytes, with dynamic batch, frames and targets; its larger weights in float16, or all in
    float32."""
    config = network.config
    example = (torch.zeros(2, 4, 3 * config.frames_multiple, config.n_fft // 2 + 1), torch.arange(3))
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every size that it takes for a constant
        # The newer exporter (dynamo=True) takes more than ten times as long.
        torch.onnx.export(
            ContractGraph(network).eval(),
            example,
            content,
            input_names=["mixture", "target"],
            output_names=["estimates"],
            dynamic_axes={"mixture": {0: "batch", 2: "frames"}, "target": {0: "targets"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(content.getvalue())
    _declare_output(model, config)
    if config.conditioned == "head":  # for the published networks, whose half depends on the target, it would be slower
        one_target_at_a_time(model)
    if float16:
        halve_weights(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def one_target_at_a_time(model):
    """Let a graph reckon what depends on the target for one target after the other (ONNX's Scan), in place: less memory
    than for all at once."""
    graph, helper = model.graph, onnx.helper
    head, body, dependent = [], [], {"target"}
    for node in graph.node:
        inside = not dependent.isdisjoint(node.input)
        (body if inside else head).append(node)
        dependent.update(node.output if inside else ())
    batch, _, planes, frames, bins = (
        size.dim_param or size.dim_value for size in graph.output[0].type.tensor_type.shape.dim
    )
    sizes = [batch, 1, planes, frames, bins]
    inner = {"target": "one target", "estimates": "estimates of one target"}
    for node in body:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
    scanned = helper.make_graph(
        [helper.make_node("Unsqueeze", ["target index", "first axis"], ["one target"]), *body],
        "one target",
        [helper.make_tensor_value_info("target index", onnx.TensorProto.INT64, [])],
        [helper.make_tensor_value_info("estimates of one target", onnx.TensorProto.FLOAT, sizes)],
    )
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array([axis]), name) for name, axis in (("first axis", 0), ("third axis", 2))
    )
    del graph.node[:], graph.value_info[:]
    graph.node.extend(
        [
            *head,
            helper.make_node("Scan", ["target"], ["estimates by target"], body=scanned, num_scan_inputs=1),
            # In this order: a squeeze that makes the graph's output would copy it.
            helper.make_node("Squeeze", ["estimates by target", "third axis"], ["estimates squeezed"]),
            helper.make_node("Transpose", ["estimates squeezed"], ["estimates"], perm=[1, 0, 2, 3, 4]),
        ]
    )


def halve_weights(model):
    """Store a graph's weights in float16, in place: half the size. They are made float32 as the graph is loaded."""
    graph = model.graph
    weights = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    for tensor in weights:
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < FEWEST_HALVED:
            continue
        stored = onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_float16")
        cast = onnx.helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        graph.initializer.remove(tensor)
        graph.initializer.append(stored)
        graph.node.insert(0, cast)


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
