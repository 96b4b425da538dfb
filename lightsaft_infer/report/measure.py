"""What a report tells of a mixture and its stems, measured from their files in bounded memory.

Audio is float32 (channels, samples), full scale 1.0. Levels are in dB relative to full scale; -inf where all is silent.
"""

import contextlib
import dataclasses
import math
from pathlib import Path

import numpy as np

from ..audio import AudioReader
from ..errors import AudioError
from ..evaluation import sdr_of_energies
from .loudness import Loudness
from .spectrogram import Waveform, mel_spectrogram


@dataclasses.dataclass(frozen=True)
class Sound:
    """One file, on its own: format, levels and what its pictures are drawn from."""

    path: Path
    sample_rate: int
    channels: int
    samples: int
    peak: float  # highest magnitude of a sample, dBFS
    rms: float  # over all channels, dBFS: 0 is a full-scale square wave
    loudness: float  # integrated, LUFS
    waveform: Waveform
    mel: np.ndarray  # power, float32 (bands, columns)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Stems against their mixture and their references.

    `shares` : {stem: <stem, mixture> / <mixture, mixture>}; None for a silent mixture. Shares of stems that sum to the
        mixture sum to 1
    `sdr` : {stem: dB} for the stems that have a reference, as `lightsaft_infer.sdr` reckons it
    `error` : energy of the mixture minus the sum of the stems, relative to the mixture's, in dB; None for a silent
        mixture that the stems do not sum to
    `error_peak` : the largest difference in dBFS
    `error_time` : where that is, in seconds
    """

    shares: dict[str, float | None]
    sdr: dict[str, float]
    error: float | None
    error_peak: float
    error_time: float


def measure(path, count):
    """The `Sound` of a file of `count` samples per channel (see `samples_of`). Raises AudioError, which names it."""
    peak = energy = 0.0
    waveform = Waveform(count)
    with AudioReader(path) as reader:
        loudness = Loudness(reader.sample_rate)

        def measured():
            nonlocal peak, energy
            for block in reader.blocks():
                waveform.add(block)
                loudness.add(block)
                peak = max(peak, float(np.abs(block).max()))
                energy += float(np.square(block, dtype=np.float64).sum())
                yield block

        mel = mel_spectrogram(measured(), sample_rate=reader.sample_rate, samples=count)
        audio_format = {"sample_rate": reader.sample_rate, "channels": reader.channels, "samples": count}
        power = energy / (count * reader.channels)
    levels = {"peak": decibels(peak**2), "rms": decibels(power), "loudness": loudness.integrated()}
    return Sound(path=reader.path, **audio_format, **levels, waveform=waveform, mel=mel)


def samples_of(mixture, others):
    """Samples per channel of the mixture, which all the other files share.

    Raises AudioError where another file differs in length, sample rate or channels; it names the file, what was
    expected and what came.
    """
    expected = _form(mixture)
    for path in others:
        for (name, want), got in zip(expected.items(), _form(path).values(), strict=True):
            if got != want:
                raise AudioError(f"expected {want} {name} as in {mixture}, got {got}: {path}")
    return expected["samples"]


def _form(path):
    with AudioReader(path) as reader:
        rate, channels, samples = reader.sample_rate, reader.channels, reader.samples
        if samples is None:
            samples = sum(block.shape[1] for block in reader.blocks())
    return {"Hz": rate, "channels": channels, "samples": samples}


def compare(mixture, stems, references):
    """The `Comparison` of files that `samples_of` accepts. `stems` and `references` are {name: path}, the references'
    names among the stems'."""
    judged = [list(stems).index(name) for name in references]
    dot, signal, noise = np.zeros(len(stems)), np.zeros(len(references)), np.zeros(len(references))
    energy = error = largest = 0.0
    at = done = 0
    with contextlib.ExitStack() as closing:
        paths = (mixture, *stems.values(), *references.values())
        readers = [closing.enter_context(AudioReader(path)) for path in paths]
        for mixed, *others in zip(*(reader.blocks() for reader in readers), strict=True):
            mixed = mixed.astype(np.float64)
            others = np.reshape(others, (-1, *mixed.shape)).astype(np.float64)
            estimates, truths = others[: len(stems)], others[len(stems) :]
            difference = mixed - estimates.sum(axis=0)
            magnitudes = np.abs(difference).max(axis=0)
            if magnitudes.max() > largest:
                largest, at = magnitudes.max(), done + int(magnitudes.argmax())
            energy += np.square(mixed).sum()
            error += np.square(difference).sum()
            dot += (estimates * mixed).sum(axis=(1, 2))
            signal += np.square(truths).sum(axis=(1, 2))
            noise += np.square(truths - estimates[judged]).sum(axis=(1, 2))
            done += mixed.shape[1]
        sample_rate = readers[0].sample_rate
    sdr = [sdr_of_energies(s, n) for s, n in zip(signal, noise, strict=True)]
    return Comparison(
        shares=dict(zip(stems, dot / energy if energy else [None] * len(stems), strict=True)),
        sdr=dict(zip(references, sdr, strict=True)),
        error=decibels(error / energy) if energy else (None if error else -math.inf),
        error_peak=decibels(largest**2),
        error_time=at / sample_rate,
    )


def decibels(power):
    """10 log10 of a power; -inf of 0."""
    return 10 * math.log10(power) if power else -math.inf
