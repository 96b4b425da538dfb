"""Bundles: several models in one manifest, each of which separates some of the targets."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .arguments import AnyPath
from .errors import ModelError
from .manifest import Manifest, read_content, sum_to_mixture, target_indices


@dataclasses.dataclass(frozen=True)
class Bundle:
    """The facts about several models that separate a track together. `read_model` reads them.

    Attributes
    ----------
    name, version : str
    targets : tuple of str
        In the order of the stems. The first model that has a target separates it.
    models : tuple of Manifest
        All have the same sample rate.
    path : Path
        The manifest file.
    """

    name: str
    version: str
    targets: tuple[str, ...]
    models: tuple[Manifest, ...]
    path: Path

    @classmethod
    def from_content(cls, content: Mapping[str, Any], path: Path) -> "Bundle":
        """Check the content of a bundle.

        Parameters
        ----------
        content : mapping
            The JSON object.
        path : Path
            The file that it is from. Error messages name it, and the graphs lie in its folder.

        Returns
        -------
        Bundle

        Raises
        ------
        ModelError
            If a field is missing or out of range. The message names the file and the field.
        """
        for field, kind in (("name", str), ("version", str), ("targets", list), ("models", list)):
            if not isinstance(content.get(field), kind):
                raise ModelError(f"expected a bundle with a field {field}, got {content.get(field)!r}: {path}")
        if not content["models"] or not all(isinstance(model, dict) for model in content["models"]):
            raise ModelError(f"expected a bundle of one or more models: {path}")
        models = tuple(Manifest.from_content(model, path) for model in content["models"])
        available = dict.fromkeys(target for model in models for target in model.targets)
        targets = tuple(content["targets"])
        try:
            target_indices(tuple(available), targets)
        except ModelError as error:
            raise ModelError(f"{error}: {path}") from error
        rates = sorted({model.sample_rate for model in models})
        if len(rates) > 1:
            raise ModelError(f"expected models of one sample rate, got {' and '.join(map(str, rates))} Hz: {path}")
        return cls(content["name"], content["version"], targets, models, path)

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.models[0].sample_rate

    @property
    def channels(self) -> int:
        """Always 2."""
        return self.models[0].channels

    @property
    def sums_to_mixture(self) -> bool:
        """See `Manifest.sums_to_mixture`."""
        return sum_to_mixture(self.targets)

    @property
    def sha256(self) -> str:
        """A digest that identifies the models and their targets."""
        text = " ".join([*self.targets, *(model.sha256 for model in self.models)])
        return hashlib.sha256(text.encode()).hexdigest()

    def indices(self, targets: Sequence[str]) -> list[int]:
        """Return the indices of targets. Raises ModelError as `Manifest.indices` does."""
        return target_indices(self.targets, targets)


def read_model(path: AnyPath) -> Manifest | Bundle:
    """Read and check the manifest of a model or of a bundle.

    Parameters
    ----------
    path : path

    Returns
    -------
    Manifest or Bundle

    Raises
    ------
    ModelError, ArgumentError
        See `Manifest.from_file`.
    """
    path, content = read_content(path)
    if "models" in content:
        return Bundle.from_content(content, path)
    return Manifest.from_content(content, path)


def assigned_targets(models: Sequence[Manifest], targets: Sequence[str]) -> list[list[str]]:
    """Return the targets that each model estimates: the first model that has a target gets it."""
    left, assigned = list(targets), []
    for model in models:
        assigned.append([target for target in left if target in model.targets])
        left = [target for target in left if target not in assigned[-1]]
    return assigned
