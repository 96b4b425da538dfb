"""Write small MDX-Net files with random weights."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


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
