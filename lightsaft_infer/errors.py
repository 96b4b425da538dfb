"""The errors that lightsaft_infer raises: one root, one kind for each place where something can be wrong."""


class LightSAFTError(Exception):
    """Root of every error that this package raises on purpose."""


class AudioError(LightSAFTError):
    """The mixture cannot be used: not there, no audio, damaged, or of a shape that is not supported."""


class ModelError(LightSAFTError):
    """The manifest or the graph is not what the model contract asks for, or its output is not."""


class OutputError(LightSAFTError):
    """Stems cannot be written as asked: a file is in the way, the disk is full, samples would clip."""


class EvaluationError(LightSAFTError):
    """References and estimates cannot be compared: one is missing, their forms differ, museval is not there."""


class ClusterError(LightSAFTError):
    """A cluster or shared storage cannot be used: a package is missing, nobody answers, or its workers differ."""
