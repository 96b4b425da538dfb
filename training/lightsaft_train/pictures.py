"""Pictures: the mixtures that a network is trained on, beside real songs; and the curves of a run."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import librosa
import matplotlib.pyplot as plt
import numpy as np

from .arrays import Audio, Floats
from .data import SAMPLE_RATE, TARGETS, Mixer, Song
from .errors import DataError

COLUMNS = ("mixture", *TARGETS)
SECONDS = 6.0  # of a song, which are shown


def draw_preview(path: str | os.PathLike[str], mixer: Mixer, songs: Iterable[Song], *, mixtures: int) -> None:
    """Draw mel spectrograms (dB) of training mixtures and of real songs, to compare them by eye.

    The PNG has a row for each song and for each of the first mixtures, and a column for the mixture and for each stem.
    A title gives level, share of the mixture, width and spectrum (`describe`).

    Parameters
    ----------
    path
        The PNG file to write.
    mixer
        It draws the mixtures.
    songs
        Real songs; `SECONDS` from the middle of each are shown.
    mixtures
        Number of mixtures.
    """
    rows = [(f"song {song.path.name}", _excerpt(song)) for song in songs]
    rng = np.random.default_rng(mixer.seed)
    rows += [(f"mixture {index}", mixer.draw(rng)[1]) for index in range(mixtures)]
    figure, axes = plt.subplots(len(rows), len(COLUMNS), figsize=(20, 1.7 * len(rows)), squeeze=False)
    for row, (name, stems) in zip(axes, rows, strict=True):
        mixture = stems.sum(axis=0)
        for axis, title, audio in zip(row, COLUMNS, (mixture, *stems), strict=True):
            axis.imshow(_mel(audio), origin="lower", aspect="auto", vmin=-90, vmax=-10, cmap="magma")
            axis.set_title(f"{name}, {title}: {describe(audio, mixture)}", fontsize=6)
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    plt.close(figure)


def draw_curves(path: str | os.PathLike[str], run: Path) -> None:
    """Draw the loss and the scores of a run over the minutes of training.

    Parameters
    ----------
    path
        The PNG file to write.
    run
        Folder of the run.

    Raises
    ------
    DataError
        If the run has no log or no scores yet.
    """
    log, scores = (_columns(run / f"{name}.csv") for name in ("log", "scores"))
    figure, (losses, decibels) = plt.subplots(1, 2, figsize=(13, 4.5))
    losses.plot(log["minutes"], log["loss"], linewidth=0.7)
    losses.set(xlabel="minutes of training", ylabel="loss (mean between two rows of the log)")
    for name in (*TARGETS, "mean", "validation"):
        decibels.plot(scores["minutes"], scores[name], label=name, linestyle="--" if name == "validation" else "-")
    decibels.set(xlabel="minutes of training", ylabel="SDR (dB); validation: of held-out mixtures")
    decibels.legend()
    decibels.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _columns(path: Path) -> dict[str, list[float]]:
    """Return the columns of a CSV file as lists of numbers."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if not rows:
        raise DataError(f"no rows yet in {path}")
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def describe(audio: Floats, mixture: Floats) -> str:
    """Describe a stem (2, samples) in words.

    The description has its level in dB of full scale, its level relative to the mixture, its width (side over middle,
    in dB), and the frequency that halves its power.
    """
    power = np.mean(np.square(audio))
    if power < 1e-10:
        return "silent"
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2
    width = 10 * np.log10((np.mean(np.square(side)) + 1e-12) / (np.mean(np.square(middle)) + 1e-12))
    spectrum = np.square(np.abs(np.fft.rfft(middle)))
    half = np.searchsorted(np.cumsum(spectrum), spectrum.sum() / 2) * SAMPLE_RATE / len(middle)
    share = 10 * np.log10(power / np.mean(np.square(mixture)))
    return f"{10 * np.log10(power):.0f} dB ({share:+.0f}), side {width:+.0f} dB, half below {half:.0f} Hz"


def _excerpt(song: Song) -> Audio:
    """Return stems (targets, 2, samples) from the middle of a song; a stem that the song lacks is silent."""
    samples = int(SECONDS * SAMPLE_RATE)
    start = (song.samples - samples) // 2
    silence = np.zeros((2, samples), np.float32)
    return np.stack([song.read(t, start, samples) if t in song.stems else silence for t in TARGETS])


def _mel(audio: Floats) -> Floats:
    power = librosa.feature.melspectrogram(y=audio.mean(axis=0), sr=SAMPLE_RATE, n_mels=96, fmax=18000, hop_length=1024)
    return librosa.power_to_db(power / 2048**2 * 16, ref=1.0, amin=1e-12, top_db=None)
