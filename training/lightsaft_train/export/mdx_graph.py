"""ONNX graphs of MDX-Net networks, in the layout of the public files."""

import onnx
import torch

from ..networks import PLANES, ConvTDFNet
from .tracing import traced


def export_mdx(network: ConvTDFNet) -> bytes:
    """Return the ONNX file of a network.

    The input "input" and the output "output" are float32 (batch, 4, dim_f, dim_t), as in the published implementation's
    export (https://github.com/kuielab/mdx-net, `onnx_callback.py`). Only the batch is dynamic.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    """
    config = network.config
    example = torch.zeros(1, PLANES, config.dim_f, config.dim_t)
    axes = {name: {0: "batch_size"} for name in ("input", "output")}
    model = traced(network, (example,), ["input"], ["output"], axes)
    onnx.checker.check_model(model)
    return model.SerializeToString()
