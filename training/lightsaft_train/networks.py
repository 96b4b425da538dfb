"""The networks of the LaSAFT family: conditioned U-Nets on complex spectra, built from named blocks.

Spectra are planes float32 (batch, 4, frames, bins) as in the model contract. Inside a network, features are
(batch, targets, channels, frames, frequencies); the target axis has length 1 until something depends on the target, so
that everything before is computed once for all of them. What depends on the target alone (attention over latent
sources, gate weights) is a *condition*: a tensor whose first axis is the target, computed by `Network.conditions` and
passed to `Network.estimate`; an exported graph holds it as a constant.

Modules have the names of the published implementation's state dicts, so that its checkpoints load strictly.
Papers: LaSAFT (Choi et al., 2021), LightSAFT (Jeong et al., 2021).
"""

import dataclasses
import itertools
import math

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}
N_TARGETS = 4


@dataclasses.dataclass(frozen=True)
class Config:
    """A network of the family.

    `block` is "lasaft" or "lightsaft" (v1: every level conditioned), "lightsaft_v2" (decoder conditioned, attention
    that listens to the features) or "lightsaft_small" (decoder conditioned, attention by the target alone).
    `levels`: number of down- and upsamplings. `tfc_layers`: convolutions of a TFC block. `latent_sources`, `d_k`: |S_L|
    and the attention's width. `bn_factor`, `min_bn_units`: frequency bottleneck f // bn_factor, at least min_bn_units.
    `subbands`: bands of the spectrum stacked as channels. `compression`: exponent of the input's magnitude.
    `output`: "mapping", the network's output is the estimate; or "mask", its sigmoid is multiplied with the mixture.
    """

    block: str
    n_fft: int = 2048
    hop_length: int = 1024
    frames: int = 128
    levels: int = 3
    channels: int = 16
    tfc_layers: int = 5
    latent_sources: int = 16
    d_k: int = 24
    embedding_dim: int = 64
    bn_factor: int = 16
    min_bn_units: int = 16
    control_layers: int = 4
    activation: str = "relu"
    subbands: int = 1
    compression: float = 1.0
    output: str = "mapping"

    @property
    def bins(self):
        """Bins that the U-Net sees: all but the highest, in `subbands` bands."""
        return self.n_fft // 2 // self.subbands

    @property
    def frames_multiple(self):
        """A chunk's frames must be a multiple of it."""
        return 2**self.levels

    def bottleneck(self, frequencies, sources=1):
        """Units of the frequency bottleneck, for `sources` latent sources at once."""
        return max(frequencies * sources // self.bn_factor, self.min_bn_units)


PRESETS = {
    "lightsaft-paper": Config("lightsaft"),
    # The paper tells 4.5 M parameters, not all sizes (|S_L| = 16 would make 48 M). This one has lightsaft-paper's
    # U-Net and 4,524,780.
    "lasaft": Config("lasaft", latent_sources=6, bn_factor=32),
    "lasaft-large-2020": Config("lasaft", n_fft=4096, levels=4, channels=24, latent_sources=6, d_k=32),
    "lasaft-v2-light": Config(
        "lightsaft_v2", channels=20, latent_sources=12, d_k=32, embedding_dim=32, activation="leaky_relu"
    ),
    "lasaft-v2-large": Config("lightsaft_v2", n_fft=4096, levels=4, channels=24, d_k=32),
    "lightsaft-small": Config(
        "lightsaft_small",
        channels=24,
        tfc_layers=2,
        embedding_dim=32,
        subbands=4,
        compression=0.4,
        output="mask",
    ),
}


def build(config):
    """The network of a configuration, with random weights."""
    networks = {"lasaft": NetworkV1, "lightsaft": NetworkV1, "lightsaft_v2": NetworkV2, "lightsaft_small": NetworkSmall}
    return networks[config.block](config)


def per_image(module, x):
    """Apply a module for (images, channels, frames, frequencies) to (batch, targets, channels, ...)."""
    y = module(x.flatten(0, 1))
    return y.reshape(x.shape[0], -1, y.shape[1], y.shape[2], y.shape[3])


def split_last(x, size):
    """Split the last axis of (batch, targets, channels, frames, n) into (n / size, size).

    By reshape, here and elsewhere: the exporter takes the sizes that `unflatten` sees for constants.
    """
    return x.reshape(x.shape[0], -1, x.shape[2], x.shape[3], x.shape[4] // size, size)


class TFC(nn.Module):
    """Time-frequency convolutions: a dense block of 3 x 3 convolutions."""

    def __init__(self, in_channels, config):
        super().__init__()
        self.H = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels + i * config.channels, config.channels, 3, padding=1),
                nn.BatchNorm2d(config.channels),
                ACTIVATIONS[config.activation](),
            )
            for i in range(config.tfc_layers)
        )

    def forward(self, x):
        output = self.H[0](x)
        for layer in self.H[1:]:
            x = torch.cat([output, x], dim=1)
            output = layer(x)
        return output


class FrequencyLayers(nn.Sequential):
    """Fully connected layers along the frequency axis, each with batch norm over channels and activation."""

    def __init__(self, sizes, config):
        layers = []
        for before, after in itertools.pairwise(sizes):
            layers += [
                nn.Linear(before, after, bias=False),
                nn.BatchNorm2d(config.channels),
                ACTIVATIONS[config.activation](),
            ]
        super().__init__(*layers)


class TDF(nn.Module):
    """Time-distributed fully connected layers with a bottleneck; `sources` outputs for each frequency."""

    def __init__(self, frequencies, config, sources=1):
        super().__init__()
        bottleneck = config.bottleneck(frequencies, sources)
        self.tdf = FrequencyLayers([frequencies, bottleneck, frequencies * sources], config)

    def forward(self, x):
        return self.tdf(x)


class TargetAttention(nn.Module):
    """Attention of a target over the latent sources, by its embedding alone. A base of the blocks that use it."""

    def __init__(self, config):
        super().__init__()
        self.linear_query = nn.Linear(config.embedding_dim, config.d_k)
        self.keys = nn.Parameter(torch.randn(config.d_k, config.latent_sources))

    def condition(self, embedding):
        """Attention weights (targets, latent sources)."""
        scores = self.linear_query(embedding) @ self.keys
        return torch.softmax(scores / math.sqrt(self.keys.shape[0]), dim=-1)


class LaSAFT(TargetAttention):
    """TFC, then latent source attentive frequency transformation: a TDF for each latent source, mixed by attention."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__(config)
        self.tfc = TFC(in_channels, config)
        self.tdfs = TDF(frequencies, config, config.latent_sources)

    def transform(self, x, attention):
        value = split_last(per_image(self.tdfs, x), self.keys.shape[1])
        return torch.einsum("bzctfl,zl->bzctf", value.expand(-1, attention.shape[0], -1, -1, -1, -1), attention)


class LightSAFT(TargetAttention):
    """TFC, then the paper's lightweight block: latent sources only in the bottleneck, one shared way back."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__(config)
        self.tfc = TFC(in_channels, config)
        bottleneck = config.bottleneck(frequencies)
        self.LaSAFT_bn_layer = FrequencyLayers([frequencies, bottleneck * config.latent_sources], config)  # phase 1
        self.LaSIFT = FrequencyLayers([bottleneck, frequencies], config)  # phase 2

    def transform(self, x, attention):
        value = per_image(self.LaSAFT_bn_layer, x)
        return per_image(self.LaSIFT, mix_sources(value, attention))


def mix_sources(value, attention):
    """Mix latent sources (batch, targets or 1, channels, frames, sources * units) by weights (targets, sources).

    As one matrix product with attention * identity: it runs at full speed where a sum over a middle axis waits for
    memory.
    """
    sources = attention.shape[1]
    units = value.shape[-1] // sources
    mixing = attention[:, :, None, None] * torch.eye(units, dtype=value.dtype, device=value.device)
    mixed = value.flatten(2, 3) @ mixing.reshape(-1, sources * units, units)
    return mixed.reshape(value.shape[0], -1, value.shape[2], value.shape[3], units)


def gate(x, weight, bias):
    """Gated point-wise convolutional modulation (GPoCM): x * sigmoid(PoCM(x)).

    weight : (targets, channels in, channels out), multiplied from the right; bias : (targets, channels out)
    """
    return x * torch.sigmoid(pocm(x, weight, bias))


def pocm(x, weight, bias):
    """Point-wise convolution with weights of the target's own: (batch, targets, channels out, frames, frequencies)."""
    modulated = weight.transpose(1, 2) @ x.flatten(3) + bias[:, :, None]
    return modulated.reshape(x.shape[0], -1, weight.shape[2], x.shape[3], x.shape[4])


class ConditionGenerator(nn.Module):
    """The first papers' control model: gate weights of every decoder level from a target's embedding."""

    def __init__(self, config):
        super().__init__()
        widths = [config.embedding_dim * 2**i for i in range(config.control_layers)]
        self.dense_control_block = DenseControl(widths)
        self.shape = (config.levels, config.channels, config.channels)
        self.linear_gamma = self._head(widths[-1], math.prod(self.shape))
        self.linear_beta = self._head(widths[-1], math.prod(self.shape[:2]))

    @staticmethod
    def _head(width, size):
        # The second place is the published implementation's; it does nothing when a network is evaluated.
        return nn.Sequential(nn.Linear(width, size), nn.Identity(), nn.BatchNorm1d(size, affine=False))

    def forward(self, embedding):
        control = self.dense_control_block(embedding)
        gamma = self.linear_gamma(control).unflatten(-1, self.shape)
        beta = self.linear_beta(control).unflatten(-1, self.shape[:2])
        return gamma, beta


class DenseControl(nn.Module):
    """Fully connected layers that double the width, all but the first with dropout and batch norm."""

    def __init__(self, widths):
        super().__init__()
        layers = [nn.Linear(widths[0], widths[1]), nn.ReLU()]
        for before, after in itertools.pairwise(widths[1:]):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(after)]
        self.linear = nn.Sequential(*layers)

    def forward(self, embedding):
        return self.linear(embedding)


class WeightGenerator(nn.Sequential):
    """PoCM weights and biases from a target's embedding: two weight-normed layers."""

    def __init__(self, config, outputs):
        # The published state dicts have the keys of this older form of weight normalisation.
        normed = [
            torch.nn.utils.weight_norm(nn.Linear(config.embedding_dim, size))
            for size in (config.embedding_dim, (config.channels + 1) * outputs)
        ]
        super().__init__(normed[0], nn.ReLU(), normed[1])
        self.shape = (config.channels, outputs)

    def forward(self, embedding):
        weights = super().forward(embedding)
        split = math.prod(self.shape)
        return weights[:, :split].unflatten(-1, self.shape), weights[:, split:]


class TFCTDF(nn.Module):
    """TFC, then x + TDF(x). Unconditioned."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__()
        self.tfc = TFC(in_channels, config)
        self.tdf = TDF(frequencies, config)

    def forward(self, x):
        x = self.tfc(x)
        return x + self.tdf(x)


class LightSAFTv2(nn.Module):
    """TFC and a LightSAFT block whose queries and keys listen to the features: attention frame by frame."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__()
        self.tfc = TFC(in_channels, config)
        bottleneck = config.bottleneck(frequencies)
        self.LaSAFT_bn_layer = FrequencyLayers([frequencies, bottleneck * config.latent_sources], config)
        self.LaSIFT = nn.Sequential(
            nn.BatchNorm2d(config.channels),
            nn.Linear(bottleneck, frequencies, bias=False),
            ACTIVATIONS[config.activation](),
        )
        self.query_pocm_generator = WeightGenerator(config, 1)
        self.linear_query = nn.Sequential(nn.LayerNorm(frequencies), nn.ReLU(), nn.Linear(frequencies, config.d_k))
        self.keys = nn.Sequential(
            nn.Conv2d(config.channels, config.latent_sources, 1),
            nn.BatchNorm2d(config.latent_sources),
            nn.ReLU(),
            nn.Linear(frequencies, config.d_k),
        )

    def attention(self, x, query_weights):
        """(batch, targets, 1, frames, latent sources, 1)"""
        query = self.linear_query(pocm(x, *query_weights))  # (batch, targets, 1, frames, d_k)
        keys = per_image(self.keys, x)  # (batch, targets, sources, frames, d_k)
        scores = (query * keys).sum(-1) / math.sqrt(keys.shape[-1])
        return torch.softmax(scores, dim=2).transpose(2, 3)[:, :, None, :, :, None]

    def transform(self, x, query_weights):
        value = per_image(self.LaSAFT_bn_layer, x)
        attention = self.attention(x, query_weights)
        value = split_last(value, self.keys[0].out_channels)  # the latent sources come last
        return per_image(self.LaSIFT, (value @ attention).squeeze(-1))


class DecoderV2(nn.Module):
    """A conditioned decoder block: TFC, gate, x + LightSAFT(x)."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__()
        self.pocm_generator = WeightGenerator(config, config.channels)
        self.tfc_lightsaft = LightSAFTv2(in_channels, frequencies, config)

    def condition(self, embedding):
        return (*self.pocm_generator(embedding), *self.tfc_lightsaft.query_pocm_generator(embedding))

    def forward(self, x, condition):
        x = gate(per_image(self.tfc_lightsaft.tfc, x), *condition[:2])
        return x + self.tfc_lightsaft.transform(x, condition[2:])


class DecoderSmall(nn.Module):
    """As DecoderV2, with attention by the target alone."""

    def __init__(self, in_channels, frequencies, config):
        super().__init__()
        self.saft = LightSAFT(in_channels, frequencies, config)

    def condition(self, embedding):
        return (self.saft.condition(embedding),)

    def forward(self, x, condition):
        x = gate(per_image(self.saft.tfc, x), *condition[:2])
        return x + self.saft.transform(x, condition[2])


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
