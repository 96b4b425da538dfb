"""LightSAFT: music source separation on a plain CPU.

    from lightsaft_infer import Separator, separate_file

    separator = Separator.from_file()
    stems = separator.separate(mixture, sample_rate=44100)
    separate_file(separator, "song.flac", {"vocals": "vocals.wav", "drums": "drums.wav"})

Audio is float32 (channels, samples), full scale 1.0.
"""

from .audio import AudioReader
from .errors import AudioError, EvaluationError, LightSAFTError, ModelError, OutputError
from .evaluation import sdr, si_sdr
from .manifest import Manifest
from .separate_file import separate_file
from .separator import Separator
from .time_limit import TimeLimit
from .version import __version__ as __version__

__all__ = [
    "AudioError",
    "AudioReader",
    "EvaluationError",
    "LightSAFTError",
    "Manifest",
    "ModelError",
    "OutputError",
    "Separator",
    "TimeLimit",
    "sdr",
    "separate_file",
    "si_sdr",
]
