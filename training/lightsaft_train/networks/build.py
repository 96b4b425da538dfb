"""Networks by their configuration."""

from .published import NetworkV1, NetworkV2
from .sub_band import SubBandUNet

FAMILIES = {"lasaft": NetworkV1, "lightsaft": NetworkV1, "lightsaft_v2": NetworkV2, "lightsaft_small": SubBandUNet}


def build(config):
    """The network of a configuration, with random weights."""
    return FAMILIES[config.block](config)
