"""Overlapping chunks of STFT frames through the network, crossfaded.

Spectra are complex64 (channels, frames, bins), estimates complex64 (targets, channels, frames, bins).
"""

import numpy as np

from .errors import ModelError


def estimate_chunks(spectra, network, targets, *, chunk, overlap, multiple, effort=None):
    """Yield pairs (spectrum, estimates) of equally many frames, as spectra come.

    network : callable(planes float32 (1, 4, frames, bins), targets int64 (targets,)) that returns float32
        (1, targets, 4, frames, bins), as the model contract has it
    targets : list of int, target indices
    chunk, overlap : frames of a chunk, and how many of them it shares with the next one; at most half
    multiple : the network takes frames in multiples of it; a shorter end of the track is padded with silence
    effort : callable(spectrum, estimate) that returns a chunk's estimates, by as many calls of `estimate(spectrum)` as
        it likes; default: by one

    Where two chunks overlap, one fades out while the other fades in; the two weights sum to one at every frame.
    """
    step = chunk - overlap
    rise = ((np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1))[:, np.newaxis]
    faded = None

    def one_pass(spectrum):
        return _run(network, spectrum, targets, multiple)

    def estimate(spectrum, last):
        nonlocal faded
        estimates = one_pass(spectrum) if effort is None else effort(spectrum, one_pass)
        if faded is not None:
            estimates[:, :, :overlap] *= rise
            estimates[:, :, :overlap] += faded
        if last:
            return spectrum, estimates
        faded = estimates[:, :, step:] * (1 - rise)
        return spectrum[:, :step], estimates[:, :, :step]

    pending = None
    for spectrum in spectra:
        pending = spectrum if pending is None else np.concatenate([pending, spectrum], axis=1)
        while pending.shape[1] > chunk:
            yield estimate(pending[:, :chunk], last=False)
            pending = pending[:, step:]
    if pending is not None:
        yield estimate(pending, last=True)


def chunk_count(frames, *, chunk, overlap):
    """How many chunks `estimate_chunks` makes of so many frames."""
    return 1 + max(0, -(-(frames - chunk) // (chunk - overlap)))


def _run(network, spectrum, targets, multiple):
    """Estimates of one chunk."""
    channels, frames, bins = spectrum.shape
    planes = np.zeros((1, 2 * channels, frames + -frames % multiple, bins), np.float32)
    planes[0, :channels, :frames] = spectrum.real
    planes[0, channels:, :frames] = spectrum.imag
    output = np.asarray(network(planes, np.asarray(targets, np.int64)))
    expected = (1, len(targets), *planes.shape[1:])
    if output.shape != expected:
        raise ModelError(f"expected estimates of shape {expected} from the network, got {output.shape}")
    estimates = np.empty((len(targets), channels, frames, bins), np.complex64)
    estimates.real = output[0, :, :channels, :frames]
    estimates.imag = output[0, :, channels:, :frames]
    return estimates
