"""Mixture consistency against its definition."""

import numpy as np

from lightsaft_infer.consistency import mixture_consistency


def random_spectra(*shape):
    generator = np.random.default_rng(len(shape))
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(np.complex64)


def test_residual_is_shared_in_proportion_to_magnitudes():
    mixture, estimates = random_spectra(2, 3, 4), random_spectra(5, 2, 3, 4)
    result = mixture_consistency(mixture, estimates)
    for place in np.ndindex(mixture.shape):
        stems = [complex(estimate[place]) for estimate in estimates]
        residual = complex(mixture[place]) - sum(stems)
        for index, stem in enumerate(stems):
            expected = stem + residual * abs(stem) / sum(map(abs, stems))
            assert abs(result[index][place] - expected) < 1e-5
    np.testing.assert_allclose(result.sum(axis=0), mixture, atol=1e-5)


def test_where_all_estimates_are_silent_the_mixture_is_shared_equally():
    mixture = random_spectra(2, 3, 4)
    result = mixture_consistency(mixture, np.zeros((4, 2, 3, 4), np.complex64))
    np.testing.assert_allclose(result, np.broadcast_to(mixture / 4, result.shape), atol=1e-6)


def test_consistent_estimates_stay_and_nothing_is_changed_in_place():
    estimates = random_spectra(3, 2, 3, 4)
    mixture = estimates.sum(axis=0)
    before = estimates.copy(), mixture.copy()
    np.testing.assert_allclose(mixture_consistency(mixture, estimates), estimates, atol=1e-5)
    np.testing.assert_array_equal(estimates, before[0])
    np.testing.assert_array_equal(mixture, before[1])
