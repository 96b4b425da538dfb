"""What a network sees: mixtures as training draws them beside real songs, spectrograms and statistics."""

import matplotlib

matplotlib.use("Agg")

import librosa
import matplotlib.pyplot as plt
import numpy as np

from .tracks import SAMPLE_RATE, TARGETS

COLUMNS = ("mixture", *TARGETS)


def draw_page(path, mixer, songs, *, mixtures=20, seconds=6.0):
    """Write a PNG with a row for each of the mixer's first mixtures and each song (`tracks.Track`), and a column for
    the mixture and every stem: mel spectrograms (dB), with level, share of the mixture, width and spectrum.
    """
    rows = [(f"song {song.path.name}", _excerpt(song, seconds)) for song in songs]
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


def _excerpt(song, seconds):
    """Stems (targets, 2, samples) from the middle of a song; silence where it has no such stem."""
    samples = int(seconds * SAMPLE_RATE)
    start = (song.samples - samples) // 2
    silence = np.zeros((2, samples), np.float32)
    return np.stack([song.read(t, start, samples) if t in song.stems else silence for t in TARGETS])


def _mel(audio):
    power = librosa.feature.melspectrogram(y=audio.mean(axis=0), sr=SAMPLE_RATE, n_mels=96, fmax=18000, hop_length=1024)
    return librosa.power_to_db(power / 2048**2 * 16, ref=1.0, amin=1e-12, top_db=None)
