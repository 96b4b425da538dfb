"""The command `lightsaft benchmark`: the speed of a model on this machine."""

import json
from pathlib import Path

from .options import positive


def add_benchmark(command, parents):
    """Add the command to the parsers of commands."""
    parser = command("benchmark", _benchmark, "Time the model on this machine.", parents)
    parser.add_argument("--mixture", type=Path, help="file to separate (default: noise)")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of audio (default: %(default)s)")
    parser.add_argument("--repeats", type=positive, default=5, help="counted runs (default: %(default)s)")
    parser.add_argument("--consistency", action="store_true", help="with mixture consistency")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _benchmark(args):
    from ..benchmark import benchmark, table

    options = ("model", "mixture", "seconds", "repeats", "threads", "consistency")
    result = benchmark(**{name: getattr(args, name) for name in options})
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0
