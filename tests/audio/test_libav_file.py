"""Stems in MP3, M4A and Opus: exact lengths, aligned samples, bit rates, nothing left after an error."""

import av
import numpy as np
import pytest
from conftest import noise, split

from lightsaft_infer import ArgumentError, AudioReader, OutputError
from lightsaft_infer.audio import StemWriter, chosen_bitrate, encodable_rate
from lightsaft_infer.audio.libav_file import LibavFile

SUFFIXES = [".mp3", ".m4a", ".opus"]
CODECS = {".mp3": "mp3", ".m4a": "aac", ".opus": "opus"}


def save(path, audio, sample_rate=44100, **options):
    with StemWriter({"stem": path}, sample_rate=sample_rate, channels=len(audio), **options) as writer:
        for block in split(audio, 20_000):
            writer.write({"stem": block})
        return writer.commit()


def load(path):
    with AudioReader(path) as reader:
        return reader.read(), reader.sample_rate


def tone(samples, sample_rate, hertz=440):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / sample_rate, dtype=np.float32)


def music(samples, sample_rate):
    """A sweep and a tone that fade in and out, in two channels."""
    sweep = np.sin(2 * np.pi * 1500 * np.arange(samples) ** 2 / samples / sample_rate)
    mono = (0.2 * sweep + tone(samples, sample_rate)) * np.hanning(samples)
    return np.stack([mono, mono / 2]).astype(np.float32)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_stem_comes_back_at_its_place(tmp_path, suffix, channels):
    path, audio = tmp_path / f"stem{suffix}", music(48_000, 48_000)[:channels]
    assert save(path, audio, 48_000) == 1
    got, sample_rate = load(path)
    assert sample_rate == 48_000
    assert got.shape[1] == 48_000 or suffix == ".m4a"
    np.testing.assert_allclose(got[:, :48_000], audio, atol=0.03)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name.startswith(CODECS[suffix])
        assert len(container.streams) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("samples", [1, 47, 48, 800, 1024, 1025, 1152, 1153, 1199, 1200, 3495, 11_520, 11_550, 12_289])
def test_exact_length(tmp_path, suffix, samples):
    """Among them the lengths after which an encoder adds a packet of nothing but silence."""
    path = tmp_path / f"stem{suffix}"
    save(path, noise(2, samples) / 2, 48_000)
    got = load(path)[0].shape[1]
    if suffix == ".m4a":
        assert samples <= got < samples + 1024
    else:
        assert got == max(samples, 48 if suffix == ".mp3" else 1)


@pytest.mark.parametrize(
    ("suffix", "sample_rate", "encoded"),
    [
        *[(".mp3", rate, rate) for rate in (8000, 11025, 22050, 32000)],
        *[(".mp3", rate, target) for rate, target in ((96000, 48000), (88200, 44100), (44056, 44100))],
        *[(".m4a", rate, target) for rate, target in ((8000, 8000), (96000, 96000), (192000, 48000), (176400, 44100))],
        *[(".opus", rate, 48000) for rate in (8000, 44100, 192000)],
    ],
)
def test_sample_rates(tmp_path, suffix, sample_rate, encoded):
    path = tmp_path / f"stem{suffix}"
    save(path, np.stack([tone(sample_rate, sample_rate)] * 2), sample_rate)
    got, rate = load(path)
    assert rate == encoded
    assert encoded <= got.shape[1] <= encoded + (1023 if suffix == ".m4a" else 0)
    middle = slice(encoded // 4, encoded // 2)
    np.testing.assert_allclose(got[0, middle], tone(encoded, encoded)[middle], atol=0.05)


def test_rates_of_mp3_are_kept_and_others_become_the_next():
    kept = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    assert tuple(map(encodable_rate, kept)) == kept
    assert [encodable_rate(rate) for rate in (96000, 88200, 8001)] == [48000, 44100, 44100]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_bytes_every_time(tmp_path, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        save(path, noise(2, 30_000) / 2)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_bit_rate_is_that_of_the_file(tmp_path, suffix):
    path = tmp_path / f"stem{suffix}"
    for bitrate, kilobits in (("96k", 96), (192_000, 192), ("64000", 64)):
        save(path, noise(2, 96_000) / 4, 48_000, bitrate=bitrate, overwrite=True)
        assert 8 * path.stat().st_size / 2 / 1000 == pytest.approx(kilobits, rel=0.15)
    for channels, rate in ((1, 48_000), (2, 8_000)):  # a lower one is used if this one is not possible
        save(path, noise(channels, 16_000) / 4, rate, bitrate="320k", overwrite=True)


@pytest.mark.parametrize(
    ("suffix", "bitrate", "expected"),
    [
        (".mp3", "300k", r"expected a bit rate of 32k, 40k, .*256k or 320k for \.mp3, got '300k'"),
        (".mp3", "fast", r"for \.mp3, got 'fast'"),
        (".mp3", True, r"for \.mp3, got True"),
        (".mp3", -320_000, r"for \.mp3, got -320000"),
        (".m4a", "1000k", r"expected a bit rate of 16k to 512k for \.m4a, got '1000k'"),
        (".opus", "5k", r"expected a bit rate of 6k to 510k for \.opus, got '5k'"),
        (".opus", 64_001, r"for \.opus, got 64001"),
        (".wav", "320k", r"expected no bit rate for \.wav, only for \.mp3, \.m4a, \.opus: .*stem\.wav"),
        (".ogg", "320k", r"expected no bit rate for \.ogg"),
    ],
)
def test_bit_rates_that_a_format_does_not_have(tmp_path, suffix, bitrate, expected):
    with pytest.raises(ArgumentError, match=expected):
        save(tmp_path / f"stem{suffix}", noise(2, 100), bitrate=bitrate)
    assert not list(tmp_path.iterdir())


def test_default_bit_rates():
    assert [chosen_bitrate(f"a{suffix}", None) for suffix in (".mp3", ".M4A", ".opus", ".wav")] == [
        *(256_000, 256_000, 160_000),
        None,
    ]


def test_clip_policies(tmp_path):
    loud, path = 2 * tone(44_100, 44_100)[None], tmp_path / "stem.mp3"
    loud *= 1.6
    with pytest.raises(OutputError, match=r"within full scale, got a peak of 1\.600: .*stem\.mp3"):
        save(path, loud, clip="error")
    assert not list(tmp_path.iterdir())
    assert save(path, loud) == pytest.approx(1 / 1.6, rel=1e-4)
    np.testing.assert_allclose(load(path)[0], loud / 1.6, atol=0.05)
    assert save(path, loud, clip="clamp", overwrite=True) == 1
    np.testing.assert_allclose(load(path)[0], loud.clip(-1, 1), atol=0.15)


@pytest.mark.parametrize("method", ["write", "finish", "rename"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, suffix, method):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(LibavFile, method, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "folder" / f"stem{suffix}", noise(2, 30_000) / 2)
    assert not list(tmp_path.iterdir())


def test_a_file_that_lost_samples_is_reported(tmp_path, monkeypatch):
    write = LibavFile.write
    monkeypatch.setattr(LibavFile, "write", lambda part, block: write(part, block[:, 1:]))
    for suffix in (".mp3", ".opus"):
        with pytest.raises(OutputError, match=r"expected to write 30000 samples, got 29999: .*stem"):
            save(tmp_path / f"stem{suffix}", noise(2, 30_000) / 2, 48_000)
    assert not list(tmp_path.iterdir())


def test_without_the_encoder(tmp_path, monkeypatch):
    def unknown(*arguments, **options):
        raise av.codec.codec.UnknownCodecError("libmp3lame")

    monkeypatch.setattr(av.container.OutputContainer, "add_stream", unknown, raising=False)
    with pytest.raises(OutputError, match=r"cannot encode .*stem\.mp3 with libmp3lame: libmp3lame"):
        save(tmp_path / "stem.mp3", noise(2, 300) / 2)
    assert not list(tmp_path.iterdir())
