"""LightSAFT: music source separation on a plain CPU.

    from lightsaft_infer import Separator, separate_file

    separator = Separator.from_file()
    stems = separator.separate(mixture, sample_rate=44100)
    separate_file(separator, "song.flac", {"vocals": "vocals.wav", "drums": "drums.wav"})

Audio is float32 (channels, samples), full scale 1.0. Every error that a caller can cause is a `LightSAFTError`.

The other modules are imported when a name of theirs is first used, so that the command `lightsaft` handles signals
before it loads them.
"""

import importlib
from typing import TYPE_CHECKING

from .errors import ArgumentError, AudioError, EvaluationError, LightSAFTError, ModelError, OutputError
from .separate_file import SeparationResult, separate_file, separate_to_stream  # not later: one has the module's name
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .audio import AudioReader
    from .evaluation import sdr, si_sdr
    from .manifest import Manifest
    from .separator import Separator
    from .time_limit import TimeLimit

__all__ = [
    "ArgumentError",
    "AudioError",
    "AudioReader",
    "EvaluationError",
    "LightSAFTError",
    "Manifest",
    "ModelError",
    "OutputError",
    "SeparationResult",
    "Separator",
    "TimeLimit",
    "sdr",
    "separate_file",
    "separate_to_stream",
    "si_sdr",
]

_MODULES = {
    "AudioReader": "audio",
    "Manifest": "manifest",
    "Separator": "separator",
    "TimeLimit": "time_limit",
    "sdr": "evaluation",
    "si_sdr": "evaluation",
}


def __getattr__(name: str) -> object:
    """Import a name from its module when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
