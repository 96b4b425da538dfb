"""Options that more than one command has, and what they mean for a model."""

import argparse
import contextlib

from ..audio import CLIP_POLICIES, FORMATS
from ..errors import LightSAFTError


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


def add_stem_options(parser):
    """What is separated, and the form of its files."""
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--targets", type=names, metavar="A,B", help="only these targets (default: all)")
    which.add_argument("--two-stems", metavar="TARGET", help="TARGET and the mixture minus TARGET")
    add("--format", choices=[suffix[1:] for suffix in FORMATS], default="wav", help="default: %(default)s")
    add("--subtype", help="FLOAT, PCM_16, PCM_24, ... (default: FLOAT in wav, PCM_24 in flac)")
    clip = "stems beyond full scale, where the format is not float: scale all by one gain, clamp, or error"
    add("--clip", choices=CLIP_POLICIES, help=f"{clip} (default: scale; clamp in a pipe)")
    add(
        "--consistency",
        action=argparse.BooleanOptionalAction,
        help="let the stems sum to the mixture (default: yes, where all targets are separated)",
    )


def names(text):
    return tuple(name.strip() for name in text.split(","))


def chosen_stems(args, manifest):
    """Names of the files to be written, and the keywords `consistency` and `residual` of `separate_file`.

    Raises LightSAFTError where the model does not have the targets, or they cannot be made consistent.
    """
    targets, residual = args.targets or manifest.targets, None
    if args.two_stems is not None:
        targets = (args.two_stems,)
        residual = "instrumental" if args.two_stems == "vocals" else f"no_{args.two_stems}"
    manifest.indices(targets)
    whole = residual is None and set(targets) == set(manifest.targets)
    if args.consistency and not whole:
        raise LightSAFTError("--consistency needs all targets: stems of some of them do not sum to the mixture")
    stems = targets if residual is None else (*targets, residual)
    return stems, {"consistency": whole if args.consistency is None else args.consistency, "residual": residual}


@contextlib.contextmanager
def progress_bar(**options):
    """A progress function that draws tqdm's bar on a terminal, and nothing in a pipe."""
    from tqdm import tqdm

    with tqdm(**options, disable=None) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        yield progress
