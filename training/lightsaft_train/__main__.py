"""`python -m lightsaft_train`: from weights to a model that lightsaft_infer runs."""

import argparse
import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

from . import real_music
from .config import PRESETS, SettingsError, changed, parsed


def main(argv=None):
    """Run a command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lightsaft_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_convert(commands)
    _add_data(commands)
    real_music.add_commands(commands)
    _add_modules(commands)
    _add_preview(commands)
    _add_train(commands)
    _add_pack(commands)
    _add_plot(commands)
    _add_export(commands)
    args = parser.parse_args(argv)
    from .data import DataError
    from .export import CheckpointError

    try:
        return args.run(args)
    except (CheckpointError, DataError, SettingsError) as error:
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
    from .export import CheckpointError, network_of, read_checkpoint, write_model

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


def _add_data(commands):
    text = "Render the training pool, or what is missing of it."
    parser = commands.add_parser("data", help=text, description=text)
    parser.set_defaults(run=_data)
    parser.add_argument("recordings", type=Path, help="folder of vocals/, drums/, bass/, other/ and midi/")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--songs", type=int, default=600, help="songs of a minute (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())


def _data(args):
    from tqdm import tqdm

    from .pool.build import build

    with tqdm(total=args.songs, unit="song") as bar:
        options = {"songs": args.songs, "seed": args.seed, "workers": args.workers}
        manifest = build(args.recordings, args.output, **options, progress=lambda done, _: bar.update(done - bar.n))
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes / 60:.1f} h")
    return 0


def _add_modules(commands):
    text = "Render tracker modules and LMMS projects instrument by instrument, or what is missing of them."
    parser = commands.add_parser("modules", help=text, description=text)
    parser.set_defaults(run=_modules)
    parser.add_argument("packages", type=Path, help="folder of Debian's packages, each extracted in one of its name")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def _modules(args):
    from .pool.composed import render_modules

    manifest = render_modules(args.packages, args.output, progress=lambda text: print(text, flush=True))
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes:.0f} min")
    return 0


def _add_preview(commands):
    text = "Draw what a network sees: training mixtures beside real songs."
    parser = commands.add_parser("preview", help=text, description=text)
    parser.set_defaults(run=_preview)
    parser.add_argument("--data", type=Path, required=True, action="append", help="tree of songs to mix")
    parser.add_argument("--songs", type=Path, required=True, help="tree of real songs")
    parser.add_argument("--mixtures", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")


def _preview(args):
    from .data import SAMPLE_RATE, Mixer, find_tracks
    from .pictures import SECONDS, draw_preview

    tracks = [track for tree in args.data for track in find_tracks(tree)]
    mixer = Mixer(tuple(tracks), int(SECONDS * SAMPLE_RATE))
    draw_preview(args.output, mixer, find_tracks(args.songs), mixtures=args.mixtures)
    return 0


def _add_train(commands):
    text = "Train a network, or go on training it."
    parser = commands.add_parser("train", help=text, description=text)
    parser.set_defaults(run=_train)
    parser.add_argument(
        "run_folder", type=Path, metavar="RUN", help="folder of the run; it goes on from its checkpoint"
    )
    parser.add_argument(
        "--data", type=Path, required=True, action="append", help="tree of songs, e.g. MUSDB18-HQ's train"
    )
    parser.add_argument("--songs", type=Path, help="tree of songs to score on, never trained on")
    parser.add_argument("--judge", type=Path, help="tree of voices and accompaniments to score on, never trained on")
    parser.add_argument("--minutes", type=float, required=True, help="how long to train now")
    parser.add_argument("--validation", type=Path, help="tree of songs to mix for validation, never trained on")
    parser.add_argument(
        "--hold-out", type=int, default=20, help="tracks of the data kept for it otherwise (default: %(default)s)"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: one for each core")
    parser.add_argument("--threads", type=int, default=1, help="of each process (default: %(default)s)")
    parser.add_argument("--preset", choices=PRESETS, default="lightsaft", help="network (default: %(default)s)")
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help="changes of the preset")
    parser.add_argument(
        "--training", nargs="*", default=[], metavar="NAME=VALUE", help="changes of the training, also later on"
    )
    parser.add_argument(
        "--intervals", nargs="*", default=[], metavar="NAME=VALUE", help="minutes of save, log, evaluate"
    )


def _train(args):
    from .data import find_tracks
    from .run import Data, Intervals, say, train
    from .trainer import TrainingConfig

    tracks = [track for tree in args.data for track in find_tracks(tree)]
    songs, judge = (find_tracks(tree) if tree else [] for tree in (args.songs, args.judge))
    if args.validation:
        data = Data(tracks, find_tracks(args.validation), songs, judge)
    else:
        data = Data(tracks[: -args.hold_out], tracks[-args.hold_out :], songs, judge)
    run = (args.run_folder, changed(PRESETS[args.preset], args.network), parsed(TrainingConfig(), args.training))
    intervals = changed(Intervals(args.minutes), args.intervals)
    options = {"processes": args.processes, "threads": args.threads, "report": say}
    train(run, data, intervals, **options)
    return 0


def _add_pack(commands):
    text = "Write a run's checkpoint in a smaller form, to keep it elsewhere."
    parser = commands.add_parser("pack", help=text, description=text)
    parser.set_defaults(run=_pack)
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("packed", type=Path, metavar="FILE.pt")
    text = "Begin a run with a packed checkpoint."
    parser = commands.add_parser("unpack", help=text, description=text)
    parser.set_defaults(run=_unpack)
    parser.add_argument("packed", type=Path, metavar="FILE.pt")
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    text = "changes of the network, such as more layers"
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help=text)


def _pack(args):
    from .packing import pack

    pack(args.run_folder, args.packed)
    return 0


def _unpack(args):
    from .packing import unpack

    unpack(args.packed, args.run_folder, args.network)
    return 0


def _add_plot(commands):
    text = "Draw a run's loss and scores."
    parser = commands.add_parser("plot", help=text, description=text)
    parser.set_defaults(run=_plot)
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")


def _plot(args):
    from .pictures import draw_curves

    draw_curves(args.output, args.run_folder)
    return 0


def _add_export(commands):
    text = "Turn the averaged weights of a run into a model: an ONNX file and its manifest."
    parser = commands.add_parser("export", help=text, description=text)
    parser.set_defaults(run=_export)
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--licence", required=True, help="licence of the weights")
    parser.add_argument("--frames", type=int, help="frames that the model is given at once (default: the network's)")
    parser.add_argument("--last", action="store_true", help="the checkpoint, not the weights of the best score")
    parser.add_argument("--songs", type=Path, help="tree of real songs to score on (default: scores of the training)")
    parser.add_argument("--scored-on", default="not told", metavar="TEXT", help="what songs the scores are of")
    parser.add_argument(
        "--pool", type=Path, action="append", help="a pool trained on, whose manifest is summed up in the model's"
    )


def _export(args):
    from .data import find_tracks
    from .evaluation import score, separator_of, summary
    from .export import write_model
    from .packing import ema_network

    network, kept = ema_network(args.run_folder / ("checkpoint.pt" if args.last else "best.pt"))
    if args.frames:
        network.config = dataclasses.replace(network.config, frames=args.frames)
    scores = kept.get("scores", {})
    if args.songs:
        scores = summary(score(separator_of(network, float16=True), find_tracks(args.songs)))
    training = {"steps": kept["step"], "hours": round(kept["seconds"] / 3600, 2)}
    if args.pool:
        pools = [json.loads((pool / "manifest.json").read_text(encoding="utf-8")) for pool in args.pool]
        stems = dict.fromkeys(stem for pool in pools for stem in pool["minutes"])
        training["data_minutes"] = {
            stem: round(sum(pool["minutes"].get(stem, 0.0) for pool in pools), 1) for stem in stems
        }
        licences = {source["licence"] for pool in pools for source in pool["sources"].values()}
        training["data_licences"] = sorted(licences)
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


if __name__ == "__main__":
    sys.exit(main())
