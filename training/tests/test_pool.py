"""The pool on disk, rendered from tiny recordings: resumable, repeatable, with a manifest."""

import itertools
import json

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.data.songs import songs_in
from lightsaft_train.errors import DataError
from lightsaft_train.pool import build as build_module
from lightsaft_train.pool.build import build, draw_kind
from lightsaft_train.pool.licences import licence_of
from lightsaft_train.pool.song_files import write_manifest, write_song
from scipy.signal import lfilter

SEED = next(
    seed
    for seed in itertools.count()
    if all(draw_kind(np.random.default_rng((seed, index))) == "sung" for index in range(3))
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A data folder with three sung phrases: pulses through two formants."""
    data = tmp_path_factory.mktemp("data")
    for name in ("drums", "bass", "other", "midi", "vocals/sung/shv_f_124"):
        (data / name).mkdir(parents=True)
    for index, pitch in enumerate((174.6, 207.7, 261.6)):
        pulses = np.diff(np.floor(np.arange(44100) * pitch * (1 + 0.005 * np.sin(np.arange(44100) / 1300)) / 44100))
        voice = pulses
        for formant in (700, 1200):
            voice = lfilter([1], [1, -1.96 * np.cos(2 * np.pi * formant / 44100), 0.96], voice)
        voice = 0.3 * voice / np.abs(voice).max() * np.hanning(len(voice)) ** 0.2
        sf.write(data / "vocals" / "sung" / "shv_f_124" / f"phrase_{index}.ogg", voice, 44100)
    return data


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("0*/*"))}


def test_a_pool_goes_on_and_is_repeatable(recordings, tmp_path):
    options = {"seconds": 4.0, "seed": SEED, "workers": 1}
    seen = []
    build(recordings, tmp_path / "a", songs=1, **options)
    first = contents(tmp_path / "a")
    manifest = build(recordings, tmp_path / "a", songs=2, progress=lambda *counts: seen.append(counts), **options)
    assert seen == [(2, 2)]
    part = tmp_path / "b" / ".00000.part"  # of a song that was not finished
    part.mkdir(parents=True)
    (part / "vocals.wav").write_bytes(b"half")
    build(recordings, tmp_path / "b", songs=2, **options)
    assert not part.exists()
    both = contents(tmp_path / "a")
    assert both == contents(tmp_path / "b")
    assert {name: both[name] for name in first} == first
    assert len(both) == 4
    assert manifest == json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["songs"] == 2
    assert manifest["minutes"]["vocals"] == pytest.approx(8 / 60, abs=0.05)
    assert sum(source["minutes"] for source in manifest["sources"].values()) >= manifest["minutes"]["vocals"]
    for name, source in manifest["sources"].items():  # the voices depend on the installed packages
        assert name.startswith("voices ")
        assert source["licence"] == licence_of(name)
    found = songs_in(tmp_path / "a")
    assert [song.samples for song in found] == [4 * 44100] * 2
    assert np.abs(found[0].read("vocals", 0, 4 * 44100)).max() == pytest.approx(0.7, abs=0.01)


def test_another_seed_or_no_data_is_refused(recordings, tmp_path):
    write_manifest(tmp_path, 5)
    with pytest.raises(DataError, match=r"expected a pool of seed 6, got a pool of another seed: .*manifest.json"):
        build(recordings, tmp_path, songs=1, seed=6)
    with pytest.raises(DataError, match=r"expected folders vocals, drums, bass, other, midi in: .*nowhere"):
        build(tmp_path / "nowhere", tmp_path / "pool", songs=1)


def test_silent_stems_are_left_out_and_sources_counted(tmp_path):
    loud = np.full((2, 44100 * 6), 0.1, np.float32)
    write_song(
        tmp_path / "00000", "composed", {"drums": (loud, {"kit uzu", "synthesisers"}), "bass": (0 * loud, {"x"})}
    )
    write_song(tmp_path / "00001", "composed", {"drums": (loud, {"kit uzu"})})
    manifest = write_manifest(tmp_path, 0)
    assert manifest["minutes"] == {"vocals": 0.0, "drums": 0.2, "bass": 0.0, "other": 0.0}
    assert manifest["sources"]["kit uzu"] == {"licence": "Unlicense", "minutes": 0.2}
    assert manifest["sources"]["synthesisers"]["minutes"] == 0.1
    assert not (tmp_path / "00000" / "bass.wav").exists()


def test_songs_tell_the_bandwidth_of_stems_without_treble(tmp_path):
    loud = np.full((2, 44100), 0.1, np.float32)
    stems = {"vocals": (loud, {"voices chant", "voices trope"}), "other": (loud, {"synthesisers"})}
    write_song(tmp_path / "00000", "composed", stems)
    write_song(tmp_path / "00001", "sung", {"vocals": (loud, {"voices chant"})})
    first, second = (json.loads((tmp_path / f"0000{n}" / "song.json").read_text())["stems"] for n in range(2))
    assert first["vocals"]["bandwidth"] == 7500
    assert "bandwidth" not in first["other"]
    assert second["vocals"]["bandwidth"] == 8000


def test_every_kind_of_song_has_odds():
    assert list(build_module.ODDS) == list(build_module.KINDS)
    assert sum(build_module.ODDS.values()) == pytest.approx(1)


def test_licences():
    assert licence_of("soundfont FluidR3_GM") == "MIT"
    assert licence_of("kit gogodze_front") == "CC0-1.0"
    assert licence_of("instrument swag") == "CC0-1.0"
    assert licence_of("instrument banjo") == "GPL-3"
    assert licence_of("kit HardElectro1") == "GPL-2+"
    with pytest.raises(KeyError):
        licence_of("kit of somebody")
