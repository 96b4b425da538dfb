"""The measures and pictures of a report, against slow obvious versions, librosa, matplotlib and standards."""

import itertools
import struct
import subprocess
import sys
import tracemalloc
import zlib

import librosa
import numpy as np
import pytest
import soundfile
from conftest import noise, split

from lightsaft_infer import AudioError, sdr
from lightsaft_infer.audio import StemWriter
from lightsaft_infer.report.aligned import Form, check_forms, form_of
from lightsaft_infer.report.loudness import Loudness, k_weighting
from lightsaft_infer.report.measure import compare, measure
from lightsaft_infer.report.spectrogram import (
    COLUMNS,
    MELS,
    Waveform,
    magma,
    mel_png,
    mel_spectrogram,
    mel_transform,
    png,
)


@pytest.fixture
def write(tmp_path):
    """A function that writes a float WAV file and returns its path."""

    def write(name, audio, sample_rate=8000):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, audio.T, sample_rate, subtype="FLOAT")
        return path

    return write


@pytest.mark.parametrize(("samples", "size"), [(1, 1), (7, 3), (1500, 400), (1501, 1), (100_003, 65536), (20_000, 13)])
def test_waveform(samples, size):
    audio = noise(2, samples)
    waveform = Waveform(samples)
    for block in split(audio, size):
        waveform.add(block)
    count = min(samples, COLUMNS)
    edges = [index * samples // count for index in range(count + 1)]
    spans = [audio[:, start:end] for start, end in itertools.pairwise(edges)]
    np.testing.assert_array_equal(waveform.low, [span.min() for span in spans])
    np.testing.assert_array_equal(waveform.high, [span.max() for span in spans])


def test_no_place_for_compiled_code():
    """As in a read-only installation for a user without a home folder: numba finds no place for its cache."""
    code = """
import sys
from numba.core import caching
for name in ("_InTreeCacheLocator", "_InTreeCacheLocatorFsAgnostic", "_UserWideCacheLocator"):
    if hasattr(caching, name):
        getattr(caching, name).from_function = classmethod(lambda *_: None)
from lightsaft_infer.report.spectrogram import mel_positions, mel_spectrogram
import numpy as np
mel = mel_spectrogram([np.ones((1, 9000), np.float32)], sample_rate=8000, samples=9000)
print(mel.shape[0], len(mel_positions([100, 1000], sample_rate=8000)))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == f"{MELS} 2\n"


def test_a_short_mel_spectrogram_is_librosas():
    audio = noise(2, 44_100)
    n_fft, hop_length = mel_transform(44100, 44_100)
    options = {"n_fft": n_fft, "hop_length": hop_length, "n_mels": MELS, "fmax": 16000}
    expected = librosa.feature.melspectrogram(y=audio, sr=44100, pad_mode="reflect", **options).mean(axis=0)
    mel = mel_spectrogram(split(audio, 5000), sample_rate=44100, samples=44_100)
    assert mel.shape == (MELS, -(-44_100 // hop_length))
    count = mel.shape[1] - 1  # the last column takes the rest
    np.testing.assert_allclose(mel[:, :count], expected[:, :count], rtol=1e-4)


def test_a_long_mel_spectrogram_is_the_mean_over_columns():
    samples = 2_000_000
    audio = noise(1, samples) * np.linspace(0, 1, samples, dtype=np.float32)
    n_fft, hop_length = mel_transform(8000, samples)
    options = {"n_fft": n_fft, "hop_length": hop_length, "n_mels": MELS}
    expected = librosa.feature.melspectrogram(y=audio[0], sr=8000, pad_mode="reflect", **options)
    mel = mel_spectrogram(split(audio, 65536), sample_rate=8000, samples=samples)
    assert mel.shape == (MELS, COLUMNS)
    frames = np.arange(expected.shape[1])
    column = np.minimum(frames * hop_length * COLUMNS // samples, COLUMNS - 1)
    for index in (0, 700, COLUMNS - 2):
        np.testing.assert_allclose(mel[:, index], expected[:, column == index].mean(axis=1), rtol=1e-3)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 192000])
@pytest.mark.parametrize("samples", [1, 999, 50_000])
def test_every_rate_has_a_mel_spectrogram(sample_rate, samples):
    """librosa warns of empty bands, and warnings are errors in these tests."""
    mel = mel_spectrogram([noise(1, samples)], sample_rate=sample_rate, samples=samples)
    assert (mel > 0).all()


def test_a_signal_in_antiphase_is_seen():
    audio = noise(1, 10_000) * np.float32([[1], [-1]])
    mel = mel_spectrogram([audio], sample_rate=8000, samples=10_000)
    np.testing.assert_allclose(mel, mel_spectrogram([audio[:1]], sample_rate=8000, samples=10_000), rtol=1e-5)


def decoded(content):
    """Return indices and palette of a PNG with a palette and unfiltered rows."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += length + 12
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)


def test_png():
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    pixels, palette = decoded(png(indices, magma(12)))
    np.testing.assert_array_equal(pixels, indices)
    np.testing.assert_array_equal(palette, magma(12))


def test_png_as_another_library_reads_it():
    image = pytest.importorskip("PIL.Image")
    import io

    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    read = np.asarray(image.open(io.BytesIO(png(indices, magma(12)))).convert("RGB"))
    np.testing.assert_array_equal(read, magma(12)[indices])


def test_colours_are_decibels_below_the_reference():
    mel = np.array([[2.0, 0.2, 2e-7], [0.0, 2e-9, 20.0]])
    pixels, _ = decoded(mel_png(mel, reference=2.0))
    np.testing.assert_array_equal(pixels, [[0, 0, 80], [80, 70, 10]])  # low frequencies at the bottom


def test_magma_is_matplotlibs():
    matplotlib = pytest.importorskip("matplotlib")
    expected = matplotlib.colormaps["magma"](np.arange(256))[:, :3] * 255
    np.testing.assert_allclose(magma(256), expected, atol=3)


def test_k_weighting_is_the_standards_at_48_khz():
    """Tables 1 and 2 of ITU-R BS.1770-4."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48000), [shelf, high_pass], atol=1e-13)


def loudness(audio, sample_rate, size=5000):
    meter = Loudness(sample_rate)
    for block in split(audio, size):
        meter.add(block)
    return meter.integrated()


def sine(decibels, seconds, sample_rate, channels=2):
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * 1000 * time)
    return np.repeat(wave[np.newaxis], channels, axis=0).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [16000, 44100, 48000, 96000])
def test_loudness_of_the_ebus_test_signals(sample_rate):
    """EBU Tech 3341, cases 1, 2 and 3: stereo sines of 1 kHz."""
    for level in (-23, -33):
        assert loudness(sine(level, 20, sample_rate), sample_rate) == pytest.approx(level, abs=0.1)
    parts = [sine(level, seconds, sample_rate) for level, seconds in ((-36, 10), (-23, 60), (-36, 10))]
    assert loudness(np.concatenate(parts, axis=1), sample_rate) == pytest.approx(-23, abs=0.1)


def test_loudness_of_one_channel_of_silence_and_of_little():
    assert loudness(sine(0, 5, 48000, channels=1), 48000) == pytest.approx(-3.01, abs=0.02)
    assert loudness(np.zeros((2, 48000), np.float32), 48000) == -np.inf
    assert loudness(sine(0, 0.39, 48000), 48000) == -np.inf
    audio = noise(2, 30_000)
    assert loudness(audio, 8000, 1) == pytest.approx(loudness(audio, 8000, 30_000), abs=1e-9)


def test_levels(write):
    audio = noise(2, 30_000) * 0.3
    sound = measure(write("a", audio), Form(8000, 2, 30_000))
    assert sound.peak == pytest.approx(20 * np.log10(np.abs(audio).max()))
    assert sound.rms == pytest.approx(10 * np.log10(np.mean(audio.astype(float) ** 2)))
    assert sound.loudness == pytest.approx(loudness(audio, 8000))
    assert (sound.sample_rate, sound.channels, sound.samples) == (8000, 2, 30_000)
    silence = measure(write("b", np.zeros((1, 9000))), Form(8000, 1, 9000))
    assert (silence.peak, silence.rms, silence.loudness) == (-np.inf,) * 3


def test_comparison(write):
    """Across a border of blocks."""
    stems = {name: noise(2, 100_000, seed) * 0.2 for seed, name in enumerate("abc")}
    mixture = sum(stems.values())
    paths = {name: write(name, audio) for name, audio in stems.items()}
    truth = noise(2, 100_000, 9) * 0.2
    wrong = mixture.copy()
    wrong[1, 81_000] += 0.5
    found = compare(write("mixture", wrong), paths, {"b": write("b-true", truth)}, Form(8000, 2, 100_000))
    assert found.sdr == pytest.approx({"b": sdr(truth, stems["b"])})
    for name, audio in stems.items():
        expected = np.vdot(audio.astype(float), wrong) / np.vdot(wrong.astype(float), wrong)
        assert found.shares[name] == pytest.approx(expected, rel=1e-5)
    assert found.error == pytest.approx(10 * np.log10(0.25 / np.sum(wrong.astype(float) ** 2)), abs=1e-3)
    assert found.error_peak == pytest.approx(20 * np.log10(0.5), abs=1e-3)
    assert found.error_time == 81_000 / 8000


def test_shares_of_stems_that_sum_to_the_mixture_sum_to_one(write):
    stem = noise(2, 9000)
    paths = {"a": write("a", stem * 1.5), "b": write("b", stem * -0.5)}
    found = compare(write("mixture", stem), paths, {}, Form(8000, 2, 9000))
    assert found.shares == pytest.approx({"a": 1.5, "b": -0.5})
    assert found.error < -140


def test_a_silent_mixture(write):
    silence, sound = write("silence", np.zeros((2, 500))), write("sound", noise(2, 500))
    exact = compare(silence, {"a": silence}, {}, Form(8000, 2, 500))
    assert (exact.shares, exact.error, exact.error_peak) == ({"a": None}, -np.inf, -np.inf)
    assert compare(silence, {"a": sound}, {}, Form(8000, 2, 500)).error is None


@pytest.mark.parametrize(
    ("channels", "samples", "sample_rate", "message"),
    [(2, 901, 8000, "900 samples"), (1, 900, 8000, "2 channels"), (2, 900, 16000, "8000 Hz")],
)
def test_files_that_differ_are_an_error(write, channels, samples, sample_rate, message):
    mixture, other = write("mixture", noise(2, 900)), write("other", noise(channels, samples), sample_rate)
    assert check_forms(mixture, [mixture]) == (8000, 2, 900)
    with pytest.raises(AudioError, match=rf"expected {message} as in .*mixture\.wav, got .*other\.wav"):
        check_forms(mixture, [mixture, other])


def test_a_length_that_is_not_told_is_counted(tmp_path):
    """An MP3 without its Xing header, which is its first frame."""
    path = tmp_path / "a.mp3"
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    soundfile.write(path, noise(2, 50_000).T * 0.1, 44100, **options)
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\xff\xfb", 4) :])
    form = check_forms(path, [path])
    assert form.samples % 1152 == 0
    assert measure(path, form).samples == form.samples


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "opus"])
@pytest.mark.parametrize("sample_rate", [44100, 96000])
def test_stems_that_an_encoder_changed_are_aligned(write, tmp_path, suffix, sample_rate):
    """Opus has 48 kHz, MP3 no 96 kHz, and AAC silence at the end. A sine stays in step with the mixture."""
    stem = sine(-12, 2, sample_rate)
    mixture = write("mixture", stem, sample_rate)
    with StemWriter({"a": tmp_path / f"a.{suffix}"}, sample_rate=sample_rate, channels=2) as writer:
        writer.write({"a": stem})
        writer.commit()
    form = check_forms(mixture, [tmp_path / f"a.{suffix}"])
    assert form == form_of(mixture)
    found = compare(mixture, {"a": tmp_path / f"a.{suffix}"}, {}, form)
    assert found.error < -25
    sound = measure(tmp_path / f"a.{suffix}", form)
    assert (sound.sample_rate, sound.samples) == (sample_rate, stem.shape[1])


def test_memory_does_not_grow_with_length(write):
    peaks = []
    for seconds in (60, 240):
        path = write(str(seconds), noise(1, seconds * 8000) * 0.1)
        tracemalloc.start()
        form = Form(8000, 1, seconds * 8000)
        measure(path, form)
        compare(path, {"a": path}, {}, form)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
