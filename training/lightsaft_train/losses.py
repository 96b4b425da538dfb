"""Losses between spectra: planes float32 (batch, stems, 4, frames, bins), as in the model contract.

All take estimates, stems and the mixture (batch, 4, frames, bins), and return a scalar. A stem is a target, or a sum of
targets that is known while they are not (`summed`). `known`: bool (batch, stems), which stems are compared; None: all.
`floor`: the part of the mixture's energy that every stem's energy counts with, however quiet it is.
"""

import torch

FLOOR = 0.1  # with much less of it a network that begins closes every mask
SILENT_FLOOR = 0.01  # of stems that are silent, whatever the floor of the others
SILENCE = 1e-4  # parts of the mixture's energy that a silent stem has at most


def summed(estimates, sums):
    """Estimates of stems, of estimates of targets (batch, targets, 4, frames, bins) and of the sums that the stems are,
    0 or 1 (batch, stems, targets)."""
    return torch.einsum("bst,bt...->bs...", sums, estimates)


def mse(estimates, stems, mixture, known=None, floor=FLOOR):
    """Mean squared error of the STFT, the paper's loss: loud mixtures and loud stems rule."""
    return _mean((estimates - stems).square().mean(dim=(-3, -2, -1)), known)


def l1(estimates, stems, mixture, known=None, floor=FLOOR):
    """Mean absolute error of the STFT's real and imaginary parts."""
    return _mean((estimates - stems).abs().mean(dim=(-3, -2, -1)), known)


def relative(estimates, stems, mixture, known=None, floor=FLOOR):
    """Mean of the error's energy over the stem's and a part of the mixture's: every mixture weighs the same, and quiet
    stems up to 10 dB more than in `mse`."""
    error, stem, least = _energies(estimates, stems, mixture, floor)
    return _mean(error / (stem + least), known)


def sdr(estimates, stems, mixture, known=None, floor=FLOOR):
    """Mean of 10 log10 of the error's energy over the stem's: the negative SDR, floored so that neither silent stems
    nor easy ones rule."""
    error, stem, least = _energies(estimates, stems, mixture, floor)
    return _mean(10 * ((error + least) / (stem + least)).log10(), known)


def _mean(losses, known):
    """Mean of the losses (batch, stems) of the known stems."""
    return losses.mean() if known is None else losses[known].mean()


def _energies(estimates, stems, mixture, floor):
    """Energies (batch, stems) of error and stem, and the least energy that these count with."""
    whole, stem = _energy(mixture)[:, None], _energy(stems)
    part = torch.where(stem > SILENCE * whole, floor, max(floor, SILENT_FLOOR))
    return _energy(estimates - stems), stem, part * whole + 1e-4


def _energy(planes):
    """Sum of squares over the last three axes, by the norm: half the way back that `square().sum()` takes."""
    return torch.linalg.vector_norm(planes, dim=(-3, -2, -1)).square()


LOSSES = {loss.__name__: loss for loss in (mse, l1, relative, sdr)}
