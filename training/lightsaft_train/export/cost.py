"""The cost of a network: multiply-adds, counted by torch as it runs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..data import SAMPLE_RATE
from ..networks import Network
from .onnx_model import ContractGraph


def multiply_adds(network: Network, targets: int, frames: int | None = None) -> int:
    """Count the multiply-adds of the graph to be exported, for one chunk.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    targets
        Number of targets that are estimated.
    frames
        Frames of the chunk; None: those of the network's configuration.
    """
    config = network.config
    mixture = torch.zeros(1, 4, frames or config.frames, config.n_fft // 2 + 1)
    graph = ContractGraph(network)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        graph(mixture, torch.arange(targets))
    return counter.get_total_flops() // 2


def multiply_adds_per_second(network: Network, targets: int) -> float:
    """Return the multiply-adds per second of audio, if chunks do not overlap."""
    config = network.config
    return multiply_adds(network, targets) * SAMPLE_RATE / (config.frames * config.hop_length)
