"""AudioReader on pipes: every format that a pipe can carry, with lengths that no header gives."""

import os
import struct
import threading

import numpy as np
import pytest
import soundfile
from helpers import AUDIO, encoded, needs_ffmpeg, with_size

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
def test_what_libsndfile_reads_without_seeking(tmp_path, container, subtype):
    content = encoded(tmp_path, sample_rate=48000, container=container, subtype=subtype)
    expected = soundfile.read(tmp_path / "encoded", dtype="float32")[0].T
    np.testing.assert_allclose(read_piped(content)[0], expected, atol=1e-6)


@needs_ffmpeg
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_flac_through_ffmpeg(tmp_path, subtype, known):
    content = bytearray(encoded(tmp_path, container="FLAC", subtype=subtype))
    expected = soundfile.read(tmp_path / "encoded", dtype="float32")[0].T
    if not known:
        content[21] &= 0xF0  # the number of samples, 36 bits, 0 for unknown
        content[22:26] = bytes(4)
    got, frames = read_piped(content)
    np.testing.assert_array_equal(got, expected)
    assert frames == (AUDIO.shape[1] if known else None)


def test_flac_without_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError, match=r"from a pipe; install ffmpeg to read m4a and other formats"):
        read_piped(encoded(tmp_path, container="FLAC", subtype="PCM_16"))


def wav_header(*form):
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", *form) + b"data\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty stream"),
        (b"RIFF", "not a format|ffmpeg cannot decode"),
        (b"RIFF\0\0\0\0WAVEfmt ", "ends within the WAV header"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "expected a fmt chunk"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", "got a chunk"),
        (wav_header(2, 2, 44100, 0, 1, 4), "got format 2 of 4 bits"),
        (wav_header(1, 2, 44100, 0, 1, 16), "2 channels of 16 bits in frames of 1 bytes"),
        (wav_header(1, 0, 44100, 0, 0, 16), "0 channels"),
        (wav_header(1, 6, 44100, 0, 12, 16), "expected 1 or 2 channels, got 6"),
        (wav_header(1, 2, 44100, 0, 4, 16), "got 0 samples"),
        (b"This is a text about a song.\n", "ffmpeg"),
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
