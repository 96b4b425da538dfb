"""Measures of separated songs, for quality.py.

Audio is floating point (2, samples), at 44.1 kHz for the measures in bands. `stems` are the true ones, {song: {stem:
audio}}; a stem is a target or a sum of targets such as `drums+bass+other`. `estimates` are {song: {target or such a
sum: audio}}.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightsaft_infer import sdr, si_sdr
from lightsaft_infer.arrays import Audio, Stems
from lightsaft_infer.stft import istft, stft

BANDS = (0, 150, 500, 2000, 6000, 22050)  # Hz
STFT = {"n_fft": 2048, "hop_length": 1024}

Songs = Mapping[str, Stems]
"""Stems or estimates by song."""

Decibels = dict[str, dict[str, float]]
"""Scores in dB, {song: {stem: dB}}."""

Shares = dict[str, dict[str, float]]
"""Gains of the true stems in the estimates of a song, {estimate: {stem: gain}}."""


def judged(stems: Songs, separated: Songs) -> dict[str, Any]:
    """Return all measures of one way to separate, as JSON takes them."""
    scores, shares = scored(sdr, stems, separated), shares_of_songs(stems, separated)
    bands = {
        name: summary(scored(functools.partial(sdr_of_band, low=low, high=high), stems, separated))
        for name, low, high in named_bands()
    }
    return {
        "songs": scores,
        "sdr": summary(scores),
        "si_sdr": summary(scored(si_sdr, stems, separated)),
        "sdr_of_bands": bands,
        "shares": shares,
        "leakage": leakage(shares),
    }


def sum_of(stems: Stems) -> Audio:
    """Return the sum of stems, their mixture."""
    first, *others = stems.values()
    return sum(others, first)


def with_sums(estimates: Stems, references: Stems) -> Stems:
    """Return a song's estimates and, for each stem that is a sum of targets, the sum of their estimates."""
    sums = {
        stem: sum_of({target: estimates[target] for target in stem.split("+")}) for stem in references if "+" in stem
    }
    return {**estimates, **sums}


def ideal_ratio_mask(references: Stems) -> Stems:
    """Return the estimates of an ideal ratio mask: each stem's share of the magnitudes, applied to the mixture."""
    spectra = {target: stft(audio, **STFT) for target, audio in references.items()}
    mixture = sum(spectra.values())
    total = sum(np.abs(spectrum) for spectrum in spectra.values()) + 1e-12
    length = next(iter(references.values())).shape[1]
    return {
        target: istft(mixture * (np.abs(spectrum) / total).astype(np.float32), **STFT, length=length)
        for target, spectrum in spectra.items()
    }


def mixture_itself(references: Stems) -> Stems:
    """Return the mixture as the estimate of every stem."""
    return dict.fromkeys(references, sum_of(references))


def named_bands() -> list[tuple[str, int, int]]:
    """Return name, low and high frequency in Hz of each band."""
    return [(f"{low}-{high} Hz", low, high) for low, high in itertools.pairwise(BANDS)]


def energy_of_bands(stems: Stems) -> dict[str, dict[str, float]]:
    """Return {stem: {band: part of the stem's energy that is in the band}} of a song."""
    return {
        target: {
            name: round(float(np.sum(np.square(band(audio, low, high))) / np.sum(np.square(audio, dtype=float))), 3)
            for name, low, high in named_bands()
        }
        for target, audio in stems.items()
    }


def sdr_of_band(reference: Audio, estimate: Audio, low: int, high: int) -> float:
    """Return the SDR in dB of the part between two frequencies in Hz."""
    return sdr(band(reference, low, high), band(estimate, low, high))


def band(audio: Audio, low: int, high: int) -> NDArray[Any]:
    """Return the part of audio at 44.1 kHz between two frequencies in Hz."""
    spectrum = np.fft.rfft(audio)
    frequencies = np.fft.rfftfreq(audio.shape[1], 1 / 44100)
    return np.fft.irfft(spectrum * ((frequencies >= low) & (frequencies < high)), audio.shape[1])


def scored(measure: Callable[[Audio, Audio], float], references: Songs, estimates: Songs) -> Decibels:
    """Return a measure of (reference, estimate) of every stem of every song."""
    return {
        song: {target: round(measure(stem, estimates[song][target]), 3) for target, stem in stems.items()}
        for song, stems in references.items()
    }


def shares_of_songs(references: Songs, estimates: Songs) -> dict[str, Shares]:
    """Return the shares of each song: the gains by which the true stems, added, come nearest to each estimate (least
    squares)."""
    shares = {}
    for song, stems in references.items():
        basis = np.stack([stem.ravel() for stem in stems.values()]).astype(np.float64)
        powers = basis @ basis.T + 1e-9 * np.eye(len(basis))
        shares[song] = {
            name: _gains(stems, np.linalg.solve(powers, basis @ estimate.ravel()))
            for name, estimate in estimates[song].items()
        }
    return shares


def _gains(stems: Iterable[str], solution: NDArray[np.floating[Any]]) -> dict[str, float]:
    return {stem: round(float(gain), 3) for stem, gain in zip(stems, solution, strict=True)}


def leakage(shares: Mapping[str, Shares]) -> Shares:
    """Return the mean shares, over the songs that have the stem."""
    rows: dict[str, dict[str, list[float]]] = {}
    for song in shares.values():
        for estimate, gains in song.items():
            for stem, gain in gains.items():
                rows.setdefault(estimate, {}).setdefault(stem, []).append(gain)
    return {name: {stem: round(mean(values), 2) for stem, values in row.items()} for name, row in rows.items()}


def summary(scores: Decibels) -> dict[str, float]:
    """Return each stem's mean in dB over the songs that have it, and the mean of these as `mean`."""
    targets = sorted({target for song in scores.values() for target in song})
    means = {target: mean(song[target] for song in scores.values() if target in song) for target in targets}
    means["mean"] = mean(means.values())
    return {target: round(value, 3) for target, value in means.items()}
