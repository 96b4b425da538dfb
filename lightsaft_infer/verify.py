"""The self-test of a manifest: does this machine compute the same numbers as the machine of the model's author?"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from .arrays import Network
from .separator import Separator

TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class TargetCheck:
    """The root mean square of a target's estimate: the expected one, and the one that this machine computed."""

    expected: float
    computed: float

    @property
    def agrees(self) -> bool:
        """Whether the two differ by TOLERANCE, relative to the expected one, at most."""
        return abs(self.computed - self.expected) <= TOLERANCE * abs(self.expected)


def selftest(separator: Separator) -> dict[str, TargetCheck]:
    """Run the self-test of a separator's manifest.

    Parameters
    ----------
    separator : Separator

    Returns
    -------
    dict of str to TargetCheck
        The result for each target.

    Raises
    ------
    ModelError
        If the network fails.

    Examples
    --------
    >>> from lightsaft_infer import Separator
    >>> from lightsaft_infer.verify import selftest
    >>> all(check.agrees for check in selftest(Separator.from_file()).values())
    True
    """
    checks: dict[str, TargetCheck] = {}
    for model, network in zip(separator.manifest.models, separator.networks, strict=True):
        test = model.selftest
        rms = noise_rms(network, model.targets, bins=model.bins, seed=test.seed, frames=test.frames, scale=test.scale)
        checks |= {
            target: TargetCheck(test.rms[target], rms[target]) for target in model.targets if target not in checks
        }
    return checks


def noise_rms(
    network: Network, targets: Sequence[str], *, bins: int, seed: int, frames: int, scale: float
) -> dict[str, float]:
    """Compute the root mean square of each target's estimate for noise.

    Parameters
    ----------
    network : Network
    targets : sequence of str
    bins, frames : int
        Shape of the planes (1, 4, frames, bins).
    seed : int
        Seed of numpy's default generator, which draws normal noise.
    scale : float
        Factor on the noise.

    Returns
    -------
    dict of str to float
    """
    noise = np.random.default_rng(seed).standard_normal((1, 4, frames, bins))
    estimates = network((noise * scale).astype(np.float32), np.arange(len(targets)))
    rms = np.sqrt(np.mean(np.square(estimates[0], dtype=np.float64), axis=(1, 2, 3)))
    return dict(zip(targets, rms.tolist(), strict=True))
