"""Excerpts of pool songs, cut from noise."""

import json

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.data import SAMPLE_RATE, TARGETS, songs_in
from lightsaft_train.errors import DataError
from lightsaft_train.pool.real.excerpts import LEVELS, write_excerpts


def test_excerpts_have_most_voice_and_the_levels_of_real_songs(tmp_path):
    """The voice sounds in the second of three seconds. A song that lacks a stem is left out."""
    rng = np.random.default_rng(0)
    for song, targets in (("0", TARGETS), ("1", TARGETS[:3])):
        (tmp_path / "pool" / song).mkdir(parents=True)
        for target in targets:
            audio = 0.02 * rng.standard_normal((3 * SAMPLE_RATE, 2))
            if target == "vocals":
                audio[:SAMPLE_RATE] = audio[2 * SAMPLE_RATE :] = 0
            sf.write(tmp_path / "pool" / song / f"{target}.wav", audio, SAMPLE_RATE)
    write_excerpts(tmp_path / "pool", tmp_path / "tree", songs=1, seconds=1.0)
    (song,) = songs_in(tmp_path / "tree")
    for target, level in LEVELS.items():
        power = np.mean(np.square(song.read(target, 0, song.samples)))
        assert 10 * np.log10(power) == pytest.approx(level, abs=0.01)
    assert json.loads((song.path / "song.json").read_text())["start"] == pytest.approx(1.0)
    with pytest.raises(DataError, match=r"expected 2 songs of 1\.0 s with all stems, found 1"):
        write_excerpts(tmp_path / "pool", tmp_path / "tree", songs=2, seconds=1.0)
