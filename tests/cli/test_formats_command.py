"""Compressed stems and tags from the command line: `lightsaft separate` and `lightsaft batch`."""

import json

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS

from lightsaft_infer import AudioReader
from lightsaft_infer.audio import StemWriter, Tags
from lightsaft_infer.cli import main

TAGS = Tags({"title": "Song", "artist": "A"})


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "in" / "song.flac"
    with StemWriter({"live": path}, sample_rate=44100, channels=2, tags=TAGS) as writer:
        writer.write({"live": noise(2, 44_100) / 2})
        writer.commit()
    return path


@pytest.fixture
def run(tmp_path, model_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(command, *arguments):
        return main([command, "--model", str(model_path), "--threads", "1", *map(str, arguments)])

    return run


def read(path):
    with AudioReader(path) as reader:
        return reader.tags(), reader.read()


@pytest.mark.parametrize(("suffix", "samples"), [("mp3", 44_100), ("m4a", 45_056), ("opus", 48_000)])
def test_compressed_stems(run, song, tmp_path, capfd, suffix, samples):
    assert run("separate", song, "--format", suffix, "--bitrate", "128k", "-o", "out") == 0
    assert capfd.readouterr() == ("", "")
    for target in GAINS:
        path = tmp_path / "out" / "song" / f"{target}.{suffix}"
        tags, audio = read(path)
        assert audio.shape == (2, samples)
        assert tags.texts == {"title": f"Song (live) ({target})", "artist": "A"}
        if target != "other":  # silence
            assert path.stat().st_size == pytest.approx(16_000, rel=0.25)


def test_without_tags(run, song, tmp_path):
    for out, option in (("a", "--no-tags"), ("b", "--no-consistency")):
        assert run("separate", song, "--targets", "vocals", "-o", out, option, "--format", "wav") == 0
    plain, tagged = (read(tmp_path / out / "song" / "vocals.wav") for out in "ab")
    assert plain[0] is None
    assert tagged[0].texts["artist"] == "A"
    np.testing.assert_array_equal(plain[1], tagged[1])


@pytest.mark.parametrize("command", ["separate", "batch"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--format", "mp3", "--bitrate", "300k"], "expected a bit rate of 32k, 40k, "),
        (["--bitrate", "320k"], "expected no bit rate for .wav, only for .mp3, .m4a, .opus"),
        (["--format", "opus", "--subtype", "PCM_16"], "expected the subtype OPUS for .opus, got PCM_16"),
    ],
)
def test_one_line_for_options_that_do_not_fit(run, song, capsys, tmp_path, command, arguments, expected):
    places = [song, "-o", "out"] if command == "separate" else [song.parent, "out"]
    assert run(command, *places, *arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"lightsaft: error: {expected}")
    assert not list(tmp_path.glob("out/*/*"))


def test_a_batch_and_its_journal(run, song, tmp_path, capsys):
    def entries():
        return [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]

    assert run("batch", song.parent, "out", "--workers", "1") == 0
    assert not {"bitrate", "tags"} & entries()[-1]["options"].keys()  # journals of earlier versions stay valid
    arguments = [song.parent, "out", "--workers", "1", "--format", "mp3", "--bitrate", "96k", "--no-tags"]
    assert run("batch", *arguments) == 0
    assert entries()[-1]["options"].items() >= {"format": "mp3", "bitrate": 96_000, "tags": False}.items()
    assert read(tmp_path / "out" / "song" / "bass.mp3")[0] is None
    assert soundfile.info(tmp_path / "out" / "song" / "bass.mp3").frames == 44_100
    capsys.readouterr()
    assert run("batch", *arguments) == 0
    assert capsys.readouterr().out == "0 done, 1 skipped, 0 failed\n"
