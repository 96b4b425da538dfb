"""Losses between spectra: planes float32 (batch, stems, 4, frames, bins), as in the model contract.

All losses take the same arguments and return a scalar:

estimates, stems
    Planes. A stem is a target, or a sum of targets that are not known alone; then its estimate is their sum (`summed`).
mixture
    Planes (batch, 4, frames, bins).
known
    Bool (batch, stems): the stems that are compared; None: all of them.
floor
    A part of the mixture's energy. It is added to the energy of every stem, so that quiet stems do not count in full.
"""

import torch
from torch import Tensor

FIRST_FLOOR = 0.1  # of a training: with a much lower one, a network that has not learnt anything closes every mask
SILENT_FLOOR = 0.01  # the smallest floor of a silent stem
SILENCE = 1e-4  # a stem is silent if it has at most this part of the mixture's energy


def summed(estimates: Tensor, members: Tensor) -> Tensor:
    """Return the estimates of stems.

    Parameters
    ----------
    estimates
        Of targets, (batch, targets, 4, frames, bins).
    members
        The targets that each stem is the sum of, (batch, stems, targets): 1 for these targets, else 0.
    """
    return torch.einsum("bst,bt...->bs...", members, estimates)


def mse(
    estimates: Tensor, stems: Tensor, mixture: Tensor, known: Tensor | None = None, floor: float = FIRST_FLOOR
) -> Tensor:
    """Return the mean squared error of the STFT, the loss of the paper. Loud mixtures and loud stems dominate it."""
    return _mean((estimates - stems).square().mean(dim=(-3, -2, -1)), known)


def l1(
    estimates: Tensor, stems: Tensor, mixture: Tensor, known: Tensor | None = None, floor: float = FIRST_FLOOR
) -> Tensor:
    """Return the mean absolute error of the real and imaginary parts of the STFT."""
    return _mean((estimates - stems).abs().mean(dim=(-3, -2, -1)), known)


def relative(
    estimates: Tensor, stems: Tensor, mixture: Tensor, known: Tensor | None = None, floor: float = FIRST_FLOOR
) -> Tensor:
    """Return the mean of the error's energy divided by the stem's energy and the floor.

    Every mixture has the same weight, and quiet stems have up to 10 dB more weight than in `mse`.
    """
    error, stem, added = _energies(estimates, stems, mixture, floor)
    return _mean(error / (stem + added), known)


def sdr(
    estimates: Tensor, stems: Tensor, mixture: Tensor, known: Tensor | None = None, floor: float = FIRST_FLOOR
) -> Tensor:
    """Return the mean of 10 log10 of the error's energy divided by the stem's: the negative SDR, in dB.

    The floor is added to both energies. So neither silent stems nor easy ones dominate the loss.
    """
    error, stem, added = _energies(estimates, stems, mixture, floor)
    return _mean(10 * ((error + added) / (stem + added)).log10(), known)


def _mean(losses: Tensor, known: Tensor | None) -> Tensor:
    """Return the mean of the losses (batch, stems) of the known stems."""
    return losses.mean() if known is None else torch.where(known, losses, 0).sum() / known.sum()


def _energies(estimates: Tensor, stems: Tensor, mixture: Tensor, floor: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return energies (batch, stems) of error and stem, and the energy that is added to them: the floor."""
    mixed, stem = _energy(mixture)[:, None], _energy(stems)
    part = torch.where(stem > SILENCE * mixed, floor, max(floor, SILENT_FLOOR))
    return _energy(estimates - stems), stem, part * mixed + 1e-4


def _energy(planes: Tensor) -> Tensor:
    """Return the sum of squares over the last three axes.

    By the norm: its gradient takes half the time of that of `square().sum()`.
    """
    return torch.linalg.vector_norm(planes, dim=(-3, -2, -1)).square()


LOSSES = {loss.__name__: loss for loss in (mse, l1, relative, sdr)}
