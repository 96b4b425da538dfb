"""Measure a studio under load: many uploads at once, a long file, and one song from its submission to its players.

    python benchmarks/studio.py --uploads 50 --mb 20 --long-mb 1270

A studio runs in a process of its own, with a work folder that is removed. Each upload comes from a thread of this
process. The long file has the size of 2 hours of 16-bit stereo at 44.1 kHz by default. While uploads come in, another
thread asks for the list of jobs again and again, and the time until its answer is noted. The command prints JSON: times
in seconds, latencies in milliseconds, and the resident memory of the studio (not of its workers) in MB.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from clip import EXAMPLE

BLOCK = bytes(2**16)


class Studio:
    """A studio in a process of its own."""

    def __init__(self, folder: str, options: list[str]) -> None:
        command = [sys.executable, "-m", "lightsaft_infer", "studio", "--no-browser", "--port", "0", "--folder", folder]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        url = self.process.stdout.readline().strip()
        if not url:
            raise SystemExit("the studio did not start")
        self.port = int(url.rstrip("/").rpartition(":")[2])

    def ask(self, method: str, path: str, body: object = None, size: int = 0) -> object:
        """Return the answer to a request, from JSON. A body is a file, blocks of bytes of a known size, or JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            headers = {"Content-Length": str(size)} if size else {"Content-Type": "application/json"}
            content = body if size or body is None else json.dumps(body)
            connection.request(method, path, content, headers)  # type: ignore[arg-type]
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400:
                raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
            return json.loads(text) if text.startswith((b"{", b"[")) else None

    def memory(self, field: str = "VmRSS") -> float:
        """Return the resident memory in MB, or its peak (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"{field}:\s+(\d+) kB", status)
        assert match
        return round(int(match[1]) / 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=50, help="uploads at once (default: 50)")
    parser.add_argument("--mb", type=int, default=20, help="size of each (default: 20)")
    parser.add_argument("--long-mb", type=int, default=1270, help="size of the long file (default: 1270)")
    parser.add_argument("--song", type=Path, default=EXAMPLE, help="the song to separate (default: the example)")
    parser.add_argument("options", nargs="*", help="options of lightsaft studio, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(folder, args.options)
        try:
            print(json.dumps(measure(studio, args), indent=1))
        finally:
            studio.process.terminate()
            studio.process.wait()


def measure(studio: Studio, args: argparse.Namespace) -> dict[str, object]:
    """Return all measures."""
    studio.ask("GET", "/api/jobs")
    result: dict[str, object] = {"memory_at_start": studio.memory()}
    with asking(studio) as idle:
        time.sleep(3)
    with asking(studio) as busy, concurrent.futures.ThreadPoolExecutor(args.uploads) as pool:
        start = time.perf_counter()
        list(pool.map(lambda number: upload(studio, f"{number}.wav", args.mb), range(args.uploads)))
        seconds = time.perf_counter() - start
    result["idle"] = latency(idle)
    result["uploads"] = {
        "number": args.uploads,
        "mb_each": args.mb,
        "seconds": round(seconds, 2),
        "mb_per_second": round(args.uploads * args.mb / seconds),
        "memory_peak": studio.memory("VmHWM"),
        **latency(busy),
    }
    with asking(studio) as busy:
        start = time.perf_counter()
        upload(studio, "long.wav", args.long_mb)
        seconds = time.perf_counter() - start
    result["long"] = {
        "mb": args.long_mb,
        "seconds": round(seconds, 2),
        "memory_peak": studio.memory("VmHWM"),
        **latency(busy),
    }
    result["song"] = separate(studio, args.song)
    return result | {"memory_at_end": studio.memory()}


def upload(studio: Studio, name: str, megabytes: int) -> None:
    size = megabytes * 10**6
    blocks = (BLOCK[: min(len(BLOCK), size - start)] for start in range(0, size, len(BLOCK)))
    studio.ask("POST", f"/api/uploads?name={name}", blocks, size)


@contextlib.contextmanager
def asking(studio: Studio) -> Iterator[list[float]]:
    """Ask for the list of jobs again and again. Yields the list to which the times until the answers are added."""
    times: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.02):
            start = time.perf_counter()
            studio.ask("GET", "/api/jobs")
            times.append(time.perf_counter() - start)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        ended.set()
        thread.join()


def latency(times: list[float]) -> dict[str, float]:
    """Return the median and the largest of times, in milliseconds."""
    return {"latency_median": round(1000 * statistics.median(times), 1), "latency_most": round(1000 * max(times), 1)}


def separate(studio: Studio, song: Path) -> dict[str, object]:
    """Return the seconds from the submission of a song until it can be heard, is done, and has its players."""
    with open(song, "rb") as file:
        uploaded = studio.ask("POST", f"/api/uploads?name={song.name}", file, song.stat().st_size)
    start = time.perf_counter()
    job = studio.ask("POST", "/api/jobs", {"upload": uploaded["id"]})  # type: ignore[index]
    passed = {}
    while "players" not in passed:
        time.sleep(0.05)
        job = studio.ask("GET", f"/api/jobs/{job['id']}")  # type: ignore[index]
        reached = {"heard": job["done"] > 0, "done": job["state"] == "done", "players": job["report"] == "ready"}
        for name, is_reached in reached.items():
            if is_reached:
                passed.setdefault(name, round(time.perf_counter() - start, 1))
        if job["state"] == "failed" or job["report"] == "failed":
            raise SystemExit(f"not separated: {job['error']}")
    return {"seconds_of_music": job["done"], **passed}


if __name__ == "__main__":
    main()
