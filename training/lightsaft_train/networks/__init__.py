"""The networks of the LaSAFT family, and how they grow."""

from .blocks import ACTIVATIONS, mix_sources, mixing_matrices, per_image
from .build import build
from .growth import grow
from .mdx_net import PLANES, ConvTDFNet, MdxConfig, random_network
from .sub_band import SubBandUNet
from .unet import N_TARGETS, Network

__all__ = [
    "ACTIVATIONS",
    "N_TARGETS",
    "PLANES",
    "ConvTDFNet",
    "MdxConfig",
    "Network",
    "SubBandUNet",
    "build",
    "grow",
    "mix_sources",
    "mixing_matrices",
    "per_image",
    "random_network",
]
