"""The errors of lightsaft_infer, and the checks of arguments and audio that raise them.

There is one root, and a class for each thing that can be wrong. Numpy is imported when audio is checked, as the command
`lightsaft` imports this module before it handles signals.
"""

import numbers
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_SAMPLES = 65536  # samples per channel that are read, separated and written at a time
SAMPLE_RATES = (8000, 192000)

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
    return f"unexpected error, please report it ({text}): {place}"


def reason(error: Exception) -> str:
    """Return the reason of an error of the system or of a library for a message: `no such file or directory`."""
    text: str = getattr(error, "strerror", None) or str(error)
    # "I/O error" and "RuntimeError: ..." stay as they are.
    return text[:1].lower() + text[1:] if text[1:].partition(" ")[0].islower() else text


def check_format(sample_rate: float, channels: int = 2) -> None:
    """Raise AudioError unless the rate is a whole number of Hz in range and there are 1 or 2 channels."""
    low, high = SAMPLE_RATES
    if not is_number(sample_rate) or not (low <= sample_rate <= high and sample_rate == int(sample_rate)):
        raise AudioError(f"expected a sample rate of {low} to {high} Hz, got {sample_rate!r}")
    if channels not in (1, 2):
        raise AudioError(f"expected 1 or 2 channels, got {channels}")


def check_samples(block: "NDArray[np.generic]", *, channels: int | None, start: int) -> "NDArray[np.float32]":
    """Return a block of floating-point samples (channels, samples) as float32.

    `channels` is None if the number is not known yet; `start` is the position of the block's first sample in the track.

    Raises AudioError for an array of another type or shape, and for NaN or infinity.
    """
    import numpy as np

    if block.ndim != 2 or block.dtype.kind != "f":
        raise AudioError(f"expected floating-point audio (channels, samples), got {block.dtype} {block.shape}")
    if block.shape[0] not in ((1, 2) if channels is None else (channels,)):
        raise AudioError(f"expected {channels or '1 or 2'} channels, got an array of shape {block.shape}")
    with np.errstate(over="ignore"):  # such values become infinite and are reported below
        audio = block.astype(np.float32, copy=False)
    finite = np.isfinite(audio).all(axis=0)
    if not finite.all():
        raise AudioError(f"expected finite samples, got NaN or infinity at sample {start + finite.argmin()}")
    return audio


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
