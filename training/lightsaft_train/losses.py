"""Losses between spectra: planes float32 (batch, targets, 4, frames, bins), as in the model contract.

All take estimates, stems and the mixture (batch, 4, frames, bins), and return a scalar.
"""

import torch

FLOOR = 0.1  # parts of the mixture's energy that every stem's energy counts with, however quiet it is


def mse(estimates, stems, mixture):
    """Mean squared error of the STFT, the paper's loss: loud mixtures and loud stems rule."""
    return (estimates - stems).square().mean()


def l1(estimates, stems, mixture):
    """Mean absolute error of the STFT's real and imaginary parts."""
    return (estimates - stems).abs().mean()


def relative(estimates, stems, mixture):
    """Mean of the error's energy over the stem's and a part of the mixture's: every mixture weighs the same, and quiet
    stems up to 10 dB more than in `mse`."""
    error, stem, floor = _energies(estimates, stems, mixture)
    return (error / (stem + floor)).mean()


def sdr(estimates, stems, mixture):
    """Mean of 10 log10 of the error's energy over the stem's: the negative SDR, floored so that neither silent stems
    nor easy ones rule."""
    error, stem, floor = _energies(estimates, stems, mixture)
    return (10 * ((error + floor) / (stem + floor)).log10()).mean()


def _energies(estimates, stems, mixture):
    """Energies (batch, targets) of error and stem, and the floor (batch, 1)."""
    floor = FLOOR * _energy(mixture)[:, None] + 1e-4
    return _energy(estimates - stems), _energy(stems), floor


def _energy(planes):
    """Sum of squares over the last three axes, by the norm: half the way back that `square().sum()` takes."""
    return torch.linalg.vector_norm(planes, dim=(-3, -2, -1)).square()


LOSSES = {loss.__name__: loss for loss in (mse, l1, relative, sdr)}
