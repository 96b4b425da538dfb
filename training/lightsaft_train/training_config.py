"""How a network is trained: the settings of a run, and what they make of a step's learning rate and loss."""

import dataclasses
import math
from typing import ClassVar, Literal

from .losses import FIRST_FLOOR


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Parameters
    ----------
    batch
        Mixtures in a step of each process. Each mixture is trained on for all of its targets.
    frames
        Length of a mixture, in frames of the STFT.
    loss
        "mse", "l1", "relative" or "sdr" (`losses.py`).
    floor, floor_steps
        Floor of the losses "relative" and "sdr" (`losses.py`). It begins higher, at `losses.FIRST_FLOOR`, and falls to
        `floor` in `floor_steps` steps: if quiet stems count in full, a network that has not learnt anything closes
        every mask.
    optimiser
        "adamw"; or "muon" for the layers between the first and the last one, and AdamW for the rest.
    learning_rate, warmup, decay_from, decay_steps
        The learning rate is reached after `warmup` steps, and kept. From step `decay_from` on it falls to 0 in
        `decay_steps` steps; None: it never falls.
    ema
        Decay of the averaged weights.
    weight_decay
        Weight decay of the optimisers.
    clip
        Largest norm of the gradient.
    bfloat16
        Whether convolutions and matrix products compute in bfloat16; the weights stay float32. None: if the device has
        instructions for it.
    seed
        Of the first weights and of the data.
    """

    # Settings that must be above 0. Other numbers may be 0.
    ABOVE_ZERO: ClassVar[tuple[str, ...]] = ("batch", "frames", "floor", "floor_steps", "warmup", "decay_steps")

    batch: int = 6
    frames: int = 96
    loss: Literal["mse", "l1", "relative", "sdr"] = "relative"
    floor: float = 0.003
    floor_steps: int = 2000
    optimiser: Literal["adamw", "muon"] = "muon"
    learning_rate: float = 1e-3
    warmup: int = 200
    decay_from: int | None = None
    decay_steps: int = 2000
    ema: float = 0.999
    weight_decay: float = 1e-2
    clip: float = 5.0
    bfloat16: bool | None = None
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step: a linear warm-up, then constant, then down to 0 along half a cosine."""
        rate = self.learning_rate * min(1.0, (step + 1) / self.warmup)
        if self.decay_from is not None and step > self.decay_from:
            rate *= 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - self.decay_from) / self.decay_steps))
        return rate

    def has_decayed(self, step: int) -> bool:
        """Return whether the learning rate has fallen to 0 at a step."""
        return self.decay_from is not None and step >= self.decay_from + self.decay_steps

    def floor_at(self, step: int) -> float:
        """Return the loss's floor at a step: it falls from `losses.FIRST_FLOOR` to `floor` along an exponential."""
        return self.floor * (FIRST_FLOOR / self.floor) ** max(0.0, 1 - step / self.floor_steps)
