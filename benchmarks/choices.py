"""Compare ways to run the network: the time of each variant, and how the mean SDR changes.

    pip install -e ".[benchmarks]"
    python benchmarks/choices.py --threads 2 --songs ../shared/data/eval

A variant and the default separate the mixture from memory, one after the other, `--repeats` times. The command prints a
table: the variant's seconds divided by the default's of the same turn (median, least and largest). With `--songs`, a
tree of songs as for quality.py, it also prints how the mean SDR differs.

Most variants are not options of `lightsaft_infer`. For these, the benchmark changes the private session of
`OnnxNetwork`, or rewrites the graph, which needs the package onnx.
"""

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clip
import extras
import numpy as np
import onnxruntime
import quality
from numpy.typing import NDArray

from lightsaft_infer import Manifest, Separator
from lightsaft_infer.arrays import Audio, Planes, Stems
from lightsaft_infer.manifest import default_manifest_path
from lightsaft_infer.network import OnnxNetwork

if TYPE_CHECKING:
    import onnx

RANK = 1.0  # channels between 3x1 and 1x3, as a multiple of the input's: with 1, 2/3 of the multiply-adds

Configure = Callable[[Any], None]
"""A function that changes the `SessionOptions` of ONNX Runtime."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged one)")
    clip.add_arguments(parser, seconds=30)
    parser.add_argument("--repeats", type=int, default=5, help="number of turns (default: %(default)s)")
    parser.add_argument("--songs", type=Path, help="folder of songs")
    parser.add_argument("--graph", type=Path, nargs="+", default=[], help="other ONNX files for the same manifest")
    parser.add_argument("--only", nargs="+", help="words; run the variants whose names contain one (default: all)")
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


def load_row(manifest: Manifest, repeats: int) -> str:
    """Return the table's row on loading: a graph that ONNX Runtime has optimised beforehand against the default."""
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


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def spread(ratios: Sequence[float]) -> str:
    """Return the text "median (least to largest)"."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


class Chain:
    """A way to separate.

    Parameters
    ----------
    manifest : Manifest
    threads : int
    graph : bytes, optional
        Another ONNX file.
    configure : callable, optional
        Changes the session options of ONNX Runtime.
    concurrency : int, optional
        Another number of runs of the network at a time.
    changes : bool, optional
        Whether estimates may differ from the default's by more than rounding.
    **options
        `chunk` and `overlap` of the `Separator`.
    """

    def __init__(
        self,
        manifest: Manifest,
        threads: int,
        *,
        graph: bytes | None = None,
        configure: Configure | None = None,
        concurrency: int | None = None,
        changes: bool = False,
        **options: int,
    ) -> None:
        graph = graph or manifest.read_graph()
        network = OnnxNetwork(graph, bins=manifest.bins, path=manifest.graph_path, threads=threads)
        if concurrency is not None or configure is not None:
            session_options = network._session.get_session_options()
            network.concurrency = network.concurrency if concurrency is None else concurrency
            session_options.intra_op_num_threads = threads - network.concurrency + 1
            if configure is not None:
                configure(session_options)
            network._session._session = onnxruntime.InferenceSession(
                graph, session_options, providers=["CPUExecutionProvider"]
            )
        self._separator = Separator(manifest, network, **options)
        self.changes = changes or bool(options)

    def __call__(self, audio: Audio) -> Stems:
        return self._separator.separate(audio, sample_rate=clip.SAMPLE_RATE)

    def mean_sdr(self, songs: Sequence[quality.Song]) -> float:
        """Return the mean SDR in dB of songs, 0 without songs."""
        return extras.mean_sdr(self._separator, songs) if songs else 0.0


def variants(manifest: Manifest, threads: int, audio: Audio, graphs: Sequence[Path]) -> dict[str, Callable[[], Chain]]:
    """Return a callable for each variant that makes its Chain, by the variant's name."""
    chain = functools.partial(Chain, manifest, threads)
    level = onnxruntime.GraphOptimizationLevel

    def option(name: str, value: object) -> Callable[[], Chain]:
        return functools.partial(chain, configure=lambda options: setattr(options, name, value))

    def rewritten(rewrite: Callable[[bytes, Manifest, Audio], bytes]) -> Callable[[], Chain]:
        return lambda: chain(graph=rewrite(manifest.read_graph(), manifest, audio), changes=True)

    made: dict[str, Callable[[], Chain]] = {
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


def sleep(options: Any) -> None:
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")


def no_arena(options: Any) -> None:
    own_arena(options)
    options.enable_cpu_mem_arena = False


def own_arena(options: Any) -> None:
    options.add_session_config_entry("session.use_env_allocators", "0")


def not_packed(options: Any) -> None:
    options.add_session_config_entry("session.disable_prepacking", "1")


def alone(options: Any) -> None:
    """Leave the session no threads but those of its callers."""
    options.intra_op_num_threads = 1


def with_float_weights(graph: bytes) -> "onnx.ModelProto":
    """Return the model with float32 weights. In the file they are float16, and are cast when the file is loaded."""
    import onnx

    model = onnx.load_from_string(graph)
    _make_weights_float(model.graph)
    return model


def _make_weights_float(graph: "onnx.GraphProto") -> None:
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type == "Scan":
            _make_weights_float(helper.get_node_attr_value(node, "body"))
        if node.op_type == "Cast" and node.input[0] in weights:
            array = numpy_helper.to_array(weights[node.input[0]]).astype(np.float32)
            weights[node.input[0]].CopyFrom(numpy_helper.from_array(array, node.output[0]))
            graph.node.remove(node)


def int8(graph: bytes, manifest: Manifest, audio: Audio) -> bytes:
    """Return the graph with 8-bit weights and activations, calibrated on the mixture itself (the best case)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Chunks(CalibrationDataReader):
        def __init__(self) -> None:
            seen: list[dict[str, NDArray[Any]]] = []

            def network(planes: Planes, targets: NDArray[np.int64]) -> Planes:
                seen.append({"mixture": planes, "target": targets})
                return np.repeat(planes[:, np.newaxis], len(targets), axis=1)

            Separator(manifest, network).separate(audio[:, : 10 * clip.SAMPLE_RATE], sample_rate=clip.SAMPLE_RATE)
            self._chunks = iter(seen)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
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


def float16(graph: bytes, manifest: Manifest, audio: Audio) -> bytes:
    """Return the graph in float16 between its inputs and outputs. ONNX Runtime casts back and forth if the processor
    has no instructions for it."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(with_float_weights(graph), keep_io_types=True).SerializeToString()


def low_rank(graph: bytes, manifest: Manifest, audio: Audio) -> bytes:
    """Return the graph with every 3x3 convolution replaced by 3x1 and 1x3, by its singular value decomposition."""
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
        name = node.output[0]
        ones: dict[str, Any] = {"dilations": [1, 1], "strides": [1, 1], "group": 1}
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
