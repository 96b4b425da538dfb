"""The challenge entry: the evaluator's interface, and a built submission from end to end."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import sdr

SUBMISSION = Path(__file__).parent.parent / "submission"
sys.path.insert(0, str(SUBMISSION))

from evaluator.music_demixing import MusicDemixingPredictor  # noqa: E402
from predict import LightSAFTPredictor  # noqa: E402

TARGETS = ("bass", "drums", "other", "vocals")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data set of two songs, one with references."""
    monkeypatch.setenv("TEST_DATASET_PATH", str(tmp_path / "test"))
    monkeypatch.setenv("RESULTS_DATASET_PATH", str(tmp_path / "results"))
    for song in ("a", "b"):
        folder = tmp_path / "test" / song
        folder.mkdir(parents=True)
        soundfile.write(folder / "mixture.wav", noise(2, 5000).T * 0.5, 44100, subtype="PCM_16")
    for seed, target in enumerate(TARGETS):
        soundfile.write(tmp_path / "test" / "a" / f"{target}.wav", noise(2, 5000, seed).T, 44100, subtype="FLOAT")
    return tmp_path


class Copy(MusicDemixingPredictor):
    """Every stem is half the mixture."""

    def prediction(self, mixture_file_path, **stems):
        mixture, sample_rate = soundfile.read(mixture_file_path)
        for path in stems.values():
            soundfile.write(path, mixture / 2, sample_rate, subtype="FLOAT")


def test_run_separates_and_scores(data, capsys):
    scores = Copy().run()
    assert list(scores) == ["a"]
    half = soundfile.read(data / "test" / "a" / "mixture.wav")[0].T / 2
    for seed, target in enumerate(TARGETS):
        assert scores["a"][f"sdr_{target}"] == pytest.approx(sdr(noise(2, 5000, seed), half), abs=1e-3)
    assert scores["a"]["sdr"] == pytest.approx(np.mean([scores["a"][f"sdr_{target}"] for target in TARGETS]))
    assert "a: sdr_bass" in capsys.readouterr().out
    assert len(list((data / "results" / "b").iterdir())) == 4


def test_interface(data, monkeypatch):
    predictor = Copy()
    assert (predictor.inference_setup_timeout, predictor.inference_per_music_timeout) == (900, 240)
    assert predictor.get_all_music_names() == ["a", "b"]
    assert predictor.get_music_file_location("a") == str(data / "test" / "a" / "mixture.wav")
    assert predictor.get_music_file_location("a", "bass") == str(data / "results" / "a" / "bass.wav")
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", "b")
    assert Copy().get_all_music_names() == ["b"]
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", "b,c")
    with pytest.raises(FileNotFoundError, match=r"no mixture\.wav for c"):
        Copy().get_all_music_names()


@pytest.mark.parametrize("text", ["abc", "0", "-1", "nan", "inf"])
def test_a_wrong_time_limit_is_named(data, monkeypatch, text):
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", text)
    with pytest.raises(ValueError, match="INFERENCE_PER_MUSIC_TIMEOUT_SECONDS to be seconds above 0"):
        Copy()


def test_true_stems_are_not_overwritten(data, monkeypatch):
    monkeypatch.setenv("RESULTS_DATASET_PATH", str(data / "test" / ".." / "test"))
    with pytest.raises(ValueError, match="expected another folder for the results"):
        Copy()


def test_an_error_of_the_entry_is_one_line(tmp_path):
    script = SUBMISSION / "predict.py"
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == f"error: expected folders with a mixture.wav, got none: {tmp_path}/data/test\n"


def test_code_that_catches_errors_does_not_keep_the_time_limit(data, monkeypatch):
    """TimeoutError is an OSError, which writers of files catch."""

    def prediction(**paths):
        with contextlib.suppress(Exception):
            time.sleep(60)

    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "0.2")
    slow = Copy()
    slow.prediction = prediction
    with pytest.raises(TimeoutError, match=r"prediction of a took longer than 0\.2 s"):
        slow.evaluation()


def test_too_slow_is_an_error_that_names_the_song(data, monkeypatch):
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "1")
    slow = Copy()
    slow.prediction = lambda **paths: time.sleep(60)
    with pytest.raises(TimeoutError, match="prediction of a took longer than 1 s"):
        slow.evaluation()
    monkeypatch.setenv("INFERENCE_SETUP_TIMEOUT_SECONDS", "1")
    slow = Copy()
    slow.prediction_setup = lambda: time.sleep(60)
    with pytest.raises(TimeoutError, match="prediction_setup took longer than 1 s"):
        slow.evaluation()


def test_results_are_verified(data):
    predictor = Copy()
    predictor.prediction = lambda **paths: None
    with pytest.raises(FileNotFoundError, match="no bass was written for a"):
        predictor.evaluation()
    predictor.prediction = lambda **paths: [
        soundfile.write(path, np.zeros((4999, 2)), 44100) for name, path in paths.items() if "mixture" not in name
    ]
    with pytest.raises(ValueError, match=r"expected .*\(5000, 2, 44100\) as in the mixture, got \(4999, 2, 44100\)"):
        predictor.evaluation()


def test_the_entry_separates_what_the_library_separates(data, packaged):
    predictor = LightSAFTPredictor()
    predictor.evaluation()
    mixture = soundfile.read(data / "test" / "b" / "mixture.wav", dtype="float32")[0].T
    for target, expected in packaged.separate(mixture, sample_rate=44100, time_limit=200).items():
        stem = soundfile.read(predictor.get_music_file_location("b", target), dtype="float32")[0].T
        np.testing.assert_allclose(stem, expected, atol=1e-5)


def test_build_refuses_what_exists(tmp_path):
    run = subprocess.run([sys.executable, SUBMISSION / "build.py", tmp_path], capture_output=True, text=True)
    assert run.returncode == 2
    assert "exists" in run.stderr


def test_a_built_submission_has_the_files_of_the_grader(tmp_path):
    out = tmp_path / "pushed"
    subprocess.run([sys.executable, SUBMISSION / "build.py", out], check=True)
    assert {path.name for path in out.iterdir()} == {
        "aicrowd.json", "apt.txt", "evaluator", "lightsaft_infer", "models", "predict.py", "requirements.txt", "run.sh",
    }  # fmt: skip
    assert json.loads((out / "aicrowd.json").read_text())["grader_id"] == "evaluations-api-music-demixing"


def test_a_submission_is_built_without_the_package_installed(tmp_path, model_path):
    """By a Python that has nothing installed; only another model needs the package, to check it."""
    bare = [sys.executable, "-I", "-S", SUBMISSION / "build.py"]
    subprocess.run([*bare, tmp_path / "pushed"], check=True)
    assert (tmp_path / "pushed" / "models" / "lightsaft.onnx").exists()
    run = subprocess.run([*bare, tmp_path / "other", "--model", model_path], capture_output=True, text=True)
    assert run.returncode == 2
    assert "--model needs this package (pip install .)" in run.stderr.splitlines()[-1]


def test_a_submission_of_another_model(tmp_path, model_path):
    """The package in the submission takes it for its own model."""
    out = tmp_path / "pushed"
    build = [sys.executable, SUBMISSION / "build.py", out, "--model"]
    subprocess.run([*build, model_path], check=True)
    load = "from lightsaft_infer import Separator; print(Separator.from_file().manifest.path.resolve())"
    run = subprocess.run([sys.executable, "-c", load], cwd=out, capture_output=True, text=True, check=True)
    assert Path(run.stdout.strip()) == (out / "models" / "lightsaft.json").resolve()
    assert len(list((out / "models").iterdir())) == 2
    build[2] = tmp_path / "other"
    for wrong, message in ((tmp_path / "no.json", "no.json"), (SUBMISSION / "build.py", "build.py")):
        run = subprocess.run([*build, wrong], capture_output=True, text=True)
        assert run.returncode == 2
        assert message in run.stderr.splitlines()[-1]
        assert not (tmp_path / "other").exists()


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="the grader's run.sh is a shell script")
def test_a_built_submission_runs_in_a_fresh_environment(tmp_path, data, packaged):
    out = tmp_path / "pushed"
    subprocess.run([sys.executable, SUBMISSION / "build.py", out], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile"]
    subprocess.run([*pip, "-r", out / "requirements.txt"], check=True)
    # No variable of this run is passed on. The data set is below the working directory, as the grader's is.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TEST_", "RESULTS_"))}
    (data / "test").rename(tmp_path / "pushed" / "data_test")
    (out / "data").mkdir()
    (out / "data_test").rename(out / "data" / "test")
    run = subprocess.run(
        ["bash", "run.sh"],
        cwd=out,
        env={**kept, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "Successfully generated predictions!" in run.stdout
    mixture = soundfile.read(out / "data" / "test" / "a" / "mixture.wav", dtype="float32")[0].T
    for target, expected in packaged.separate(mixture, sample_rate=44100, time_limit=200).items():
        stem = soundfile.read(out / "data" / "results" / "a" / f"{target}.wav", dtype="float32")[0].T
        np.testing.assert_allclose(stem, expected, atol=1e-4)
