"""The challenge's SDR against its formula."""

import numpy as np
import pytest
from conftest import noise

from lightsaft_infer import ArgumentError, EvaluationError, sdr, si_sdr


def test_against_the_formula():
    reference, estimate = noise(2, 1000), noise(2, 1000, seed=1)
    signal = sum(float(value) ** 2 for value in reference.ravel())
    distortion = sum((float(a) - float(b)) ** 2 for a, b in zip(reference.ravel(), estimate.ravel(), strict=True))
    assert sdr(reference, estimate) == pytest.approx(10 * np.log10((signal + 1e-7) / (distortion + 1e-7)))
    assert sdr(reference, 0.9 * reference) == pytest.approx(20)


def test_silence():
    silence = np.zeros((2, 100), np.float32)
    assert sdr(silence, silence) == 0
    assert sdr(silence, silence + 0.1) == pytest.approx(-10 * np.log10(2 / 1e-7))


def test_si_sdr_is_finite():
    silence, audio = np.zeros((2, 100)), noise(2, 100)
    assert si_sdr(audio, audio) == pytest.approx(150)
    assert si_sdr(silence, audio) == pytest.approx(-150)
    assert si_sdr(audio, silence) == si_sdr(silence, silence) == 0


def test_other_shapes_are_an_error():
    with pytest.raises(EvaluationError, match=r"shape \(2, 100\), got \(2, 99\)"):
        sdr(np.zeros((2, 100)), np.zeros((2, 99)))


@pytest.mark.parametrize("wrong", ["vocals.wav", None, [[0.0], [0.0, 1.0]], np.ones((2, 9), complex)])
@pytest.mark.parametrize("score", [sdr, si_sdr])
def test_arguments_of_other_types_are_an_error(score, wrong):
    with pytest.raises(ArgumentError, match="expected the reference as an array"):
        score(wrong, np.zeros((2, 9)))
    with pytest.raises(ArgumentError, match="expected the estimate as an array"):
        score(np.zeros((2, 9)), wrong)


def test_whole_numbers_and_lists_are_accepted():
    assert sdr([[1, 2], [3, 4]], np.int16([[1, 2], [3, 5]])) == pytest.approx(10 * np.log10(30))


def test_si_sdr_does_not_depend_on_the_scale():
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((2, 5000))
    noise = rng.standard_normal((2, 5000))
    noise -= reference * np.sum(reference * noise) / np.sum(reference**2)  # orthogonal
    noise *= 0.1 * np.linalg.norm(reference) / np.linalg.norm(noise)
    assert si_sdr(reference, reference + noise) == pytest.approx(20)
    for gain in (1e-9, 0.03, 1e9):
        assert si_sdr(reference, gain * (reference + noise)) == pytest.approx(20)
        assert si_sdr(gain * reference, reference + noise) == pytest.approx(20)
    assert sdr(reference, 0.03 * (reference + noise)) < 1
    with pytest.raises(EvaluationError, match=r"expected an estimate of shape \(2, 5000\), got \(2, 4999\)"):
        si_sdr(reference, reference[:, 1:])
