"""Quality of separated stems. Audio is floating point (channels, samples)."""

import numpy as np


def sdr(reference, estimate):
    """Signal-to-distortion ratio of one stem in dB, the Music Demixing Challenge's song score (Mitsufuji et al., 2021):
    10 log10((sum reference^2 + 1e-7) / (sum (reference - estimate)^2 + 1e-7)), sums over channels and samples.

    reference, estimate : floating point (channels, samples), full scale 1.0

    Returns a float. Raises ValueError where the shapes differ.
    """
    return sdr_of_blocks([(reference, estimate)])


def sdr_of_blocks(blocks):
    """`sdr` of a song that comes in pairs (block of the reference, block of the estimate), in memory for one pair.

    Returns a float. Raises ValueError where the shapes of a pair differ.
    """
    signal = distortion = 0.0
    for pair in blocks:
        reference, estimate = (np.asarray(audio, np.float64) for audio in pair)
        if reference.shape != estimate.shape:
            raise ValueError(f"expected an estimate of shape {reference.shape}, got {estimate.shape}")
        signal += np.sum(reference**2)
        distortion += np.sum((reference - estimate) ** 2)
    return sdr_of_energies(signal, distortion)


def sdr_of_energies(signal, distortion):
    """`sdr` in dB by the sums of reference^2 and of (reference - estimate)^2."""
    return float(10 * np.log10((signal + 1e-7) / (distortion + 1e-7)))


def si_sdr(reference, estimate):
    """Scale-invariant SDR in dB (Le Roux et al., 2019, without removal of the mean), sums over channels and samples.

    reference, estimate : floating point (channels, samples), full scale 1.0

    The reference scaled to come nearest to the estimate is the signal: a stem that is too faint costs nothing here.

    Returns a float. Raises ValueError where the shapes differ.
    """
    reference, estimate = (np.asarray(audio, np.float64) for audio in (reference, estimate))
    if reference.shape != estimate.shape:
        raise ValueError(f"expected an estimate of shape {reference.shape}, got {estimate.shape}")
    scale = np.sum(reference * estimate) / (np.sum(reference**2) + 1e-12)
    return sdr_of_energies(np.sum((scale * reference) ** 2), np.sum((scale * reference - estimate) ** 2))
