"""Input files: every format, and for every fault a clear error that names the file."""

import concurrent.futures
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import ArgumentError, AudioError, AudioReader

LOSSLESS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_24"),
    ("W64", "FLOAT"),
    ("RF64", "PCM_16"),
    ("AU", "FLOAT"),
]
LOSSY = [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")]
STEPS = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23}

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def write(path, audio, sample_rate=44100, container="WAV", subtype="FLOAT"):
    soundfile.write(path, audio.T, sample_rate, format=container, subtype=subtype)
    return path


def read(path, size=65536):
    with AudioReader(path) as reader:
        blocks = list(reader.blocks(size))
        audio = np.concatenate(blocks, axis=1)
        assert reader.samples in (None, audio.shape[1])
        assert reader.channels == audio.shape[0]
    assert audio.dtype == np.float32
    return audio, reader.sample_rate


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "subtype"), LOSSLESS)
def test_lossless_formats(tmp_path, container, subtype, channels):
    audio = noise(channels, 10_001) * np.float32(0.9)
    # No extension, an unknown one or a wrong one: the content decides.
    for name in ("sound", "sound.raw", "sound.mp3"):
        path = write(tmp_path / name, audio, 48000, container, subtype)
        got, sample_rate = read(path, size=4096)
        assert sample_rate == 48000
        np.testing.assert_allclose(got, audio, atol=STEPS.get(subtype, 1e-7) * 1.01)


@pytest.mark.parametrize(("container", "subtype"), LOSSY)
def test_lossy_formats(tmp_path, container, subtype):
    time = np.arange(48000) / 48000
    audio = 0.5 * np.sin(2 * np.pi * np.array([[440], [660]]) * time)
    got, sample_rate = read(write(tmp_path / "sound", audio, 48000, container, subtype))
    assert sample_rate == 48000
    assert got.shape == audio.shape
    np.testing.assert_allclose(got[:, 5000:-5000], audio[:, 5000:-5000], atol=0.03)


@pytest.mark.parametrize("sample_rate", [8000, 11025, 96000, 192000])
def test_rates(tmp_path, sample_rate):
    assert read(write(tmp_path / "a.wav", noise(2, 100), sample_rate))[1] == sample_rate


def test_a_path_with_spaces_and_accents(tmp_path):
    audio = noise(2, 100)
    np.testing.assert_array_equal(read(write(tmp_path / "l'été à la mer 日本.wav", audio))[0], audio)


def expect_error(path, message):
    with pytest.raises(AudioError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_what_is_no_file(tmp_path):
    expect_error(tmp_path / "missing.wav", "no such file")
    expect_error(tmp_path, "directory")
    (tmp_path / "empty.wav").touch()
    expect_error(tmp_path / "empty.wav", "empty file")


def test_files_without_samples(tmp_path):
    expect_error(write(tmp_path / "none.wav", np.zeros((2, 0))), "got 0 samples")


def test_too_many_channels(tmp_path):
    expect_error(write(tmp_path / "six.wav", np.zeros((6, 100))), "expected 1 or 2 channels, got 6")


def test_an_unusual_rate(tmp_path):
    expect_error(
        write(tmp_path / "slow.wav", noise(1, 100), 4000), "expected a sample rate of 8000 to 192000 Hz, got 4000"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(tmp_path, bad):
    audio = noise(2, 100_000)
    audio[1, 70_000] = bad
    expect_error(write(tmp_path / "bad.wav", audio), "NaN or infinity at sample 70000")


@pytest.mark.parametrize("kept", [0.5, 0.999])
@pytest.mark.parametrize(("container", "subtype"), [*LOSSLESS, *LOSSY])
def test_truncated_files(tmp_path, container, subtype, kept):
    path = write(tmp_path / "cut", noise(2, 100_000) * np.float32(0.5), 48000, container, subtype)
    size = path.stat().st_size
    os.truncate(path, int(size * kept))
    # CAF has its description after the samples: half a file is not CAF.
    expect_error(path, "truncated|not a format that libsndfile reads")


def test_ogg_cut_between_two_pages(tmp_path):
    path = write(tmp_path / "cut.ogg", noise(2, 100_000) * np.float32(0.5), 44100, "OGG", "VORBIS")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    expect_error(path, "truncated: the last Ogg page")


def test_wav_of_unknown_length_from_a_pipe_is_whole(tmp_path):
    audio = noise(2, 1000)
    path = write(tmp_path / "piped.wav", audio)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[4:8] = content[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], audio)


@pytest.mark.parametrize("kept", [1, 0.5])
def test_mp3_without_a_header_that_tells_its_length(tmp_path, kept):
    """Noise after silence: the bit rate of the first frame does not give that of the others."""
    audio = noise(2, 200_000) * np.float32(0.5)
    audio[:, :50_000] = 0
    path = tmp_path / "vbr.mp3"
    soundfile.write(path, audio.T, 44100, format="MP3", bitrate_mode="VARIABLE", compression_level=0.1)
    content = path.read_bytes()
    tag = content.index(b"Xing")
    content = content[content.index(b"\xff\xfb", tag) :]
    path.write_bytes(content[: int(len(content) * kept)])
    if kept < 1:
        expect_error(path, "truncated: the last MP3 frame is incomplete")
    else:
        # Whole MP3 frames are decoded; the header had the length of the encoder's padding.
        assert 200_000 <= read(path)[0].shape[1] < 200_000 + 3 * 1152


def test_flac_that_does_not_tell_its_length(tmp_path):
    path = write(tmp_path / "piped.flac", noise(2, 100_000) * np.float32(0.5), 44100, "FLAC", "PCM_16")
    whole = read(path)[0]
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples, 36 bits, 0 for unknown
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], whole)


def test_a_text(tmp_path):
    (tmp_path / "song.wav").write_text("This is a text about a song.\n" * 100)
    expect_error(tmp_path / "song.wav", r"not audio in a known format \(invalid data")


@needs_ffmpeg
@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_m4a(tmp_path, sample_rate):
    time = np.arange(2 * sample_rate) / sample_rate
    audio = 0.5 * np.sin(2 * np.pi * np.array([[440], [660]]) * time)
    source = write(tmp_path / "in.wav", audio, sample_rate)
    path = tmp_path / "é à.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, "-c:a", "aac", "-b:a", "256k", path], check=True)
    got, rate = read(path)
    assert rate == sample_rate
    inner = slice(5000, audio.shape[1] - 5000)
    np.testing.assert_allclose(got[:, inner], audio[:, inner], atol=0.02)
    assert audio.shape[1] <= got.shape[1] < audio.shape[1] + 2048
    # m4a has its index at the end: a file that is cut short has lost it.
    os.truncate(path, path.stat().st_size // 2)
    expect_error(path, "not audio in a known format")


@needs_ffmpeg
def test_damaged_aac(tmp_path):
    source = write(tmp_path / "in.wav", noise(2, 200_000))
    path = tmp_path / "damaged.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, "-c:a", "aac", "-movflags", "faststart", path], check=True)
    os.truncate(path, path.stat().st_size // 2)
    expect_error(path, "damaged or truncated after")


def test_reading_stops_where_the_caller_stops(tmp_path):
    path = write(tmp_path / "a.wav", noise(2, 1000))
    with AudioReader(path) as reader:
        assert next(reader.blocks(300)).shape == (2, 300)
    os.rename(path, tmp_path / "b.wav")
    np.testing.assert_array_equal(read(tmp_path / "b.wav")[0], noise(2, 1000))


@pytest.mark.parametrize("start", [0, 0.01])
def test_a_reader_reads_once_while_it_is_open(tmp_path, start):
    path = write(tmp_path / "a.wav", noise(2, 1000))
    with AudioReader(path, start=start) as reader:
        next(reader.blocks(300))
        with pytest.raises(AudioError, match=r"was not read before \(open the file again\): .*a\.wav"):
            reader.read()
    with AudioReader(path, start=start) as closed:
        pass
    with pytest.raises(AudioError, match=r"expected an open reader, got a closed one: .*a\.wav"):
        closed.read()


def test_the_same_bytes_give_the_same_from_a_file_a_fifo_and_a_pipe(tmp_path):
    audio = noise(2, 30_000) * np.float32(0.5)
    for container, subtype in [*LOSSLESS, *LOSSY]:
        content = write(tmp_path / "song", audio, 48000, container, subtype).read_bytes()
        expected = read(tmp_path / "song")[0]
        fifo = tmp_path / f"fifo {container} {subtype}"
        os.mkfifo(fifo)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(fifo.write_bytes, content)
            np.testing.assert_array_equal(read(fifo)[0], expected)
            reading, writing = os.pipe()
            pool.submit(Path(f"/dev/fd/{writing}").write_bytes, content).add_done_callback(
                lambda _, end=writing: os.close(end)
            )
            with open(reading, "rb") as pipe:
                np.testing.assert_array_equal(read(pipe)[0], expected)


def _fill(pipe, content):
    with open(pipe, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_wav_of_unknown_length(tmp_path, size):
    path = write(tmp_path / "song.wav", noise(2, 1000))
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], noise(2, 1000))


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("FLAC", "PCM_16")])
def test_an_id3_tag_before_formats_that_do_not_know_it(tmp_path, container, subtype):
    path = write(tmp_path / "song", noise(2, 5000) / 2, 44100, container, subtype)
    expected = read(path)[0]
    path.write_bytes(b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + path.read_bytes())
    np.testing.assert_array_equal(read(path)[0], expected)


def extensible(bits, frame_bytes, data, valid=None):
    """A WAV file of two channels with a header of the extensible form."""
    subformat = bytes.fromhex("0100000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 44100, 44100 * frame_bytes, frame_bytes, bits, 22, valid or bits, 3)
    chunks = b"WAVEfmt " + struct.pack("<I", 40) + form + subformat + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def test_24_bits_in_4_bytes(tmp_path):
    samples = (noise(2, 1000) * 2**23).astype("<i4")
    path = tmp_path / "song.wav"
    path.write_bytes(extensible(32, 8, (samples << 8).T.tobytes(), valid=24))
    np.testing.assert_array_equal(read(path)[0], (samples / 2**23).astype(np.float32))
    path.write_bytes(extensible(24, 8, (samples << 8).T.tobytes()))
    expect_error(path, "damaged: the WAV header declares 2 channels of 24 bits in frames of 8 bytes")


@pytest.mark.parametrize(("container", "subtype"), [*LOSSLESS, *LOSSY])
def test_a_part_is_the_same_part_of_the_whole(tmp_path, container, subtype):
    path = write(tmp_path / "song", noise(2, 100_000) * np.float32(0.5), 48000, container, subtype)
    whole = read(path)[0]
    with AudioReader(path, start=0.5, duration=0.7) as reader:
        part = reader.read()
        assert reader.samples in (None, part.shape[1])
    tolerance = 0 if (container, subtype) in LOSSLESS else 1e-6
    np.testing.assert_allclose(part, whole[:, 24_000 : 24_000 + 33_600], atol=tolerance)
    with AudioReader(path, start=2, duration=10) as reader:
        np.testing.assert_allclose(reader.read(), whole[:, 96_000:], atol=tolerance)
    with pytest.raises(AudioError, match=r"expected a start before the end.*song"), AudioReader(path, start=3) as late:
        late.read()


@pytest.mark.parametrize("options", [{"start": -1}, {"start": float("nan")}, {"duration": 0}, {"duration": "1"}])
def test_parts_that_are_none(tmp_path, options):
    path = write(tmp_path / "song.wav", noise(2, 100))
    with pytest.raises(ArgumentError, match="seconds"):
        AudioReader(path, **options)


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")])
def test_downmix_of_six_channels(tmp_path, container, subtype):
    """A tone in each channel in turn: front left, front right, centre, low frequencies, back left, back right."""
    tone = 0.5 * np.sin(np.arange(4410) / 10, dtype=np.float32)
    audio = np.zeros((6, 6 * 4410), np.float32)
    order = (0, 2, 1, 5, 3, 4) if subtype == "VORBIS" else range(6)  # Vorbis has an order of its own
    for turn, channel in enumerate(order):
        audio[channel, turn * 4410 : (turn + 1) * 4410] = tone
    path = write(tmp_path / "song", audio, 44100, container, subtype)
    expect_error(path, "expected 1 or 2 channels, got 6")
    with AudioReader(path, downmix=True) as reader:
        assert reader.channels == 2
        stereo = reader.read()
    levels = stereo.reshape(2, 6, 4410)[:, :, 500:-500].std(axis=2) / tone[500:-500].std()
    half = np.sqrt(0.5)
    expected = [[1, 0, half, 0, half, 0], [0, 1, half, 0, 0, half]]
    np.testing.assert_allclose(levels, expected, atol=0.05 if subtype == "VORBIS" else 1e-4)


@pytest.mark.parametrize("rest", [b"", bytes(300_000), b"LIST" + struct.pack("<I", 6) + b"INFOab", b"TAG" + bytes(125)])
@pytest.mark.parametrize("samples", [1000, 1001])
def test_what_may_follow_the_samples_of_a_wav_file(tmp_path, samples, rest):
    path = write(tmp_path / "song.wav", noise(1, samples) / 2, 44100, "WAV", "PCM_U8")
    expected = read(path)[0]
    for content in (path.read_bytes(), path.read_bytes()[: 44 + samples]):  # with and without padding to an even size
        path.write_bytes(content + rest)
        np.testing.assert_array_equal(read(path)[0], expected)


def test_a_wav_file_with_more_audio_than_its_header_says(tmp_path):
    path = write(tmp_path / "song.wav", noise(2, 100_000) / 2, 44100, "WAV", "PCM_16")
    content = path.read_bytes()
    path.write_bytes(content + content)
    expect_error(path, "expected one part of audio in a WAV file, got a second one after 400000 bytes")
    path.write_bytes(content[:40] + struct.pack("<I", 4000) + content[44:])  # as if the recorder had been killed
    expect_error(path, "damaged: the WAV header declares 4000 bytes of audio, but more follow")
    path.write_bytes(content[:40] + struct.pack("<I", 4000) + content[44:4044] + b"name" + content[4048:])
    expect_error(path, "damaged: the WAV header declares 4000 bytes of audio, but more follow")
    path.write_bytes(content[:40] + struct.pack("<I", 0) + b"LIST" + struct.pack("<I", 5000) + bytes(5000))
    expect_error(path, "got 0 samples")


def test_big_endian_wav(tmp_path):
    audio = noise(2, 1000) / 2
    path = tmp_path / "song.wav"
    soundfile.write(path, audio.T, 44100, "PCM_16", endian="BIG", format="WAV")
    assert path.read_bytes()[:4] == b"RIFX"
    np.testing.assert_allclose(read(path)[0], audio, atol=2**-15)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_one_wrong_bit_in_an_ogg_file(tmp_path, subtype):
    """libsndfile leaves out the page, and soundfile fills its place with what was in memory."""
    path = write(tmp_path / "song.ogg", noise(2, 200_000) / 4, 48000, "OGG", subtype)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    expect_error(path, "damaged: the Ogg page at byte [0-9]+ has a wrong checksum")


def test_what_may_follow_an_ogg_file(tmp_path):
    path = write(tmp_path / "song.ogg", noise(2, 20_000) / 4, 44100, "OGG", "VORBIS")
    expected, content = read(path)[0], path.read_bytes()
    for rest in (b"TAG" + bytes(125), bytes(5000)):
        path.write_bytes(content + rest)
        np.testing.assert_array_equal(read(path)[0], expected)
