"""LightSAFT: music source separation on a plain CPU.

    from lightsaft_infer import Separator, separate_file

    separator = Separator.from_file()
    stems = separator.separate(mixture, sample_rate=44100)
    separate_file(separator, "song.flac", {"vocals": "vocals.wav", "drums": "drums.wav"})

Audio is float32 (channels, samples), full scale 1.0. Every error that a caller can cause is a `LightSAFTError`.
"""

from .audio import AudioReader
from .errors import ArgumentError, AudioError, EvaluationError, LightSAFTError, ModelError, OutputError
from .evaluation import sdr, si_sdr
from .manifest import Manifest
from .separate_file import SeparationResult, separate_file
from .separator import Separator
from .time_limit import TimeLimit
from .version import __version__ as __version__

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
    "si_sdr",
]
