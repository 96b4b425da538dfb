"""The networks of the LaSAFT family: conditioned U-Nets on complex spectra, composed of the blocks in `blocks.py`.

Spectra are planes float32 (batch, 4, frames, bins) as in the model contract. Features and conditions are as in
`blocks.py`: everything before the first block that depends on the target is computed once for all targets, and what
depends on the target alone (`Network.conditions`) is passed to `Network.estimate`; an exported graph holds it as
constants.
"""

import torch
from torch import nn

from .blocks import ACTIVATIONS, TFCTDF, ConditionGenerator, DecoderSmall, DecoderV2, LaSAFT, LightSAFT, gate, per_image

N_TARGETS = 4


def build(config):
    """The network of a configuration, with random weights."""
    networks = {"lasaft": NetworkV1, "lightsaft": NetworkV1, "lightsaft_v2": NetworkV2, "lightsaft_small": NetworkSmall}
    return networks[config.block](config)


class Network(nn.Module):
    """A conditioned U-Net. Subclasses bring the blocks, in `encode`, `middle` and `decode`.

    `forward(mixture, target)` follows the model contract: mixture float32 (batch, 4, frames, bins), target int64
    (targets,), estimates float32 (batch, targets, 4, frames, bins).
    """

    resampling_activation = False

    def __init__(self, config):
        super().__init__()
        self.config = config
        channels, activation = config.channels, ACTIVATIONS[config.activation]
        self.embedding = nn.Embedding(N_TARGETS, config.embedding_dim)
        self._ends(config, activation)

        def resampling(convolution):
            layers = [convolution(channels, channels, 2, stride=2), nn.BatchNorm2d(channels)]
            return nn.Sequential(*layers, *([activation()] if self.resampling_activation else []))

        self.downsamplings = nn.ModuleList(resampling(nn.Conv2d) for _ in range(config.levels))
        self.upsamplings = nn.ModuleList(resampling(nn.ConvTranspose2d) for _ in range(config.levels))
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
            skip = skips.pop().expand(-1, x.shape[1], -1, -1, -1)
            x = self.decode(level, torch.cat([x, skip], dim=2), conditions)
        return x


class NetworkV1(Network):
    """LaSAFT-Net and LightSAFT-Net: every block is conditioned, the decoder's gates too."""

    def _blocks(self, config, sizes):
        block = {"lasaft": LaSAFT, "lightsaft": LightSAFT}[config.block]
        self.encoders = nn.ModuleList(block(config.channels, size, config) for size in sizes[:-1])
        self.mid_block = block(config.channels, sizes[-1], config)
        self.decoders = nn.ModuleList(block(2 * config.channels, size, config) for size in sizes[-2::-1])
        self.condition_generator = ConditionGenerator(config)

    def conditions(self, target):
        embedding = self.embedding(target)
        gamma, beta = self.condition_generator(embedding)
        return {
            "encoders": [block.condition(embedding) for block in self.encoders],
            "middle": self.mid_block.condition(embedding),
            "decoders": [
                (gamma[:, level], beta[:, level], block.condition(embedding))
                for level, block in enumerate(self.decoders)
            ],
        }

    def encode(self, level, x, conditions):
        return self._attend(self.encoders[level], x, conditions["encoders"][level])

    def middle(self, x, conditions):
        return self._attend(self.mid_block, x, conditions["middle"])

    def decode(self, level, x, conditions):
        weight, bias, attention = conditions["decoders"][level]
        block = self.decoders[level]
        x = gate(per_image(block.tfc, x), weight, bias)
        return x + block.transform(x, attention)

    @staticmethod
    def _attend(block, x, attention):
        x = per_image(block.tfc, x)
        return x + block.transform(x, attention)


class NetworkV2(Network):
    """LASAFT-Net-v2: only the decoder is conditioned."""

    resampling_activation = True
    decoder = DecoderV2

    def _blocks(self, config, sizes):
        self.encoders = nn.ModuleList(TFCTDF(config.channels, size, config) for size in sizes[:-1])
        self.mid_block = TFCTDF(config.channels, sizes[-1], config)
        self.decoders = nn.ModuleList(self.decoder(2 * config.channels, size, config) for size in sizes[-2::-1])

    def conditions(self, target):
        embedding = self.embedding(target)
        return {"decoders": [block.condition(embedding) for block in self.decoders]}

    def encode(self, level, x, conditions):
        return per_image(self.encoders[level], x)

    def middle(self, x, conditions):
        return per_image(self.mid_block, x)

    def decode(self, level, x, conditions):
        return self.decoders[level](x, conditions["decoders"][level])


class NetworkSmall(NetworkV2):
    """The shipped model's network: sub-bands as channels, compressed input, a mask on the mixture."""

    decoder = DecoderSmall

    def _ends(self, config, activation):
        planes = 4 * config.subbands
        self.first_conv = nn.Sequential(
            nn.Conv2d(planes, config.channels, 1), nn.BatchNorm2d(config.channels), activation()
        )
        self.last_conv = nn.Conv2d(config.channels, planes, 1)
        gates = config.levels * (config.channels + 1) * config.channels
        width = config.embedding_dim
        self.gates = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, gates)
        )

    def conditions(self, target):
        embedding = self.embedding(target)
        config = self.config
        gates = self.gates(embedding).unflatten(-1, (config.levels, config.channels + 1, config.channels))
        return {
            "decoders": [
                (gates[:, level, :-1], gates[:, level, -1], *block.condition(embedding))
                for level, block in enumerate(self.decoders)
            ]
        }

    def estimate(self, mixture, conditions):
        config = self.config
        highest = mixture[..., config.bins * config.subbands :]
        mixture = mixture[..., : config.bins * config.subbands]
        x = self._unet(self.first_conv(self._fold(self._compressed(mixture))).unsqueeze(1), conditions)
        output = self._unfold(per_image(self.last_conv, x))
        estimates = output
        if config.output == "mask":
            estimates = torch.sigmoid(output) * mixture.unsqueeze(1)
        silence = torch.zeros_like(highest).unsqueeze(1).expand(-1, estimates.shape[1], -1, -1, -1)
        return torch.cat([estimates, silence], dim=-1)

    def _compressed(self, mixture):
        if self.config.compression == 1:
            return mixture
        left, right = mixture[:, 0::2], mixture[:, 1::2]
        power = torch.stack([left.square().sum(1), right.square().sum(1)], dim=1) + 1e-8
        return mixture * power.pow((self.config.compression - 1) / 2).repeat(1, 2, 1, 1)

    def _fold(self, planes):
        """Bands of the spectrum as channels: (batch, subbands * 4, frames, bins of a band)."""
        bands = planes.reshape(planes.shape[0], 4, -1, self.config.subbands, self.config.bins)
        return bands.permute(0, 3, 1, 2, 4).flatten(1, 2)

    def _unfold(self, output):
        """Channels (batch, targets, subbands * 4, frames, bins of a band) as bands of the spectrum."""
        shape = (output.shape[0], -1, self.config.subbands, 4, output.shape[3], self.config.bins)
        return output.reshape(shape).permute(0, 1, 3, 4, 2, 5).flatten(-2)
