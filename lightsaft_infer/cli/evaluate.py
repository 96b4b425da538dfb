"""The command `lightsaft evaluate`: scores of stems against references."""

import argparse
import json

from ..audio import check_not_input, check_outputs, make_parent, write_text
from ..evaluation import evaluate, find_songs, table
from .options import AddCommand, given_path, names
from .terminal import print_output, progress_bar


def add_evaluate(command: AddCommand) -> None:
    """Add the command to `lightsaft`."""
    description = "Score separated stems against references: SDR of the Music Demixing Challenge, and BSS Eval."
    add = command("evaluate", _evaluate, description, []).add_argument
    add("references", type=given_path, metavar="REFERENCES", help="folder of songs, <song>/<target>.wav, .flac or .ogg")
    add("estimates", type=given_path, metavar="ESTIMATES", help="folder of the same songs, separated")
    add("--targets", type=names, metavar="A,B", help="score only these targets (default: all that have a reference)")
    add("--allow-missing", action="store_true", help="score the stems that exist, and list the missing ones")
    add("--bsseval", action="store_true", help="compute BSS Eval v4 with museval as well (needs the extra eval)")
    add("--json", action="store_true", help="print JSON instead of a table")
    add("-o", "--output", type=given_path, metavar="FILE.json", help="write JSON to a file as well")
    add("--force", action="store_true", help="replace an existing file")


def _evaluate(args: argparse.Namespace) -> int:
    if args.output is not None:
        check_outputs([args.output], overwrite=args.force)
        if args.force:
            songs = [stems for tree in (args.references, args.estimates) for stems in find_songs(tree).values()]
            check_not_input([args.output], [file for stems in songs for file in stems.values()])
        make_parent(args.output)
    with progress_bar(desc="evaluate", unit="song") as progress:
        result = evaluate(
            args.references,
            args.estimates,
            targets=args.targets,
            allow_missing=args.allow_missing,
            bsseval=args.bsseval,
            keep_going=True,
            progress=progress,
        )
    text = json.dumps(result, indent=1, allow_nan=False)
    if args.output is not None:  # before anything that can fail: scores take long
        write_text(args.output, [text, "\n"])
    print_output(text if args.json else table(result))
    return 1 if result["failed"] else 0
