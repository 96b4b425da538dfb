"""Trains the networks and losses that `training/README.md` compares, all for as long, and prints their table.

    python training/compare.py POOL SONGS RUNS [--minutes 15] [--only NAME ...]

Two runs at a time, with one thread each; the minutes are of processor time. What RUNS holds already is not trained
again.
"""

import argparse
import csv
import subprocess
import sys
import threading
from pathlib import Path

BASE = (
    "n_fft=4096 subbands=16 folding=bands channels=64 growth=32 levels=3 tfc=residual skip=sum conditioned=head "
    "min_bn_units=8 output=complex_mask compression=0.4 magnitudes=true middle_layers=null",
    "batch=4 frames=64 warmup=100 average=0.99 rate=0.002 loss=relative optimiser=muon",
)
VARIANTS = {  # changes of the network, of the plan
    "base": ("", ""),
    "every 16th bin": ("folding=bins", ""),
    "every 16th bin, AdamW": ("folding=bins", "optimiser=adamw rate=0.0015"),
    "every 16th bin, no magnitudes": ("folding=bins magnitudes=false", ""),
    "real mask": ("output=real_mask", ""),
    "conditioned decoder": ("conditioned=decoder", ""),
    "8 sub-bands, 48 channels, 4 levels": ("subbands=8 channels=48 growth=16 levels=4", ""),
    "loss sdr": ("", "loss=sdr"),
    "n_fft 2048, 8 sub-bands": ("n_fft=2048 subbands=8", ""),
    "96 channels": ("channels=96", ""),
    "4 levels": ("levels=4", ""),
    "rate 0.004": ("", "rate=0.004"),
    "mapping": ("output=mapping", ""),
    "no compression": ("compression=1.0", ""),
    "loss l1": ("", "loss=l1"),
    "loss mse": ("", "loss=mse"),
    "all conditioned": ("conditioned=all", ""),
    "skip by concatenation": ("skip=concatenation", ""),
    "dense convolutions": ("tfc=dense", ""),
    "4 convolutions a block": ("tfc_layers=4", ""),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("songs", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    todo = [name for name in args.only if not (args.runs / name / "scores.csv").exists()]
    workers = [threading.Thread(target=work, args=(todo, args)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    table(args.runs)


def work(todo, args):
    """Train variants until none is left."""
    while todo:
        name = todo.pop(0)
        network, plan = (f"{base} {change}".split() for base, change in zip(BASE, VARIANTS[name], strict=True))
        command = [sys.executable, "-m", "lightsaft_train", "train", args.runs / name, "--processes", "1"]
        command += ["--data", args.pool, "--songs", args.songs, "--minutes", str(args.minutes)]
        command += ["--network", *network, "--plan", *plan, "--pace", f"evaluate={args.minutes * 2}", "processor=true"]
        subprocess.run(command, check=True, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL)


def table(runs):
    """Print the last scores of every run, and its speed."""
    columns = ("step", "validation", "vocals", "drums", "bass", "other", "mean")
    print("| | " + " | ".join(columns) + " | target seconds per second |\n" + "| --- " * (len(columns) + 2) + "|")
    for name in VARIANTS:
        if (runs / name / "scores.csv").exists():
            last = list(csv.DictReader((runs / name / "scores.csv").open(newline="")))[-1]
            log = list(csv.DictReader((runs / name / "log.csv").open(newline="")))
            speed = sorted(float(row["target_seconds_per_second"]) for row in log)[len(log) // 2]
            print(f"| {name} | " + " | ".join(last[column] for column in columns) + f" | {speed:.0f} |")


if __name__ == "__main__":
    main()
