"""The parts of synthesisers: oscillators, filters that move, envelopes, the line of a voice, finishing effects.

Control curves are arrays (ticks,) of one value for every HOP samples. Audio is float32 (channels, samples).
"""

import math
from collections.abc import Iterable, Sequence

import numba
import numpy as np
import pedalboard
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from ...arrays import Audio, Floats, Integers, Rng
from ..score import SAMPLE_RATE, Note, frequency

HOP = 16
LOOP = 1 << 18  # samples of an oscillator's loop: frequencies are multiples of 0.17 Hz
LOW, BAND, HIGH = 0, 1, 2
SAW, PULSE, TRIANGLE, SYNC = 0, 1, 2, 3


@numba.njit(cache=True, fastmath=True)
def _blep(t: float, step: float) -> float:
    """Return the correction of a polynomially band-limited step at phase t, in cycles."""
    if t < step:
        t /= step
        return t + t - t * t - 1.0
    if t > 1.0 - step:
        t = (t - 1.0) / step
        return t * t + t + t + 1.0
    return 0.0


@numba.njit(cache=True, fastmath=True)
def _value(t: float, step: float, shape: int, width: float) -> float:
    """Return the value of an oscillator at phase t.

    `width` is the width of a pulse, or the ratio of a synchronised saw.
    """
    if shape == SAW:
        return 2.0 * t - 1.0 - _blep(t, step)
    if shape == PULSE:
        other = t + width
        other -= math.floor(other)
        return 2.0 * (other - t) + _blep(t, step) - _blep(other, step)
    if shape == TRIANGLE:
        return 4.0 * abs(t - 0.5) - 1.0
    inner = t * width
    inner -= math.floor(inner)
    if t < step or t > 1.0 - step:
        return 2.0 * inner - 1.0 - _blep(t, step) * (width - math.floor(width))
    return 2.0 * inner - 1.0 - _blep(inner, step * width)


@numba.njit(cache=True, fastmath=True)
def oscillate(hertz: Floats, resets: Integers, samples: int, phase: float, shape: int, width: Floats) -> Audio:
    """Return an oscillator (samples,) at `hertz` (ticks,). Its phase is set back at the samples `resets`."""
    out = np.empty(samples, np.float32)
    t, upcoming = phase, 0
    for i in range(samples):
        if upcoming < len(resets) and i >= resets[upcoming]:
            t = phase
            upcoming += 1
        step = min(hertz[i // HOP] / SAMPLE_RATE, 0.45)
        out[i] = _value(t, step, shape, width[i // HOP])
        t += step
        t -= math.floor(t)
    return out


@numba.njit(cache=True, fastmath=True)
def phases(hertz: Floats, resets: Integers, samples: int) -> Audio:
    """Return the phase (samples,) in radians of an oscillator at `hertz` (ticks,). It is 0 at the samples `resets`."""
    out = np.empty(samples, np.float32)
    t, upcoming = 0.0, 0
    for i in range(samples):
        if upcoming < len(resets) and i >= resets[upcoming]:
            t = 0.0
            upcoming += 1
        out[i] = 2.0 * math.pi * t
        t += hertz[i // HOP] / SAMPLE_RATE
        t -= math.floor(t / 64.0) * 64.0
    return out


@numba.njit(cache=True, fastmath=True)
def sweep(audio: Audio, cutoff: Floats, resonance: float, mode: int) -> Audio:
    """Return audio behind a state-variable filter of 12 dB per octave.

    `cutoff` (ticks,) is in Hz, `resonance` is the filter's Q, and `mode` is LOW, BAND or HIGH.
    """
    channels, samples = audio.shape
    out = np.empty_like(audio)
    damping = 1.0 / resonance
    for channel in range(channels):
        first, second = 0.0, 0.0
        for i in range(samples):
            if i % HOP == 0:
                g = math.tan(math.pi * min(max(cutoff[i // HOP], 15.0), 19000.0) / SAMPLE_RATE)
                scale = 1.0 / (1.0 + g * (g + damping))
            x = audio[channel, i] + 1e-18
            band = scale * (first + g * (x - second))
            low = second + g * band
            first = 2.0 * band - first
            second = 2.0 * low - second
            if mode == LOW:
                out[channel, i] = low
            elif mode == BAND:
                out[channel, i] = band * damping
            else:
                out[channel, i] = x - damping * band - low
    return out


def ticks(samples: int) -> int:
    """Return the number of values of a control curve for the given number of samples."""
    return samples // HOP + 1


def at_audio_rate(curve: Floats, samples: int) -> Audio:
    """Return a control curve (ticks,) as (samples,), interpolated linearly."""
    return np.interp(np.arange(samples) / HOP, np.arange(len(curve)), curve).astype(np.float32)


def butter(audio: Floats, hertz: float | Sequence[float], kind: str, order: int = 2) -> Audio:
    """Return audio behind a Butterworth filter ("lowpass", "highpass", "bandpass") that does not move."""
    sos = scipy.signal.butter(order, hertz, kind, fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(sos, audio).astype(np.float32)


def unison(pitch: int, amplitudes: Floats, ratios: Floats, gains: Floats, rng: Rng) -> Audio:
    """Return a band-limited loop (2, LOOP) of voices of a pitch.

    Parameters
    ----------
    pitch
        MIDI pitch.
    amplitudes
        Those of the waveform, from the fundamental on, (harmonics,).
    ratios
        Frequency of each voice relative to the pitch, (voices,).
    gains
        Gain of each voice, (2, voices).
    rng
        The generator that phases are drawn from.
    """
    bins = np.zeros((2, LOOP // 2 + 1), np.complex64)
    for ratio, gain in zip(ratios, gains.T, strict=True):
        fundamental = max(1, round(float(frequency(pitch)) * ratio * LOOP / SAMPLE_RATE))
        count = min(len(amplitudes), int(0.42 * LOOP) // fundamental)
        turn = np.exp(2j * np.pi * rng.uniform() * np.arange(1, count + 1))
        bins[:, fundamental : fundamental * count + 1 : fundamental] += gain[:, None] * amplitudes[:count] * turn
    return scipy.fft.irfft(bins * (-0.5j * LOOP), LOOP).astype(np.float32)


def cut(loop: Audio, offset: int, samples: int) -> Audio:
    """Return (2, samples) of a loop from `offset` on."""
    if offset + samples <= loop.shape[1]:
        return loop[:, offset : offset + samples]
    return np.take(loop, np.arange(offset, offset + samples), axis=1, mode="wrap")


class Line:
    """The curves (ticks,) of one voice that plays notes. If notes overlap, it plays the last one.

    Parameters
    ----------
    notes
        The notes.
    samples
        Length of the audio.
    glide
        Seconds in which the pitch slides to a new note.
    legato
        Whether notes that touch are one onset.
    lowest
        Whether the voice plays the lowest note of a chord; otherwise the highest.
    slides
        For each note, whether it slides from the note before; None: all notes slide.

    Attributes
    ----------
    age
        Seconds since the onset.
    over
        Seconds since the release.
    left
        Seconds until the next onset ends the note.
    pitch, velocity
        MIDI pitch, and velocity 0 to 1.
    resets
        The onsets, in samples.
    """

    def __init__(
        self,
        notes: Iterable[Note],
        samples: int,
        glide: float = 0.0,
        legato: bool = False,
        lowest: bool = True,
        slides: NDArray[np.bool_] | None = None,
    ) -> None:
        notes = sorted(notes, key=lambda note: (round(note.start, 2), -note.pitch if lowest else note.pitch))
        kept = [n for i, n in enumerate(notes) if i + 1 == len(notes) or notes[i + 1].start > n.start + 0.012]
        start = np.maximum([note.start for note in kept], 0.0)
        following = np.append(start[1:], np.inf)
        end = np.minimum([note.start + note.duration for note in kept], following)
        tied = np.zeros(len(kept), bool)
        tied[1:] = legato & (start[1:] - end[:-1] < 0.02)
        onset = np.maximum.accumulate(np.where(tied, 0.0, start))
        hold = np.append(tied[1:], False)
        self.time = np.arange(ticks(samples)) * HOP / SAMPLE_RATE
        index = np.searchsorted(start, self.time, "right") - 1
        self.index, self.sounding = np.maximum(index, 0), index >= 0
        self.age = np.maximum(self.time - onset[self.index], 0)
        self.over = self.time - np.where(hold, np.inf, end)[self.index]
        self.left = np.where(hold, np.inf, following)[self.index] - self.time
        self.velocity = np.array([note.velocity for note in kept])[self.index] / 127
        self.resets = np.round(start[~tied] * SAMPLE_RATE).astype(np.int64)
        self.pitch = self._glides(np.array([note.pitch for note in kept], float), start, glide, slides)

    def _glides(self, pitch: Floats, start: Floats, glide: float, slides: NDArray[np.bool_] | None) -> Floats:
        """Return pitches (ticks,) that slide from the note before over `glide` seconds, for the notes in `slides`.

        `slides` says for each note whether it slides; it may be longer.
        """
        before = np.append(pitch[:1], pitch[:-1])
        if slides is not None:
            before = np.where(slides[: len(pitch)], before, pitch)
        fall = np.exp(-np.maximum(self.time - start[self.index], 0) / max(glide / 3, 1e-5))
        return pitch[self.index] + (before - pitch)[self.index] * fall

    def envelope(self, attack: float, decay: float, sustain: float, release: float) -> Floats:
        """Return levels (ticks,) 0 to 1: a rise in `attack` s, falls with time constants `decay` and `release` s."""
        level = sustain + (1 - sustain) * np.exp(-np.maximum(self.age - attack, 0) / decay)
        level *= np.clip(self.age / attack, 0, 1) * np.exp(-np.maximum(self.over, 0) / release)
        return np.where(self.sounding, level * np.clip(self.left / 0.004, 0, 1), 0.0)


def saturate(audio: Floats, drive: float) -> Audio:
    """Return audio with soft saturation, from hardly any (`drive` 1) to much (10). Its peak stays."""
    peak = np.abs(audio).max() + 1e-9
    return (np.tanh(audio * (drive / peak)) * (peak / np.tanh(drive))).astype(np.float32)


def ping_pong(audio: Audio, delay: float, feedback: float, wet: float) -> Audio:
    """Return audio (2, samples) with echoes every `delay` s, left and right in turn, each darker than the last."""
    step, out = max(1, round(delay * SAMPLE_RATE)), audio.copy()
    echo = butter(audio.mean(0), [250, 4500], "bandpass", 1) * wet
    for count in range(1, 8):
        if count * step >= audio.shape[1] or feedback**count < 0.03:
            break
        side = out[count % 2, count * step :]
        side += echo[: len(side)] * np.float32(feedback ** (count - 1) * 1.4)
    return out


@numba.njit(cache=True, fastmath=True)
def chorus(audio: Audio, rate: float, depth: float, centre: float, turn: float) -> Audio:
    """Return the wet sound of a chorus: a delay of `centre` s that swings by `depth` s, at `rate` Hz.

    The right channel is `turn` cycles later. (The Chorus of pedalboard 0.9.26 gives NaN after some thousand samples.)
    """
    channels, samples = audio.shape
    out = np.zeros_like(audio)
    for channel in range(channels):
        for i in range(samples):
            swing = math.sin(2.0 * math.pi * (rate * i / SAMPLE_RATE + turn * channel))
            place = i - SAMPLE_RATE * (centre + depth * swing)
            whole = math.floor(place)
            first = int(whole)
            if 0 <= first < samples - 1:
                fraction = place - whole
                out[channel, i] = audio[channel, first] * (1.0 - fraction) + audio[channel, first + 1] * fraction
    return out


def board(audio: Audio, *plugins: pedalboard.Plugin) -> Audio:
    """Return audio (2, samples) behind plug-ins of pedalboard, of the same length."""
    return pedalboard.Pedalboard(list(plugins))(audio, SAMPLE_RATE) if audio.shape[1] else audio


def at_drawn_peak(audio: Audio, rng: Rng) -> Audio:
    """Return audio at a peak that is drawn from -8 to -3 dBFS, without inaudible lows. Silence stays silent."""
    if audio.shape[1] > 100:
        audio = butter(audio, 20, "highpass", 1)
    peak = np.abs(audio).max(initial=0.0)
    gain = 10 ** (-rng.uniform(3, 8) / 20) / peak if peak > 1e-6 else 0.0
    return (audio * gain).astype(np.float32)
