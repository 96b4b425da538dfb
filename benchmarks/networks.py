"""Measure cost and speed of the networks in training/, with random weights, under our runtime.

    pip install -e . -r training/requirements.txt
    PYTHONPATH=training python benchmarks/networks.py table
    PYTHONPATH=training python benchmarks/networks.py compare MIXTURE lightsaft-paper lasaft-v2-light

`table` prints Markdown, for all four targets: parameters, multiply-adds per second of audio (without overlap),
real-time factor with our default overlap, and the projected time of a song of 240 s.

`compare` runs the same networks also as their publication does: in torch, one target at a time, in windows of 128
frames (3 s) with 50 % overlap. It prints JSON: the real-time factors of both ways, alternating in one run, their ratio,
and the difference of their stems.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from clip import SAMPLE_RATE, load
from lightsaft_train.config import PRESETS, Config
from lightsaft_train.data import TARGETS
from lightsaft_train.export import write_model
from lightsaft_train.export.cost import multiply_adds_per_second
from lightsaft_train.networks import build

from lightsaft_infer import Separator
from lightsaft_infer.arrays import Audio, Stems

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="number of threads (default: %(default)s)")
    commands = parser.add_subparsers(required=True, dest="command")
    table = commands.add_parser("table", help="print cost and speed of presets")
    table.add_argument("presets", nargs="*", default=list(PRESETS), help="presets (default: all)")
    comparison = commands.add_parser("compare", help="compare our runtime with the publication's way")
    comparison.add_argument("mixture")
    comparison.add_argument("presets", nargs="+")
    comparison.add_argument("--seconds", type=float, default=30)
    comparison.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.command == "table":
        print_table(args.presets, args.threads)
    else:
        audio = load(args.mixture, args.seconds)
        results = [compare(name, audio, args.threads, args.repeats) for name in args.presets]
        print(json.dumps(results, indent=1))


def print_table(presets: Sequence[str], threads: int) -> None:
    """Print a row for each preset."""
    print("| preset | parameters | multiply-adds per second of audio | real-time factor | a song of 240 s |")
    print("| --- | --- | --- | --- | --- |")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 10 * SAMPLE_RATE)).astype(np.float32)
    for name in presets:
        with model(name, threads) as (network, separator):
            seconds = statistics.median(clock(separator.separate, noise, sample_rate=SAMPLE_RATE)[0] for _ in "123")
            parameters = sum(parameter.numel() for parameter in network.parameters())
            cost = multiply_adds_per_second(network, len(TARGETS)) / 1e9
        rtf = seconds / 10
        print(f"| {name} | {parameters:,} | {cost:.1f} G | {rtf:.2f} | {rtf * 240:.0f} s |", flush=True)


def compare(name: str, audio: Audio, threads: int, repeats: int) -> dict[str, Any]:
    """Return the measures of both ways on the same audio."""
    length = audio.shape[1] / SAMPLE_RATE
    ours, theirs = [], []
    with model(name, threads) as (network, separator):
        for _ in range(repeats):
            seconds, our_stems = clock(separator.separate, audio, sample_rate=SAMPLE_RATE)
            ours.append(seconds)
            seconds, their_stems = clock(published, network, PRESETS[name], audio)
            theirs.append(seconds)
    difference = [
        20 * np.log10(np.std(our_stems[target] - their_stems[target]) / np.std(their_stems[target]))
        for target in TARGETS
    ]
    return {
        "preset": name,
        "threads": threads,
        "audio_seconds": length,
        "ours_rtf": statistics.median(ours) / length,
        "published_rtf": statistics.median(theirs) / length,
        "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        "ratios": [b / a for a, b in zip(ours, theirs, strict=True)],
        "difference_db": dict(zip(TARGETS, [round(float(value), 1) for value in difference], strict=True)),
    }


@torch.no_grad()
def published(network: torch.nn.Module, config: Config, audio: Audio) -> Stems:
    """Separate as the publication does. Return {target: (2, samples)}."""
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
def model(name: str, threads: int) -> Iterator[tuple[torch.nn.Module, Separator]]:
    """Give a preset's network with random weights, and a separator that runs its export."""
    torch.manual_seed(0)
    network = build(PRESETS[name]).eval()
    about = {"licence": "CC0 1.0", "training": {}, "scores": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(network, folder, name=name, version="0", **about)
        yield network, Separator.from_file(path, threads=threads)


def clock(function: Callable[..., Result], *args: object, **options: object) -> tuple[float, Result]:
    """Return the seconds that a call took, and its result."""
    start = time.perf_counter()
    result = function(*args, **options)
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
