"""Measure `lightsaft batch` with 1 and 2 workers on this machine: the embedded engine, and a Dask cluster.

    pip install -e ".[benchmarks]"
    python benchmarks/scaling.py --tracks 8 --repeats 3

The command copies a clip into a temporary folder, several times, and separates the copies with every engine and number
of workers. It prints JSON. For each run: the seconds of the whole command, tracks per second and the speed-up over one
worker (medians), and the engine's own seconds (those of the command, less those of the tracks divided by the workers).
Each worker has one thread. The cluster consists of processes on this machine. It is started before the time is taken,
and its workers are new for every run.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from clip import EXAMPLE

Engine = Callable[[int], AbstractContextManager[list[str]]]
"""A context of a number of workers; it gives options of the command."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixture", type=Path, default=EXAMPLE, help="clip to copy (default: the example)")
    parser.add_argument("--tracks", type=int, default=8, help="number of copies (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers (default: 1 2)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, for medians (default: %(default)s)")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="engines (default: all)")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.tracks):
            copy = Path(folder, "in", f"{number:05}{args.mixture.suffix}")
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(args.mixture, copy)
        rows = [measure(folder, engine, workers, args) for engine in args.engines for workers in args.workers]
    for row in rows:
        first = next(other for other in rows if other["engine"] == row["engine"])
        row["speed_up"] = round(first["seconds"] / row["seconds"], 3)
    print(json.dumps({"cores": os.cpu_count(), "tracks": args.tracks, "repeats": args.repeats, "runs": rows}, indent=1))


def measure(folder: str, engine: str, workers: int, args: argparse.Namespace) -> dict[str, Any]:
    """Return the medians of all repeats of one engine and number of workers."""
    runs = [run(folder, engine, workers, args) for _ in range(args.repeats)]
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {
        "engine": engine,
        "workers": workers,
        "seconds": round(median["seconds"], 3),
        "seconds_min": round(min(run["seconds"] for run in runs), 3),
        "seconds_max": round(max(run["seconds"] for run in runs), 3),
        "tracks_per_second": round(args.tracks / median["seconds"], 4),
        "engine_seconds": round(median["seconds"] - median["track_seconds"] / workers, 3),
        "audio_seconds": round(median["audio_seconds"], 3),
        "input_bytes": median["input_bytes"],
        "output_bytes": median["output_bytes"],
        "journal_bytes": median["journal_bytes"],
    }


def run(folder: str, engine: str, workers: int, args: argparse.Namespace) -> dict[str, float]:
    """Run the command once. Return its time and the sums of its journal."""
    out = Path(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "lightsaft_infer", "batch", str(Path(folder, "in")), str(out), "--threads", "1"]
    command += ["--model", str(args.model.absolute())] if args.model else []
    with ENGINES[engine](workers) as options:
        start = time.perf_counter()
        done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"lightsaft batch failed with exit status {done.returncode}")
    journal = out / "journal.jsonl"
    entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return {
        "seconds": seconds,
        "track_seconds": sum(entry["wall_seconds"] for entry in entries),
        "audio_seconds": sum(entry["seconds"] for entry in entries),
        "input_bytes": sum(entry["input"]["bytes"] for entry in entries),
        "output_bytes": sum(stem["bytes"] for entry in entries for stem in entry["outputs"].values()),
        "journal_bytes": journal.stat().st_size,
    }


@contextlib.contextmanager
def embedded(workers: int) -> Iterator[list[str]]:
    """Give the options of the command for its own processes."""
    yield ["--workers", str(workers), "--cores", str(workers)]


@contextlib.contextmanager
def dask(workers: int) -> Iterator[list[str]]:
    """Give the options of the command for a cluster, which runs inside the block."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0
    ) as cluster:
        yield ["--cluster", cluster.scheduler_address]


ENGINES: dict[str, Engine] = {"embedded": embedded, "dask": dask}

if __name__ == "__main__":
    main()
