"""The command `lightsaft`: parses the command line, runs a command and reports its errors."""

import argparse
from collections.abc import Sequence

from ..version import __version__
from .batch import add_batch
from .benchmark import add_benchmark
from .evaluate import add_evaluate
from .info import add_info
from .models import add_bundle, add_import_mdx
from .options import Run, given_path, positive
from .report import add_report
from .separate import add_separate
from .studio import add_studio
from .terminal import print_error, print_message
from .verify import add_verify


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `lightsaft`.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. Default: those of this process.

    Returns
    -------
    int
        The exit status: 0 if everything was done, 1 after an error, which is printed, 130 after Ctrl-C, 141 if the
        reader of a pipe has closed it.

    Raises
    ------
    SystemExit
        If the command line is wrong (status 2), or asks for help or the version (status 0).
    """
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        print_message("interrupted")
        return 130
    except Exception as error:
        print_error(error, f"lightsaft {args.command}")
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lightsaft", description="Music source separation on the CPU.")
    parser.add_argument("--version", action="version", version=f"lightsaft {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model",
        type=given_path,
        metavar="MANIFEST",
        help="use the model of this manifest (default: the packaged model)",
    )
    threads = argparse.ArgumentParser(add_help=False)
    threads.add_argument(
        "--threads", type=positive, metavar="N", help="run the network with N threads (default: all cores)"
    )

    def command(
        name: str, run: Run, description: str, parents: Sequence[argparse.ArgumentParser]
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=description, description=description, parents=[*parents])
        sub.set_defaults(run=run, command=name)
        return sub

    add_separate(command, [model, threads])
    add_batch(command, [model])
    add_info(command, [model])
    add_verify(command, [model, threads])
    add_benchmark(command, [model, threads])
    add_import_mdx(command)
    add_bundle(command)
    add_evaluate(command)
    add_report(command)
    add_studio(command, [model, threads])
    return parser
