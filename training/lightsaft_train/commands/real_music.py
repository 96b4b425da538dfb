"""Commands about real music: `instrumentals` and `pseudo-stems` to train on, `mashups` and `excerpts` to score on."""

import argparse
from pathlib import Path

from .arguments import Commands, add_command, song_bar


def add_commands(commands: Commands) -> None:
    """Add the commands to the parsers of commands."""
    _add_instrumentals(commands)
    _add_mashups(commands)
    _add_excerpts(commands)
    _add_pseudo_stems(commands)


def _add_recordings_and_packages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, help="folder that has vocals/ and accompaniment/instrumentals.tsv")
    _add_output(parser)
    text = "keep the downloaded .deb files in DIR, and use those that are there"
    parser.add_argument("--packages", type=Path, metavar="DIR", help=text)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TREE", help="write the songs to TREE")


def _add_instrumentals(commands: Commands) -> None:
    text = "Download real instrumentals from Debian packages, as songs to train on."
    _add_recordings_and_packages(add_command(commands, "instrumentals", text, _instrumentals))


def _instrumentals(args: argparse.Namespace) -> int:
    from ..pool.real import write_instrumentals

    with song_bar() as progress:
        manifest = write_instrumentals(args.recordings, args.output, packages=args.packages, progress=progress)
    for stem, minutes in manifest["minutes"].items():
        print(f"{stem} {minutes:.0f} min")
    return 0


def _add_mashups(commands: Commands) -> None:
    text = "Render songs to score on, from voices and instrumentals that are never trained on."
    _add_recordings_and_packages(add_command(commands, "mashups", text, _mashups))


def _mashups(args: argparse.Namespace) -> int:
    from ..pool.real import render_mashups

    with song_bar() as progress:
        render_mashups(args.recordings, args.output, packages=args.packages, progress=progress)
    return 0


def _add_excerpts(commands: Commands) -> None:
    text = "Cut excerpts with much voice from pool songs, at the levels of real songs, to score on."
    parser = add_command(commands, "excerpts", text, _excerpts)
    parser.add_argument("pool", type=Path, metavar="POOL", help="pool whose seed is not trained on")
    _add_output(parser)


def _excerpts(args: argparse.Namespace) -> int:
    from ..pool.real import write_excerpts

    write_excerpts(args.pool, args.output)
    return 0


def _add_pseudo_stems(commands: Commands) -> None:
    text = "Split the accompaniments of songs with a model, as more songs to train on."
    parser = add_command(commands, "pseudo-stems", text, _pseudo_stems)
    parser.add_argument("tree", type=Path, metavar="TREE", help="songs that have stems that are sums of targets")
    text = "manifest of the model (default: the packaged model)"
    parser.add_argument("--model", type=Path, metavar="FILE.json", help=text)
    _add_output(parser)


def _pseudo_stems(args: argparse.Namespace) -> int:
    from lightsaft_infer import Separator

    from ..pool.real import write_pseudo_stems

    with song_bar() as progress:
        write_pseudo_stems(args.tree, args.output, Separator.from_file(args.model), progress=progress)
    return 0
