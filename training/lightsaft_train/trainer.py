"""The training of a network: its state and its steps.

`Trainer.state` holds everything that decides how a training goes on: weights, averaged weights, optimisers, and the
step. Schedule, data and dropout follow from the step: step n draws from generators seeded with (seed, n).
"""

import dataclasses
from typing import Any

import torch

from .config import Config
from .devices import CPU, has_bfloat16, on_processor
from .errors import SettingsError
from .losses import LOSSES, summed
from .networks import Network, build
from .optimisers import optimisers_of
from .training_config import TrainingConfig

VALIDATION_FLOOR = 0.01  # of `Trainer.sdr`; it never changes, so that scores of all runs can be compared


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
        self.optimisers = optimisers_of(self.network, training, bfloat16=self._bfloat16)
        self.step = 0
        self.seconds = 0.0

    def update(self, mixture: torch.Tensor, stems: torch.Tensor, members: torch.Tensor) -> tuple[float, float]:
        """Make a step.

        Parameters
        ----------
        mixture, stems, members
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
                group["lr"] = training.learning_rate_at(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16):
            estimates = self.network(mixture, self._targets(members))
        loss = _loss(training.loss, estimates.float(), stems, mixture, members, training.floor_at(self.step))
        self.network.zero_grad()
        loss.backward()
        if torch.distributed.is_initialized():
            _average_over_processes(
                [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
            )
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), training.clip)
        if norm.isfinite():
            for optimiser in self.optimisers:
                optimiser.step()
        self.step += 1
        self._update_ema()
        return float(loss.detach()), float(norm)

    @torch.no_grad()
    def sdr(self, mixture: torch.Tensor, stems: torch.Tensor, members: torch.Tensor) -> float:
        """Return the mean SDR of the averaged weights on a batch (see `update`), in dB.

        It is the negative loss `sdr`, with a floor, whatever loss the network is trained with.
        """
        mixture, stems = self._planes(mixture), self._planes(stems)
        estimates = self.ema.eval()(mixture, self._targets(members))
        return -float(_loss("sdr", estimates, stems, mixture, members, VALIDATION_FLOOR))

    def _targets(self, members: torch.Tensor) -> torch.Tensor:
        """Return the numbers of all targets, on the device."""
        return torch.arange(members.shape[2], device=self.device)

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
    def _update_ema(self) -> None:
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
    def from_state(
        cls, state: dict[str, Any], training: TrainingConfig | None = None, device: torch.device = CPU
    ) -> "Trainer":
        """Return the trainer that had a state.

        Parameters
        ----------
        state
            What `Trainer.state` returned. (`checkpoint_files.load` reads those of earlier versions.)
        training
            How it is trained from here on; None: as before.
        device
            Where it is trained from here on.
        """
        trainer = cls(Config(**state["config"]), training or TrainingConfig(**state["plan"]), device)
        trainer.network.load_state_dict(state["network"])
        trainer.ema.load_state_dict(state["ema"])
        for optimiser, kept in zip(trainer.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        return trainer


def _loss(
    name: str, estimates: torch.Tensor, stems: torch.Tensor, mixture: torch.Tensor, members: torch.Tensor, floor: float
) -> torch.Tensor:
    """Return a loss between estimates of the targets and stems, which may be sums of targets."""
    known = members.any(dim=-1)
    if known.all():  # all stems are targets
        return LOSSES[name](estimates, stems, mixture, floor=floor)
    members, known = (tensor.to(estimates.device, non_blocking=True) for tensor in (members, known))
    return LOSSES[name](summed(estimates, members), stems, mixture, known, floor)


def _average_over_processes(tensors: list[torch.Tensor]) -> None:
    """Replace tensors by their means over the processes of a run."""
    joined = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(joined)
    joined /= torch.distributed.get_world_size()
    for tensor, mean in zip(tensors, joined.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))
