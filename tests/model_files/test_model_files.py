"""The commands `lightsaft import-mdx` and `lightsaft bundle`, and what they write."""

import hashlib
import json
import subprocess
import sys

import pytest
import soundfile
from conftest import noise
from data.make_mdx import mdx_graph
from data.make_model import gains_graph, write_model

from lightsaft_infer import ArgumentError, Manifest, ModelError, OutputError
from lightsaft_infer.cli import main
from lightsaft_infer.model_files import import_mdx, known_mdx, write_bundle


@pytest.fixture
def onnx(tmp_path):
    """An MDX-Net file with 200 bins and chunks of 32 frames."""
    path = tmp_path / "files" / "my model.onnx"
    path.parent.mkdir()
    path.write_bytes(mdx_graph(bins=200, frames=32))
    return path


def test_the_commands_from_the_file_to_the_stems(onnx, tmp_path, capsys):
    def run(*arguments):
        assert main([*map(str, arguments)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    folder = tmp_path / "imported"
    printed = run("import-mdx", onnx, "--target", "vocals", "--n-fft", 4096, "--compensate", 1.035, "-o", folder)
    manifest = folder / "my model.json"
    assert printed == f"{manifest}\n"
    assert sorted(folder.iterdir()) == [manifest, folder / "my model.onnx"]
    text = run("info", "--model", manifest)
    assert "dim_f 200, dim_t 32, compensate 1.035, 0 bins set to zero, denoise off" in text
    assert run("verify", "--model", manifest).endswith("ok\n")
    soundfile.write(tmp_path / "song.wav", noise(2, 30_000).T / 2, 44100, subtype="FLOAT")
    run("separate", tmp_path / "song.wav", "--model", manifest, "-o", tmp_path / "stems")
    assert [path.name for path in (tmp_path / "stems" / "song").iterdir()] == ["vocals.wav"]
    run("separate", tmp_path / "song.wav", "--model", manifest, "-o", tmp_path / "two", "--two-stems", "vocals")
    stems = [soundfile.read(path)[0] for path in (tmp_path / "two" / "song").iterdir()]
    assert abs(sum(stems) - soundfile.read(tmp_path / "song.wav")[0]).max() < 1e-6

    bundle = tmp_path / "bundle" / "all.json"
    assert run("bundle", manifest, write_model(tmp_path), "-o", bundle) == f"{bundle}\n"
    assert run("verify", "--model", bundle).count("ok\n") == 4
    assert "estimates    drums, bass, other" in run("info", "--model", bundle)
    run("batch", tmp_path / "two", tmp_path / "out", "--model", bundle)
    assert len([*(tmp_path / "out").rglob("*.wav")]) == 8
    assert "2 skipped" in run("batch", tmp_path / "two", tmp_path / "out", "--model", bundle)
    run("benchmark", "--model", bundle, "--seconds", 1, "--repeats", 1, "--json")
    run("report", tmp_path / "song.wav", tmp_path / "two" / "song", "--model", bundle, "--audio", "none")


def test_facts_of_a_public_file_need_not_be_typed(onnx, tmp_path, monkeypatch):
    digest = hashlib.md5(onnx.read_bytes()).hexdigest()
    monkeypatch.setattr(known_mdx, "TABLE", f"{known_mdx.TABLE}{digest} 4096 drums 1.02\n")
    manifest = Manifest.from_file(import_mdx(onnx, tmp_path / "one"))
    assert (manifest.targets, manifest.n_fft, manifest.frames) == (("drums",), 4096, 32)
    assert (manifest.mdx_net.bins, manifest.mdx_net.compensate, manifest.mdx_net.zeroed_bins) == (200, 1.02, 3)
    given = import_mdx(onnx, tmp_path / "two", target="bass", n_fft=6144, compensate=1, zeroed_bins=0)
    manifest = Manifest.from_file(given)
    assert (manifest.targets, manifest.n_fft, manifest.mdx_net.compensate) == (("bass",), 6144, 1)


def test_a_file_in_its_own_folder(onnx):
    """The file is not copied onto itself."""
    path = import_mdx(onnx, onnx.parent, target="vocals", n_fft=4096)
    assert sorted(onnx.parent.iterdir()) == [path, onnx]


VOCALS = {"target": "vocals", "n_fft": 4096}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "vocals"}, ModelError, "expected n_fft, which is neither in the graph nor in the table"),
        ({"n_fft": 4096}, ModelError, "expected a target"),
        ({**VOCALS, "dim_f": 300}, ModelError, "expected dim_f 200, which the graph has, got 300"),
        ({**VOCALS, "dim_t": 64}, ModelError, "expected dim_t 32, which the graph has, got 64"),
        ({**VOCALS, "n_fft": 398}, ModelError, r"n_fft / 2 \+ 1 > dim_f = 200, got 398"),
        ({**VOCALS, "n_fft": 4097}, ModelError, "expected an even n_fft"),
        ({**VOCALS, "n_fft": 1024}, ModelError, "hop_length of n_fft / 2 at most"),
        ({**VOCALS, "n_fft": 0}, ArgumentError, "n_fft to be a whole number of 1 or more, got 0"),
        ({**VOCALS, "compensate": float("nan")}, ArgumentError, "compensate above 0, 10 at most, got nan"),
        ({**VOCALS, "zeroed_bins": 200}, ModelError, "zeroed_bins of 0 to 199, got 200"),
        ({**VOCALS, "target": "../vocals"}, ModelError, "targets of letters and digits"),
    ],
)
def test_sizes_that_do_not_fit(onnx, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        import_mdx(onnx, tmp_path / "imported", **options)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ONNX Runtime cannot load"),
        (b"no graph", "ONNX Runtime cannot load"),
        (mdx_graph(bins=200, frames=32)[:-100], "ONNX Runtime cannot load"),
        (gains_graph(), "expected an MDX-Net graph with one input and one output"),
        (mdx_graph(bins=200, frames=32, planes=2), "expected an MDX-Net graph with one input and one output"),
        (mdx_graph(bins=200, frames=32, bias=float("nan")), "expected finite estimates of noise"),
    ],
)
def test_files_that_are_no_such_model(onnx, tmp_path, content, message):
    onnx.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{message}.*my model\.onnx"):
        import_mdx(onnx, tmp_path / "imported", **VOCALS)


def test_sizes_that_the_graph_leaves_open_are_asked_for(onnx, tmp_path):
    onnx.write_bytes(mdx_graph(bins="bins", frames="frames"))
    with pytest.raises(ModelError, match="expected dim_f, which is neither"):
        import_mdx(onnx, tmp_path / "imported", **VOCALS)
    manifest = Manifest.from_file(import_mdx(onnx, tmp_path / "imported", **VOCALS, dim_f=100, dim_t=16))
    assert (manifest.mdx_net.bins, manifest.frames) == (100, 16)


def test_an_onnx_file_is_no_manifest(onnx, capsys):
    assert main(["info", "--model", str(onnx)]) == 1
    assert "got an ONNX file (lightsaft import-mdx writes one for MDX-Net files)" in capsys.readouterr().err


def test_existing_files_are_kept(onnx, tmp_path):
    path = import_mdx(onnx, tmp_path / "imported", **VOCALS)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="already exists"):
        import_mdx(onnx, tmp_path / "imported", target="bass", n_fft=4096)
    assert path.read_bytes() == before
    import_mdx(onnx, tmp_path / "imported", target="bass", n_fft=4096, overwrite=True)
    assert Manifest.from_file(path).targets == ("bass",)


def test_graphs_of_one_name_are_told_apart(tmp_path):
    manifests = []
    for seed, target in enumerate(("vocals", "drums")):
        file = tmp_path / target / "model.onnx"
        file.parent.mkdir()
        file.write_bytes(mdx_graph(bins=200, frames=32, seed=seed))
        manifests.append(import_mdx(file, tmp_path / target, target=target, n_fft=4096))
    bundle = write_bundle(manifests, tmp_path / "both" / "both.json")
    files = [model["onnx"]["file"] for model in json.loads(bundle.read_text())["models"]]
    assert len({*files}) == 2
    assert {*files, "both.json"} == {path.name for path in bundle.parent.iterdir()}
    with pytest.raises(ModelError, match=r"no model before it has, got vocals: .*model\.json"):
        write_bundle([manifests[0], manifests[0]], tmp_path / "twice.json")


def test_a_bundle_never_replaces_the_models_that_it_joins(tmp_path):
    mine, other = write_model(tmp_path), tmp_path / "other" / "other.json"
    other.parent.mkdir()
    content = json.loads(mine.read_text())
    graph = gains_graph(gains=(0, 0, 0, 1))
    content["onnx"] |= {"bytes": len(graph), "sha256": hashlib.sha256(graph).hexdigest()}
    content["targets"][0], content["selftest"]["rms"] = "piano", dict.fromkeys(("piano", "drums", "bass", "other"), 1)
    other.write_text(json.dumps(content))
    (other.parent / content["onnx"]["file"]).write_bytes(graph)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    for output in (mine, other.parent / "all.json"):  # the second one: each graph has the name of the other one
        with pytest.raises(OutputError, match="it is one of the files that are read"):
            write_bundle([mine, other], output, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_errors_of_the_command_are_one_line(onnx, tmp_path):
    command = [sys.executable, "-m", "lightsaft_infer", "import-mdx", onnx, "-o", tmp_path / "imported"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("lightsaft: error: expected n_fft")
    assert result.stderr.count("\n") == 1
