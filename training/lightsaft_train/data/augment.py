"""Random changes of stems, and of the mixture that they make. Audio is float32 (2, samples).

The functions do not change their arguments.
"""

import itertools

import numpy as np
import scipy.fft
import soxr
from pedalboard import (
    Chorus,
    Compressor,
    Delay,
    Distortion,
    HighpassFilter,
    HighShelfFilter,
    LowpassFilter,
    LowShelfFilter,
    PeakFilter,
    Pedalboard,
    PitchShift,
    Plugin,
    Reverb,
)

from ..arrays import Audio, Rng
from .tracks import SAMPLE_RATE

# How often each change is made.
SPEED, PITCH = 0.3, 0.02
VOICES_SPEED = 0.5  # there are fewer singers than instruments, and a change of speed makes another singer of one
FILTER, SATURATION, COMPRESSION = 0.3, 0.08, 0.1
SWAP, POLARITY, PAN, WIDTH = 0.5, 0.5, 0.3, 0.2
LIMITER, CLIPPING = 0.25, 0.05
DEEP = 0.2  # basses that keep their lowest partials only
HEAVY: dict[str | None, float] = {"drums": 0.3, "bass": 0.2}  # stems whose lowest octave is loud, as in dance music
GATED = 0.08  # voices that a gate opens and closes in a rhythm
CHOPPED: dict[str | None, float] = {"vocals": 0.15, "other": 0.08}  # stems whose slices a sampler plays
BAND_LIMITED = 0.25  # mixtures that end far below 22 kHz, as after a lossy codec
# How often a stem gets reverberation, echoes, chorus. Produced voices have much of them. A network that has seen dry
# voices only takes produced ones for synthesisers.
SPACE: dict[str | None, tuple[float, float, float]] = {"vocals": (0.45, 0.25, 0.1)}
LESS_SPACE = (0.12, 0.04, 0.04)


def augmented(audio: Audio, rng: Rng, samples: int, target: str | None = None) -> Audio:
    """Return a stem changed at random.

    Parameters
    ----------
    audio
        The stem. Its speed and pitch are changed only if it is longer than `samples`.
    rng
        The generator that the changes are drawn from.
    samples
        Length of the result.
    target
        The target that the stem is, or None. How often a change is made depends on it.
    """
    if audio.shape[1] > samples:
        if rng.random() < (VOICES_SPEED if target == "vocals" else SPEED):
            audio = resampled(audio, 2 ** (rng.uniform(-5, 5) / 12))
        elif rng.random() < PITCH:
            audio = PitchShift(semitones=rng.uniform(-4, 4))(audio, SAMPLE_RATE)
    if rng.random() < CHOPPED.get(target, 0.0):
        audio = chopped(audio, rng, samples)
    audio = audio[:, :samples]
    if target == "vocals" and rng.random() < GATED:
        audio = audio * gate(rng, samples)
    board = effects(rng, SPACE.get(target, LESS_SPACE))
    if rng.random() < HEAVY.get(target, 0.0):
        board.append(LowShelfFilter(rng.uniform(50, 120), rng.uniform(3, 12)))
    if target == "bass" and rng.random() < DEEP:
        cutoff = np.exp(rng.uniform(np.log(60), np.log(300)))
        for _ in range(3):
            board.append(LowpassFilter(cutoff))
    if len(board):
        audio = board(audio, SAMPLE_RATE)
    return imaged(audio, rng)


def resampled(audio: Audio, speed: float) -> Audio:
    """Return audio that is played `speed` times as fast, and higher in pitch with it."""
    rate = SAMPLE_RATE
    return np.ascontiguousarray(soxr.resample(audio.T, rate * speed, rate, quality="LQ").T)


def chopped(audio: Audio, rng: Rng, samples: int) -> Audio:
    """Return one to three slices of the audio, repeated in a rhythm for `samples` samples, at times an octave lower.

    They are as hard and as short as drums; the network must not take them for drums.
    """
    if rng.random() < 0.2:
        audio = resampled(audio, 0.5)
    sixteenth = 15 / rng.uniform(80, 175) * SAMPLE_RATE
    slices = [_loud_place(audio, rng) for _ in range(rng.integers(1, 4))]
    onsets = rng.random(rng.choice([8, 16])) < rng.uniform(0.25, 0.7)
    onsets[0] |= not onsets.any()
    hold, release = rng.uniform(0.5, 3) * sixteenth, int(rng.uniform(0.003, 0.06) * SAMPLE_RATE)
    steps = [step for step in range(int(samples / sixteenth) + 1) if onsets[step % len(onsets)]]
    starts = [int(step * sixteenth) for step in steps] + [samples]
    played = np.zeros((2, samples), np.float32)
    for start, stop in itertools.pairwise(starts):
        piece = slices[rng.integers(len(slices))][:, : min(int(hold), stop - start)]
        played[:, start : start + piece.shape[1]] = piece * edges(piece.shape[1], 66, release)
    return played


def edges(size: int, rise: float, fall: float) -> Audio:
    """Return a gain (size,) that rises from 0 to 1 within `rise` samples and falls to 0 within `fall` at the end."""
    ramps = np.minimum(np.arange(1, size + 1) / rise, np.arange(size, 0, -1) / fall)
    return np.minimum(ramps, 1).astype(np.float32)


def _loud_place(audio: Audio, rng: Rng) -> Audio:
    """Return the audio from the loudest of some drawn places on."""
    window = SAMPLE_RATE // 10
    places = rng.integers(max(1, audio.shape[1] - 4 * window), size=6)
    return audio[:, max(places, key=lambda place: np.square(audio[:, place : place + window]).sum()) :]


def gate(rng: Rng, samples: int) -> Audio:
    """Return a gain (samples,) that opens and closes in a rhythm."""
    time = np.arange(samples) / SAMPLE_RATE
    period = rng.uniform(0.1, 0.5)
    phase = (time / period + rng.random()) % 1
    opened = phase < rng.uniform(0.3, 0.8)
    ramp = int(0.004 * SAMPLE_RATE)
    return np.convolve(opened, np.ones(ramp) / ramp, mode="same").astype(np.float32)


def effects(rng: Rng, space: tuple[float, float, float] = LESS_SPACE) -> Pedalboard:
    """Return a chain of filters, saturation, compression, chorus, echo and reverberation. It is often empty.

    Parameters
    ----------
    rng
        The generator that the chain is drawn from.
    space
        How often it has reverberation, echoes and chorus.
    """
    reverb, echo, chorus = space
    board = Pedalboard()
    if rng.random() < FILTER:
        for _ in range(rng.integers(1, 3)):
            board.append(_filter(rng))
    if rng.random() < SATURATION:
        board.append(Distortion(drive_db=rng.uniform(3, 18)))
    if rng.random() < COMPRESSION:
        board.append(Compressor(rng.uniform(-35, -15), rng.uniform(2, 8), rng.uniform(0.5, 30), rng.uniform(40, 300)))
    if rng.random() < chorus:
        board.append(Chorus(rng.uniform(0.3, 3), rng.uniform(0.1, 0.5), rng.uniform(5, 12), rng.uniform(0, 0.3)))
    if rng.random() < echo:
        board.append(Delay(rng.uniform(0.08, 0.5), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4)))
    if rng.random() < reverb:
        wet = rng.uniform(0.05, 0.35)
        board.append(Reverb(rng.uniform(0.1, 0.9), rng.uniform(0.2, 0.8), wet, 1 - wet, rng.uniform(0.4, 1)))
    return board


def _filter(rng: Rng) -> Plugin:
    kind = rng.integers(5)
    gain = rng.uniform(-9, 6)
    if kind == 0:
        return LowShelfFilter(rng.uniform(80, 400), gain)
    if kind == 1:
        return HighShelfFilter(rng.uniform(2000, 10000), gain)
    if kind == 2:
        return PeakFilter(np.exp(rng.uniform(np.log(150), np.log(8000))), gain, rng.uniform(0.5, 2))
    if kind == 3:
        return HighpassFilter(np.exp(rng.uniform(np.log(30), np.log(250))))
    return LowpassFilter(np.exp(rng.uniform(np.log(2500), np.log(16000))))


def imaged(audio: Audio, rng: Rng) -> Audio:
    """Return audio with channels swapped, polarity inverted, another width and another place, each at times."""
    if rng.random() < SWAP:
        audio = audio[::-1]
    if rng.random() < POLARITY:
        audio = -audio
    if rng.random() < WIDTH:
        middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2 * np.float32(rng.uniform(0, 1.5))
        audio = np.stack([middle + side, middle - side])
    if rng.random() < PAN:
        angle = np.pi / 4 * (1 + rng.uniform(-0.6, 0.6))
        audio = audio * np.sqrt(2).astype(np.float32) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    return audio


def limited(stems: Audio, rng: Rng, bandwidth: float = np.inf) -> tuple[Audio, Audio]:
    """Mix stems as in mastering: low-passed, levelled, limited, clipped, each at times.

    The gain of a limiter is applied to the stems too, so that they still sum to the mixture. Clipping changes the
    mixture alone.

    Parameters
    ----------
    stems
        Audio (targets, 2, samples).
    rng
        The generator that the changes are drawn from.
    bandwidth
        Frequency in Hz that nothing is above. Some mixtures end at a lower one.

    Returns
    -------
    float32 array, shape (2, samples)
        The mixture.
    float32 array, shape (targets, 2, samples)
        The stems as they are in the mixture.
    """
    if rng.random() < BAND_LIMITED:
        bandwidth = min(bandwidth, rng.uniform(9000, 17000))
    if bandwidth < SAMPLE_RATE / 2:
        stems = low_passed(stems, bandwidth)
    peak = np.abs(stems.sum(axis=0)).max()
    if rng.random() < LIMITER:
        drive = 10 ** (rng.uniform(2, 9) / 20) / max(peak, 0.25)
        stems = stems * np.float32(drive)
        stems = stems * _limiter_gain(stems.sum(axis=0))
    elif peak > 0.9:
        stems = stems * np.float32(rng.uniform(0.5, 1.0) / peak)
    mixture = stems.sum(axis=0)
    if rng.random() < CLIPPING:
        ceiling = np.abs(mixture).max() * np.float32(rng.uniform(0.5, 0.9))
        mixture = np.clip(mixture, -ceiling, ceiling)
    return mixture, stems


def low_passed(audio: Audio, cutoff: float) -> Audio:
    """Return audio (..., samples) without anything above a frequency in Hz."""
    spectrum = scipy.fft.rfft(audio)
    spectrum[..., int(cutoff * audio.shape[-1] / SAMPLE_RATE) :] = 0
    return scipy.fft.irfft(spectrum, n=audio.shape[-1])


def _limiter_gain(mixture: Audio, ceiling: float = 0.95, block: int = 64) -> Audio:
    """Return a gain (samples,) that keeps the peaks of blocks below the ceiling, with a release of about 50 ms."""
    envelope = np.abs(mixture).max(axis=0)
    padded = np.pad(envelope, (0, -len(envelope) % block)).reshape(-1, block).max(axis=1)
    release = 0.5 ** (block / (0.05 * SAMPLE_RATE))
    for index in range(1, len(padded)):
        padded[index] = max(padded[index], padded[index - 1] * release)
    ahead = np.maximum(padded, np.append(padded[1:], padded[-1]))
    gain = ceiling / np.maximum(ahead, ceiling)
    return np.interp(np.arange(len(envelope)), (np.arange(len(gain)) + 0.5) * block, gain).astype(np.float32)
