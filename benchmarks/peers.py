"""Run separators side by side on this machine: LightSAFT, Open-Unmix (umxhq), Spleeter (4stems), Demucs v4 (htdemucs).

    python benchmarks/peers.py FOLDER --repeats 3

The command makes an environment in FOLDER for each separator, with its own packages from PyPI (several GB; Spleeter
needs Python 3.11 or older). Then it runs the separators in turns, `--repeats` times, on the same stretch of music with
the same number of threads. It prints a table:

- the seconds of the whole process: import, load, one separation into four WAV files;
- the seconds of a second separation in the same process;
- the ratio of each to the first separator's seconds (median of the turns' ratios);
- the peak resident size, and the size of the installed packages.

The peers have random weights if the trained ones would have to be downloaded (peers_run.py).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import clip

from lightsaft_infer.benchmark import megabytes

Run = dict[str, float]
"""The output of peers_run.py: `first` and `warm` in seconds, `ru_maxrss` as the system counts it."""

ROOT = Path(__file__).parent.parent
# Arguments of one pip command after the other. Requirements that only serve training or reading files are left out.
ENVIRONMENTS: dict[str, list[list[str]]] = {
    "lightsaft": [[str(ROOT)]],
    "open-unmix": [["torch==2.13.0", "numpy", "tqdm", "soundfile"], ["--no-deps", "openunmix==1.3.0"]],
    "spleeter": [["spleeter==2.4.2", "soundfile"]],
    "demucs": [
        ["torch==2.13.0", "numpy", "tqdm", "soundfile", "einops", "julius", "lameenc", "pyyaml"],
        ["--no-deps", "demucs==4.1.0", "dora-search", "omegaconf", "treetable", "retrying", "antlr4-python3-runtime"],
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder for the environments; those of the peers are kept")
    clip.add_arguments(parser, seconds=60)
    parser.add_argument("--repeats", type=int, default=3, help="number of turns (default: %(default)s)")
    parser.add_argument(
        "--peers", nargs="+", choices=ENVIRONMENTS, default=list(ENVIRONMENTS), help="separators (default: all)"
    )
    args = parser.parse_args()
    pythons = {name: environment(args.folder / name, ENVIRONMENTS[name]) for name in args.peers}
    sizes = {name: installed(args.folder / name) for name in args.peers}
    runs: dict[str, list[Run]] = {name: [] for name in args.peers}
    with tempfile.TemporaryDirectory() as folder:
        mixture = Path(folder, "mixture.wav")
        clip.write(mixture, args.mixture, args.seconds)
        for turn in range(args.repeats + 1):  # the first one fills caches and is not counted
            for name, python in pythons.items():
                result = run(name, python, mixture, args.threads, Path(folder))
                if turn:
                    runs[name].append(result)
    print(table(runs, sizes))


def environment(folder: Path, installs: Sequence[Sequence[str]]) -> Path:
    """Return the Python of an environment, which is made if it is missing. This repository's package is installed
    again."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        venv.create(folder, clear=True, with_pip=True)
        for install in installs:
            subprocess.run([python, "-m", "pip", "install", "-q", *install], check=True)
        (folder / "complete").touch()
    elif [str(ROOT)] in installs:
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", ROOT], check=True)
    return python


def installed(folder: Path) -> int:
    """Return the bytes of the packages of an environment, without pip."""
    packages = next(folder.rglob("site-packages"))
    files = (path for path in packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(
        path.stat().st_size for path in files if path.relative_to(packages).parts[0] not in ("pip", "setuptools")
    )


def run(name: str, python: Path, mixture: Path, threads: int, folder: Path) -> Run:
    """Run one separator in its environment."""
    out = folder / name
    out.mkdir(exist_ok=True)
    script = Path(__file__).with_name("peers_run.py")
    command = [str(python), str(script), name, str(mixture), str(out), "--threads", str(threads)]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | limits)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    result: Run = json.loads(done.stdout.splitlines()[-1])
    return result


def table(runs: Mapping[str, Sequence[Run]], sizes: Mapping[str, int]) -> str:
    """Return a row for each separator. Ratios are to the first one."""
    lines = [
        "| | whole process | ratio | warm | ratio | peak RSS | packages |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = next(iter(runs.values()))
    for name, results in runs.items():
        cells = [name]
        for kind in ("first", "warm"):
            seconds = [result[kind] for result in results]
            ratio = statistics.median(result[kind] / own[kind] for result, own in zip(results, ours, strict=True))
            cells += [f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})", f"{ratio:.1f}"]
        cells += [f"{megabytes(max(result['ru_maxrss'] for result in results)):.0f} MB", f"{sizes[name] / 1e6:.0f} MB"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
