"""A training run: its plan, its state, its steps.

Everything that decides how a run goes on is in `Trainer.state`: weights, averaged weights, optimiser, step (and with it
the schedule and the data, which step n draws from a generator seeded with (seed, n)).
"""

import copy
import dataclasses
import math

import torch

from .config import Config
from .losses import LOSSES
from .networks import build


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a network is trained.

    `batch`: mixtures in a step of each process, all their targets with them; `frames`: their length. `rate`: the
    learning rate, reached after `warmup` steps, kept, and from step `decay_from` on brought down to nothing in
    `decay_steps` (None: never). `average`: decay of the averaged weights. `clip`: largest norm of the gradient.
    `bfloat16`: whether convolutions and matrix products compute in it (the weights stay float32).
    """

    batch: int = 6
    frames: int = 96
    loss: str = "relative"
    rate: float = 1e-3
    warmup: int = 200
    decay_from: int | None = None
    decay_steps: int = 2000
    average: float = 0.999
    weight_decay: float = 1e-2
    clip: float = 5.0
    bfloat16: bool = True
    seed: int = 0


def samples(config, frames):
    """Samples that make so many frames without padding."""
    return (frames - 1) * config.hop_length + config.n_fft


class Trainer:
    """A network in training. `config` and `plan` are kept in its state."""

    def __init__(self, config, plan):
        self.config, self.plan = config, plan
        torch.manual_seed(plan.seed)
        self.network = build(config)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.network, plan.weight_decay), lr=plan.rate, betas=(0.9, 0.99), eps=1e-7
        )
        self.step = 0
        self.seconds = 0.0  # of wall time spent in steps

    def update(self, mixture, stems):
        """One step, on audio float32 (batch, 2, samples) and (batch, targets, 2, samples). Returns the loss and the
        norm of the gradient."""
        plan = self.plan
        mixture, stems = self._planes(mixture), self._planes(stems)
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(plan, self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bfloat16):
            estimates = self.network(mixture, torch.arange(stems.shape[1]))
        loss = LOSSES[plan.loss](estimates.float(), stems, mixture)
        self.optimiser.zero_grad()
        loss.backward()
        if torch.distributed.is_initialized():
            _average([parameter.grad for parameter in self.network.parameters()])
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip)
        if norm.isfinite():
            self.optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach()), float(norm)

    @torch.no_grad()
    def validate(self, mixer, mixtures):
        """The averaged weights' mean loss `sdr` on the first mixtures of a mixer, in dB, whatever loss is trained
        with: less is better."""
        network = self.average.eval()
        batches = [mixer.batch(step, 4) for step in range(mixtures // 4)]
        losses = []
        for mixture, stems in batches:
            mixture, stems = self._planes(mixture), self._planes(stems)
            losses.append(LOSSES["sdr"](network(mixture, torch.arange(stems.shape[1])), stems, mixture))
        return float(torch.stack(losses).mean())

    def _planes(self, audio):
        """Spectra (..., 4, frames, bins) of audio (..., 2, samples), as in the model contract."""
        n_fft = self.config.n_fft
        spectra = torch.stft(
            torch.as_tensor(audio).flatten(0, -2),
            n_fft,
            self.config.hop_length,
            window=torch.hann_window(n_fft),
            center=False,
            return_complex=True,
        )
        spectra = spectra.reshape(*audio.shape[:-1], *spectra.shape[1:]).transpose(-1, -2)
        return torch.cat([spectra.real, spectra.imag], dim=-3)

    @torch.no_grad()
    def _follow(self):
        """Bring the averaged weights nearer to the weights: faster at first, when these are still far from good."""
        decay = min(self.plan.average, (1 + self.step) / (10 + self.step))
        weights = self.network.state_dict()
        for name, averaged in self.average.state_dict().items():
            if averaged.is_floating_point():
                averaged.lerp_(weights[name], 1 - decay)
            else:
                averaged.copy_(weights[name])

    def state(self):
        """All of it, as tensors, numbers, strings and containers (what torch.load reads with weights_only)."""
        return {
            "config": dataclasses.asdict(self.config),
            "plan": dataclasses.asdict(self.plan),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, state, plan=None):
        """The trainer that had a state, or one that goes on from it by another plan."""
        trainer = cls(Config(**state["config"]), plan or Plan(**state["plan"]))
        trainer.network.load_state_dict(state["network"])
        trainer.average.load_state_dict(state["average"])
        trainer.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        return trainer


def learning_rate(plan, step):
    """Linear warm-up, then constant, then down to nothing along a half cosine."""
    rate = plan.rate * min(1.0, (step + 1) / plan.warmup)
    if plan.decay_from is not None and step > plan.decay_from:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - plan.decay_from) / plan.decay_steps))
    return rate


def _average(tensors):
    """Replace tensors by their means over the processes of a run."""
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(whole)
    whole /= torch.distributed.get_world_size()
    for tensor, mean in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def _parameter_groups(network, weight_decay):
    """Weights decay; biases, norms and embeddings do not."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
