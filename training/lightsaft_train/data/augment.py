"""Random changes of stems. Audio is float32 (2, samples).

The functions do not change their arguments.
"""

import numpy as np
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
from .remixing import chopped, frozen, gate, resampled, swelling, widened
from .songs import SAMPLE_RATE

# How often each change is made.
SPEED, PITCH = 0.3, 0.02
VOICES_SPEED = 0.5  # there are fewer singers than instruments, and a change of speed makes another singer of one
FILTER, SATURATION, COMPRESSION = 0.3, 0.08, 0.1
SWAP, POLARITY, PAN, WIDTH = 0.5, 0.5, 0.3, 0.2
DEEP = 0.2  # basses that keep their lowest partials only
HEAVY: dict[str | None, float] = {"drums": 0.3, "bass": 0.2}  # stems whose lowest octave is loud, as in dance music
FROZEN = 0.04  # voices of which a moment sounds on and on, as in an endless reverberation
SWELLING = 0.06  # voices with reverberation before each sound (reverse reverb)
GATED = 0.08  # voices that a gate opens and closes in a rhythm
CHOPPED: dict[str | None, float] = {"vocals": 0.25, "other": 0.08}  # stems whose slices a sampler plays
WIDENED: dict[str | None, float] = {"vocals": 0.3}  # stems whose sides are nearly as loud as their middle
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
    if target == "vocals" and rng.random() < FROZEN:
        audio = frozen(audio, rng)
    board = effects(rng, SPACE.get(target, LESS_SPACE))
    if rng.random() < HEAVY.get(target, 0.0):
        board.append(LowShelfFilter(rng.uniform(50, 120), rng.uniform(3, 12)))
    if target == "bass" and rng.random() < DEEP:
        cutoff = np.exp(rng.uniform(np.log(60), np.log(300)))
        for _ in range(3):
            board.append(LowpassFilter(cutoff))
    if len(board):
        audio = board(audio, SAMPLE_RATE)
    if target == "vocals" and rng.random() < SWELLING:
        audio = swelling(audio, rng)
    if rng.random() < WIDENED.get(target, 0.0):
        audio = widened(audio, rng)
    return stereo_changed(audio, rng)


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
        wet = rng.uniform(0.05, 0.35) if rng.random() < 0.75 else rng.uniform(0.35, 0.8)
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


def stereo_changed(audio: Audio, rng: Rng) -> Audio:
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
