"""Checks of arguments. They raise ArgumentError."""

import math
import numbers
import os
from pathlib import Path
from typing import TypeGuard

from .errors import ArgumentError

AnyPath = str | os.PathLike[str]
"""A path as callers may give it."""


def to_path(value: object, what: str) -> Path:
    """Return a path as Path. Raises ArgumentError, which says that `what` was expected, for a value of another type."""
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentError(f"expected {what}, got {value!r}")
    try:
        path = Path(value)
    except TypeError as error:  # a path of bytes
        raise ArgumentError(f"expected {what}, got {value!r}") from error
    if "\0" in str(path):
        raise ArgumentError(f"expected {what} without a null character, got {value!r}")
    return path


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number of Python's or numpy's types, and not a truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def whole_number(value: object, name: str, *, least: int = 1, most: float = math.inf) -> int:
    """Return a value as int. Raises ArgumentError unless it is a whole number from `least` to `most`."""
    if not is_number(value) or not least <= value <= most or value % 1 != 0:  # infinity has the remainder NaN
        allowed = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise ArgumentError(f"expected {name} to be a whole number of {allowed}, got {value!r}")
    return int(value)
