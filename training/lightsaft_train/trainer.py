"""A training run: its plan, its state, its steps.

Everything that decides how a run goes on is in `Trainer.state`: weights, averaged weights, optimiser, step (and with it
the schedule and the data, which step n draws from a generator seeded with (seed, n)).
"""

import copy
import dataclasses
import math

import torch
from torch import nn

from .config import Config
from .losses import FLOOR, LOSSES, summed
from .muon import Muon
from .networks import build

VALIDATION_FLOOR = 0.01
OLD_NAMES = {"average": "ema", "rate": "learning_rate"}  # what checkpoints before 0.2.0 call parts of a state


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    `batch`: mixtures in a step of each process, all their targets with them; `frames`: their length. `learning_rate`:
    reached after `warmup` steps, kept, and from step `decay_from` on brought down to nothing in `decay_steps` (None:
    never). `ema`: decay of the averaged weights. `clip`: largest norm of the gradient.
    `floor`: of the loss (`losses.py`), reached after `floor_steps` from a higher one, as a network that has not learnt
    anything closes every mask if quiet stems count in full.
    `optimiser`: "adamw", or "muon" for what lies between the first and the last layer and AdamW for the rest.
    `bfloat16`: whether convolutions and matrix products compute in it (the weights stay float32); None: where the
    processor has instructions for it.
    """

    batch: int = 6
    frames: int = 96
    loss: str = "relative"
    floor: float = 0.003
    floor_steps: int = 2000
    optimiser: str = "muon"
    learning_rate: float = 1e-3
    warmup: int = 200
    decay_from: int | None = None
    decay_steps: int = 2000
    ema: float = 0.999
    weight_decay: float = 1e-2
    clip: float = 5.0
    bfloat16: bool | None = None
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
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        has_bfloat16 = torch.cpu._is_avx512_bf16_supported()
        self._bfloat16 = has_bfloat16 if plan.bfloat16 is None else plan.bfloat16
        self.optimisers = _optimisers(self.network, plan, self._bfloat16)
        self.step = 0
        self.seconds = 0.0  # of wall time spent in steps

    def update(self, mixture, stems, sums):
        """One step, on a batch of `mixing.Mixer.batch` as tensors. Returns the loss and the norm of the gradient."""
        plan = self.plan
        mixture, stems = self._planes(mixture), self._planes(stems)
        self.network.train()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate_at(plan, self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            estimates = self.network(mixture, torch.arange(sums.shape[2]))
        loss = _loss(plan.loss, estimates.float(), stems, mixture, sums, floor_at(plan, self.step))
        self.network.zero_grad()
        loss.backward()
        if torch.distributed.is_initialized():
            _average([parameter.grad for parameter in self.network.parameters()])
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip)
        if norm.isfinite():
            for optimiser in self.optimisers:
                optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach()), float(norm)

    @torch.no_grad()
    def validate(self, mixer, mixtures):
        """The averaged weights' mean loss `sdr` on the first mixtures of a mixer, in dB, whatever loss is trained
        with: less is better."""
        network = self.ema.eval()
        losses = []
        for step in range(mixtures // 4):
            mixture, stems, sums = (torch.from_numpy(part) for part in mixer.batch(step, 4))
            mixture, stems = self._planes(mixture), self._planes(stems)
            estimates = network(mixture, torch.arange(sums.shape[2]))
            losses.append(_loss("sdr", estimates, stems, mixture, sums, VALIDATION_FLOOR))
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
        decay = min(self.plan.ema, (1 + self.step) / (10 + self.step))
        weights = self.network.state_dict()
        for name, averaged in self.ema.state_dict().items():
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
            "ema": self.ema.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "random": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, state, plan=None):
        """The trainer that had a state, or one that goes on from it by another plan."""
        state = upgraded(state)
        trainer = cls(Config(**state["config"]), plan or TrainingConfig(**state["plan"]))
        trainer.network.load_state_dict(state["network"])
        trainer.ema.load_state_dict(state["ema"])
        for optimiser, kept in zip(trainer.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        torch.set_rng_state(state["random"])
        trainer.step, trainer.seconds = state["step"], state["seconds"]
        return trainer


def learning_rate_at(plan, step):
    """Linear warm-up, then constant, then down to nothing along a half cosine."""
    rate = plan.learning_rate * min(1.0, (step + 1) / plan.warmup)
    if plan.decay_from is not None and step > plan.decay_from:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - plan.decay_from) / plan.decay_steps))
    return rate


def upgraded(state):
    """A copy of a state of any version, with this version's names."""
    state = {OLD_NAMES.get(name, name): part for name, part in state.items()}
    if "plan" in state:
        state["plan"] = {OLD_NAMES.get(name, name): value for name, value in state["plan"].items()}
    return state


def floor_at(plan, step):
    """The loss's floor at a step: from `losses.FLOOR` down to the plan's along an exponential."""
    return plan.floor * (FLOOR / plan.floor) ** max(0.0, 1 - step / plan.floor_steps)


def _loss(name, estimates, stems, mixture, sums, floor):
    """A loss between estimates of the targets and stems, which may be sums of targets."""
    known = sums.any(dim=-1)
    if known.all():  # all stems are targets
        return LOSSES[name](estimates, stems, mixture, floor=floor)
    return LOSSES[name](summed(estimates, sums), stems, mixture, known, floor)


def _average(tensors):
    """Replace tensors by their means over the processes of a run."""
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(whole)
    whole /= torch.distributed.get_world_size()
    for tensor, mean in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def _optimisers(network, plan, bfloat16):
    """Weights decay; biases, norms and embeddings do not."""
    matrices = _matrices(network) if plan.optimiser == "muon" else []
    rest = [parameter for parameter in network.parameters() if all(parameter is not matrix for matrix in matrices)]
    groups = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [parameter for parameter in rest if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    optimisers = [torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.99), eps=1e-7)]
    if matrices:
        optimisers.append(Muon(matrices, plan.learning_rate, weight_decay=plan.weight_decay, bfloat16=bfloat16))
    return optimisers


def _matrices(network):
    """Weights of convolutions and of layers along the frequency axis, but for the first and the last convolution."""
    return [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        or (isinstance(module, nn.Linear) and module.bias is None)
        if not name.startswith(("first_conv", "last_conv"))
    ]
