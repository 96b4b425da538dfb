"""Songs to score on: stems at the levels of real songs, as 24-bit WAV. Stems are float32 (2, samples)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from ...arrays import Audio, Stems
from ...data import SAMPLE_RATE
from ..song_files import song_folder, write_about

PEAK = 0.98


def at_rms_level(audio: Audio, level: float) -> Audio:
    """Return audio at a level in dBFS of root mean square."""
    return audio * np.float32(10 ** (level / 20) / np.sqrt(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def below_full_scale(stems: Stems) -> Stems:
    """Return stems with one common gain, so that no peak of a stem or of their sum is above PEAK."""
    peak = max(np.abs(audio).max() for audio in (*stems.values(), sum(stems.values())))
    gain = np.float32(min(1.0, PEAK / peak))
    return {name: audio * gain for name, audio in stems.items()}


def write_stems(path: Path, stems: Stems, about: Mapping[str, Any]) -> None:
    """Write stems, with `about` as `song.json`. The folder gets its name when it is whole."""
    with song_folder(path) as folder:
        for name, audio in stems.items():
            sf.write(folder / f"{name}.wav", audio.T, SAMPLE_RATE, "PCM_24")
        write_about(folder, about)
