"""Whatever a file or its name holds: the file ends in one line, the others are done, and the exit status is 1."""

import os
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise
from helpers import AUDIO, encoded, posix

from lightsaft_infer.audio import track_name
from lightsaft_infer.cli import main
from lightsaft_infer.manifest import default_manifest_path

LONG = "x" * 300
TARGET = ["--targets", "bass"]


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "in" / "song.wav"
    path.parent.mkdir()
    soundfile.write(path, AUDIO.T, 44100, subtype="FLOAT")
    return path


@pytest.fixture
def run(tmp_path, model_path, monkeypatch, capfd):
    """Run a command in a folder of its own. Return its status and the lines on standard error."""
    monkeypatch.chdir(tmp_path)

    def run(command, *arguments):
        model = [] if command in ("report", "evaluate") else ["--model", str(model_path)]
        status = main([command, *model, *map(str, arguments)])
        return status, capfd.readouterr().err.splitlines()

    return run


def batch_options(folder):
    return [*TARGET, "--workers", "1", folder, f"{folder}-stems"]


def test_an_mp3_with_a_large_picture(run, tmp_path):
    audio = encoded(tmp_path, container="MP3", subtype="MPEG_LAYER_III")
    picture = b"\0image/jpeg\0\3\0\xff\xd8" + b"\xab" * 200_000
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    (tmp_path / "plain.mp3").write_bytes(audio)
    (tmp_path / "cover.mp3").write_bytes(b"ID3\3\0\0" + size + frame + audio)
    assert run("separate", "plain.mp3", "cover.mp3", *TARGET, "-o", "out") == (0, [])
    stems = [(tmp_path / "out" / name / "bass.wav").read_bytes() for name in ("plain", "cover")]
    assert stems[0] == stems[1]


@posix
def test_files_that_are_none(run, song, tmp_path):
    names = ["folder.wav", "dangling.wav", "loop.wav", "socket.wav", "/dev/null", "text.wav", "empty.wav"]
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "dangling.wav").symlink_to("nowhere")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.wav")
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "empty.wav").touch()
    status, errors = run("separate", *names, song, *TARGET, "-o", "out")
    assert status == 1
    assert len(errors) == len(names) + 1
    for name, error in zip(names, errors, strict=False):
        assert error.startswith("lightsaft: error: ")
        assert name in error
    assert errors[-1] == "lightsaft: 7 of 8 files were not separated"
    assert (tmp_path / "out" / "song" / "bass.wav").is_file()


@posix
def test_links_that_lead_nowhere_do_not_end_a_batch(run, song, tmp_path):
    (song.parent / "dangling.wav").symlink_to("nowhere")
    (song.parent / "loop.wav").symlink_to("loop.wav")
    (song.parent / "loop").symlink_to("loop")
    status, errors = run("batch", *batch_options("in"))
    assert status == 1
    assert len(errors) == 2
    assert (tmp_path / "in-stems" / "song" / "bass.wav").is_file()


@posix
def test_a_fifo(run, song):
    os.mkfifo("fifo.wav")
    writer = threading.Thread(target=Path("fifo.wav").write_bytes, args=[song.read_bytes()])
    writer.start()
    assert run("separate", "fifo.wav", song, *TARGET, "-o", "out") == (0, [])
    writer.join()
    assert Path("out/fifo/bass.wav").read_bytes() == Path("out/song/bass.wav").read_bytes()


@posix
def test_names_that_are_no_text(run, song):
    """In every command, as a file, and as the name of a stem."""
    name = os.fsdecode(b"caf\xe9 \xff")
    try:
        song.with_name(f"{name}.wav").write_bytes(song.read_bytes())
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    status, errors = run("separate", f"in/{name}.wav", f"no {name}.wav", song, *TARGET, "-o", "out")
    assert status == 1
    assert errors[0] == r"lightsaft: error: cannot read no caf\udce9 \udcff.wav: no such file or directory"
    assert os.path.isfile(f"out/{name}/bass.wav")
    assert run("separate", f"in/{name}.wav", *TARGET, "-o", "out", "--format", "flac") == (0, [])
    assert run("batch", *batch_options("in")) == (0, [])
    assert os.path.isfile(f"in-stems/{name}/bass.wav")
    assert run("batch", *batch_options("in"), "--dry-run") == (0, [])
    os.rename(f"out/{name}/bass.wav", f"out/{name}/{name}.wav")
    os.remove(f"out/{name}/bass.flac")
    assert run("report", f"in/{name}.wav", f"out/{name}") == (0, [])
    assert run("evaluate", f"out/{name}", f"out/{name}", "-o", "scores.json") == (0, [])
    status, errors = run("evaluate", f"out/{name}", "out/song")
    assert (status, len(errors)) == (1, 1)
    assert errors[0].startswith(
        r"lightsaft: error: expected an estimate of every reference, none of ./caf\udce9 \udcff"
    )


@posix
def test_names_that_mean_something_elsewhere(run, song, tmp_path):
    names = ["a\nb", "  ", "-o", "%d%s", "{}{track}", "x\x1b[31m", "a::b", "..", ".", "..x"]
    for name in names:
        (tmp_path / f"{name}.wav").write_bytes(song.read_bytes())
    before = set(tmp_path.iterdir())
    paths = [f"./{name}.wav" for name in names]
    assert run("separate", *paths, *TARGET, "-o", "out") == (0, [])
    assert set(tmp_path.iterdir()) == {*before, tmp_path / "out"}
    assert len(list((tmp_path / "out").glob("*/bass.wav"))) == len(names)
    status, errors = run("separate", *(f"no/{name}.wav" for name in names), *TARGET, "-o", "none")
    assert status == 1
    assert len(errors) == len(names) + 1
    assert all(re.fullmatch(r"lightsaft: [^\x00-\x1f]+", error) for error in errors)
    visible = [f"{name}.wav" for name in names if name[0] != "."]
    os.mkdir("tracks")
    for name in visible:
        os.rename(name, f"tracks/{name}")
    assert run("batch", *batch_options("tracks")) == (0, [])
    assert len(list((tmp_path / "tracks-stems").glob("*/bass.wav"))) == len(visible)


def test_the_name_of_a_track():
    names = {"a.wav": "a", "a.b.mp3": "a.b", "a": "a", ".wav": ".wav", "..wav": "..wav", "...mp3": "...mp3"}
    assert {name: track_name(name) for name in names} == names


@posix
def test_a_template_cannot_lead_a_name_out_of_the_folder(run, song):
    os.rename(song, "..x.wav")
    status, errors = run("separate", "./..x.wav", *TARGET, "-o", "out", "--template", "{track:.2}/{target}.{ext}")
    assert (status, len(errors)) == (1, 1)
    assert "would lie outside the folder of the stems" in errors[0]
    assert not os.path.exists("bass.wav")


@posix
@pytest.mark.parametrize("template", ["{track}" + LONG + "{target}.{ext}", "/".join([LONG] * 20) + "{target}.{ext}"])
def test_names_that_are_too_long(run, song, template):
    status, errors = run("separate", song, *TARGET, "-o", "out", "--template", template)
    assert (status, len(errors)) == (1, 1)
    assert "file name too long" in errors[0]


@posix
def test_places_that_take_no_stems(run, song):
    for out in (song, "/proc/none", "/dev/null"):
        status, errors = run("separate", song, *TARGET, "-o", out)
        assert (status, len(errors)) == (1, 1)
        assert errors[0].startswith("lightsaft: error: cannot write ")
        status, errors = run("batch", *TARGET, "--workers", "1", "in", out)
        assert (status, len(errors)) == (1, 1)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("too deep"), ZeroDivisionError("\n0"), KeyError("x")])
def test_an_unexpected_error_is_of_one_file(run, song, monkeypatch, error):
    from lightsaft_infer.audio import reader

    known = reader.open_source

    def failing(file, closing):
        if str(file.name).endswith("bad.wav"):
            raise error
        return known(file, closing)

    monkeypatch.setattr(reader, "open_source", failing)
    (song.parent / "bad.wav").write_bytes(song.read_bytes())
    status, errors = run("separate", "in/bad.wav", song, *TARGET, "-o", "out")
    assert (status, len(errors)) == (1, 2)
    assert "in/bad.wav" in errors[0]
    expected = "not enough memory" if isinstance(error, MemoryError) else "unexpected error, please report it"
    assert errors[0].startswith(f"lightsaft: error: {expected}")
    assert os.path.isfile("out/song/bass.wav")
    monkeypatch.setenv("LIGHTSAFT_DEBUG", "1")
    assert "Traceback (most recent call last):" in run("separate", "in/bad.wav", *TARGET, "-o", "out")[1]
    monkeypatch.delenv("LIGHTSAFT_DEBUG")
    status, errors = run("report", "in/bad.wav", "out/song")
    assert (status, len(errors)) == (1, 1)


def test_an_unexpected_error_is_in_the_journal(monkeypatch, tmp_path):
    from lightsaft_infer.batch import Track, separate_track, task

    def failing(*_):
        raise RecursionError("too deep")

    monkeypatch.setattr(task, "_separator", failing)
    track = Track("a.wav", "in/a.wav", "a", str(tmp_path), "model", "0", 1, {"targets": ["bass"]})
    entry = separate_track(track)
    assert entry["status"] == "failed"
    assert entry["error"] == "unexpected error, please report it (RecursionError: too deep): in/a.wav"
    assert "in failing" in entry["traceback"]


def test_samples_that_are_far_too_large(run, song, tmp_path):
    """The packaged model cannot hold them. The message names the file."""
    soundfile.write(tmp_path / "huge.wav", noise(2, 50_000).T * np.float32(1e38), 44100, subtype="FLOAT")
    packaged = str(default_manifest_path())
    status, errors = run("separate", "huge.wav", song, *TARGET, "-o", "out", "--model", packaged)
    assert status == 1
    assert errors[0] == "lightsaft: error: expected finite estimates from the network, got NaN or infinity: huge.wav"
    assert os.listdir("out") == ["song"]


def test_numbers_out_of_range(run):
    for arguments in (["--seconds", "-1"], ["--seconds", "nan"], ["--seconds", "1e300"], ["--threads", "100000"]):
        status, errors = run("benchmark", *arguments)
        assert (status, len(errors)) == (1, 1)
        assert errors[0].startswith("lightsaft: error: expected ")
    with pytest.raises(SystemExit, match="2"):
        run("benchmark", "--repeats", "0")


def test_decoders_print_nothing(run, tmp_path):
    content = bytearray(encoded(tmp_path, noise(2, 200_000), container="MP3", subtype="MPEG_LAYER_III"))
    rng = np.random.default_rng(0)
    for place in range(2000, len(content) - 100, 700):
        content[place : place + 20] = rng.bytes(20)
    (tmp_path / "damaged.mp3").write_bytes(content)
    (tmp_path / "stems").mkdir()
    soundfile.write(tmp_path / "stems" / "bass.wav", np.zeros((200_000, 2)), 44100)
    for arguments in (["separate", "damaged.mp3", *TARGET, "-o", "out"], ["report", "damaged.mp3", "stems"]):
        status, errors = run(*arguments)
        assert (status, len(errors)) == (1, 1)
        assert re.fullmatch(r"lightsaft: error: damaged or truncated .*: damaged\.mp3", errors[0])


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_descriptors(song, model_path, tmp_path, closed):
    """No file takes the place of a closed descriptor, and the stems are the same."""
    command = [sys.executable, "-m", "lightsaft_infer", "separate", "--model", model_path, "--threads", "1"]
    for number, redirection in enumerate(("", closed)):
        script = f'"$@" {redirection}'
        arguments = [*command, "none.wav", song, *TARGET, "-o", tmp_path / str(number)]
        result = subprocess.run(["sh", "-c", script, "sh", *arguments], capture_output=True)
        assert result.returncode == 1
        assert b"Traceback" not in result.stderr
    assert (tmp_path / "0/song/bass.wav").read_bytes() == (tmp_path / "1/song/bass.wav").read_bytes()


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_standard_output_is_full(model_path):
    command = f"{sys.executable} -m lightsaft_infer info --model {model_path} > /dev/full"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "lightsaft: error: cannot write standard output: no space left on device\n"


def test_no_standard_streams_at_all(run, song, monkeypatch):
    """As in a program with windows."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run("separate", "none.wav", song, *TARGET, "-o", "out")[0] == 1
    assert run("batch", *batch_options("in"))[0] == 0
    assert run("info")[0] == 0
    assert os.path.isfile("out/song/bass.wav")


def test_signals_are_handled_before_the_modules_load():
    code = """
import signal, sys
import lightsaft_infer.start
loaded = {"numpy", "scipy", "soundfile", "onnxruntime", "av", "argparse"} & set(sys.modules)
assert not loaded, loaded
from lightsaft_infer.signals import leave_on_signals
leave_on_signals()
assert callable(signal.getsignal(signal.SIGTERM))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@posix
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_while_libsndfile_reads_through_python(tmp_path, name, status):
    """It ignores exceptions of its callbacks: the signal would be lost, and the audio damaged."""
    soundfile.write(tmp_path / "song.ogg", noise(2, 300_000).T * 0.5, 44100)
    code = f"""
import os, signal, sys
from lightsaft_infer import AudioReader
from lightsaft_infer.audio.file_slice import FileSlice
from lightsaft_infer.signals import leave_on_signals
signal.signal(signal.SIGINT, signal.default_int_handler)
leave_on_signals()
calls, readinto = [], FileSlice.readinto
def signalling(self, buffer):
    calls.append(1)
    if len(calls) == 12:
        os.kill(os.getpid(), signal.{name})
    return readinto(self, buffer)
FileSlice.readinto = signalling
try:
    for _ in range(1000):
        with AudioReader(sys.argv[1]) as reader:
            reader.read()
except KeyboardInterrupt:
    sys.exit(130)
"""
    result = subprocess.run([sys.executable, "-c", code, tmp_path / "song.ogg"], capture_output=True)
    assert (result.returncode, result.stderr) == (status, b"")


@posix
@pytest.mark.parametrize("made", ["weakref.WeakValueDictionary", "weakref.WeakSet"])
def test_a_signal_while_an_object_is_deleted(made):
    """Python ignores exceptions of callbacks of weak references, and prints them."""
    code = f"""
import os, signal, sys, time, weakref
from lightsaft_infer.signals import leave_on_signals
leave_on_signals()
class Key:
    def __hash__(self):
        return 1
def watch(frame, event, argument):
    if event == "call" and frame.f_code.co_name in ("remove", "_remove"):
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)
held, key = {made}(), Key()
held.add(key) if hasattr(held, "add") else held.update(a=key)
sys.setprofile(watch)
del key
time.sleep(10)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (result.returncode, result.stderr) == (143, b"")


@posix
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_more_interrupts_do_not_disturb_the_removal_of_files(name, status):
    code = f"""
import signal, sys
from lightsaft_infer.signals import leave_on_signals
signal.signal(signal.SIGINT, signal.default_int_handler)
leave_on_signals()
try:
    try:
        signal.raise_signal(signal.{name})
    finally:
        signal.raise_signal(signal.SIGINT)
        print("removed")
except KeyboardInterrupt:
    sys.exit(130)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (status, b"removed\n", b"")


@posix
def test_an_ignored_hangup_stays_ignored():
    import signal

    code = "import signal; from lightsaft_infer.signals import leave_on_signals as l; l(); l = signal.getsignal"
    command = [sys.executable, "-c", f"{code}; print(l(signal.SIGHUP) == signal.SIG_IGN)"]
    ignored = subprocess.run(
        command, capture_output=True, check=True, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert ignored.stdout == b"True\n"
