"""Commands about real music: `instrumentals`, `pseudo-stems` to train on; `judge`, `stretches` to score on."""

import contextlib
from pathlib import Path


def add_commands(commands):
    """Add them to the parsers of commands."""
    texts = {
        "instrumentals": "Fetch real instrumentals from Debian packages, as a tree of songs to train on.",
        "judge": "Render songs to score on, of voices and instrumentals that are never trained on.",
    }
    for name, run in (("instrumentals", _instrumentals), ("judge", _judge)):
        parser = commands.add_parser(name, help=texts[name], description=texts[name])
        parser.set_defaults(run=run)
        parser.add_argument("recordings", type=Path, help="folder of vocals/ and accompaniment/instrumentals.tsv")
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE")
        parser.add_argument("--packages", type=Path, metavar="DIR", help="keep the .deb files here, and use those here")
    text = "Write stretches of pool songs with much voice, at the levels of real songs, to score on."
    parser = commands.add_parser("stretches", help=text, description=text)
    parser.set_defaults(run=_stretches)
    parser.add_argument("pool", type=Path, metavar="POOL", help="a pool of a seed that is not trained on")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE")
    text = "Split the accompaniments of a tree by a model, as more songs to train on."
    parser = commands.add_parser("pseudo-stems", help=text, description=text)
    parser.set_defaults(run=_pseudo_stems)
    parser.add_argument("tree", type=Path, metavar="TREE", help="songs with stems that are sums of targets")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged model)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE")


def _instrumentals(args):
    from .pool.real import build_tree

    manifest = _with_bar(build_tree, args)
    for stem, minutes in manifest["minutes"].items():
        print(f"{stem} {minutes:.0f} min")
    return 0


def _judge(args):
    from .pool.real import render_judge

    _with_bar(render_judge, args)
    return 0


def _stretches(args):
    from .pool.real import render_stretches

    render_stretches(args.pool, args.output)
    return 0


def _pseudo_stems(args):
    from lightsaft_infer import Separator

    from .pool.real import split_tree

    with _bar() as progress:
        split_tree(args.tree, args.output, Separator.from_file(args.model), progress=progress)
    return 0


def _with_bar(function, args):
    with _bar() as progress:
        return function(args.recordings, args.output, packages=args.packages, progress=progress)


@contextlib.contextmanager
def _bar():
    """A progress bar's function of (songs there, songs)."""
    from tqdm import tqdm

    with tqdm(unit="song") as bar:

        def progress(done, songs):
            bar.total = songs
            bar.update(done - bar.n)

        yield progress
