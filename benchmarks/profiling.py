"""Measure the time of a song by stage and by operator, and compare the network's rate with this machine's peak.

    pip install -e ".[benchmarks]"
    python benchmarks/profiling.py --threads 2

The command separates a song of 240 s (the example, repeated, as a 16-bit WAV file) into four files, three times:

1. without a profiler. It notes when the network is at work;
2. under Python's profiler, for the thread that does all the rest. Each function's own time is added to the stage of our
   code that called it;
3. under the profiler of ONNX Runtime, for the network by kind of operator. Multiply-adds are counted from the shapes in
   its trace (convolutions and matrix products).

The machine's peak is the best of 10 float32 matrix products, 2048 x 2048 x 2048, by numpy's BLAS with the same number
of threads, before, between and after these runs. The command prints tables. It uses `OnnxNetwork` and `TimedNetwork` of
`lightsaft_infer`, which are not public.
"""

import argparse
import cProfile
import json
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import clip
import numpy as np
from threadpoolctl import threadpool_limits

import lightsaft_infer
from lightsaft_infer import Manifest, Separator, separate_file
from lightsaft_infer.benchmark import TimedNetwork, seconds_in_calls
from lightsaft_infer.manifest import default_manifest_path
from lightsaft_infer.network import MAX_CONCURRENCY, OnnxNetwork

PACKAGE = Path(lightsaft_infer.__file__).parent
STAGES = {  # by module of lightsaft_infer
    "network.py": "network",
    "stft.py": "STFT and inverse",
    "chunking.py": "chunks and crossfade",
    "audio/reader.py": "reading",
    "audio/wav_source.py": "reading",
    "audio/libsndfile.py": "reading",
    "audio/libav.py": "reading",
    "audio/stem_writer.py": "writing",
    "audio/libsndfile_file.py": "writing",
    "audio/files.py": "writing",
    "resample.py": "resampling",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged one)")
    clip.add_arguments(parser, seconds=240)
    parser.add_argument("--chunk", type=int, help="frames (default: the model's)")
    args = parser.parse_args()
    manifest = Manifest.from_file(args.model or default_manifest_path())
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder, "song.wav")
        clip.write(song, args.mixture, args.seconds)
        peaks = [peak(args.threads)]
        network = TimedNetwork(
            OnnxNetwork(manifest.read_graph(), bins=manifest.bins, path=manifest.graph_path, threads=args.threads)
        )
        busy = time.process_time()
        seconds = separate(Separator(manifest, network, chunk=args.chunk), song)
        busy = time.process_time() - busy
        inside, in_callers = seconds_in_calls(network.calls), sum(call[2] for call in network.calls)
        peaks.append(peak(args.threads))
        profile = cProfile.Profile()
        profile.runcall(separate, Separator(manifest, network, chunk=args.chunk), song)
        traced = OnnxNetwork(
            manifest.read_graph(),
            bins=manifest.bins,
            path=manifest.graph_path,
            threads=args.threads,
            profile=Path(folder, "trace"),
        )
        separate(Separator(manifest, traced, chunk=args.chunk), song)
        peaks.append(peak(args.threads))
        events = json.loads(traced.end_profile().read_text(encoding="utf-8"))
    profile.create_stats()
    stages = by_stage(profile.stats)
    print(table("stage", {name: (own, None) for name, own in stages.items()}))
    operators = by_operator(events)
    print(table("operator of the network", operators))
    adds = sum(adds for _, adds in operators.values())
    best = max(peaks)
    print(f"{seconds:.1f} s for {args.seconds:.0f} s; network at work for {inside:.1f} s: {inside / seconds:.1%}")
    print(f"{adds / args.seconds / 1e9:.2f} G multiply-adds per second of audio, overlap included")
    print(
        f"{2 * adds / inside / 1e9:.1f} GFLOP/s of {best / 1e9:.1f} GFLOP/s: {2 * adds / inside / best:.1%} of the peak"
    )
    if args.threads <= MAX_CONCURRENCY:  # then each run of the network has one thread, its caller's
        rate, core = 2 * adds / in_callers, best / args.threads
        print(f"processor time {busy:.1f} s, of which the network has {in_callers:.1f} s: {in_callers / busy:.1%}")
        print(f"per core: {rate / 1e9:.1f} GFLOP/s of {core / 1e9:.1f} GFLOP/s: {rate / core:.1%} of the peak")
    print("peak before, between, after:", ", ".join(f"{value / 1e9:.1f}" for value in peaks), "GFLOP/s")


def separate(separator: Separator, song: Path) -> float:
    """Return the seconds that the separation of a song into four files takes."""
    start = time.perf_counter()
    outputs = {target: song.with_name(f"{target}.wav") for target in separator.targets}
    separate_file(separator, song, outputs, overwrite=True)
    return time.perf_counter() - start


def peak(threads: int) -> float:
    """Return the floating point operations per second of a large matrix product."""
    size = 2048
    a = np.random.default_rng(0).standard_normal((size, size), np.float32)
    times = []
    with threadpool_limits(threads):
        for _ in range(11):
            start = time.perf_counter()
            a @ a
            times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times[1:])


def by_stage(stats: Mapping[Any, Any]) -> dict[str, float]:
    """Return {stage: seconds} of all functions' own time. The time of a function outside the package is divided among
    its callers."""
    stages: dict[str, float] = defaultdict(float)

    def share(function: tuple[str, int, str], seconds: float, depth: int = 0) -> None:
        file = Path(function[0])
        if "acquire" in function[2]:
            stages["waiting for the network"] += seconds
            return
        own = file.is_relative_to(PACKAGE)
        if own or depth > 20:
            module = file.relative_to(PACKAGE).as_posix() if own else ""
            stages[STAGES.get(module, "the rest")] += seconds
            return
        callers = stats[function][4]
        total = sum(times[2] for times in callers.values()) if callers else 0
        if not total:
            stages["the rest"] += seconds
            return
        for caller, times in callers.items():
            share(caller, seconds * times[2] / total, depth + 1)

    for function, (_, _, own, _, _) in stats.items():
        share(function, own)
    return dict(stages)


def by_operator(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, int]]:
    """Return {operator: (seconds, multiply-adds)} of a trace of ONNX Runtime's profiler."""
    seconds: dict[str, float] = defaultdict(float)
    adds: dict[str, int] = defaultdict(int)
    for event in events:
        inner = event.get("args", {}).get("op_name") != "Scan"  # its operators have events of their own
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time") and inner:
            operator = event["args"]["op_name"]
            seconds[operator] += event["dur"] / 1e6
            adds[operator] += multiply_adds(operator, event["args"])
    return {operator: (seconds[operator], adds[operator]) for operator in seconds}


def multiply_adds(operator: str, arguments: Mapping[str, Any]) -> int:
    """Return the multiply-adds of one run of an operator by its shapes; 0 if it is no convolution or matrix product."""
    shapes = [next(iter(shape.values())) for shape in arguments["input_type_shape"]]
    output = next(iter(arguments["output_type_shape"][0].values()))
    if operator in ("Conv", "FusedConv"):
        return math.prod(output) * math.prod(shapes[1][1:])
    if operator == "ConvTranspose":  # the trace lacks its kernel, which is assumed to be as large as its stride
        return math.prod(output) * shapes[0][1]
    if operator in ("MatMul", "FusedMatMul", "Gemm", "FusedGemm"):
        return math.prod(output) * shapes[0][-1]
    return 0


def table(head: str, rows: Mapping[str, tuple[float, int | None]]) -> str:
    """Return a table of {name: (seconds, multiply-adds or None)}, largest first."""
    total = sum(seconds for seconds, _ in rows.values())
    lines = [f"| {head} | seconds | share | GFLOP/s |", "| --- | --- | --- | --- |"]
    for name, (seconds, adds) in sorted(rows.items(), key=lambda row: -row[1][0]):
        rate = f"{2 * adds / seconds / 1e9:.1f}" if adds else ""
        lines.append(f"| {name} | {seconds:.2f} | {seconds / total:.1%} | {rate} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
