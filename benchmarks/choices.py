"""What makes separation faster and what does not: each choice in turns with the default.

    python benchmarks/choices.py --threads 2 --songs ../shared/data/eval

Separates the mixture from memory by a variant and by the default, one after the other, `--repeats` times, and prints a
table: the variant's seconds divided by the default's of the same turn, median, least and largest; with `--songs`, a
tree as quality.py has it, also how the mean SDR differs. The variants that rewrite the graph need the package onnx.
"""

import argparse
import functools
import statistics
import tempfile
import time
from pathlib import Path

import clip
import extras
import numpy as np
import onnxruntime
import quality

from lightsaft_infer import Manifest, Separator
from lightsaft_infer.manifest import default_manifest_path
from lightsaft_infer.network import OnnxNetwork

RANK = 1.0  # times the input channels: 3x1 to so many channels, then 1x3, has 2/3 of the multiply-adds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged one)")
    clip.add_arguments(parser, seconds=30)
    parser.add_argument("--repeats", type=int, default=5, help="turns (default: %(default)s)")
    parser.add_argument("--songs", type=Path, help="folder of songs")
    parser.add_argument("--graph", type=Path, nargs="+", default=[], help="other ONNX files for the same manifest")
    parser.add_argument("--only", nargs="+", help="words that the variants' names contain (default: all variants)")
    args = parser.parse_args()
    manifest = Manifest.from_file(args.model or default_manifest_path())
    audio = clip.load(args.mixture, args.seconds)
    songs = list(quality.load_songs(args.songs).values()) if args.songs else []
    default = Chain(manifest, args.threads)
    level = default.mean_sdr(songs)
    print("| instead of the default | seconds, as a multiple | mean SDR |\n| --- | --- | --- |", flush=True)
    for name, make in variants(manifest, args.threads, audio, args.graph).items():
        if args.only and not any(word in name for word in args.only):
            continue
        variant = make()
        for chain in (default, variant):
            chain(audio)
        ratios = [seconds(variant, audio) / seconds(default, audio) for _ in range(args.repeats)]
        moved = f"{variant.mean_sdr(songs) - level:+.3f} dB" if songs and variant.changes else ""
        print(f"| {name} | {spread(ratios)} | {moved} |", flush=True)
    print(load_row(manifest, args.repeats))


def load_row(manifest, repeats):
    """Seconds to load a graph that ONNX Runtime has optimised and written beforehand, against those for the default."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimised.onnx")
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(manifest.read_graph(), options)
        optimised = path.read_bytes()
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

    load, graph = onnxruntime.InferenceSession, manifest.read_graph()
    ratios = [seconds(load, optimised, plain) / seconds(load, graph) for _ in range(repeats)]
    return f"| loading alone: a graph optimised beforehand, {len(optimised) / 1e6:.1f} MB | {spread(ratios)} | |"


def seconds(work, *arguments):
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


class Chain:
    """A way to separate: an `OnnxNetwork` of another graph, with other session options or so many runs at once, and a
    `Separator` of another chunk and overlap.

    `changes` tells whether estimates may differ from the default's by more than rounding.
    """

    def __init__(self, manifest, threads, *, graph=None, configure=None, concurrency=None, changes=False, **options):
        graph = graph or manifest.read_graph()
        network = OnnxNetwork(graph, manifest, threads=threads)
        if concurrency is not None or configure is not None:
            session_options = network._session.get_session_options()
            network.concurrency = network.concurrency if concurrency is None else concurrency
            session_options.intra_op_num_threads = threads - network.concurrency + 1
            if configure is not None:
                configure(session_options)
            network._session = onnxruntime.InferenceSession(graph, session_options, providers=["CPUExecutionProvider"])
        self._separator = Separator(manifest, network, **options)
        self.changes = changes or bool(options)

    def __call__(self, audio):
        return self._separator.separate(audio, sample_rate=clip.SAMPLE_RATE)

    def mean_sdr(self, songs):
        return extras.mean_sdr(self._separator, songs) if songs else None


def variants(manifest, threads, audio, graphs):
    """{name: callable that makes its Chain}; graphs : paths"""
    chain = functools.partial(Chain, manifest, threads)
    level = onnxruntime.GraphOptimizationLevel

    def option(name, value):
        return functools.partial(chain, configure=lambda options: setattr(options, name, value))

    def rewritten(rewrite):
        return lambda: chain(graph=rewrite(manifest.read_graph(), manifest, audio), changes=True)

    made = {
        "1 thread": functools.partial(Chain, manifest, 1),
        f"one chunk at a time, in {threads} threads": functools.partial(chain, concurrency=1),
        "the same, threads sleep between operators": functools.partial(chain, concurrency=1, configure=sleep),
        "3 chunks at a time": functools.partial(chain, concurrency=3, configure=alone),
        "no memory arena": functools.partial(chain, configure=no_arena),
        "the session's own memory arena": functools.partial(chain, configure=own_arena),
        "weights not packed beforehand": functools.partial(chain, configure=not_packed),
        "memory pattern": option("enable_mem_pattern", True),
        "graph as exported": option("graph_optimization_level", level.ORT_DISABLE_ALL),
        "graph folded (basic)": option("graph_optimization_level", level.ORT_ENABLE_BASIC),
        "graph folded and fused (extended), no blocked layout": option(
            "graph_optimization_level", level.ORT_ENABLE_EXTENDED
        ),
        "int8 weights and activations": rewritten(int8),
        "float16 throughout": rewritten(float16),
        "3x3 convolutions as 3x1 and 1x3": rewritten(low_rank),
    }
    for path in graphs:
        made[path.name] = functools.partial(chain, graph=path.read_bytes(), changes=True)
    for frames in (32, 48, 64, 128, 192, 256):
        if frames % manifest.frames_multiple == 0 and frames != manifest.frames:
            made[f"chunks of {frames} frames"] = functools.partial(chain, chunk=frames)
    for part in (8, 2):
        made[f"overlap of 1/{part}"] = functools.partial(chain, overlap=manifest.frames // part)
    return made


def sleep(options):
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")


def no_arena(options):
    own_arena(options)
    options.enable_cpu_mem_arena = False


def own_arena(options):
    options.add_session_config_entry("session.use_env_allocators", "0")


def not_packed(options):
    options.add_session_config_entry("session.disable_prepacking", "1")


def alone(options):
    """No threads but the callers'."""
    options.intra_op_num_threads = 1


def with_float_weights(graph):
    """The model whose weights are float32; in the file they are float16 and cast when it is loaded."""
    import onnx

    model = onnx.load_from_string(graph)
    _make_weights_float(model.graph)
    return model


def _make_weights_float(graph):
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type == "Scan":
            _make_weights_float(helper.get_node_attr_value(node, "body"))
        if node.op_type == "Cast" and node.input[0] in weights:
            array = numpy_helper.to_array(weights[node.input[0]]).astype(np.float32)
            weights[node.input[0]].CopyFrom(numpy_helper.from_array(array, node.output[0]))
            graph.node.remove(node)


def int8(graph, manifest, audio):
    """The graph with 8-bit weights and activations, calibrated on chunks of the mixture itself (the best case)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Chunks(CalibrationDataReader):
        def __init__(self):
            seen = []

            def network(planes, targets):
                seen.append({"mixture": planes, "target": targets})
                return np.repeat(planes[:, np.newaxis], len(targets), axis=1)

            Separator(manifest, network).separate(audio[:, : 10 * clip.SAMPLE_RATE], sample_rate=clip.SAMPLE_RATE)
            self._chunks = iter(seen)

        def get_next(self):
            return next(self._chunks, None)

    with tempfile.TemporaryDirectory() as folder:
        float_path, int8_path = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        float_path.write_bytes(with_float_weights(graph).SerializeToString())
        quantize_static(
            float_path,
            int8_path,
            Chunks(),
            op_types_to_quantize=["Conv", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"WeightSymmetric": True},
        )
        return int8_path.read_bytes()


def float16(graph, manifest, audio):
    """The graph in float16 between its inputs and outputs, which ONNX Runtime casts back and forth where the processor
    has no instructions for it."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(with_float_weights(graph), keep_io_types=True).SerializeToString()


def low_rank(graph, manifest, audio):
    """The graph with every 3x3 convolution taken apart into 3x1 and 1x3 by its singular value decomposition."""
    from onnx import helper, numpy_helper

    model = with_float_weights(graph)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        weight = numpy_helper.to_array(weights[node.input[1]]) if node.op_type == "Conv" else np.empty(4)
        if weight.shape[2:] != (3, 3):
            nodes.append(node)
            continue
        out, into = weight.shape[:2]
        left, values, right = np.linalg.svd(
            weight.transpose(1, 2, 0, 3).reshape(into * 3, out * 3), full_matrices=False
        )
        rank = min(round(RANK * into), len(values))
        first = (left[:, :rank] * np.sqrt(values[:rank])).reshape(into, 3, rank).transpose(2, 0, 1)
        second = (np.sqrt(values[:rank])[:, np.newaxis] * right[:rank]).reshape(rank, out, 3).transpose(1, 0, 2)
        name, ones = node.output[0], {"dilations": [1, 1], "strides": [1, 1], "group": 1}
        first = numpy_helper.from_array(np.ascontiguousarray(first[..., np.newaxis]), f"{name}.first")
        second = numpy_helper.from_array(np.ascontiguousarray(second[:, :, np.newaxis]), f"{name}.second")
        weights[node.input[1]].CopyFrom(first)
        model.graph.initializer.append(second)
        vertical = {"kernel_shape": [3, 1], "pads": [1, 0, 1, 0], **ones}
        horizontal = {"kernel_shape": [1, 3], "pads": [0, 1, 0, 1], **ones}
        nodes.append(helper.make_node("Conv", [node.input[0], first.name], [f"{name}.between"], **vertical))
        nodes.append(helper.make_node("Conv", [f"{name}.between", second.name, *node.input[2:]], [name], **horizontal))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()


if __name__ == "__main__":
    main()
