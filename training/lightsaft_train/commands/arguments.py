"""What several commands share: how a command is added, kinds of arguments, a progress bar."""

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ..arrays import SongProgress

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command that calls `run` with its arguments. Return its parser."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def count(text: str) -> int:
    """Parse a whole number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got: {text}")
    return int(text)


def seed(text: str) -> int:
    """Parse a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got: {text}")
    return int(text)


@contextlib.contextmanager
def song_bar(songs: int | None = None) -> Iterator[SongProgress]:
    """Show a progress bar for a number of songs, if it is known; yield its function of (finished songs, songs)."""
    from tqdm import tqdm

    with tqdm(total=songs, unit="song") as bar:

        def progress(done: int, songs: int) -> None:
            bar.total = songs
            bar.update(done - bar.n)

        yield progress
