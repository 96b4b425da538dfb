"""AudioReader on pipes: every format that a pipe can carry, with lengths that no header gives."""

import os
import struct
import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from helpers import AUDIO, encoded, with_size

from lightsaft_infer import AudioError, AudioReader


def read_piped(content, size=65536):
    """Return the audio that AudioReader reads from bytes in a pipe."""
    reading, writing = os.pipe()

    def feed():
        with open(writing, "wb") as pipe:
            pipe.write(content)

    thread = threading.Thread(target=feed)
    thread.start()
    with open(reading, "rb", buffering=0) as file:
        try:
            with AudioReader(file) as reader:
                return np.concatenate(list(reader.blocks(size)), axis=1), reader.samples
        finally:
            while file.read(2**16):  # so that the thread can end
                pass
            thread.join()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_wav_out_of_a_pipe_is_that_of_the_file(tmp_path, container, subtype, channels):
    content = encoded(tmp_path, AUDIO[:channels], container=container, subtype=subtype)
    expected = soundfile.read(tmp_path / "encoded", dtype="float32", always_2d=True)[0].T
    got, frames = read_piped(content + b"LIST\4\0\0\0more", size=4096)
    np.testing.assert_array_equal(got, expected)
    assert frames == AUDIO.shape[1]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x7FFFF000])
def test_wav_of_unknown_length(tmp_path, size):
    got, frames = read_piped(with_size(encoded(tmp_path), size))
    np.testing.assert_array_equal(got, AUDIO)
    assert frames is None


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("AIFF", "PCM_16"), ("AU", "FLOAT"), ("W64", "FLOAT"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)],
)
def test_other_formats(tmp_path, container, subtype):
    content = encoded(tmp_path, sample_rate=48000, container=container, subtype=subtype)
    expected = soundfile.read(tmp_path / "encoded", dtype="float32")[0].T
    np.testing.assert_allclose(read_piped(content)[0], expected, atol=1e-5)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_flac(tmp_path, subtype, known):
    content = bytearray(encoded(tmp_path, container="FLAC", subtype=subtype))
    expected = soundfile.read(tmp_path / "encoded", dtype="float32")[0].T
    if not known:
        content[21] &= 0xF0  # the number of samples, 36 bits, 0 for unknown
        content[22:26] = bytes(4)
    got, frames = read_piped(content)
    np.testing.assert_array_equal(got, expected)
    assert frames == (AUDIO.shape[1] if known else None)


def wav_header(*form):
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", *form) + b"data\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty file"),
        (b"RIFF", "not audio in a known format"),
        (b"RIFF\0\0\0\0WAVEfmt ", "ends within the WAV header"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "expected a fmt chunk"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", "got a chunk"),
        (wav_header(2, 2, 44100, 0, 1, 4), "got 0 samples|not audio"),
        (wav_header(1, 2, 44100, 0, 1, 16), "2 channels of 16 bits in frames of 1 bytes"),
        (wav_header(1, 0, 44100, 0, 0, 16), "0 channels"),
        (wav_header(1, 6, 44100, 0, 12, 16), "expected 1 or 2 channels, got 6"),
        (wav_header(1, 2, 44100, 0, 4, 16), "got 0 samples"),
        (b"This is a text about a song.\n", "not audio in a known format"),
    ],
)
def test_what_is_no_audio(content, message):
    with pytest.raises(AudioError, match=message):
        read_piped(content)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("RF64", "FLOAT"), ("AU", "FLOAT"), ("OGG", "VORBIS"), ("FLAC", "PCM_16")],
)
def test_truncated_streams(tmp_path, container, subtype):
    content = encoded(tmp_path, container=container, subtype=subtype)
    with pytest.raises(AudioError, match=r"truncated|ffmpeg"):
        read_piped(content[: len(content) * 2 // 3])


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Windows always block")
@pytest.mark.parametrize("container", ["WAV", "AIFF"])
def test_a_pipe_that_does_not_block(tmp_path, container):
    content = with_size(encoded(tmp_path), 0xFFFFFFFF) if container == "WAV" else encoded(tmp_path, container=container)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write():
        with open(writing, "wb", buffering=0) as file:
            for part in (content[:1000], content[1000:]):
                time.sleep(0.1)
                assert file.write(part) == len(part)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb", buffering=0) as file, AudioReader(file) as reader:
        got = np.concatenate(list(reader.blocks()), axis=1)
    thread.join()
    np.testing.assert_allclose(got, AUDIO, atol=1e-4)


def test_a_long_chunk_before_adpcm(tmp_path):
    content = encoded(tmp_path, subtype="MS_ADPCM")
    expected = soundfile.read(tmp_path / "encoded", dtype="float32")[0].T
    place = content.index(b"data")
    long = content[:place] + b"JUNK" + struct.pack("<I", 2**21) + bytes(2**21) + content[place:]
    np.testing.assert_allclose(read_piped(long)[0][:, : expected.shape[1]], expected, atol=0.05)


def test_more_audio_than_the_header_says(tmp_path):
    content = encoded(tmp_path)
    with pytest.raises(AudioError, match="got a second one"):
        read_piped(content + content)
