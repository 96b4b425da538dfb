"""Larger networks that begin with the weights of a smaller one, and compute the same at first.

Layers that a network gains change nothing at first (`ResidualTFC`, `paths.AxisLSTM`, `Head`). Channels that it gains
are inputs of each other. The old channels do not depend on them at first: these weights are zero.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import DataError
from .sub_band import SubBandUNet
from .unet import Network


@torch.no_grad()
def grow(weights: Mapping[str, Tensor], network: Network) -> None:
    """Give a network the weights of a smaller one, or of one of the same size.

    Parameters
    ----------
    weights
        The state dict of the other network.
    network
        The network, whose weights are changed in place.

    Raises
    ------
    DataError
        If the network lacks a place for one of the weights. Also if it has more channels and joins skips by
        concatenation, which would move the old channels.
    """
    places = network.state_dict()
    modules = {f"{name}.weight": module for name, module in network.named_modules()}
    for name, weight in weights.items():
        place = places.get(name)
        if place is not None and place.shape == weight.shape:
            place.copy_(weight)
            continue
        if (
            place is None
            or place.ndim != weight.ndim
            or any(new < old for new, old in zip(place.shape, weight.shape, strict=True))
        ):
            raise DataError(f"no place for the packed {name} of shape {tuple(weight.shape)}")
        if not isinstance(network, SubBandUNet) or network.config.skip != "sum":
            raise DataError("expected skip=sum of a network that is given more channels")
        if name.startswith(f"gates.{len(network.gates) - 1}."):
            _grow_gates(weight, place, network)
        else:
            _place(weight, place, outputs=1 if isinstance(modules.get(name), nn.ConvTranspose2d) else 0)


def _place(weight: Tensor, place: Tensor, outputs: int) -> None:
    """Put a weight at the beginning of each axis of its place, and zeros between new inputs and old outputs.

    `outputs` is the axis of the outputs.
    """
    if weight.ndim > 1:
        place.narrow(outputs, 0, weight.shape[outputs]).zero_()
    place[tuple(slice(size) for size in weight.shape)] = weight


def _grow_gates(weight: Tensor, place: Tensor, network: SubBandUNet) -> None:
    """Put the weight of the layer that computes the gates: for each gate, (inputs and a bias, outputs) rows."""
    if len(network._gate_sizes) != 1:
        raise DataError("expected a network with one gate, in its head, to be given more channels")
    channels = network.config.channels
    old = next(c for c in range(channels) if c * (c + 1) == weight.shape[0])
    rows, new = weight.unflatten(0, (old + 1, old)), place.unflatten(0, (channels + 1, channels))
    new[:, :old] = 0
    new[:old, :old] = rows[:-1]
    new[-1, :old] = rows[-1]
