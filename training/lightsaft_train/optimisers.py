"""The optimisers of a network: Muon for the layers between the first and the last one, AdamW for the rest."""

import torch
from torch import nn

from .muon import Muon
from .networks import Network
from .training_config import TrainingConfig


def optimisers_of(network: Network, training: TrainingConfig, *, bfloat16: bool) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a network. Weights decay; biases, norms and embeddings do not.

    Parameters
    ----------
    network
        The network.
    training
        Kind of the optimiser, learning rate, weight decay.
    bfloat16
        Whether Muon makes its matrices orthogonal in bfloat16.
    """
    matrices = _matrices(network) if training.optimiser == "muon" else []
    rest = [parameter for parameter in network.parameters() if all(parameter is not matrix for matrix in matrices)]
    groups = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [parameter for parameter in rest if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.99), eps=1e-7)
    ]
    if matrices:
        optimisers.append(Muon(matrices, training.learning_rate, weight_decay=training.weight_decay, bfloat16=bfloat16))
    return optimisers


def _matrices(network: Network) -> list[torch.Tensor]:
    """Return the weights of convolutions and of layers along frequency, except the first and the last convolution."""
    return [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        or (isinstance(module, nn.Linear) and module.bias is None)
        if not name.startswith(("first_conv", "last_conv"))
    ]
