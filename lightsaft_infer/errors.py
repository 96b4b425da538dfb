"""The errors of lightsaft_infer: one root, and a class for each thing that can be wrong."""


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


def reason(error: OSError) -> str:
    """Return the reason of a system's error for use in a message: `no such file or directory`."""
    text = error.strerror or str(error)
    # "I/O error" and "RuntimeError: ..." stay as they are.
    return text[:1].lower() + text[1:] if text[1:].partition(" ")[0].islower() else text
