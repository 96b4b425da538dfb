"""The recipes of docs/python.md are run as they stand, and what they leave is compared with another way to it."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import EXAMPLE, noise

from lightsaft_infer import sdr

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
INTRODUCTION, _, RECIPES = PAGE.read_text(encoding="utf-8").partition("\n## Recipes\n")
SECTION = re.compile(r"^### (.+?)$.+?^```python\n(.+?)^```$", re.MULTILINE | re.DOTALL)
INSTRUMENTAL, STREAM, SETTINGS = SECTION.findall(RECIPES)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a recipe in a folder of its own, as a program."""
    monkeypatch.chdir(tmp_path)

    def program(recipe, **names):
        heading, code = recipe
        exec(compile(code, f"{PAGE}: {heading}", "exec"), {"__name__": "__main__", **names})

    return program


def write_song(path, *, sample_rate, seconds):
    """Write the start of the example, declared to be of another sample rate. Return the samples of the file."""
    mixture, _ = soundfile.read(EXAMPLE, frames=seconds * sample_rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, mixture, sample_rate, subtype="PCM_16")
    return load(path)


def load(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def test_every_python_block_is_run():
    assert RECIPES.count("```python\n") == 3
    assert RECIPES.count("\n### ") == 3


def test_the_first_lines_of_the_page(run, tmp_path):
    """The introduction's first and third blocks write files; the second one, with `mixture` and `blocks` given, too."""
    mixture = write_song(tmp_path / "song.flac", sample_rate=44100, seconds=2)
    first, second, third = re.findall(r"^```python\n(.+?)^```$", INTRODUCTION, re.MULTILINE | re.DOTALL)
    given = "mixture, blocks = load('song.flac'), [load('song.flac')]"
    run(("introduction", f"{first}\n{given}\n{second}\n{third}"), load=load)
    assert soundfile.info(tmp_path / "vocals.mp3").frames == soundfile.info(tmp_path / "plain.wav").frames == 88_200
    np.testing.assert_allclose(load(tmp_path / "rest.wav") + load(tmp_path / "voice.wav"), mixture, atol=1e-5)


def test_instrumental(run, tmp_path, capsys):
    mixture = write_song(tmp_path / "song.flac", sample_rate=48000, seconds=3)
    run(INSTRUMENTAL)
    vocals, instrumental = load(tmp_path / "vocals.flac"), load(tmp_path / "instrumental.flac")
    assert soundfile.info(tmp_path / "instrumental.flac").samplerate == 48000
    gain = float(re.search(r"3.0 s at 48000 Hz, gain (\d\.\d+)", capsys.readouterr().out)[1])
    np.testing.assert_allclose(vocals + instrumental, gain * mixture, atol=1e-3)
    assert 0 < np.abs(vocals).max() < np.abs(instrumental).max()


def test_stream(run, tmp_path, packaged, capsys):
    mixture = write_song(tmp_path / "song.flac", sample_rate=44100, seconds=4)
    run(STREAM)
    expected = packaged.separate(mixture / 2, sample_rate=44100, targets=("drums", "bass"))
    for target, stem in expected.items():
        np.testing.assert_allclose(load(tmp_path / f"{target}.wav"), stem, atol=1e-4)
    told = [float(seconds) for seconds in re.findall(r"([\d.]+) s done\r", capsys.readouterr().out)]
    assert told == sorted(told)
    assert told[-1] == 4.0


def test_settings(run, tmp_path, capsys):
    stems = {}
    for seed, song in enumerate(("one", "two")):
        mixture = write_song(tmp_path / "true_stems" / song / "mixture.wav", sample_rate=44100, seconds=2)
        for target, gain in zip(("vocals", "drums", "bass", "other"), (0.1, 0.2, 0.3, 0.4), strict=True):
            stems[song, target] = gain * mixture + np.float32(0.01) * noise(*mixture.shape, seed=seed)
            path = tmp_path / "true_stems" / song / f"{target}.wav"
            soundfile.write(path, stems[song, target].T, 44100, subtype="FLOAT")
    run(SETTINGS)
    told = re.findall(r"(\w+) +(\w+) +(-?[\d.]+) dB\n", capsys.readouterr().out)
    assert len(told) == 8
    for setting, target, value in told:
        scores = [
            sdr(stems[song, target], load(tmp_path / setting / song / f"{target}.wav")) for song in ("one", "two")
        ]
        assert float(value) == pytest.approx(np.mean(scores), abs=0.006)
    consistent = [load(tmp_path / "consistent" / "one" / f"{target}.wav") for _, target in list(stems)[:4]]
    np.testing.assert_allclose(sum(consistent), load(tmp_path / "true_stems" / "one" / "mixture.wav"), atol=1e-5)
