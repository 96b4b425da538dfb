"""Checkpoints in a smaller form, to go on elsewhere or with a larger network; and the networks of checkpoints."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checkpoint_files import load, save
from .config import Config
from .errors import DataError
from .networks import Network, build, grow
from .settings import changed
from .trainer import Trainer
from .training_config import TrainingConfig

PACKED = ("config", "plan", "step", "seconds")  # beside the averaged weights


def pack(run: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Write the parts of a run's checkpoint that it needs to go on elsewhere, small enough for version control.

    These are the averaged weights (matrices in float16), network, training, step and time. The weights themselves and
    the moments of the optimisers are left out: they depend on the last few hundred steps alone.

    Parameters
    ----------
    run
        Folder of the run.
    path
        The file to write. An existing one is replaced.

    Raises
    ------
    CheckpointError
        If the run has no checkpoint, or it cannot be read.
    """
    state = load(Path(run) / "checkpoint.pt", (*PACKED, "ema"))
    ema = {name: weight.half() if weight.ndim > 1 else weight for name, weight in state["ema"].items()}
    save({**{name: state[name] for name in PACKED}, "ema": ema}, Path(path))


def unpack(path: str | os.PathLike[str], run: str | os.PathLike[str], changes: Sequence[str] = ()) -> None:
    """Begin a run with a packed checkpoint.

    Parameters
    ----------
    path
        The packed checkpoint, which `pack` wrote.
    run
        Folder of the run. It is created if it is missing.
    changes
        Changes of the network, texts NAME=VALUE. Layers that it gains begin as in a new network (`networks.grow`).

    Raises
    ------
    DataError
        If the run has begun already, or the changed network has no place for some of the weights.
    CheckpointError
        If the packed checkpoint cannot be read.
    SettingsError
        If there is no such setting, or no such network.
    """
    checkpoint = _new_checkpoint(run)
    packed = load(path, (*PACKED, "ema"))
    trainer = Trainer(Config(**packed["config"]), TrainingConfig(**packed["plan"]))
    trainer.ema.load_state_dict(packed["ema"])
    ema = trainer.ema.state_dict()  # in float32
    # Files of versions before 0.2.0 have the weights too, as their difference from the averaged ones.
    weights = {name: ema[name] + part for name, part in packed.get("difference", {}).items()} or ema
    trainer.network.load_state_dict(weights)
    if changes:
        trainer = _grown(trainer, changes)
    _begin(trainer, packed, checkpoint)


def average(runs: Sequence[str | os.PathLike[str]], run: str | os.PathLike[str]) -> None:
    """Begin a run with the mean of the averaged weights of other runs.

    The mean of a network before and after further training often keeps what it could do before, and most of what it has
    learnt (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).

    Parameters
    ----------
    runs
        Folders of the runs, of one network. The new run goes on with the training, step and time of the last one.
    run
        Folder of the new run. It is created if it is missing.

    Raises
    ------
    DataError
        If the new run has begun already, or the runs have different networks.
    CheckpointError
        If a run has no checkpoint, or it cannot be read.
    """
    checkpoint = _new_checkpoint(run)
    states = [load(Path(path) / "checkpoint.pt", (*PACKED, "ema")) for path in runs]
    last = states[-1]
    for path, state in zip(runs, states, strict=True):
        if state["config"] != last["config"]:
            raise DataError(f"expected runs of one network, got another one than in {runs[-1]}: {path}")
    trainer = Trainer(Config(**last["config"]), TrainingConfig(**last["plan"]))
    mean = {
        name: sum(state["ema"][name] for state in states) / len(states) if weight.is_floating_point() else weight
        for name, weight in last["ema"].items()
    }
    for network in (trainer.ema, trainer.network):
        network.load_state_dict(mean)
    _begin(trainer, last, checkpoint)


def _new_checkpoint(run: str | os.PathLike[str]) -> Path:
    """The checkpoint of a run that has not begun. Raises DataError if it has."""
    checkpoint = Path(run) / "checkpoint.pt"
    if checkpoint.exists():
        raise DataError(f"already exists: {checkpoint} (choose the folder of a new run)")
    return checkpoint


def _begin(trainer: Trainer, state: dict[str, Any], checkpoint: Path) -> None:
    """Write the checkpoint of a new run, with the step and the time of a state."""
    trainer.step, trainer.seconds = state["step"], state["seconds"]
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    save(trainer.state(), checkpoint)


def _grown(trainer: Trainer, changes: Sequence[str]) -> Trainer:
    """Return a new trainer of a larger network, with the weights of this one's."""
    grown = Trainer(changed(trainer.config, changes), trainer.training)
    try:
        grow(trainer.network.state_dict(), grown.network)
        grow(trainer.ema.state_dict(), grown.ema)
    except DataError as error:
        raise DataError(f"expected changes that only add to the network, got {' '.join(changes)}: {error}") from error
    return grown


def ema_network(path: str | os.PathLike[str]) -> tuple[Network, dict[str, Any]]:
    """Read the network with the averaged weights of a checkpoint.

    Parameters
    ----------
    path
        A `best.pt` or `checkpoint.pt` of a run, or a packed checkpoint.

    Returns
    -------
    Network
        Ready to be exported.
    dict
        The other parts of the checkpoint, such as "step", "seconds" and "scores".

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read.
    """
    kept = load(path, ("config", "ema", "step", "seconds"))
    network = build(Config(**kept["config"]))
    network.load_state_dict(kept.pop("ema"))
    return network.eval(), kept
