"""Networks by their configuration."""

from ..config import Config
from ..errors import SettingsError
from .published import NetworkV1, NetworkV2
from .sub_band import SubBandUNet
from .unet import Network

FAMILIES = {"lasaft": NetworkV1, "lightsaft": NetworkV1, "lightsaft_v2": NetworkV2, "lightsaft_small": SubBandUNet}


def build(config: Config) -> Network:
    """Create the network of a configuration, with random weights.

    Raises
    ------
    SettingsError
        If settings of the configuration conflict.
    """
    if config.bins % config.frames_multiple:
        multiple = f"a multiple of {config.frames_multiple}, as the network has {config.levels} levels"
        raise SettingsError(f"expected n_fft / 2 / subbands to be {multiple}, got {config.bins}")
    if 0 < len(config.paths) <= config.levels:
        raise SettingsError(f"expected {config.levels + 1} numbers in paths, got {len(config.paths)}")
    return FAMILIES[config.block](config)
