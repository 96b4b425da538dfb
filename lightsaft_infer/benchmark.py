"""How fast a model runs here, measured through the public API."""

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

from .audio import AudioReader
from .separator import Separator

MDX_SONG_SECONDS = 240
MDX_LIMIT_SECONDS = 240

# Run in a process of its own: what a user waits for before the first sample, Python's own start aside.
_LOAD = """
import json, sys, time
start = time.perf_counter()
from lightsaft_infer import Separator
imported = time.perf_counter()
Separator.from_file(json.loads(sys.argv[1]), threads=json.loads(sys.argv[2]))
print(json.dumps([imported - start, time.perf_counter() - imported]))
"""


def benchmark(*, model=None, mixture=None, seconds=30.0, repeats=5, threads=None, consistency=False):
    """Time a model.

    Parameters
    ----------
    model : path of a manifest; None for the packaged model
    mixture : path of a file whose first `seconds` are separated; None for noise
    seconds, repeats : length of audio, and how often it is separated after one run to warm up
    threads, consistency : see `Separator`

    Returns a dict that can be written as JSON: times in seconds; `rtf`, seconds of work per second of audio for all
    targets, with median, least and largest of the repeats; `dsp_share`, the part of it in which the network is not at
    work; and the time of a 240 s song projected from the median.

    Raises ModelError, or AudioError for the mixture.
    """
    separator = Separator.from_file(model, threads=threads)
    clock = TimedNetwork(separator.network)
    timed = Separator(separator.manifest, clock, chunk=separator.chunk, overlap=separator.overlap)
    audio, sample_rate = _audio(mixture, seconds, separator.manifest.sample_rate)
    length = audio.shape[1] / sample_rate
    totals, networks, firsts = [], [], []
    for _ in range(repeats + 1):
        clock.calls.clear()
        start = time.perf_counter()
        blocks = timed.stream([audio], sample_rate=sample_rate, consistency=consistency)
        next(blocks)
        firsts.append(time.perf_counter() - start)
        for _ in blocks:
            pass
        totals.append(time.perf_counter() - start)
        networks.append(clock.seconds())
    rtfs = [total / length for total in totals[1:]]
    imported, loaded = _load_times(model, threads)
    manifest = separator.manifest
    return {
        "model": manifest.name,
        "model_sha256": manifest.onnx.sha256,
        "targets": len(manifest.targets),
        "threads": separator.network.threads,
        "chunk_frames": separator.chunk,
        "overlap_frames": separator.overlap,
        "consistency": consistency,
        "audio_seconds": length,
        "repeats": repeats,
        "import_seconds": imported,
        "load_seconds": loaded,
        "first_chunk_seconds": statistics.median(firsts[1:]),
        "rtf": {"median": statistics.median(rtfs), "min": min(rtfs), "max": max(rtfs)},
        "dsp_share": 1 - sum(networks[1:]) / sum(totals[1:]),
        "peak_rss_mb": peak_rss_mb(),
        "mdx_song_seconds": statistics.median(rtfs) * MDX_SONG_SECONDS,
        "mdx_limit_seconds": MDX_LIMIT_SECONDS,
        "machine": _machine(),
    }


def table(result):
    """A benchmark's result as text for people."""
    rtf = result["rtf"]
    song = f"{result['mdx_song_seconds']:.1f} s for a song of {MDX_SONG_SECONDS} s, limit {MDX_LIMIT_SECONDS} s"
    memory = result["peak_rss_mb"]
    rows = {
        "model": f"{result['model']}, {result['targets']} targets, sha256 {result['model_sha256'][:12]}",
        "threads": f"{result['threads']} ({result['machine']})",
        "chunks": f"{result['chunk_frames']} frames, overlap {result['overlap_frames']}",
        "import and load": f"{result['import_seconds']:.2f} s + {result['load_seconds']:.2f} s",
        "first chunk": f"{result['first_chunk_seconds']:.2f} s",
        "real-time factor": f"{rtf['median']:.4f} (min {rtf['min']:.4f}, max {rtf['max']:.4f})",
        "DSP": f"{result['dsp_share']:.1%} of the total",
        "peak memory": "not known here" if memory is None else f"{memory:.0f} MB",
        "MDX": song,
    }
    return "\n".join(f"{name:17} {value}" for name, value in rows.items())


class TimedNetwork:
    """A network that notes when it is at work."""

    def __init__(self, network):
        self._network = network
        self.concurrency = network.concurrency
        self.calls = []  # (start, end, processor time of the calling thread), in seconds

    def __call__(self, planes, targets):
        start, busy = time.perf_counter(), time.thread_time()
        estimates = self._network(planes, targets)
        self.calls.append((start, time.perf_counter(), time.thread_time() - busy))
        return estimates

    def seconds(self):
        """Seconds in which one call or more was under way."""
        total = until = 0.0
        for start, end, _ in sorted(self.calls):
            total += max(0.0, end - max(start, until))
            until = max(until, end)
        return total


def _audio(path, seconds, sample_rate):
    if path is None:
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, int(seconds * sample_rate)))
        return noise.astype(np.float32), sample_rate
    with AudioReader(path) as reader:
        wanted = int(seconds * reader.sample_rate)
        blocks, count = [], 0
        for block in reader.blocks():
            blocks.append(block)
            count += block.shape[1]
            if count >= wanted:
                break
        return np.concatenate(blocks, axis=1)[:, :wanted], reader.sample_rate


def _load_times(model, threads):
    """Seconds to import the package and to load the model, in a fresh process; the better of two, as the first fills
    the file cache."""
    arguments = [json.dumps(None if model is None else str(model)), json.dumps(threads)]
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", _LOAD, *arguments], check=True, capture_output=True).stdout)
        for _ in range(2)
    ]
    return min(runs, key=sum)


def peak_rss_mb():
    """Largest resident size of this process so far in MB, None where the system does not tell."""
    with contextlib.suppress(ImportError):
        import resource

        return megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return None


def megabytes(maxrss):
    """A resident size as getrusage tells it, in MB: macOS counts bytes, other systems 1024 of them."""
    return maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _machine():
    import onnxruntime

    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"onnxruntime {onnxruntime.__version__}"
    )
