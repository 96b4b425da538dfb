"""Batches that are killed at random moments, and time limits on a busy machine.

    python benchmarks/reliability.py kills --count 100
    python benchmarks/reliability.py kills --count 1 --first 17      # one kill again, in a new folder
    python benchmarks/reliability.py deadlines --count 40

`kills` runs `lightsaft batch` with two workers and sends SIGKILL at a random moment: to the command, to one worker, or
to all processes at once, as when the power fails. The same output folder is used until all its tracks are done.
`deadlines` separates files within random time limits, half of them while other processes take all cores now and then.
Both print JSON, and end with status 1 if a promise of docs/reliability.md is broken. They need Linux.
"""

import argparse
import collections
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from clip import EXAMPLE

from lightsaft_infer import AudioReader, Separator, separate_file
from lightsaft_infer.benchmark import TimedNetwork

TRACKS = 8
BUSY = [sys.executable, "-c", "while True: pass"]
PATIENCE = 60  # seconds in which the workers of a killed command must end


def kills(count: int, first: int, seed: int, model: str | None) -> dict[str, Any]:
    """Kill runs until there were `count` kills and the last catalogue is finished."""
    counts: collections.Counter[str] = collections.Counter()
    exits, number = [], first
    with tempfile.TemporaryDirectory() as folder:
        songs = Path(folder, "in")
        write_catalogue(songs)
        length = min(undisturbed(songs, Path(folder, f"reference{turn}"), model) for turn in range(2))
        reference = stems(Path(folder, "reference0"))
        while number < first + count:
            out = Path(folder, f"out{counts['catalogues']}")
            groups, finished = [], False
            while not finished:
                started = run(songs, out, model)
                groups.append(started.process.pid)
                kind = "none"
                rng = np.random.default_rng((seed, number))
                if number < first + count and not started.ends_within(rng.uniform(0, length)):
                    kind = started.kill(rng)
                    print(f"{number}: {kind}", file=sys.stderr, flush=True)
                    counts[kind] += 1
                    number += 1
                status = started.process.wait()
                finished = kind in ("none", "one worker")
                if finished and status:
                    exits.append(f"{number}: {kind}, status {status}")
                counts.update(damage(out, reference))
            for group in groups:
                wait_for_group(group)
            counts["catalogues"] += 1
            counts["tracks"] += TRACKS
            counts.update(end(out))
    names = ("the command", "one worker", "all processes", "catalogues", "tracks", *DAMAGE)
    result = {"seconds_undisturbed": round(length, 1), **{name: counts[name] for name in names}, "exits": exits}
    result["fault"] = bool(exits or any(counts[name] for name in DAMAGE))
    return result


DAMAGE = ("lost", "half written", "done twice", "torn lines", "parts left")


def undisturbed(songs: Path, out: Path, model: str | None) -> float:
    """Return the seconds of a run."""
    start = time.monotonic()
    if run(songs, out, model).process.wait():
        raise SystemExit("the undisturbed run has failed")
    return time.monotonic() - start


def write_catalogue(folder: Path) -> None:
    """Write tracks of 1 to 4 seconds, the example from different places."""
    audio, rate = soundfile.read(EXAMPLE, dtype="float32")
    rng = np.random.default_rng(0)
    for number in range(TRACKS):
        path = folder / f"album {number % 3}" / f"{number}.{('wav', 'flac')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = rng.integers(len(audio) - 4 * rate)
        soundfile.write(path, audio[start : start + int(rng.uniform(1, 4) * rate)], rate)


class Run(NamedTuple):
    """A run of the command, in a process group of its own."""

    process: "subprocess.Popen[bytes]"

    def ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return True
        return False

    def kill(self, rng: np.random.Generator) -> str:
        """Kill one or more of its processes. Returns which. If there is no worker yet, or no more, it is the command
        instead of a worker."""
        workers = self._workers()
        kind = ("the command", "one worker", "all processes")[rng.integers(3)]
        if kind == "all processes":
            os.killpg(self.process.pid, signal.SIGKILL)
        elif kind == "one worker" and workers:
            os.kill(workers[rng.integers(len(workers))], signal.SIGKILL)
        else:
            kind = "the command"
            self.process.kill()
        return kind

    def _workers(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"multiprocessing.spawn" in _command_line(child)]


def _command_line(pid: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def run(songs: Path, out: Path, model: str | None) -> Run:
    """Start the command."""
    command = [sys.executable, "-m", "lightsaft_infer", "batch", songs, out, "--workers", "2", "--cores", "2"]
    command += ["--model", model] if model else []
    return Run(subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True))


def wait_for_group(group: int) -> None:
    """Wait until the processes of a run have ended."""
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        raise SystemExit(f"processes of group {group} do not end")


def stems(out: Path) -> dict[str, str]:
    """Return the digests of all files under a final name."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".part"]
    return {str(path.relative_to(out)): _digest(path) for path in files if path.name != "journal.jsonl"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damage(out: Path, reference: dict[str, str]) -> dict[str, int]:
    """Compare the files of an output folder with those of the undisturbed run, and with the journal."""
    found = stems(out)
    outputs = [output for entry in journal(out)[0] for output in entry["outputs"].values()]
    return {
        "half written": sum(reference.get(name) != digest for name, digest in found.items()),
        "lost": sum(found.get(output["file"]) != output["sha256"] for output in outputs),
    }


def end(out: Path) -> dict[str, int]:
    """Check an output folder whose tracks must all be done."""
    entries, torn = journal(out)
    times = collections.Counter(entry["track"] for entry in entries)
    return {
        "lost": TRACKS - len(times),
        "done twice": sum(count > 1 for count in times.values()),
        "torn lines": torn,
        "parts left": len(list(out.rglob("*.part"))),
    }


def journal(out: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the entries of a journal, all of which should be of finished tracks, and the number of other lines."""
    path = out / "journal.jsonl"
    entries, torn = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else ():
        entry: Any = None
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
        if isinstance(entry, dict) and entry.get("status") == "done":
            entries.append(entry)
        else:
            torn += 1
    return entries, torn


def deadlines(count: int, first: int, seed: int, suffix: str) -> dict[str, Any]:
    """Separate files within time limits."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            runs.append(deadline(folder, number, seed, suffix))
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    late = [one for one in runs if one["overrun"] > 0]
    largest = max(runs, key=lambda one: one["overrun"])
    beyond = [one["number"] for one in runs if one["overrun"] > one["longest_pass"]]
    wrong = [one["number"] for one in runs if not one["lengths_right"]]
    return {
        "runs": count,
        "busy": sum(one["busy"] for one in runs),
        "within_the_limit": count - len(late),
        "late_by_one_pass_at_most": len(late) - len(beyond),
        "late_by_more": beyond,
        "largest_overrun": largest["overrun"],
        "longest_pass_of_that_run": largest["longest_pass"],
        "wrong_lengths": wrong,
        "fault": bool(beyond or wrong),
    }


def deadline(folder: str, number: int, seed: int, suffix: str) -> dict[str, Any]:
    """Separate one file in a process of its own. Returns its figures, times in seconds."""
    rng = np.random.default_rng((seed, number))
    song = Path(folder, f"{number}.wav")
    seconds, part, busy = rng.uniform(5, 60), rng.uniform(0.05, 3), number % 2 == 1
    write_song(song, seconds, rng)
    command = [sys.executable, __file__, "separation", song, Path(folder, str(number)), suffix]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        needed = float(process.stdout.readline())
        with load(rng, needed) if busy else contextlib.nullcontext():
            process.stdin.write(f"{part * needed}\n")
            process.stdin.flush()
            figures = json.loads(process.stdout.readline())
    song.unlink()
    head = {"number": number, "busy": busy, "seconds": round(seconds, 1), "needed": round(needed, 2)}
    return head | {"part": round(part, 2)} | figures


def write_song(path: Path, seconds: float, rng: np.random.Generator) -> None:
    """Write noise, or the example repeated."""
    audio, rate = soundfile.read(EXAMPLE, dtype="float32")
    length = int(seconds * rate)
    if rng.random() < 0.5:
        audio = rng.uniform(-0.5, 0.5, (length, 2)).astype(np.float32)
    soundfile.write(path, np.resize(audio, (length, 2)), rate)


@contextlib.contextmanager
def load(rng: np.random.Generator, needed: float) -> Iterator[None]:
    """Start a process for each core, and end them, at random moments."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            over.wait(rng.uniform(0, needed / 2))
            processes = [subprocess.Popen(BUSY) for _ in range(os.cpu_count() or 1)]
            over.wait(rng.uniform(0, needed))
            for process in processes:
                process.kill()
                process.wait()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def separation(song: str, out: str, suffix: str) -> None:
    """Separate a file without a limit and print the time, read a limit, and separate it within the limit."""
    loaded = Separator.from_file()
    clocks = [TimedNetwork(network) for network in loaded.networks]
    separator = Separator(loaded.manifest, clocks)
    outputs = {target: f"{out}/{target}.{suffix}" for target in separator.targets}
    separate_file(separator, song, outputs, duration=1.0)  # loads modules
    start = time.monotonic()
    separate_file(separator, song, outputs, overwrite=True)
    print(time.monotonic() - start, flush=True)
    limit = float(sys.stdin.readline())
    for clock in clocks:
        clock.calls.clear()
    start = time.monotonic()
    result = separate_file(separator, song, outputs, overwrite=True, time_limit=limit)
    took = time.monotonic() - start
    expected = soundfile.info(song).frames
    figures = {
        "limit": round(limit, 2),
        "overrun": round(took - limit, 3),
        "longest_pass": round(max((call.end - call.start for clock in clocks for call in clock.calls), default=0), 3),
        "passes": result.passes,
        "lengths_right": all(_samples(path) == expected for path in outputs.values()),
    }
    print(json.dumps(figures), flush=True)


def _samples(path: str) -> int:
    with AudioReader(path) as reader:
        return sum(block.shape[1] for block in reader.blocks())


def main() -> None:
    """Parse the arguments, make the runs and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="{kills,deadlines}")
    for name, count in (("kills", 100), ("deadlines", 40)):
        command = commands.add_parser(name)
        command.add_argument("--count", type=int, default=count, help="default: %(default)s")
        command.add_argument("--first", type=int, default=0, help="number of the first one")
        command.add_argument("--seed", type=int, default=0)
    commands.choices["kills"].add_argument("--model", help="manifest (default: the packaged one)")
    commands.choices["deadlines"].add_argument("--format", default="wav", help="of the stems (default: %(default)s)")
    worker = commands.add_parser("separation")  # one process of `deadlines`
    for name in ("song", "out", "suffix"):
        worker.add_argument(name)
    args = parser.parse_args()
    if args.command == "separation":
        separation(args.song, args.out, args.suffix)
        return
    if args.command == "kills":
        result = kills(args.count, args.first, args.seed, args.model)
    else:
        result = deadlines(args.count, args.first, args.seed, args.format)
    print(json.dumps(result, indent=1))
    raise SystemExit(result["fault"])


if __name__ == "__main__":
    main()
