"""The published inference of MDX-Net, chunk by chunk, slow and obvious.

It follows the steps of KUIELab's entry to the Music Demixing Challenge
(https://github.com/kuielab/mdx-net-submission, `predict_blend.py`): the mixture between n_fft / 2 zeros, chunks that
are n_fft samples longer than the step from one to the next, a centred STFT of each chunk on its own, n_fft / 2 samples
cut from both sides of its estimate, and the rest joined. The factor, the zeroed bins and the second pass with the sign
changed are those of Ultimate Vocal Remover.
"""

import numpy as np


def published_inference(
    mixture,
    network,
    *,
    n_fft,
    dim_f,
    dim_t,
    hop_length=1024,
    compensate=1.0,
    zeroed_bins=0,
    denoise=False,
):
    """Return the estimate (2, samples) of a mixture (2, samples).

    `network`: a function of float32 planes (batch, 4, dim_f, dim_t) that returns such planes.
    """
    trim, chunk = n_fft // 2, hop_length * (dim_t - 1)
    step, samples = chunk - n_fft, mixture.shape[1]
    end = samples + step - samples % step
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (trim, trim + end - samples)))
    steps = {"n_fft": n_fft, "dim_f": dim_f, "hop_length": hop_length, "zeroed_bins": zeroed_bins, "denoise": denoise}
    parts = [
        chunk_estimate(padded[:, start : start + chunk], network, **steps)[:, trim:-trim]
        for start in range(0, end, step)
    ]
    return compensate * np.concatenate(parts, axis=1)[:, :samples]


def chunk_estimate(chunk, network, *, n_fft, dim_f, hop_length=1024, zeroed_bins=0, denoise=False):
    """Return the estimate (2, samples) of a chunk of hop_length * (dim_t - 1) samples."""
    left, right = stft(chunk, n_fft=n_fft, hop_length=hop_length)[:, :dim_f]
    planes = np.stack([left.real, left.imag, right.real, right.imag])[np.newaxis].astype(np.float32)
    planes[:, :, :zeroed_bins] = 0
    estimate = network(planes)
    if denoise:
        estimate = estimate / 2 - network(-planes) / 2
    left_real, left_imag, right_real, right_imag = estimate[0].astype(np.float64)
    spectra = np.zeros((2, n_fft // 2 + 1, planes.shape[3]), complex)
    spectra[:, :dim_f] = [left_real + 1j * left_imag, right_real + 1j * right_imag]
    return istft(spectra, n_fft=n_fft, hop_length=hop_length)


def stft(audio, *, n_fft, hop_length):
    """Return the spectra (channels, bins, frames): a periodic Hann window, frames centred, edges reflected."""
    padded = np.pad(audio, ((0, 0), (n_fft // 2, n_fft // 2)), mode="reflect")
    starts = range(0, padded.shape[1] - n_fft + 1, hop_length)
    return np.stack([np.fft.rfft(hann(n_fft) * padded[:, start : start + n_fft]) for start in starts], axis=2)


def istft(spectra, *, n_fft, hop_length):
    """Return the audio (channels, hop_length * (frames - 1)) of spectra."""
    channels, _, frames = spectra.shape
    length = hop_length * (frames - 1)
    audio, weight = np.zeros((channels, length + n_fft)), np.zeros(length + n_fft)
    for number in range(frames):
        part = slice(number * hop_length, number * hop_length + n_fft)
        audio[:, part] += hann(n_fft) * np.fft.irfft(spectra[:, :, number], n=n_fft)
        weight[part] += hann(n_fft) ** 2
    middle = slice(n_fft // 2, n_fft // 2 + length)
    return audio[:, middle] / weight[middle]


def hann(size):
    """A periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
