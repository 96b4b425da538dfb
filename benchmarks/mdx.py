"""Run an MDX-Net file by LightSAFT and by audio-separator, side by side on this machine.

    PYTHONPATH=training python benchmarks/mdx.py FOLDER --repeats 3

The command writes an MDX-Net file with random weights, of the sizes of KUIELab's published network for vocals, and
makes an environment in FOLDER for each program, with its packages from PyPI. It prints two tables.

The first one compares estimates, as signal-to-noise ratio (SNR) of LightSAFT's estimate against:

- the published inference (`tests/mdx_oracle.py`) and audio-separator's estimate, for a mixture that fits in one chunk;
- both for the whole mixture, whose chunks begin at other places in each program;
- audio-separator's estimate if its chunks begin at multiples of 32 frames, as LightSAFT's do; also without the seconds
  around the borders of its chunks.

A network with random weights changes its whole estimate if chunks begin at other places, because it has not learnt that
a sound may begin anywhere: audio-separator's chunks are not even whole frames apart.

The second one has the seconds of the whole process, from file to file, in turns, the peak resident size for the
mixture and for a longer one, and the size of the installed packages.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import clip
import numpy as np
import onnxruntime
import peers
import soundfile
from numpy.typing import NDArray

from lightsaft_infer import Separator
from lightsaft_infer.arrays import Audio, Planes
from lightsaft_infer.benchmark import megabytes

sys.path.append(str(peers.ROOT / "tests"))
from mdx_oracle import published_inference

ENVIRONMENTS = {
    "lightsaft": peers.ENVIRONMENTS["lightsaft"],
    "audio-separator": [["torch==2.13.0", "torchvision==0.28.0", "audio-separator[cpu]==0.47.1"]],
}
LISTS = (
    *("vr_download", "mdx_download", "mdx_download_vip", "demucs_download"),
    *("mdx23c_download", "mdx23c_download_vip", "roformer_download"),
)
N_FFT, DIM_F, DIM_T, HOP_LENGTH = 6144, 2048, 256, 1024
CHUNK = HOP_LENGTH * (DIM_T - 1)
ZEROED_BINS = 3  # audio-separator does this with all models
STEP = 3 * CHUNK // 4  # audio-separator's default, 191.25 frames
ALIGNED_STEP = 192 * HOP_LENGTH  # the network halves the frames five times
ONE_CHUNK = 4.0  # seconds that audio-separator estimates from one chunk alone


class Run(NamedTuple):
    """The seconds of a process, and its peak resident size in MB."""

    seconds: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder for the environments; audio-separator's is kept")
    clip.add_arguments(parser, seconds=60)
    parser.add_argument("--long", type=float, default=240, help="seconds of the longer mixture (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="number of turns (default: %(default)s)")
    parser.add_argument("--margin", type=float, default=0.5, help="seconds left out at borders (default: %(default)s)")
    text = "channels of the network; the published number is 32 (default: %(default)s)"
    parser.add_argument("--growth", type=int, default=32, help=text)
    parser.add_argument("--venv", type=Path, help="environment that has audio-separator (default: one is made)")
    args = parser.parse_args()
    folders = {"lightsaft": args.folder / "lightsaft", "audio-separator": args.venv or args.folder / "audio-separator"}
    pythons = {
        name: _python(path) if path == args.venv else peers.environment(path, ENVIRONMENTS[name])
        for name, path in folders.items()
    }
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        onnx = work / "random.onnx"
        _call([sys.executable, "-m", "lightsaft_train", "mdx-net", "-o", onnx, "--growth", args.growth])
        write_lists(onnx)
        options = ["--target", "vocals", "--n-fft", N_FFT, "--zeroed-bins", ZEROED_BINS, "-o", work / "imported"]
        _call([pythons["lightsaft"], "-m", "lightsaft_infer", "import-mdx", onnx, *options])
        mixtures = {seconds: work / f"{seconds:g}.wav" for seconds in (ONE_CHUNK, args.seconds, args.long)}
        for seconds, path in mixtures.items():
            clip.write(path, args.mixture, seconds)

        def run(name: str, seconds: float) -> Run:
            return timed(commands(pythons, onnx, mixtures[seconds], args.threads)[name], args.threads)

        runs: dict[str, list[Run]] = {name: [] for name in pythons}
        for turn in range(args.repeats + 1):  # the first one fills caches and is not counted
            for name, results in runs.items():
                result = run(name, args.seconds)
                if turn:
                    results.append(result)
        longer = {name: run(name, args.long) for name in runs}
        comparison = compare(pythons["audio-separator"], onnx, mixtures, args)
    print(comparison, speed_table(runs, longer, {name: peers.installed(path) for name, path in folders.items()}, args))


def write_lists(onnx: Path) -> None:
    """Write the lists that audio-separator reads beside a model, so that it takes this one and downloads nothing."""
    lists: dict[str, dict[str, str]] = {f"{name}_list": {} for name in LISTS}
    lists["mdx_download_list"]["MDX-Net Model: random"] = onnx.name
    facts = {
        "compensate": 1.0,
        "mdx_dim_f_set": DIM_F,
        "mdx_dim_t_set": DIM_T.bit_length() - 1,
        "mdx_n_fft_scale_set": N_FFT,
        "primary_stem": "Vocals",
    }
    digest = hashlib.md5(onnx.read_bytes()[-10_000 * 1024 :]).hexdigest()
    files = {"download_checks": lists, "mdx_model_data": {digest: facts}, "vr_model_data": {}}
    for name, content in files.items():
        (onnx.parent / f"{name}.json").write_text(json.dumps(content))


def commands(pythons: dict[str, Path], onnx: Path, mixture: Path, threads: int) -> dict[str, list[object]]:
    """Return the commands that write the vocals of a mixture."""
    out, script = onnx.parent / "out", Path(__file__).with_name("mdx_run.py")
    manifest = onnx.parent / "imported" / "random.json"
    ours = ["separate", mixture, "--model", manifest, "-o", out, "--threads", threads, "--force"]
    return {
        "lightsaft": [pythons["lightsaft"], "-m", "lightsaft_infer", *ours],
        "audio-separator": [pythons["audio-separator"], script, "separate", mixture, onnx, out, "--threads", threads],
    }


def timed(command: Sequence[object], threads: int) -> Run:
    """Run a command to its end. The peak is that of its largest process."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | limits
    with tempfile.TemporaryFile() as log:
        start = time.perf_counter()
        process = subprocess.Popen([*map(str, command)], env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{log.read().decode()[-2000:]}")
    return Run(seconds, megabytes(usage.ru_maxrss))


def compare(python: Path, onnx: Path, mixtures: dict[float, Path], args: argparse.Namespace) -> str:
    """Return a table of the SNR of our estimates."""
    separator = Separator.from_file(onnx.parent / "imported" / "random.json", threads=args.threads)
    lines = ["| against | SNR |", "| --- | --- |"]
    for seconds in (ONE_CHUNK, args.seconds):
        audio = soundfile.read(mixtures[seconds], dtype="float32")[0].T
        ours = separator.separate(audio, sample_rate=clip.SAMPLE_RATE)["vocals"]
        published = published_inference(
            audio, _network(onnx, args.threads), n_fft=N_FFT, dim_f=DIM_F, dim_t=DIM_T, zeroed_bins=ZEROED_BINS
        )
        theirs = _their_estimate(python, onnx, mixtures[seconds], STEP)
        length = "one chunk" if seconds == ONE_CHUNK else f"{seconds:g} s"
        lines += [
            f"| the published inference, {length} | {snr(published, ours):.1f} dB |",
            f"| audio-separator, {length} | {snr(theirs, ours):.1f} dB |",
        ]
    aligned = _their_estimate(python, onnx, mixtures[args.seconds], ALIGNED_STEP)
    inner = away_from_borders(audio.shape[1], round(args.margin * clip.SAMPLE_RATE))
    away = snr(aligned[:, inner], ours[:, inner])
    lines += [
        f"| (the published inference against audio-separator, {args.seconds:g} s) | {snr(theirs, published):.1f} dB |",
        f"| audio-separator, chunks at whole blocks of frames | {snr(aligned, ours):.1f} dB |",
        f"| the same, {args.margin:g} s around its borders left out | {away:.1f} dB |",
    ]
    return "\n".join(lines) + "\n\n"


def _their_estimate(python: Path, onnx: Path, mixture: Path, step: int) -> Audio:
    overlap = 1 - (step + 0.5) / CHUNK  # it rounds the step down
    script = Path(__file__).with_name("mdx_run.py")
    _call([python, script, "estimate", mixture, onnx, onnx.parent, "--overlap", overlap])
    return np.asarray(np.load(onnx.parent / "estimate.npy"))


def _network(onnx: Path, threads: int) -> Callable[[Planes], Planes]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return lambda planes: np.asarray(session.run(["output"], {"input": planes})[0])


def away_from_borders(samples: int, margin: int) -> NDArray[np.bool_]:
    """Whether a sample lies a margin away from beginnings and ends of chunks that are ALIGNED_STEP apart."""
    kept = np.ones(samples, bool)
    for start in range(-N_FFT // 2, samples, ALIGNED_STEP):
        for border in (start, start + CHUNK):
            kept[max(border - margin, 0) : max(border + margin, 0)] = False
    return kept


def snr(reference: Audio, estimate: Audio) -> float:
    """Return the SNR of an estimate in dB."""
    return float(10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2)))


def speed_table(
    runs: dict[str, list[Run]], longer: dict[str, Run], sizes: dict[str, int], args: argparse.Namespace
) -> str:
    """Return a row for each program. Ratios are to the first one."""
    lines = [
        f"| | whole process, {args.seconds:g} s | ratio | peak RSS | peak RSS, {args.long:g} s | packages |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    ours = next(iter(runs.values()))
    for name, results in runs.items():
        seconds = [result.seconds for result in results]
        ratio = statistics.median(result.seconds / own.seconds for result, own in zip(results, ours, strict=True))
        cells = [
            f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})",
            f"{ratio:.2f}",
            f"{max(result.peak for result in results):.0f} MB",
            f"{longer[name].peak:.0f} MB",
            f"{sizes[name] / 1e6:.0f} MB",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _call(command: Sequence[object]) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
