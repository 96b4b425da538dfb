"""The errors of lightsaft_train: one root, and a class for each thing that can be wrong.

The root is a `LightSAFTError` itself, so that one name catches these errors and those of `lightsaft_infer`.
"""

from lightsaft_infer.errors import ArgumentError, LightSAFTError


class TrainingError(LightSAFTError):
    """The root of every error that a caller of this package can cause."""


class DataError(TrainingError):
    """Data is missing or is not as expected: recordings, songs, tables, or the files of a run."""


class CheckpointError(TrainingError):
    """A file is not a checkpoint that can be read, or its weights do not fit the network."""


class SettingsError(TrainingError, ArgumentError):
    """A setting does not exist, has a wrong value, or conflicts with another one."""


class ToolError(TrainingError, RuntimeError):
    """A program or library that renders music is missing or fails."""
