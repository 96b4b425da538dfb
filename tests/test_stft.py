"""STFT and inverse STFT against librosa and against a slow, obvious version."""

import librosa
import numpy as np
import pytest
from conftest import noise, split

from lightsaft_infer.stft import istft, istft_stream, stft, stft_stream

LENGTHS = [1, 2, 3, 100, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3073, 10007]
TRANSFORMS = [(2048, 1024), (2048, 512), (4096, 1024), (512, 200)]


@pytest.mark.parametrize(("n_fft", "hop_length"), TRANSFORMS)
@pytest.mark.parametrize("length", LENGTHS)
def test_agrees_with_librosa(length, n_fft, hop_length):
    audio = noise(2, length)
    spectrum = stft(audio, n_fft=n_fft, hop_length=hop_length)
    expected = librosa.stft(audio, n_fft=n_fft, hop_length=hop_length, pad_mode="reflect")
    assert spectrum.dtype == np.complex64
    # One frame more than librosa's, unless the hops come out even: the last samples need it (see stft).
    assert spectrum.shape == (2, n_fft // 2 + 1, expected.shape[2] + (length % hop_length > 0))
    # A spectrum's full scale is the sum of the window, n_fft / 2.
    assert np.abs(spectrum[..., : expected.shape[2]] - expected).max() < 1e-4 * max(1, n_fft / 2048)
    audio_again = istft(spectrum, n_fft=n_fft, hop_length=hop_length, length=length)
    expected_again = librosa.istft(spectrum, n_fft=n_fft, hop_length=hop_length, length=length)
    np.testing.assert_allclose(audio_again, expected_again, atol=1e-5)


def test_agrees_with_the_definition():
    audio, n_fft, hop_length = noise(1, 50), 16, 8
    padded = np.pad(audio[0].astype(float), (8, 8 + 6), mode="reflect")
    window = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
    frames = [np.fft.rfft(window * padded[k * hop_length : k * hop_length + n_fft]) for k in range(8)]
    np.testing.assert_allclose(stft(audio, n_fft=n_fft, hop_length=hop_length)[0], np.array(frames).T, atol=1e-5)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(64, 32), (64, 16), (64, 20)])
def test_round_trip_at_every_length(n_fft, hop_length):
    for length in range(1, 4 * n_fft):
        audio = noise(2, length, seed=length)
        again = istft(
            stft(audio, n_fft=n_fft, hop_length=hop_length), n_fft=n_fft, hop_length=hop_length, length=length
        )
        assert again.dtype == np.float32
        np.testing.assert_allclose(again, audio, atol=1e-5, err_msg=f"length {length}")


@pytest.mark.parametrize("length", LENGTHS)
def test_round_trip_of_the_models_transform(length):
    audio = noise(2, length)
    spectrum = stft(audio, n_fft=2048, hop_length=1024)
    np.testing.assert_allclose(istft(spectrum, n_fft=2048, hop_length=1024, length=length), audio, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 32, 100, 999])
def test_blocks_make_no_difference(size):
    audio, transform = noise(2, 999), {"n_fft": 64, "hop_length": 32}
    spectrum = stft(audio, **transform)
    frames = np.concatenate(list(stft_stream(split(audio, size), **transform)), axis=1)
    np.testing.assert_allclose(frames.swapaxes(1, 2), spectrum, atol=1e-6)
    spectra = [frames[:, start : start + size] for start in range(0, frames.shape[1], size)]
    again = np.concatenate(list(istft_stream(spectra, **transform)), axis=1)[:, :999]
    np.testing.assert_allclose(again, audio, atol=1e-5)


def test_istft_pads_what_no_frame_reaches_with_silence():
    spectrum = stft(noise(2, 64), n_fft=64, hop_length=32)
    audio = istft(spectrum, n_fft=64, hop_length=32, length=1000)
    assert audio.shape == (2, 1000)
    assert not audio[:, 128:].any()


def test_arrays_are_not_changed():
    audio = noise(2, 1000)
    spectrum = stft(audio, n_fft=64, hop_length=32)
    before = spectrum.copy()
    istft(spectrum, n_fft=64, hop_length=32, length=1000)
    np.testing.assert_array_equal(spectrum, before)
    np.testing.assert_array_equal(audio, noise(2, 1000))
