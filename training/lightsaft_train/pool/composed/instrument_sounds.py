"""The target of an instrument by its sound and its notes, beside its name. Audio is float32 (2, samples).

It is strict: an instrument that is not nearly certain has no class. The numbers come from measurements of instruments
whose names say their class.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ...arrays import Audio, Floats, Integers
from ..score import SAMPLE_RATE
from .instrument_names import VOICE

FRAME, FRAMES = 4096, 100
LONGEST = 90 * SAMPLE_RATE  # samples that are measured, from the first sound on
STEP = SAMPLE_RATE // 100  # of the envelope
LOWEST, HIGHEST = 35, 1000  # Hz, of a fundamental
PHRASE = 0.8  # seconds: a longer sound that is always of the same note may be a recorded voice


@dataclasses.dataclass(frozen=True)
class SoundMeasures:
    """Measures of a sound.

    Parameters
    ----------
    below_100, below_150, below_300
        Parts of the power below these frequencies in Hz.
    centroid
        Spectral centroid, in Hz.
    clarity, fundamental
        Periodicity, 0 to 1, and fundamental in Hz of the median frame.
    low_notes
        The part of frames that are clearly low notes.
    decay
        Median time in which hits decay by 20 dB, in seconds.
    seconds_per_hit
        Seconds of sound for each hit.
    centroid_fall
        Ratio of the centroids early and later in a hit.
    hits
        Number of hits.
    """

    below_100: float
    below_150: float
    below_300: float
    centroid: float
    clarity: float
    fundamental: float
    low_notes: float
    decay: float
    seconds_per_hit: float
    centroid_fall: float
    hits: int


def class_of(kind: str | None, audio: Audio, notes: Mapping[int, int], *, recorded: bool = True) -> str | None:
    """Return the class of an instrument: that of its name unless the sound contradicts it, otherwise that of its sound.

    Parameters
    ----------
    kind
        The class by the name, or None.
    audio
        The instrument alone.
    notes
        How often it plays each note.
    recorded
        Whether it plays a recording, which may be that of a voice. A synthesiser does not.

    Returns
    -------
    str or None
        A target, VOICE or None.
    """
    if kind == VOICE:
        return VOICE
    sound = measure(audio)
    heard = _by_sound(sound, notes)
    if kind == "bass" and heard == "drums":
        return "drums"  # bass drums that are called "bass"
    if kind:
        return kind if _plausible(kind, sound, notes) else None
    return heard if recorded or heard != VOICE else None


def _plausible(kind: str, sound: SoundMeasures, notes: Mapping[int, int]) -> bool:
    if kind == "bass":
        return sound.below_300 > 0.3
    if kind == "other":
        return sound.below_100 < 0.3
    return not (len(notes) >= 8 and sound.clarity > 0.9 and sound.fundamental > 120)


def _by_sound(sound: SoundMeasures, notes: Mapping[int, int]) -> str | None:
    played = sum(notes.values())
    usual = max(notes.values(), default=0) / max(1, played)
    short = sound.hits >= 16 and sound.decay < 0.35
    if usual > 0.9 and played >= 8 and short:
        if sound.clarity < 0.5 and sound.centroid > 1500:
            return "drums"
        if sound.below_150 > 0.6 and sound.centroid_fall > 1.3 and usual > 0.97 and sound.clarity < 0.6:
            return "drums"
    low = sound.fundamental < 110 and sound.low_notes > 0.8 and sound.clarity > 0.85
    if len(notes) >= 3 and usual < 0.9 and low and sound.below_300 > 0.6 and sound.centroid < 700:
        return "bass"
    pitched = sound.clarity > 0.5 and sound.fundamental > 75 and sound.below_300 < 0.7
    return VOICE if pitched and len(notes) <= 2 and sound.seconds_per_hit > PHRASE else None


def measure(audio: Audio) -> SoundMeasures:
    """Measure a sound that is not silent."""
    start = int(np.argmax(np.abs(audio).max(0) > 1e-3 * np.abs(audio).max()))
    audio = audio[:, start : start + LONGEST]
    mono = audio.mean(0) if np.abs(audio.sum(0)).max() > 0.1 * np.abs(audio).max() else audio[0]
    power, clarity, pitch = _spectra(mono)
    total = power.sum()
    frequencies = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    starts, decays, active = _hits(mono)
    known = [decay for decay in decays if decay is not None]
    below_100, below_150, below_300 = (float(power[frequencies < edge].sum() / total) for edge in (100, 150, 300))
    return SoundMeasures(
        below_100,
        below_150,
        below_300,
        centroid=float((power * frequencies).sum() / total),
        clarity=float(np.median(clarity)),
        fundamental=float(np.median(pitch)),
        low_notes=float(np.mean((pitch < 130) & (clarity > 0.7))),
        decay=float(np.median(known)) if len(known) > len(decays) / 2 else np.inf,
        seconds_per_hit=active / max(1, len(starts)),
        centroid_fall=_centroid_fall(mono, starts),
        hits=len(starts),
    )


def _spectra(mono: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean power spectrum, clarity and fundamental of each frame, of frames within 25 dB of the loudest."""
    mono = np.pad(mono, (0, max(0, FRAME - len(mono))))
    places = np.arange(0, len(mono) - FRAME + 1, FRAME // 2)
    level = np.array([np.mean(mono[place : place + FRAME] ** 2) for place in places])
    places = places[level >= level.max() * 10**-2.5]
    places = places[np.linspace(0, len(places) - 1, min(FRAMES, len(places))).astype(int)]
    frames = np.stack([mono[place : place + FRAME] for place in places]).astype(np.float64)
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME))) ** 2
    whole = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * FRAME)) ** 2)[:, :FRAME]
    energy = np.cumsum(frames**2, axis=1)
    lags = np.arange(SAMPLE_RATE // HIGHEST, SAMPLE_RATE // LOWEST)
    overlap = energy[:, FRAME - 1 - lags] + energy[:, -1:] - energy[:, lags - 1]
    similar = 2 * whole[:, lags] / (overlap + 1e-12)
    after = np.maximum.accumulate(similar < 0.3, axis=1)  # lags before the first fall are the width of the sound
    similar = np.where(after, similar, 0)
    best = similar.max(axis=1)
    first = np.argmax(similar >= 0.9 * best[:, None], axis=1)
    return power.mean(0), best, SAMPLE_RATE / lags[first]


def _hits(mono: Floats) -> tuple[Integers, list[float | None], float]:
    """Return starts (samples) and decays (s, or None) of hits, and the seconds that are within 40 dB of the loudest."""
    steps = len(mono) // STEP
    level = np.sqrt((mono[: steps * STEP].reshape(steps, STEP).astype(np.float64) ** 2).mean(1))
    loud = level > level.max() / 10
    before = np.concatenate([[0, 0], level[:-2]])
    rising = np.flatnonzero(loud & (level > 2 * before))
    hits = rising[np.diff(rising, prepend=-10) > 4]
    decays: list[float | None] = []
    for hit, following in zip(hits, np.append(hits, steps)[1:], strict=True):
        stretch = level[hit:following]
        quiet = np.flatnonzero(stretch < stretch[:6].max() / 10)
        quiet = quiet[quiet > 0]
        decays.append(quiet[0] * STEP / SAMPLE_RATE if len(quiet) else None)
    return hits * STEP, decays, float(np.mean(level > level.max() / 100) * len(mono) / SAMPLE_RATE)


def _centroid_fall(mono: Floats, starts: Integers) -> float:
    """Return the median ratio of the centroids (below 2 kHz) 0 to 40 and 60 to 140 ms into hits."""
    ratios = []
    for start in starts[:: max(1, len(starts) // 40)]:
        pair = mono[start : start + 1764], mono[start + 2646 : start + 6174]
        if len(pair[1]) == 3528:
            early, late = (_centroid(part) for part in pair)
            ratios.append(early / max(late, 1.0))
    return float(np.median(ratios)) if ratios else 1.0


def _centroid(part: Floats) -> float:
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8192))[:372] ** 2
    return float((power * np.fft.rfftfreq(8192, 1 / SAMPLE_RATE)[:372]).sum() / (power.sum() + 1e-12))
