"""Amplifiers and effects of instruments, drawn for each rendering, with pedalboard."""

from collections.abc import Sequence

import numpy as np
import pedalboard as pb

from ...arrays import Audio, Rng
from ..levels_and_pan import PEAK, pan_gains
from ..score import SAMPLE_RATE, Part


def choose(kind: str, part: Part, rng: Rng) -> str:
    """Draw how an instrument is amplified: "clean", "crunch" or "distorted". The programme decides for some guitars."""
    draw = rng.random()
    if kind == "bass":
        return "crunch" if draw < 0.25 else "clean"
    if kind != "electric":
        return "clean"
    if part.program in (29, 30):
        return "distorted" if draw < 0.8 else "crunch"
    if part.program in (24, 25, 26, 27):
        return "clean" if draw < 0.8 else "crunch"
    clean = 0.3 if part.style == "riff" else 0.55
    return "clean" if draw < clean else "crunch" if draw < clean + 0.2 else "distorted"


def _amplifier(kind: str, rig: str, rng: Rng) -> list[pb.Plugin]:
    """Draw the effects on a dry take."""
    draws = rng.uniform(size=8)
    chain: list[pb.Plugin]
    if kind in ("bass", "upright"):
        chain = [pb.Compressor(-24 + 12 * draws[0], 2 + 5 * draws[1], 3 + 20 * draws[2], 60 + 200 * draws[3])]
        chain.append(pb.HighShelfFilter(800 + 2000 * draws[4], 14 * draws[5] - 10))
        if rig == "crunch":
            chain += [pb.Distortion(6 + 16 * draws[6]), pb.LowpassFilter(2500 + 3500 * draws[7])]
        return chain
    if rig == "clean":
        chain = [pb.HighpassFilter(40 + 100 * draws[0]), pb.HighShelfFilter(3000, 10 * draws[1] - 5)]
        if draws[2] < 0.5:
            chain.append(pb.Compressor(-24 + 12 * draws[3], 2 + 4 * draws[4], 2 + 20 * draws[5], 100 + 200 * draws[6]))
        if kind == "keys" and draws[7] < 0.4:
            chain.append(pb.Distortion(2 + 25 * draws[7]))
        return chain
    drive = 20 + 18 * draws[0] if rig == "distorted" else 8 + 10 * draws[0]
    cabinet = 3800 + 2400 * draws[1]
    chain = [pb.HighpassFilter(80 + 120 * draws[2]), pb.Distortion(drive), pb.HighpassFilter(60 + 40 * draws[3])]
    chain.append(pb.PeakFilter(500 + 1500 * draws[4], 14 * draws[5] - 8, 0.7))
    return [*chain, pb.PeakFilter(2500 + 1000 * draws[6], 6 * draws[7], 1.0), pb.LowpassFilter(cabinet)]


def _cabinet(rig: str, rng: Rng) -> list[pb.Plugin]:
    """Draw the steep low-pass of the loudspeaker, for guitars that are not clean."""
    limit = rng.uniform(4000, 6500)
    return [] if rig == "clean" else [pb.LadderFilter(pb.LadderFilter.Mode.LPF24, cutoff_hz=limit, resonance=0.0)]


def _space(kind: str, rng: Rng) -> list[pb.Plugin]:
    """Draw modulation, echo and reverb of the stereo sound."""
    draws = rng.uniform(size=12)
    chain: list[pb.Plugin] = []
    likely = {"bass": 0.12, "upright": 0.1}.get(kind, 1.0)
    if draws[0] < 0.25 * likely:
        chain.append(pb.Chorus(0.3 + 2 * draws[1], 0.1 + 0.3 * draws[2], 5 + 5 * draws[3], 0.0, 0.2 + 0.3 * draws[4]))
    elif draws[0] > 1 - 0.12 * likely:
        chain.append(pb.Phaser(0.1 + draws[1], 0.2 + 0.4 * draws[2], 600 + 1000 * draws[3], 0.3 * draws[4], 0.4))
    if draws[5] < 0.2 * likely:
        chain.append(pb.Delay(0.1 + 0.4 * draws[6], 0.1 + 0.35 * draws[7], 0.08 + 0.2 * draws[8]))
    if draws[9] < 0.65 * likely:
        wet = 0.04 + 0.26 * draws[10] ** 2
        chain.append(pb.Reverb(0.15 + 0.75 * draws[11], draws[1], wet, 1 - wet, 0.5 + 0.5 * draws[2]))
    return chain


def amplify(takes: Sequence[Audio], kind: str, rig: str, rng: Rng) -> Audio:
    """Amplify dry takes alike, place one or two of them in stereo, and add effects.

    Parameters
    ----------
    takes
        Audio (1, samples) each.
    kind
        Kind of the instrument (`sampler.Multisample`).
    rig
        "clean", "crunch" or "distorted".
    rng
        The generator that settings are drawn from.

    Returns
    -------
    float32 array, shape (2, samples)
        Peak at -3 dB of full scale.
    """
    width = rng.uniform(0.5, 1)
    places = (-width, width) if len(takes) == 2 else (rng.normal() * (0.03 if kind in ("bass", "upright") else 0.3),)
    amplifier = [*_amplifier(kind, rig, rng), *_cabinet(rig if kind == "electric" else "clean", rng)]
    audio = np.zeros((2, takes[0].shape[1]), np.float32)
    for take, place in zip(takes, places, strict=True):
        dry = take * np.float32(0.5 / max(float(np.abs(take).max(initial=0.0)), 1e-9))
        gains = pan_gains(np.clip(place, -1, 1)).astype(np.float32)
        audio += gains[:, None] * pb.Pedalboard(amplifier)(dry, SAMPLE_RATE, reset=True)
    audio = pb.Pedalboard(_space(kind, rng))(audio, SAMPLE_RATE)
    peak = float(np.abs(audio).max(initial=0.0))
    return (audio * (PEAK / peak) if peak > 1e-6 else audio * 0).astype(np.float32)
