"""The command `lightsaft evaluate`."""

import json
from pathlib import Path

from ..audio import write_text
from ..errors import OutputError
from .options import names, progress_bar


def add_evaluate(commands):
    """Add the command to the subparsers of `lightsaft`."""
    description = "Score separated stems against references: the Music Demixing Challenge's SDR, and BSS Eval."
    parser = commands.add_parser("evaluate", help=description, description=description)
    parser.set_defaults(run=_evaluate)
    option = parser.add_argument
    option("references", type=Path, metavar="REFERENCES", help="folder of songs, <song>/<target>.wav or .flac")
    option("estimates", type=Path, metavar="ESTIMATES", help="folder of the same songs, separated")
    option("--targets", type=names, metavar="A,B", help="only these targets (default: all that have a reference)")
    option("--allow-missing", action="store_true", help="score what is there, and list what has no estimate")
    option("--bsseval", action="store_true", help="BSS Eval v4 by museval, too (needs the extra eval)")
    option("--json", action="store_true", help="print JSON instead of a table")
    option("-o", "--output", type=Path, metavar="FILE.json", help="write JSON to a file, too")
    option("--force", action="store_true", help="replace an existing file")


def _evaluate(args):
    from ..audio import check_outputs
    from ..evaluation import evaluate, table

    if args.output is not None:
        check_outputs([args.output], overwrite=args.force)
    with progress_bar(desc="evaluate", unit="song") as progress:
        options = {name: getattr(args, name) for name in ("targets", "allow_missing", "bsseval")}
        result = evaluate(args.references, args.estimates, progress=progress, **options)
    text = json.dumps(result, indent=1, allow_nan=False)
    print(text if args.json else table(result))
    if args.output is not None:
        try:
            args.output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}: {args.output}") from error
        write_text(args.output, [text, "\n"])
    return 0
