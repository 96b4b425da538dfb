"""The manifest and its graph: both are checked before a session opens."""

import json

import pytest
from data.make_model import gains_graph, write_model

from lightsaft_infer import Manifest, ModelError, Separator
from lightsaft_infer.manifest import default_manifest_path
from lightsaft_infer.verify import selftest

FIELDS = [
    "format", "name", "version", "sample_rate", "channels", "n_fft", "hop_length", "frames", "frames_multiple",
    "targets", "onnx", "parameters", "licence", "training", "scores", "selftest",
]  # fmt: skip


def test_the_packaged_model_is_what_its_manifest_says():
    manifest = Manifest.from_file(default_manifest_path())
    assert manifest.targets == ("vocals", "drums", "bass", "other")
    assert manifest.bins == 2049
    assert len(manifest.read_graph()) == manifest.onnx.bytes
    with pytest.raises(AttributeError):
        manifest.n_fft = 2048


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(tmp_path, field):
    with pytest.raises(ModelError, match=rf"field {field}.*gains\.json"):
        Manifest.from_file(write_model(tmp_path, **{field: None}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "expected manifest format 1 or 2, got 3"),
        ({"n_fft": "2048"}, "field n_fft has an unexpected value '2048'"),
        ({"n_fft": True}, "field n_fft has an unexpected value True"),
        ({"n_fft": 63}, "an even n_fft, got 63"),
        ({"hop_length": 33}, "hop_length of n_fft / 2 at most"),
        ({"hop_length": 0}, "a positive hop_length"),
        ({"channels": 1}, "expected 2 channels, got 1"),
        ({"frames": 15}, "frames in multiples of 4"),
        ({"targets": ["a", "a"]}, "targets, each once"),
        ({"targets": ["../a"]}, "targets of letters and digits"),
        ({"targets": "vocals"}, "field targets"),
        ({"onnx": {"file": "gains.onnx"}}, "missing field sha256"),
        ({"onnx": {"file": "../x.onnx", "sha256": "", "bytes": 1, "opset": 17}}, "a plain file name"),
        ({"level_range": [-6, -36]}, r"a level_range of -100 to 20 dB, rising, got \[-6.0, -36.0\]"),
        ({"level_range": [-36]}, r"field level_range has an unexpected value \[-36\]"),
        ({"level_range": [-36, True]}, "field level_range has an unexpected value"),
        ({"level_range": "quiet"}, "field level_range has an unexpected value 'quiet'"),
        ({"selftest": {"seed": 0, "frames": 8, "scale": 1, "rms": {"vocals": 1}}}, "selftest.rms for every target"),
        ({"selftest": {"seed": 0, "frames": 7, "scale": 1, "rms": {}}}, "selftest"),
    ],
)
def test_a_wrong_field_is_told(tmp_path, changes, message):
    with pytest.raises(ModelError, match=message):
        Manifest.from_file(write_model(tmp_path, **changes))


def test_the_range_of_levels_may_be_missing(tmp_path):
    assert Manifest.from_file(write_model(tmp_path)).level_range is None
    assert Manifest.from_file(write_model(tmp_path, level_range=[-36, -6])).level_range == (-36.0, -6.0)
    assert Manifest.from_file(default_manifest_path()).level_range == (-32.0, -6.0)


def test_models_of_one_graph_with_other_levels_are_told_apart(tmp_path):
    plain, *levelled = [
        Manifest.from_file(write_model(tmp_path, level_range=levels)) for levels in (None, [-36, -6], [-32, -6])
    ]
    assert plain.sha256 == plain.onnx.sha256
    assert len({plain.sha256, *(model.sha256 for model in levelled)}) == 3


def test_fields_that_are_not_known_are_no_trouble(tmp_path):
    assert Manifest.from_file(write_model(tmp_path, added_later=1)).name == "gains"


@pytest.mark.parametrize("content", ["", "[]", "{", "\udcff"])
def test_what_is_no_manifest(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=r"expected .*model\.json"):
        Manifest.from_file(path)
    with pytest.raises(ModelError, match=r"cannot read the manifest .*none\.json"):
        Manifest.from_file(tmp_path / "none.json")


def test_a_changed_graph_is_not_opened(tmp_path):
    path = write_model(tmp_path)
    graph = bytearray(gains_graph())
    graph[-1] ^= 1
    (tmp_path / "gains.onnx").write_bytes(graph)
    with pytest.raises(ModelError, match=r"expected SHA-256 .*gains\.onnx"):
        Separator.from_file(path)
    (tmp_path / "gains.onnx").write_bytes(graph + b"x")
    with pytest.raises(ModelError, match=rf"expected {len(graph)} bytes, got {len(graph) + 1}"):
        Separator.from_file(path)
    (tmp_path / "gains.onnx").unlink()
    with pytest.raises(ModelError, match=r"cannot read the graph .*: no such file"):
        Separator.from_file(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixture": "spectrum"}, "expected input mixture .* got none"),
        ({"bins": 32}, "expected input mixture"),
        ({"frames": 16}, "expected input mixture"),
    ],
)
def test_a_graph_that_breaks_the_contract(tmp_path, changes, message):
    with pytest.raises(ModelError, match=message):
        Separator.from_file(write_model(tmp_path, gains_graph(**changes)))


def test_a_graph_that_is_none(tmp_path):
    with pytest.raises(ModelError, match=r"ONNX Runtime cannot load .*gains\.onnx"):
        Separator.from_file(write_model(tmp_path, b"no graph"))


@pytest.mark.parametrize("threads", [0, -1])
def test_threads(model_path, threads):
    with pytest.raises(ValueError, match=f"threads to be a whole number of 1 to 1024, got {threads}"):
        Separator.from_file(model_path, threads=threads)
    assert Separator.from_file(model_path, threads=3).network.threads == 3


def test_selftest(tmp_path, packaged):
    assert all(check.agrees for check in selftest(packaged).values())
    good = selftest(Separator.from_file(write_model(tmp_path)))
    assert good["drums"].expected == pytest.approx(good["vocals"].expected / 2)
    assert all(check.agrees for check in good.values())
    other = selftest(Separator.from_file(write_model(tmp_path, gains_graph(gains=(1, 0.51, -0.25, 0)))))
    assert {target: check.agrees for target, check in other.items()} == {
        "vocals": True,
        "drums": False,
        "bass": True,
        "other": True,
    }


def test_the_packaged_manifest_has_no_field_that_the_class_lacks():
    content = json.loads(default_manifest_path().read_text())
    assert sorted(content) == sorted([*FIELDS, "level_range"])


def test_a_byte_order_mark_and_a_deep_nesting(tmp_path):
    path = write_model(tmp_path)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert Manifest.from_file(path).name == "gains"
    path.write_text("[" * 100_000)
    with pytest.raises(ModelError, match="expected a manifest in JSON"):
        Manifest.from_file(path)
