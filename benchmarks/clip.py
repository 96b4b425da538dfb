"""The music that the benchmarks separate."""

import argparse
import os
from pathlib import Path

import numpy as np
import soundfile

from lightsaft_infer import AudioReader
from lightsaft_infer.arrays import Audio

EXAMPLE = Path(__file__).parent.parent / "examples" / "lithium.flac"
SAMPLE_RATE = 44100


def add_arguments(parser: argparse.ArgumentParser, *, seconds: float) -> None:
    """Add the options --mixture, --seconds (with this default) and --threads to a command."""
    parser.add_argument("--mixture", type=Path, default=EXAMPLE, help="file of 44.1 kHz stereo (default: the example)")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="length; a shorter mixture is repeated (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=2, help="number of threads (default: %(default)s)")


def load(path: str | os.PathLike[str], seconds: float) -> Audio:
    """Return the first seconds of a file, float32 (2, samples). A shorter file is repeated."""
    with AudioReader(path) as reader:
        if reader.sample_rate != SAMPLE_RATE or reader.channels != 2:
            raise SystemExit(f"expected 44.1 kHz stereo: {path}")
        audio = reader.read()
    return np.tile(audio, int(np.ceil(seconds * SAMPLE_RATE / audio.shape[1])))[:, : int(seconds * SAMPLE_RATE)]


def write(path: str | os.PathLike[str], mixture: str | os.PathLike[str], seconds: float) -> None:
    """Write the audio that `load` returns as a 16-bit WAV file."""
    soundfile.write(path, load(mixture, seconds).T, SAMPLE_RATE)
