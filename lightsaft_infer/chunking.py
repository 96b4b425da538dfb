"""Overlapping chunks of STFT frames through the network, crossfaded.

Spectra are complex64 (channels, frames, bins), estimates complex64 (targets, channels, frames, bins).
"""

import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from .errors import ModelError

BLOCK_FRAMES = 16  # frames of a pair at most: what follows then works in arrays of a few MB


def estimate_chunks(spectra, network, targets, *, chunk, overlap, multiple, several_passes=None, concurrency=1):
    """Yield pairs (spectrum, estimates) of equally many frames, as spectra come.

    network : callable(planes float32 (1, 4, frames, bins), targets int64 (targets,)) that returns float32
        (1, targets, 4, frames, bins), as the model contract has it
    targets : list of int, target indices
    chunk, overlap : frames of a chunk, and how many of them it shares with the next one; at most half
    multiple : the network takes frames in multiples of it; a shorter end of the track is padded with silence
    several_passes : callable(planes, estimate) that returns a chunk's estimates, as the network does, by any number of
        calls of `estimate(planes)`; default: by one
    concurrency : number of chunks under way at the same time, each in a thread of its own if there are several: one
        whose pairs are used, the others in the network

    Where two chunks overlap, one fades out while the other fades in; the two weights sum to one at every frame.
    """
    step = chunk - overlap
    rise = ((np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1))[:, np.newaxis]

    def one_pass(planes):
        estimates = np.asarray(network(planes, np.asarray(targets, np.int64)))
        expected = (1, len(targets), *planes.shape[1:])
        if estimates.shape != expected:
            raise ModelError(f"expected estimates of shape {expected} from the network, got {estimates.shape}")
        return estimates

    def estimate(piece):
        return one_pass(piece.planes) if several_passes is None else several_passes(piece.planes, one_pass)

    faded = None
    for piece, estimates in _with_results(estimate, _pieces(spectra, chunk, step, multiple), concurrency):
        done = piece.frames if piece.last else step
        for start in range(0, done, BLOCK_FRAMES):
            frames = slice(start, min(start + BLOCK_FRAMES, done))
            spectrum, block = _spectra(piece.planes[:, :, frames]), _spectra(estimates[0, :, :, frames])
            if faded is not None and start < overlap:
                fading = slice(start, min(frames.stop, overlap))
                block[:, :, : fading.stop - start] *= rise[fading]
                block[:, :, : fading.stop - start] += faded[:, :, fading]
            yield spectrum[0], block
        faded = None if piece.last else _spectra(estimates[0, :, :, step:chunk]) * (1 - rise)
        del piece, estimates  # not to be kept while the next ones are made


class _Piece(NamedTuple):
    """A chunk: what the network sees of it, how many frames of that are the track's, and whether none come after."""

    planes: np.ndarray
    frames: int
    last: bool


def _pieces(spectra, chunk, step, multiple):
    """Yield the chunks as spectra of any number of frames come."""
    pending = None
    for spectrum in spectra:
        pending = spectrum if pending is None else np.concatenate([pending, spectrum], axis=1)
        while pending.shape[1] > chunk:
            yield _Piece(_planes(pending[:, :chunk], multiple), chunk, last=False)
            pending = pending[:, step:]
    if pending is not None:
        yield _Piece(_planes(pending, multiple), pending.shape[1], last=True)


def _with_results(function, items, concurrency):
    """Yield (item, function(item)) in the items' order, from several threads where `concurrency` is above 1."""
    if concurrency == 1:
        yield from ((item, function(item)) for item in items)
        return
    pool = ThreadPoolExecutor(concurrency)
    started = ((item, pool.submit(function, item)) for item in items)
    try:
        running = deque(itertools.islice(started, concurrency))
        while running:
            item, result = running.popleft()
            yield item, result.result()
            del item, result  # not to be kept while the next one is made
            running.extend(itertools.islice(started, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def chunk_count(frames, *, chunk, overlap):
    """How many chunks `estimate_chunks` makes of so many frames."""
    return 1 + max(0, -(-(frames - chunk) // (chunk - overlap)))


def _planes(spectrum, multiple):
    """What the network sees of a spectrum."""
    channels, frames, bins = spectrum.shape
    planes = np.zeros((1, 2 * channels, frames + -frames % multiple, bins), np.float32)
    planes[0, :channels, :frames] = spectrum.real
    planes[0, channels:, :frames] = spectrum.imag
    return planes


def _spectra(planes):
    """Complex64 (targets, channels, frames, bins) of (targets, 2 * channels, frames, bins)."""
    channels = planes.shape[1] // 2
    spectra = np.empty((len(planes), channels, *planes.shape[2:]), np.complex64)
    spectra.real = planes[:, :channels]
    spectra.imag = planes[:, channels:]
    return spectra
