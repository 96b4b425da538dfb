"""The commands that make models: `convert`, `export` and `mdx-net`."""

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from lightsaft_infer.audio import make_parent, write_bytes

from ..config import PRESETS
from ..errors import CheckpointError, DataError, SettingsError
from .arguments import Commands, add_command, count

LEVEL_RANGE = (-32.0, -6.0)  # of the root mean square of a chunk, in dB of full scale; see benchmarks/README.md
MDX_SIZES = {
    "dim_f": (2048, "frequencies, the lowest bins of the STFT"),
    "dim_t": (256, "frames of a chunk"),
    "levels": (5, "downsamplings"),
    "layers": (3, "convolutions of a block"),
    "growth": (32, "channels that each level has more than the one above it"),
}


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    _add_convert(commands)
    _add_export(commands)
    _add_mdx_net(commands)


def _add_convert(commands: Commands) -> None:
    text = "Convert a published checkpoint to an ONNX file and its manifest."
    parser = add_command(commands, "convert", text, _convert)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint of PyTorch Lightning")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--preset", choices=PRESETS, help="take the network's sizes from a preset, do not infer them")
    text = "take the network's sizes from a configuration with the published keys, do not infer them"
    known.add_argument("--config", type=Path, metavar="FILE.json", help=text)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="write the model to DIR")
    parser.add_argument("--name", help="name of the model (default: the checkpoint's name)")
    parser.add_argument("--licence", default="not stated", help="licence of the weights (default: %(default)s)")


def _convert(args: argparse.Namespace) -> int:
    from ..export import network_of, read_checkpoint, write_model

    config = None
    if args.config is not None:
        try:
            config = json.loads(args.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"expected a configuration in JSON ({error}): {args.config}") from error
        if not isinstance(config, dict):
            raise CheckpointError(f"expected a JSON object with the published keys: {args.config}")
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


def _add_export(commands: Commands) -> None:
    text = "Export the averaged weights of a run as a model: an ONNX file and its manifest."
    parser = add_command(commands, "export", text, _export)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="write the model to DIR")
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--version", required=True, help="version of the model")
    parser.add_argument("--licence", required=True, help="licence of the weights")
    text = "frames of a chunk, which the model separates at once (default: those of the network)"
    parser.add_argument("--frames", type=count, metavar="N", help=text)
    text = "export the weights of the checkpoint, not those with the best score"
    parser.add_argument("--last", action="store_true", help=text)
    text = "folder of real songs to score the model on (default: keep the scores of the training)"
    parser.add_argument("--songs", type=Path, metavar="TREE", help=text)
    text = "describe the songs of the scores in the manifest (default: %(default)s)"
    parser.add_argument("--scored-on", default="not stated", metavar="TEXT", help=text)
    text = "add minutes and licences of a pool that was trained on to the manifest (may be repeated)"
    parser.add_argument("--pool", type=Path, action="append", metavar="POOL", help=text)


def _export(args: argparse.Namespace) -> int:
    from ..data import songs_in
    from ..evaluation import score, separator_of, summary
    from ..export import write_model
    from ..packing import ema_network

    network, kept = ema_network(args.run_folder / ("checkpoint.pt" if args.last else "best.pt"))
    if args.frames:
        if args.frames % network.config.frames_multiple:
            multiple = network.config.frames_multiple
            raise SettingsError(f"expected --frames to be a multiple of {multiple}, got {args.frames}")
        network.config = dataclasses.replace(network.config, frames=args.frames)
    scores = kept.get("scores", {})
    if args.songs:
        scores = summary(score(separator_of(network, float16=True), songs_in(args.songs)))
    training = {"steps": kept["step"], "hours": round(kept["seconds"] / 3600, 2)}
    if args.pool:
        training |= _data_of([_pool_manifest(pool) for pool in args.pool])
    path = write_model(
        network,
        args.output,
        name=args.name,
        version=args.version,
        licence=args.licence,
        training=training,
        float16=True,
        level_range=LEVEL_RANGE,
        scores={"data": args.scored_on, **{target: round(value, 2) for target, value in scores.items()}},
    )
    print(path)
    return 0


def _pool_manifest(pool: Path) -> dict[str, Any]:
    """Read the manifest of a pool."""
    path = pool / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {"minutes": dict(manifest["minutes"]), "sources": dict(manifest["sources"])}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected the manifest of a pool ({error}): {path}") from error


def _data_of(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Return minutes and licences of the data of some pools, for the manifest of a model."""
    stems = dict.fromkeys(stem for pool in pools for stem in pool["minutes"])
    minutes = {stem: round(sum(pool["minutes"].get(stem, 0.0) for pool in pools), 1) for stem in stems}
    licences = {source["licence"] for pool in pools for source in pool["sources"].values()}
    return {"data_minutes": minutes, "data_licences": sorted(licences)}


def _add_mdx_net(commands: Commands) -> None:
    text = "Write an ONNX file of the MDX-Net architecture with random weights, to test and to measure."
    parser = add_command(commands, "mdx-net", text, _mdx_net)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx", help="write the graph to FILE")
    for name, (default, meaning) in MDX_SIZES.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=default, metavar="N", help=f"{meaning} (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weights (default: %(default)s)")


def _mdx_net(args: argparse.Namespace) -> int:
    from ..export import export_mdx
    from ..networks import MdxConfig, random_network

    config = MdxConfig(**{name: getattr(args, name) for name in MDX_SIZES})
    graph = export_mdx(random_network(config, seed=args.seed))
    make_parent(args.output)
    write_bytes(args.output, [graph])
    print(args.output)
    return 0
