"""`python -m lightsaft_train`: from weights to a model that lightsaft_infer runs."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from .config import PRESETS


def main(argv=None):
    """Run a command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lightsaft_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_convert(commands)
    args = parser.parse_args(argv)
    from .checkpoint import CheckpointError

    try:
        return args.run(args)
    except CheckpointError as error:
        print(f"lightsaft_train: error: {error}", file=sys.stderr)
        return 1


def _add_convert(commands):
    text = "Turn a published checkpoint into an ONNX file and its manifest."
    parser = commands.add_parser("convert", help=text, description=text)
    parser.set_defaults(run=_convert)
    parser.add_argument("checkpoint", type=Path)
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--preset", choices=PRESETS)
    known.add_argument("--config", type=Path, metavar="FILE.json", help="configuration with the published keys")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--name", help="name of the model (default: the checkpoint's)")
    parser.add_argument("--licence", default="not told", help="licence of the weights")


def _convert(args):
    from .checkpoint import CheckpointError, read_checkpoint
    from .export import write_model
    from .published import network_of

    config = None
    if args.config is not None:
        try:
            config = json.loads(args.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"expected a configuration in JSON ({error}): {args.config}") from error
    checkpoint = read_checkpoint(args.checkpoint)
    try:
        network, notes = network_of(checkpoint, preset=args.preset, config=config)
    except CheckpointError as error:
        raise CheckpointError(f"{args.checkpoint}: {error}") from error
    for note in notes:
        print(note)
    digest = hashlib.sha256(args.checkpoint.read_bytes()).hexdigest()
    path = write_model(
        network,
        args.output,
        name=args.name or args.checkpoint.stem,
        version="1",
        licence=args.licence,
        training={"converted_from": args.checkpoint.name, "sha256": digest},
        scores={},
    )
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
