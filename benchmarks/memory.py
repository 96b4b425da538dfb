"""Measure the peak memory of `lightsaft separate` on files of different lengths, each in a process of its own.

    python benchmarks/memory.py --minutes 10 60

The command writes noise of each length (16-bit WAV, 44.1 kHz, stereo) to a temporary folder. It prints JSON: peak
resident size in MB and seconds of each run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from lightsaft_infer.benchmark import megabytes

SAMPLE_RATE = 44100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60], help="lengths (default: 10 60)")
    parser.add_argument("options", nargs="*", help="options of lightsaft separate, after --")
    args = parser.parse_args()
    print(json.dumps([measure(minutes, args.options) for minutes in args.minutes], indent=1))


def measure(minutes: float, options: Sequence[str]) -> dict[str, float]:
    """Return the measures of one run on noise of this length."""
    with tempfile.TemporaryDirectory() as folder:
        mixture = Path(folder, "noise.wav")
        write_noise(mixture, minutes)
        command = [sys.executable, "-m", "lightsaft_infer", "separate", str(mixture), "-o", folder, *options]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"lightsaft separate failed with exit status {process.returncode}")
        size = sum(path.stat().st_size for path in Path(folder, "noise").iterdir())
    return {
        "minutes": minutes,
        "peak_rss_mb": round(megabytes(usage.ru_maxrss), 1),
        "seconds": round(seconds, 1),
        "stems_mb": round(size / 1e6),
    }


def write_noise(path: Path, minutes: float) -> None:
    """Write noise of this length, second by second."""
    generator = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, "PCM_16") as sound:
        for _ in range(round(minutes * 60)):
            sound.write(generator.uniform(-0.5, 0.5, (SAMPLE_RATE, 2)).astype(np.float32))


if __name__ == "__main__":
    main()
