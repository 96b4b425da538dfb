"""Larger networks that begin with a smaller one's weights, and compute what it computes.

Layers that a network gains begin by changing nothing (`ResidualTFC`, `paths.Path`, `Head`). Channels that it gains are
heard by each other, and the old ones do not hear them at first: their weights towards old channels are zero.
"""

import torch
from torch import nn

from ..data import DataError


@torch.no_grad()
def grow(weights, network):
    """Give a network the weights, a state dict, of one that is smaller or of the same size.

    Raises DataError: the network lacks a place for one of the weights, or has more channels and joins skips by
    concatenation, which moves the old ones.
    """
    places = network.state_dict()
    modules = {f"{name}.weight": module for name, module in network.named_modules()}
    for name, weight in weights.items():
        place = places.get(name)
        if place is not None and place.shape == weight.shape:
            place.copy_(weight)
            continue
        sizes = (0,) if place is None or place.ndim != weight.ndim else place.shape
        if any(size < kept for size, kept in zip(sizes, weight.shape, strict=False)):
            raise DataError(f"no place for the packed {name} of shape {tuple(weight.shape)}")
        if network.config.skip != "sum":
            raise DataError("expected skip=sum of a network that is given more channels")
        if name.startswith(f"gates.{len(network.gates) - 1}."):
            _grow_gates(weight, place, network)
        else:
            _place(weight, place, outputs=1 if isinstance(modules.get(name), nn.ConvTranspose2d) else 0)


def _place(weight, place, outputs):
    """Put a weight at the beginning of each axis of its place, and zeros between new inputs and old outputs.

    outputs : the axis of the outputs
    """
    if weight.ndim > 1:
        place.narrow(outputs, 0, weight.shape[outputs]).zero_()
    place[tuple(slice(size) for size in weight.shape)] = weight


def _grow_gates(weight, place, network):
    """The layer that makes the weights of all gates: for each, (inputs and a bias, outputs) rows."""
    if len(network._gate_sizes) != 1:
        raise DataError("expected a network with one gate, in its head, to be given more channels")
    channels = network.blocks["head"].channels
    old = next(c for c in range(channels) if c * (c + 1) == weight.shape[0])
    rows, new = weight.unflatten(0, (old + 1, old)), place.unflatten(0, (channels + 1, channels))
    new[:, :old] = 0
    new[:old, :old] = rows[:-1]
    new[-1, :old] = rows[-1]
