"""The errors of lightsaft_infer: one root, and a class for each thing that can be wrong.

The command `lightsaft` imports this module before it handles signals, so it imports no large package.
"""

import contextlib
from collections.abc import Iterator


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


def message_of(error: Exception, subject: object) -> str:
    """Return the message of any error. `subject` is the file or the command. The message of an error that this package
    does not expect asks for a report."""
    if isinstance(error, LightSAFTError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {subject}"
    if isinstance(error, OSError) and error.strerror:
        named = subject if error.filename is None else error.filename
        return f"cannot read or write {named}: {reason(error)}"
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # an error of another package that has no text
        text = type(error).__name__
    if any(sign in text for sign in NO_MEMORY):
        return f"not enough memory: {subject}"
    return f"unexpected error, please report it ({text}): {subject}"


@contextlib.contextmanager
def raise_as(kind: type[LightSAFTError], action: str, path: object = None) -> Iterator[None]:
    """Raise errors of the system as errors of this package: `cannot write a.wav: no space left on device`.

    Parameters
    ----------
    kind : type of LightSAFTError
        The class of the errors that are raised.
    action : str
        What failed: "write", "read the manifest".
    path : path, optional
        The file that the message names. Default: the one that the system's error names.

    Raises
    ------
    LightSAFTError
        Of the given class.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"cannot {action} {error.filename if path is None else path}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return the reason of an error of the system or of a library for a message: `no such file or directory`."""
    text: str = getattr(error, "strerror", None) or str(error)
    # "I/O error" and "RuntimeError: ..." stay as they are.
    return text[:1].lower() + text[1:] if text[1:].partition(" ")[0].islower() else text
