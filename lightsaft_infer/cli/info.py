"""The command `lightsaft info`: the facts of a model."""

import argparse
from collections.abc import Sequence

from ..bundle import assigned_targets, read_model
from ..manifest import Manifest, default_manifest_path
from ..text import one_line
from .options import AddCommand
from .terminal import print_output


def add_info(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    description = "Print the facts of the model: targets, audio format, scores and licence."
    parser = command("info", _info, description, parents)
    parser.add_argument("--json", action="store_true", help="print the whole manifest")


def _info(args: argparse.Namespace) -> int:
    manifest = read_model(args.model or default_manifest_path())
    if args.json:
        print_output(manifest.path.read_text(encoding="utf-8-sig"))
        return 0
    _show(
        {
            "model": f"{manifest.name} {manifest.version}",
            "manifest": manifest.path,
            "targets": ", ".join(manifest.targets),
            "audio": f"{manifest.sample_rate} Hz, {manifest.channels} channels (other rates and mono are converted)",
        }
    )
    for model, targets in zip(manifest.models, assigned_targets(manifest.models, manifest.targets), strict=True):
        if model is not manifest:
            print_output("")
            _show({"part": f"{model.name} {model.version}", "estimates": ", ".join(targets)})
        _show(_facts(model))
    return 0


def _facts(model: Manifest) -> dict[str, object]:
    parameters = "" if model.parameters is None else f", {model.parameters:,} parameters"
    facts: dict[str, object] = {
        "graph": f"{model.onnx.file}, {model.onnx.bytes:,} bytes{parameters}",
        "STFT": f"n_fft {model.n_fft}, hop {model.hop_length}, chunks of {model.frames} frames",
    }
    if mdx := model.mdx_net:
        denoise = "on" if mdx.denoise else "off"
        facts["MDX-Net"] = (
            f"dim_f {mdx.bins}, dim_t {model.frames}, compensate {mdx.compensate:g}, "
            f"{mdx.zeroed_bins} bins set to zero, denoise {denoise}"
        )
    scores = model.scores
    facts["SDR"] = ", ".join(f"{target} {scores[target]} dB" for target in model.targets if target in scores)
    return facts | {"measured on": scores.get("data", "not stated"), "licence": model.licence}


def _show(facts: dict[str, object]) -> None:
    for name, value in facts.items():
        print_output(one_line(f"{name:12} {value}"))
