"""The command `lightsaft batch` in processes of its own, killed at random moments."""

import collections
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS
from helpers import FRAMES, check_whole, is_alive, journal, posix, wait_for

from lightsaft_infer.cli import main

linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by Linux's /proc")
TRACKS = 24


@pytest.fixture
def catalogue(tmp_path):
    """A folder of TRACKS tracks."""
    for number in range(TRACKS):
        path = tmp_path / "in" / f"album {number % 3}" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(2, FRAMES, seed=number).T * 0.9, 44100, subtype="FLOAT")
    return tmp_path / "in"


@pytest.fixture
def start(tmp_path, model_path):
    """Start the command on the folder, with two workers."""

    def start(*arguments):
        command = [sys.executable, "-m", "lightsaft_infer", "batch", tmp_path / "in", tmp_path / "out"]
        return subprocess.Popen(
            [*command, "--model", model_path, "--workers", "2", "--cores", "2", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Interrupts are ignored in a shell's background job, which this test run may be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return start


def children(pid):
    """Return the worker processes of a run."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    pids = [int(child) for child in path.read_text().split()] if path.exists() else []
    return [pid for pid in pids if b"multiprocessing.spawn" in command_line(pid)]


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@linux
def test_kills_at_random_moments_leave_whole_files_and_every_track_is_done_once(catalogue, start, tmp_path):
    chance = random.Random(5)
    out = tmp_path / "out"
    for turn in range(4):
        lines = len(journal(out)) + chance.choice([0, 1, 2])
        old = set(out.rglob("*.part"))
        process = start()

        def under_way(process=process, lines=lines, old=old):
            return process.poll() is not None or (len(journal(out)) >= lines and set(out.rglob("*.part")) - old)

        wait_for(under_way)
        time.sleep(chance.uniform(0, 0.1))
        workers = children(process.pid)
        if turn % 3 == 1:
            kill(workers[:1])
            time.sleep(chance.uniform(0, 0.4))
            workers += children(process.pid)
        process.kill()
        if turn % 3 == 2:  # all at once, as when the machine loses power
            kill(workers)
        process.communicate()
        wait_for(lambda workers=workers: not any(map(is_alive, workers)))
        check_whole(out)
    process = start()
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    done, skipped = map(int, re.fullmatch(r"(\d+) done, (\d+) skipped, 0 failed\n", output).groups())
    assert done + skipped == TRACKS
    check_whole(out)
    times = collections.Counter(entry["track"] for entry in journal(out))
    assert times == {f"album {number % 3}/{number}.wav": 1 for number in range(TRACKS)}
    assert len(list(out.rglob("[!.]*.wav"))) == TRACKS * len(GAINS)
    assert not list(out.rglob("*.part"))


@linux
def test_a_killed_worker_costs_nothing_in_the_end(catalogue, start, tmp_path):
    process = start()
    wait_for(lambda: len(journal(tmp_path / "out")) >= 2)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    output, errors = process.communicate()
    assert (process.returncode, output, errors) == (0, f"{TRACKS} done, 0 skipped, 0 failed\n", "")
    check_whole(tmp_path / "out")
    assert not list(tmp_path.rglob("*.part"))


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_run_ends_in_good_order(catalogue, start, tmp_path, number, status):
    process = start()
    wait_for(lambda: journal(tmp_path / "out"))
    workers = children(process.pid)
    for pid in (process.pid, *(workers if number != signal.SIGTERM else ())):  # a terminal's signals reach them all
        os.kill(pid, number)
    errors = process.communicate()[1]
    assert process.returncode == status
    assert "Traceback" not in errors
    assert not any(map(is_alive, workers))
    assert not list(tmp_path.rglob("*.part"))
    check_whole(tmp_path / "out")


@posix
def test_what_is_told(catalogue, start, tmp_path):
    """A dry run, a run with a bad track, and one beside another."""
    for path in catalogue.rglob("*[2-9].wav"):
        path.unlink()
    (catalogue / "bad.wav").write_text("no audio")
    tracks = sorted(path.relative_to(catalogue).as_posix() for path in catalogue.rglob("*.wav"))
    output, errors = start("--dry-run").communicate()
    assert output.splitlines() == [*(f"{track}: new" for track in tracks), f"{len(tracks)} to do, 0 done already"]
    assert not (tmp_path / "out").exists()
    first = start("--two-stems", "vocals", "--format", "flac")
    wait_for((tmp_path / "out" / "journal.jsonl").exists)
    wait_for(lambda: journal(tmp_path / "out"))
    first.send_signal(signal.SIGSTOP)
    second = start()
    assert "another run is at work" in second.communicate()[1]
    assert second.returncode == 1
    first.send_signal(signal.SIGCONT)
    output, errors = first.communicate()
    assert first.returncode == 1
    assert str(catalogue / "bad.wav") in errors
    assert output == f"{len(tracks) - 1} done, 0 skipped, 1 failed\n"
    stems = {path.name for path in (tmp_path / "out").rglob("*.flac")}
    assert stems == {"vocals.flac", "instrumental.flac"}


@pytest.mark.parametrize(
    ("pattern", "tracks"),
    [("mixture.wav", ["a/mixture", "b/mixture"]), ("a/*.wav", ["a/mixture", "a/vocals"]), ("*.flac", [])],
)
def test_only_tracks_that_match(tmp_path, model_path, capsys, pattern, tracks):
    for name in ("a/mixture", "a/vocals", "b/mixture", "mixture/drums"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "in" / f"{name}.wav", noise(2, 100).T, 44100)
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--model", str(model_path), "--only", pattern]
    assert main([*command, "--dry-run"]) == (0 if tracks else 1)
    printed = capsys.readouterr()
    assert [line for line in printed.out.splitlines() if line.endswith("new")] == [
        f"{name}.wav: new" for name in tracks
    ]
    assert tracks or f"expected audio files like {pattern}, got none" in printed.err


@pytest.mark.parametrize("pattern", ["", ".", "./", "/", "//"])
def test_a_pattern_without_a_name(capsys, pattern):
    with pytest.raises(SystemExit):
        main(["batch", "in", "out", "--only", pattern])
    assert f"expected a pattern such as mixture.wav, got: {pattern!r}" in capsys.readouterr().err


def test_tracks_of_more_than_two_channels(tmp_path, model_path, capsys):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "six.wav", 0.1 * noise(6, 3000).T, 44100)
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--model", str(model_path), "--workers", "1"]
    assert main(command) == 1
    assert "expected 1 or 2 channels, got 6 (downmix mixes them to stereo)" in capsys.readouterr().err
    assert main([*command, "--downmix"]) == 0
    assert soundfile.info(tmp_path / "out" / "six" / "vocals.wav").channels == 2
    assert main([*command, "--downmix", "--dry-run"]) == 0
    assert "0 to do, 1 done already" in capsys.readouterr().out


def test_usage(tmp_path, capsys):
    assert main(["batch", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "expected audio files, got none" in capsys.readouterr().err
    assert main(["batch", str(tmp_path), "out", "--workers", "3", "--threads", "2", "--cores", "4"]) == 1
    assert "expected 4 cores to be enough, but 3 workers of 2 threads each need 6" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
