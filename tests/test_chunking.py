"""Chunks of frames: weights that sum to one, the shapes that the network sees, and a slow version of the crossfade."""

import threading

import numpy as np
import pytest

from lightsaft_infer import ModelError
from lightsaft_infer.chunking import estimate_chunks


def spectrum_of(frames, seed=0):
    generator = np.random.default_rng(seed)
    shape = (2, frames, 5)
    return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(np.complex64)


def run(spectra, network, **options):
    pairs = list(estimate_chunks(spectra, network, [0, 2], **{"chunk": 16, "overlap": 4, "multiple": 4, **options}))
    return [np.concatenate(parts, axis=-2) for parts in zip(*pairs, strict=True)]


def echo(planes, targets):
    return np.repeat(planes[:, np.newaxis], len(targets), axis=1)


@pytest.mark.parametrize("overlap", [0, 1, 4, 8])
@pytest.mark.parametrize("frames", [1, 3, 15, 16, 17, 28, 29, 40, 100])
def test_weights_sum_to_one_at_every_frame(frames, overlap):
    spectrum = spectrum_of(frames)
    mixture, estimates = run([spectrum], echo, overlap=overlap)
    np.testing.assert_array_equal(mixture, spectrum)
    assert estimates.shape == (2, *spectrum.shape)
    np.testing.assert_allclose(estimates, [spectrum, spectrum], atol=1e-6)


@pytest.mark.parametrize("frames", [10, 16, 30, 41])
def test_crossfade_against_a_slow_version(frames):
    """Each chunk has a gain of its own. Every frame must be the mean of its chunks' gains by triangular weights."""
    calls = []

    def counted(planes, targets):
        calls.append(planes.shape)
        return echo(planes, targets) * np.float32(len(calls))

    spectrum = spectrum_of(frames)
    _, estimates = run([spectrum], counted)
    gain = np.zeros(frames)
    weights = np.zeros(frames)
    for index in range(len(calls)):
        for frame in range(16):
            weight = min(1, (frame + 0.5) / 4 if index else 1, (16 - frame - 0.5) / 4 if index < len(calls) - 1 else 1)
            if index * 12 + frame < frames:
                gain[index * 12 + frame] += weight * (index + 1)
                weights[index * 12 + frame] += weight
    np.testing.assert_allclose(weights, 1)
    np.testing.assert_allclose(estimates[0], gain[:, np.newaxis] * spectrum, atol=1e-5)


def test_spectra_of_any_size_give_the_same():
    spectrum = spectrum_of(100)
    _, expected = run([spectrum], echo)
    for size in (1, 5, 16, 33):
        _, estimates = run([spectrum[:, start : start + size] for start in range(0, 100, size)], echo)
        np.testing.assert_array_equal(estimates, expected)


@pytest.mark.parametrize("concurrency", [2, 3])
def test_chunks_at_once_give_the_same(concurrency):
    """The first chunks wait for each other, so they are processed at the same time."""
    together = threading.Barrier(concurrency, timeout=20)
    threads = set()

    def network(planes, targets):
        if threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            together.wait()
        return echo(planes, targets) * planes.std()

    spectrum = spectrum_of(100)
    expected = run([spectrum], lambda planes, targets: echo(planes, targets) * planes.std())
    got = run([spectrum], network, concurrency=concurrency)
    assert len(threads) == concurrency
    for have, want in zip(got, expected, strict=True):
        np.testing.assert_array_equal(have, want)


def test_an_error_in_a_thread_is_the_callers():
    def network(planes, targets):
        raise ValueError("out of luck")

    before = threading.active_count()
    with pytest.raises(ValueError, match="out of luck"):
        run([spectrum_of(100)], network, concurrency=2)
    assert threading.active_count() == before


def test_who_stops_early_leaves_no_thread_and_no_work_behind():
    calls = []

    def network(planes, targets):
        calls.append(1)
        return echo(planes, targets)

    before = threading.active_count()
    options = {"chunk": 16, "overlap": 4, "multiple": 4, "concurrency": 2}
    pairs = estimate_chunks((spectrum_of(12) for _ in range(1000)), network, [0], **options)
    next(pairs)
    pairs.close()
    assert threading.active_count() == before
    assert len(calls) <= 2


def test_the_network_sees_planes_in_multiples_and_target_indices():
    seen = []

    def network(planes, targets):
        seen.append((planes, targets))
        return echo(planes, targets)

    spectrum = spectrum_of(21)
    run([spectrum], network)
    assert [planes.shape for planes, _ in seen] == [(1, 4, 16, 5), (1, 4, 12, 5)]
    planes, targets = seen[0]
    assert planes.dtype == np.float32
    assert targets.dtype == np.int64
    assert targets.tolist() == [0, 2]
    parts = [spectrum[0].real, spectrum[1].real, spectrum[0].imag, spectrum[1].imag]
    np.testing.assert_array_equal(planes[0], [part[:16] for part in parts])
    assert not seen[1][0][0, :, 9:].any()  # 21 - 12 frames, then silence up to a multiple of 4


def test_estimates_of_another_shape_are_an_error():
    with pytest.raises(ModelError, match=r"expected estimates of shape \(1, 2, 4, 8, 5\)"):
        run([spectrum_of(8)], lambda planes, targets: planes)
