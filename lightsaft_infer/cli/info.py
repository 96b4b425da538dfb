"""The command `lightsaft info`: the facts of a model."""

from ..manifest import Manifest, default_manifest_path


def add_info(command, parents):
    """Add the command to the parsers of commands."""
    parser = command("info", _info, "Tell about the model.", parents)
    parser.add_argument("--json", action="store_true", help="print the whole manifest")


def _info(args):
    manifest = Manifest.from_file(args.model or default_manifest_path())
    if args.json:
        print(manifest.path.read_text(encoding="utf-8"))
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
        "measured on": scores.get("data", "not told"),
        "licence": manifest.licence,
    }
    for name, value in rows.items():
        print(f"{name:12} {value}")
    return 0
