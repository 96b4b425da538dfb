"""Commands about real music: `instrumentals` and `pseudo-stems` to train on, `mashups` and `excerpts` to score on."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .arguments import Commands, add_command, song_bar

Result = TypeVar("Result")


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    texts = {
        "instrumentals": "Download real instrumentals from Debian packages, as songs to train on.",
        "mashups": "Render songs to score on, from voices and instrumentals that are never trained on.",
    }
    for name, run in (("instrumentals", _instrumentals), ("mashups", _mashups)):
        parser = add_command(commands, name, texts[name], run)
        parser.add_argument("recordings", type=Path, help="folder that has vocals/ and accompaniment/instrumentals.tsv")
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE", help="write the songs to TREE")
        text = "keep the downloaded .deb files in DIR, and use those that are there"
        parser.add_argument("--packages", type=Path, metavar="DIR", help=text)
    text = "Cut excerpts with much voice from pool songs, at the levels of real songs, to score on."
    parser = add_command(commands, "excerpts", text, _excerpts)
    parser.add_argument("pool", type=Path, metavar="POOL", help="pool whose seed is not trained on")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE", help="write the songs to TREE")
    text = "Split the accompaniments of songs with a model, as more songs to train on."
    parser = add_command(commands, "pseudo-stems", text, _pseudo_stems)
    parser.add_argument("tree", type=Path, metavar="TREE", help="songs that have stems that are sums of targets")
    text = "manifest of the model (default: the packaged model)"
    parser.add_argument("--model", type=Path, metavar="FILE.json", help=text)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE", help="write the songs to TREE")


def _instrumentals(args: argparse.Namespace) -> int:
    from ..pool.real import write_instrumentals

    manifest = _with_bar(write_instrumentals, args)
    for stem, minutes in manifest["minutes"].items():
        print(f"{stem} {minutes:.0f} min")
    return 0


def _mashups(args: argparse.Namespace) -> int:
    from ..pool.real import render_mashups

    _with_bar(render_mashups, args)
    return 0


def _excerpts(args: argparse.Namespace) -> int:
    from ..pool.real import write_excerpts

    write_excerpts(args.pool, args.output)
    return 0


def _pseudo_stems(args: argparse.Namespace) -> int:
    from lightsaft_infer import Separator

    from ..pool.real import write_pseudo_stems

    with song_bar() as progress:
        write_pseudo_stems(args.tree, args.output, Separator.from_file(args.model), progress=progress)
    return 0


def _with_bar(function: Callable[..., Result], args: argparse.Namespace) -> Result:
    with song_bar() as progress:
        return function(args.recordings, args.output, packages=args.packages, progress=progress)
