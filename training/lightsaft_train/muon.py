"""The optimiser Muon: momentum, whose matrices are made orthogonal before a step.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the size of the steps as in Liu
et al., "Muon is scalable for LLM training" (2025), so that learning rates for AdamW serve. torch.optim.Muon takes no
convolutions, and always computes in bfloat16, which takes ten times as long on processors without it.
"""

import torch


class Muon(torch.optim.Optimizer):
    """For weights of two or more axes, taken as matrices (first axis, the rest). `weight_decay` as in AdamW.

    bfloat16 : whether matrices are made orthogonal in it
    """

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0, bfloat16=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype = torch.bfloat16 if bfloat16 else torch.float32

    @torch.no_grad()
    def step(self):
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


def orthogonal(matrix, steps=5):
    """A matrix with the same singular vectors, its singular values near 1 (0.7 to 1.2), by Newton-Schulz steps."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-12)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=-4.775, alpha=2.0315), x, beta=3.4445)
    return x if wide is matrix else x.T
