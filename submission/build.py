"""Assemble a submission that can be pushed to the challenge's grader.

    python submission/build.py OUT
    python submission/build.py OUT --model MANIFEST.json
    cd OUT && pip install -r requirements.txt && bash run.sh

OUT has predict.py, the package lightsaft_infer, the model, and the files that the grader needs: aicrowd.json, run.sh,
requirements.txt and apt.txt.
"""

import argparse
import configparser
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightsaft_infer import Manifest

ROOT = Path(__file__).resolve().parent.parent
# Packages that predict.py never imports: it reads WAV of 44.1 kHz and shows no progress.
NOT_NEEDED = ("av", "librosa", "tqdm")
NO_CACHE = shutil.ignore_patterns("__pycache__", "*.pyc")


def main() -> None:
    """Run this file as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="create this folder")
    text = "separate with this model (default: the packaged one)"
    parser.add_argument("--model", type=Path, metavar="MANIFEST.json", help=text)
    args = parser.parse_args()
    if args.out.exists():
        parser.error(f"already exists: {args.out}")
    try:
        build(args.out, None if args.model is None else read_model(args.model, parser))
    except OSError as error:
        parser.error(str(error))


def read_model(path: Path, parser: argparse.ArgumentParser) -> "tuple[Manifest, bytes]":
    """Read and check a model: its manifest and its graph. Only this needs the package installed."""
    try:
        from lightsaft_infer import LightSAFTError, Manifest
    except ModuleNotFoundError as error:
        parser.error(f"--model needs this package (pip install .): {error}")
    try:
        manifest = Manifest.from_file(path)
        return manifest, manifest.read_graph()
    except LightSAFTError as error:
        parser.error(str(error))


def build(out: Path, model: "tuple[Manifest, bytes] | None" = None) -> None:
    """Assemble the submission in the new folder `out`, with a model or, if it is None, with the packaged one."""
    if model is None:
        shutil.copytree(ROOT / "models", out / "models")
    else:
        manifest, graph = model
        (out / "models").mkdir(parents=True)
        shutil.copy(manifest.path, out / "models" / "lightsaft.json")  # where the package looks for its model
        (out / "models" / manifest.onnx.file).write_bytes(graph)
    shutil.copytree(ROOT / "lightsaft_infer", out / "lightsaft_infer", ignore=NO_CACHE)
    shutil.copytree(ROOT / "submission" / "evaluator", out / "evaluator", ignore=NO_CACHE)
    for name in ("aicrowd.json", "run.sh", "submission/predict.py"):
        shutil.copy(ROOT / name, out)
    (out / "requirements.txt").write_text("\n".join(requirements()) + "\n")
    (out / "apt.txt").write_text("libsndfile1\n")


def requirements() -> list[str]:
    """Return the requirements of the package that predict.py has."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = [line.strip() for line in config["options"]["install_requires"].splitlines()]
    return [line for line in lines if line and not line.startswith(("#", *NOT_NEEDED))]


if __name__ == "__main__":
    main()
