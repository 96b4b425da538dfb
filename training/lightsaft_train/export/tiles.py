"""Graphs of networks with a conditioned head, which compute it for a few frames and one target at a time.

The head does not depend on neighbouring frames. A tile of frames has as many frames as a chunk's number of frames must
be a multiple of. The head's values for a tile stay in the cache of a core, and take little memory.

So the graph has four parts, each traced alone: the values that are computed once for a chunk; a loop (ONNX's Scan) over
tiles; in it, a loop over targets; and the joining of the estimates.
"""

from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding

from ..networks import N_TARGETS, SubBandUNet, mix_sources, mixing_matrices, per_image
from .tracing import folded, traced


class _GraphPart(nn.Module):
    """A part of the graph of a network."""

    def __init__(self, network: SubBandUNet) -> None:
        super().__init__()
        self.network = network

    @property
    def head(self) -> Any:
        """The conditioned head of the network."""
        return self.network.blocks["head"]


class _Once(_GraphPart):
    """The values that are computed once for a mixture (batch, 4, frames, bins) and targets.

    These are tiles of the U-Net's features (batch * tiles, channels, frames of a tile, bins of a part), tiles of the
    folded mixture (batch * tiles, subbands * 4, ...), and the conditions of the targets.
    """

    matrices: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, network: SubBandUNet) -> None:
        super().__init__(network)
        weight, bias, attention = network.conditions(torch.arange(N_TARGETS))["head"]
        self.register_buffer("matrices", mixing_matrices(attention, self.head.saft.LaSIFT[0].in_features))
        self.register_buffer("weight", weight.transpose(1, 2)[..., None, None].contiguous())
        self.register_buffer("bias", bias.contiguous())

    def forward(self, mixture: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        config = self.network.config
        seen = mixture[..., : config.bins * config.subbands]
        features = self.network.features(seen, {}).flatten(0, 1)
        tables = (table.index_select(0, target) for table in (self.matrices, self.weight, self.bias))
        return self._tiles(features), self._tiles(self.network.fold(seen).flatten(1, 2)), *tables

    def _tiles(self, x: Tensor) -> Tensor:
        frames = self.network.config.frames_multiple
        tiles = x.reshape(x.shape[0], x.shape[1], -1, frames, x.shape[3]).transpose(1, 2)
        return tiles.reshape(-1, x.shape[1], frames, x.shape[3])


class _Tile(_GraphPart):
    """For a tile of the features and of the folded mixture: latent sources, and the factors of the output."""

    def forward(self, features: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
        value = self.head.saft.LaSAFT_bn_layer(features[None])
        return value[None], self.network.factors(parts.unflatten(0, (self.network.config.subbands, 4)))


class _OneTarget(_GraphPart):
    """For a tile and the conditions of a target: the estimate (4, frames of a tile, bins)."""

    def forward(
        self, features: Tensor, value: Tensor, factors: Tensor, matrix: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        network = self.network
        x = features + per_image(self.head.saft.LaSIFT, mix_sources(value, matrix[None])).flatten(0, 2)
        # The gate as a convolution, into which ONNX Runtime takes bias and sigmoid.
        x = self.head.refined(x[None] * torch.sigmoid(conv2d(x[None], weight, bias)))
        output = network.last_conv(x).unflatten(1, (network.config.subbands, -1)).flatten(0, 1)
        planes = network.unfold(network.applied(output, factors))
        return torch.cat([planes, torch.zeros_like(planes[..., :1])], -1)


class _Whole(nn.Module):
    """Joins the estimates of all tiles (batch * tiles, targets, 4, frames of a tile, bins) to those of the mixture.

    The result is (batch, targets, 4, frames, bins). Rows are taken one by one: to permute and reshape them would copy
    them twice.
    """

    def forward(self, tiles: Tensor, mixture: Tensor) -> Tensor:
        batch, (count, targets, planes, frames, bins) = mixture.shape[0], tiles.shape
        rows = torch.arange(count * targets * planes * frames).reshape(batch, -1, targets, planes, frames)
        rows = rows.permute(0, 2, 3, 1, 4).reshape(batch, targets, planes, mixture.shape[2])
        return embedding(rows, tiles.reshape(-1, bins))


def traced_in_tiles(network: SubBandUNet) -> onnx.ModelProto:
    """Return the model of a network with a conditioned head."""
    network = folded(network)
    config = network.config
    mixture = torch.zeros(2, 4, 3 * config.frames_multiple, config.n_fft // 2 + 1)
    sizes = {"mixture": {0: "batch", 2: "frames"}, "target": {0: "targets"}, "tiles": {0: "count", 1: "targets"}}
    conditions = ["matrix", "gate", "bias"]
    once, tile, one_target = (part(network) for part in (_Once, _Tile, _OneTarget))
    with torch.no_grad():
        features, parts, *tables = once(mixture, torch.arange(3))
        value, factors = tile(features[0], parts[0])
        of_target = (features[0], value, factors, *(table[0] for table in tables))
        tiles = one_target(*of_target).expand(len(features), len(tables[0]), -1, -1, -1)
    tabled = [f"{name} of targets" for name in conditions]
    model = traced(once, (mixture, torch.arange(3)), ["mixture", "target"], ["features", "parts", *tabled], sizes)
    inside = traced(tile, (features[0], parts[0]), ["tile", "parts of tile"], ["value", "factors"], {})
    innermost = traced(one_target, of_target, ["tile", "value", "factors", *conditions], ["estimate"], {})
    end = traced(_Whole(), (tiles, mixture), ["tiles", "mixture"], ["estimates"], sizes)
    for part, name in ((model, "once"), (inside, "tile"), (innermost, "target"), (end, "whole")):
        _name_apart(part.graph, name)
    _loop(inside.graph, innermost.graph, tabled, conditions, "targets", "estimates of tile")
    _loop(model.graph, inside.graph, ["features", "parts"], ["tile", "parts of tile"], "count", "tiles")
    model.graph.node.extend(end.graph.node)
    model.graph.initializer.extend(end.graph.initializer)
    model.graph.output[0].CopyFrom(end.graph.output[0])
    return model


def _name_apart(graph: onnx.GraphProto, name: str) -> None:
    """Prefix the names in a graph, except those of its inputs and outputs, in place."""
    kept = {value.name for value in [*graph.input, *graph.output]}

    def named(inner: str) -> str:
        return inner if inner in kept or not inner else f"{name}: {inner}"

    for node in graph.node:
        node.name = named(node.name)
        node.input[:] = map(named, node.input)
        node.output[:] = map(named, node.output)
    for tensor in graph.initializer:
        tensor.name = named(tensor.name)
    del graph.value_info[:]


def _loop(
    graph: onnx.GraphProto, body: onnx.GraphProto, scanned: list[str], inputs: list[str], count: str, stacked: str
) -> None:
    """Append a loop over the first axis of some tensors to a graph, in place.

    Parameters
    ----------
    graph
        The graph. Its output becomes that of the loop.
    body
        The graph that is repeated. Its inputs that are not in `inputs` are tensors of the graph.
    scanned
        The tensors whose parts are looped over.
    inputs
        The inputs of the body that take these parts.
    count
        Name of the length of the first axis.
    stacked
        Name of the output: the stacked outputs of the body.
    """
    values, output = {value.name: value for value in body.input}, body.output[0]
    shape = [count, *(size.dim_value or size.dim_param for size in output.type.tensor_type.shape.dim)]
    body = onnx.helper.make_graph(
        body.node, stacked, [values[name] for name in inputs], [output], initializer=body.initializer
    )
    graph.node.append(onnx.helper.make_node("Scan", scanned, [stacked], body=body, num_scan_inputs=len(scanned)))
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(stacked, onnx.TensorProto.FLOAT, shape))
