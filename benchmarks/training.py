"""Measure the speed of training steps: float32 against bfloat16, one thread against two, in turns in one run.

    PYTHONPATH=training python benchmarks/training.py
    PYTHONPATH=training python benchmarks/training.py --keep-memory
    PYTHONPATH=training python benchmarks/training.py --network channels=48 levels=4 --batch 3 --frames 96

The command prints JSON. For each way: the median seconds of a step, and the seconds of target audio that it trains on
per second. It needs torch. Two processes with a thread each train on twice the figure of one thread, less the time that
they wait for memory.
"""

import argparse
import dataclasses
import json
import time
from statistics import median

import torch
from lightsaft_train.config import PRESETS, changed
from lightsaft_train.export.cost import multiply_adds_per_second
from lightsaft_train.run import keep_memory
from lightsaft_train.trainer import Trainer, TrainingConfig, samples

WAYS = {
    "float32, 2 threads": (False, 2),
    "bfloat16, 2 threads": (True, 2),
    "float32, 1 thread": (False, 1),
    "bfloat16, 1 thread": (True, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="lightsaft-small")
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep-memory", action="store_true", help="keep freed memory, as training runs do")
    args = parser.parse_args()
    if args.keep_memory:
        keep_memory()
    config = changed(PRESETS[args.preset], args.network)
    training = TrainingConfig(batch=args.batch, frames=args.frames)
    trainers = {
        way: Trainer(config, dataclasses.replace(training, bfloat16=bfloat16)) for way, (bfloat16, _) in WAYS.items()
    }
    stems = 0.1 * torch.randn(training.batch, 4, 2, samples(config, training.frames))
    sums = torch.eye(4).expand(training.batch, 4, 4)  # every stem is a target
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for repeat in range(args.repeats + 1):
        for way, (_, threads) in WAYS.items():
            torch.set_num_threads(threads)
            started = time.perf_counter()
            trainers[way].update(stems.sum(dim=1), stems, sums)
            if repeat:  # the first step is slower and is not counted
                seconds[way].append(time.perf_counter() - started)
    audio = stems.shape[0] * stems.shape[1] * stems.shape[3] / 44100
    result = {
        "multiply_adds_per_second_of_audio": multiply_adds_per_second(trainers["float32, 1 thread"].network.eval(), 4),
        "steps": {
            way: {"seconds": round(median(times), 3), "target_seconds_per_second": round(audio / median(times), 1)}
            for way, times in seconds.items()
        },
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
