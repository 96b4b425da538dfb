"""Where the time of a song goes, and how near the network comes to what this machine can do.

    python benchmarks/profiling.py --threads 2

Separates a song of 240 s (the example, repeated, as a 16-bit WAV file) into four files three times: once as it is, with
the times when the network is at work; once under Python's profiler, for the thread that does everything else, of which
each function's own time is shared out to the stage of our code that called it; once under ONNX Runtime's, for the
network by kind of operator. Multiply-adds are counted from the shapes in its trace (convolutions, matrix products). The
machine's peak is the best of 10 float32 matrix products, 2048 x 2048 x 2048, by numpy's BLAS with as many threads,
before, between and after. Prints tables.
"""

import argparse
import cProfile
import json
import math
import pstats
import tempfile
import time
from collections import Counter
from pathlib import Path

import clip
import numpy as np
from threadpoolctl import threadpool_limits

import lightsaft_infer
from lightsaft_infer import Manifest, Separator, separate_file
from lightsaft_infer.benchmark import TimedNetwork
from lightsaft_infer.manifest import default_manifest_path
from lightsaft_infer.network import MAX_CONCURRENCY, OnnxNetwork

PACKAGE = Path(lightsaft_infer.__file__).parent
STAGES = {  # by module of lightsaft_infer
    "network.py": "network",
    "stft.py": "STFT and inverse",
    "chunking.py": "chunks and crossfade",
    "reader.py": "reading",
    "decoding.py": "reading",
    "stem_writer.py": "writing",
    "files.py": "writing",
    "resample.py": "resampling",
}


def main():
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
        network = TimedNetwork(OnnxNetwork(manifest.read_graph(), manifest, threads=args.threads))
        busy = time.process_time()
        seconds = separate(Separator(manifest, network, chunk=args.chunk), song)
        busy = time.process_time() - busy
        inside, in_callers = network.seconds(), sum(call[2] for call in network.calls)
        peaks.append(peak(args.threads))
        profile = cProfile.Profile()
        profile.runcall(separate, Separator(manifest, network, chunk=args.chunk), song)
        traced = OnnxNetwork(manifest.read_graph(), manifest, threads=args.threads, profile=Path(folder, "trace"))
        separate(Separator(manifest, traced, chunk=args.chunk), song)
        peaks.append(peak(args.threads))
        events = json.loads(traced.end_profile().read_text(encoding="utf-8"))
    stages = by_stage(pstats.Stats(profile).stats)
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
    if args.threads <= MAX_CONCURRENCY:  # then a run of the network has no thread but its caller's
        rate, core = 2 * adds / in_callers, best / args.threads
        print(f"processor time {busy:.1f} s, the network's {in_callers:.1f} s: {in_callers / busy:.1%}")
        print(f"in that, {rate / 1e9:.1f} GFLOP/s of {core / 1e9:.1f} GFLOP/s of a core: {rate / core:.1%} of the peak")
    print("peak before, between, after:", ", ".join(f"{value / 1e9:.1f}" for value in peaks), "GFLOP/s")


def separate(separator, song):
    """Seconds that a song takes into its four files."""
    start = time.perf_counter()
    outputs = {target: song.with_name(f"{target}.wav") for target in separator.targets}
    separate_file(separator, song, outputs, overwrite=True)
    return time.perf_counter() - start


def peak(threads):
    """Floating point operations per second of a large matrix product."""
    size = 2048
    a = np.random.default_rng(0).standard_normal((size, size), np.float32)
    times = []
    with threadpool_limits(threads):
        for _ in range(11):
            start = time.perf_counter()
            a @ a
            times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times[1:])


def by_stage(stats):
    """{stage: seconds} of all functions' own time; that of functions outside the package is shared out to callers."""
    stages = Counter()

    def share(function, seconds, depth=0):
        file = Path(function[0])
        if "acquire" in function[2]:
            stages["waiting for the network"] += seconds
            return
        if PACKAGE in file.parents or depth > 20:
            stages[STAGES.get(file.name, "the rest")] += seconds
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


def by_operator(events):
    """{operator: (seconds, multiply-adds)} of a trace of ONNX Runtime's profiler."""
    seconds, adds = Counter(), Counter()
    for event in events:
        inner = event.get("args", {}).get("op_name") != "Scan"  # its operators have events of their own
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time") and inner:
            operator = event["args"]["op_name"]
            seconds[operator] += event["dur"] / 1e6
            adds[operator] += multiply_adds(operator, event["args"])
    return {operator: (seconds[operator], adds[operator]) for operator in seconds}


def multiply_adds(operator, arguments):
    """Multiply-adds of one run of an operator by its shapes; 0 for those that are neither convolution nor product."""
    shapes = [next(iter(shape.values())) for shape in arguments["input_type_shape"]]
    output = next(iter(arguments["output_type_shape"][0].values()))
    if operator in ("Conv", "FusedConv"):
        return math.prod(output) * math.prod(shapes[1][1:])
    if operator == "ConvTranspose":  # its kernel, which the trace lacks, is taken for as large as its stride
        return math.prod(output) * shapes[0][1]
    if operator in ("MatMul", "FusedMatMul", "Gemm", "FusedGemm"):
        return math.prod(output) * shapes[0][-1]
    return 0


def table(head, rows):
    """A table of {name: (seconds, multiply-adds or None)}, largest first."""
    total = sum(seconds for seconds, _ in rows.values())
    lines = [f"| {head} | seconds | share | GFLOP/s |", "| --- | --- | --- | --- |"]
    for name, (seconds, adds) in sorted(rows.items(), key=lambda row: -row[1][0]):
        rate = f"{2 * adds / seconds / 1e9:.1f}" if adds else ""
        lines.append(f"| {name} | {seconds:.2f} | {seconds / total:.1%} | {rate} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
