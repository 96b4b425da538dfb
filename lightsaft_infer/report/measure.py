"""Measures of a mixture and its stems, from their files in bounded memory.

Audio is float32 (channels, samples), full scale 1.0. Levels are in dB relative to full scale, and -inf for silence.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..arrays import Audio
from ..audio import AudioReader
from ..evaluation import sdr_of_energies
from .aligned import Form, aligned_blocks
from .loudness import Loudness
from .spectrogram import Mel, Waveform, mel_spectrogram


@dataclasses.dataclass(frozen=True)
class Sound:
    """One file: its format, its levels and the data of its pictures.

    Attributes
    ----------
    path : Path
    sample_rate : int
        In Hz.
    channels : int
    samples : int
        Samples per channel.
    peak : float
        Largest magnitude of a sample, in dBFS.
    rms : float
        Root mean square over all channels, in dBFS: 0 is a square wave of full scale.
    loudness : float
        Integrated, in LUFS.
    waveform : Waveform
    mel : float32 array, shape (bands, columns)
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    peak: float
    rms: float
    loudness: float
    waveform: Waveform
    mel: Mel


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Stems against their mixture and their references.

    Attributes
    ----------
    shares : dict of str to float, or None for a silent mixture
        The projection of each stem onto the mixture, <stem, mixture> / <mixture, mixture>. The shares of stems that sum
        to the mixture sum to 1.
    sdr : dict of str to float
        SDR in dB of each stem that has a reference (see `lightsaft_infer.sdr`).
    error : float or None
        Energy of the mixture minus the sum of the stems, relative to the energy of the mixture, in dB. None if the
        mixture is silent and the stems do not sum to it.
    error_peak : float
        The largest magnitude of this difference, in dBFS.
    error_time : float
        The time of the largest magnitude, in seconds.
    """

    shares: dict[str, float | None]
    sdr: dict[str, float]
    error: float | None
    error_peak: float
    error_time: float


def measure(path: Path, form: Form) -> Sound:
    """Measure a file.

    Parameters
    ----------
    path : path
    form : Form
        That of the mixture (see `check_forms`).

    Returns
    -------
    Sound

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    peak = energy = 0.0
    waveform = Waveform(form.samples)
    with AudioReader(path) as reader:
        loudness = Loudness(form.sample_rate)

        def measured() -> Iterator[Audio]:
            nonlocal peak, energy
            for block in aligned_blocks(reader, form):
                waveform.add(block)
                loudness.add(block)
                peak = max(peak, float(np.abs(block).max()))
                energy += float(np.square(block, dtype=np.float64).sum())
                yield block

        mel = mel_spectrogram(measured(), sample_rate=form.sample_rate, samples=form.samples)
        return Sound(
            path=reader.path,
            sample_rate=form.sample_rate,
            channels=form.channels,
            samples=form.samples,
            peak=decibels(peak**2),
            rms=decibels(energy / (form.samples * form.channels)),
            loudness=loudness.integrated(),
            waveform=waveform,
            mel=mel,
        )


def compare(mixture: Path, stems: Mapping[str, Path], references: Mapping[str, Path], form: Form) -> Comparison:
    """Compare stems with their mixture and their references.

    Parameters
    ----------
    mixture : path
    stems : dict of str to path
    references : dict of str to path
        The names are among those of the stems.
    form : Form
        That of the mixture (see `check_forms`).

    Returns
    -------
    Comparison

    Raises
    ------
    AudioError
        If a file cannot be read.
    """
    judged = [list(stems).index(name) for name in references]
    dot, signal, noise = np.zeros(len(stems)), np.zeros(len(references)), np.zeros(len(references))
    energy = error = largest = 0.0
    at = done = 0
    with contextlib.ExitStack() as closing:
        paths = (mixture, *stems.values(), *references.values())
        readers = [closing.enter_context(AudioReader(path)) for path in paths]
        for blocks in zip(*(aligned_blocks(reader, form) for reader in readers), strict=True):
            audio = np.stack(blocks).astype(np.float64)
            mixed, estimates, truths = audio[0], audio[1 : 1 + len(stems)], audio[1 + len(stems) :]
            difference = mixed - estimates.sum(axis=0)
            magnitudes = np.abs(difference).max(axis=0)
            if magnitudes.max() > largest:
                largest, at = float(magnitudes.max()), done + int(magnitudes.argmax())
            energy += float(np.square(mixed).sum())
            error += float(np.square(difference).sum())
            dot += (estimates * mixed).sum(axis=(1, 2))
            signal += np.square(truths).sum(axis=(1, 2))
            noise += np.square(truths - estimates[judged]).sum(axis=(1, 2))
            done += mixed.shape[1]
    shares: list[float | None] = (dot / energy).tolist() if energy else [None] * len(stems)
    sdr = [sdr_of_energies(s, n) for s, n in zip(signal, noise, strict=True)]
    return Comparison(
        shares=dict(zip(stems, shares, strict=True)),
        sdr=dict(zip(references, sdr, strict=True)),
        error=decibels(error / energy) if energy else (None if error else -math.inf),
        error_peak=decibels(largest**2),
        error_time=at / form.sample_rate,
    )


def decibels(power: float) -> float:
    """Return 10 log10 of a power, and -inf for 0."""
    return 10 * math.log10(power) if power else -math.inf
