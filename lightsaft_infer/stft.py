"""STFT and inverse STFT, of whole signals and of streams.

The conventions are those of librosa.stft and torch.stft: a periodic Hann window, frames centred on their time stamp
(`center=True`), reflected edges, no normalisation. Audio is float32 (..., samples). `stft` and `istft` use librosa's
order of axes, complex64 (..., bins, frames); the streams use the network's, complex64 (..., frames, bins).
"""

from collections.abc import Iterable, Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .arguments import whole_number
from .arrays import Audio, Spectrum
from .errors import ArgumentError

TINY = np.finfo(np.float32).tiny


def stft(audio: Audio, *, n_fft: int, hop_length: int) -> Spectrum:
    """Compute the spectrum of audio of any length.

    Parameters
    ----------
    audio : float32 array, shape (channels, samples)
        At least 1 sample.
    n_fft : int
        Length of the window in samples, an even number.
    hop_length : int
        Samples from one frame to the next, n_fft / 2 at most.

    Returns
    -------
    complex64 array, shape (channels, n_fft / 2 + 1, frames)
        The 1 + samples // hop_length frames of librosa.stft, and one more unless hop_length divides the number of
        samples. Without this frame, only the very end of a Hann window would cover the last samples, and float32 could
        not restore them.

    Raises
    ------
    ArgumentError
        If n_fft is not even, hop_length is out of range, or the audio has another shape or no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from lightsaft_infer.stft import stft
    >>> stft(np.zeros((2, 44100), np.float32), n_fft=2048, hop_length=512).shape
    (2, 1025, 88)
    """
    _check_sizes(n_fft, hop_length)
    if np.ndim(audio) != 2 or not np.shape(audio)[1]:
        raise ArgumentError(f"expected audio of shape (channels, samples), got {np.shape(audio)}")
    spectra = list(stft_stream([audio], n_fft=n_fft, hop_length=hop_length))
    return np.concatenate(spectra, axis=1).swapaxes(1, 2)


def istft(spectrum: Spectrum, *, n_fft: int, hop_length: int, length: int) -> Audio:
    """Compute the audio of a spectrum.

    The windowed frames are overlapped, added and divided by the sum of the squared windows: the least-squares estimate
    of Griffin and Lim [1]_, which librosa.istft computes too.

    Parameters
    ----------
    spectrum : complex64 array, shape (channels, n_fft / 2 + 1, frames)
        At least 1 frame.
    n_fft, hop_length : int
        See `stft`.
    length : int
        Samples to return. Samples beyond the last frame are zero.

    Returns
    -------
    float32 array, shape (channels, length)

    Raises
    ------
    ArgumentError
        If the sizes are out of range, or the spectrum has another shape or no frames.

    References
    ----------
    .. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", 1984.

    Examples
    --------
    >>> import numpy as np
    >>> from lightsaft_infer.stft import istft, stft
    >>> audio = np.random.default_rng(0).uniform(-1, 1, (2, 5000)).astype(np.float32)
    >>> again = istft(stft(audio, n_fft=1024, hop_length=256), n_fft=1024, hop_length=256, length=5000)
    >>> bool(np.allclose(audio, again, atol=1e-5))
    True
    """
    _check_sizes(n_fft, hop_length)
    whole_number(length, "length", least=0)
    if np.ndim(spectrum) != 3 or np.shape(spectrum)[1] != n_fft // 2 + 1 or not np.shape(spectrum)[2]:
        raise ArgumentError(f"expected a spectrum (channels, {n_fft // 2 + 1}, frames), got {np.shape(spectrum)}")
    blocks = list(istft_stream([np.swapaxes(spectrum, 1, 2)], n_fft=n_fft, hop_length=hop_length))
    audio = np.concatenate(blocks, axis=-1)[..., :length]
    return np.pad(audio, ((0, 0), (0, length - audio.shape[-1])))


def stft_stream(blocks: Iterable[Audio], *, n_fft: int, hop_length: int) -> Iterator[Spectrum]:
    """Yield the frames of `stft`, complex64 (channels, frames, bins), as blocks float32 (channels, samples) come."""
    window = hann(n_fft)
    pending: Audio | None = None
    for block in _reflected(blocks, n_fft, hop_length):
        pending = block if pending is None else np.concatenate([pending, block], axis=1)
        if pending.shape[1] < n_fft:
            continue
        frames = np.lib.stride_tricks.sliding_window_view(pending, n_fft, axis=1)[:, ::hop_length]
        yield scipy.fft.rfft(frames * window)
        pending = pending[:, frames.shape[1] * hop_length :]


def istft_stream(spectra: Iterable[Spectrum], *, n_fft: int, hop_length: int) -> Iterator[Audio]:
    """Yield audio float32 (..., samples) as spectra complex64 (..., frames, bins) come.

    The first sample is at the centre of the first frame. The samples after the centre of the last frame come last.
    """
    window = hann(n_fft)
    parts = -(-n_fft // hop_length)  # hops that a frame covers
    skip = n_fft // 2
    audio: Audio | None = None
    weight: Audio | None = None
    for spectrum in spectra:
        frames = scipy.fft.irfft(spectrum, n=n_fft)
        frames *= window
        audio = _overlap_added(frames, hop_length, parts, audio)
        weight = _overlap_added(np.broadcast_to(window**2, frames.shape[-2:]), hop_length, parts, weight)
        done = frames.shape[-2] * hop_length
        yield _divided(audio[..., skip:done], weight[skip:done])
        skip = max(0, skip - done)
        audio, weight = audio[..., done:], weight[done:]
    if audio is not None and weight is not None:
        rest = n_fft - hop_length
        yield _divided(audio[..., skip:rest], weight[skip:rest])


def _overlap_added(
    frames: NDArray[np.float32], hop_length: int, parts: int, before: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Sum of frames (..., frames, n_fft) at their hops and of the samples `before`, float32 (..., samples).

    Each sample adds its frames in the order of time, so that blocks of any number of frames give the same sum.
    """
    shape, count = frames.shape[:-2], frames.shape[-2]
    audio = np.zeros((*shape, count + parts - 1, hop_length), np.float32)
    if before is not None:
        audio[..., : parts - 1, :] = before.reshape(*shape, parts - 1, hop_length)
    for part in reversed(range(parts)):
        span = frames[..., part * hop_length : (part + 1) * hop_length]
        audio[..., part : part + count, : span.shape[-1]] += span
    return audio.reshape(*shape, -1)


def hann(length: int) -> NDArray[np.float32]:
    """Return the periodic Hann window, float32 (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def _divided(audio: Audio, weight: NDArray[np.float32]) -> Audio:
    """The audio divided by its weight. Both are zero if no window covers a sample."""
    return np.divide(audio, np.maximum(weight, TINY), dtype=np.float32)


def _reflected(blocks: Iterable[Audio], n_fft: int, hop_length: int) -> Iterator[Audio]:
    """Yield the blocks with n_fft / 2 reflected samples in front of them, and enough behind to fill the last frame."""
    pad = n_fft // 2
    keep = pad + hop_length  # the end may reflect up to keep - 1 samples
    held: Audio | None = None
    started, length = False, 0
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
    if held is not None and length:
        front = 0 if started else pad
        yield np.pad(held, ((0, 0), (front, pad + -length % hop_length)), mode="reflect")


def _check_sizes(n_fft: int, hop_length: int) -> None:
    whole_number(n_fft, "n_fft", least=2)
    whole_number(hop_length, "hop_length")
    if n_fft % 2 or hop_length > n_fft // 2:
        raise ArgumentError(f"expected an even n_fft and a hop_length of n_fft / 2 at most, got {n_fft}, {hop_length}")
