"""Measure the speed of training steps, what they keep in memory, and what drawing the mixtures costs.

    PYTHONPATH=training python benchmarks/training.py --keep-memory
    PYTHONPATH=training python benchmarks/training.py --device cuda --preset lightsaft-paper --batch 8 --frames 128
    PYTHONPATH=training python benchmarks/training.py --network channels=48 levels=4 --batch 3 --frames 96

The command prints JSON. For each way to compute, in turns in one run: the median seconds of a step, and the seconds of
target audio that it trains on per second. (Two processes with a thread each train on twice the figure of one thread,
less the time that they wait for memory.) Then the memory that a step keeps for its gradient, the seconds that one
process takes to draw the mixtures of a step, and how many such processes (`loaders`) keep the fastest way busy.

It needs torch.
"""

import argparse
import dataclasses
import json
import math
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile as sf
import torch
from lightsaft_train.config import PRESETS
from lightsaft_train.data import SAMPLE_RATE, TARGETS, Mixer, songs_in
from lightsaft_train.devices import device_of, prepare
from lightsaft_train.export.cost import multiply_adds_per_second
from lightsaft_train.processes import keep_memory
from lightsaft_train.settings import changed
from lightsaft_train.trainer import Trainer
from lightsaft_train.training_config import TrainingConfig

WAYS = {  # kind of device: {way: (bfloat16, threads)}
    "cpu": {
        "float32, 2 threads": (False, 2),
        "bfloat16, 2 threads": (True, 2),
        "float32, 1 thread": (False, 1),
        "bfloat16, 1 thread": (True, 1),
    },
    "cuda": {"float32": (False, 1), "bfloat16": (True, 1)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="as of train (default: %(default)s)")
    parser.add_argument("--preset", choices=PRESETS, default="lightsaft-small")
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, metavar="TREE", help="songs to draw from (default: noise)")
    parser.add_argument("--keep-memory", action="store_true", help="keep freed memory, as training runs do")
    args = parser.parse_args()
    if args.keep_memory:
        keep_memory()
    device = device_of(args.device)
    prepare(device)
    config = changed(PRESETS[args.preset], args.network)
    training = TrainingConfig(batch=args.batch, frames=args.frames)
    ways = WAYS[device.type]
    trainers = {
        way: Trainer(config, dataclasses.replace(training, bfloat16=bfloat16), device)
        for way, (bfloat16, _) in ways.items()
    }
    drawing, batch = drawn(config.samples(training.frames), args)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(args.repeats + 1):
        for way, (_, threads) in ways.items():
            torch.set_num_threads(threads)
            started = time.perf_counter()
            trainers[way].update(*batch)
            if repeat:  # the first step is slower and is not counted
                seconds[way].append(time.perf_counter() - started)
    audio = batch[1].shape[0] * len(TARGETS) * batch[1].shape[-1] / SAMPLE_RATE
    kinds = {way.partition(",")[0]: trainer for way, trainer in trainers.items()}  # threads keep the same features
    fastest = min(median(times) for times in seconds.values())
    result = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "multiply_adds_per_second_of_audio": multiply_adds_per_second(trainers[next(iter(ways))].ema_on_processor(), 4),
        "steps": {
            way: {"seconds": round(median(times), 3), "target_seconds_per_second": round(audio / median(times), 1)}
            for way, times in seconds.items()
        },
        "kept_for_the_gradient_mib": {kind: kept(trainer, batch) for kind, trainer in kinds.items()},
        "drawing": {"seconds_of_a_step": round(drawing, 3), "loaders": math.ceil(drawing / fastest)},
    }
    print(json.dumps(result, indent=1))


def drawn(length: int, args: argparse.Namespace) -> tuple[float, tuple[torch.Tensor, ...]]:
    """Return the seconds that it takes to draw the mixtures of a step, and these mixtures."""
    with tempfile.TemporaryDirectory() as folder:
        tree = args.data or noise(Path(folder), 4 * length)
        mixer = Mixer(songs_in(tree), length)
        seconds = []
        for step in range(args.repeats):
            started = time.perf_counter()
            batch = mixer.batch(step, args.batch)
            seconds.append(time.perf_counter() - started)
    return median(seconds), tuple(torch.from_numpy(part) for part in batch)


def noise(folder: Path, length: int) -> Path:
    """Write songs of noise, and return their folder."""
    rng = np.random.default_rng(0)
    for song in range(8):
        (folder / str(song)).mkdir()
        for target in TARGETS:
            sf.write(folder / str(song) / f"{target}.wav", 0.1 * rng.standard_normal((length, 2)), SAMPLE_RATE)
    return folder


def kept(trainer: Trainer, batch: tuple[torch.Tensor, ...]) -> int:
    """Return the MiB of features that a step keeps to compute the gradient. Each piece of memory counts once."""
    weights = {weight.untyped_storage().data_ptr() for weight in trainer.network.parameters()}
    found: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        trainer.update(*batch)
    return round(sum(found.values()) / 2**20)


if __name__ == "__main__":
    main()
