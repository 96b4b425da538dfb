"""The command `lightsaft`: parses, loads the model once, loops over the files."""

import argparse
import signal
import sys
from pathlib import Path

from ..errors import LightSAFTError
from ..version import __version__
from .batch import add_batch
from .benchmark import add_benchmark
from .evaluate import add_evaluate
from .info import add_info
from .options import positive
from .report import add_report
from .separate import add_separate
from .verify import add_verify


def main(argv=None):
    """Run the command. Returns the exit status: 0 only if everything asked for was done, 130 after Ctrl-C, 141 where
    the reader of a pipe has gone."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except LightSAFTError as error:
        print(f"lightsaft: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        print("lightsaft: interrupted", file=sys.stderr)
        return 130


def entry():
    """The console script: a terminated process, like an interrupted one, leaves no half file."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())


def _parser():
    parser = argparse.ArgumentParser(prog="lightsaft", description="Music source separation on the CPU.")
    parser.add_argument("--version", action="version", version=f"lightsaft {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--model", type=Path, metavar="MANIFEST", help="manifest (default: the packaged one)")
    threads = argparse.ArgumentParser(add_help=False)
    threads.add_argument("--threads", type=positive, help="threads of the network (default: all cores)")

    def command(name, run, description, parents):
        sub = commands.add_parser(name, help=description, description=description, parents=parents)
        sub.set_defaults(run=run)
        return sub

    add_separate(command, [model, threads])
    add_batch(command, [model])
    add_info(command, [model])
    add_verify(command, [model, threads])
    add_benchmark(command, [model, threads])
    add_evaluate(commands)
    add_report(command)
    return parser
