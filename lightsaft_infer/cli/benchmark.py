"""The command `lightsaft benchmark`: the speed of a model on this machine."""

import argparse
import json
from collections.abc import Sequence

from .options import AddCommand, given_path, positive
from .terminal import print_output


def add_benchmark(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    parser = command("benchmark", _benchmark, "Measure the speed of the model on this machine.", parents)
    add = parser.add_argument
    add("--mixture", type=given_path, metavar="FILE", help="separate this file (default: noise)")
    add("--seconds", type=float, default=30.0, help="separate this length of audio (default: %(default)s)")
    add("--repeats", type=positive, metavar="N", default=5, help="measure N separations (default: %(default)s)")
    add("--consistency", action="store_true", help="make the stems sum to the mixture")
    add("--json", action="store_true", help="print JSON instead of text")


def _benchmark(args: argparse.Namespace) -> int:
    from ..benchmark import benchmark, table

    options = ("model", "mixture", "seconds", "repeats", "threads", "consistency")
    result = benchmark(**{name: getattr(args, name) for name in options})
    print_output(json.dumps(result, indent=1) if args.json else table(result))
    return 0
