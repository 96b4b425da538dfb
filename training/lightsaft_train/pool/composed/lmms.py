"""Projects of LMMS: their tracks, and the sound of each by `lmms rendertracks`."""

import collections
import dataclasses
import os
import shutil
import subprocess
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile as sf

from ...data import SAMPLE_RATE
from .instrument_names import agreed, class_of_name, class_of_source

TIMEOUT = 1800  # seconds for a project
INSTRUMENT, SAMPLE = "0", "2"  # types of tracks that sound; the beat editor's lie inside tracks of another type


@dataclasses.dataclass(frozen=True)
class Part:
    """A track that sounds: its name, the sample that it plays or "", whether it plays recordings, and a Counter of its
    notes."""

    name: str
    source: str
    recorded: bool
    notes: collections.Counter

    @property
    def kind(self):
        """The class by its name and its sample."""
        return agreed([class_of_name(self.name), class_of_source(self.source)])


def read_project(path):
    """The tracks of a project in the order in which `lmms rendertracks` numbers their files, from 1."""
    data = Path(path).read_bytes()
    if data.lstrip()[:1] != b"<":
        data = zlib.decompress(data[4:])  # qCompress: the length comes first
    song = ElementTree.fromstring(data).find("song")
    own = song.findall("trackcontainer/track")
    beats = next(
        (track.findall("bbtrack/trackcontainer/track") for track in own if track.find("bbtrack/*") is not None), []
    )
    sounding = [t for t in own + beats if t.get("type") in (INSTRUMENT, SAMPLE) and t.get("muted", "0") == "0"]
    return [_part(track) for track in sounding]


def _part(track):
    sources = [tag.get("src") for tag in track.iter() if tag.tag in ("audiofileprocessor", "sampletco")]
    notes = collections.Counter(int(note.get("key")) for note in track.iter("note"))
    recorded = bool(sources) or track.get("type") == SAMPLE
    return Part(track.get("name", ""), next((source for source in sources if source), ""), recorded, notes)


def render(path, folder):
    """Render the tracks of a project into `folder` as files of their own, once. Raises RuntimeError: LMMS fails."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "done").exists():
        return
    if shutil.which("lmms") is None:
        raise RuntimeError("lmms is missing: apt-get install lmms")
    command = ["lmms", "--allowroot", "rendertracks", str(path), "-o", str(folder), "-a", "-f", "wav"]
    command += ["-s", str(SAMPLE_RATE), "-x", "1", "-i", "linear"]
    if os.geteuid() == 0 and shutil.which("setpriv"):
        # Else LMMS would take a real-time priority, and leave other programs no time.
        command = ["setpriv", "--bounding-set=-sys_nice", *command]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"lmms takes longer than {TIMEOUT} s: {path}") from error
    if done.returncode:
        raise RuntimeError(f"lmms failed ({done.returncode}): {path}")
    (folder / "done").touch()


def read_parts(path, folder, seconds):
    """(part, audio (2, samples) of one length) of the tracks rendered in `folder`, the first `seconds` of them."""
    parts = read_project(path)
    files = {int(file.name.split("_")[0]): file for file in folder.glob("*_*.wav")}
    if sorted(files) != list(range(1, len(parts) + 1)):
        raise RuntimeError(f"expected {len(parts)} rendered tracks, got {len(files)}: {path}")
    length = min(round(seconds * SAMPLE_RATE), max(sf.info(file).frames for file in files.values()))
    for number, part in enumerate(parts, 1):
        audio = np.zeros((2, length), np.float32)
        rendered = sf.read(files[number], length, dtype="float32", always_2d=True)[0]
        audio[:, : len(rendered)] = rendered.T
        yield part, audio
