"""Pictures: what a network sees (mixtures as training draws them beside real songs), and a run's curves."""

import csv

import matplotlib

matplotlib.use("Agg")

import librosa
import matplotlib.pyplot as plt
import numpy as np

from .data import SAMPLE_RATE, TARGETS

COLUMNS = ("mixture", *TARGETS)
SECONDS = 6.0  # shown of a song


def draw_preview(path, mixer, songs, *, mixtures):
    """Write a PNG with a row for each of the mixer's first mixtures and each song (`tracks.Track`), and a column for
    the mixture and every stem: mel spectrograms (dB), with level, share of the mixture, width and spectrum.
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


def draw_curves(path, run):
    """Write a PNG of a run's loss and of its scores over the minutes of training."""
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


def _columns(path):
    """The columns of a CSV file as lists of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def describe(audio, mixture):
    """Level in dB of full scale, and relative to the mixture; width (side over middle, dB); centre of the spectrum."""
    power = np.mean(np.square(audio))
    if power < 1e-10:
        return "silent"
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2
    width = 10 * np.log10((np.mean(np.square(side)) + 1e-12) / (np.mean(np.square(middle)) + 1e-12))
    spectrum = np.square(np.abs(np.fft.rfft(middle)))
    half = np.searchsorted(np.cumsum(spectrum), spectrum.sum() / 2) * SAMPLE_RATE / len(middle)
    share = 10 * np.log10(power / np.mean(np.square(mixture)))
    return f"{10 * np.log10(power):.0f} dB ({share:+.0f}), side {width:+.0f} dB, half below {half:.0f} Hz"


def _excerpt(song):
    """Stems (targets, 2, samples) from the middle of a song; silence where it has no such stem."""
    samples = int(SECONDS * SAMPLE_RATE)
    start = (song.samples - samples) // 2
    silence = np.zeros((2, samples), np.float32)
    return np.stack([song.read(t, start, samples) if t in song.stems else silence for t in TARGETS])


def _mel(audio):
    power = librosa.feature.melspectrogram(y=audio.mean(axis=0), sr=SAMPLE_RATE, n_mels=96, fmax=18000, hop_length=1024)
    return librosa.power_to_db(power / 2048**2 * 16, ref=1.0, amin=1e-12, top_db=None)
