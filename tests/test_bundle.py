"""Bundles: several networks on one track, each with its own STFT."""

import json

import numpy as np
import pytest
from conftest import joined, noise, split
from data.make_mdx import mdx_graph
from data.make_model import write_model
from test_time_limit import Clock

from lightsaft_infer import ArgumentError, Manifest, ModelError, Separator, TimeLimit
from lightsaft_infer.bundle import read_model
from lightsaft_infer.model_files import import_mdx, write_bundle
from lightsaft_infer.verify import selftest

TARGETS = ("vocals", "drums", "bass", "other")
SIZES = {"vocals": (6144, 300), "drums": (4096, 200), "bass": (16384, 200), "other": (8192, 250)}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The manifests of four small MDX-Net models with STFTs of different lengths, by target."""
    folder = tmp_path_factory.mktemp("parts")
    manifests = {}
    for seed, (target, (n_fft, bins)) in enumerate(SIZES.items()):
        (folder / f"{target}.onnx").write_bytes(mdx_graph(bins=bins, frames=32, seed=seed))
        manifests[target] = import_mdx(folder / f"{target}.onnx", folder / target, target=target, n_fft=n_fft)
    return manifests


@pytest.fixture(scope="module")
def four(parts, tmp_path_factory):
    return write_bundle([*parts.values()], tmp_path_factory.mktemp("four") / "four.json")


@pytest.mark.parametrize("targets", [TARGETS, ("other", "vocals"), ("bass",)])
def test_each_target_is_its_models(parts, four, targets):
    mixture = noise(2, 150_001)
    stems = Separator.from_file(four, threads=1).separate(mixture, sample_rate=44100, targets=targets)
    assert tuple(stems) == targets
    for target, stem in stems.items():
        alone = Separator.from_file(parts[target], threads=1).separate(mixture, sample_rate=44100)[target]
        np.testing.assert_array_equal(stem, alone)


@pytest.mark.parametrize("samples", [1, 5000, 120_001])
@pytest.mark.parametrize(("channels", "sample_rate"), [(2, 44100), (1, 44100), (2, 48000)])
def test_stems_sum_to_the_mixture(four, samples, channels, sample_rate):
    mixture = noise(channels, samples)
    separator = Separator.from_file(four, threads=1)
    stems = separator.separate(mixture, sample_rate=sample_rate, consistency=True)
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-5)
    blocks = joined(separator.stream(split(mixture, 999), sample_rate=sample_rate, consistency=True))
    for stem, block in zip(stems.values(), blocks.values(), strict=True):
        np.testing.assert_array_equal(stem, block)


def test_a_residual_is_the_rest(four):
    mixture = noise(2, 50_000)
    stems = Separator.from_file(four, threads=1).separate(
        mixture, sample_rate=44100, targets=("drums", "bass"), residual="rest"
    )
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-6)


def test_the_first_model_of_a_target_separates_it(parts, tmp_path):
    """A model of one target in front of one of all targets, which follows the model contract."""
    path = write_bundle([parts["vocals"], write_model(tmp_path)], tmp_path / "bundle" / "two.json")
    separator = Separator.from_file(path, threads=1)
    assert separator.targets == TARGETS
    mixture = noise(2, 40_000)
    stems = separator.separate(mixture, sample_rate=44100)
    alone = Separator.from_file(parts["vocals"], threads=1).separate(mixture, sample_rate=44100)
    np.testing.assert_array_equal(stems["vocals"], alone["vocals"])
    np.testing.assert_allclose(stems["drums"], mixture / 2, atol=1e-5)
    files = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert files == {"gains.onnx", "two.json", "vocals.onnx"}


def test_a_model_keeps_its_range_of_levels(parts, tmp_path):
    levelled = write_model(tmp_path, level_range=[-32, -6])
    path = write_bundle([parts["vocals"], levelled], tmp_path / "bundle" / "two.json")
    assert [model.level_range for model in read_model(path).models] == [None, (-32.0, -6.0)]


def test_the_memory_of_a_long_mixture_is_bounded(four):
    """The models are asked in turn, so that none is far ahead of another."""
    separator = Separator.from_file(four, threads=1)
    given = 0

    def blocks():
        nonlocal given
        for _ in range(40):
            given += 20_000
            yield np.zeros((2, 20_000), np.float32)

    done = 0
    for stems in separator.stream(blocks(), sample_rate=44100, consistency=True):
        done += stems["bass"].shape[1]
        assert given - done < 250_000
    assert done == given == 800_000


def test_selftest_covers_each_model(four):
    checks = selftest(Separator.from_file(four, threads=1))
    assert tuple(checks) == TARGETS
    assert all(check.agrees for check in checks.values())


@pytest.mark.parametrize(("limit", "passes"), [(0.5, {0, 1}), (6.0, {0, 1}), (12.0, {1, 2}), (36.0, {3, 4})])
def test_a_time_limit_is_for_all_networks(four, limit, passes):
    """One pass over each chunk takes 8 s: 8 chunks of four networks, 0.1 to 0.4 s each."""
    clock = Clock()
    separator = Separator.from_file(four, threads=1)

    class Slow:
        """A network of a known speed."""

        def __init__(self, network, seconds):
            self.network, self.seconds = network, seconds

        def __call__(self, planes, targets):
            clock.now += self.seconds
            return self.network(planes, targets)

    networks = [Slow(network, 0.1 * number) for number, network in enumerate(separator.networks, 1)]
    time_limit = TimeLimit(limit, clock=clock)
    slow = Separator(separator.manifest, networks)
    mixture = noise(2, 200_000)
    stems = slow.separate(mixture, sample_rate=44100, time_limit=time_limit)
    assert clock.now - 1000 <= limit + 0.4
    assert {stem.shape for stem in stems.values()} == {mixture.shape}
    assert time_limit.passes.keys() == passes
    assert time_limit.passes.total() == 32


def test_as_many_networks_as_models(four):
    with pytest.raises(ArgumentError, match="expected 4 networks, got 1"):
        Separator(read_model(four), lambda planes, targets: planes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": []}, "a bundle of one or more models"),
        ({"models": [3]}, "a bundle of one or more models"),
        ({"models": "vocals"}, "a bundle with a field models, got 'vocals'"),
        ({"models": [{"format": 2}]}, "missing field name"),
        ({"targets": ["vocals", "piano"]}, "one or more of the targets vocals, drums, bass, other"),
        ({"targets": [["vocals"]]}, "one or more of the targets"),
        ({"targets": []}, "one or more of the targets"),
        ({"name": 3}, "a bundle with a field name, got 3"),
        ({"format": 3}, "expected manifest format 1 or 2, got 3"),
    ],
)
def test_a_wrong_field_is_told(four, tmp_path, changes, message):
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(json.loads(four.read_text()) | changes))
    with pytest.raises(ModelError, match=rf"{message}.*wrong\.json"):
        read_model(path)


def test_models_of_several_sample_rates(four, tmp_path):
    content = json.loads(four.read_text())
    content["models"][1]["sample_rate"] = 48000
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"one sample rate, got 44100 and 48000 Hz: .*rates\.json"):
        read_model(path)


def test_a_manifest_of_one_network_is_no_bundle(four):
    with pytest.raises(ModelError, match="expected a manifest of one network, got a bundle of several"):
        Manifest.from_file(four)


def test_targets_that_are_not_all_of_the_mixture(parts, tmp_path):
    path = write_bundle([parts["vocals"], parts["drums"]], tmp_path / "two.json")
    with pytest.raises(ArgumentError, match="targets sum to the mixture, got only vocals, drums"):
        Separator.from_file(path).separate(noise(2, 1000), sample_rate=44100, consistency=True)
