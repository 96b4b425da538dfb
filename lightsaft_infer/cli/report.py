"""The command `lightsaft report`."""

from pathlib import Path

from ..report import FORMATS
from .options import progress_bar


def add_report(command):
    """Add it to the others. `command` is `cli`'s: a function of name, run, description and parent parsers."""
    description = "Write a page to see and hear the stems of a mixture: one HTML file that opens offline."
    add = command("report", _report, description, []).add_argument
    add("mixture", type=Path, metavar="MIXTURE", help="the file that was separated")
    add("stems", type=Path, metavar="STEMS_DIR", help="folder of its stems, named after their targets")
    add("-o", "--output", type=Path, metavar="FILE", help="default: STEMS_DIR/report.html")
    add("--references", type=Path, metavar="DIR", help="true stems, named like the stems: adds their SDR")
    add("--model", type=Path, metavar="MANIFEST", help="model that separated them, to be named on the page")
    add("--audio", choices=("none", *FORMATS), help="how audio is embedded (default: mp3, above 15 minutes none)")
    add("--force", action="store_true", help="replace an existing page")


def _report(args):
    from ..report import write_report

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
    print(page)
    return 0
