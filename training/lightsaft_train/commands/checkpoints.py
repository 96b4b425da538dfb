"""The commands that change checkpoints: `pack`, `unpack` and `average`."""

import argparse
from pathlib import Path

from .arguments import Commands, add_command


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    _add_pack(commands)
    _add_unpack(commands)
    _add_average(commands)


def _add_pack(commands: Commands) -> None:
    text = "Write the checkpoint of a run in a smaller form, to keep it or to go on elsewhere."
    parser = add_command(commands, "pack", text, _pack)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("packed", type=Path, metavar="FILE.pt", help="packed checkpoint to write")


def _pack(args: argparse.Namespace) -> int:
    from ..packing import pack

    pack(args.run_folder, args.packed)
    return 0


def _add_unpack(commands: Commands) -> None:
    text = "Begin a run with a packed checkpoint."
    parser = add_command(commands, "unpack", text, _unpack)
    parser.add_argument("packed", type=Path, metavar="FILE.pt", help="packed checkpoint to read")
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the new run")
    text = "make the network larger, such as channels=96 (fields of Config in config.py)"
    parser.add_argument("--network", nargs="*", default=[], metavar="NAME=VALUE", help=text)


def _unpack(args: argparse.Namespace) -> int:
    from ..packing import unpack

    unpack(args.packed, args.run_folder, args.network)
    return 0


def _add_average(commands: Commands) -> None:
    text = "Begin a run with the mean of the weights of other runs."
    parser = add_command(commands, "average", text, _average)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of the runs, of one network")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the new run")


def _average(args: argparse.Namespace) -> int:
    from ..packing import average

    average(args.runs, args.output)
    return 0
