"""Several networks on one track: the targets shared out among them, and their stems joined.

The networks of a bundle have STFTs and chunks of different lengths, so their stems come in different blocks.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .arrays import Audio
from .bundle import shared_out
from .chain import Chain
from .chunking import EstimateChunk, Waiting
from .consistency import mixture_consistency
from .stft import istft_stream, stft_stream

N_FFT, HOP_LENGTH = 4096, 1024  # of the spectra in which stems are made to sum to the mixture


@dataclasses.dataclass
class ChainTask:
    """The part of a chain in a separation.

    Attributes
    ----------
    chain : Chain
    indices : list of int
        Its targets, as indices in its model.
    places : list of int
        Their places among the targets of the separation.
    estimate_chunk, waiting : callable, optional
        See `lightsaft_infer.chunking.estimate_chunks`.
    """

    chain: Chain
    indices: list[int]
    places: list[int]
    estimate_chunk: EstimateChunk | None = None
    waiting: Waiting = contextlib.nullcontext

    def stems(self, audio: Iterable[Audio], *, consistency: bool) -> Iterator[Audio]:
        """Yield the stems of a mixture (see `Chain.stems`)."""
        return self.chain.stems(
            audio,
            self.indices,
            consistency=consistency,
            estimate_chunk=self.estimate_chunk,
            waiting=self.waiting,
        )


def tasks_of(chains: Sequence[Chain], targets: Sequence[str]) -> list[ChainTask]:
    """Share targets out among chains (see `lightsaft_infer.bundle.shared_out`). Chains without any have no task."""
    shares = shared_out([chain.manifest for chain in chains], targets)
    return [
        ChainTask(chain, chain.manifest.indices(names), [targets.index(name) for name in names])
        for chain, names in zip(chains, shares, strict=True)
        if names
    ]


def together(tasks: Sequence[ChainTask], audio: Iterable[Audio], *, consistency: bool) -> Iterator[Audio]:
    """Yield the stems of several chains, float32 (targets, 2, samples), in the order of the targets."""
    if len(tasks) == 1:
        return tasks[0].stems(audio, consistency=consistency)
    *copies, mixture = itertools.tee(audio, len(tasks) + 1)
    streams = [task.stems(copy, consistency=False) for task, copy in zip(tasks, copies, strict=True)]
    order = np.argsort([place for task in tasks for place in task.places])
    stems = (block[order] for block in merged(streams))
    return consistent(mixture, stems) if consistency else stems


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
