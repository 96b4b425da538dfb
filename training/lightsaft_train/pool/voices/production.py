"""The production of a voice: doublings, and a chain of filters, dynamics, distortion, delays and reverb."""

import numpy as np
import pedalboard
from scipy.signal import oaconvolve, sosfilt, tf2sos

from ...arrays import Audio, Rng
from ..levels_and_pan import pan_gains
from ..score import SAMPLE_RATE

FRONT = 0.35  # the part of the voices that are produced to be in front of a band


def pan(x: Audio, position: float) -> Audio:
    """Return mono (samples,) as (2, samples) at `position` -1 (left) to 1 (right), at constant power."""
    return (pan_gains(position)[:, None] * x).astype(np.float32) * np.float32(np.sqrt(2))


def sung_again(x: Audio, rng: Rng, cents: float | None = None) -> Audio:
    """Return mono (samples,) as if it was sung again: 10 to 30 ms late, with a pitch that wanders by about `cents`.

    If `cents` is None, it is drawn from 10 to 25.
    """
    cents = rng.uniform(10, 25) if cents is None else cents
    times = np.arange(0, len(x) + 441, 441)
    late = np.full(len(times), rng.uniform(0.014, 0.030))
    for rate in rng.uniform(0.15, 0.7, 2):
        depth = (2 ** (cents / 1200) - 1) / (2 * np.pi * rate) / 2
        late += min(depth, 0.008) * np.sin(2 * np.pi * (rate * times / SAMPLE_RATE + rng.random()))
    where = np.arange(len(x))
    where = where - np.interp(where, times, late) * SAMPLE_RATE
    return np.interp(where, np.arange(len(x)), x, left=0.0, right=0.0).astype(np.float32)


def doublings(x: Audio, rng: Rng, level: float, pairs: int = 1) -> Audio:
    """Return doublings (2, samples) of mono (samples,), panned left and right in pairs, at `level`."""
    sound = np.zeros((2, len(x)), np.float32)
    for _ in range(pairs):
        width = rng.uniform(0.4, 1)
        for side in (-width, width):
            sound += pan(sung_again(x, rng), side) * np.float32(level)
    return sound


def disperse(x: Audio, rng: Rng) -> Audio:
    """Return mono (samples,) whose pulses all-pass filters spread, so that a synthesised voice buzzes less."""
    sections = []
    for hertz in np.geomspace(250, 6000, 8) * rng.uniform(0.8, 1.25, 8):
        radius = 1 - np.pi * hertz * rng.uniform(0.4, 0.9) / SAMPLE_RATE
        back = [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2]
        sections.append(tf2sos(back[::-1], back)[0])
    return sosfilt(np.array(sections), x).astype(np.float32)


def _tone(rng: Rng) -> pedalboard.Pedalboard:
    """Draw plug-ins: high-pass, equaliser, compressors, at times distortion or the band of a telephone."""
    plugins = [
        pedalboard.HighpassFilter(rng.uniform(60, 150)),
        pedalboard.PeakFilter(rng.uniform(200, 600), rng.uniform(-6, 3), rng.uniform(0.5, 1.5)),
        pedalboard.PeakFilter(rng.uniform(1500, 5000), rng.uniform(-4, 6), rng.uniform(0.4, 1.5)),
        pedalboard.HighShelfFilter(rng.uniform(6000, 11000), rng.uniform(-4, 7)),
        pedalboard.Compressor(rng.uniform(-30, -14), rng.uniform(2, 8), rng.uniform(1, 20), rng.uniform(50, 250)),
    ]
    colour = rng.random()
    if colour < 0.25:  # saturation
        plugins += [pedalboard.Distortion(rng.uniform(4, 16))]
    elif colour < 0.32:  # distortion
        plugins += [pedalboard.Distortion(rng.uniform(18, 32)), pedalboard.LowpassFilter(rng.uniform(4000, 9000))]
    elif colour < 0.40:  # telephone
        low, high = rng.uniform(300, 700), rng.uniform(2500, 5000)
        plugins += [pedalboard.HighpassFilter(low) for _ in range(2)] + [
            pedalboard.LowpassFilter(high) for _ in range(2)
        ]
        plugins += [pedalboard.Distortion(rng.uniform(0, 15))]
    elif colour < 0.45:
        plugins += [pedalboard.Phaser(rng.uniform(0.1, 1)), pedalboard.Chorus(rng.uniform(0.3, 2))]
    elif colour < 0.47:
        plugins += [pedalboard.Bitcrush(rng.uniform(6, 10))]
    return pedalboard.Pedalboard(plugins)


def _echoes(audio: Audio, tempo: float, rng: Rng) -> Audio:
    """Return delays in tempo (2, samples), mostly from side to side, darker with each repeat."""
    beats = rng.choice([0.25, 0.5, 0.75, 1.0, 1.5], p=[0.1, 0.35, 0.3, 0.2, 0.05])
    gap = round(beats * 60 / tempo * SAMPLE_RATE)
    filters = [pedalboard.HighpassFilter(rng.uniform(150, 500)), pedalboard.LowpassFilter(rng.uniform(2000, 7000))]
    repeat = pedalboard.Pedalboard(filters)(audio.mean(axis=0, keepdims=True), SAMPLE_RATE)[0]
    crossing, feedback = rng.random() < 0.7, rng.uniform(0.2, 0.6)
    sound, side = np.zeros_like(audio), rng.uniform(0.3, 1) * rng.choice([-1, 1])
    for count in range(1, 7):
        if count * gap < audio.shape[1]:
            place = side * (-1) ** count if crossing else 0.0
            sound[:, count * gap :] += pan(repeat[: -count * gap], place) * np.float32(feedback ** (count - 1))
    return sound


def hall(audio: Audio, rng: Rng) -> Audio:
    """Return a reverb (2, samples) of audio: decaying noise whose high parts end sooner, or that of pedalboard."""
    late = round(rng.uniform(0, 0.08) * SAMPLE_RATE)
    if rng.random() < 0.4:
        reverb = pedalboard.Reverb(rng.uniform(0.2, 0.95), rng.uniform(0.2, 0.8), 1.0, 0.0, rng.uniform(0.7, 1))
        wet = reverb(audio, SAMPLE_RATE)
    else:
        decay = np.exp(rng.uniform(np.log(0.25), np.log(4.0)))
        times = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
        noise = rng.standard_normal((2, len(times)), np.float32)
        dark = pedalboard.LowpassFilter(rng.uniform(1000, 4000))(noise, SAMPLE_RATE)
        impulse = noise * 10 ** (-3 * times / (decay * rng.uniform(0.2, 0.6))) + 2 * dark * 10 ** (-3 * times / decay)
        impulse /= np.sqrt(np.square(impulse).sum(axis=1, keepdims=True))
        wet = oaconvolve(audio, impulse.astype(np.float32), axes=1)
    wet = pedalboard.HighpassFilter(rng.uniform(100, 400))(wet[:, : audio.shape[1]].astype(np.float32), SAMPLE_RATE)
    return np.pad(wet, ((0, 0), (late, 0)))[:, : audio.shape[1]]


def send(audio: Audio, wet: Audio, decibels: float) -> Audio:
    """Return audio with an effect added, at a level relative to that of the audio."""
    ratio = np.sqrt(np.mean(np.square(audio)) / (np.mean(np.square(wet)) + 1e-12))
    return audio + wet * np.float32(ratio * 10 ** (decibels / 20))


def produce(lead: Audio, backing: Audio, tempo: float, rng: Rng, front: bool | None = None) -> Audio:
    """Produce a vocal stem.

    Parameters
    ----------
    lead, backing
        The dry voices (2, samples).
    tempo
        In beats per minute.
    rng
        The generator that effects are drawn from.
    front
        Whether the voice is produced to be in front of a band; otherwise it has more effects and reverb. None: drawn.

    Returns
    -------
    float32 array, shape (2, samples)
        Peak at -3 dBFS or less.
    """
    front = rng.random() < FRONT if front is None else front
    audio = (_in_front if front else _in_space)(lead, backing, tempo, rng)
    peak = 10 ** (-rng.uniform(3, 9) / 20)
    return np.ascontiguousarray(audio * (peak / max(np.abs(audio).max(), 1e-4)), np.float32)


def _in_space(lead: Audio, backing: Audio, tempo: float, rng: Rng) -> Audio:
    """Return lead and backing (2, samples) with any effects, most often in a reverb."""
    audio = _tone(rng)(lead, SAMPLE_RATE)
    if backing.any():
        audio = send(audio, _tone(rng)(backing, SAMPLE_RATE), rng.uniform(-12, 0))
    if rng.random() < 0.6:
        audio = send(audio, _echoes(audio, tempo, rng), rng.uniform(-20, -4))
    if rng.random() < 0.9:
        wet, far = hall(audio, rng), rng.random() < 0.08
        audio = wet if far else send(audio, wet, 1 - 22 * rng.beta(2, 2))
    if rng.random() < 0.3:
        audio = pedalboard.Compressor(-18, rng.uniform(1.5, 3), 10, 150)(audio, SAMPLE_RATE)
    return audio


def _in_front(lead: Audio, backing: Audio, tempo: float, rng: Rng) -> Audio:
    """Return lead and backing (2, samples) as in pop: dense, bright and near, often doubled left and right."""
    board = _front_tone(rng)
    audio = board(lead, SAMPLE_RATE)
    if backing.any():
        audio = send(audio, board(backing, SAMPLE_RATE), rng.uniform(-12, -4))
    if rng.random() < 0.5:
        mono = audio.mean(axis=0)
        sides = np.stack([sung_again(mono, rng), sung_again(mono, rng)])
        audio = audio + sides * np.float32(10 ** (rng.uniform(-12, -6) / 20))
    drawn = rng.random()
    if drawn < 0.7:
        audio = send(audio, _room(audio, rng), rng.uniform(-26, -14))
    if drawn > 0.5:
        audio = send(audio, _slap(audio, rng), rng.uniform(-26, -15))
    if rng.random() < 0.15:
        audio = send(audio, _echoes(audio, tempo, rng), rng.uniform(-28, -18))
    return audio


def _front_tone(rng: Rng) -> pedalboard.Pedalboard:
    """Draw plug-ins: little mud, much presence and air, a fast and then a slow compressor, seldom an effect."""
    plugins = [
        pedalboard.HighpassFilter(rng.uniform(70, 140)),
        pedalboard.PeakFilter(rng.uniform(200, 450), rng.uniform(-6, -2), rng.uniform(0.6, 1.4)),
        pedalboard.Compressor(rng.uniform(-26, -18), rng.uniform(4, 10), rng.uniform(0.5, 4), rng.uniform(30, 100)),
        pedalboard.PeakFilter(rng.uniform(2500, 5000), rng.uniform(0, 5), rng.uniform(0.5, 1.2)),
        pedalboard.HighShelfFilter(rng.uniform(7000, 12000), rng.uniform(1, 7)),
        pedalboard.Compressor(rng.uniform(-30, -22), rng.uniform(2, 4), rng.uniform(8, 30), rng.uniform(100, 300)),
    ]
    colour = rng.random()
    if colour < 0.2:
        plugins.append(pedalboard.Distortion(rng.uniform(3, 10)))
    elif colour < 0.22:
        plugins += [pedalboard.HighpassFilter(400), pedalboard.LowpassFilter(4000)]
    return pedalboard.Pedalboard(plugins)


def _room(audio: Audio, rng: Rng) -> Audio:
    """Return a short reverb (2, samples) of audio: decaying noise of 0.12 to 0.6 s, 0 to 30 ms late."""
    decay, late = rng.uniform(0.12, 0.6), round(rng.uniform(0, 0.03) * SAMPLE_RATE)
    times = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
    impulse = rng.standard_normal((2, len(times)), np.float32) * 10 ** (-3 * times / decay)
    wet = oaconvolve(audio, impulse.astype(np.float32), axes=1)[:, : audio.shape[1]]
    filters = [pedalboard.HighpassFilter(rng.uniform(150, 400)), pedalboard.LowpassFilter(rng.uniform(5000, 14000))]
    wet = pedalboard.Pedalboard(filters)(wet.astype(np.float32), SAMPLE_RATE)
    return np.pad(wet, ((0, 0), (late, 0)))[:, : audio.shape[1]]


def _slap(audio: Audio, rng: Rng) -> Audio:
    """Return one repeat (2, samples) of audio, 70 to 140 ms late and darker."""
    late = min(round(rng.uniform(0.07, 0.14) * SAMPLE_RATE), audio.shape[1])
    dark = pedalboard.LowpassFilter(rng.uniform(2500, 7000))(audio, SAMPLE_RATE)
    return np.pad(dark, ((0, 0), (late, 0)))[:, : audio.shape[1]]
