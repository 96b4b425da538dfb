"""Levels of chunks: measured against the samples, and what a network gets."""

import dataclasses
import math

import numpy as np
import pytest
from conftest import EXAMPLE, noise

from lightsaft_infer import AudioReader, Separator, sdr
from lightsaft_infer.level import LevelledNetwork, chunk_level
from lightsaft_infer.stft import stft

N_FFT, HOP = 1024, 256
TARGETS = np.arange(2)


class Recorder:
    """Keeps what it gets; estimates it and half of it."""

    concurrency = 2

    def __call__(self, planes, targets):
        self.got = planes
        return np.stack([planes, planes / 2], axis=1)


def chunk(level):
    """Planes of noise with a root mean square of `level` dB, without the edges of the signal."""
    audio = noise(2, 60 * HOP)
    audio *= 10 ** (level / 20) / np.sqrt(np.mean(audio**2))
    spectrum = stft(audio, n_fft=N_FFT, hop_length=HOP)[:, :, 4:-4].transpose(0, 2, 1)
    return np.concatenate([spectrum.real, spectrum.imag])[None]


@pytest.mark.parametrize("level", [-120.0, -36.0, 0.0, 60.0])
def test_the_level_of_a_spectrum_is_that_of_its_samples(level):
    assert chunk_level(chunk(level), N_FFT) == pytest.approx(level, abs=0.2)


def test_the_level_of_silence():
    assert chunk_level(0 * chunk(0), N_FFT) == -math.inf


@pytest.mark.parametrize(("level", "expected"), [(-80, -36), (-40, -36), (-30, -30), (-10, -10), (0, -6), (90, -6)])
def test_a_chunk_gets_the_nearest_level_and_its_estimates_are_scaled_back(level, expected):
    recorder, planes = Recorder(), chunk(level)
    kept = planes.copy()
    network = LevelledNetwork(recorder, n_fft=N_FFT, lowest=-36, highest=-6)
    estimates = network(planes, TARGETS)
    assert chunk_level(recorder.got, N_FFT) == pytest.approx(expected, abs=0.2)
    assert (recorder.got is planes) == (level == expected)
    np.testing.assert_allclose(estimates, np.stack([planes, planes / 2], axis=1), rtol=1e-5)
    np.testing.assert_array_equal(planes, kept)
    assert network.concurrency == 2


@pytest.mark.parametrize("factor", [0, 1e-30])
def test_silence_is_not_scaled(factor):
    recorder, planes = Recorder(), (chunk(0) * factor).astype(np.float32)
    LevelledNetwork(recorder, n_fft=N_FFT, lowest=-36, highest=-6)(planes, TARGETS)
    assert recorder.got is planes


def test_a_quiet_song_is_separated_nearly_as_well(packaged):
    """Stems of a song that is 50 dB quieter, and scaled back, against the stems of the song."""
    with AudioReader(EXAMPLE) as reader:
        mixture = reader.read()[:, : 4 * 44100]
    plain = dataclasses.replace(packaged.manifest, level_range=None)
    expected = packaged.separate(mixture, sample_rate=44100)
    quiet = mixture / 316
    stems, without = (
        separator.separate(quiet, sample_rate=44100) for separator in (packaged, Separator(plain, packaged.networks))
    )
    for target in ("drums", "bass"):
        got, worse = (sdr(expected[target], estimates[target] * 316) for estimates in (stems, without))
        assert got > worse + 5
