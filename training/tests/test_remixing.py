"""The changes that remixers make to stems."""

import numpy as np
import pytest
from lightsaft_train.data.remixing import chopped, falling, frozen, gate, resampled, swelling, widened

RATE = 44100


def test_a_gate_opens_and_closes():
    gains = np.stack([gate(np.random.default_rng(seed), 66150) for seed in range(20)])
    assert gains.dtype == np.float32
    assert gains.min() >= 0
    assert gains.max() <= 1.001
    assert ((gains > 0.99).mean(axis=1) > 0.2).all()
    assert ((gains < 0.01).mean(axis=1) > 0.1).all()


def test_chops_are_loud_slices_that_start_hard():
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 90000)).astype(np.float32)
    noise[:, 30000:60000] *= 5  # slices begin at loud places
    kept, silent, levels = noise.copy(), [], []
    for seed in range(20):
        audio = chopped(noise, np.random.default_rng(seed), 66150)
        assert audio.shape == (2, 66150)
        assert audio.dtype == np.float32
        silent.append(np.mean(audio == 0))
        assert np.abs(audio).max() <= np.abs(noise).max() * 1.3  # resampled slices may overshoot
        levels.append(np.sqrt(np.mean(np.square(audio[audio != 0]))))
    assert 0.2 < np.mean(silent) < 0.9
    assert np.median(levels) > 1.1 * np.sqrt(np.mean(np.square(noise)))
    np.testing.assert_array_equal(noise, kept)
    rises = []
    for seed in range(20):
        gain = chopped(np.ones((2, 90000), np.float32), np.random.default_rng(seed), 66150)[0]
        starts = np.flatnonzero((gain[1:] > 0) & (gain[:-1] == 0))
        rises += [gain[start : start + 80].max() > 0.95 for start in starts if start < 66000]
    assert len(rises) > 40
    assert np.mean(rises) > 0.9


def test_speed_moves_the_pitch():
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100).astype(np.float32)
    faster = resampled(np.stack([tone, tone]), 1.25)
    assert faster.shape == (2, 35280)
    assert np.abs(np.fft.rfft(faster[0, :35280])).argmax() * 44100 / 35280 == pytest.approx(1250, abs=2)


def test_a_hit_whose_pitch_falls_ends_at_its_own():
    tone = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
    for seed in range(5):
        hit = falling(np.stack([tone, tone]), np.random.default_rng(seed))[0]
        crossings = np.flatnonzero((hit[1:] >= 0) & (hit[:-1] < 0))
        periods = np.diff(crossings) / RATE
        assert 1 / periods[0] > 550
        assert 1 / np.median(periods[-100:]) == pytest.approx(500, rel=0.02)


def test_a_frozen_moment_sounds_on_behind_a_voice_that_ends():
    voice = np.zeros((2, 2 * RATE), np.float32)
    voice[:, :RATE] = 0.3 * np.sin(2 * np.pi * 700 * np.arange(RATE) / RATE)
    kept = voice.copy()
    for seed in range(5):
        end = frozen(voice, np.random.default_rng(seed))[:, -RATE:]
        assert np.sqrt(np.mean(np.square(end))) > 0.01
        spectrum = np.square(np.abs(np.fft.rfft(end[0])))
        assert spectrum[600:800].sum() > 0.9 * spectrum.sum()
    np.testing.assert_array_equal(voice, kept)
    assert not frozen(np.zeros((2, RATE), np.float32), np.random.default_rng(0)).any()


def test_swells_come_before_their_sound():
    click = np.zeros((2, RATE), np.float32)
    click[:, RATE // 2] = 1
    for seed in range(5):
        energy = np.square(swelling(click, np.random.default_rng(seed))).sum(axis=0)
        assert energy[: RATE // 2].sum() > 100 * energy[RATE // 2 + 1 :].sum()
        assert energy[RATE // 4 : RATE // 2].sum() > energy[: RATE // 4].sum()


def test_widened_audio_has_loud_sides():
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    for audio in (np.stack([noise, noise]), np.stack([noise, 0.5 * np.roll(noise, 500)])):
        for seed in range(5):
            wide = widened(audio, np.random.default_rng(seed))
            assert wide.dtype == np.float32
            np.testing.assert_allclose(wide.sum(axis=0), audio.sum(axis=0), atol=1e-6)
            ratio = 10 * np.log10(np.mean(np.square(wide[0] - wide[1])) / np.mean(np.square(wide.sum(axis=0))))
            assert -9.1 < ratio < 0.1
    silence = np.zeros((2, 100), np.float32)
    np.testing.assert_array_equal(widened(silence, np.random.default_rng(0)), silence)
