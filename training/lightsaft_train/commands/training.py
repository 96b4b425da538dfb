"""The commands of a training: `train`, `validate` and `plot`."""

import argparse
import math
from pathlib import Path

from ..config import PRESETS
from ..errors import DataError, SettingsError
from ..settings import changed, parsed
from .arguments import Commands, add_command, count


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    _add_train(commands)
    _add_validate(commands)
    _add_plot(commands)


def _add_train(commands: Commands) -> None:
    text = "Train a network, or go on training it."
    parser = add_command(commands, "train", text, _train)
    text = "folder of the run; if it has a checkpoint, the training goes on from there"
    parser.add_argument("run_folder", type=Path, metavar="RUN", help=text)
    text = "folder of songs to train on, such as MUSDB18-HQ/train (may be repeated)"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="TREE", help=text)
    text = "folder of real songs to score on; they are not trained on"
    parser.add_argument("--songs", type=Path, metavar="TREE", help=text)
    text = "folder of songs of a voice and an accompaniment to score on; they are not trained on"
    parser.add_argument("--mashups", type=Path, metavar="TREE", help=text)
    text = "minutes of training in this session"
    parser.add_argument("--minutes", type=float, default=math.inf, help=text)
    text = "train until the run has made N steps in all"
    parser.add_argument("--steps", type=count, metavar="N", help=text)
    text = "folder of songs to mix for validation; they are not trained on"
    parser.add_argument("--validation", type=Path, metavar="TREE", help=text)
    text = "without --validation: keep the last N songs of the data for validation (default: %(default)s)"
    parser.add_argument("--hold-out", type=count, default=20, metavar="N", help=text)
    text = "where to train: auto (a GPU if there is one), cpu, cuda or cuda:N (default: %(default)s)"
    parser.add_argument("--device", default="auto", help=text)
    text = "number of processes (default: one for each core, or one on a GPU; torchrun starts one for each GPU)"
    parser.add_argument("--processes", type=count, metavar="N", help=text)
    text = "threads of each process (default: %(default)s)"
    parser.add_argument("--threads", type=count, default=1, metavar="N", help=text)
    text = "processes that draw the mixtures of each process (default: one, or on a GPU one for each core)"
    parser.add_argument("--loaders", type=count, metavar="N", help=text)
    text = "network of a new run (default: %(default)s)"
    parser.add_argument("--preset", choices=PRESETS, default="lightsaft", help=text)
    text = "change settings of the preset (Config in config.py)"
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help=text)
    text = "change settings of the training, even of a run that goes on (TrainingConfig in training_config.py)"
    parser.add_argument("--training", nargs="*", default=[], metavar="NAME=VALUE", help=text)
    text = "change minutes between checkpoints (save), rows of the log (log), scores (evaluate); Intervals in run.py"
    parser.add_argument("--intervals", nargs="*", default=[], metavar="NAME=VALUE", help=text)


def _train(args: argparse.Namespace) -> int:
    from ..data import songs_in
    from ..processes import Machine, TrainingSession, train
    from ..run import Data, Intervals, say
    from ..training_config import TrainingConfig

    if args.steps is None and args.minutes == math.inf:
        raise SettingsError("expected --minutes or --steps")
    songs = [song for tree in args.data for song in songs_in(tree)]
    real_songs, mashups = (songs_in(tree) if tree else [] for tree in (args.songs, args.mashups))
    if args.validation:
        data = Data(songs, songs_in(args.validation), real_songs, mashups)
    else:
        if len(songs) <= args.hold_out:
            raise DataError(
                f"expected more than {args.hold_out} songs, as these are held out for validation, got {len(songs)} "
                "(use --validation, or a smaller --hold-out)"
            )
        data = Data(songs[: -args.hold_out], songs[-args.hold_out :], real_songs, mashups)
    session = TrainingSession(
        folder=args.run_folder,
        config=changed(PRESETS[args.preset], args.network),
        changes=parsed(TrainingConfig(), args.training),
        data=data,
        intervals=changed(Intervals(args.minutes, args.steps), args.intervals),
        machine=Machine(args.device, args.processes, args.threads, args.loaders),
        report=say,
    )
    train(session)
    return 0


def _add_validate(commands: Commands) -> None:
    text = "Compare runs on the same mixtures of songs: of those that they were trained on, and of others."
    parser = add_command(commands, "validate", text, _validate)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of the runs")
    text = "folder of songs to mix (may be repeated)"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="TREE", help=text)
    text = "mixtures of each folder (default: %(default)s)"
    parser.add_argument("--mixtures", type=count, default=240, metavar="N", help=text)


def _validate(args: argparse.Namespace) -> int:
    from ..validation import compare

    print("| songs | run | SDR | standard error | more than the first run | standard error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for result in compare(args.runs, args.data, args.mixtures):
        figures = " | ".join(f"{value:.2f}" for value in (*result.sdr, *result.gain))
        print(f"| {result.tree.name} | {result.run.name} | {figures} |", flush=True)
    return 0


def _add_plot(commands: Commands) -> None:
    text = "Draw the loss and the scores of a run."
    parser = add_command(commands, "plot", text, _plot)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.png", help="write the picture to FILE"
    )


def _plot(args: argparse.Namespace) -> int:
    from ..pictures import draw_curves

    draw_curves(args.output, args.run_folder)
    return 0
