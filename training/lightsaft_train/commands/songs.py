"""The commands that make songs to train on, `data` and `modules`, and look at them, `preview`."""

import argparse
import os
from pathlib import Path

from .arguments import Commands, add_command, count, seed, song_bar


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    _add_data(commands)
    _add_modules(commands)
    _add_preview(commands)


def _add_data(commands: Commands) -> None:
    text = "Render the songs of the training pool that are missing."
    parser = add_command(commands, "data", text, _data)
    text = "folder that has vocals/, drums/, bass/, other/ and midi/"
    parser.add_argument("recordings", type=Path, metavar="RECORDINGS", help=text)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="POOL", help="write the songs to POOL")
    text = "number of songs, of one minute each (default: %(default)s)"
    parser.add_argument("--songs", type=count, default=600, metavar="N", help=text)
    text = "seed that the songs are drawn from (default: %(default)s)"
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help=text)
    text = "number of processes (default: one for each core)"
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1, metavar="N", help=text)


def _data(args: argparse.Namespace) -> int:
    from ..pool.build import build

    with song_bar(args.songs) as progress:
        manifest = build(
            args.recordings, args.output, songs=args.songs, seed=args.seed, workers=args.workers, progress=progress
        )
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes / 60:.1f} h")
    return 0


def _add_modules(commands: Commands) -> None:
    text = "Render tracker modules and LMMS projects, one instrument at a time, as songs to train on."
    parser = add_command(commands, "modules", text, _modules)
    text = "folder of Debian's packages, each extracted into a folder of its name"
    parser.add_argument("packages", type=Path, metavar="PACKAGES", help=text)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MODULES", help="write the songs to MODULES"
    )


def _modules(args: argparse.Namespace) -> int:
    from ..pool.composed import render_modules

    manifest = render_modules(args.packages, args.output, progress=lambda text: print(text, flush=True))
    for target, minutes in manifest["minutes"].items():
        print(f"{target} {minutes:.0f} min")
    return 0


def _add_preview(commands: Commands) -> None:
    text = "Draw spectrograms of training mixtures and of real songs, to compare them."
    parser = add_command(commands, "preview", text, _preview)
    text = "folder of songs to mix (may be repeated)"
    parser.add_argument("--data", type=Path, required=True, action="append", metavar="TREE", help=text)
    parser.add_argument("--songs", type=Path, required=True, metavar="TREE", help="folder of real songs")
    text = "number of mixtures (default: %(default)s)"
    parser.add_argument("--mixtures", type=count, default=20, metavar="N", help=text)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.png", help="write the picture to FILE"
    )


def _preview(args: argparse.Namespace) -> int:
    from ..data import SAMPLE_RATE, Mixer, songs_in
    from ..pictures import SECONDS, draw_preview

    songs = [song for tree in args.data for song in songs_in(tree)]
    mixer = Mixer(songs, int(SECONDS * SAMPLE_RATE))
    draw_preview(args.output, mixer, songs_in(args.songs), mixtures=args.mixtures)
    return 0
