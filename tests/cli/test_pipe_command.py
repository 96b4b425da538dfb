"""Standard input and output of the command, through real pipes."""

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import gains_graph, write_model
from helpers import AUDIO, encoded, needs_ffmpeg, with_size

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
UNKNOWN = struct.pack("<I", 0xFFFFFFFF)


@pytest.fixture
def separate(model_path):
    """Run the command with bytes as its standard input. Return (status, bytes of standard output, errors)."""

    def run(*arguments, content=b"", model=model_path):
        command = [sys.executable, "-m", "lightsaft_infer", "separate", "--model", model, "--threads", "1", *arguments]
        process = subprocess.run(command, input=content, capture_output=True)
        return process.returncode, process.stdout, process.stderr.decode()

    return run


def decoded(folder, content):
    (folder / "decoded.wav").write_bytes(content)
    return soundfile.read(folder / "decoded.wav", dtype="float32", always_2d=True)[0].T


@pytest.mark.parametrize(("arguments", "gain"), [(["--targets", "drums"], 0.5), (["--two-stems", "bass"], 1.25)])
@pytest.mark.parametrize("known", [True, False])
def test_in_and_out(separate, tmp_path, arguments, gain, known):
    content = encoded(tmp_path)
    content = content if known else with_size(content, 0xFFFFFFFF)
    status, output, errors = separate("-", *arguments, "-o", "-", content=content)
    assert (status, errors) == (0, "")
    np.testing.assert_allclose(decoded(tmp_path, output), gain * AUDIO, atol=1e-5)
    assert soundfile.info(tmp_path / "decoded.wav").subtype == "FLOAT"
    head = output[: len(output) - AUDIO.size * 4]
    assert head[:4] == b"RIFF"
    assert head[8:12] == b"WAVE"
    if known:
        assert struct.unpack("<I", head[4:8])[0] == len(output) - 8
        assert struct.unpack("<I", head[-4:])[0] == AUDIO.size * 4
    else:
        assert head[4:8] == head[-4:] == UNKNOWN


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_16", "pcm_24"])
def test_integers_are_those_of_a_file(separate, tmp_path, subtype, channels):
    content = encoded(tmp_path, AUDIO[:channels])
    source = tmp_path / "source.wav"
    source.write_bytes(content)
    arguments = ["--targets", "vocals", "--subtype", subtype]
    status, output, errors = separate(source, *arguments, "-o", "-")
    assert (status, errors) == (0, "")
    assert len(output) % 2 == 0
    assert separate("-", *arguments, "-o", tmp_path / "out", content=content)[0] == 0
    (tmp_path / "decoded.wav").write_bytes(output)
    assert soundfile.info(tmp_path / "decoded.wav").subtype == subtype.upper()
    expected = soundfile.read(tmp_path / "out" / "stdin" / "vocals.wav", dtype="int32")[0]
    np.testing.assert_array_equal(soundfile.read(tmp_path / "decoded.wav", dtype="int32")[0], expected)


def test_clipping_in_a_pipe(separate, tmp_path):
    model = write_model(tmp_path, gains_graph(gains=(2, 1, 1, 1)))
    arguments = ["-", "--targets", "vocals", "--subtype", "PCM_16", "-o", "-"]
    status, output, errors = separate(*arguments, content=encoded(tmp_path), model=model)
    assert status == 0
    assert "a peak of 1.800 was clamped" in errors
    np.testing.assert_allclose(decoded(tmp_path, output), np.clip(2 * AUDIO, -1, 1), atol=1e-4)
    status, _, errors = separate(*arguments, "--clip", "error", content=encoded(tmp_path), model=model)
    assert (status, "expected samples within full scale" in errors) == (1, True)
    status, output, errors = separate(*arguments, "--clip", "scale", content=encoded(tmp_path), model=model)
    assert (status, output, "cannot be scaled" in errors) == (1, b"", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "-o", "-"], "expected one file, one target"),
        (["-", "--targets", "bass,drums", "-o", "-"], "expected one file, one target"),
        (["-", "--targets", "bass", "-o", "-", "--format", "flac"], "and wav with -o -"),
        (["-", "--targets", "bass", "-o", "-", "--subtype", "ulaw"], "expected one of the subtypes FLOAT, PCM_16"),
        (["a.wav", "b.wav", "--targets", "bass", "-o", "-"], "got 2 file"),
        (["-", "-"], "only once"),
        (["-", "--targets", "bass", "-o", "-"], "got an empty file: <stdin>"),
    ],
)
def test_what_cannot_be(separate, arguments, message):
    status, output, errors = separate(*arguments)
    assert (status, output) == (1, b"")
    assert message in errors
    assert len(errors.splitlines()) == 1


def test_a_reader_that_goes_away_is_no_traceback(separate, model_path, tmp_path):
    content = with_size(encoded(tmp_path, np.tile(AUDIO, 20)), 0)
    command = [sys.executable, "-m", "lightsaft_infer", "separate", "-", "--model", model_path, "--targets", "bass"]
    with subprocess.Popen(
        [*command, "-o", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        feeder = threading.Thread(target=feed, args=(process.stdin, content))
        feeder.start()
        assert process.stdout.read(100)[:4] == b"RIFF"
        process.stdout.close()
        assert process.stderr.read() == b""
        feeder.join()
    assert process.returncode == 141


def feed(pipe, content):
    try:
        pipe.write(content)
        pipe.close()
    except BrokenPipeError:
        pass


def test_standard_input_that_is_a_file(tmp_path, model_path):
    """A file can seek, so formats that need it are read without ffmpeg."""
    encoded(tmp_path, container="FLAC", subtype="PCM_24")
    command = [sys.executable, "-m", "lightsaft_infer", "separate", "-", "--model", model_path, "--targets", "vocals"]
    with open(tmp_path / "encoded", "rb") as source, open(tmp_path / "vocals.wav", "wb") as vocals:
        subprocess.run([*command, "-o", "-"], stdin=source, stdout=vocals, check=True, env=os.environ | {"PATH": ""})
    np.testing.assert_allclose(soundfile.read(tmp_path / "vocals.wav")[0].T, AUDIO, atol=1e-5)


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
def test_between_two_ffmpegs(tmp_path, model_path, codec):
    encoded(tmp_path)
    separate = f"{sys.executable} -m lightsaft_infer separate - --model {model_path} --targets drums -o -"
    before = f"ffmpeg -v error -i encoded -f wav -c:a {codec} -"
    pipeline = f"set -o pipefail; {before} | {separate} | ffmpeg -v error -i - -c:a pcm_f32le out.wav"
    result = subprocess.run(["bash", "-c", pipeline], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav")[0].T, 0.5 * AUDIO, atol=1e-4)


COUNT_MEMORY = """
import sys
from lightsaft_infer.cli import main
status = main(sys.argv[1:])
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0], file=sys.stderr)
sys.exit(status)
"""


@linux
def test_memory_does_not_grow_with_the_length(tmp_path):
    """One minute and five, of unknown length; five are 106 MB as float."""
    model = write_model(tmp_path, gains_graph(bins=1025), n_fft=2048, hop_length=1024, frames=64)
    second = encoded(tmp_path, noise(2, 44100), subtype="PCM_16")
    head, second = with_size(second, 0xFFFFFFFF)[:44], second[44:]
    peaks = {}
    for seconds in (60, 300):
        command = [sys.executable, "-c", COUNT_MEMORY, "separate", "-", "--model", model, "--threads", "1"]
        with subprocess.Popen(
            [*command, "--targets", "bass", "-o", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            feeder = threading.Thread(target=feed_seconds, args=(process.stdin, head, second, seconds))
            feeder.start()
            count = 0
            while block := process.stdout.read(2**20):
                count += len(block)
            peaks[seconds] = int(process.stderr.read())
            feeder.join()
        assert process.returncode == 0
        assert count == 58 + seconds * 44100 * 8
    assert peaks[300] < peaks[60] + 20_000, peaks


def feed_seconds(pipe, head, second, seconds):
    with pipe:
        pipe.write(head)
        for _ in range(seconds):
            pipe.write(second)
