"""The speed of a model on this machine, measured through the public API."""

import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arguments import AnyPath, is_number, whole_number
from .arrays import Audio, Network, Planes, concurrency_of
from .audio import AudioReader
from .cores import available_cores
from .errors import ArgumentError
from .separator import Separator

CHALLENGE_SONG_SECONDS = 240
CHALLENGE_LIMIT_SECONDS = 240
MAX_SECONDS = 3600  # of audio, which is in memory

# Runs in its own process: the time that a user waits before the first sample, without Python's own start.
_LOAD = """
import json, sys, time
start = time.perf_counter()
from lightsaft_infer import Separator
imported = time.perf_counter()
Separator.from_file(json.loads(sys.argv[1]), threads=json.loads(sys.argv[2]))
print(json.dumps([imported - start, time.perf_counter() - imported]))
"""


def benchmark(
    *,
    model: AnyPath | None = None,
    mixture: AnyPath | None = None,
    seconds: float = 30.0,
    repeats: int = 5,
    threads: int | None = None,
    consistency: bool = False,
) -> dict[str, Any]:
    """Measure the time that a model takes.

    Parameters
    ----------
    model : path, optional
        A manifest. Default: the packaged model's.
    mixture : path, optional
        An audio file, whose first `seconds` are separated. Default: noise.
    seconds : float, optional
        Length of the audio.
    repeats : int, optional
        Number of separations that are measured. One more comes before them to warm up.
    threads, consistency : optional
        See `Separator`.

    Returns
    -------
    dict
        Can be written as JSON. Times are in seconds. `rtf` is the real-time factor, seconds of work per second of audio
        for all targets: median, minimum and maximum of the repeats. `dsp_share` is the part of the time in which the
        network does not run. `challenge_song_seconds` is the time of a song of 240 s, projected from the median.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    AudioError
        If the mixture cannot be read.
    ArgumentError
        If `seconds`, `repeats` or `threads` is out of range.
    """
    if not is_number(seconds) or not 0 < seconds <= MAX_SECONDS:
        raise ArgumentError(f"expected seconds above 0, {MAX_SECONDS} at most, got {seconds!r}")
    repeats = whole_number(repeats, "repeats")
    threads = available_cores() if threads is None else whole_number(threads, "threads")
    consistency = bool(consistency)
    separator = Separator.from_file(model, threads=threads)
    clocks = [TimedNetwork(network) for network in separator.networks]
    timed = Separator(separator.manifest, clocks)
    excerpt = _excerpt(mixture, seconds, separator.manifest.sample_rate)
    length = excerpt.audio.shape[1] / excerpt.sample_rate
    totals, networks, firsts = [], [], []
    for _ in range(repeats + 1):
        for clock in clocks:
            clock.calls.clear()
        start = time.perf_counter()
        blocks = timed.stream([excerpt.audio], sample_rate=excerpt.sample_rate, consistency=consistency)
        next(blocks)
        firsts.append(time.perf_counter() - start)
        for _ in blocks:
            pass
        totals.append(time.perf_counter() - start)
        networks.append(seconds_in_calls([call for clock in clocks for call in clock.calls]))
    rtfs = [total / length for total in totals[1:]]
    load = _load_times(model, threads)
    manifest = separator.manifest
    return {
        "model": manifest.name,
        "model_sha256": manifest.sha256,
        "targets": len(manifest.targets),
        "threads": threads,
        "chunk_frames": separator.chunk,
        "overlap_frames": separator.overlap,
        "consistency": consistency,
        "audio_seconds": length,
        "repeats": repeats,
        "import_seconds": load.imported,
        "load_seconds": load.loaded,
        "first_chunk_seconds": statistics.median(firsts[1:]),
        "rtf": {"median": statistics.median(rtfs), "min": min(rtfs), "max": max(rtfs)},
        "dsp_share": 1 - sum(networks[1:]) / sum(totals[1:]),
        "peak_rss_mb": peak_rss_mb(),
        "challenge_song_seconds": statistics.median(rtfs) * CHALLENGE_SONG_SECONDS,
        "challenge_limit_seconds": CHALLENGE_LIMIT_SECONDS,
        "machine": _machine(),
    }


def table(result: dict[str, Any]) -> str:
    """Format the result of `benchmark` as text."""
    rtf = result["rtf"]
    seconds = result["challenge_song_seconds"]
    song = f"{seconds:.1f} s for a song of {CHALLENGE_SONG_SECONDS} s, limit {CHALLENGE_LIMIT_SECONDS} s"
    memory = result["peak_rss_mb"]
    rows = {
        "model": f"{result['model']}, {result['targets']} targets, sha256 {result['model_sha256'][:12]}",
        "threads": f"{result['threads']} ({result['machine']})",
        "chunks": f"{result['chunk_frames']} frames, overlap {result['overlap_frames']}",
        "import and load": f"{result['import_seconds']:.2f} s + {result['load_seconds']:.2f} s",
        "first chunk": f"{result['first_chunk_seconds']:.2f} s",
        "real-time factor": f"{rtf['median']:.4f} (min {rtf['min']:.4f}, max {rtf['max']:.4f})",
        "DSP": f"{result['dsp_share']:.1%} of the total",
        "peak memory": "not known on this system" if memory is None else f"{memory:.0f} MB",
        "challenge": song,
    }
    return "\n".join(f"{name:17} {value}" for name, value in rows.items())


class Call(NamedTuple):
    """A call of a network: start, end and processor time of the calling thread, in seconds."""

    start: float
    end: float
    busy: float


class TimedNetwork:
    """A network that records its calls."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.concurrency = concurrency_of(network)
        self.calls: list[Call] = []

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        start, busy = time.perf_counter(), time.thread_time()
        estimates = self._network(planes, targets)
        self.calls.append(Call(start, time.perf_counter(), time.thread_time() - busy))
        return estimates


def seconds_in_calls(calls: list[Call]) -> float:
    """Return the seconds in which at least one call was running."""
    total = until = 0.0
    for call in sorted(calls):
        total += max(0.0, call.end - max(call.start, until))
        until = max(until, call.end)
    return total


class _Excerpt(NamedTuple):
    audio: Audio
    sample_rate: int


def _excerpt(path: AnyPath | None, seconds: float, sample_rate: int) -> _Excerpt:
    if path is None:
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, max(1, round(seconds * sample_rate))))
        return _Excerpt(noise.astype(np.float32), sample_rate)
    with AudioReader(path) as reader:
        wanted = max(1, round(seconds * reader.sample_rate))
        blocks, count = [], 0
        for block in reader.blocks():
            blocks.append(block)
            count += block.shape[1]
            if count >= wanted:
                break
        return _Excerpt(np.concatenate(blocks, axis=1)[:, :wanted], reader.sample_rate)


class _LoadTimes(NamedTuple):
    """Seconds to import the package and to load the model."""

    imported: float
    loaded: float


def _load_times(model: AnyPath | None, threads: int) -> _LoadTimes:
    """The load times of a fresh process: the better of two, as the first one fills the file cache."""
    arguments = [json.dumps(None if model is None else str(model)), json.dumps(threads)]
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", _LOAD, *arguments], check=True, capture_output=True).stdout)
        for _ in range(2)
    ]
    return _LoadTimes(*min(runs, key=sum))


def peak_rss_mb() -> float | None:
    """Return the largest resident size of this process so far in MB, or None if the system does not report it."""
    with contextlib.suppress(ImportError):
        import resource

        return megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return None


def megabytes(maxrss: float) -> float:
    """Return a resident size that getrusage reports in MB: macOS counts bytes, other systems units of 1024 bytes."""
    return maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"onnxruntime {importlib.metadata.version('onnxruntime')}"
    )
