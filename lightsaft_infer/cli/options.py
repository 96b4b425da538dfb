"""Options that several commands have, and their meaning for a model."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ..audio import CLIP_POLICIES, OUTPUT_FORMATS
from ..bundle import Bundle
from ..manifest import Manifest
from ..stem_options import StemOptions, choose_stems

Run = Callable[[argparse.Namespace], int]
"""The function of a command. It takes the parsed options and returns the exit status."""


class AddCommand(Protocol):
    """Adds a command to the parser of `lightsaft`."""

    def __call__(
        self, name: str, run: Run, description: str, parents: Sequence[argparse.ArgumentParser]
    ) -> argparse.ArgumentParser:
        """Return the parser of the new command, which has the options of `parents` and those that are added to it."""


def positive(text: str) -> int:
    """Return an option as a number. Raises ArgumentTypeError, which argparse prints, unless it is 1 or more."""
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from error
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


def given_path(text: str) -> Path:
    """Return an option as a path. Raises ArgumentTypeError if it is empty, as a variable of a shell that is not set: it
    would mean the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty text")
    return Path(text)


def names(text: str) -> tuple[str, ...]:
    """Return the names in an option, which have commas between them."""
    return tuple(name.strip() for name in text.split(","))


def add_stem_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the stems and the format of their files."""
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--targets", type=names, metavar="A,B", help="separate only these targets (default: all)")
    which.add_argument("--two-stems", metavar="TARGET", help="write TARGET, and the mixture minus TARGET")
    suffixes = [suffix[1:] for suffix in OUTPUT_FORMATS]
    add("--format", choices=suffixes, default="wav", help="set the format of the stems (default: %(default)s)")
    subtypes = "FLOAT, PCM_16, PCM_24, ... (default: FLOAT in wav, PCM_24 in flac)"
    add("--subtype", metavar="NAME", help=f"set the encoding of the samples: {subtypes}")
    help_clip = (
        "set the treatment of samples beyond full scale in formats that are not float: scale all stems by one gain, "
        "clamp these samples, or end with an error (default: scale; clamp on standard output)"
    )
    help_bitrate = "set the bit rate of mp3, m4a and opus, such as 320k (default: 256k in mp3 and m4a, 160k in opus)"
    add("--bitrate", metavar="RATE", help=help_bitrate)
    help_tags = "do not copy the tags and the cover picture of a file to its stems"
    add("--no-tags", dest="tags", action="store_false", help=help_tags)
    add("--clip", choices=CLIP_POLICIES, help=help_clip)
    add("--downmix", action="store_true", help="mix files of more than 2 channels to stereo (default: an error)")
    add(
        "--consistency",
        action=argparse.BooleanOptionalAction,
        help="make the stems sum to the mixture (default: yes, if all targets are separated)",
    )


def chosen_stems(args: argparse.Namespace, manifest: Manifest | Bundle) -> StemOptions:
    """Return the stems that the options select. Raises ModelError and ArgumentError (see `choose_stems`)."""
    return choose_stems(manifest, targets=args.targets, two_stems=args.two_stems, consistency=args.consistency)
