"""Recorded voices: a catalogue, and their reading."""

import dataclasses
import fnmatch
import functools
import itertools
import pathlib
import re

import numpy as np
import scipy.ndimage as ndimage
import soundfile
import soxr

from ..score import SAMPLE_RATE

KINDS = ("sung", "pjs", "alys", "yuki", "orks", "spoken", "chant", "trope", "alys_a4_e4", "ibuki", "iona")
# Recordings kept for validation: none of these two singers may be heard in training. `chant` has three readers, who
# differ in mean spectrum, pitch and bandwidth far more than the files of any one of them: a man with bright recordings
# (16 files, 48.6 min, 115 to 134 Hz), a man with dull ones (16 files, 33.2 min, 128 to 152 Hz: held out) and a woman
# (Kedoshim, 5.7 min, 260 to 295 Hz). `trope` is one woman, 240 to 450 Hz: none of it is the man's who is held out.
HELD_OUT = (
    "nit_song070/*",
    "chant/Bamidbar-*",
    "chant/Bechukotai-*",
    "chant/Behaalotcha-*",
    "chant/Behar-*",
    "chant/Emor-*",
    "chant/Shlach-*",
)
NARROW = ("trope/eicha-*", "trope/torah-*")  # nothing above 5 kHz: left out
SUFFIXES = (".ogg", ".mp3")
BANDWIDTHS = {"chant": 8000, "trope": 7500}  # Hz up to which recordings reach (all files of the kind), if not to 16 kHz
# Letters, syllables and words of Debian's klettres-data and ktuberling-data: a speaker for each language. These have a
# sample rate of 44.1 kHz and little noise.
SPEAKERS = {
    "klettres": ("klettres/{}/*/*.ogg", "cs da de en en_GB es fr he it lt ml nb nds nl pt_BR ru tn uk"),
    "ktuberling": ("ktuberling/sounds/{}/*.*", "da el lt sl uk wa"),
}
NAMES = {"c": 0, "cs": 1, "d": 2, "eb": 3, "e": 4, "f": 5, "fs": 6, "g": 7, "ab": 8, "a": 9, "bb": 10, "b": 11}


@dataclasses.dataclass(frozen=True)
class Recording:
    """A file of a voice; `tonic` a pitch class, `minor` its key, `tempo` in beats per minute: None if unknown; `span`
    the start and end in seconds of the part that is meant, None for the whole file."""

    path: pathlib.Path
    kind: str
    tonic: int | None = None
    minor: bool | None = None
    tempo: float | None = None
    span: tuple | None = None

    @property
    def singer(self):
        """The name of the folder: one voice, or several that belong together; of a speaker, the language."""
        folder = self.path.parent
        return folder.parent.name if self.kind == "klettres" else folder.name

    @property
    def name(self):
        """Its path from the folder of its kind on."""
        parts = self.path.parts
        return "/".join(parts[len(parts) - 1 - parts[::-1].index(self.kind) :])


def catalogue(folder, held_out=False):
    """The recordings below a folder that holds a folder for each of KINDS, sorted by path: those for training, or
    exactly those `held_out` for validation (the patterns HELD_OUT)."""
    folder = pathlib.Path(folder)
    kinds = sorted({pattern.split("/")[0] for pattern in HELD_OUT} if held_out else KINDS)
    paths = sorted(path for kind in kinds for path in (folder / kind).rglob("*") if path.suffix in SUFFIXES)
    found = [(path, path.relative_to(folder).as_posix()) for path in paths]
    found = [(path, name) for path, name in found if _fits(name, HELD_OUT) == held_out and not _fits(name, NARROW)]
    return tuple(Recording(path, name.split("/")[0], *_key(path)) for path, name in found)


def _fits(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def speakers(share=pathlib.Path("/usr/share")):
    """The recordings of SPEAKERS, sorted by path; none where Debian's packages are not installed."""
    return tuple(
        Recording(path, kind)
        for kind, (pattern, languages) in SPEAKERS.items()
        for language in languages.split()
        for path in sorted(share.glob(pattern.format(language)))
        if path.suffix in (".ogg", ".wav")
    )


def _key(path):
    """Tonic, minor and tempo told by a folder such as shv_f_124 or etv_ebj_136_phrase, and by the file in it."""
    found = re.match(r"(?:shv|etv)_([a-g][bs]?)[mj]?_(\d+)", path.parent.name)
    if not found:
        return None, None, None
    return NAMES[found[1]], "_major" not in path.stem and "j_" not in path.parent.name, float(found[2])


@functools.lru_cache(maxsize=64)
def phrases(recording):
    """A long recording cut at pauses into Recordings of 2 to 8 s; without a pause in 8 s, at the quietest place."""
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


def load(path, span=None):
    """A recording, or a span (start, end in seconds) of it, as float32 (2, samples), silence at its ends cut off, its
    active parts at about -20 dBFS RMS."""
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
