"""The network on overlapping chunks of STFT frames, crossfaded.

Spectra are complex64 (channels, frames, bins), estimates complex64 (targets, channels, frames, bins).
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import Network, Planes, Spectrum
from .errors import ModelError

BLOCK_FRAMES = 16  # frames of a pair at most, so that the next steps of the chain work on arrays of a few MB

Waiting = Callable[[], contextlib.AbstractContextManager[None]]
"""Returns a context in which the calling thread only waits for the estimates of a chunk."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class SpectrumPair(NamedTuple):
    """A part of the mixture's spectrum, and the estimates for it."""

    mixture: Spectrum
    estimates: Spectrum


def estimate_chunks(
    spectra: Iterable[Spectrum],
    network: Network,
    targets: list[int],
    *,
    chunk: int,
    overlap: int,
    multiple: int,
    unused: int = 0,
    waiting: Waiting = contextlib.nullcontext,
    concurrency: int = 1,
) -> Iterator[SpectrumPair]:
    """Estimate the targets of a spectrum, chunk by chunk.

    Where two chunks overlap, one fades out while the other one fades in. The two weights sum to one at each frame.

    Parameters
    ----------
    spectra : iterable of complex64 arrays, shape (channels, frames, bins)
        The mixture, in parts of any number of frames.
    network : Network
    targets : list of int
        Indices of the targets.
    chunk, overlap : int
        Frames of a chunk, and the number of frames that it shares with the next one, half a chunk at most.
    multiple : int
        The network takes frames in multiples of it. A shorter end of the track is padded with silence.
    unused : int, optional
        Frames at each border of a chunk whose estimates are not used, less than half the overlap. Default: none.
    waiting : callable, optional
        Returns a context in which the calling thread waits for the estimates of a chunk.
    concurrency : int, optional
        Number of chunks that are estimated at the same time, each in a thread. Default: 1, without threads.

    Yields
    ------
    SpectrumPair
        Mixture and estimates of the same frames, BLOCK_FRAMES at most.

    Raises
    ------
    ModelError
        If the output of the network has another shape than the model contract says.
    """
    step = chunk - overlap
    rise = (np.arange(overlap, dtype=np.float32) + np.float32(0.5) - unused) / max(overlap - 2 * unused, 1)
    rise = np.clip(rise, 0, 1)[:, np.newaxis]

    indices = np.asarray(targets, np.int64)

    def estimate(piece: _Piece) -> Planes:
        return checked_estimates(network, piece.planes, indices)

    faded: Spectrum | None = None
    for piece, estimates in _with_results(estimate, _pieces(spectra, chunk, step, multiple), concurrency, waiting):
        done = piece.frames if piece.last else step
        for start in range(0, done, BLOCK_FRAMES):
            frames = slice(start, min(start + BLOCK_FRAMES, done))
            spectrum, block = _spectra(piece.planes[:, :, frames]), _spectra(estimates[0, :, :, frames])
            if faded is not None and start < overlap:
                fading = slice(start, min(frames.stop, overlap))
                block[:, :, : fading.stop - start] *= rise[fading]
                block[:, :, : fading.stop - start] += faded[:, :, fading]
            yield SpectrumPair(spectrum[0], block)
        faded = None if piece.last else _spectra(estimates[0, :, :, step:chunk]) * (1 - rise)
        del piece, estimates  # frees their memory before the next ones are made


def checked_estimates(network: Network, planes: Planes, targets: NDArray[np.int64]) -> Planes:
    """Run a network and return its estimates (see `lightsaft_infer.arrays.Network`).

    Raises
    ------
    ModelError
        If they have another shape than the model contract says.
    """
    estimates = np.asarray(network(planes, targets))
    expected = (1, len(targets), *planes.shape[1:])
    if estimates.shape != expected:
        raise ModelError(f"expected estimates of shape {expected} from the network, got {estimates.shape}")
    return estimates


class _Piece(NamedTuple):
    """A chunk as the network gets it, the number of its frames that belong to the track, and whether it is the last."""

    planes: Planes
    frames: int
    last: bool


def _pieces(spectra: Iterable[Spectrum], chunk: int, step: int, multiple: int) -> Iterator[_Piece]:
    """Yield the chunks of spectra of any number of frames."""
    pending: Spectrum | None = None
    for spectrum in spectra:
        pending = spectrum if pending is None else np.concatenate([pending, spectrum], axis=1)
        while pending.shape[1] > chunk:
            yield _Piece(_planes(pending[:, :chunk], multiple), chunk, last=False)
            pending = pending[:, step:]
    if pending is not None:
        yield _Piece(_planes(pending, multiple), pending.shape[1], last=True)


def _with_results(
    function: Callable[[Item], Result], items: Iterable[Item], concurrency: int, waiting: Waiting
) -> Iterator[tuple[Item, Result]]:
    """Yield (item, function(item)) in the order of the items, from several threads if `concurrency` is above 1."""
    if concurrency == 1:
        for item in items:
            with waiting():
                result = function(item)
            yield item, result
            del item, result  # frees their memory before the next one is made
        return
    pool = ThreadPoolExecutor(concurrency)
    started = ((item, pool.submit(function, item)) for item in items)
    try:
        running = deque(itertools.islice(started, concurrency))
        while running:
            item, future = running.popleft()
            with waiting():
                result = future.result()
            yield item, result
            del item, future, result  # frees their memory before the next one is made
            running.extend(itertools.islice(started, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def chunk_count(frames: int, *, chunk: int, overlap: int) -> int:
    """Return the number of chunks that `estimate_chunks` makes of a number of frames."""
    return 1 + max(0, -(-(frames - chunk) // (chunk - overlap)))


def _planes(spectrum: Spectrum, multiple: int) -> Planes:
    """The network's input for a spectrum, padded with silent frames to a multiple."""
    channels, frames, bins = spectrum.shape
    planes = np.zeros((1, 2 * channels, frames + -frames % multiple, bins), np.float32)
    planes[0, :channels, :frames] = spectrum.real
    planes[0, channels:, :frames] = spectrum.imag
    return planes


def _spectra(planes: Planes) -> Spectrum:
    """Complex64 (targets, channels, frames, bins) of planes (targets, 2 * channels, frames, bins)."""
    channels = planes.shape[1] // 2
    spectra = np.empty((len(planes), channels, *planes.shape[2:]), np.complex64)
    spectra.real = planes[:, :channels]
    spectra.imag = planes[:, channels:]
    return spectra
