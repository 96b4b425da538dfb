"""Trains the networks and losses that `training/HISTORY.md` compares, all for the same time, and prints their table.

    python training/compare.py RUNS --data POOL --songs SONGS
    python training/compare.py RUNS --data POOL --data TREE --songs SONGS --mashups TREE2 --validation POOL --grow FILE

The first command trains new networks for 15 minutes of processor time each, two at a time with one thread each. With
`--grow` each trial goes on from a packed checkpoint with a larger network, for 120 minutes, one trial at a time in two
processes. If the command was interrupted, it goes on from the checkpoints in RUNS.
"""

import argparse
import csv
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from lightsaft_train.checkpoint_files import load
from lightsaft_train.errors import TrainingError
from lightsaft_train.run import SCORES

BASE = (
    "n_fft=4096 subbands=16 folding=bands channels=64 growth=32 levels=3 tfc=residual skip=sum conditioned=head "
    "min_bn_units=8 output=complex_mask compression=0.4 magnitudes=true middle_layers=null",
    "batch=4 frames=64 warmup=100 ema=0.99 learning_rate=0.002 loss=relative optimiser=muon",
)
VARIANTS = {  # changes of the network, and of the training
    "base": ("", ""),
    "every 16th bin": ("folding=bins", ""),
    "every 16th bin, AdamW": ("folding=bins", "optimiser=adamw learning_rate=0.0015"),
    "every 16th bin, no magnitudes": ("folding=bins magnitudes=false", ""),
    "real mask": ("output=real_mask", ""),
    "conditioned decoder": ("conditioned=decoder", ""),
    "8 sub-bands, 48 channels, 4 levels": ("subbands=8 channels=48 growth=16 levels=4", ""),
    "loss sdr": ("", "loss=sdr"),
    "n_fft 2048, 8 sub-bands": ("n_fft=2048 subbands=8", ""),
    "96 channels": ("channels=96", ""),
    "4 levels": ("levels=4", ""),
    "rate 0.004": ("", "learning_rate=0.004"),
    "mapping": ("output=mapping", ""),
    "no compression": ("compression=1.0", ""),
    "loss l1": ("", "loss=l1"),
    "loss mse": ("", "loss=mse"),
    "all conditioned": ("conditioned=all", ""),
    "skip by concatenation": ("skip=concatenation", ""),
    "dense convolutions": ("tfc=dense", ""),
    "4 convolutions a block": ("tfc_layers=4", ""),
}
GROWN_TRAINING = "batch=5 frames=96 learning_rate=0.0015 ema=0.998 loss=sdr floor=0.003 decay_from=null"
GROWN = {  # changes of a checkpoint's network, and of GROWN_TRAINING
    "control": ("", ""),
    "96 channels, paths, layers in the head": ("channels=96 head_units=96 paths=[0,0,1,2]", ""),
    "paths": ("paths=[0,0,1,2]", ""),
    "paths up to the second level": ("paths=[0,1,1,2]", ""),
    "4 convolutions a block": ("tfc_layers=4", ""),
    "windows of 192 frames": ("paths=[0,0,1,2]", "batch=3 frames=192"),
}
TREES = {
    "songs": "folder of real songs to score on",
    "mashups": "folder of songs of a voice and an accompaniment to score on",
    "validation": "folder of songs to mix for validation",
}


def main() -> int:
    """Train the chosen variants, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=absolute, metavar="RUNS", help="folder of the runs, one for each variant")
    text = "folder of songs to train on (may be repeated)"
    parser.add_argument("--data", type=absolute, required=True, action="append", metavar="TREE", help=text)
    for tree, text in TREES.items():
        parser.add_argument(f"--{tree}", type=absolute, metavar="TREE", help=text)
    parser.add_argument("--grow", type=absolute, metavar="FILE.pt", help="go on from a packed checkpoint")
    text = "minutes of training of each variant (default: 15, with --grow 120)"
    parser.add_argument("--minutes", type=float, help=text)
    parser.add_argument("--only", nargs="*", metavar="VARIANT", help="train these variants alone")
    args = parser.parse_args()
    variants = list(GROWN if args.grow else VARIANTS)
    names = args.only or variants
    unknown = [name for name in names if name not in variants]
    if unknown:
        parser.error(f"expected variants among {', '.join(variants)}, got: {', '.join(unknown)}")
    todo: list[str] = list(names)
    failed: list[str] = []
    workers = [threading.Thread(target=work, args=(todo, failed, args)) for _ in range(1 if args.grow else 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    table(args.runs, names)
    return 1 if failed else 0


def absolute(text: str) -> Path:
    """Return the path of an argument. The command of the trainer is started in another folder."""
    return Path(text).resolve()


def work(todo: list[str], failed: list[str], args: argparse.Namespace) -> None:
    """Train variants until none is left, or until one fails, whose name is appended to `failed`."""
    while todo:
        name = todo.pop(0)
        try:
            train(name, args)
        except (TrainingError, subprocess.CalledProcessError) as error:
            print(f"compare: error: the variant {name} failed: {error}", file=sys.stderr)
            failed.append(name)
            return


def train(name: str, args: argparse.Namespace) -> None:
    """Train a variant for the minutes that it still takes."""
    run = args.runs / name
    minutes, options = grown(name, run, args) if args.grow else new(name, run, args)
    if minutes > 0.1:
        trees = [("data", tree) for tree in args.data]
        trees += [(tree, getattr(args, tree)) for tree in TREES if getattr(args, tree)]
        options += [str(part) for tree, path in trees for part in (f"--{tree}", path)]
        start("train", run, "--minutes", str(minutes), *options)


def new(name: str, run: Path, args: argparse.Namespace) -> tuple[float, list[str]]:
    """Return the minutes that a trial of a new network still takes, and the options of its training."""
    network, training = (f"{base} {change}".split() for base, change in zip(BASE, VARIANTS[name], strict=True))
    minutes = (args.minutes or 15) - trained(run / "checkpoint.pt")
    options = ["--processes", "1", "--network", *network, "--training", *training]
    return minutes, [*options, "--intervals", f"evaluate={minutes * 2}", "processor=true"]


def grown(name: str, run: Path, args: argparse.Namespace) -> tuple[float, list[str]]:
    """Return the same for a trial that goes on from a checkpoint. Begin it with the grown network."""
    network, training = (change.split() for change in GROWN[name])
    if not (run / "checkpoint.pt").exists():
        start("unpack", args.grow, run, *(["--network", *network] if network else []))
    minutes = (args.minutes or 120) - trained(run / "checkpoint.pt") + trained(args.grow)
    options = ["--processes", "2", "--intervals", "evaluate=60"]
    return minutes, [*options, "--training", *GROWN_TRAINING.split(), *training]


def start(*command: str | Path) -> None:
    """Run a command of the trainer."""
    trainer = [sys.executable, "-m", "lightsaft_train"]
    subprocess.run([*trainer, *command], check=True, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL)


def trained(path: Path) -> float:
    """Return the minutes of training that a checkpoint has seen; 0 if there is none."""
    return float(load(path, ("seconds",))["seconds"]) / 60 if path.exists() else 0.0


def table(runs: Path, names: Iterable[str]) -> None:
    """Print the last scores of every run, and its speed."""
    columns = [name for name in SCORES if name != "minutes"]
    print("| | " + " | ".join(columns) + " | target seconds per second |\n" + "| --- " * (len(columns) + 2) + "|")
    for name in names:
        if (runs / name / "scores.csv").exists():
            last = list(csv.DictReader((runs / name / "scores.csv").open(newline="")))[-1]
            log = list(csv.DictReader((runs / name / "log.csv").open(newline="")))
            speed = sorted(float(row["target_seconds_per_second"]) for row in log)[len(log) // 2]
            print(f"| {name} | " + " | ".join(last[column] for column in columns) + f" | {speed:.0f} |")


if __name__ == "__main__":
    sys.exit(main())
