"""ONNX graphs of torch modules."""

import io
import warnings
from typing import TypeVar

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..networks import Network, build

OPSET = 17
NetworkOf = TypeVar("NetworkOf", bound=Network)


def traced(
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    dynamic_axes: dict[str, dict[int, str]],
) -> onnx.ModelProto:
    """Return the model of a module that is called with the tensors of an example.

    The other arguments are those of torch.onnx.export. An axis that is not dynamic keeps its size.
    """
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about every size that it takes for a constant
        # The newer exporter (dynamo=True) takes more than ten times as long.
        torch.onnx.export(
            module.eval(),
            example,
            content,  # type: ignore[arg-type]  # without dynamo it may be a file in memory
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic_axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(content.getvalue())


def folded(network: NetworkOf) -> NetworkOf:
    """Return a copy of a network, in which batch norm right after a convolution is folded into the convolution."""
    weights = network.state_dict()
    network = build(network.config).eval().requires_grad_(False)  # type: ignore[assignment]  # it is of the same class
    network.load_state_dict(weights)
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
