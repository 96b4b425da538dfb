"""Recorded voices: a catalogue, and how they are read."""

import dataclasses
import fnmatch
import functools
import itertools
import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np
import scipy.ndimage as ndimage
import soundfile
import soxr

from ...arrays import Audio
from ..score import SAMPLE_RATE

KINDS = ("sung", "pjs", "alys", "yuki", "orks", "spoken", "chant", "trope", "alys_a4_e4", "ibuki", "iona")
# Recordings kept for validation: these two singers are not used in training. `chant` has three readers. They differ in
# mean spectrum, pitch and bandwidth far more than the files of any one of them: a man with bright recordings (16 files,
# 48.6 min, 115 to 134 Hz), a man with dull recordings (16 files, 33.2 min, 128 to 152 Hz: he is held out) and a woman
# (Kedoshim, 5.7 min, 260 to 295 Hz). `trope` is one woman, 240 to 450 Hz. None of it is of the man who is held out.
HELD_OUT = (
    "nit_song070/*",
    "chant/Bamidbar-*",
    "chant/Bechukotai-*",
    "chant/Behaalotcha-*",
    "chant/Behar-*",
    "chant/Emor-*",
    "chant/Shlach-*",
)
NARROW = ("trope/eicha-*", "trope/torah-*")  # they have nothing above 5 kHz, and are left out
SUFFIXES = (".ogg", ".mp3")
BANDWIDTHS = {"chant": 8000, "trope": 7500}  # Hz: all files of these kinds end there; others reach 16 kHz
# Letters, syllables and words of Debian's klettres-data and ktuberling-data, with a speaker for each language. The
# languages listed have a sample rate of 44.1 kHz and little noise.
SPEAKERS = {
    "klettres": ("klettres/{}/*/*.ogg", "cs da de en en_GB es fr he it lt ml nb nds nl pt_BR ru tn uk"),
    "ktuberling": ("ktuberling/sounds/{}/*.*", "da el lt sl uk wa"),
}
NAMES = {"c": 0, "cs": 1, "d": 2, "eb": 3, "e": 4, "f": 5, "fs": 6, "g": 7, "ab": 8, "a": 9, "bb": 10, "b": 11}


@dataclasses.dataclass(frozen=True)
class Recording:
    """A file of a voice.

    Parameters
    ----------
    path, kind
        The file, and the kind of the recording (KINDS, SPEAKERS).
    tonic, minor, tempo
        A pitch class, whether the key is minor, and beats per minute; None if they are not known.
    span
        Start and end in seconds of the part that is meant; None: the whole file.
    """

    path: pathlib.Path
    kind: str
    tonic: int | None = None
    minor: bool | None = None
    tempo: float | None = None
    span: tuple[float, float] | None = None

    @property
    def singer(self) -> str:
        """The name of the folder: one voice, or several that belong together. For a speaker, the language."""
        folder = self.path.parent
        return folder.parent.name if self.kind == "klettres" else folder.name

    @property
    def name(self) -> str:
        """Its path from the folder of its kind on."""
        parts = self.path.parts
        return "/".join(parts[len(parts) - 1 - parts[::-1].index(self.kind) :])


def catalogue(folder: str | os.PathLike[str]) -> tuple[Recording, ...]:
    """Return the recordings for training below a folder, sorted by path.

    The folder has a folder for each of KINDS. Recordings that are kept for validation (HELD_OUT) are left out.
    """
    folder = pathlib.Path(folder)
    paths = sorted(path for kind in KINDS for path in (folder / kind).rglob("*") if path.suffix in SUFFIXES)
    found = [(path, path.relative_to(folder).as_posix()) for path in paths]
    found = [(path, name) for path, name in found if not _fits(name, (*HELD_OUT, *NARROW))]
    return tuple(Recording(path, name.split("/")[0], *_key(path)) for path, name in found)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def speakers(share: pathlib.Path = pathlib.Path("/usr/share")) -> tuple[Recording, ...]:
    """Return the recordings of SPEAKERS, sorted by path. There are none if Debian's packages are not installed."""
    return tuple(
        Recording(path, kind)
        for kind, (pattern, languages) in SPEAKERS.items()
        for language in languages.split()
        for path in sorted(share.glob(pattern.format(language)))
        if path.suffix in (".ogg", ".wav")
    )


def _key(path: pathlib.Path) -> tuple[int | None, bool | None, float | None]:
    """Return tonic, minor and tempo, which a folder such as shv_f_124 or etv_ebj_136_phrase and its file state."""
    found = re.match(r"(?:shv|etv)_([a-g][bs]?)[mj]?_(\d+)", path.parent.name)
    if not found:
        return None, None, None
    return NAMES[found[1]], "_major" not in path.stem and "j_" not in path.parent.name, float(found[2])


@functools.lru_cache(maxsize=64)
def phrases(recording: Recording) -> tuple[Recording, ...]:
    """Cut a long recording at pauses into recordings of 2 to 8 s; without a pause in 8 s, at the quietest place."""
    audio, rate = soundfile.read(recording.path, dtype="float32", always_2d=True)
    audio = audio[:, 0][: len(audio) // (rate // 100) * (rate // 100)]
    level = ndimage.uniform_filter1d(np.abs(audio).reshape(-1, rate // 100).mean(axis=1), 12)  # each 10 ms
    quiet, cuts = 0.08 * np.percentile(level, 95), [0]
    while cuts[-1] + 200 < len(level):
        ahead = level[cuts[-1] + 200 : cuts[-1] + 800]
        pauses = np.flatnonzero(ahead < quiet)
        cuts.append(cuts[-1] + 200 + int(pauses[0] if len(pauses) else ahead.argmin()))
    spans = [(a / 100, b / 100) for a, b in itertools.pairwise(cuts) if level[a:b].max() > 4 * quiet]
    return tuple(dataclasses.replace(recording, span=span) for span in spans) or (recording,)


def load(path: str | os.PathLike[str], span: tuple[float, float] | None = None) -> Audio:
    """Read a recording, or a span (start, end in seconds) of it.

    Returns
    -------
    float32 array, shape (2, samples)
        Without silence at its ends; its active parts are at about -20 dBFS RMS.
    """
    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        first, last = (round(t * rate) for t in span) if span else (0, file.frames)
        file.seek(first)
        audio = file.read(last - first, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE)
    level = ndimage.maximum_filter1d(np.abs(audio).max(axis=1), 441)
    loud = np.flatnonzero(level > 0.01 * max(level.max(), 1e-4))
    if not len(loud):
        return np.zeros((2, 1), np.float32)
    audio = audio[loud[0] : loud[-1] + 1]
    active = audio[level[loud[0] : loud[-1] + 1] > 0.1 * level.max()]
    audio = audio * (0.1 / np.sqrt(np.mean(np.square(active)) + 1e-9))
    audio[:88] *= np.linspace(0, 1, 88)[: len(audio), None]
    audio[-441:] *= np.linspace(1, 0, 441)[-len(audio) :, None]
    return np.ascontiguousarray(np.broadcast_to(audio.T, (2, len(audio))))
