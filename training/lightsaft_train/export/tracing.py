"""ONNX graphs of torch modules."""

import io
import warnings

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..networks import build

OPSET = 17


def traced(module, example, inputs, outputs, dynamic_axes):
    """The model of a module that is called with the tensors of an example. The other arguments as torch.onnx.export has
    them; every axis that is not dynamic keeps its size."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of every size that it takes for a constant
        # The newer exporter (dynamo=True) takes more than ten times as long.
        torch.onnx.export(
            module.eval(),
            example,
            content,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic_axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(content.getvalue())


def folded(network):
    """A copy of a network, with batch norm that directly follows a convolution folded into it."""
    weights, network = network.state_dict(), build(network.config).eval().requires_grad_(False)
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
