"""Voices that WORLD (Morise et al., 2016) analysed, and their synthesis with another pitch, timbre and timing."""

import dataclasses
import os
import pathlib
import tempfile
import warnings
from collections.abc import Sequence

import numpy as np
import scipy.ndimage as ndimage
from numpy.typing import ArrayLike
from scipy.signal import find_peaks

from ...arrays import Audio, Floats, Integers, Rng
from ..score import MAJOR, MINOR, SAMPLE_RATE, frequency
from .recordings import Recording, load

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pyworld imports pkg_resources, which warns that it is outdated
    import pyworld

PERIOD = 0.005  # seconds between frames
LOWEST, HIGHEST = 65.0, 1100.0  # Hz of voices
MELS = np.linspace(0, np.log1p(SAMPLE_RATE / 2 / 700), 128)  # frequencies of a kept envelope
GRID = 700 * np.expm1(MELS)
BANDS = np.array([0, 3000, 6000, 9000, 12000, 15000, SAMPLE_RATE / 2])  # Hz of WORLD's bands of aperiodicity


@dataclasses.dataclass(frozen=True)
class Voice:
    """An analysed voice.

    Parameters
    ----------
    f0
        Fundamental frequency (frames,) in Hz, 0 if unvoiced.
    envelope
        Log power (frames, 128) at the frequencies GRID.
    aperiodicity
        (frames, 5) in dB, at 3 to 15 kHz.
    period
        Seconds between frames.
    """

    f0: Floats
    envelope: Floats
    aperiodicity: Floats
    period: float = PERIOD


def analyse(x: Floats) -> Voice:
    """Return the voice of mono audio (samples,)."""
    x = np.ascontiguousarray(x, np.float64)
    f0, times = pyworld.dio(x, SAMPLE_RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=1000 * PERIOD)
    f0 = pyworld.stonemask(x, f0, times, SAMPLE_RATE)
    f0 = f0 * ndimage.binary_opening(f0 > 0, np.ones(7))
    power = pyworld.cheaptrick(x, f0, times, SAMPLE_RATE)
    coded = pyworld.code_aperiodicity(pyworld.d4c(x, f0, times, SAMPLE_RATE), SAMPLE_RATE)
    envelope = np.log(power + 1e-12) @ _interpolation(np.linspace(0, SAMPLE_RATE / 2, power.shape[1]), GRID)
    f0, envelope, coded = (np.ascontiguousarray(part, np.float32) for part in (f0, envelope, coded))
    return Voice(f0, envelope, coded)


def voice_of(recording: Recording, cache: str | os.PathLike[str]) -> Voice:
    """Return the voice of a recording. It is analysed once and kept in the folder `cache` (about 50 kB per second)."""
    path = recording.path
    part = f"_{recording.span[0]:.2f}_{recording.span[1]:.2f}" if recording.span else ""
    kept = pathlib.Path(cache) / f"{recording.singer}_{path.stem}{part}_{path.stat().st_size}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        voice = analyse(load(path, recording.span).mean(axis=0))
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".tmp", delete=False) as file:
            np.savez(
                file, f0=voice.f0, envelope=voice.envelope.astype("f2"), aperiodicity=voice.aperiodicity.astype("f2")
            )
        os.replace(file.name, kept)
    with np.load(kept) as data:
        f0, envelope, aperiodicity = (data[name].astype(np.float32) for name in ("f0", "envelope", "aperiodicity"))
        return Voice(f0, envelope, aperiodicity)


def join(voices: Sequence[Voice]) -> Voice:
    """Return voices one after the other, as one voice."""
    parts = ("f0", "envelope", "aperiodicity")
    f0, envelope, aperiodicity = (np.concatenate([getattr(voice, part) for voice in voices]) for part in parts)
    return Voice(f0, envelope, aperiodicity)


def _interpolation(known: Floats, wanted: Floats) -> Floats:
    """Return the matrix (known, wanted) that interpolates rows of values at `known` to `wanted`, held at the ends."""
    right = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
    part = np.clip((wanted - known[right - 1]) / (known[right] - known[right - 1]), 0, 1)
    matrix = np.zeros((len(known), len(wanted)))
    matrix[right - 1, np.arange(len(wanted))] = 1 - part
    matrix[right, np.arange(len(wanted))] += part
    return matrix


def loudness(voice: Voice) -> Floats:
    """Return the level in dB (frames,) of a voice."""
    power = np.exp(np.maximum(voice.envelope, -25)) @ np.gradient(GRID).astype(np.float32)
    return 10 * np.log10(power + 1e-9)


def pitch(voice: Voice) -> Floats:
    """Return the MIDI pitch (frames,) of a voice, interpolated over unvoiced frames; A4 if no frame is voiced."""
    voiced = np.flatnonzero(voice.f0)
    if not len(voiced):
        return np.full(len(voice.f0), 69.0)
    return np.interp(np.arange(len(voice.f0)), voiced, 69 + 12 * np.log2(voice.f0[voiced] / 440))


def reciting_pitch(x: Floats) -> int:
    """Return the MIDI pitch, a whole number, on which mono audio (samples,) stays longest."""
    f0, _ = pyworld.dio(np.ascontiguousarray(x, np.float64), SAMPLE_RATE, f0_floor=LOWEST, f0_ceil=500, frame_period=10)
    pitches = np.round(69 + 12 * np.log2(f0[f0 > 0] / 440)).astype(int)
    return int(np.bincount(pitches).argmax()) if len(pitches) else 57


def gaussian_smoothed(x: Floats, frames: float) -> Floats:
    """Return a curve (frames,) after a Gaussian of `frames` standard deviation."""
    return ndimage.gaussian_filter1d(x, frames, mode="nearest") if frames > 0 else x


def syllables(voice: Voice) -> Integers:
    """Return first frames and ends (n, 2) of the syllables: from one onset to the next.

    At an onset the level rises or the spectrum changes.
    """
    level = np.maximum(loudness(voice), loudness(voice).max(initial=-90) - 45)
    rise = np.maximum(gaussian_smoothed(level, 2)[4:] - gaussian_smoothed(level, 2)[:-4], 0)
    spectrum = ndimage.gaussian_filter1d(voice.envelope[:, :96], 2, axis=0)
    change = np.abs(spectrum[4:] - spectrum[:-4]).mean(axis=1)
    onsets, _ = find_peaks(rise + 2 * change, height=3.5, distance=24)
    onsets = np.concatenate([[0], onsets[onsets > 20], [len(level)]])
    pairs = np.stack([onsets[:-1], onsets[1:]], axis=1)
    sung = [(voice.f0[a:b] > 0).mean() > 0.4 and b - a > 20 and level[a:b].max() > level.max() - 25 for a, b in pairs]
    return pairs[np.array(sung, bool)] if any(sung) else np.array([[0, len(level)]])


def snap(contour: Floats, tonic: int, minor: bool) -> Floats:
    """Return MIDI pitches moved to the nearest ones of the scale of a key."""
    steps = MINOR if minor else MAJOR
    scale = np.array(sorted(12 * octave + tonic + step for octave in range(-1, 11) for step in steps), float)
    return scale[np.searchsorted((scale[1:] + scale[:-1]) / 2, contour)]


def climb(pitches: Floats | Integers, degrees: ArrayLike, tonic: int, minor: bool) -> Integers:
    """Return pitches of the scale of a key, moved by the given number of its steps."""
    steps = np.array(MINOR if minor else MAJOR)
    octave, rest = np.divmod(np.round(pitches) - tonic, 12)
    position = 7 * octave + np.abs(rest[..., None] - steps).argmin(axis=-1) + degrees
    return tonic + 12 * (position // 7) + steps[(position % 7).astype(int)]


def scaled(
    voice: Voice, rng: Rng, tonic: int, minor: bool, transpose: float = 0.0, degrees: int = 0, wander: int = 0
) -> Floats:
    """Return a melody (frames,) for `resing`: that of the voice, on the notes of a key.

    Parameters
    ----------
    voice
        The analysed voice.
    rng
        The generator that moves are drawn from.
    tonic, minor
        The key.
    transpose
        Semitones that the melody is transposed by.
    degrees
        Steps of the scale that it is higher.
    wander
        Steps that each note is elsewhere at most.
    """
    base = ndimage.median_filter(pitch(voice), 41, mode="nearest") + transpose
    notes = ndimage.median_filter(snap(base, tonic, minor), 25, mode="nearest")
    parts = np.cumsum(np.concatenate([[0], np.diff(notes) != 0]).astype(int))
    moves = rng.integers(-wander, wander + 1, parts[-1] + 1)[parts] + degrees
    return gaussian_smoothed(climb(notes, moves, tonic, minor).astype(float), rng.uniform(3, 10))


def resing(
    voice: Voice,
    rng: Rng,
    transpose: float = 0.0,
    melody: Floats | None = None,
    formant: float = 1.0,
    stretch: float = 1.0,
    breath: float = 0.0,
    natural: float = 1.0,
    loose: float = 0.1,
) -> Audio:
    """Sing a voice again.

    Parameters
    ----------
    voice
        The analysed voice.
    rng
        The generator that timing is drawn from.
    transpose
        Semitones that its pitch is transposed by, if there is no melody.
    melody
        MIDI pitch of its frames.
    formant
        Factor of the formants.
    stretch, loose
        The result is about `stretch` times as long, and varies locally by `loose`.
    breath
        How much noisier it is, 0 to 1.
    natural
        The part of the voice's small movements that is kept on a melody, 0 to 1.

    Returns
    -------
    float32 array, shape (samples,)
        Mono audio.
    """
    frames = len(voice.f0)
    own = pitch(voice)
    if melody is None:
        target = own + transpose
    else:
        detail = np.clip(own - ndimage.median_filter(own, 41, mode="nearest"), -1.5, 1.5)
        target = melody + natural * detail
    pace = gaussian_smoothed(rng.standard_normal(frames), 60) * 10
    pace = stretch * np.exp(loose * np.clip(pace, -2, 2))
    times = np.concatenate([[0], np.cumsum(pace)])
    where = np.interp(np.arange(int(times[-1]) + 1), times, np.arange(frames + 1))
    return synthesise(voice, where, np.interp(where, np.arange(frames), target), formant, breath)


def synthesise(voice: Voice, where: Floats, contour: Floats, formant: float = 1.0, breath: float = 0.0) -> Audio:
    """Synthesise frames of a voice at a pitch.

    Parameters
    ----------
    voice
        The analysed voice.
    where
        The frames (frames of output,), with fractions.
    contour
        Their MIDI pitch (frames of output,). Unvoiced frames stay unvoiced.
    formant, breath
        As in `resing`.

    Returns
    -------
    float32 array, shape (frames * 220.5,)
        Mono audio.
    """
    where = np.clip(where, 0, len(voice.f0) - 1)
    near = np.round(where).astype(int)
    low = np.minimum(where.astype(int), max(len(voice.f0) - 2, 0))
    part = (where - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(voice.f0) - 1)
    f0 = np.where(voice.f0[near] > 0, np.clip(frequency(contour), LOWEST, 2 * HIGHEST), 0.0)
    size = 1024 if f0.any() and np.median(f0[f0 > 0]) > 130 else 2048  # half the work if periods are short
    bins = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1)
    envelope = (1 - part) * voice.envelope[low] + part * voice.envelope[high]
    power = np.exp(envelope @ _interpolation(GRID, bins / formant).astype(np.float32)).astype(float)
    noise = np.pad(voice.aperiodicity[near] * (1 - breath), ((0, 0), (1, 1)), constant_values=(-60, 0))
    noise[f0 == 0] = 0
    noise = np.clip(10 ** (noise @ _interpolation(BANDS, bins) / 20), 0.001, 1)
    sound = pyworld.synthesize(f0, np.ascontiguousarray(power), np.ascontiguousarray(noise), SAMPLE_RATE, 1000 * PERIOD)
    return sound.astype(np.float32)
