"""benchmarks/quality.py on a tree of two songs, one of four stems and one of vocals and a sum."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import quality

    return quality


@pytest.fixture
def songs(tmp_path):
    rng = np.random.default_rng(0)
    stems = {target: 0.1 * rng.standard_normal((44100, 2)) for target in ("vocals", "drums", "bass", "other")}
    trees = {"four": stems, "sum": {"vocals": stems["vocals"], "drums+bass+other": stems["drums"] + stems["other"]}}
    for song, parts in trees.items():
        (tmp_path / song).mkdir()
        (tmp_path / song / "song.json").write_text("{}")
        for stem, audio in parts.items():
            sf.write(tmp_path / song / f"{stem}.wav", audio, 44100, "FLOAT")
    sf.write(tmp_path / "four" / "mixture.wav", sum(stems.values()), 44100, "FLOAT")
    return tmp_path


def run(quality, monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["quality.py", *map(str, arguments)])
    quality.main()
    return capsys.readouterr().out


def test_json(quality, songs, monkeypatch, capsys):
    told = json.loads(run(quality, monkeypatch, capsys, songs))
    plain = told["plain"]
    assert set(plain["songs"]["sum"]) == {"vocals", "drums+bass+other"}
    assert set(plain["sdr"]) == {"vocals", "drums", "bass", "other", "drums+bass+other", "mean"}
    assert set(plain["shares"]["sum"]["bass"]) == {"vocals", "drums+bass+other"}
    assert set(plain["leakage"]) == {"vocals", "drums", "bass", "other", "drums+bass+other"}
    assert told["the mixture itself"]["sdr"]["vocals"] == pytest.approx((-4.77 - 3.01) / 2, abs=0.1)


def test_table_of_two_models(quality, songs, monkeypatch, capsys):
    model = BENCHMARKS.parent / "models" / "lightsaft.json"
    lines = run(quality, monkeypatch, capsys, songs, "--table", "--model", model, "--model", model).splitlines()
    assert len({line.count("|") for line in lines[:14]}) == 1
    assert lines[0].count(": SDR") == 2
    assert len([line for line in lines if line.startswith(("| four |", "| sum |"))]) == 6
    assert len([line for line in lines if line.startswith("| **mean** |")]) == 6
    assert len([line for line in lines if line.startswith("| bass |")]) == 2


def test_shares_find_what_an_estimate_is_made_of(quality):
    import quality_measures

    rng = np.random.default_rng(1)
    stems = {name: rng.standard_normal((2, 5000)) for name in ("vocals", "drums+bass+other")}
    estimates = {"vocals": 0.7 * stems["vocals"] + 0.1 * stems["drums+bass+other"], "drums": 0 * stems["vocals"]}
    shares = quality_measures.shares_of_songs({"a": stems}, {"a": estimates})
    assert shares["a"]["vocals"] == {"vocals": 0.7, "drums+bass+other": 0.1}
    assert shares["a"]["drums"] == {"vocals": 0.0, "drums+bass+other": 0.0}
    assert quality_measures.leakage(shares)["vocals"]["vocals"] == 0.7
