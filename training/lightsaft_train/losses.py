"""Losses between spectra: planes float32 (batch, targets, 4, frames, bins), as in the model contract.

All take estimates, stems and the mixture (batch, 4, frames, bins), and return a scalar.
"""

SILENCE = 1e-3  # energy, in parts of the mixture's, below which an error does not matter


def mse(estimates, stems, mixture):
    """Mean squared error of the STFT, the paper's loss."""
    return (estimates - stems).square().mean()


def l1(estimates, stems, mixture):
    """Mean absolute error of the STFT's real and imaginary parts."""
    return (estimates - stems).abs().mean()


def sdr(estimates, stems, mixture):
    """Mean of 10 log10 of the error's energy over the stem's: the negative SDR, floored at some -30 dB relative to the
    mixture, so that neither silent stems nor easy ones rule."""
    error, stem, floor = _energies(estimates, stems, mixture)
    return (10 * ((error + floor) / (stem + floor)).log10()).mean()


def distortion(estimates, stems, mixture):
    """Mean of the square root of the error's energy over the geometric mean of the stem's and the mixture's: between
    `mse`, where loud examples rule, and `sdr`, where every example weighs the same."""
    error, stem, floor = _energies(estimates, stems, mixture)
    whole = floor / SILENCE
    return ((error + floor * SILENCE) / ((stem + floor) * whole).sqrt()).sqrt().mean()


def _energies(estimates, stems, mixture):
    """Energies (batch, targets) of error and stem, and the floor (batch, 1)."""
    floor = SILENCE * mixture.square().sum((1, 2, 3))[:, None] + 1e-4
    return (estimates - stems).square().sum((2, 3, 4)), stems.square().sum((2, 3, 4)), floor


LOSSES = {loss.__name__: loss for loss in (mse, l1, sdr, distortion)}
