"""Folders of songs: the layout of MUSDB18-HQ, and the errors."""

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.data.songs import TARGETS, songs_in, targets_of
from lightsaft_train.errors import DataError


@pytest.fixture
def musdb(tmp_path):
    """A tiny MUSDB18-HQ: train/<song>/{mixture,vocals,drums,bass,other}.wav"""
    rng = np.random.default_rng(0)
    for song, samples in (("A - One", 3000), ("B - Zwei & Ä", 5000)):
        folder = tmp_path / "musdb18hq" / "train" / song
        folder.mkdir(parents=True)
        stems = {target: rng.uniform(-0.2, 0.2, (samples, 2)) for target in TARGETS}
        for target, audio in (*stems.items(), ("mixture", sum(stems.values()))):
            sf.write(folder / f"{target}.wav", audio, 44100, "PCM_16")
    return tmp_path / "musdb18hq"


def test_musdb_is_read_as_it_stands(musdb):
    found = songs_in(musdb / "train")
    assert [song.path.name for song in found] == ["A - One", "B - Zwei & Ä"]
    assert [song.samples for song in found] == [3000, 5000]
    song = found[1]
    assert list(song.stems) == list(TARGETS)
    mixture, _ = sf.read(song.path / "mixture.wav", dtype="float32", start=700, frames=900)
    stems = sum(song.read(target, 700, 900) for target in TARGETS)
    assert stems.dtype == np.float32
    assert stems.shape == (2, 900)
    np.testing.assert_allclose(stems.T, mixture, atol=4 / 2**15)


def test_a_mono_stem_serves_for_both_channels(musdb):
    path = musdb / "train" / "A - One" / "bass.wav"
    mono = np.linspace(-0.5, 0.5, 3000)
    sf.write(path, mono, 44100, "FLOAT")
    audio = songs_in(musdb)[0].read("bass", 10, 20)
    np.testing.assert_allclose(audio, [mono[10:30]] * 2, atol=1e-6)
    audio[0] = 0
    assert audio[1].any()


def test_a_song_may_lack_stems(musdb):
    (musdb / "train" / "A - One" / "vocals.wav").unlink()
    assert "vocals" not in songs_in(musdb)[0].stems


def test_sums_of_targets(musdb):
    """Files named after several targets, and the bandwidth that a song's song.json gives."""
    song = musdb / "train" / "A - One"
    for name, new in (("drums", "drums+bass+other"), ("bass", "other+bass")):
        (song / f"{name}.wav").rename(song / f"{new}.wav")
    (song / "song.json").write_text('{"stems": {"vocals": {"bandwidth": 8500}, "other": {"seconds": 1}}}')
    found = songs_in(musdb)[0]
    assert list(found.stems) == ["vocals", "drums+bass+other", "bass+other", "other"]
    assert found.bandwidths == {"vocals": 8500}
    assert found.parts == ("vocals", "other")  # the sums have the other stem once more
    (song / "drums+bass+other.wav").rename(song / "accompaniment.wav")
    assert songs_in(musdb)[0].stems["drums+bass+other"] == song / "accompaniment.wav"
    (song / "other.wav").unlink()
    (song / "other+bass.wav").unlink()
    assert songs_in(musdb)[0].parts == ("vocals", "drums+bass+other")
    assert [targets_of(name) for name in ("mixture", "drums+piano", "", "instrumental")] == [
        (),
        (),
        (),
        ("drums", "bass", "other"),
    ]


def test_unfinished_songs_are_left_out(musdb):
    (musdb / "train" / "A - One").rename(musdb / "train" / ".A - One.part")
    assert len(songs_in(musdb)) == 1
    (musdb / "train" / "B - Zwei & Ä").rename(musdb / "train" / ".A - One.part" / "B")
    with pytest.raises(DataError, match="found none"):
        songs_in(musdb)


def test_links_and_suffixes_in_upper_case(musdb, tmp_path):
    song = musdb / "train" / "A - One"
    (song / "bass.wav").rename(song / "bass.WAV")
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "link").symlink_to(song)
    (tmp_path / "chosen" / "loop").symlink_to(tmp_path / "chosen")
    (found,) = songs_in(tmp_path / "chosen")
    assert found.path == tmp_path / "chosen" / "link"
    assert list(found.stems) == list(TARGETS)


def test_what_is_refused(musdb, tmp_path):
    song = musdb / "train" / "A - One"
    with pytest.raises(DataError, match=r"no such folder: .*empty"):
        songs_in(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"found none: .*empty"):
        songs_in(tmp_path / "empty")
    sf.write(song / "bass.flac", np.zeros((3000, 2)), 44100)
    with pytest.raises(DataError, match=r"expected one file of bass, got two: .*bass\..* and .*bass\."):
        songs_in(musdb)
    (song / "bass.flac").unlink()
    sf.write(song / "bass.wav", np.zeros((2999, 2)), 44100)
    with pytest.raises(DataError, match=r"one length, got samples: bass 2999, drums 3000.*A - One"):
        songs_in(musdb)
    sf.write(song / "bass.wav", np.zeros((3000, 2)), 48000)
    with pytest.raises(DataError, match=r"44100 Hz and 1 or 2 channels, got 48000 Hz, 2 channels: .*bass.wav"):
        songs_in(musdb)
    (song / "bass.wav").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"expected an audio file .*bass.wav"):
        songs_in(musdb)


def test_reading_past_the_end(musdb):
    with pytest.raises(DataError, match=r"expected 100 samples, got 50 samples from 2950: .*drums.wav"):
        songs_in(musdb)[0].read("drums", 2950, 100)
