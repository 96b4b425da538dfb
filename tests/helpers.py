"""Helpers of tests in several folders: waiting for processes, encoded audio, the outputs of a batch."""

import hashlib
import json
import shutil
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
AUDIO = noise(2, 30_001) * np.float32(0.9)
OPTIONS = {
    "targets": list(GAINS),
    "residual": None,
    "consistency": False,
    "format": "wav",
    "subtype": "FLOAT",
    "clip": "scale",
}
FRAMES = 60_000


def wait_for(condition):
    """Wait for a condition that must come true, also on a slow machine. A test that waits for a minute has failed."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def inline(function, tracks):
    """Run the tracks in this process: an engine without processes."""
    for track in tracks:
        yield track, function(track)


def encoded(folder, audio=AUDIO, sample_rate=44100, container="WAV", subtype="FLOAT"):
    """Return the bytes of a sound file."""
    path = folder / "encoded"
    soundfile.write(path, audio.T, sample_rate, format=container, subtype=subtype)
    return path.read_bytes()


def with_size(content, size):
    """Return the bytes of a WAV file with another declared size of its audio."""
    place = content.index(b"data") + 4
    size = struct.pack("<I", size)
    return content[:4] + size + content[8:place] + size + content[place + 4 :]


def journal(out):
    """Return all entries of the journal in their order, without an incomplete last line."""
    path = out / "journal.jsonl"
    entries = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def check_whole(out):
    """Assert that every file under a final name is complete, and that files in the journal have their digests."""
    for path in out.rglob("[!.]*.wav"):
        if path.is_file():
            assert soundfile.info(path).frames == FRAMES
            assert soundfile.read(path)[0].shape == (FRAMES, 2)
    for entry in {entry["track"]: entry for entry in journal(out)}.values():
        assert entry["status"] == "done"
        assert set(entry["outputs"]) == set(GAINS)
        for output in entry["outputs"].values():
            content = (out / output["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == output["sha256"]
