"""Projects of LMMS: their tracks, and the sound of each track by `lmms rendertracks`."""

import collections
import dataclasses
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile as sf

from ...arrays import Audio
from ...data import SAMPLE_RATE
from ...errors import ToolError
from .instrument_names import agreed, class_of_name, class_of_source

TIMEOUT = 1800  # seconds for a project
INSTRUMENT, SAMPLE = "0", "2"  # types of tracks that sound; those of the beat editor lie in tracks of another type


@dataclasses.dataclass(frozen=True)
class LmmsTrack:
    """A track that sounds.

    Parameters
    ----------
    name, source
        Its name, and the sample that it plays or "".
    recorded
        Whether it plays recordings.
    notes
        How often it plays each note.
    """

    name: str
    source: str
    recorded: bool
    notes: collections.Counter[int]

    @property
    def kind(self) -> str | None:
        """The class by its name and its sample."""
        return agreed([class_of_name(self.name), class_of_source(self.source)])


def read_project(path: str | os.PathLike[str]) -> list[LmmsTrack]:
    """Return the tracks of a project, in the order in which `lmms rendertracks` numbers their files from 1.

    Raises
    ------
    ToolError
        If the file is not a project of LMMS.
    """
    data = Path(path).read_bytes()
    try:
        if data.lstrip()[:1] != b"<":
            data = zlib.decompress(data[4:])  # the first four bytes of qCompress are the length
        song = ElementTree.fromstring(data).find("song")
    except (zlib.error, ElementTree.ParseError) as error:
        raise ToolError(f"not a project of LMMS ({error}): {path}") from error
    if song is None:
        raise ToolError(f"not a project of LMMS: {path}")
    own = song.findall("trackcontainer/track")
    beats = next(
        (track.findall("bbtrack/trackcontainer/track") for track in own if track.find("bbtrack/*") is not None), []
    )
    sounding = [t for t in own + beats if t.get("type") in (INSTRUMENT, SAMPLE) and t.get("muted", "0") == "0"]
    return [_read_track(track) for track in sounding]


def _read_track(track: ElementTree.Element) -> LmmsTrack:
    sources = [tag.get("src") for tag in track.iter() if tag.tag in ("audiofileprocessor", "sampletco")]
    notes = collections.Counter(int(note.attrib["key"]) for note in track.iter("note"))
    recorded = bool(sources) or track.get("type") == SAMPLE
    return LmmsTrack(track.get("name", ""), next((source for source in sources if source), ""), recorded, notes)


def render(path: str | os.PathLike[str], folder: Path) -> None:
    """Render the tracks of a project into a folder, as files of their own, once.

    Raises
    ------
    ToolError
        If LMMS is missing or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "done").exists():
        return
    if shutil.which("lmms") is None:
        raise ToolError("lmms is missing: apt-get install lmms")
    command = ["lmms", "--allowroot", "rendertracks", str(path), "-o", str(folder), "-a", "-f", "wav"]
    command += ["-s", str(SAMPLE_RATE), "-x", "1", "-i", "linear"]
    if os.geteuid() == 0 and shutil.which("setpriv"):
        # Otherwise LMMS takes a real-time priority, and leaves other programs no time.
        command = ["setpriv", "--bounding-set=-sys_nice", *command]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"lmms takes longer than {TIMEOUT} s: {path}") from error
    if done.returncode:
        raise ToolError(f"lmms failed ({done.returncode}): {path}")
    (folder / "done").touch()


def read_tracks(path: str | os.PathLike[str], folder: Path, seconds: float) -> Iterator[tuple[LmmsTrack, Audio]]:
    """Yield the tracks that were rendered in a folder, with audio (2, samples) of their first seconds, of one length.

    Raises
    ------
    ToolError
        If tracks are missing.
    """
    tracks = read_project(path)
    files = {int(file.name.split("_")[0]): file for file in folder.glob("*_*.wav")}
    if sorted(files) != list(range(1, len(tracks) + 1)):
        raise ToolError(f"expected {len(tracks)} rendered tracks, got {len(files)}: {path}")
    length = min(round(seconds * SAMPLE_RATE), max(sf.info(file).frames for file in files.values()))
    for number, track in enumerate(tracks, 1):
        audio = np.zeros((2, length), np.float32)
        rendered = sf.read(files[number], length, dtype="float32", always_2d=True)[0]
        audio[:, : len(rendered)] = rendered.T
        yield track, audio
