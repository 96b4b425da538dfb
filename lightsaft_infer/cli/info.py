"""The command `lightsaft info`: the facts of a model."""

import argparse
from collections.abc import Sequence

from ..manifest import Manifest, default_manifest_path
from ..text import one_line
from .options import AddCommand
from .terminal import show


def add_info(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    description = "Print the facts of the model: targets, audio format, scores and licence."
    parser = command("info", _info, description, parents)
    parser.add_argument("--json", action="store_true", help="print the whole manifest")


def _info(args: argparse.Namespace) -> int:
    manifest = Manifest.from_file(args.model or default_manifest_path())
    if args.json:
        show(manifest.path.read_text(encoding="utf-8"))
        return 0
    scores = manifest.scores
    rows = {
        "model": f"{manifest.name} {manifest.version}",
        "manifest": manifest.path,
        "graph": f"{manifest.onnx.file}, {manifest.onnx.bytes:,} bytes, {manifest.parameters:,} parameters",
        "targets": ", ".join(manifest.targets),
        "audio": f"{manifest.sample_rate} Hz, {manifest.channels} channels (other rates and mono are converted)",
        "STFT": f"n_fft {manifest.n_fft}, hop {manifest.hop_length}, chunks of {manifest.frames} frames",
        "SDR": ", ".join(f"{target} {scores[target]} dB" for target in manifest.targets if target in scores),
        "measured on": scores.get("data", "not stated"),
        "licence": manifest.licence,
    }
    for name, value in rows.items():
        show(one_line(f"{name:12} {value}"))
    return 0
