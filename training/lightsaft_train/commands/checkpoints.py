"""The commands that change checkpoints: `pack`, `unpack` and `average`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: "Commands") -> None:
    """Add the commands to the parsers of commands."""
    _add_pack(commands)
    _add_average(commands)


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
    from ..packing import pack

    pack(args.run_folder, args.packed)
    return 0


def _unpack(args: argparse.Namespace) -> int:
    from ..packing import unpack

    unpack(args.packed, args.run_folder, args.network)
    return 0


def _add_average(commands: "Commands") -> None:
    text = "Begin a run with the mean of the weights of other runs."
    parser = commands.add_parser("average", help=text, description=text)
    parser.set_defaults(run=_average)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of the runs, of one network")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the new run")


def _average(args: argparse.Namespace) -> int:
    from ..packing import average

    average(args.runs, args.output)
    return 0
