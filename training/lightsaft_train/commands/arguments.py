"""Kinds of arguments that several commands take."""

import argparse


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
