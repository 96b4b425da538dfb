"""The music that the benchmarks separate."""

from pathlib import Path

import numpy as np
import soundfile

from lightsaft_infer import AudioReader

EXAMPLE = Path(__file__).parent.parent / "examples" / "lithium.flac"
SAMPLE_RATE = 44100


def add_arguments(parser, *, seconds):
    """Let a command be told the mixture, how long it is, and the number of threads."""
    parser.add_argument("--mixture", type=Path, default=EXAMPLE, help="44.1 kHz stereo (default: the example)")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="of it, repeated if shorter (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")


def load(path, seconds):
    """The first seconds of a file, repeated if it is shorter, float32 (2, samples)."""
    with AudioReader(path) as reader:
        if reader.sample_rate != SAMPLE_RATE or reader.channels != 2:
            raise SystemExit("expected 44.1 kHz stereo")
        audio = reader.read()
    return np.tile(audio, int(np.ceil(seconds * SAMPLE_RATE / audio.shape[1])))[:, : int(seconds * SAMPLE_RATE)]


def write(path, mixture, seconds):
    """Write what `load` reads as 16-bit WAV."""
    soundfile.write(path, load(mixture, seconds).T, SAMPLE_RATE)
