"""Voices: catalogue, analysis, re-synthesis and vocal stems, of tiny made-up singers."""

import numpy as np
import pytest
import soundfile
from lightsaft_train.pool.licences import licence_of
from lightsaft_train.pool.score.notes import SAMPLE_RATE, Note, Part
from lightsaft_train.pool.voices import melody as vocal_melody
from lightsaft_train.pool.voices import modes as vocal_modes
from lightsaft_train.pool.voices import production as vocal_chain
from lightsaft_train.pool.voices import recordings as voices
from lightsaft_train.pool.voices import singing, world
from lightsaft_train.pool.voices.singing import sing
from lightsaft_train.pool.voices.singing_session import SingingSession
from scipy.signal import lfilter


def sung(hertz, seconds=1.5, syllables=3):
    """A buzz (samples,) through two formants, in syllables."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    x = np.diff(np.floor(hertz * times), prepend=0) + 1e-3 * np.random.default_rng(0).standard_normal(len(times))
    for formant in (700, 1800):
        radius = 0.98
        x = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * formant / SAMPLE_RATE), radius**2], x)
    swell = np.minimum(1, 8 * np.abs(np.sin(np.pi * syllables * times / seconds)) ** 2)
    return (0.3 * x * swell / np.abs(x).max()).astype(np.float32)


def recited(hertz, count=3, syllables=6, pause=0.5):
    """Phrases (samples,) of 2.5 s with pauses between them."""
    phrase = np.concatenate([sung(hertz, 2.5, syllables), np.zeros(round(pause * SAMPLE_RATE), np.float32)])
    return np.tile(phrase, count)


def fundamental(x):
    """Hz of the first high peak of the autocorrelation of mono audio."""
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    correlation = np.fft.irfft(power)[: SAMPLE_RATE // 60]
    first = SAMPLE_RATE // 1000
    high = first + np.flatnonzero(correlation[first:] > 0.85 * correlation[first:].max())[0]
    return SAMPLE_RATE / (high + correlation[high : high + high // 5].argmax())


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A catalogue with a recording or two of each kind."""
    folder = tmp_path_factory.mktemp("vocals")
    names = (
        "sung/shv_f_124/shv___f_minor___a",
        "sung/etv_ebj_136_phrase/etv___eb_major",
        "pjs/p1",
        "alys/c4_a",
        "yuki/0",
    )
    for index, name in enumerate((*names, "orks/argh", "spoken/dvs1/hey")):
        path = folder / f"{name}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        rate = 48000 if "pjs" in name else SAMPLE_RATE
        soundfile.write(path, sung(150 + 40 * index, 1.0), rate)
    for name, hertz in (("ibuki/1_C3.ogg", 130), ("alys_a4_e4/1_A4.ogg", 440), ("iona/a.ogg", 250)):
        (folder / name).parent.mkdir()
        soundfile.write(folder / name, sung(hertz, 1.0), SAMPLE_RATE)
    for name in ("chant/Tzav-1.mp3", "trope/hhd-1.mp3"):
        (folder / name).parent.mkdir()
        soundfile.write(folder / name, recited(130), SAMPLE_RATE)
    return voices.catalogue(folder)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for analyses."""
    return tmp_path_factory.mktemp("cache")


def test_catalogue_tells_kind_key_and_tempo(recordings):
    found = {r.singer: (r.kind, r.tonic, r.minor, r.tempo) for r in recordings}
    assert found["shv_f_124"] == ("sung", 5, True, 124.0)
    assert found["etv_ebj_136_phrase"] == ("sung", 3, False, 136.0)
    assert found["dvs1"] == ("spoken", None, None, None)
    assert [r.path for r in recordings] == sorted(r.path for r in recordings)
    assert {r.name for r in recordings} >= {"pjs/p1.ogg", "spoken/dvs1/hey.ogg"}


def test_held_out_voices_never_come_into_the_catalogue(tmp_path):
    held_out = ("chant/Bamidbar-1.mp3", "chant/Shlach-5.mp3", "nit_song070/a.ogg")
    others = ("chant/Tzav-1.mp3", "ibuki/1_C3.ogg", "trope/hhd-1.ogg")
    for name in (*held_out, *others, "trope/torah-1.ogg", "chant/about.txt", "elsewhere/a.ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert tuple(r.name for r in voices.catalogue(tmp_path)) == others


@pytest.mark.parametrize("kind", [*voices.KINDS, *voices.SPEAKERS])
def test_every_kind_has_its_licence(kind):
    assert licence_of(f"voices {kind}")


def test_speakers_are_one_for_each_language(tmp_path):
    for name in ("klettres/en/alpha/a.ogg", "klettres/en/syllab/ba.ogg", "klettres/hu/alpha/a.ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "ktuberling" / "sounds" / "da").mkdir(parents=True)
    for name in ("eye.wav", "eye.txt"):
        (tmp_path / "ktuberling" / "sounds" / "da" / name).touch()
    found = [(r.kind, r.singer, r.path.name) for r in voices.speakers(tmp_path)]
    assert found == [("klettres", "en", "a.ogg"), ("klettres", "en", "ba.ogg"), ("ktuberling", "da", "eye.wav")]
    assert voices.speakers(tmp_path / "none") == ()


def test_load_resamples_to_stereo(recordings):
    audio = voices.load(next(r for r in recordings if r.kind == "pjs").path)
    assert audio.shape[0] == 2
    assert audio.dtype == np.float32
    assert audio.shape[1] == pytest.approx(SAMPLE_RATE * SAMPLE_RATE / 48000, rel=0.1)


def test_phrases_are_cut_at_pauses(recordings):
    chant = next(r for r in recordings if r.kind == "chant")
    parts = voices.phrases(chant)
    assert [part.span[0] for part in parts] == pytest.approx([0, 2.75, 5.75], abs=0.35)
    assert all(part.name == chant.name for part in parts)
    for part in parts:
        assert 2.0 < voices.load(part.path, part.span).shape[1] / SAMPLE_RATE < 2.8


def test_phrases_without_pauses_are_short(tmp_path):
    soundfile.write(tmp_path / "a.ogg", sung(130, 21, 1), SAMPLE_RATE)
    spans = [part.span for part in voices.phrases(voices.Recording(tmp_path / "a.ogg", "chant"))]
    assert len(spans) >= 3
    assert all(2 <= stop - start <= 8 for start, stop in spans)


def test_reciting_pitch_is_the_one_held_longest():
    x = np.concatenate([sung(110, 1.0, 1), sung(146.8, 2.0, 1)])
    assert world.reciting_pitch(x) == 50


def test_resing_keeps_or_moves_pitch_and_length():
    voice = world.analyse(sung(220, syllables=1))
    for transpose, formant, stretch in ((0, 1, 1), (5, 1.1, 1), (-7, 0.9, 1.3)):
        x = world.resing(voice, np.random.default_rng(1), transpose, formant=formant, stretch=stretch, loose=0)
        assert x.dtype == np.float32
        assert len(x) == pytest.approx(1.5 * stretch * SAMPLE_RATE, rel=0.03)
        assert fundamental(x) == pytest.approx(220 * 2 ** (transpose / 12), rel=0.02)


def test_formants_move_and_stay():
    voice = world.analyse(sung(110, 0.6, 1))
    peaks = []
    for formant in (0.85, 1.0, 1.2):
        again = world.analyse(world.resing(voice, np.random.default_rng(0), 3, formant=formant))
        mean = again.envelope[again.f0 > 0].mean(axis=0)
        peaks.append(world.GRID[mean[:64].argmax()])
    assert peaks == pytest.approx([700 * 0.85, 700, 700 * 1.2], rel=0.12)


def test_analysis_is_cached_and_the_same(recordings, cache):
    first = world.voice_of(recordings[0], cache)
    kept = list(cache.iterdir())
    second = world.voice_of(recordings[0], cache)
    assert list(cache.iterdir()) == kept
    for name in ("f0", "envelope", "aperiodicity"):
        assert getattr(first, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_scale_steps():
    np.testing.assert_array_equal(world.snap(np.array([60.2, 61.4, 65.6]), 0, False), [60, 62, 65])
    np.testing.assert_array_equal(world.climb(np.array([60, 62, 71]), 2, 0, False), [64, 65, 74])
    np.testing.assert_array_equal(world.climb(np.array([60]), -7, 0, True), [48])


def test_perform_sings_the_notes_in_time():
    voice = world.analyse(sung(200))
    notes = (Note(0.5, 0.7, 57, 100), Note(1.5, 0.7, 64, 100))
    x = vocal_melody.perform(voice, notes, 2.5, np.random.default_rng(0), hard=True)
    assert len(x) == round(2.5 * SAMPLE_RATE)
    for note in notes:
        middle = x[round((note.start + 0.15) * SAMPLE_RATE) : round((note.start + 0.55) * SAMPLE_RATE)]
        assert fundamental(middle) == pytest.approx(440 * 2 ** ((note.pitch - 69) / 12), rel=0.02)
    level = np.abs(x)
    assert level[: round(0.4 * SAMPLE_RATE)].max() < 0.02 * level.max()
    assert level[round(1.28 * SAMPLE_RATE) : round(1.42 * SAMPLE_RATE)].max() < 0.02 * level.max()


def test_notes_become_one_line():
    line = vocal_melody.single([Note(0, 2, 60, 90), Note(0, 1, 64, 90), Note(0.5, 1, 62, 90)])
    assert [(n.start, n.duration, n.pitch) for n in line] == [(0, 0.5, 64), (0.5, 1, 62)]


def test_doubling_is_late_and_wide():
    x = sung(220)
    sound = vocal_chain.doublings(x, np.random.default_rng(0), 0.5)
    assert sound.shape == (2, len(x))
    assert np.square(sound[0] - sound[1]).sum() > 0.01 * np.square(sound).sum()
    assert not sound[:, : round(0.003 * SAMPLE_RATE)].any()


@pytest.mark.parametrize("seed", range(6))
def test_stems(recordings, cache, seed):
    """Two of them are sung twice; each way of singing is, below."""
    notes = tuple(Note(i * 0.5, 0.4, 57 + i, 100) for i in range(6))
    part = Part("vocals", 53, notes) if seed % 2 else None
    first, names = sing(part, 3.0, np.random.default_rng(seed), recordings, cache, tempo=124.0)
    assert first.shape == (2, 3 * SAMPLE_RATE)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0.1 < np.abs(first).max() <= 10 ** (-3 / 20) + 1e-6
    if seed < 2:
        again, same = sing(part, 3.0, np.random.default_rng(seed), recordings, cache, tempo=124.0)
        np.testing.assert_array_equal(first, again)
        assert names == same
    assert set(names) <= {r.name for r in recordings}
    assert names


@pytest.mark.parametrize(
    ("mode", "narrow"),
    [(mode, narrow) for narrow, modes in enumerate((singing.MODES, singing.NARROW_MODES)) for mode in modes],
)
def test_every_way_of_singing(recordings, cache, mode, narrow):
    chosen = tuple(r for r in recordings if (r.kind in voices.BANDWIDTHS) == narrow)
    part = Part("vocals", 53, tuple(Note(i * 0.5, 0.4, 57 + i, 100) for i in range(8)))
    takes = []
    for _ in range(2):
        session = SingingSession(4.0, 120.0, 9, True, np.random.default_rng(3), chosen, cache, set())
        takes.append(mode(session, part))
        assert {name.split("/")[0] in voices.BANDWIDTHS for name in session.names} == {narrow}
    for stem, again in zip(*takes, strict=True):
        assert stem.shape == (2, 4 * SAMPLE_RATE)
        assert np.isfinite(stem).all()
        np.testing.assert_array_equal(stem, again)
    assert np.abs(takes[0][0]).max() > 0.01


def test_adlibs_answer_in_pauses(recordings, cache):
    lead = np.zeros((2, 6 * SAMPLE_RATE), np.float32)
    for start in (0, 3):
        lead[:, start * SAMPLE_RATE :][:, :SAMPLE_RATE] = sung(220, 1.0)
    session = SingingSession(6.0, 120.0, 9, True, np.random.default_rng(1), recordings[-5:], cache, set())
    answers = vocal_modes.adlibs(session, lead)
    assert answers.shape == lead.shape
    assert session.names
    assert np.abs(answers[:, : round(0.9 * SAMPLE_RATE)]).max() < 0.01 * np.abs(answers).max()


def test_raps_stay_near_one_pitch_and_fall(cache):
    session = SingingSession(8.0, 100.0, 0, True, np.random.default_rng(0), (), cache, set())
    notes, ends = vocal_modes._rapped(session, 48)
    pitches = np.array([note.pitch for note in notes])
    assert np.abs(np.median(pitches) - 48) <= 1
    assert np.abs(pitches - 48).max() <= 5
    assert ends
    for _, stop in ends:
        assert [note.pitch for note in notes if note.start < stop][-1] < 48


def test_few_stems_lack_treble_and_none_mixes_them(recordings):
    rng, drawn = np.random.default_rng(0), []
    for _ in range(400):
        chosen, narrow = singing._of_one_bandwidth(recordings, rng)
        assert {r.kind in voices.BANDWIDTHS for r in chosen} == {narrow}
        drawn.append(narrow)
    assert 0.1 < np.mean(drawn) < 0.25


def test_voices_in_front_are_drier():
    lead = np.zeros((2, 2 * SAMPLE_RATE), np.float32)
    lead[:, :SAMPLE_RATE] = 0.3 * sung(220, 1.0, 1)
    after = []
    for front in (True, False):
        stems = [vocal_chain.produce(lead, 0 * lead, 120, np.random.default_rng(seed), front) for seed in range(12)]
        assert all(0.3 < np.abs(stem).max() <= 10 ** (-3 / 20) + 1e-6 for stem in stems)
        tails = [np.square(x[:, round(1.2 * SAMPLE_RATE) :]).sum() / np.square(x).sum() for x in stems]
        after.append(10 * np.log10(np.median(tails) + 1e-9))
    assert after[0] < after[1] - 10
