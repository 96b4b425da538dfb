"""Run audio-separator in its own environment, in which `mdx.py` starts this script.

    python mdx_run.py separate MIXTURE MODEL.onnx OUT    # its command: one stem from file to file, with its defaults
    python mdx_run.py estimate MIXTURE MODEL.onnx OUT    # OUT/estimate.npy, before it is scaled and written in 16 bits

The folder of MODEL.onnx has audio-separator's lists, which it would download otherwise (`write_lists` in mdx.py).
"""

import argparse
import logging
import os
import sys
import types
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("separate", "estimate"))
    parser.add_argument("mixture", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--overlap", type=float, default=0.25, help="of the chunks of an estimate")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # it takes a thread for each core
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    _without_torchvision()
    if args.action == "separate":
        separate(args.mixture, args.model, args.out)
    else:
        estimate(args.mixture, args.model, args.out, args.overlap)


def separate(mixture: Path, model: Path, out: Path) -> None:
    """Run its command."""
    from audio_separator.utils.cli import main

    options = ["-m", model.name, f"--model_file_dir={model.parent}", f"--output_dir={out}"]
    options += ["--single_stem=Vocals", "--output_format=WAV", "--log_level=warning"]
    sys.argv = ["audio-separator", str(mixture), *options]
    main()


def estimate(mixture: Path, model: Path, out: Path, overlap: float) -> None:
    """Write its estimate, float32 (2, samples)."""
    import numpy
    import soundfile
    from audio_separator.separator import Separator

    settings = {"hop_length": 1024, "segment_size": 256, "overlap": overlap, "batch_size": 1, "enable_denoise": False}
    folders = {"model_file_dir": str(model.parent), "output_dir": str(out)}
    separator = Separator(logging.WARNING, **folders, mdx_params=settings)
    separator.load_model(model.name)
    audio = soundfile.read(mixture, dtype="float32", always_2d=True)[0].T
    numpy.save(out / "estimate.npy", separator.model_instance.demix(audio))


def _without_torchvision() -> None:
    """Replace torchvision by an empty module.

    PyPI's torchvision requires the CUDA build of torch. audio-separator needs it only if it converts a graph to torch.
    """
    for name in ("torchvision", "torchvision.ops"):
        module: Any = types.ModuleType(name)
        module.__spec__ = types.SimpleNamespace(name=name)
        module.roi_align = None
        sys.modules[name] = module


if __name__ == "__main__":
    main()
