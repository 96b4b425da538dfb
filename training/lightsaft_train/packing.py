"""Checkpoints in a smaller form, to go on elsewhere or with a larger network, and networks of checkpoints."""

from pathlib import Path

import torch

from .config import Config, changed
from .data import DataError
from .networks import build, grow
from .run import save
from .trainer import Trainer, TrainingConfig, upgraded


def pack(run, path):
    """Write what a run needs to go on elsewhere, small enough for version control: the averaged weights, matrices in
    float16, step and plan. The weights themselves and the optimisers' moments are left out: both are of the last some
    hundred steps alone."""
    state = upgraded(torch.load(Path(run) / "checkpoint.pt", weights_only=True))
    ema = {name: weight.half() if weight.ndim > 1 else weight for name, weight in state["ema"].items()}
    save({**{name: state[name] for name in ("config", "plan", "step", "seconds")}, "ema": ema}, Path(path))


def unpack(path, run, changes=()):
    """Begin a run with what `pack` wrote. Raises DataError if the run has begun already, and for changes that do not
    leave the packed weights their places.

    changes : of the network, texts "name=value"; what it has more than the packed one begins as in a new one
    """
    checkpoint = Path(run) / "checkpoint.pt"
    if checkpoint.exists():
        raise DataError(f"expected a run that has not begun, found: {checkpoint}")
    packed = upgraded(torch.load(path, weights_only=True))
    trainer = Trainer(Config(**packed["config"]), TrainingConfig(**packed["plan"]))
    trainer.ema.load_state_dict(packed["ema"])
    ema = trainer.ema.state_dict()  # in float32
    # Files of lightsaft_train before 0.2.0 have the weights too, as their difference from the averaged ones.
    weights = {name: ema[name] + part for name, part in packed.get("difference", {}).items()} or ema
    trainer.network.load_state_dict(weights)
    if changes:
        trainer = _grown(trainer, changes)
    trainer.step, trainer.seconds = packed["step"], packed["seconds"]
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    save(trainer.state(), checkpoint)


def _grown(trainer, changes):
    """A new trainer of a larger network, with the weights of this one's."""
    grown = Trainer(changed(trainer.config, changes), trainer.plan)
    try:
        grow(trainer.network.state_dict(), grown.network)
        grow(trainer.ema.state_dict(), grown.ema)
    except DataError as error:
        raise DataError(f"expected changes that only add to the network, got {' '.join(changes)}: {error}") from error
    return grown


def ema_network(path):
    """The network of a `best.pt` or `checkpoint.pt`, ready to be exported, and the rest of what the file holds."""
    kept = upgraded(torch.load(path, weights_only=True))
    network = build(Config(**kept["config"]))
    network.load_state_dict(kept.pop("ema"))
    return network.eval(), kept
