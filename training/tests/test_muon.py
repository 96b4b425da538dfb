"""Muon: steps are orthogonal matrices of a known size, and go downhill."""

import pytest

torch = pytest.importorskip("torch")

from lightsaft_train.muon import Muon, orthogonal  # noqa: E402


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16)])
def test_orthogonal_keeps_singular_vectors(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonal(matrix) @ v.T
    assert (inside - inside.diag().diag()).abs().max() < 1e-4
    kept = inside.diag()[values > 0.1 * values.max()]
    assert kept.min() > 0.6
    assert kept.max() < 1.3


@pytest.mark.parametrize("bfloat16", [False, True])
def test_size_of_a_step_depends_on_the_rate_alone(bfloat16):
    torch.manual_seed(0)
    for scale in (1e-3, 1e3):
        weight = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
        weight.grad = scale * torch.randn(8, 4, 3, 3)
        Muon([weight], lr=0.01, bfloat16=bfloat16).step()
        assert weight.square().mean().sqrt().item() == pytest.approx(0.2 * 0.01, rel=0.3)


def test_momentum_and_decay_by_hand():
    """Two steps of the published formulas in their slow form."""
    torch.manual_seed(0)
    start, first, second = torch.randn(3, 4, 6)
    weight = torch.nn.Parameter(start.clone())
    optimiser = Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5)
    for gradient in (first, second):
        weight.grad = gradient.clone()
        optimiser.step()
    expected, moment = start, torch.zeros(4, 6)
    for gradient in (first, second):
        moment = 0.9 * moment + 0.1 * gradient
        step = orthogonal(0.1 * gradient + 0.9 * moment)
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * 0.2 * 6**0.5 * step
    torch.testing.assert_close(weight.detach(), expected)


def test_it_goes_downhill():
    torch.manual_seed(0)
    target, weight = torch.randn(5, 7), torch.nn.Parameter(torch.zeros(5, 7))
    optimiser = Muon([weight], lr=0.05)
    for _ in range(200):
        weight.grad = weight.detach() - target
        optimiser.step()
    assert (weight - target).norm() < 0.1 * target.norm()
