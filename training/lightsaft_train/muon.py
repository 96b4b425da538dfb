"""The optimiser Muon: momentum whose matrices are made orthogonal before a step.

References: Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). The size of the
steps is that of Liu et al., "Muon is scalable for LLM training" (2025), so that learning rates for AdamW can be used.
torch.optim.Muon does not take convolutions. It also computes in bfloat16 always, which takes ten times as long on
processors without it.
"""

from collections.abc import Iterable

import torch


class Muon(torch.optim.Optimizer):
    """The optimiser, for weights of two or more axes. A weight is taken as a matrix (first axis, all other axes).

    Parameters
    ----------
    params
        The weights.
    lr
        Learning rate.
    momentum
        Part of the momentum that is kept in a step.
    weight_decay
        As in AdamW.
    bfloat16
        Whether matrices are made orthogonal in bfloat16.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        bfloat16: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype = torch.bfloat16 if bfloat16 else torch.float32

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # it takes no closure
        """Make a step with the gradients of the weights."""
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                moment = state["momentum_buffer"]
                moment.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(moment, group["momentum"]).flatten(1)  # Nesterov's
                size = 0.2 * max(ahead.shape) ** 0.5  # root mean square of the step: 0.2 times the learning rate
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                step = orthogonal(ahead.to(self._dtype)).to(weight.dtype)
                weight.sub_(step.view_as(weight), alpha=group["lr"] * size)


def orthogonal(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return a matrix with the same singular vectors and singular values of 0.7 to 1.2, by Newton-Schulz steps."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-12)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=-4.775, alpha=2.0315), x, beta=3.4445)
    return x if wide is matrix else x.T
