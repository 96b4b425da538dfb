"""Checkpoints of a training on disk: written whole or not at all, and read with errors that name the file."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from .errors import CheckpointError

STATE = ("config", "plan", "network", "ema", "optimisers", "step", "seconds")  # the parts that a run goes on from
OLD_NAMES = {"average": "ema", "rate": "learning_rate"}  # names of parts of a state in checkpoints before 0.2.0


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint under a temporary name, and rename it when it is whole."""
    part = path.with_name(f".{path.name}.part")
    torch.save(content, part)
    os.replace(part, path)


def load(path: str | os.PathLike[str], needed: Iterable[str] = ()) -> dict[str, Any]:
    """Read a checkpoint of any version.

    Parameters
    ----------
    path
        A `checkpoint.pt` or `best.pt` of a run, or a packed checkpoint.
    needed
        Names of the parts that it must have.

    Returns
    -------
    dict
        Its parts, with the names of this version.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not a checkpoint, or lacks one of the parts.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:  # torch raises many kinds of errors for a damaged file
        raise CheckpointError(f"not a checkpoint of a training run: {path}") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"not a checkpoint of a training run: {path}")
    state = _upgraded(state)
    missing = [name for name in needed if name not in state]
    if missing:
        raise CheckpointError(f"expected a checkpoint with {', '.join(needed)}, it lacks {', '.join(missing)}: {path}")
    return state


def _upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a state of any version, with the names of this version."""
    state = {OLD_NAMES.get(name, name): part for name, part in state.items()}
    if "plan" in state:
        state["plan"] = {OLD_NAMES.get(name, name): value for name, value in state["plan"].items()}
    return state
