"""SDR of trees of songs against the challenge's formula; the table, the JSON and the command."""

import json
import math
import os
import re
import statistics
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import AudioError, EvaluationError, sdr
from lightsaft_infer.blocks import BLOCK_SAMPLES as BLOCK
from lightsaft_infer.cli import main
from lightsaft_infer.evaluation.scores import evaluate
from lightsaft_infer.evaluation.table import table


@pytest.fixture
def save(tmp_path):
    """Write audio (channels, samples) to a file below the test's folder."""

    def write(name, audio, sample_rate=44100, subtype="FLOAT"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio.T, sample_rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def evaluated(tmp_path):
    """Return the scores of the folders ref and est."""

    def run(**options):
        return evaluate(tmp_path / "ref", tmp_path / "est", **options)

    return run


def challenge(reference, estimate):
    """Return the SDR by the challenge's formula, sample by sample."""
    signal = math.fsum(float(value) ** 2 for value in reference.ravel())
    error = math.fsum((float(a) - float(b)) ** 2 for a, b in zip(reference.ravel(), estimate.ravel(), strict=True))
    return 10 * math.log10((signal + 1e-7) / (error + 1e-7))


def silence(channels, samples):
    return np.zeros((channels, samples), np.float32)


@pytest.mark.parametrize(
    ("reference", "estimate"),
    [
        (noise(2, BLOCK + 1000), noise(2, BLOCK + 1000, seed=1)),
        (noise(2, 2 * BLOCK), 0.9 * noise(2, 2 * BLOCK)),
        (noise(1, 5000), 0.5 * noise(1, 5000)),
        (silence(2, 3000), noise(2, 3000)),
        (noise(2, 3000), silence(2, 3000)),
        (silence(2, 3000), silence(2, 3000)),
        (noise(2, 3000), noise(2, 3000)),
        (noise(2, 1), noise(2, 1, seed=1)),
        (1e-6 * noise(2, 3000), 1e-6 * noise(2, 3000, seed=1)),
    ],
    ids=["random", "blocks", "mono", "silent reference", "silent estimate", "silence", "identical", "short", "faint"],
)
def test_against_the_formula(save, evaluated, reference, estimate):
    save("ref/A/bass.wav", reference)
    save("est/A/bass.wav", estimate)
    score = evaluated()["songs"]["A"]["sdr"]["bass"]
    assert score == pytest.approx(challenge(reference, estimate), abs=1e-9)
    assert score == pytest.approx(sdr(reference, estimate), abs=1e-9)


def test_24_bit_flac_scores_as_the_same_samples_in_wav(save, evaluated):
    reference = np.round(0.9 * noise(2, 5000) * 2**23) / 2**23
    estimate = np.round(0.5 * noise(2, 5000) * 2**23) / 2**23
    for folder, audio in (("ref", reference), ("est", estimate)):
        save(f"{folder}/A/bass.wav", audio)
        save(f"{folder}/A/drums.flac", audio, subtype="PCM_24")
    save("ref/A/other.wav", reference, subtype="PCM_24")
    save("est/A/other.flac", estimate, subtype="PCM_24")
    scores = evaluated()["songs"]["A"]["sdr"]
    assert scores == dict.fromkeys(("bass", "drums", "other"), pytest.approx(challenge(reference, estimate)))


def test_means_and_medians(save, evaluated):
    gains = {"A": {"bass": 0.1, "drums": 0.2}, "B": {"bass": 0.3, "drums": 0.4}, "C": {"bass": 0.8}}
    for song, row in gains.items():
        for target, gain in row.items():
            save(f"ref/{song}/{target}.wav", noise(2, 500))
            save(f"est/{song}/{target}.wav", gain * noise(2, 500))
    result = evaluated()
    expected = {song: {t: -20 * math.log10(1 - gain) for t, gain in row.items()} for song, row in gains.items()}
    means = {song: statistics.mean(row.values()) for song, row in expected.items()}
    for song, scores in result["songs"].items():
        assert scores == {"sdr": pytest.approx(expected[song], abs=1e-4), "mean": pytest.approx(means[song], abs=1e-4)}
    columns = {
        "bass": [expected[song]["bass"] for song in "ABC"],
        "drums": [expected[song]["drums"] for song in "AB"],
        "overall": list(means.values()),
    }
    summaries = {**result["sdr"]["targets"], "overall": result["sdr"]["overall"]}
    for name, values in columns.items():
        wanted = {"songs": len(values), "mean": np.mean(values), "median": np.median(values)}
        assert summaries[name] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        ({}, {"sample_rate": 48000}, "expected 44100 Hz .*ref.*, got 48000: .*est"),
        ({"channels": 2}, {"channels": 1}, "expected 2 channels .*ref.*, got 1: .*est"),
        ({"samples": 3000}, {"samples": 2999}, "expected 3000 samples per channel .*ref.*, got 2999: .*est"),
        ({"samples": 3000}, {"samples": 3001}, "expected 3000 samples per channel .*ref.*, got 3001: .*est"),
    ],
)
def test_other_forms_are_an_error(save, evaluated, reference, estimate, message):
    for folder, form in (("ref", reference), ("est", estimate)):
        audio = noise(form.get("channels", 2), form.get("samples", 3000))
        save(f"{folder}/B/bass.wav", audio, form.get("sample_rate", 44100))
        save(f"{folder}/A/bass.wav", noise(2, 100))
    seen = []
    with pytest.raises(EvaluationError, match=message):
        evaluated(progress=lambda *pair: seen.append(pair))
    assert not seen  # before the first song is scored


@pytest.mark.parametrize("lengths", [(BLOCK, BLOCK + 1), (3 * BLOCK, BLOCK), (10, BLOCK + 10)])
def test_other_lengths_that_no_header_tells(save, evaluated, monkeypatch, lengths):
    for folder, samples in zip(("ref", "est"), lengths, strict=True):
        save(f"{folder}/A/bass.wav", noise(2, samples))
    monkeypatch.setattr("lightsaft_infer.evaluation.scores._check_form", lambda *readers: None)
    with pytest.raises(EvaluationError, match=rf"expected {lengths[0]} samples .*ref.*, got {lengths[1]}: .*est"):
        evaluated()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("folder", ["ref", "est"])
def test_nan_and_infinity_are_an_error(save, evaluated, bad, folder):
    for name in ("ref", "est"):
        audio = noise(2, 3000)
        audio[1, 2000] = bad if name == folder else 0
        save(f"{name}/A/bass.wav", audio)
    with pytest.raises(AudioError, match=rf"NaN or infinity at sample 2000: .*{folder}"):
        evaluated()


def test_memory_does_not_grow_with_the_song(save, evaluated):
    for folder in ("ref", "est"):
        save(f"{folder}/A/bass.wav", np.tile(noise(2, BLOCK), 40), subtype="PCM_16")
    tracemalloc.start()
    try:
        evaluated()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * BLOCK * 2 * 4 / 2  # half of one stem in float32


def test_missing_and_unreferenced(save, evaluated):
    for name in ("ref/A/bass", "ref/A/drums", "ref/B/bass", "est/A/bass", "est/A/piano"):
        save(f"{name}.wav", noise(2, 100))
    with pytest.raises(EvaluationError, match="none of A/drums, B/bass"):
        evaluated()
    seen = []
    result = evaluated(allow_missing=True, progress=lambda *pair: seen.append(pair))
    assert {song: list(scores["sdr"]) for song, scores in result["songs"].items()} == {"A": ["bass"]}
    assert result["missing"] == [{"song": "A", "target": "drums"}, {"song": "B", "target": "bass"}]
    assert result["unreferenced"] == 1
    assert seen == [(1, 1)]
    assert table(result).splitlines()[-3:] == [
        "no estimate: A/drums",
        "no estimate: B/bass",
        "estimates without reference, not scored: 1",
    ]


@pytest.fixture
def two_songs(save, tmp_path):
    for song, gain in (("test/A", 0.9), ("test/一二", 0.99)):
        for target in ("bass", "drums") if song == "test/A" else ("bass",):
            save(f"ref/{song}/{target}.wav", noise(2, 3000))
            save(f"est/{song}/mixture/{target}.flac", gain * noise(2, 3000), subtype="PCM_24")
    return ["evaluate", str(tmp_path / "ref"), str(tmp_path / "est")]


TABLE = """\
SDR in dB          bass   drums    mean
test/A           20.000  20.000  20.000
test/一二        40.000       -  40.000
mean of songs    30.000  20.000  30.000
median of songs  30.000  20.000  30.000
"""


def test_the_command_prints_a_table(two_songs, capfd):
    assert main(two_songs) == 0
    assert capfd.readouterr() == (TABLE, "")


def test_a_damaged_song_is_named_and_the_others_are_scored(two_songs, save, evaluated, tmp_path, capfd):
    save("ref/...Baby One/bass.wav", noise(2, 3000))
    save("est/...Baby One/bass.wav", np.full((2, 3000), np.nan, np.float32))
    assert main([*two_songs, "-o", str(tmp_path / "scores.json")]) == 1
    out = capfd.readouterr().out
    assert out.startswith(TABLE)
    assert "not scored: ...Baby One: " in out
    assert json.loads((tmp_path / "scores.json").read_text())["failed"][0]["song"] == "...Baby One"
    with pytest.raises(AudioError):
        evaluated()


def test_the_command_prints_json(two_songs, capfd):
    assert main([*two_songs, "--json", "--targets", "bass"]) == 0
    result = json.loads(capfd.readouterr().out)
    near = {gain: pytest.approx(gain, abs=1e-3) for gain in (20, 30, 40)}
    assert result == {
        "songs": {
            "test/A": {"sdr": {"bass": near[20]}, "mean": near[20]},
            "test/一二": {"sdr": {"bass": near[40]}, "mean": near[40]},
        },
        "sdr": {
            "targets": {"bass": {"songs": 2, "mean": near[30], "median": near[30]}},
            "overall": {"songs": 2, "mean": near[30], "median": near[30]},
        },
        "bsseval": None,
        "failed": [],
        "missing": [],
        "unreferenced": 0,
    }


def test_the_command_writes_json(two_songs, tmp_path, capfd):
    path = tmp_path / "scores" / "new.json"
    assert main([*two_songs, "-o", str(path)]) == 0
    assert capfd.readouterr().out == TABLE
    written = path.read_text(encoding="utf-8")
    assert json.loads(written) == evaluate(*two_songs[1:])
    assert main([*two_songs, "-o", str(path)]) == 1
    assert f"already exists: {path}" in capfd.readouterr().err
    assert main([*two_songs, "-o", str(path), "--force", "--json"]) == 0
    assert capfd.readouterr().out == written
    assert [file.name for file in path.parent.iterdir()] == ["new.json"]
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()
    assert main([*two_songs, "-o", str(path)]) == 1
    assert f"{path}" in capfd.readouterr().err


def test_the_command_tells_what_is_missing(two_songs, save, capfd):
    save("ref/test/A/other.wav", noise(2, 3000))
    assert main(two_songs) == 1
    output, errors = capfd.readouterr()
    assert output == ""
    assert "none of test/A/other" in errors
    assert main([*two_songs, "--allow-missing"]) == 0
    assert capfd.readouterr().out == TABLE + "\nno estimate: test/A/other\n"


def test_the_table_of_bss_eval():
    """With every value that museval may leave undefined."""
    scores = [{"SDR": 1.0, "ISR": 12.25, "SIR": None, "SAR": -3.0}, {"SDR": 2.0, "ISR": 3.0, "SIR": 4.0, "SAR": 5.0}]
    bsseval = {"museval": "0", "targets": {}, "overall": {"SDR": 1.5, "ISR": 7.625, "SIR": None, "SAR": 1.0}}
    for target, row in zip(("bass", "drums"), scores, strict=True):
        bsseval["targets"][target] = {"songs": 1, **row}
    song = {"sdr": {"bass": 0.0, "drums": 0.0}, "mean": 0.0}
    summary = {"songs": 2, "mean": 0.0, "median": 0.0}
    result = {
        "songs": {
            "A": {**song, "bsseval": dict(zip(("bass", "drums"), scores, strict=True)), "bsseval_undefined": None},
            "B": {**song, "bsseval": None, "bsseval_undefined": "silence"},
        },
        "sdr": {
            "targets": {"bass": summary, "drums": summary},
            "overall": summary,
        },
        "bsseval": bsseval,
        "failed": [],
        "missing": [],
        "unreferenced": 0,
    }
    lines = table(result).splitlines()
    assert lines[lines.index("") + 1 :] == [
        "BSS Eval v4 in dB, median of songs    SDR     ISR    SIR     SAR  songs",
        "bass                                1.000  12.250      -  -3.000      1",
        "drums                               2.000   3.000  4.000   5.000      1",
        "mean of targets                     1.500   7.625      -   1.000",
        "no BSS Eval of B: silence",
    ]


def test_a_missing_museval_is_told_first(two_songs, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "museval", None)
    assert main([two_songs[0], "nowhere", "nowhere", "--bsseval"]) == 1
    assert "pip install 'lightsaft[eval]'" in capfd.readouterr().err


def test_museval_cannot_be_imported_without_ffmpeg(tmp_path):
    pytest.importorskip("museval", exc_type=(ImportError, RuntimeError))
    command = [sys.executable, "-m", "lightsaft_infer", "evaluate", "nowhere", "nowhere", "--bsseval"]
    run = subprocess.run(command, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True)
    assert run.returncode == 1
    assert re.fullmatch(r"lightsaft: error: BSS Eval needs museval .* and ffmpeg: .*\n", run.stderr)


def test_import_is_light():
    heavy = {"onnxruntime", "soundfile", "librosa", "soxr", "museval", "pandas", "tqdm"}
    code = f"import sys, lightsaft_infer.evaluation; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


def test_the_command_never_replaces_a_stem(two_songs, capfd):
    for stem in sorted(Path(two_songs[1]).rglob("*.*"))[:1] + sorted(Path(two_songs[2]).rglob("*.*"))[:1]:
        before = stem.read_bytes()
        assert main([*two_songs, "-o", str(stem), "--force"]) == 1
        assert "it is one of the files that are read" in capfd.readouterr().err
        assert stem.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_scores_are_in_their_file_although_nobody_reads_the_table(two_songs, tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "lightsaft_infer", *two_songs, "-o", str(tmp_path / "scores.json")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "lightsaft: error: cannot write standard output: no space left on device\n"
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf-8")) == evaluate(*two_songs[1:])
