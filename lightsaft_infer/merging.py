"""Streams of stems from several networks, joined.

The networks of a bundle have STFTs and chunks of different lengths, so their stems come in different blocks.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .arrays import Audio
from .consistency import mixture_consistency
from .stft import istft_stream, stft_stream

N_FFT, HOP_LENGTH = 4096, 1024  # of the spectra in which stems are made to sum to the mixture


def merged(streams: Sequence[Iterator[Audio]]) -> Iterator[Audio]:
    """Yield the blocks of several streams together.

    Parameters
    ----------
    streams : sequence of iterators of float32 arrays, shape (stems, channels, samples)
        Streams with the same number of channels. Always the one that is the furthest behind is asked for more, so that
        little has to be kept.

    Yields
    ------
    float32 array, shape (all stems, channels, samples)
        The stems of all streams in their order. It ends with the shortest stream.
    """
    held: list[Audio] = []
    for stream in streams:
        block = next(stream, None)
        if block is None:
            return
        held.append(block)
    while True:
        samples = min(block.shape[-1] for block in held)
        if samples:
            yield np.concatenate([block[..., :samples] for block in held])
            held = [block[..., samples:] for block in held]
        behind = min(range(len(held)), key=lambda number: held[number].shape[-1])
        more = next(streams[behind], None)
        if more is None:
            return
        held[behind] = np.concatenate([held[behind], more], axis=-1)


def consistent(mixture: Iterable[Audio], stems: Iterator[Audio]) -> Iterator[Audio]:
    """Correct stems of any origin so that they sum to the mixture.

    It is `lightsaft_infer.consistency.mixture_consistency` on the spectra of the stems.

    Parameters
    ----------
    mixture : iterable of float32 arrays, shape (channels, samples)
    stems : iterator of float32 arrays, shape (stems, channels, samples)

    Yields
    ------
    float32 array, shape (stems, channels, samples)
    """
    together = merged([(block[np.newaxis] for block in mixture), stems])
    rows = (block.reshape(-1, block.shape[-1]) for block in together)
    spectra = (
        spectrum.reshape(-1, 2, *spectrum.shape[1:])
        for spectrum in stft_stream(rows, n_fft=N_FFT, hop_length=HOP_LENGTH)
    )
    corrected = (mixture_consistency(spectrum[0], spectrum[1:]) for spectrum in spectra)
    return istft_stream(corrected, n_fft=N_FFT, hop_length=HOP_LENGTH)
