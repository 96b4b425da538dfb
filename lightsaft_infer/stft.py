"""STFT and inverse STFT, whole or as a stream, with the conventions of librosa.stft and torch.stft: a periodic Hann
window, frames centred on their time stamp (`center=True`), reflected edges, no normalisation.

Audio is float32 (..., samples). `stft` and `istft` speak librosa's order, complex64 (..., bins, frames). The streams
speak the network's order, complex64 (..., frames, bins), one spectrum a row.
"""

import numpy as np
import scipy.fft


def stft(audio, *, n_fft, hop_length):
    """Spectrum of audio of any length.

    audio : float32 (channels, samples)
    n_fft, hop_length : window length (even) and hop in samples

    Returns complex64 (channels, n_fft // 2 + 1, frames): the 1 + samples // hop_length frames of librosa.stft and,
    unless hop_length divides the number of samples, one more. Without it the last samples would lie under the very
    end of a Hann window alone, where float32 cannot bring them back.
    """
    spectra = list(stft_stream([audio], n_fft=n_fft, hop_length=hop_length))
    return np.concatenate(spectra, axis=1).swapaxes(1, 2)


def istft(spectrum, *, n_fft, hop_length, length):
    """Audio float32 (channels, length) of a spectrum complex64 (channels, bins, frames).

    Overlap-add of the windowed frames, divided by the summed squared window: the least-squares estimate of Griffin &
    Lim (1984), and librosa.istft's. Samples beyond the last frame are zero.
    """
    blocks = list(istft_stream([np.swapaxes(spectrum, 1, 2)], n_fft=n_fft, hop_length=hop_length))
    audio = np.concatenate(blocks, axis=-1)[..., :length]
    return np.pad(audio, ((0, 0), (0, length - audio.shape[-1])))


def stft_stream(blocks, *, n_fft, hop_length):
    """Yield the frames of `stft`, complex64 (channels, frames, bins), as blocks float32 (channels, samples) come."""
    window = hann(n_fft)
    pending = None
    for block in _reflected(blocks, n_fft, hop_length):
        pending = block if pending is None else np.concatenate([pending, block], axis=1)
        if pending.shape[1] < n_fft:
            continue
        frames = np.lib.stride_tricks.sliding_window_view(pending, n_fft, axis=1)[:, ::hop_length]
        yield scipy.fft.rfft(frames * window)
        pending = pending[:, frames.shape[1] * hop_length :]


def istft_stream(spectra, *, n_fft, hop_length):
    """Yield audio float32 (..., samples) as spectra complex64 (..., frames, bins) come.

    The first sample is the first frame's centre. After the last spectrum come the samples that it still reaches.
    """
    window = hann(n_fft)
    parts = -(-n_fft // hop_length)  # hops that a frame reaches over
    skip = n_fft // 2
    audio = weight = None
    for spectrum in spectra:
        frames = scipy.fft.irfft(spectrum, n=n_fft)
        frames *= window
        audio = _overlap_added(frames, hop_length, parts, audio)
        weight = _overlap_added(np.broadcast_to(window**2, frames.shape[-2:]), hop_length, parts, weight)
        done = frames.shape[-2] * hop_length
        yield _divided(audio[..., skip:done], weight[skip:done])
        skip = max(0, skip - done)
        audio, weight = audio[..., done:], weight[done:]
    if audio is not None:
        rest = n_fft - hop_length
        yield _divided(audio[..., skip:rest], weight[skip:rest])


def _overlap_added(frames, hop_length, parts, before=None):
    """Sum of frames (..., frames, n_fft) at their hops, and of what came `before`: float32 (..., samples).

    Each sample takes its frames in the order of time, so that blocks of any number of frames give the same sum.
    """
    shape, count = frames.shape[:-2], frames.shape[-2]
    audio = np.zeros((*shape, count + parts - 1, hop_length), np.float32)
    if before is not None:
        audio[..., : parts - 1, :] = before.reshape(*shape, parts - 1, hop_length)
    for part in reversed(range(parts)):
        span = frames[..., part * hop_length : (part + 1) * hop_length]
        audio[..., part : part + count, : span.shape[-1]] += span
    return audio.reshape(*shape, -1)


def hann(length):
    """Periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def _divided(audio, weight):
    """Where no window reaches, both are zero."""
    return audio / np.maximum(weight, np.finfo(np.float32).tiny)


def _reflected(blocks, n_fft, hop_length):
    """Yield the blocks with n_fft / 2 reflected samples in front, and behind as many as complete the last frame."""
    pad = n_fft // 2
    keep = pad + hop_length  # the end may reflect up to keep - 1 samples
    held, started, length = None, False, 0
    for block in blocks:
        length += block.shape[1]
        held = block if held is None else np.concatenate([held, block], axis=1)
        if held.shape[1] <= keep:
            continue
        if not started:
            yield held[:, pad:0:-1]
            started = True
        yield held[:, :-keep]
        held = held[:, -keep:]
    if length:
        front = 0 if started else pad
        yield np.pad(held, ((0, 0), (front, pad + -length % hop_length)), mode="reflect")
