"""The errors of lightsaft_infer, and the checks of arguments that raise them.

There is one root, and a class for each thing that can be wrong. The command `lightsaft` imports this module before it
handles signals, so it imports no large package.
"""

import numbers
import os
from pathlib import Path
from typing import TypeGuard

AnyPath = str | os.PathLike[str]
"""A path as callers may give it."""


class LightSAFTError(Exception):
    """The root of every error that a caller of this package can cause."""


class ArgumentError(LightSAFTError, ValueError):
    """An argument is wrong whatever the input is: out of range, of the wrong type, or in conflict with another one."""


class AudioError(LightSAFTError):
    """The mixture cannot be used: it is missing, damaged, not audio, or of an unsupported shape."""


class ModelError(LightSAFTError):
    """The manifest, the graph or the output of the network does not follow the model contract."""


class OutputError(LightSAFTError):
    """The stems cannot be written as requested: a file already exists, the disk is full, or samples would clip."""


class EvaluationError(LightSAFTError):
    """References and estimates cannot be compared: one is missing, their formats differ, or museval is missing."""


class ClusterError(LightSAFTError):
    """A cluster or shared storage cannot be used: a package is missing, no scheduler answers, or its workers differ."""


NO_MEMORY = ("bad_alloc", "failed to map segment", "Cannot allocate memory")  # in errors of other libraries


def unexpected(error: Exception, place: object) -> str:
    """Return the message of any error, on the file or command `place`. It asks for a report of those that this package
    does not expect."""
    if isinstance(error, LightSAFTError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {place}"
    if isinstance(error, OSError) and error.strerror:
        named = place if error.filename is None else error.filename
        return f"cannot read or write {named}: {reason(error)}"
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # an error of another package that has no text
        text = type(error).__name__
    if any(sign in text for sign in NO_MEMORY):
        return f"not enough memory: {place}"
    return f"unexpected error, please report it ({text}): {place}"


def reason(error: Exception) -> str:
    """Return the reason of an error of the system or of a library for a message: `no such file or directory`."""
    text: str = getattr(error, "strerror", None) or str(error)
    # "I/O error" and "RuntimeError: ..." stay as they are.
    return text[:1].lower() + text[1:] if text[1:].partition(" ")[0].islower() else text


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


def whole_number(value: object, name: str, *, least: int = 1) -> int:
    """Return a value as int. Raises ArgumentError unless it is a whole number of `least` or more."""
    if not is_number(value) or not float(value).is_integer() or value < least:
        raise ArgumentError(f"expected {name} to be a whole number of {least} or more, got {value!r}")
    return int(value)
