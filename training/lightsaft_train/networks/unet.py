"""The networks of the LaSAFT family: conditioned U-Nets on complex spectra, composed of the blocks in `blocks.py`.

Spectra are planes float32 (batch, 4, frames, bins) as in the model contract. Features and conditions are as in
`blocks.py`. Everything before the first block that depends on the target is computed once for all targets. The parts
that depend on the target alone (`Network.conditions`) are passed to `Network.estimate`; an exported graph holds them as
constants.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ..config import Config
from .blocks import ACTIVATIONS, per_image

N_TARGETS = 4

Conditions = dict[str, Any]
"""Conditions of the targets, by the name of the blocks that take them: tensors whose first axis is the target, in nests
of lists, tuples and dicts."""


class Network(nn.Module):
    """A conditioned U-Net. Subclasses bring the blocks, in `_blocks`, `conditions`, `encode`, `middle` and `decode`.

    Parameters
    ----------
    config
        The sizes of the network.
    """

    resampling_activation = False
    first_conv: nn.Module
    last_conv: nn.Module

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        activation = ACTIVATIONS[config.activation]
        self.embedding = nn.Embedding(N_TARGETS, config.embedding_dim)
        self._ends(config, activation)

        def resampling(
            convolution: type[nn.Conv2d] | type[nn.ConvTranspose2d], before: int, after: int
        ) -> nn.Sequential:
            widths = config.at(before).channels, config.at(after).channels
            layers = [convolution(*widths, 2, stride=2), nn.BatchNorm2d(widths[1])]
            return nn.Sequential(*layers, *([activation()] if self.resampling_activation else []))

        levels = range(config.levels)
        self.downsamplings = nn.ModuleList(resampling(nn.Conv2d, level, level + 1) for level in levels)
        self.upsamplings = nn.ModuleList(resampling(nn.ConvTranspose2d, level + 1, level) for level in reversed(levels))
        sizes = [config.bins // 2**level for level in range(config.levels + 1)]
        self._blocks(config, sizes)

    def _ends(self, config: Config, activation: type[nn.Module]) -> None:
        """Create the first and the last convolution."""
        self.first_conv = nn.Sequential(
            nn.Conv2d(4, config.channels, (1, 2)), nn.BatchNorm2d(config.channels), activation()
        )
        self.last_conv = nn.Sequential(nn.Conv2d(config.channels, 4, (1, 2), padding=(0, 1)))

    def _blocks(self, config: Config, sizes: list[int]) -> None:
        """Create the blocks. `sizes` are the numbers of frequencies of the levels, the middle last."""
        raise NotImplementedError

    def conditions(self, target: Tensor) -> Conditions:
        """Return the conditions of targets (targets,): the parts that depend on the target alone."""
        raise NotImplementedError

    def encode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the features of the encoder's block of a level."""
        raise NotImplementedError

    def middle(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the features of the middle block."""
        raise NotImplementedError

    def decode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the features of a block of the decoder; level 0 follows the middle."""
        raise NotImplementedError

    def forward(self, mixture: Tensor, target: Tensor) -> Tensor:
        """Estimate targets, as in the model contract.

        Parameters
        ----------
        mixture
            Float32 (batch, 4, frames, bins).
        target
            Int64 (targets,).

        Returns
        -------
        Tensor
            Estimates float32 (batch, targets, 4, frames, bins).
        """
        return self.estimate(mixture, self.conditions(target))

    def estimate(self, mixture: Tensor, conditions: Conditions) -> Tensor:
        """Return estimates (batch, targets, 4, frames, bins) under the conditions of the targets."""
        x = self.first_conv(mixture).unsqueeze(1)
        return per_image(self.last_conv, self._unet(x, conditions))

    def _unet(self, x: Tensor, conditions: Conditions) -> Tensor:
        skips = []
        for level, down in enumerate(self.downsamplings):
            x = self.encode(level, x, conditions)
            skips.append(x)
            x = per_image(down, x)
        x = self.middle(x, conditions)
        for level, up in enumerate(self.upsamplings):
            x = per_image(up, x)
            x = self.decode(level, self.join(x, skips.pop()), conditions)
        return x

    def join(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return the input of a decoder block: features of the level below, and those of the encoder."""
        return torch.cat([x, skip.expand(-1, x.shape[1], -1, -1, -1)], dim=2)
