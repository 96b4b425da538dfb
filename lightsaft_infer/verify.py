"""The manifest's self test: does this machine compute the numbers that the model's author saw?"""

import numpy as np

TOLERANCE = 1e-3


def selftest(separator):
    """Run the manifest's self test (see `noise_rms`). Returns {target: (expected RMS, RMS)} of the estimates; they
    agree where they differ by `TOLERANCE`, relative, at most."""
    manifest = separator.manifest
    test = manifest.selftest
    rms = noise_rms(
        separator.network, manifest.targets, bins=manifest.bins, seed=test.seed, frames=test.frames, scale=test.scale
    )
    return {target: (test.rms[target], rms[target]) for target in manifest.targets}


def noise_rms(network, targets, *, bins, seed, frames, scale):
    """{target: RMS of its estimate} for normal noise times `scale`, drawn by numpy's default generator from `seed`, as
    planes (1, 4, frames, bins). `network` follows the model contract."""
    noise = np.random.default_rng(seed).standard_normal((1, 4, frames, bins))
    estimates = network((noise * scale).astype(np.float32), np.arange(len(targets)))
    rms = np.sqrt(np.mean(np.square(estimates[0], dtype=np.float64), axis=(1, 2, 3)))
    return dict(zip(targets, rms.tolist(), strict=True))


def agrees(expected, value):
    """Whether an RMS is the expected one within TOLERANCE."""
    return abs(value - expected) <= TOLERANCE * abs(expected)
