"""What a network costs: multiply-adds, counted by torch as it runs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from .onnx_model import ContractGraph

SAMPLE_RATE = 44100


def multiply_adds(network, targets, frames=None):
    """Multiply-adds of the graph to be exported, for one chunk and the first `targets` targets."""
    config = network.config
    mixture = torch.zeros(1, 4, frames or config.frames, config.n_fft // 2 + 1)
    graph = ContractGraph(network)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        graph(mixture, torch.arange(targets))
    return counter.get_total_flops() // 2


def multiply_adds_per_second(network, targets):
    """Multiply-adds per second of audio, without overlap of chunks."""
    config = network.config
    return multiply_adds(network, targets) * SAMPLE_RATE / (config.frames * config.hop_length)
