"""Synthesisers: pitches, onsets, lengths, levels, the same seed gives the same samples."""

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pedalboard")

from lightsaft_train.pool.instruments import synth_bass, synth_voices, synths
from lightsaft_train.pool.score.notes import SAMPLE_RATE, Note, Part, frequency

STYLES = ("pad", "pluck", "arpeggio", "lead", "chords", "riff", "")
LINE = Part("bass", 38, tuple(Note(0.25 * i, 0.2, 33 + 2 * (i % 4), 100) for i in range(8)))
BEAT = Part("drums", 0, tuple(Note(0.25 * i, 0.1, (36, 42, 38, 46)[i % 4], 100) for i in range(8)))


def chords(style):
    return Part("other", 80, tuple(Note(0.5 * i, 0.4, 57 + p, 90) for i in range(4) for p in (0, 4, 7)), style)


def renderings(rng, seconds=2.0):
    yield synths.bass(LINE, seconds, rng, tempo=120.0)
    yield synths.drums(BEAT, seconds, rng)
    yield synths.effects(seconds, 120.0, rng)
    for style in STYLES:
        yield synths.other(chords(style), seconds, rng, tempo=120.0)


def strength(audio, hertz, cents=60):
    """The share of the energy of audio's middle channel that is within the given number of cents of a frequency."""
    power = np.abs(np.fft.rfft(audio.mean(0) * np.hanning(audio.shape[1]))) ** 2
    bins = np.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE)
    near = np.abs(np.log2(np.maximum(bins, 1) / hertz)) < cents / 1200
    return power[near].sum() / power.sum()


@pytest.mark.parametrize("seed", range(4))
def test_all_are_sound_of_the_length_and_level_asked_for(seed):
    for audio in renderings(np.random.default_rng(seed), 1.9999):
        assert audio.shape == (2, round(1.9999 * SAMPLE_RATE))
        assert audio.dtype == np.float32
        assert np.isfinite(audio).all()
        assert 0.35 < np.abs(audio).max() < 0.71


def test_the_same_seed_gives_the_same_samples_and_another_one_others():
    first, again, other = (list(renderings(np.random.default_rng(seed), 0.6)) for seed in (5, 5, 6))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_no_notes_are_silence():
    rng, nothing = np.random.default_rng(0), Part("other", 0, ())
    late = Part("other", 0, (Note(5.0, 1.0, 60, 100),))
    for part in (nothing, late):
        for audio in (synths.bass(part, 1.0, rng), synths.drums(part, 1.0, rng), synths.other(part, 1.0, rng)):
            assert audio.shape == (2, SAMPLE_RATE)
            assert not audio.any()


def test_notes_may_stick_out_at_both_ends():
    rng = np.random.default_rng(0)
    part = Part("bass", 0, (Note(-0.2, 0.5, 40, 100), Note(0.9, 3.0, 45, 1)))
    for seconds in (1.0, 0.9001):
        assert np.isfinite(synths.bass(part, seconds, rng)).all()
        assert np.isfinite(synths.other(part, seconds, rng)).all()


def test_basses_wait_for_a_late_first_note():
    part = Part("bass", 0, (Note(3.0, 0.5, 40, 100),))
    for seed in range(20):
        audio = synths.bass(part, 4.0, np.random.default_rng(seed))
        assert np.isfinite(audio).all()
        assert np.abs(audio[:, : 3 * SAMPLE_RATE - 50]).max() < 0.01
        assert np.abs(audio).max() > 0.35


@pytest.mark.parametrize("maker", ["_sub", "_808", "_filtered", "_off_beat", "_legato", "_reese", "_acid", "_plucked"])
def test_basses_are_in_tune(maker):
    for seed in range(3):
        notes = [Note(0.0, 2.0, 40, 110)]
        sound = getattr(synth_bass, maker)(notes, 2 * SAMPLE_RATE, 120.0, np.random.default_rng(seed))
        partials = sum(strength(sound[None, 4000:], frequency(40) * k) for k in (0.5, 1, 2, 3, 4, 5, 6, 7, 8))
        assert partials > 0.7, seed


def test_others_are_in_tune_and_follow_the_notes():
    for style in STYLES[:-1]:
        for seed in range(3):
            part = Part("other", 80, (Note(0.0, 1.5, 69, 100),), style)
            audio = synths.other(part, 1.5, np.random.default_rng(seed))
            right = sum(strength(audio, 440 * k, 80) for k in (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8))
            wrong = sum(strength(audio, 466.16 * 1.06 * k, 40) for k in (1, 2, 3))
            assert right > 8 * wrong, (style, seed)


def test_oscillators_hardly_alias():
    hertz = np.full(synth_voices.ticks(SAMPLE_RATE), 1000.0)
    for shape in (synth_voices.SAW, synth_voices.PULSE):
        none = np.zeros(0, np.int64)
        sound = synth_voices.oscillate(hertz, none, SAMPLE_RATE, 0.0, shape, np.full(len(hertz), 0.3))
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(SAMPLE_RATE)))
        harmonic = np.abs((np.arange(len(spectrum)) + 500) % 1000 - 500) < 5
        assert spectrum[~harmonic][:10000].max() < 0.01 * spectrum.max()
        assert abs(sound.mean()) < 0.01


def test_a_loop_has_its_pitch_and_repeats():
    gains = np.full((2, 1), 0.7)
    loop = synth_voices.unison(69, 1 / np.arange(1, 50), np.ones(1), gains, np.random.default_rng(0))
    assert strength(loop, 440, 5) > 0.5
    np.testing.assert_array_equal(synth_voices.cut(loop, synth_voices.LOOP - 3, 6)[:, 3:], loop[:, :3])


def test_a_moving_filter_shuts():
    noise = np.random.default_rng(0).standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    cutoff = np.where(np.arange(synth_voices.ticks(SAMPLE_RATE)) < 1378, 15000.0, 100.0)
    out = synth_voices.sweep(noise, cutoff, 0.7, synth_voices.LOW)
    assert out[:, 1000:22000].std() > 0.7
    assert out[:, 24000:].std() < 0.15


def test_a_chorus_is_finite_and_late():
    click = np.zeros((2, SAMPLE_RATE), np.float32)
    click[:, 1000] = 1
    out = synth_voices.chorus(click, 1.0, 0.001, 0.01, 0.25)
    assert (np.abs(np.argmax(out, axis=1) - 1441) < 60).all()


def test_drums_start_where_they_are_hit():
    for seed in range(6):
        part = Part("drums", 0, (Note(0.5, 0.1, 36, 120), Note(1.25, 0.1, 38, 120)))
        audio = np.abs(np.diff(synths.drums(part, 2.0, np.random.default_rng(seed)))).max(0)
        assert audio[: int(0.499 * SAMPLE_RATE)].max() < 0.01
        for onset in (0.5, 1.25):
            first = round(onset * SAMPLE_RATE)
            before, after = audio[first - 4000 : first - 50].mean(), audio[first : first + 1500].mean()
            assert after > 3 * before, seed


def test_every_drum_sounds_and_a_closed_hat_chokes_an_open_one():
    from lightsaft_train.pool.instruments import synth_drums

    kit = synth_drums.SynthKit(np.random.default_rng(1))
    for pitch in range(27, 88):
        hit = kit.hit(pitch, 100)
        assert np.isfinite(hit).all()
        assert 0.02 < np.abs(hit).max() < 3, pitch
        assert np.abs(hit[:, -2:]).max() < 0.01
    assert np.abs(kit.hit(46, 30)).max() < np.abs(kit.hit(46, 120)).max()
    choked = synth_drums._choked(kit.hit(46, 100), 0.05)
    assert choked.shape[1] == round(0.05 * SAMPLE_RATE) + 300
    assert choked[0, -1] == 0


def test_ducking_turns_down_at_the_onsets_and_recovers():
    audio = np.ones((2, 3 * SAMPLE_RATE), np.float32)
    for seed in range(5):
        out = synths.duck(audio, [2.0, 1.0], np.random.default_rng(seed))
        assert audio.min() == 1
        for onset in (1.0, 2.0):
            first = round(onset * SAMPLE_RATE)
            assert 0.09 < out[0, first + 20] < 0.75
            assert out[0, first - 1000] > 0.99
            assert out[0, first + int(0.36 * SAMPLE_RATE)] > 0.99
    np.testing.assert_array_equal(synths.duck(audio, [], np.random.default_rng(0)), audio)
