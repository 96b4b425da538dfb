"""Remixed voices: each way of remixing does what its name says."""

import numpy as np
import pytest
from lightsaft_train.pool.score.notes import SAMPLE_RATE
from lightsaft_train.pool.voices import remix

TEMPO, KEY = 120.0, (9, True)
WAYS = {
    remix.stutter: (TEMPO,),
    remix.reverse_bars: (TEMPO,),
    remix.filter_sweep: (TEMPO,),
    remix.varispeed: (),
    remix.vocode: (TEMPO, *KEY),
}


def tone(hertz, seconds=4.0):
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.repeat(0.3 * np.sin(2 * np.pi * hertz * time)[None], 2, axis=0).astype(np.float32)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_voice_is_changed_as_long_as_before(way):
    voice = tone(440) * np.linspace(0, 1, 4 * SAMPLE_RATE, dtype=np.float32)
    before = voice.copy()
    changed = way(voice, *WAYS[way], np.random.default_rng(1))
    np.testing.assert_array_equal(voice, before)
    assert changed.shape == voice.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed - voice).max() > 0.05


def test_most_are_left_alone_and_none_is_louder():
    voice = tone(300)
    changed = [remix.remix(voice, TEMPO, *KEY, np.random.default_rng(seed)) for seed in range(30)]
    assert 15 <= sum(one is voice for one in changed) < 30
    assert max(np.abs(one).max() for one in changed) <= np.abs(voice).max() * 1.0001


def test_varispeed_moves_pitch():
    changed = remix.varispeed(tone(440), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(changed[0, :SAMPLE_RATE] * np.hanning(SAMPLE_RATE)))
    semitones = 12 * np.log2(spectrum.argmax() / 440)
    assert min(abs(semitones - wanted) for wanted in (-12, -7, -5, -3, 3, 5, 7, 12)) < 0.1


def test_vocoder_is_silent_where_the_voice_is_and_in_its_bands():
    voice = tone(1000)
    voice[:, 2 * SAMPLE_RATE :] = 0
    changed = remix.vocode(voice, TEMPO, *KEY, np.random.default_rng(2))
    wet = changed - voice * (np.vdot(changed, voice) / np.vdot(voice, voice))
    assert np.square(wet[:, : 2 * SAMPLE_RATE]).mean() > 1e3 * np.square(wet[:, -SAMPLE_RATE:]).mean()
    power = np.square(np.abs(np.fft.rfft(wet[0, :SAMPLE_RATE])))
    assert power[600:1600].sum() > 0.9 * power.sum()
