"""The blocks of the LaSAFT family: TFC, TDF, LaSAFT, LightSAFT, the GPoCM gate, and the layers of their conditions.

Features are (batch, targets, channels, frames, frequencies). The target axis has length 1 until something depends on
the target. A *condition* depends on the target alone: a tensor whose first axis is the target. The method `condition`
of a block computes it from the embeddings of the targets (targets, embedding_dim), and `transform` or `forward` takes
it.

Modules have the names of the published implementation's state dicts, so that its checkpoints load strictly.

References: LaSAFT (Choi et al., 2021), LightSAFT (Jeong et al., 2021).
"""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..config import Config

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


def per_image(module: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a module for (images, channels, frames, frequencies) to features (batch, targets, channels, ...)."""
    y = module(x.flatten(0, 1))
    return y.reshape(x.shape[0], -1, y.shape[1], y.shape[2], y.shape[3])


def split_last(x: Tensor, size: int) -> Tensor:
    """Split the last axis of (batch, targets, channels, frames, n) into (n / size, size).

    By `reshape`, as in other functions of this module: the exporter takes sizes that `unflatten` sees for constants.
    """
    return x.reshape(x.shape[0], -1, x.shape[2], x.shape[3], x.shape[4] // size, size)


class TFC(nn.Module):
    """Time-frequency convolutions: a dense block of 3 x 3 convolutions."""

    def __init__(self, in_channels: int, config: Config) -> None:
        super().__init__()
        self.H = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels + i * config.channels, config.channels, 3, padding=1),
                nn.BatchNorm2d(config.channels),
                ACTIVATIONS[config.activation](),
            )
            for i in range(config.tfc_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        output = self.H[0](x)
        for layer in self.H[1:]:
            x = torch.cat([output, x], dim=1)
            output = layer(x)
        return output


class FrequencyLayers(nn.Sequential):
    """Fully connected layers along the frequency axis, each with batch norm over channels and an activation."""

    def __init__(self, sizes: Sequence[int], config: Config) -> None:
        layers = []
        for before, after in itertools.pairwise(sizes):
            layers += [
                nn.Linear(before, after, bias=False),
                nn.BatchNorm2d(config.channels),
                ACTIVATIONS[config.activation](),
            ]
        super().__init__(*layers)


class TDF(nn.Module):
    """Time-distributed fully connected layers with a bottleneck, and `sources` outputs for each frequency."""

    def __init__(self, frequencies: int, config: Config, sources: int = 1) -> None:
        super().__init__()
        bottleneck = config.bottleneck(frequencies, sources)
        self.tdf = FrequencyLayers([frequencies, bottleneck, frequencies * sources], config)

    def forward(self, x: Tensor) -> Tensor:
        return self.tdf(x)


class TargetAttention(nn.Module):
    """Attention of a target over the latent sources, by its embedding alone. A base class of the blocks that use it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.linear_query = nn.Linear(config.embedding_dim, config.d_k)
        self.keys = nn.Parameter(torch.randn(config.d_k, config.latent_sources))

    def condition(self, embedding: Tensor) -> Tensor:
        """Return attention weights (targets, latent sources)."""
        scores = self.linear_query(embedding) @ self.keys
        return torch.softmax(scores / math.sqrt(self.keys.shape[0]), dim=-1)


class LaSAFT(TargetAttention):
    """TFC, then latent source attentive frequency transformation: a TDF for each latent source, mixed by attention."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__(config)
        self.tfc = TFC(in_channels, config)
        self.tdfs = TDF(frequencies, config, config.latent_sources)

    def transform(self, x: Tensor, attention: Tensor) -> Tensor:
        """Return the transformed features of the targets."""
        value = split_last(per_image(self.tdfs, x), self.keys.shape[1])
        return torch.einsum("bzctfl,zl->bzctf", value.expand(-1, attention.shape[0], -1, -1, -1, -1), attention)


class LightSAFT(TargetAttention):
    """TFC, then the paper's light block: latent sources only in the bottleneck, and one layer back that they share."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__(config)
        self.tfc: nn.Module = TFC(in_channels, config)
        bottleneck = config.bottleneck(frequencies)
        self.LaSAFT_bn_layer = FrequencyLayers([frequencies, bottleneck * config.latent_sources], config)  # phase 1
        self.LaSIFT = FrequencyLayers([bottleneck, frequencies], config)  # phase 2

    def transform(self, x: Tensor, attention: Tensor) -> Tensor:
        """Return the transformed features of the targets."""
        value = per_image(self.LaSAFT_bn_layer, x)
        units = value.shape[-1] // attention.shape[1]
        return per_image(self.LaSIFT, mix_sources(value, mixing_matrices(attention, units)))


def mixing_matrices(attention: Tensor, units: int) -> Tensor:
    """Return matrices (targets, sources * units, units), attention * identity, of weights (targets, sources)."""
    identity = torch.eye(units, dtype=attention.dtype, device=attention.device)
    return (attention[:, :, None, None] * identity).reshape(-1, attention.shape[1] * units, units)


def mix_sources(value: Tensor, matrices: Tensor) -> Tensor:
    """Mix latent sources by the matrices of `mixing_matrices`.

    This is one matrix product. It runs at full speed, while a sum over a middle axis waits for memory.

    Parameters
    ----------
    value
        Latent sources (batch, targets or 1, channels, frames, sources * units).
    matrices
        (targets, sources * units, units).
    """
    mixed = value.flatten(2, 3) @ matrices
    return mixed.reshape(value.shape[0], -1, value.shape[2], value.shape[3], matrices.shape[2])


def gate(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return features after gated point-wise convolutional modulation (GPoCM): x * sigmoid(PoCM(x)).

    Parameters
    ----------
    x
        Features.
    weight
        (targets, channels in, channels out), multiplied from the right.
    bias
        (targets, channels out).
    """
    return x * torch.sigmoid(pocm(x, weight, bias))


def pocm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a point-wise convolution whose weights depend on the target.

    Arguments are those of `gate`; the result is (batch, targets, channels out, frames, frequencies).
    """
    modulated = weight.transpose(1, 2) @ x.flatten(3) + bias[:, :, None]
    return modulated.reshape(x.shape[0], -1, weight.shape[2], x.shape[3], x.shape[4])


class ConditionGenerator(nn.Module):
    """The control model of the first papers: gate weights of every decoder level, from the embedding of a target."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = [config.embedding_dim * 2**i for i in range(config.control_layers)]
        self.dense_control_block = DenseControl(widths)
        self.shape = (config.levels, config.channels, config.channels)
        self.linear_gamma = self._head(widths[-1], math.prod(self.shape))
        self.linear_beta = self._head(widths[-1], math.prod(self.shape[:2]))

    @staticmethod
    def _head(width: int, size: int) -> nn.Sequential:
        # The published implementation has a layer in second place, which does nothing when a network is evaluated.
        return nn.Sequential(nn.Linear(width, size), nn.Identity(), nn.BatchNorm1d(size, affine=False))

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        control = self.dense_control_block(embedding)
        gamma = self.linear_gamma(control).unflatten(-1, self.shape)
        beta = self.linear_beta(control).unflatten(-1, self.shape[:2])
        return gamma, beta


class DenseControl(nn.Module):
    """Fully connected layers that double the width. All but the first have dropout and batch norm."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers = [nn.Linear(widths[0], widths[1]), nn.ReLU()]
        for before, after in itertools.pairwise(widths[1:]):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(after)]
        self.linear = nn.Sequential(*layers)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.linear(embedding)


class WeightGenerator(nn.Sequential):
    """Two weight-normed layers that compute PoCM weights and biases from the embedding of a target."""

    def __init__(self, config: Config, outputs: int) -> None:
        # The published state dicts have the keys of this older form of weight normalisation.
        normed = [
            torch.nn.utils.weight_norm(nn.Linear(config.embedding_dim, size))
            for size in (config.embedding_dim, (config.channels + 1) * outputs)
        ]
        super().__init__(normed[0], nn.ReLU(), normed[1])
        self.shape = (config.channels, outputs)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        weights = super().forward(embedding)
        split = math.prod(self.shape)
        return weights[:, :split].unflatten(-1, self.shape), weights[:, split:]


class TFCTDF(nn.Module):
    """TFC, then x + TDF(x). It is not conditioned."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__()
        self.tfc = TFC(in_channels, config)
        self.tdf = TDF(frequencies, config)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tfc(x)
        return x + self.tdf(x)


class LightSAFTv2(nn.Module):
    """TFC and a LightSAFT block whose queries and keys depend on the features: attention frame by frame."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__()
        self.tfc = TFC(in_channels, config)
        bottleneck = config.bottleneck(frequencies)
        self.LaSAFT_bn_layer = FrequencyLayers([frequencies, bottleneck * config.latent_sources], config)
        self.LaSIFT = nn.Sequential(
            nn.BatchNorm2d(config.channels),
            nn.Linear(bottleneck, frequencies, bias=False),
            ACTIVATIONS[config.activation](),
        )
        self.latent_sources = config.latent_sources
        self.query_pocm_generator = WeightGenerator(config, 1)
        self.linear_query = nn.Sequential(nn.LayerNorm(frequencies), nn.ReLU(), nn.Linear(frequencies, config.d_k))
        self.keys = nn.Sequential(
            nn.Conv2d(config.channels, config.latent_sources, 1),
            nn.BatchNorm2d(config.latent_sources),
            nn.ReLU(),
            nn.Linear(frequencies, config.d_k),
        )

    def attention(self, x: Tensor, query_weights: Sequence[Tensor]) -> Tensor:
        """Return attention weights (batch, targets, 1, frames, latent sources, 1)."""
        query = self.linear_query(pocm(x, *query_weights))  # (batch, targets, 1, frames, d_k)
        keys = per_image(self.keys, x)  # (batch, targets, sources, frames, d_k)
        scores = (query * keys).sum(-1) / math.sqrt(keys.shape[-1])
        return torch.softmax(scores, dim=2).transpose(2, 3)[:, :, None, :, :, None]

    def transform(self, x: Tensor, query_weights: Sequence[Tensor]) -> Tensor:
        """Return the transformed features of the targets."""
        value = per_image(self.LaSAFT_bn_layer, x)
        attention = self.attention(x, query_weights)
        value = split_last(value, self.latent_sources)  # the latent sources come last
        return per_image(self.LaSIFT, (value @ attention).squeeze(-1))


class DecoderV2(nn.Module):
    """A conditioned decoder block: TFC, gate, x + LightSAFT(x)."""

    def __init__(self, in_channels: int, frequencies: int, config: Config) -> None:
        super().__init__()
        self.pocm_generator = WeightGenerator(config, config.channels)
        self.tfc_lightsaft = LightSAFTv2(in_channels, frequencies, config)

    def condition(self, embedding: Tensor) -> tuple[Tensor, ...]:
        """Return weight and bias of the gate, and weight and bias of the queries."""
        return (*self.pocm_generator(embedding), *self.tfc_lightsaft.query_pocm_generator(embedding))

    def forward(self, x: Tensor, condition: tuple[Tensor, ...]) -> Tensor:
        x = gate(per_image(self.tfc_lightsaft.tfc, x), *condition[:2])
        return x + self.tfc_lightsaft.transform(x, condition[2:])
