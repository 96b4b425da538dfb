"""The choice of the stems of a track."""

import dataclasses
from collections.abc import Sequence

from .bundle import Bundle
from .errors import ArgumentError
from .manifest import Manifest


@dataclasses.dataclass(frozen=True)
class StemOptions:
    """The stems of a track.

    `names` are the targets and, at the end, the `residual` if there is one. `consistency` and `residual` are keywords
    of `separate_file`.
    """

    names: tuple[str, ...]
    consistency: bool
    residual: str | None


def choose_stems(
    manifest: Manifest | Bundle,
    *,
    targets: Sequence[str] | None = None,
    two_stems: str | None = None,
    consistency: bool | None = None,
) -> StemOptions:
    """Return the stems that options select.

    Parameters
    ----------
    manifest : Manifest or Bundle
    targets : sequence of str, optional
        Default: all targets of the model.
    two_stems : str, optional
        Choose this target, and the mixture minus this target, instead of `targets`.
    consistency : bool, optional
        Default: true if all targets are chosen, and they sum to the mixture.

    Returns
    -------
    StemOptions

    Raises
    ------
    ModelError
        If the model does not have a target.
    ArgumentError
        If the stems cannot be made consistent.
    """
    chosen = tuple(targets or manifest.targets)
    residual = None
    if two_stems is not None:
        chosen = (two_stems,)
        residual = {"vocals": "instrumental", "instrumental": "vocals"}.get(two_stems, f"no_{two_stems}")
    manifest.indices(chosen)
    whole = residual is None and set(chosen) == set(manifest.targets) and manifest.sums_to_mixture
    names = chosen if residual is None else (*chosen, residual)
    if consistency and not whole:
        raise ArgumentError(
            f"consistency needs all targets of a model whose targets sum to the mixture, got {', '.join(names)} of "
            f"{', '.join(manifest.targets)}"
        )
    return StemOptions(names, whole if consistency is None else consistency, residual)
