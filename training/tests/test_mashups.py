"""Mashups, rendered from tiny recordings, and their scores."""

import collections
import dataclasses
import json

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.data.songs import Song
from lightsaft_train.errors import DataError
from lightsaft_train.evaluation import score, summary
from lightsaft_train.pool.real import mashups
from lightsaft_train.pool.real.instrumentals import Piece
from lightsaft_train.pool.real.mashups import Row, recipe, render_mashups
from lightsaft_train.pool.voices.recordings import HELD_OUT, _fits

SUM = "drums+bass+other"
PIECE = Piece("tiny", "1", "usr/a.ogg", 9.0, "rock", "GPL-2", "music", "0")
DRY = Row("01 dry", "singer/a.ogg", 0.5, 2.0, "dry", 1, PIECE.name, 1.0, -19.5, -16.0, 0.0)
DULL = Row("02 dull", "singer/a.ogg", 0.0, -1.0, "produced", 2, PIECE.name, 0.0, -18.0, -18.5, 8500.0)


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Seven seconds of a voice and an instrumental, both noise, for songs of four seconds."""
    rng = np.random.default_rng(0)
    (tmp_path / "vocals" / "singer").mkdir(parents=True)
    sf.write(tmp_path / "vocals" / "singer" / "a.ogg", 0.1 * rng.standard_normal(7 * 48000), 48000)
    noise = 0.3 * rng.standard_normal((2, 7 * 44100)).astype(np.float32)
    monkeypatch.setattr(mashups, "SECONDS", 4.0)
    monkeypatch.setattr(mashups, "pieces", lambda folder: [PIECE])
    monkeypatch.setattr(
        mashups, "decoded", lambda listed, wanted, packages: [(piece, noise, [piece.name]) for piece in wanted]
    )
    return tmp_path


def stems_of(folder):
    return {path.stem: sf.read(path)[0] for path in folder.glob("*.wav")}


def decibels(audio):
    return 10 * np.log10(np.mean(np.square(audio)))


def test_songs_are_at_their_levels_and_repeatable(recordings):
    for tree in ("a", "b"):
        render_mashups(recordings, recordings / tree, rows=[DRY, DULL])
    for row in (DRY, DULL):
        stems = stems_of(recordings / "a" / row.song)
        assert set(stems) == {"vocals", SUM}
        assert all(audio.shape == (4 * 44100, 2) for audio in stems.values())
        assert np.abs(sum(stems.values())).max() < 1
        assert decibels(stems["vocals"]) == pytest.approx(row.vocals_level, abs=0.1)
        assert decibels(stems[SUM]) == pytest.approx(row.accompaniment_level, abs=0.1)
        for path in (recordings / "a" / row.song).iterdir():
            assert path.read_bytes() == (recordings / "b" / row.song / path.name).read_bytes()


def test_a_dull_voice_makes_a_dull_song(recordings):
    render_mashups(recordings, recordings / "tree", rows=[DRY, DULL])

    def high(song):
        spectra = [np.abs(np.fft.rfft(audio[:, 0])) ** 2 for audio in stems_of(recordings / "tree" / song).values()]
        return [spectrum[4 * 9500 :].sum() / spectrum.sum() for spectrum in spectra]

    assert max(high(DULL.song)) < 1e-3
    assert min(high(DRY.song)) > 0.05


def test_loud_songs_stay_below_full_scale_with_their_balance(recordings):
    row = dataclasses.replace(DRY, vocals_level=-6.0, accompaniment_level=-4.0)
    render_mashups(recordings, recordings / "tree", rows=[row])
    stems = stems_of(recordings / "tree" / row.song)
    assert np.abs(sum(stems.values())).max() <= 0.981
    assert decibels(stems["vocals"]) - decibels(stems[SUM]) == pytest.approx(-2, abs=0.1)


def test_only_missing_and_changed_songs_are_rendered(recordings):
    seen = []
    render_mashups(recordings, recordings / "tree", rows=[DRY, DULL])
    louder = dataclasses.replace(DULL, vocals_level=-17.0)
    render_mashups(recordings, recordings / "tree", rows=[DRY, louder], progress=lambda *counts: seen.append(counts))
    assert seen == [(2, 2)]
    assert json.loads((recordings / "tree" / DULL.song / "song.json").read_text())["vocals_level"] == -17.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voice": "singer/none.ogg"}, "expected a recorded voice"),
        ({"voice_start": 4.0}, "the file is shorter"),
        ({"start": 5.0}, "the piece is shorter"),
        ({"instrumental": "tiny/b"}, "the list of instrumentals lacks: tiny/b"),
        ({"production": "wet"}, "expected a production of dry or produced, got wet"),
    ],
)
def test_what_is_refused(recordings, change, message):
    with pytest.raises(DataError, match=message):
        render_mashups(recordings, recordings / "tree", rows=[dataclasses.replace(DRY, **change)])


def test_the_recipe():
    rows = recipe()
    assert 14 <= len(rows) <= 16
    assert len({row.song for row in rows}) == len(rows)
    assert all(_fits(row.voice, HELD_OUT) for row in rows)
    assert all(row.low_pass == (8500 if row.voice.startswith("chant/") else 0) for row in rows)
    assert max(abs(row.semitones) for row in rows) <= 2
    assert collections.Counter(row.production for row in rows) == {"dry": 8, "produced": 8}
    for level, mean in (("vocals_level", -19.5), ("accompaniment_level", -16.0)):
        levels = [getattr(row, level) for row in rows]
        assert np.mean(levels) == pytest.approx(mean, abs=0.1)
        assert np.abs(np.array(levels) - mean).max() <= 2.5


def test_a_recipe_with_a_wrong_column(tmp_path):
    (tmp_path / "mashups.tsv").write_text("song\tvoice\nx\ty\n")
    with pytest.raises(DataError, match=r"expected the columns song, voice, .*mashups.tsv"):
        recipe(tmp_path / "mashups.tsv")


def test_scores(recordings):
    """A separator that knows the stems, and one that is silent."""
    render_mashups(recordings, recordings / "tree", rows=[DRY])
    folder = recordings / "tree" / DRY.song
    track = Song(folder, {name: folder / f"{name}.wav" for name in ("vocals", SUM)}, 4 * 44100)
    stems = {name: track.read(name, 0, track.samples) for name in track.stems}

    class Perfect:
        def separate(self, mixture, *, sample_rate):
            np.testing.assert_allclose(mixture, sum(stems.values()), atol=1e-6)
            parts = zip(("drums", "bass", "other"), (0.25, 0.25, 0.5), strict=True)
            return {"vocals": stems["vocals"]} | {target: part * stems[SUM] for target, part in parts}

    class Silent:
        def separate(self, mixture, *, sample_rate):
            return dict.fromkeys(("vocals", "drums", "bass", "other"), 0 * mixture)

    scores = score(Perfect(), [track])
    assert list(scores) == [DRY.song]
    assert list(scores[DRY.song]) == ["vocals", SUM]
    assert min(scores[DRY.song].values()) > 80
    silent = score(Silent(), [track])
    assert silent[DRY.song] == pytest.approx({"vocals": 0.0, SUM: 0.0}, abs=1e-3)
    two = {"x": {"vocals": 1.0, SUM: 5.0}, "y": {"vocals": 2.0, SUM: 7.0}}
    assert summary(two) == {"vocals": 1.5, SUM: 6.0, "mean": 3.75}
