"""Configurations of the networks, and the presets."""

import dataclasses
from typing import ClassVar, Literal


@dataclasses.dataclass(frozen=True)
class Config:
    """A network of the family.

    Parameters
    ----------
    block
        "lasaft" or "lightsaft": version 1, every level is conditioned. "lightsaft_v2": the decoder is conditioned, and
        its attention depends on the features. "lightsaft_small": the decoder is conditioned, and its attention depends
        on the target alone.
    n_fft, hop_length
        Of the STFT, in samples.
    frames
        Frames of a chunk.
    levels
        Number of downsamplings, and of upsamplings.
    channels
        Channels of the first level.
    tfc_layers
        Convolutions of a TFC block.
    latent_sources, d_k
        Number of latent sources (\\|S_L\\| in the papers), and width of the attention.
    embedding_dim
        Numbers that describe a target.
    bn_factor, min_bn_units
        A frequency bottleneck has f // bn_factor units for f frequencies, and at least min_bn_units.
    control_layers
        Layers of the first papers' control model.
    activation
        "relu" or "leaky_relu".
    growth
        Number of channels that each level has more than the level above it.
    subbands
        For "lightsaft_small", as all fields from here on: number of parts of the spectrum that are stacked as channels.
    folding
        The parts: "bands" of neighbouring bins, or "bins", every n-th bin.
    compression
        Exponent of the input's magnitude.
    magnitudes
        Whether the network gets compressed magnitudes of left, right, middle and side beside the complex planes. Then
        it also learns an offset of the first features for every frequency.
    output
        "mapping": the output is the estimate. "mask": the four planes of the mixture are multiplied by a number
        between 0 and 1 each. "real_mask": the two channels are multiplied by a number each. "complex_mask": the two
        channels are multiplied by a complex number each.
    tfc
        "dense" or "residual" convolutions.
    middle_layers
        Convolutions of the middle block; None: `tfc_layers`.
    skip
        How the decoder joins the features of the encoder: "concatenation" or "sum".
    conditioned
        The part that depends on the target: "all" blocks, the blocks of the "decoder", or only the "head", a block
        that turns the features of an unconditioned U-Net into those of a target.
    paths
        Pairs of recurrent paths along frequency and time (`networks/paths.py`) in the decoder's block of each level,
        the middle last; () for none.
    head_units
        Units of a layer behind the gate of the head; 0 for no such layer.
    """

    # Settings that must be above 0. Other numbers may be 0.
    ABOVE_ZERO: ClassVar[tuple[str, ...]] = (
        *("n_fft", "hop_length", "frames", "channels", "tfc_layers", "latent_sources", "d_k", "embedding_dim"),
        *("bn_factor", "subbands"),
    )

    block: Literal["lasaft", "lightsaft", "lightsaft_v2", "lightsaft_small"]
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
    activation: Literal["relu", "leaky_relu"] = "relu"
    growth: int = 0
    subbands: int = 1
    folding: Literal["bands", "bins"] = "bands"
    compression: float = 1.0
    magnitudes: bool = False
    output: Literal["mapping", "mask", "real_mask", "complex_mask"] = "mapping"
    tfc: Literal["dense", "residual"] = "dense"
    middle_layers: int | None = None
    skip: Literal["concatenation", "sum"] = "concatenation"
    conditioned: Literal["all", "decoder", "head"] = "decoder"
    paths: tuple[int, ...] = ()
    head_units: int = 0

    def at(self, level: int) -> "Config":
        """Return the configuration of a level's blocks, with its `channels` and `tfc_layers`.

        The middle counts as the last level.
        """
        layers = self.middle_layers if level == self.levels and self.middle_layers else self.tfc_layers
        return dataclasses.replace(self, channels=self.channels + level * self.growth, tfc_layers=layers)

    @property
    def bins(self) -> int:
        """Number of frequencies of the U-Net's features: all bins but the highest, in `subbands` parts."""
        return self.n_fft // 2 // self.subbands

    @property
    def frames_multiple(self) -> int:
        """The number of frames of a chunk must be a multiple of this number."""
        return 2**self.levels

    def samples(self, frames: int) -> int:
        """Return the number of samples that make the given number of frames without padding."""
        return (frames - 1) * self.hop_length + self.n_fft

    def bottleneck(self, frequencies: int, sources: int = 1) -> int:
        """Return the units of the frequency bottleneck for the given number of latent sources together."""
        return max(frequencies * sources // self.bn_factor, self.min_bn_units)


PRESETS = {
    "lightsaft-paper": Config("lightsaft"),
    # The paper gives 4.5 M parameters, but not all sizes (16 latent sources would make 48 M). This preset has the U-Net
    # of lightsaft-paper and 4,524,780 parameters.
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
    "lightsaft": Config(
        "lightsaft_small",
        n_fft=4096,
        channels=64,
        growth=48,
        tfc_layers=2,
        embedding_dim=32,
        subbands=16,
        compression=0.4,
        magnitudes=True,
        output="complex_mask",
        bn_factor=8,
        tfc="residual",
        middle_layers=4,
        skip="sum",
        conditioned="head",
    ),
}
