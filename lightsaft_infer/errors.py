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


def reason(error: OSError) -> str:
    """Return the reason of a system's error for use in a message: `no such file or directory`."""
    text = error.strerror or str(error)
    # "I/O error" and "RuntimeError: ..." stay as they are.
    return text[:1].lower() + text[1:] if text[1:].partition(" ")[0].islower() else text
