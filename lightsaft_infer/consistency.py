"""Mixture consistency: stems that sum to the mixture."""

import numpy as np


def mixture_consistency(mixture, estimates):
    """Estimates that sum to the mixture in every bin of the spectrogram.

    What the estimates leave of the mixture is shared among them in proportion to their magnitudes, and equally where
    all of them are zero. This is the projection of Wisdom et al. (2019), "Differentiable consistency constraints for
    improved deep speech enhancement", with weights that follow the estimates' magnitudes bin by bin.

    mixture : complex64 (channels, frames, bins)
    estimates : complex64 (targets, channels, frames, bins)

    Returns complex64 (targets, channels, frames, bins).
    """
    weights = np.abs(estimates)
    total = weights.sum(axis=0)
    silent = total == 0
    total[silent] = len(estimates)
    weights[:, silent] = 1
    weights /= total
    residual = mixture - estimates.sum(axis=0)
    return estimates + weights * residual
