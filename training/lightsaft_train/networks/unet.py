"""The networks of the LaSAFT family: conditioned U-Nets on complex spectra, composed of the blocks in `blocks.py`.

Spectra are planes float32 (batch, 4, frames, bins) as in the model contract. Features and conditions are as in
`blocks.py`: everything before the first block that depends on the target is computed once for all targets, and what
depends on the target alone (`Network.conditions`) is passed to `Network.estimate`; an exported graph holds it as
constants.
"""

import torch
from torch import nn

from .blocks import ACTIVATIONS, per_image

N_TARGETS = 4


class Network(nn.Module):
    """A conditioned U-Net. Subclasses bring the blocks, in `encode`, `middle` and `decode`.

    `forward(mixture, target)` follows the model contract: mixture float32 (batch, 4, frames, bins), target int64
    (targets,), estimates float32 (batch, targets, 4, frames, bins).
    """

    resampling_activation = False

    def __init__(self, config):
        super().__init__()
        self.config = config
        activation = ACTIVATIONS[config.activation]
        self.embedding = nn.Embedding(N_TARGETS, config.embedding_dim)
        self._ends(config, activation)

        def resampling(convolution, before, after):
            widths = config.at(before).channels, config.at(after).channels
            layers = [convolution(*widths, 2, stride=2), nn.BatchNorm2d(widths[1])]
            return nn.Sequential(*layers, *([activation()] if self.resampling_activation else []))

        levels = range(config.levels)
        self.downsamplings = nn.ModuleList(resampling(nn.Conv2d, level, level + 1) for level in levels)
        self.upsamplings = nn.ModuleList(resampling(nn.ConvTranspose2d, level + 1, level) for level in reversed(levels))
        sizes = [config.bins // 2**level for level in range(config.levels + 1)]
        self._blocks(config, sizes)

    def _ends(self, config, activation):
        self.first_conv = nn.Sequential(
            nn.Conv2d(4, config.channels, (1, 2)), nn.BatchNorm2d(config.channels), activation()
        )
        self.last_conv = nn.Sequential(nn.Conv2d(config.channels, 4, (1, 2), padding=(0, 1)))

    def forward(self, mixture, target):
        return self.estimate(mixture, self.conditions(target))

    def estimate(self, mixture, conditions):
        """Estimates (batch, targets, 4, frames, bins) under the conditions of the targets."""
        x = self.first_conv(mixture).unsqueeze(1)
        return per_image(self.last_conv, self._unet(x, conditions))

    def _unet(self, x, conditions):
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

    @staticmethod
    def join(x, skip):
        """What a decoder block gets of the level below and of the encoder."""
        return torch.cat([x, skip.expand(-1, x.shape[1], -1, -1, -1)], dim=2)
