"""`python -m lightsaft_train`: data, training, and models that lightsaft_infer runs."""

import argparse
import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightsaft_infer.errors import LightSAFTError

from . import mdx_net, real_music
from .config import PRESETS, changed, parsed
from .errors import CheckpointError, DataError, SettingsError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lightsaft_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_convert(commands)
    _add_data(commands)
    real_music.add_commands(commands)
    _add_modules(commands)
    _add_preview(commands)
    _add_train(commands)
    _add_pack(commands)
    _add_average(commands)
    _add_plot(commands)
    _add_export(commands)
    mdx_net.add_command(commands)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except (LightSAFTError, OSError) as error:
        message = str(error)
    except ModuleNotFoundError as error:
        message = f"the package {error.name} is missing: pip install -r training/requirements.txt"
    except KeyboardInterrupt:
        print("lightsaft_train: interrupted", file=sys.stderr)
        return 130
    print(f"lightsaft_train: error: {message}", file=sys.stderr)
    return 1


def _count(text: str) -> int:
    """Parse a whole number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got: {text}")
    return int(text)


def _seed(text: str) -> int:
    """Parse a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got: {text}")
    return int(text)


def _add_convert(commands: "Commands") -> None:
    text = "Convert a published checkpoint to an ONNX file and its manifest."
    parser = commands.add_parser("convert", help=text, description=text)
    parser.set_defaults(run=_convert)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint of PyTorch Lightning")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--preset", choices=PRESETS, help="take the network's sizes from a preset, do not infer them")
    text = "take the network's sizes from a configuration with the published keys, do not infer them"
    known.add_argument("--config", type=Path, metavar="FILE.json", help=text)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="write the model to DIR")
    parser.add_argument("--name", help="name of the model (default: the checkpoint's name)")
    parser.add_argument("--licence", default="not told", help="licence of the weights (default: %(default)s)")


def _convert(args: argparse.Namespace) -> int:
    from .export import network_of, read_checkpoint, write_model

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


def _add_data(commands: "Commands") -> None:
    text = "Render the songs of the training pool that are missing."
    parser = commands.add_parser("data", help=text, description=text)
    parser.set_defaults(run=_data)
    text = "folder that has vocals/, drums/, bass/, other/ and midi/"
    parser.add_argument("recordings", type=Path, metavar="RECORDINGS", help=text)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="POOL", help="write the songs to POOL")
    text = "number of songs, of one minute each (default: %(default)s)"
    parser.add_argument("--songs", type=_count, default=600, metavar="N", help=text)
    text = "seed that the songs are drawn from (default: %(default)s)"
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help=text)
    text = "number of processes (default: one for each core)"
    parser.add_argument("--workers", type=_count, default=os.cpu_count() or 1, metavar="N", help=text)


def _data(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .pool.build import build

    with tqdm(total=args.songs, unit="song") as bar:
        manifest = build(
            args.recordings,
            args.output,
            songs=args.songs,
            seed=args.seed,
            workers=args.workers,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes / 60:.1f} h")
    return 0


def _add_modules(commands: "Commands") -> None:
    text = "Render tracker modules and LMMS projects, one instrument at a time, as songs to train on."
    parser = commands.add_parser("modules", help=text, description=text)
    parser.set_defaults(run=_modules)
    text = "folder of Debian's packages, each extracted into a folder of its name"
    parser.add_argument("packages", type=Path, metavar="PACKAGES", help=text)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MODULES", help="write the songs to MODULES"
    )


def _modules(args: argparse.Namespace) -> int:
    from .pool.composed import render_modules

    manifest = render_modules(args.packages, args.output, progress=lambda text: print(text, flush=True))
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes:.0f} min")
    return 0


def _add_preview(commands: "Commands") -> None:
    text = "Draw spectrograms of training mixtures and of real songs, to compare them."
    parser = commands.add_parser("preview", help=text, description=text)
    parser.set_defaults(run=_preview)
    text = "folder of songs to mix (may be repeated)"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="TREE", help=text)
    parser.add_argument("--songs", type=Path, required=True, metavar="TREE", help="folder of real songs")
    text = "number of mixtures (default: %(default)s)"
    parser.add_argument("--mixtures", type=_count, default=20, metavar="N", help=text)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.png", help="write the picture to FILE"
    )


def _preview(args: argparse.Namespace) -> int:
    from .data import SAMPLE_RATE, Mixer, find_tracks
    from .pictures import SECONDS, draw_preview

    tracks = [track for tree in args.data for track in find_tracks(tree)]
    mixer = Mixer(tuple(tracks), int(SECONDS * SAMPLE_RATE))
    draw_preview(args.output, mixer, find_tracks(args.songs), mixtures=args.mixtures)
    return 0


def _add_train(commands: "Commands") -> None:
    text = "Train a network, or go on training it."
    parser = commands.add_parser("train", help=text, description=text)
    parser.set_defaults(run=_train)
    text = "folder of the run; if it has a checkpoint, the training goes on from there"
    parser.add_argument("run_folder", type=Path, metavar="RUN", help=text)
    text = "folder of songs to train on, such as MUSDB18-HQ/train (may be repeated)"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="TREE", help=text)
    text = "folder of real songs to score on; they are not trained on"
    parser.add_argument("--songs", type=Path, metavar="TREE", help=text)
    text = "folder of songs of a voice and an accompaniment to score on; they are not trained on"
    parser.add_argument("--judge", type=Path, metavar="TREE", help=text)
    text = "minutes of training in this session"
    parser.add_argument("--minutes", type=float, required=True, help=text)
    text = "folder of songs to mix for validation; they are not trained on"
    parser.add_argument("--validation", type=Path, metavar="TREE", help=text)
    text = "without --validation: keep the last N songs of the data for validation (default: %(default)s)"
    parser.add_argument("--hold-out", type=_count, default=20, metavar="N", help=text)
    text = "number of processes (default: one for each core)"
    parser.add_argument("--processes", type=_count, default=os.cpu_count() or 1, metavar="N", help=text)
    text = "threads of each process (default: %(default)s)"
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help=text)
    text = "network of a new run (default: %(default)s)"
    parser.add_argument("--preset", choices=PRESETS, default="lightsaft", help=text)
    text = "change settings of the preset (fields of Config in config.py)"
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help=text)
    text = "change settings of the training, also of a run that goes on (fields of TrainingConfig in trainer.py)"
    parser.add_argument("--training", nargs="*", default=[], metavar="NAME=VALUE", help=text)
    text = "change the minutes between two checkpoints (save), rows of the log (log) and scores (evaluate)"
    parser.add_argument("--intervals", nargs="*", default=[], metavar="NAME=VALUE", help=text)


def _train(args: argparse.Namespace) -> int:
    from .data import find_tracks
    from .run import Data, Intervals, say, train
    from .trainer import TrainingConfig

    tracks = [track for tree in args.data for track in find_tracks(tree)]
    songs, judge = (find_tracks(tree) if tree else [] for tree in (args.songs, args.judge))
    if args.validation:
        data = Data(tracks, find_tracks(args.validation), songs, judge)
    else:
        if len(tracks) <= args.hold_out:
            raise DataError(
                f"expected more than {args.hold_out} songs, as these are held out for validation, got {len(tracks)} "
                "(use --validation, or a smaller --hold-out)"
            )
        data = Data(tracks[: -args.hold_out], tracks[-args.hold_out :], songs, judge)
    run = (args.run_folder, changed(PRESETS[args.preset], args.network), parsed(TrainingConfig(), args.training))
    intervals = changed(Intervals(args.minutes), args.intervals)
    train(run, data, intervals, processes=args.processes, threads=args.threads, report=say)
    return 0


def _add_pack(commands: "Commands") -> None:
    text = "Write the checkpoint of a run in a smaller form, to keep it or to go on elsewhere."
    parser = commands.add_parser("pack", help=text, description=text)
    parser.set_defaults(run=_pack)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("packed", type=Path, metavar="FILE.pt", help="packed checkpoint to write")
    text = "Begin a run with a packed checkpoint."
    parser = commands.add_parser("unpack", help=text, description=text)
    parser.set_defaults(run=_unpack)
    parser.add_argument("packed", type=Path, metavar="FILE.pt", help="packed checkpoint to read")
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the new run")
    text = "make the network larger, such as channels=96 (fields of Config in config.py)"
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help=text)


def _pack(args: argparse.Namespace) -> int:
    from .packing import pack

    pack(args.run_folder, args.packed)
    return 0


def _unpack(args: argparse.Namespace) -> int:
    from .packing import unpack

    unpack(args.packed, args.run_folder, args.network)
    return 0


def _add_average(commands: "Commands") -> None:
    text = "Begin a run with the mean of the weights of other runs."
    parser = commands.add_parser("average", help=text, description=text)
    parser.set_defaults(run=_average)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of the runs, of one network")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the new run")


def _average(args: argparse.Namespace) -> int:
    from .packing import average

    average(args.runs, args.output)
    return 0


def _add_plot(commands: "Commands") -> None:
    text = "Draw the loss and the scores of a run."
    parser = commands.add_parser("plot", help=text, description=text)
    parser.set_defaults(run=_plot)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.png", help="write the picture to FILE"
    )


def _plot(args: argparse.Namespace) -> int:
    from .pictures import draw_curves

    draw_curves(args.output, args.run_folder)
    return 0


def _add_export(commands: "Commands") -> None:
    text = "Export the averaged weights of a run as a model: an ONNX file and its manifest."
    parser = commands.add_parser("export", help=text, description=text)
    parser.set_defaults(run=_export)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="write the model to DIR")
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--version", required=True, help="version of the model")
    parser.add_argument("--licence", required=True, help="licence of the weights")
    text = "frames of a chunk, which the model separates at once (default: those of the network)"
    parser.add_argument("--frames", type=_count, metavar="N", help=text)
    text = "export the weights of the checkpoint, not those with the best score"
    parser.add_argument("--last", action="store_true", help=text)
    text = "folder of real songs to score the model on (default: keep the scores of the training)"
    parser.add_argument("--songs", type=Path, metavar="TREE", help=text)
    text = "describe the songs of the scores in the manifest (default: %(default)s)"
    parser.add_argument("--scored-on", default="not told", metavar="TEXT", help=text)
    text = "add minutes and licences of a pool that was trained on to the manifest (may be repeated)"
    parser.add_argument("--pool", type=Path, action="append", metavar="POOL", help=text)


def _export(args: argparse.Namespace) -> int:
    from .data import find_tracks
    from .evaluation import score, separator_of, summary
    from .export import write_model
    from .packing import ema_network

    network, kept = ema_network(args.run_folder / ("checkpoint.pt" if args.last else "best.pt"))
    if args.frames:
        if args.frames % network.config.frames_multiple:
            multiple = network.config.frames_multiple
            raise SettingsError(f"expected --frames to be a multiple of {multiple}, got {args.frames}")
        network.config = dataclasses.replace(network.config, frames=args.frames)
    scores = kept.get("scores", {})
    if args.songs:
        scores = summary(score(separator_of(network, float16=True), find_tracks(args.songs)))
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


if __name__ == "__main__":
    sys.exit(main())
