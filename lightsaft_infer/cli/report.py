"""The command `lightsaft report`: a page to see and hear stems."""

import argparse

from ..report import EMBEDDED_FORMATS, write_report
from ..text import one_line
from .options import AddCommand, given_path
from .terminal import print_output, progress_bar


def add_report(command: AddCommand) -> None:
    """Add the command to `lightsaft`."""
    description = "Write a page to see and hear the stems of a mixture: one HTML file that opens offline."
    add = command("report", _report, description, []).add_argument
    add("mixture", type=given_path, metavar="MIXTURE", help="the file that was separated")
    add("stems", type=given_path, metavar="STEMS_DIR", help="folder of its stems, named after their targets")
    add(
        "-o",
        "--output",
        type=given_path,
        metavar="FILE",
        help="write the page to FILE (default: STEMS_DIR/report.html)",
    )
    add(
        "--references",
        type=given_path,
        metavar="DIR",
        help="add the SDR against the true stems in DIR, named like the stems",
    )
    add("--model", type=given_path, metavar="MANIFEST", help="name the model that separated the stems on the page")
    help_audio = "embed audio in this format (default: mp3, but none for more than 15 minutes)"
    add("--audio", choices=("none", *EMBEDDED_FORMATS), help=help_audio)
    add("--force", action="store_true", help="replace an existing page")


def _report(args: argparse.Namespace) -> int:
    with progress_bar(desc=args.mixture.name, unit="file") as progress:
        page = write_report(
            args.mixture,
            args.stems,
            args.output,
            references=args.references,
            model=args.model,
            audio=args.audio,
            overwrite=args.force,
            progress=progress,
        )
    print_output(one_line(page))
    return 0
