"""The manifest's self test: does this machine compute the numbers that the model's author saw?"""

import numpy as np

TOLERANCE = 1e-3


def selftest(separator):
    """Run the manifest's self test.

    The input is normal noise times the manifest's `selftest.scale`, drawn by numpy's default generator from its
    `seed`, as planes (1, 4, frames, bins). Returns {target: (expected RMS, RMS)} of the estimates; they agree where
    they differ by `TOLERANCE`, relative, at most.
    """
    manifest = separator.manifest
    expected = manifest.selftest
    noise = np.random.default_rng(expected.seed).standard_normal((1, 4, expected.frames, manifest.bins))
    planes = (noise * expected.scale).astype(np.float32)
    estimates = separator.network(planes, np.arange(len(manifest.targets)))
    rms = np.sqrt(np.mean(np.square(estimates[0], dtype=np.float64), axis=(1, 2, 3)))
    return {target: (expected.rms[target], float(value)) for target, value in zip(manifest.targets, rms, strict=True)}


def agrees(expected, value):
    """Whether an RMS is the expected one within TOLERANCE."""
    return abs(value - expected) <= TOLERANCE * abs(expected)
