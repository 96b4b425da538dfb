"""Configurations of the networks, and the presets."""

import dataclasses
import json


@dataclasses.dataclass(frozen=True)
class Config:
    """A network of the family.

    `block` is "lasaft" or "lightsaft" (v1: every level conditioned), "lightsaft_v2" (decoder conditioned, attention
    that listens to the features) or "lightsaft_small" (decoder conditioned, attention by the target alone).
    `levels`: number of down- and upsamplings. `tfc_layers`: convolutions of a TFC block. `latent_sources`, `d_k`: |S_L|
    and the attention's width. `bn_factor`, `min_bn_units`: frequency bottleneck f // bn_factor, at least min_bn_units.
    `growth`: channels that each level has more than the one above it.

    For "lightsaft_small" only: `subbands`: parts of the spectrum stacked as channels, which are bands of it, or every
    n-th bin (`folding` "bands" or "bins"). `compression`: exponent of the input's magnitude. `magnitudes`: whether
    the input has the compressed magnitudes of left, right, middle and side beside the complex planes, and the features
    that are made of it a learnt offset at every frequency. `output`: "mapping", the network's output is the estimate;
    "mask", the mixture's four planes are multiplied by as many numbers between 0 and 1, "real_mask", its two channels
    by a number each; "complex_mask", by a complex number each.
    `tfc`: "dense" or "residual" convolutions. `middle_layers`: convolutions of the middle block, if not as many as the
    others have. `skip`: how the decoder joins the encoder's features, "concatenation" or "sum". `conditioned`: what
    depends on the target: "all" blocks, those of the "decoder", or only the "head", a block that turns the features of
    an unconditioned U-Net into a target's. `paths`: pairs of recurrent paths along frequency and time (`paths.py`) in
    the decoder's block of each level, the middle last; () for none. `head_units`: units of a layer behind the head's
    gate, 0 for none.
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
    growth: int = 0
    subbands: int = 1
    folding: str = "bands"
    compression: float = 1.0
    magnitudes: bool = False
    output: str = "mapping"
    tfc: str = "dense"
    middle_layers: int | None = None
    skip: str = "concatenation"
    conditioned: str = "decoder"
    paths: tuple = ()
    head_units: int = 0

    def at(self, level):
        """The configuration of a level's blocks, with its `channels` and `tfc_layers`. The middle is the last level."""
        layers = self.middle_layers if level == self.levels and self.middle_layers else self.tfc_layers
        return dataclasses.replace(self, channels=self.channels + level * self.growth, tfc_layers=layers)

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


class SettingsError(Exception):
    """A setting that does not exist."""


def changed(settings, texts):
    """A dataclass with fields changed by texts "name=value", values as in JSON. SettingsError: it has no such field."""
    return dataclasses.replace(settings, **parsed(settings, texts))


def parsed(settings, texts):
    """Texts "name=value" as {name: value}; what is no JSON is a str."""
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in {field.name for field in dataclasses.fields(settings)}:
            names = ", ".join(field.name for field in dataclasses.fields(settings))
            raise SettingsError(f"expected NAME=VALUE with a name of {names}, got: {text}")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values
