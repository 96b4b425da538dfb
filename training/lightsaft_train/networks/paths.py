"""Recurrent paths along time and along frequency, which see farther than convolutions of a few frames and bins.

References: dual-path networks (Luo et al., 2020), and their successors in music separation (DTTNet, Chen et al., 2024;
SCNet, Tong et al., 2024). Features are (images, channels, frames, frequencies).
"""

from torch import Tensor, nn


class AxisLSTM(nn.Module):
    """x + projection(LSTM(norm(x))), in both directions along one axis; the lines of the other axis are independent.

    At first it changes nothing, so that it can be added to a network that is trained already.
    """

    def __init__(self, channels: int, axis: int) -> None:
        super().__init__()
        self.axis = axis  # 2 for time, 3 for frequency
        self.norm = nn.LayerNorm(channels)
        self.lstm = nn.LSTM(channels, channels // 2, bidirectional=True)
        self.projection = nn.Linear(channels // 2 * 2, channels)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, x: Tensor) -> Tensor:
        order = (2, 0, 3, 1) if self.axis == 2 else (3, 0, 2, 1)
        lines = x.permute(order)  # (steps, images, lines, channels)
        steps = self.norm(lines).reshape(lines.shape[0], -1, lines.shape[3])
        changes = self.projection(self.lstm(steps)[0]).reshape(lines.shape)
        return x + changes.permute([order.index(axis) for axis in range(4)])


class DualPath(nn.Sequential):
    """A path along frequency, then one along time."""

    def __init__(self, channels: int) -> None:
        super().__init__(AxisLSTM(channels, 3), AxisLSTM(channels, 2))
