"""The training of a network: its configuration, its state, its steps.

`Trainer.state` holds everything that decides how a training goes on: weights, averaged weights, optimisers, and the
step. Schedule, data and dropout follow from the step: step n draws from generators seeded with (seed, n).
"""

import dataclasses
import math
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from .config import Config
from .devices import CPU, has_bfloat16, on_processor
from .errors import SettingsError
from .losses import FLOOR, LOSSES, summed
from .muon import Muon
from .networks import Network, build

VALIDATION_FLOOR = 0.01
OLD_NAMES = {"average": "ema", "rate": "learning_rate"}  # names of parts of a state in checkpoints before 0.2.0


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
        Floor of the losses "relative" and "sdr" (`losses.py`). It begins higher, at `losses.FLOOR`, and falls to
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


def samples(config: Config, frames: int) -> int:
    """Return the number of samples that make the given number of frames without padding."""
    return (frames - 1) * config.hop_length + config.n_fft


class Trainer:
    """A network in training.

    Parameters
    ----------
    config
        The network. It is kept in the state.
    training
        How it is trained. It is kept in the state too, under the name "plan".
    device
        Where the network is trained. It is not part of the state, so a training can go on on another device. The first
        weights of a seed do not depend on it.

    Attributes
    ----------
    network, ema : Network
        The network, and the same network with averaged weights, on the device.
    step : int
        Number of finished steps.
    seconds : float
        Time that was spent in steps; the caller counts it.

    Raises
    ------
    SettingsError
        If there is no such network, or the mixtures have a number of frames that it cannot take.
    """

    def __init__(self, config: Config, training: TrainingConfig, device: torch.device = CPU) -> None:
        if training.frames % config.frames_multiple:
            multiple = f"a multiple of {config.frames_multiple}, as the network has {config.levels} levels"
            raise SettingsError(f"expected frames of a mixture to be {multiple}, got frames={training.frames}")
        self.config, self.training, self.device = config, training, device
        torch.manual_seed(training.seed)
        self.network = build(config).to(device)
        self.ema = build(config).to(device).requires_grad_(False)
        self.ema.load_state_dict(self.network.state_dict())
        self._bfloat16 = has_bfloat16(device) if training.bfloat16 is None else training.bfloat16
        self.optimisers = _optimisers(self.network, training, self._bfloat16)
        self.step = 0
        self.seconds = 0.0

    def update(self, mixture: torch.Tensor, stems: torch.Tensor, sums: torch.Tensor) -> tuple[float, float]:
        """Make a step.

        Parameters
        ----------
        mixture, stems, sums
            A batch of `data.Mixer.batch`, as tensors in the memory of the processor.

        Returns
        -------
        float
            The loss.
        float
            The norm of the gradient. If it is not finite, the weights stay as they are.
        """
        training = self.training
        mixture, stems = self._planes(mixture), self._planes(stems)
        self.network.train()
        torch.manual_seed((training.seed << 32) + self.step)  # for dropout, on all devices
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(training, self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16):
            estimates = self.network(mixture, self._targets(sums))
        loss = _loss(training.loss, estimates.float(), stems, mixture, sums, floor_at(training, self.step))
        self.network.zero_grad()
        loss.backward()
        if torch.distributed.is_initialized():
            _average([parameter.grad for parameter in self.network.parameters() if parameter.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), training.clip)
        if norm.isfinite():
            for optimiser in self.optimisers:
                optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach()), float(norm)

    @torch.no_grad()
    def sdr(self, mixture: torch.Tensor, stems: torch.Tensor, sums: torch.Tensor) -> float:
        """Return the mean SDR of the averaged weights on a batch (see `update`), in dB.

        It is the negative loss `sdr`, with a floor, whatever loss the network is trained with.
        """
        mixture, stems = self._planes(mixture), self._planes(stems)
        estimates = self.ema.eval()(mixture, self._targets(sums))
        return -float(_loss("sdr", estimates, stems, mixture, sums, VALIDATION_FLOOR))

    def _targets(self, sums: torch.Tensor) -> torch.Tensor:
        """Return the numbers of all targets, on the device."""
        return torch.arange(sums.shape[2], device=self.device)

    def _planes(self, audio: torch.Tensor) -> torch.Tensor:
        """Return spectra (..., 4, frames, bins) of audio (..., 2, samples), as in the model contract, on the device."""
        n_fft = self.config.n_fft
        spectra = torch.stft(
            torch.as_tensor(audio).to(self.device, non_blocking=True).flatten(0, -2),
            n_fft,
            self.config.hop_length,
            window=torch.hann_window(n_fft, device=self.device),
            center=False,
            return_complex=True,
        )
        spectra = spectra.reshape(*audio.shape[:-1], *spectra.shape[1:]).transpose(-1, -2)
        return torch.cat([spectra.real, spectra.imag], dim=-3)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the weights: faster at first, while the weights are still far off."""
        decay = min(self.training.ema, (1 + self.step) / (10 + self.step))
        weights = self.network.state_dict()
        for name, averaged in self.ema.state_dict().items():
            if averaged.is_floating_point():
                averaged.lerp_(weights[name], 1 - decay)
            else:
                averaged.copy_(weights[name])

    def ema_on_processor(self) -> Network:
        """Return a copy of the network with averaged weights, in the memory of the processor, ready to be exported."""
        network = build(self.config)
        network.load_state_dict(self.ema.state_dict())
        return network.eval()

    def state(self) -> dict[str, Any]:
        """Return the whole state, as tensors in the memory of the processor, numbers, strings and containers.

        `torch.load` reads it with `weights_only`, on any machine.
        """
        return {
            "config": dataclasses.asdict(self.config),
            "plan": dataclasses.asdict(self.training),
            "network": on_processor(self.network.state_dict()),
            "ema": on_processor(self.ema.state_dict()),
            "optimisers": [on_processor(optimiser.state_dict()) for optimiser in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, state: dict[str, Any], training: TrainingConfig | None = None, device: torch.device = CPU) -> "Trainer":
        """Return the trainer that had a state.

        Parameters
        ----------
        state
            What `Trainer.state` returned, of any version.
        training
            How it is trained from here on; None: as before.
        device
            Where it is trained from here on.
        """
        state = upgraded(state)
        trainer = cls(Config(**state["config"]), training or TrainingConfig(**state["plan"]), device)
        trainer.network.load_state_dict(state["network"])
        trainer.ema.load_state_dict(state["ema"])
        for optimiser, kept in zip(trainer.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        return trainer


def learning_rate_at(training: TrainingConfig, step: int) -> float:
    """Return the learning rate of a step: a linear warm-up, then constant, then down to 0 along half a cosine."""
    rate = training.learning_rate * min(1.0, (step + 1) / training.warmup)
    if training.decay_from is not None and step > training.decay_from:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - training.decay_from) / training.decay_steps))
    return rate


def upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a state of any version, with the names of this version."""
    state = {OLD_NAMES.get(name, name): part for name, part in state.items()}
    if "plan" in state:
        state["plan"] = {OLD_NAMES.get(name, name): value for name, value in state["plan"].items()}
    return state


def floor_at(training: TrainingConfig, step: int) -> float:
    """Return the loss's floor at a step: it falls from `losses.FLOOR` to the configured floor along an exponential."""
    return training.floor * (FLOOR / training.floor) ** max(0.0, 1 - step / training.floor_steps)


def _loss(
    name: str, estimates: torch.Tensor, stems: torch.Tensor, mixture: torch.Tensor, sums: torch.Tensor, floor: float
) -> torch.Tensor:
    """Return a loss between estimates of the targets and stems, which may be sums of targets."""
    known = sums.any(dim=-1)
    if known.all():  # all stems are targets
        return LOSSES[name](estimates, stems, mixture, floor=floor)
    sums, known = (tensor.to(estimates.device, non_blocking=True) for tensor in (sums, known))
    return LOSSES[name](summed(estimates, sums), stems, mixture, known, floor)


def _average(tensors: list[torch.Tensor]) -> None:
    """Replace tensors by their means over the processes of a run."""
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(whole)
    whole /= torch.distributed.get_world_size()
    for tensor, mean in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def _optimisers(network: Network, training: TrainingConfig, bfloat16: bool) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a network. Weights decay; biases, norms and embeddings do not."""
    matrices = _matrices(network) if training.optimiser == "muon" else []
    rest = [parameter for parameter in network.parameters() if all(parameter is not matrix for matrix in matrices)]
    groups = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [parameter for parameter in rest if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.99), eps=1e-7)
    ]
    if matrices:
        optimisers.append(Muon(matrices, training.learning_rate, weight_decay=training.weight_decay, bfloat16=bfloat16))
    return optimisers


def _matrices(network: Network) -> list[torch.Tensor]:
    """Return the weights of convolutions and of layers along frequency, except the first and the last convolution."""
    return [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        or (isinstance(module, nn.Linear) and module.bias is None)
        if not name.startswith(("first_conv", "last_conv"))
    ]
