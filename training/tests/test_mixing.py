"""Training mixtures."""

import dataclasses

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.data import mixing
from lightsaft_train.data.augment import HEAVY, augmented
from lightsaft_train.data.mastering import band_limited, mastered
from lightsaft_train.data.mixing import Mixer, levelled
from lightsaft_train.data.songs import TARGETS, songs_in
from lightsaft_train.errors import DataError

SAMPLES = 20000


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Songs whose stems are tones: of 200, 300, 400 and 500 Hz times the song's number."""
    root = tmp_path_factory.mktemp("songs")
    time = np.arange(2 * SAMPLES) / 44100
    for song in (1, 2, 3):
        (root / str(song)).mkdir()
        for index, target in enumerate(TARGETS):
            tone = 0.3 * np.sin(2 * np.pi * song * (200 + 100 * index) * time)
            sf.write(root / str(song) / f"{target}.wav", np.stack([tone, tone], axis=1), 44100)
    return tuple(songs_in(root))


def test_a_step_is_drawn_from_its_number_alone(tracks):
    mixture, stems, members = Mixer(tracks, SAMPLES).batch(7, 3)
    assert mixture.shape == (3, 2, SAMPLES)
    assert stems.shape == (3, 4, 2, SAMPLES)
    assert mixture.dtype == stems.dtype == members.dtype == np.float32
    np.testing.assert_array_equal(members, [np.eye(4)] * 3)
    again = Mixer(tracks, SAMPLES).batch(7, 3)
    np.testing.assert_array_equal(again[0], mixture)
    assert not np.array_equal(Mixer(tracks, SAMPLES).batch(8, 3)[0], mixture)
    assert not np.array_equal(Mixer(tracks, SAMPLES, seed=1).batch(7, 3)[0], mixture)


def test_stems_sum_to_the_mixture_unless_it_is_clipped(tracks):
    mixer = Mixer(tracks, SAMPLES)
    apart, silent, peaks = 0, np.zeros(4), []
    for step in range(20):
        mixture, stems, _ = mixer.batch(step, 4)
        assert np.isfinite(mixture).all()
        whole = np.abs(stems.sum(axis=1) - mixture).max(axis=(1, 2)) < 1e-5
        apart += np.sum(~whole)
        silent += (~stems.any(axis=(2, 3))).sum(axis=0)
        peaks.append(np.abs(mixture).max())
    assert 0 < apart < 12
    assert (silent > 0).all()
    assert (silent < 45).all()
    assert max(peaks) < 1.01


def test_coherent_mixtures_keep_stems_in_step(tracks, monkeypatch):
    """All stems of one song from one start, unchanged in speed: they have the tones of that song."""
    monkeypatch.setattr(mixing, "COHERENT", 1.0)
    monkeypatch.setattr(mixing, "SILENT", dict.fromkeys(TARGETS, 0.0))
    monkeypatch.setattr("lightsaft_train.data.augment.CHOPPED", {})
    for step in range(5):
        _, stems, _ = Mixer(tracks, SAMPLES).draw(np.random.default_rng(step))
        peaks = np.abs(np.fft.rfft(stems.mean(axis=1) * np.hanning(SAMPLES))).argmax(axis=1) * 44100 / SAMPLES
        ratios = peaks / (200, 300, 400, 500)
        np.testing.assert_allclose(ratios, round(ratios[0]), rtol=0.02)


def test_stems_of_different_songs(tracks, monkeypatch):
    monkeypatch.setattr(mixing, "COHERENT", 0.0)
    monkeypatch.setattr(mixing, "SILENT", dict.fromkeys(TARGETS, 0.0))
    monkeypatch.setattr(mixing, "DOUBLED", dict.fromkeys(TARGETS, 0.0))
    monkeypatch.setattr("lightsaft_train.data.augment.SPEED", 0.0)
    monkeypatch.setattr("lightsaft_train.data.augment.PITCH", 0.0)
    monkeypatch.setattr("lightsaft_train.data.augment.CHOPPED", {})
    songs = set()
    for step in range(8):
        _, stems, _ = Mixer(tracks, SAMPLES).draw(np.random.default_rng(step))
        peaks = np.abs(np.fft.rfft(stems.mean(axis=1) * np.hanning(SAMPLES))).argmax(axis=1) * 44100 / SAMPLES
        songs.add(tuple(np.round(peaks / (200, 300, 400, 500)).astype(int)))
    assert any(len(set(song)) > 1 for song in songs)


@pytest.fixture(scope="module")
def tracks_with_sums(tracks, tmp_path_factory):
    """The songs of `tracks`; a song with the sum of drums, bass and other, at 4 kHz; and a song whose voice has nothing
    above 2 kHz."""
    root = tmp_path_factory.mktemp("sums")
    time = np.arange(2 * SAMPLES) / 44100
    for name, hertz in (("pair/vocals", 250), ("pair/instrumental", 4000), ("dull/vocals", 600)):
        (root / name).parent.mkdir(exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * hertz * time)
        sf.write(root / f"{name}.wav", np.stack([tone, tone], axis=1), 44100)
    (root / "dull" / "song.json").write_text('{"stems": {"vocals": {"bandwidth": 2000}}}')
    return (*tracks, *songs_in(root))


def test_partial_labels(tracks_with_sums, monkeypatch):
    """Targets that are known by their sum alone have the row of the sum and no row of their own; the voice is known."""
    monkeypatch.setattr(mixing, "PARTIAL", 1.0)
    monkeypatch.setattr(mixing, "SILENT", dict.fromkeys(TARGETS, 0.0))
    monkeypatch.setattr("lightsaft_train.data.mastering.CLIPPING", 0.0)
    bright = tuple(track for track in tracks_with_sums if not track.bandwidths)
    in_step = 0
    for step in range(30):
        mixture, stems, members = Mixer(bright, SAMPLES).draw(np.random.default_rng(step))
        np.testing.assert_array_equal(members, [[1, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
        np.testing.assert_allclose(stems.sum(axis=0), mixture, atol=1e-5)
        assert stems[:2].any(axis=(1, 2)).all()
        assert not stems[2:].any()
        peaks = np.abs(np.fft.rfft(stems[:, 0] * np.hanning(SAMPLES))).argmax(axis=1) * 44100 / SAMPLES
        assert 2900 < peaks[1] < 5500
        in_step += abs(peaks[0] - 250) < 3 and abs(peaks[1] - 4000) < 3
    assert 2 < in_step < 20


def test_partial_labels_are_a_part_of_the_mixtures(tracks_with_sums, tracks):
    mixer = Mixer(tracks_with_sums, SAMPLES)
    shown = [not np.array_equal(members, np.eye(4)) for members in mixer.batch(0, 200)[2]]
    assert abs(np.mean(shown) - mixing.PARTIAL) < 0.1
    np.testing.assert_array_equal(Mixer(tracks, SAMPLES).batch(0, 50)[2], [np.eye(4)] * 50)


def test_sums_of_some_targets():
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(mixing._members("bass+other"), expected)
    assert mixing.level_of("drums+bass+other")[0] == pytest.approx(10 * np.log10(10**-2.2 + 10**-2.4 + 10**-2.5))


def test_a_mixture_ends_at_the_lowest_bandwidth_of_its_stems(tracks_with_sums, monkeypatch):
    monkeypatch.setattr("lightsaft_train.data.mastering.CLIPPING", 0.0)
    monkeypatch.setattr(mixing, "SILENT", dict.fromkeys(TARGETS, 0.0))
    dull = tuple(track for track in tracks_with_sums if track.bandwidths)
    others = tuple(track for track in tracks_with_sums if "vocals" not in track.stems or len(track.stems) == 4)
    with_voices = [dataclasses.replace(track, stems={t: track.stems[t] for t in TARGETS[1:]}) for track in others]
    for step in range(10):
        mixture, _, _ = Mixer((*dull, *with_voices), SAMPLES).draw(np.random.default_rng(step))
        power = np.square(np.abs(np.fft.rfft(mixture[0] * np.hanning(SAMPLES))))
        assert power[2100 * SAMPLES // 44100 :].sum() < 1e-6 * power.sum()


def test_levels():
    rng = np.random.default_rng(0)
    audio = 0.3 * rng.standard_normal((2, 8000)).astype(np.float32)
    levels = [20 * np.log10(np.sqrt(np.mean(levelled(audio, "vocals", rng) ** 2))) for _ in range(300)]
    assert abs(np.mean(levels) - mixing.LEVELS["vocals"][0]) < 1
    assert abs(np.std(levels) - mixing.LEVELS["vocals"][1]) < 1
    faint = levelled(audio * 1e-5, "vocals", rng)
    assert np.sqrt(np.mean(faint**2)) < 1e-4


def test_changes_leave_their_argument_alone():
    audio = 0.3 * np.random.default_rng(0).standard_normal((2, 30000)).astype(np.float32)
    before = audio.copy()
    samples = int(30000 / mixing.MARGIN)
    for seed in range(60):
        changed = augmented(audio, np.random.default_rng(seed), samples)
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert changed.shape == (2, samples)
        assert augmented(audio, np.random.default_rng(seed), 30000).shape == audio.shape
    np.testing.assert_array_equal(audio, before)


def test_some_basses_keep_only_what_is_low(monkeypatch):
    noise = 0.3 * np.random.default_rng(0).standard_normal((2, 30000)).astype(np.float32)

    def high_share(target, seed):
        power = np.square(np.abs(np.fft.rfft(augmented(noise, np.random.default_rng(seed), 30000, target)[0])))
        return power[30000 * 1000 // 44100 :].sum() / power.sum()

    monkeypatch.setattr("lightsaft_train.data.augment.DEEP", 1.0)
    assert max(high_share("bass", seed) for seed in range(20)) < 0.1
    assert min(high_share("drums", seed) for seed in range(20)) > 0.3


def test_some_drums_are_heavy(monkeypatch):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 44100)).astype(np.float32)

    def low_share(seed):
        power = np.square(np.abs(np.fft.rfft(augmented(noise, np.random.default_rng(seed), 44100, "drums")[0])))
        return power[:60].sum() / power.sum()

    monkeypatch.setattr("lightsaft_train.data.augment.FILTER", 0.0)
    shares = []
    for odds in (0.0, 1.0):
        monkeypatch.setitem(HEAVY, "drums", odds)
        shares.append(np.median([low_share(seed) for seed in range(20)]))
    assert shares[1] > 1.5 * shares[0]


def test_band_limit():
    audio = 0.3 * np.random.default_rng(0).standard_normal((4, 2, 44100)).astype(np.float32)
    limited_audio = band_limited(audio, 10000.0)
    assert limited_audio.dtype == np.float32
    before, after = (np.abs(np.fft.rfft(part)) for part in (audio, limited_audio))
    np.testing.assert_allclose(after[..., :10000], before[..., :10000], rtol=1e-3, atol=1e-2)
    assert after[..., 10000:].max() < 1e-3 * before.max()


def test_a_limiter_keeps_the_mixture_below_full_scale_and_the_sum(monkeypatch):
    monkeypatch.setattr("lightsaft_train.data.mastering.LIMITER", 1.0)
    monkeypatch.setattr("lightsaft_train.data.mastering.CLIPPING", 0.0)
    stems = 0.2 * np.random.default_rng(1).standard_normal((4, 2, 44100)).astype(np.float32)
    stems[:, :, 20000:] *= 0.1
    reductions = []
    for seed in range(8):
        mixture, changed = mastered(stems, np.random.default_rng(seed))
        assert np.abs(mixture).max() < 1.0
        np.testing.assert_allclose(changed.sum(axis=0), mixture, atol=1e-6)
        gains = np.sqrt(np.mean(changed**2, axis=(0, 1)) / np.mean(stems**2, axis=(0, 1)))
        reductions.append(gains[30000:].mean() / gains[:20000].mean())
    assert min(reductions) > 1.0
    assert max(reductions) > 1.3


def test_too_few_or_too_short(tracks):
    with pytest.raises(DataError, match="none has: vocals, drums, bass, other"):
        Mixer(tracks, 2 * SAMPLES)
