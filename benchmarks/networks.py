"""Cost and speed of the networks in training/, with random weights, under our runtime; and against the same networks
run as their publication runs them: torch, one target at a time, windows of 128 frames (3 s), 50 % overlap.

    pip install -e . -r training/requirements.txt
    PYTHONPATH=training python benchmarks/networks.py table
    PYTHONPATH=training python benchmarks/networks.py compare MIXTURE lightsaft-paper lasaft-v2-light

`table` prints Markdown: parameters, multiply-adds per second of audio (without overlap), real-time factor with our
default overlap, projected time of a 240 s song, for all four targets. `compare` prints JSON: seconds of both ways,
alternating in one run, their ratio, and the difference of what they give.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time

import numpy as np
import torch
from clip import SAMPLE_RATE, load
from lightsaft_train.config import PRESETS
from lightsaft_train.export.cost import multiply_adds_per_second
from lightsaft_train.export.onnx_model import TARGETS, write_model
from lightsaft_train.networks.build import build

from lightsaft_infer import Separator


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    commands = parser.add_subparsers(required=True, dest="command")
    table = commands.add_parser("table")
    table.add_argument("presets", nargs="*", default=list(PRESETS))
    comparison = commands.add_parser("compare")
    comparison.add_argument("mixture")
    comparison.add_argument("presets", nargs="+")
    comparison.add_argument("--seconds", type=float, default=30)
    comparison.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.command == "table":
        print_table(args)
    else:
        audio = load(args.mixture, args.seconds)
        print(json.dumps([compare(name, audio, args) for name in args.presets], indent=1))


def print_table(args):
    print("| preset | parameters | multiply-adds per second of audio | real-time factor | a song of 240 s |")
    print("| --- | --- | --- | --- | --- |")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 10 * SAMPLE_RATE)).astype(np.float32)
    for name in args.presets:
        with model(name, args.threads) as (network, separator):
            seconds = statistics.median(clock(separator.separate, noise, sample_rate=SAMPLE_RATE)[0] for _ in "123")
            parameters = sum(parameter.numel() for parameter in network.parameters())
            cost = multiply_adds_per_second(network, len(TARGETS)) / 1e9
        rtf = seconds / 10
        print(f"| {name} | {parameters:,} | {cost:.1f} G | {rtf:.2f} | {rtf * 240:.0f} s |", flush=True)


def compare(name, audio, args):
    length = audio.shape[1] / SAMPLE_RATE
    ours, theirs = [], []
    with model(name, args.threads) as (network, separator):
        for _ in range(args.repeats):
            seconds, our_stems = clock(separator.separate, audio, sample_rate=SAMPLE_RATE)
            ours.append(seconds)
            seconds, their_stems = clock(published, network, audio)
            theirs.append(seconds)
    difference = [
        20 * np.log10(np.std(our_stems[target] - their_stems[target]) / np.std(their_stems[target]))
        for target in TARGETS
    ]
    return {
        "preset": name,
        "threads": args.threads,
        "audio_seconds": length,
        "ours_rtf": statistics.median(ours) / length,
        "published_rtf": statistics.median(theirs) / length,
        "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        "ratios": [b / a for a, b in zip(ours, theirs, strict=True)],
        "difference_db": dict(zip(TARGETS, [round(float(value), 1) for value in difference], strict=True)),
    }


@torch.no_grad()
def published(network, audio):
    """Separate as the publication does. Returns {target: (2, samples)}."""
    config = network.config
    window = torch.hann_window(config.n_fft)
    size = (config.frames - 1) * config.hop_length
    hop = size // 2 // config.hop_length * config.hop_length  # whole hops: the same frames as in one long STFT
    padded = torch.from_numpy(np.pad(audio, ((0, 0), (hop, size + hop))))
    ramp = torch.from_numpy(np.bartlett(size + 2)[1:-1].astype(np.float32))
    stems = {}
    for index, target in enumerate(TARGETS):
        stem, weight = torch.zeros_like(padded), torch.zeros(padded.shape[1])
        for start in range(0, padded.shape[1] - size, hop):
            part = padded[:, start : start + size]
            spectrum = torch.stft(part, config.n_fft, config.hop_length, window=window, return_complex=True)
            planes = torch.cat([spectrum.real, spectrum.imag]).transpose(1, 2)[None]
            estimate = network(planes, torch.tensor([index]))[0, 0].transpose(1, 2)
            complex_estimate = torch.complex(estimate[:2].contiguous(), estimate[2:].contiguous())
            wave = torch.istft(complex_estimate, config.n_fft, config.hop_length, window=window, length=size)
            stem[:, start : start + size] += ramp * wave
            weight[start : start + size] += ramp
        stems[target] = (stem / weight.clamp(min=1e-8))[:, hop : hop + audio.shape[1]].numpy()
    return stems


@contextlib.contextmanager
def model(name, threads):
    """A preset's network with random weights, and a separator that runs its export."""
    torch.manual_seed(0)
    network = build(PRESETS[name]).eval()
    about = {"licence": "CC0 1.0", "training": {}, "scores": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(network, folder, name=name, version="0", **about)
        yield network, Separator.from_file(path, threads=threads)


def clock(function, *args, **options):
    """Seconds that a call took, and its result."""
    start = time.perf_counter()
    result = function(*args, **options)
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
