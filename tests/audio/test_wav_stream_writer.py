"""The files that a WAV stream can be written to."""

import io

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import ArgumentError, OutputError
from lightsaft_infer.audio import WavStreamWriter


class Remote:
    """A file as those of SFTP libraries: `write` takes everything and returns nothing."""

    def __init__(self):
        self.content = b""

    def write(self, content):
        assert len(self.content) < 100_000, "the same bytes again and again"
        self.content += content

    def flush(self):
        pass


class Slow(io.RawIOBase):
    """A pipe that does not block: `write` takes a part, or nothing and returns None."""

    def __init__(self):
        self.content, self.calls = b"", 0

    def writable(self):
        return True

    def write(self, content):
        self.calls += 1
        if self.calls % 2:
            return None
        self.content += content[:100]
        return len(content[:100])


@pytest.mark.parametrize("kind", [Remote, Slow])
def test_each_byte_is_written_once(kind):
    file, audio = kind(), noise(2, 1000)
    writer = WavStreamWriter(file, "bass", sample_rate=44100, channels=2, samples=1000)
    writer.write({"bass": audio})
    writer.finish()
    written, rate = soundfile.read(io.BytesIO(file.content), dtype="float32")
    np.testing.assert_array_equal(written.T, audio)
    assert rate == 44100


def test_files_that_cannot_be_written(tmp_path):
    (tmp_path / "song.wav").write_bytes(b"")
    closed = io.BytesIO()
    closed.close()
    with open(tmp_path / "song.wav", "rb") as reading:
        for file in (reading, closed, io.StringIO(), tmp_path / "vocals.wav", None):
            with pytest.raises(ArgumentError, match="expected a binary file that is open for writing, got "):
                WavStreamWriter(file, "bass", sample_rate=44100, channels=2)


def test_a_file_that_is_closed_on_the_way():
    file = io.BytesIO()
    writer = WavStreamWriter(file, "bass", sample_rate=44100, channels=2)
    file.close()
    with pytest.raises(OutputError, match="cannot write the stream: I/O operation on closed file"):
        writer.write({"bass": noise(2, 10)})
