"""The whole chain on arrays: identity, exact lengths, any block size, any rate, consistency, errors."""

import dataclasses

import numpy as np
import pytest
from conftest import echo_network, joined, noise, split
from data.make_model import GAINS
from hypothesis import given, settings
from hypothesis import strategies as st

from lightsaft_infer import ArgumentError, AudioError, ModelError, Separator

LENGTHS = [1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 5000, 70001]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", LENGTHS)
def test_identity_network_returns_the_mixture(echo, length, channels):
    mixture = noise(channels, length)
    stems = echo.separate(mixture, sample_rate=44100)
    assert tuple(stems) == ("vocals", "drums", "bass", "other")
    for stem in stems.values():
        assert stem.dtype == np.float32
        np.testing.assert_allclose(stem, mixture, atol=1e-5)
    np.testing.assert_array_equal(mixture, noise(channels, length))


@settings(max_examples=60)
@given(
    length=st.integers(1, 3000),
    size=st.integers(1, 4000),
    transform=st.sampled_from([(64, 32), (64, 16), (32, 10)]),
    chunk=st.sampled_from([(16, 0), (16, 5), (8, 4), (4, 2)]),
)
def test_identity_at_any_length_block_size_and_chunk(manifest, length, size, transform, chunk):
    manifest = dataclasses.replace(manifest, n_fft=transform[0], hop_length=transform[1])
    echo = Separator(manifest, echo_network, chunk=chunk[0], overlap=chunk[1])
    mixture = noise(2, length, seed=length)
    stems = joined(echo.stream(split(mixture, size), sample_rate=44100))
    np.testing.assert_allclose(stems["vocals"], mixture, atol=1e-5)


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_blocks_make_no_difference_to_a_single_sample(packaged, sample_rate):
    mixture = noise(2, 200_001) * np.float32(0.3)
    whole = packaged.separate(mixture, sample_rate=sample_rate, consistency=True)
    for size in (977, 65536, 100_000):
        stems = joined(packaged.stream(split(mixture, size), sample_rate=sample_rate, consistency=True))
        for target, stem in stems.items():
            np.testing.assert_array_equal(stem, whole[target], err_msg=f"{target}, blocks of {size}")


def test_a_buffer_that_the_caller_fills_again_is_no_trouble(echo):
    mixture, buffer = noise(2, 5000), np.empty((2, 500), np.float32)

    def blocks():
        for block in split(mixture, 500):
            buffer[:] = block
            yield buffer

    np.testing.assert_allclose(joined(echo.stream(blocks(), sample_rate=44100))["bass"], mixture, atol=1e-5)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 48000, 96000, 192000])
@pytest.mark.parametrize("length", [1, 7, 12345])
def test_other_rates_keep_length_and_band(echo, sample_rate, length):
    time = np.arange(length) / sample_rate
    mixture = (0.5 * np.sin(2 * np.pi * 440 * time + 1))[np.newaxis].astype(np.float32)
    stem = echo.separate(mixture, sample_rate=sample_rate)["other"]
    assert stem.shape == mixture.shape
    inner = slice(length // 8, -length // 8 if length > 100 else 0)
    np.testing.assert_allclose(stem[:, inner], mixture[:, inner], atol=1e-4)


def test_targets_run_only_their_own_pass(manifest):
    calls = []

    def network(planes, targets):
        calls.append(targets.tolist())
        return echo_network(planes, targets)

    stems = Separator(manifest, network).separate(noise(2, 100), sample_rate=44100, targets=("bass", "vocals"))
    assert list(stems) == ["bass", "vocals"]
    assert calls == [[2, 0]]


def test_a_model_file_gives_each_target_its_own_estimate(model_path):
    separator = Separator.from_file(model_path, threads=1)
    mixture = noise(2, 3000)
    stems = separator.separate(mixture, sample_rate=44100)
    for target, gain in GAINS.items():
        np.testing.assert_allclose(stems[target], gain * mixture, atol=1e-5)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_consistent_stems_sum_to_the_mixture(packaged, channels, sample_rate):
    mixture = noise(channels, 30_001) * np.float32(0.5)
    stems = packaged.separate(mixture, sample_rate=sample_rate, consistency=True)
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-6)
    plain = packaged.separate(mixture, sample_rate=sample_rate)
    assert np.abs(sum(plain.values()) - mixture).max() > 1e-3


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_residual_completes_the_mixture(packaged, sample_rate):
    mixture = noise(2, 30_001)
    stems = packaged.separate(mixture, sample_rate=sample_rate, targets=("vocals",), residual="instrumental")
    assert list(stems) == ["vocals", "instrumental"]
    np.testing.assert_allclose(stems["vocals"] + stems["instrumental"], mixture, atol=1e-6)
    alone = packaged.separate(mixture, sample_rate=sample_rate, targets=("vocals",))
    np.testing.assert_array_equal(stems["vocals"], alone["vocals"])


def test_one_target_alone_is_the_target_among_all(packaged):
    mixture = noise(2, 50_000)
    alone = packaged.separate(mixture, sample_rate=44100, targets=("drums",))["drums"]
    among = packaged.separate(mixture, sample_rate=44100)["drums"]
    np.testing.assert_allclose(alone, among, atol=1e-5)


def test_mono_is_the_mean_of_what_both_channels_give(packaged):
    mono = noise(1, 50_000)
    stereo = packaged.separate(np.repeat(mono, 2, axis=0), sample_rate=44100)
    for target, stem in packaged.separate(mono, sample_rate=44100).items():
        np.testing.assert_allclose(stem, stereo[target].mean(axis=0, keepdims=True), atol=1e-6)


def test_silence_stays_silent(packaged):
    stems = packaged.separate(np.zeros((2, 50_000), np.float32), sample_rate=44100, consistency=True)
    assert not any(stem.any() for stem in stems.values())


def test_progress_counts_up_to_the_end(echo):
    seen = []
    echo.separate(noise(2, 150_000), sample_rate=44100, progress=lambda done, total: seen.append((done, total)))
    done, totals = zip(*seen, strict=True)
    assert len(seen) > 2
    assert list(done) == sorted(done)
    assert done[-1] == totals[-1] == 150_000 / 44100


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_any_floating_point_array_is_taken(echo, dtype):
    mixture = np.asfortranarray(noise(2, 999).astype(dtype))
    np.testing.assert_allclose(echo.separate(mixture, sample_rate=44100)["bass"], mixture, atol=1e-5)


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (np.zeros((2, 0), np.float32), "got 0 samples"),
        (np.zeros(100, np.float32), r"\(channels, samples\), got float32 \(100,\)"),
        (np.zeros((100, 2), np.float32), r"expected 1 or 2 channels, got an array of shape \(100, 2\)"),
        (np.zeros((2, 100), np.int16), "expected floating-point audio .* got int16"),
        (np.array([[0, 0, np.nan, 0]]), "NaN or infinity at sample 2"),
        (np.array([[0, -np.inf]]), "NaN or infinity at sample 1"),
        (np.array([[0, 1e300]]), "NaN or infinity at sample 1"),
    ],
)
def test_bad_mixtures_are_errors(echo, mixture, message):
    with pytest.raises(AudioError, match=message):
        echo.separate(mixture, sample_rate=44100)


def test_the_number_of_channels_cannot_change_on_the_way(echo):
    with pytest.raises(AudioError, match="expected 2 channels"):
        list(echo.stream([noise(2, 10), noise(1, 10)], sample_rate=44100))


@pytest.mark.parametrize("sample_rate", [0, -44100, 7999, 192001, 44100.5])
def test_bad_rates_are_errors_before_any_work(echo, sample_rate):
    with pytest.raises(AudioError, match="expected a sample rate of 8000 to 192000 Hz"):
        echo.stream([], sample_rate=sample_rate)


@pytest.mark.parametrize("targets", [("voice",), (), ("bass", "bass")])
def test_bad_targets_are_errors(echo, targets):
    with pytest.raises(ModelError, match="expected one or more of the targets vocals, drums, bass, other"):
        echo.separate(noise(2, 10), sample_rate=44100, targets=targets)


@pytest.mark.parametrize(
    "options",
    [
        {"targets": ("bass",), "consistency": True},
        {"residual": "rest", "consistency": True},
        {"residual": "bass"},
    ],
)
def test_options_that_contradict_each_other_are_errors(echo, options):
    with pytest.raises(ArgumentError, match="expected"):
        echo.separate(noise(2, 10), sample_rate=44100, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": 0}, "expected chunk to be a whole number of 1 or more, got 0"),
        ({"chunk": 10}, "in multiples of 4 frames, got 10"),
        ({"chunk": 16, "overlap": 9}, "0 to 8 frames, got 9"),
        ({"overlap": -1}, "expected overlap to be a whole number of 0 or more, got -1"),
    ],
)
def test_bad_chunks_are_errors(manifest, options, message):
    with pytest.raises(ValueError, match=message):
        Separator(manifest, echo_network, **options)


def test_estimates_that_are_not_finite_are_an_error(manifest):
    separator = Separator(manifest, lambda planes, targets: echo_network(planes, targets) * np.float32(np.nan))
    with pytest.raises(ModelError, match="finite"):
        separator.separate(noise(2, 100), sample_rate=44100)
