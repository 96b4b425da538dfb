"""The blocks of the LaSAFT family: TFC, TDF, LaSAFT, LightSAFT, GPoCM gate, and what makes their conditions.

Features are (batch, targets, channels, frames, frequencies); the target axis has length 1 until something depends on
the target. What depends on the target alone is a *condition*: a tensor whose first axis is the target, that a block's
`condition` computes from the targets' embeddings (targets, embedding_dim), and that `transform` or `forward` takes.

Modules have the names of the published implementation's state dicts, so that its checkpoints load strictly.
Papers: LaSAFT (Choi et al., 2021), LightSAFT (Jeong et al., 2021).
"""

import itertools
import math

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


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
        units = value.shape[-1] // attention.shape[1]
        return per_image(self.LaSIFT, mix_sources(value, mixing(attention, units)))


def mixing(attention, units):
    """Matrices (targets, sources * units, units), attention * identity, of weights (targets, sources)."""
    identity = torch.eye(units, dtype=attention.dtype, device=attention.device)
    return (attention[:, :, None, None] * identity).reshape(-1, attention.shape[1] * units, units)


def mix_sources(value, matrices):
    """Mix latent sources (batch, targets or 1, channels, frames, sources * units) by the matrices of `mixing`.

    As one matrix product: it runs at full speed where a sum over a middle axis waits for memory.
    """
    mixed = value.flatten(2, 3) @ matrices
    return mixed.reshape(value.shape[0], -1, value.shape[2], value.shape[3], matrices.shape[2])


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
