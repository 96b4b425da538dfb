"""Drum loops, cut up and played at another tempo."""

import os
import pathlib

import numpy as np
import soundfile
import soxr

from ...arrays import Audio, Rng
from ..levels_and_pan import PEAK
from ..score import SAMPLE_RATE, silence

NAMES = ("amen", "amen_full", "breakbeat", "compus", "industrial", "mehackit1", "mehackit2", "perc1", "perc2", "safari")
BEATS = {"arovane_beat_d": 24, "arovane_beat_e": 24}  # if it is not a power of two
BARS: tuple[tuple[int, ...], ...] = (  # orders of the beats of a bar
    *((0, 1, 2, 3),) * 4,
    (0, 1, 0, 3),
    (0, 1, 2, 1),
    (0, 0, 2, 3),
    (2, 1, 0, 3),
    (0, 1, 2, 2),
)


def loops(data_folder: str | os.PathLike[str]) -> tuple[pathlib.Path, ...]:
    """Return the paths of the drum loops (those of Sonic Pi, CC0, and one of uzu, Unlicense)."""
    drums = pathlib.Path(data_folder) / "drums"
    paths = [drums / "sonic_pi" / f"loop_{name}.ogg" for name in NAMES]
    paths += [*sorted((drums / "sonic_pi").glob("arovane_beat_*.ogg")), *sorted((drums / "uzu").glob("brk_*.ogg"))]
    return tuple(path for path in paths if path.exists())


def beats_of(path: str | os.PathLike[str], seconds: float) -> int:
    """Return the number of beats of a loop of some seconds: the power of two whose tempo is nearest to 120."""
    known = BEATS.get(pathlib.Path(path).stem)
    return known or min((2, 4, 8, 16, 32), key=lambda beats: abs(np.log2(60 * beats / seconds / 120)))


def _beats(path: pathlib.Path, tempo: float) -> Audio:
    """Return the beats (count, 2, samples) of a loop that is resampled to a tempo."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    sound = np.repeat(sound, 2, axis=1)[:, :2] if sound.shape[1] == 1 else sound[:, :2]
    count = beats_of(path, len(sound) / rate)
    length = round(60 / tempo * SAMPLE_RATE)
    sound = soxr.resample(np.ascontiguousarray(sound), len(sound), count * length)
    sound = np.pad(sound, ((0, max(0, count * length - len(sound))), (0, 0)))[: count * length]
    return sound.reshape(count, length, 2).transpose(0, 2, 1)


def _beat(beat: Audio, rng: Rng, wild: float) -> Audio:
    """Return a beat as it is; at times reversed, or its first half or quarter repeated."""
    draw, length = rng.random(), beat.shape[1]
    if draw > wild:
        return beat
    if draw < wild / 4:
        return beat[:, ::-1]
    part = 2 if draw < 0.7 * wild else 4
    return np.tile(beat[:, : -(-length // part)], part)[:, :length]


def play_loop(path: pathlib.Path, seconds: float, tempo: float, rng: Rng) -> Audio:
    """Play a drum loop at a tempo in beats per minute, its beats in another order in each bar.

    Returns
    -------
    float32 array, shape (2, samples)
        Peak at -3 dB of full scale.
    """
    audio, beats = silence(seconds), _beats(path, tempo)
    count, length = beats.shape[0], beats.shape[2]
    fade = np.ones(length, np.float32)
    fade[:64], fade[-64:] = np.linspace(0, 1, 64), np.linspace(1, 0, 64)
    wild = rng.choice([0.0, 0.05, 0.2])
    for bar in range(-(-audio.shape[1] // (4 * length))):
        for place, source in enumerate(BARS[int(rng.integers(len(BARS)))]):
            first = round((4 * bar + place) * 60 / tempo * SAMPLE_RATE)
            sound = _beat(beats[(4 * bar + source) % count], rng, wild) * fade
            room = audio[:, first : first + length]
            room += sound[:, : room.shape[1]]
    peak = float(np.abs(audio).max(initial=0.0))
    return audio * np.float32(PEAK / peak) if peak > 0 else audio
