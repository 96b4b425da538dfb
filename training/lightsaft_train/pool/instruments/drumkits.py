"""Drum kits of recorded hits, and the parts that they play."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import pedalboard
import soundfile
import soxr

from ...arrays import Audio, Rng
from ..levels_and_pan import PEAK, pan_gains
from ..score import SAMPLE_RATE, Part, add, silence
from . import kitfiles

LONGEST = 6.0  # seconds of a hit
KICKS, SNARES, HATS, CLOSED, OPEN = (36, 35), (38, 40), (42, 44, 46), (42, 44), 46
# Drums that can replace each other, their level in decibels, and their place (-1 left to 1 right).
FAMILIES: tuple[tuple[tuple[int, ...], float, float], ...] = (
    (KICKS, 0, 0.0),
    (SNARES, -1, 0.05),
    ((37, 39, 40, 38), -4, -0.1),
    (CLOSED, -11, 0.3),
    ((46, 42), -11, 0.3),
    ((41, 43, 45, 47), -3, 0.4),
    ((45, 47, 43, 48, 41, 50), -3, 0.1),
    ((48, 50, 47, 45), -3, -0.3),
    ((49, 57, 55, 52), -8, -0.5),
    ((51, 59, 53), -10, -0.5),
    ((53, 51), -10, -0.5),
    ((52, 55, 57, 49), -9, 0.5),
    ((54, 70, 82), -12, 0.2),
    ((56, 76), -11, -0.2),
    ((60, 61, 62, 63, 64), -7, -0.35),
    ((67, 68, 56, 76, 77), -12, 0.5),
    ((70, 82, 69, 54), -14, 0.5),
    ((75, 76, 77, 37), -12, -0.4),
    ((81, 80), -16, 0.6),
)
MIXED = "mixed: "


@dataclasses.dataclass(frozen=True)
class Kit:
    """A drum kit.

    Parameters
    ----------
    name, licence
        Name and licence of the kit.
    sounds
        The alternatives of each General MIDI drum. An alternative has layers (low, high, paths): the files `paths` are
        played in turn for velocities `low` to `high`, 0 to 1.
    """

    name: str
    licence: str
    sounds: kitfiles.Drums

    @property
    def names(self) -> list[str]:
        """The names of the kits that it is made of."""
        return self.name.removeprefix(MIXED).split(", ")

    @property
    def complete(self) -> bool:
        """Whether it has a kick, a snare and a closed hi-hat."""
        return all(any(pitch in self.sounds for pitch in family) for family in (KICKS, SNARES, CLOSED))

    def play(self, part: Part, seconds: float, rng: Rng) -> Audio:
        """Play a part for drums.

        Alternatives, their pitch, decay, level and place, the timing, and the effects of the whole kit are drawn.

        Returns
        -------
        float32 array, shape (2, samples)
            Peak at -3 dB of full scale or less.
        """
        audio = silence(seconds)
        drums: dict[int, _Drum | None] = {}
        loose, dynamics = rng.uniform(0, 0.006), rng.uniform(0.5, 1.6)
        notes = sorted(part.notes, key=lambda note: (note.start, note.pitch))
        hats = [note.start for note in notes if note.pitch in HATS]
        for note in notes:
            if note.pitch not in drums:
                drums[note.pitch] = _Drum.draw(self, note.pitch, rng)
            drum, late, uneven = drums[note.pitch], loose * rng.normal(), rng.normal()
            if drum is None:
                continue
            hit = drum.hit(note.velocity / 127, rng)
            if note.pitch == OPEN:
                hit = _choked(hit, min((start - note.start for start in hats if start > note.start), default=None))
            gain = (note.velocity / 127) ** dynamics * 10 ** (0.8 * uneven / 20)
            add(audio, hit * np.float32(gain), max(0.0, note.start + late))
        return _bus(audio, rng)


@dataclasses.dataclass
class _Drum:
    """A drum as it is drawn for one rendering."""

    layers: kitfiles.Layers
    gain: float
    place: float
    ratio: float
    decay: float | None
    last: pathlib.Path | None = None
    ready: dict[pathlib.Path, Audio] = dataclasses.field(default_factory=dict)

    @classmethod
    def draw(cls, kit: Kit, pitch: int, rng: Rng) -> "_Drum | None":
        """Draw the drum that the kit plays for a pitch; None if it has nothing similar."""
        options, level, place = next((family for family in FAMILIES if pitch in family[0]), ((), -10, 0.0))
        have = next((other for other in (pitch, *options) if other in kit.sounds), None)
        alternatives = () if have is None else kit.sounds[have]
        draws = rng.uniform(size=4)
        chosen = int(rng.integers(max(1, len(alternatives))))
        if have is None:
            return None
        steps = 0.0 if draws[0] < 0.4 else 8 * draws[0] - 5.6  # semitones, -2.4 to 2.4
        steps += 0.0 if have == pitch else np.clip(pitch - have, -3, 3) * (pitch in (41, 43, 45, 47, 48, 50))
        decay = None if draws[1] < 0.6 else float(0.06 * 20 ** ((draws[1] - 0.6) / 0.4))
        gain = 10 ** ((level + 10 * draws[2] - 5) / 20)
        place = float(np.clip(place + draws[3] - 0.5, -0.9, 0.9))
        return cls(alternatives[chosen], gain, place, 2 ** (steps / 12), decay)

    def hit(self, velocity: float, rng: Rng) -> Audio:
        """Return a hit (2, samples) at a velocity 0 to 1. It is not the last file again if there are others."""
        near = min(self.layers, key=lambda layer: max(layer[0] - velocity, velocity - layer[1], 0.0))
        paths = [path for path in near[2] if path != self.last] or near[2]
        self.last = paths[int(rng.integers(len(paths)))]
        if self.last not in self.ready:
            self.ready[self.last] = self._prepared(read_hit(self.last))
        return self.ready[self.last]

    def _prepared(self, sound: Audio) -> Audio:
        if self.ratio != 1:
            sound = soxr.resample(sound.T, self.ratio * SAMPLE_RATE, SAMPLE_RATE, quality="MQ").T
        if self.decay:
            sound = sound * np.exp(-np.arange(sound.shape[1]) / (self.decay * SAMPLE_RATE))
        if len(sound) == 1:
            sound = sound * pan_gains(self.place)[:, None] * np.sqrt(2)
        return (sound * self.gain).astype(np.float32)


@functools.lru_cache(maxsize=1024)
def read_hit(path: pathlib.Path) -> Audio:
    """Read a hit (1 or 2, samples) without the silence before it; its peak is 1, and it fades out after 6 s at most."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != SAMPLE_RATE:
        sound = soxr.resample(sound, rate, SAMPLE_RATE)
    level = np.abs(sound).max(axis=1)
    first = max(0, int(np.argmax(level > 0.03 * level.max())) - 60)
    last = len(level) - int(np.argmax(level[::-1] > 0.0005 * level.max()))
    sound = sound[first : max(first + 64, min(last, first + round(LONGEST * SAMPLE_RATE)))].T[:2].copy()
    fade = min(400, sound.shape[1])
    sound[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound / max(float(np.abs(sound).max()), 1e-6)


def _choked(hit: Audio, seconds: float | None) -> Audio:
    """Return the hit of an open hi-hat that the next one ends after some seconds; None: nothing ends it."""
    if seconds is None or (length := round(seconds * SAMPLE_RATE)) >= hit.shape[1]:
        return hit
    hit, fade = hit[:, : length + 600].copy(), min(600, length)
    hit[:, length - fade :] *= np.linspace(1, 0, hit.shape[1] - length + fade, dtype=np.float32)
    return hit


def _bus(audio: Audio, rng: Rng) -> Audio:
    """Return the sum of the kit with compression, saturation, tone and a room, all drawn; peak -3 dB of full scale."""
    peak = max(float(np.abs(audio).max(initial=0.0)), 1e-9)
    audio, draws = audio * np.float32(PEAK / peak), rng.uniform(size=10)
    effects: list[pedalboard.Plugin] = []
    if draws[0] < 0.5:
        effects.append(pedalboard.HighShelfFilter(3000 + 5000 * draws[1], 10 * draws[2] - 5))
    if draws[3] < 0.6:
        release = 40 + 200 * draws[1]
        effects.append(pedalboard.Compressor(-26 + 18 * draws[4], 1.5 + 6 * draws[5], 1 + 30 * draws[6], release))
    if draws[7] < 0.5:
        wet = 0.03 + 0.25 * draws[8] ** 2
        effects.append(pedalboard.Reverb(0.1 + 0.6 * draws[9], draws[1], wet, 1.0, 0.6 + 0.4 * draws[2]))
    if effects:
        audio = pedalboard.Pedalboard(effects)(audio, SAMPLE_RATE)
    drive = 0.0 if rng.random() < 0.5 else rng.uniform(0.5, 4)
    if drive:
        audio = np.tanh(drive * audio / max(float(np.abs(audio).max()), 1e-9))
    peak = float(np.abs(audio).max(initial=0.0))
    return (audio * (PEAK / peak) if peak > 0 else audio).astype(np.float32)


def kits(data_folder: str | os.PathLike[str], hydrogen: pathlib.Path = kitfiles.HYDROGEN) -> tuple[Kit, ...]:
    """Return the kits with a free licence, below the data folder ("drums/...") and of Debian's hydrogen-drumkits."""
    drums = pathlib.Path(data_folder) / "drums"
    found: list[Kit] = []
    gogodze = [(name, {"": name}) for name in ("front", "oh", "retro", "side", "wndw")]
    gogodze.append(("close", {"": "oh", "ks": "kick", "sc": "snare", "se": "snare", "ss": "snare"}))
    for name, microphones in gogodze:
        sounds = kitfiles.read_gogodze(drums / "gogodze", microphones)
        found.append(Kit(f"gogodze_{name}", "CC0-1.0", sounds))
    found.append(Kit("sonor", "CC-BY-SA-4.0", kitfiles.read_sonor(drums / "sonor")))
    sonic_pi: dict[str, tuple[str, ...]] = {
        "acoustic": ("drum_",),
        "electronic": ("bd_", "sn_", "hat_", "elec_", "perc_snap", "ride_"),
        "tabla": ("tabla_",),
    }
    for name, prefixes in sonic_pi.items():
        found.append(Kit(f"sonic_pi_{name}", "CC0-1.0", kitfiles.read_one_shots(drums / "sonic_pi", prefixes)))
    prefixes = ("bd_", "sd_", "hh_", "oh_", "cp_", "cr_", "rd_", "rim_", "ht_", "mt_", "lt_", "cb_", "sh_", "tb_")
    found.append(Kit("uzu", "Unlicense", kitfiles.read_one_shots(drums / "uzu", prefixes)))
    for path in sorted(pathlib.Path(hydrogen).glob("*/drumkit.xml")):
        licence, sounds = kitfiles.read_hydrogen(path.parent)
        if licence:
            found.append(Kit(path.parent.name, licence, sounds))
    return tuple(kit for kit in found if kit.sounds)


def mixed(kits: Sequence[Kit], rng: Rng) -> Kit:
    """Return a kit whose kick, snare, hi-hats and other drums are each drawn from a kit that has them."""
    sounds: kitfiles.Drums = {}
    names: list[str] = []
    licences: set[str] = set()
    used = {*KICKS, *SNARES, *HATS}
    rest = tuple(sorted({pitch for kit in kits for pitch in kit.sounds} - used))
    for family in (KICKS, SNARES, HATS, *((pitch,) for pitch in rest)):
        owners = [kit for kit in kits if any(pitch in kit.sounds for pitch in family)]
        if owners:
            owner = owners[int(rng.integers(len(owners)))]
            sounds.update((pitch, owner.sounds[pitch]) for pitch in family if pitch in owner.sounds)
            names.append(owner.name)
            licences.add(owner.licence)
    return Kit(MIXED + ", ".join(dict.fromkeys(names)), "; ".join(sorted(licences)), sounds)
