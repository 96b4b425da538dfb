"""ConvTDFNet, the spectrogram network of KUIELab-MDX-Net, which estimates one target.

Planes are (batch, 4, frequencies, frames): left real, left imaginary, right real, right imaginary. Features are
(batch, channels, frames, frequencies).

Modules have the names of the published implementation's state dicts (https://github.com/kuielab/mdx-net).

Reference: KUIELab-MDX-Net: A Two-Stream Neural Network for Music Demixing (Kim et al., 2021),
https://arxiv.org/abs/2111.12203.
"""

import dataclasses
import itertools

import torch
from torch import Tensor, nn

from ..errors import SettingsError

PLANES = 4


@dataclasses.dataclass(frozen=True)
class MdxConfig:
    """Sizes of a ConvTDFNet. The defaults are those of the published networks for vocals and bass.

    Parameters
    ----------
    dim_f, dim_t
        Frequencies and frames of a chunk.
    levels
        Number of downsamplings, and of upsamplings.
    layers
        Convolutions of a block.
    growth
        Channels of the first level. Each level has this number of channels more than the level above it.
    kernel
        Size of the convolutions of a block, an odd number.
    bn_factor
        A frequency bottleneck has f // bn_factor units for f frequencies.

    Raises
    ------
    SettingsError
        If `dim_f` or `dim_t` cannot be halved at each level, or a bottleneck would have no unit.
    """

    dim_f: int = 2048
    dim_t: int = 256
    levels: int = 5
    layers: int = 3
    growth: int = 32
    kernel: int = 3
    bn_factor: int = 8

    def __post_init__(self) -> None:
        for name in ("dim_f", "dim_t"):
            size, multiple = getattr(self, name), 2**self.levels
            if size < multiple or size % multiple:
                expected = f"a multiple of {multiple}, as the network has {self.levels} levels"
                raise SettingsError(f"expected {name} to be {expected}, got {size}")
        if self.dim_f >> self.levels < self.bn_factor:
            least = self.bn_factor << self.levels
            raise SettingsError(f"expected dim_f to be {least} or more, got {self.dim_f}")


class ConvTDFNet(nn.Module):
    """A U-Net of TFC-TDF blocks, with skip connections that multiply.

    Parameters
    ----------
    config
        Its sizes.

    Notes
    -----
    Any number of frames that can be halved at each level may be estimated, not only `dim_t`.
    """

    def __init__(self, config: MdxConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.growth * level for level in range(1, config.levels + 2)]
        pairs = [*itertools.pairwise(widths)]
        sizes = [config.dim_f // 2**level for level in range(config.levels + 1)]
        self.first_conv = _normed(nn.Conv2d(PLANES, widths[0], 1))
        self.encoding_blocks = nn.ModuleList(
            TFCTDF(width, size, config) for width, size in zip(widths[:-1], sizes[:-1], strict=True)
        )
        self.ds = nn.ModuleList(_normed(nn.Conv2d(upper, lower, 2, stride=2)) for upper, lower in pairs)
        self.mid_dense = TFCTDF(widths[-1], sizes[-1], config)
        self.us = nn.ModuleList(
            _normed(nn.ConvTranspose2d(lower, upper, 2, stride=2)) for upper, lower in reversed(pairs)
        )
        self.decoding_blocks = nn.ModuleList(
            TFCTDF(width, size, config) for width, size in zip(widths[-2::-1], sizes[-2::-1], strict=True)
        )
        self.final_conv = nn.Sequential(nn.Conv2d(widths[0], PLANES, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """Return the estimate of the target (batch, 4, frequencies, frames)."""
        x = self.first_conv(planes).transpose(2, 3)
        skips = []
        for block, down in zip(self.encoding_blocks, self.ds, strict=True):
            x = block(x)
            skips.append(x)
            x = down(x)
        x = self.mid_dense(x)
        for up, skip, block in zip(self.us, reversed(skips), self.decoding_blocks, strict=True):
            x = block(up(x) * skip)
        estimate: Tensor = self.final_conv(x.transpose(2, 3))
        return estimate


class TFC(nn.Module):
    """Time-frequency convolutions, one after the other."""

    def __init__(self, channels: int, config: MdxConfig) -> None:
        super().__init__()
        self.H = nn.ModuleList(
            _normed(nn.Conv2d(channels, channels, config.kernel, padding=config.kernel // 2))
            for _ in range(config.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.H:
            x = layer(x)
        return x


class TFCTDF(nn.Module):
    """TFC, then x + TDF(x): two layers along the frequency axis with a bottleneck between them."""

    def __init__(self, channels: int, frequencies: int, config: MdxConfig) -> None:
        super().__init__()
        self.tfc = TFC(channels, config)
        bottleneck = frequencies // config.bn_factor
        self.tdf = nn.Sequential(
            *(nn.Linear(frequencies, bottleneck, bias=False), nn.BatchNorm2d(channels), nn.ReLU()),
            *(nn.Linear(bottleneck, frequencies, bias=False), nn.BatchNorm2d(channels), nn.ReLU()),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.tfc(x)
        y: Tensor = x + self.tdf(x)
        return y


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())


@torch.no_grad()
def random_network(config: MdxConfig, *, seed: int) -> ConvTDFNet:
    """Return a network with random weights, in evaluation mode, for tests and benchmarks.

    Batch norm has the statistics of noise, and the decoder multiplies the features of the encoder by numbers near 1.
    Otherwise the features would vanish or explode. The estimate of noise is about as loud as the noise.

    Parameters
    ----------
    config
        Sizes of the network.
    seed
        Of the weights.
    """
    level = 5.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ConvTDFNet(config)
        noise = level * torch.randn(1, PLANES, config.dim_f, 4 * 2**config.levels)
        for name, module in network.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # one pass replaces the statistics
                if name.startswith("us."):
                    module.weight.uniform_(0.01, 0.03)
                    module.bias.fill_(1.0)
                else:
                    module.weight.uniform_(0.5, 1.5)
                    module.bias.uniform_(-0.5, 0.5)
    estimate = network.train()(noise)
    for parameter in network.final_conv.parameters():
        parameter.mul_(level / estimate.std())
    return network.eval()
