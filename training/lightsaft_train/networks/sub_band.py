"""The family of the packaged model: a U-Net on the bands of a compressed spectrum.

`Config.conditioned` says which part of it depends on the target. In the packaged model that is only the head.

Features and conditions are as in `blocks.py`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ..config import Config
from ..errors import SettingsError
from .blocks import ACTIVATIONS, TDF, TFC, LightSAFT, gate, per_image
from .paths import DualPath
from .unet import Conditions, Network

Condition = tuple[Tensor, Tensor, Tensor]
"""Weight and bias of a gate, and attention weights."""


class SubBandUNet(Network):
    """Parts of the spectrum as channels, a compressed input, and a mask on the mixture. `Config` lists the choices."""

    resampling_activation = True

    def _ends(self, config: Config, activation: type[nn.Module]) -> None:
        planes = (8 if config.magnitudes else 4) * config.subbands
        if config.magnitudes:
            self.position = nn.Parameter(torch.zeros(config.channels, 1, config.bins))
        self.first_conv = nn.Sequential(
            nn.Conv2d(planes, config.channels, 1), nn.BatchNorm2d(config.channels), activation()
        )
        outputs = (2 if config.output == "real_mask" else 4) * config.subbands
        self.last_conv = nn.Conv2d(config.channels, outputs, 1)
        weight, bias = self.last_conv.get_parameter("weight"), self.last_conv.get_parameter("bias")
        with torch.no_grad():  # begin with estimates of about a quarter of the mixture
            weight.mul_(0.1)
            if config.output.endswith("mask"):
                bias[:] = -1.1
            if config.output == "complex_mask":
                bias[:] = torch.tensor([0.25, 0.25, 0, 0]).repeat(config.subbands)

    def _blocks(self, config: Config, sizes: list[int]) -> None:
        levels = [config.at(level) for level in range(config.levels + 1)]
        encoder = Conditioned if config.conditioned == "all" else Unconditioned
        decoder = Unconditioned if config.conditioned == "head" else Conditioned
        joined = 2 if config.skip == "concatenation" else 1
        paths = [{"paths": count} if count else {} for count in config.paths or [0] * len(levels)]
        if any(paths) and config.conditioned != "head":
            raise SettingsError("expected conditioned=head beside paths: blocks that are conditioned have none")
        self.blocks = nn.ModuleDict()
        for level in range(config.levels):
            self.blocks[f"encoder {level}"] = encoder(levels[level].channels, sizes[level], levels[level])
        self.blocks["middle"] = encoder(levels[-1].channels, sizes[-1], levels[-1], **paths[-1])
        for level in reversed(range(config.levels)):
            channels = joined * levels[level].channels
            self.blocks[f"decoder {level}"] = decoder(channels, sizes[level], levels[level], **paths[level])
        if config.conditioned == "head":
            self.blocks["head"] = Head(sizes[0], config)
        conditioned = {name: block for name, block in self.blocks.items() if isinstance(block, (Conditioned, Head))}
        self._gate_sizes = {name: (block.channels + 1) * block.channels for name, block in conditioned.items()}
        width = config.embedding_dim
        self.gates = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, sum(self._gate_sizes.values())),
        )

    def conditions(self, target: Tensor) -> Conditions:
        embedding = self.embedding(target)
        gates = self.gates(embedding).split(list(self._gate_sizes.values()), dim=-1)
        conditions = {}
        for name, weights in zip(self._gate_sizes, gates, strict=True):
            block: Any = self.blocks[name]
            weights = weights.unflatten(-1, (block.channels + 1, block.channels))
            conditions[name] = (weights[:, :-1], weights[:, -1], block.condition(embedding))
        return conditions

    def encode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        return self._block(f"encoder {level}", x, conditions)

    def middle(self, x: Tensor, conditions: Conditions) -> Tensor:
        return self._block("middle", x, conditions)

    def decode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        return self._block(f"decoder {self.config.levels - 1 - level}", x, conditions)

    def _block(self, name: str, x: Tensor, conditions: Conditions) -> Tensor:
        features: Tensor = self.blocks[name](x, conditions.get(name))
        return features

    def join(self, x: Tensor, skip: Tensor) -> Tensor:
        return x + skip if self.config.skip == "sum" else super().join(x, skip)

    def estimate(self, mixture: Tensor, conditions: Conditions) -> Tensor:
        config = self.config
        seen = mixture[..., : config.bins * config.subbands]
        x = self.features(seen, conditions)
        if config.conditioned == "head":
            x = self._block("head", x, conditions)
        output = per_image(self.last_conv, x)
        output = output.reshape(x.shape[0], -1, config.subbands, output.shape[2] // config.subbands, *output.shape[3:])
        estimates = self.unfold(self.applied(output, self.factors(self.fold(seen)).unsqueeze(1)))
        silence = torch.zeros_like(mixture[..., seen.shape[-1] :]).unsqueeze(1).expand(-1, x.shape[1], -1, -1, -1)
        return torch.cat([estimates, silence.to(estimates.dtype)], dim=-1)

    def features(self, seen: Tensor, conditions: Conditions) -> Tensor:
        """Return the U-Net's features of the bins that it gets."""
        return self._unet(self._first(seen).unsqueeze(1), conditions)

    def factors(self, parts: Tensor) -> Tensor:
        """Return the factors that the output of the last layer is multiplied with.

        Parameters
        ----------
        parts
            The folded mixture (..., 4, frames, bins).

        Returns
        -------
        Tensor
            (..., 2 real and imaginary, 2 channels, frames, bins). For a complex mask (..., 2 parts of the mask, 2, 2,
            frames, bins), as (a + ib) (c + id) = a (c, d) + b (-d, c).
        """
        parts = parts.unflatten(-3, (2, 2))
        if self.config.output != "complex_mask":
            return parts
        real, imaginary = parts.unbind(-4)
        return torch.stack([parts, torch.stack([-imaginary, real], -4)], -5)

    def applied(self, output: Tensor, factors: Tensor) -> Tensor:
        """Return estimates (..., 2 real and imaginary, 2 channels, frames, bins) of the last output and `factors`."""
        kind, output = self.config.output, output.unflatten(-3, (-1, 2))
        if kind == "mapping":
            return output
        if kind == "complex_mask":
            return (output.unsqueeze(-4) * factors).sum(-5)
        return torch.sigmoid(output) * factors

    def _first(self, mixture: Tensor) -> Tensor:
        """Return the first features of the U-Net, (batch, channels, frames, bins of a part)."""
        if not self.config.magnitudes:
            return self.first_conv(self.fold(self._compressed(mixture)).flatten(1, 2))
        # Compressed magnitudes of left, right, middle and side. Those of left and right compress the planes too.
        left, right = mixture[:, 0::2], mixture[:, 1::2]
        channels = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)
        powers = channels.square().sum(2) + 1e-8
        magnitudes = torch.exp(torch.log(powers) * (self.config.compression / 2))
        planes = mixture * (magnitudes[:, :2] / powers[:, :2].sqrt()).repeat(1, 2, 1, 1)
        features = self.first_conv(self.fold(torch.cat([planes, magnitudes], dim=1)).flatten(1, 2))
        return features + self.position.to(features.dtype)  # in bfloat16 if the convolution is

    def _compressed(self, mixture: Tensor) -> Tensor:
        if self.config.compression == 1:
            return mixture
        power = (mixture[:, :2].square() + mixture[:, 2:].square() + 1e-8).pow((self.config.compression - 1) / 2)
        return mixture * power.repeat(1, 2, 1, 1)

    def fold(self, planes: Tensor) -> Tensor:
        """Split planes (batch, planes, frames, bins) into parts (batch, subbands, planes, frames, bins of a part)."""
        count, subbands, bins = planes.shape[1], self.config.subbands, self.config.bins
        if self.config.folding == "bands":
            return planes.reshape(planes.shape[0], count, -1, subbands, bins).permute(0, 3, 1, 2, 4)
        return planes.reshape(planes.shape[0], count, -1, bins, subbands).permute(0, 4, 1, 2, 3)

    def unfold(self, estimates: Tensor) -> Tensor:
        """Join parts (..., subbands, 2, 2, frames, bins of a part) to planes (..., 4, frames, bins)."""
        last = estimates.ndim - 1  # counted from the first axis, as the exporter does
        beside = last - 1 if self.config.folding == "bands" else last
        return estimates.movedim(last - 4, beside).flatten(-2).flatten(-4, -3)


class ResidualTFC(nn.Module):
    """Pairs of 3 x 3 convolutions, each pair with a residual connection: y = activation(x + convolutions(x)).

    All pairs but the first change nothing at first, so that they can be added to a network that is trained already.
    """

    def __init__(self, in_channels: int, config: Config) -> None:
        super().__init__()
        channels, activation = config.channels, ACTIVATIONS[config.activation]

        def normed(inputs: int, kernel: int, *after: nn.Module) -> nn.Sequential:
            padding = kernel // 2
            return nn.Sequential(nn.Conv2d(inputs, channels, kernel, padding=padding), nn.BatchNorm2d(channels), *after)

        self.past = nn.Identity() if in_channels == channels else normed(in_channels, 1)
        inputs = [in_channels] + [channels] * (config.tfc_layers // 2 - 1)
        pairs = [nn.Sequential(*normed(width, 3, activation()), *normed(channels, 3)) for width in inputs]
        self.pairs = nn.ModuleList(pairs)
        for pair in pairs[1:]:
            nn.init.zeros_(pair[-1].get_parameter("weight"))
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        past = self.past(x)
        for pair in self.pairs:
            x = past = self.activation(past + pair(x))
        return x


def _tfc(in_channels: int, config: Config) -> TFC | ResidualTFC:
    return TFC(in_channels, config) if config.tfc == "dense" else ResidualTFC(in_channels, config)


class Unconditioned(nn.Module):
    """TFC, then x + TDF(x), then pairs of recurrent paths if there are any."""

    def __init__(self, in_channels: int, frequencies: int, config: Config, paths: int = 0) -> None:
        super().__init__()
        self.tfc = _tfc(in_channels, config)
        self.tdf = TDF(frequencies, config)
        self.paths = nn.Sequential(*(DualPath(config.channels) for _ in range(paths)))

    def forward(self, x: Tensor, condition: None) -> Tensor:
        x = per_image(self.tfc, x)
        x = x + per_image(self.tdf, x)
        return per_image(self.paths, x) if self.paths else x


class Conditioned(nn.Module):
    """TFC, gate, x + LightSAFT(x) with attention by the target alone."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__()
        self.channels = config.channels
        self.saft = LightSAFT(in_channels, frequencies, config)
        self.saft.tfc = _tfc(in_channels, config)

    def condition(self, embedding: Tensor) -> Tensor:
        """Return attention weights (targets, latent sources)."""
        return self.saft.condition(embedding)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        weight, bias, attention = condition
        x = gate(per_image(self.saft.tfc, x), weight, bias)
        return x + self.saft.transform(x, attention)


class Head(nn.Module):
    """Turns features of the mixture into those of a target: x + LightSAFT(x), a gate, x + layers(x) if there are any.

    The layers work point by point, and change nothing at first. The latent sources are computed once for all targets.
    """

    def __init__(self, frequencies: int, config: Config) -> None:
        super().__init__()
        self.channels = config.channels
        self.saft = LightSAFT(config.channels, frequencies, config)
        del self.saft.tfc
        self.layers: nn.Sequential | None = None
        if config.head_units:
            activation = ACTIVATIONS[config.activation]()
            ends = nn.Conv2d(self.channels, config.head_units, 1), nn.Conv2d(config.head_units, self.channels, 1)
            self.layers = nn.Sequential(ends[0], activation, ends[1])
            for parameter in ends[1].parameters():
                nn.init.zeros_(parameter)

    def condition(self, embedding: Tensor) -> Tensor:
        """Return attention weights (targets, latent sources)."""
        return self.saft.condition(embedding)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        weight, bias, attention = condition
        x = gate(x + self.saft.transform(x, attention), weight, bias)
        return per_image(self.refined, x)

    def refined(self, x: Tensor) -> Tensor:
        """Return features (images, channels, frames, frequencies) behind the gate for the last convolution."""
        return x if self.layers is None else x + self.layers(x)
