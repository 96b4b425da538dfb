"""Electronic drum kits. Every drum is drawn once for a kit, and synthesised once for each pitch and velocity layer."""

from collections.abc import Callable

import numpy as np
import pedalboard

from ...arrays import Audio, Floats, Rng
from ..levels_and_pan import pan_gains
from ..score import SAMPLE_RATE, Part, add, silence
from .synth_voices import at_drawn_peak, board, butter, saturate

KINDS = {
    35: "kick",
    36: "kick",
    38: "snare",
    40: "snare",
    39: "clap",
    37: "rim",
    42: "closed",
    44: "closed",
    46: "open",
}
KINDS |= {49: "crash", 57: "crash", 52: "crash", 55: "crash", 51: "ride", 59: "ride", 53: "ride", 56: "cowbell"}
KINDS |= {54: "shaker", 69: "shaker", 70: "shaker", 82: "shaker", 75: "rim", 76: "rim", 77: "rim", 31: "rim"}
KINDS |= dict.fromkeys((41, 43, 45, 47, 48, 50), "tom")
LEVELS = {"kick": 1.0, "snare": 0.8, "clap": 0.65, "rim": 0.45, "closed": 0.3, "open": 0.35, "crash": 0.45, "ride": 0.3}
LEVELS |= {"cowbell": 0.35, "shaker": 0.25, "tom": 0.6, "other": 0.4}
METAL = np.array([205.3, 304.4, 369.6, 522.7, 540.0, 800.0])


def drums(part: Part, seconds: float, rng: Rng) -> Audio:
    """Return audio (2, samples) of a part of General MIDI drums that an electronic kit plays. The kit is drawn."""
    audio = silence(seconds)
    notes = sorted((n for n in part.notes if 0 <= n.start < seconds), key=lambda n: (n.start, n.pitch))
    if not notes or not audio.shape[1]:
        return audio
    kit = SynthKit(rng)
    chokes = np.array([n.start for n in notes if KINDS.get(n.pitch) in ("closed", "open")] + [np.inf])
    for note in notes:
        hit = kit.hit(note.pitch, note.velocity)
        if KINDS.get(note.pitch) == "open":
            hit = _choked(hit, chokes[np.searchsorted(chokes, note.start + 0.002)] - note.start)
        add(audio, hit * np.float32(10 ** (rng.normal(0, 0.4) / 20)), note.start)
    return at_drawn_peak(_finish(audio, rng), rng)


def _choked(hit: Audio, seconds: float) -> Audio:
    """Return a hit (2, samples) that is damped after some seconds."""
    if not np.isfinite(seconds) or seconds * SAMPLE_RATE >= hit.shape[1]:
        return hit
    end, fade = round(seconds * SAMPLE_RATE), 300
    hit = hit[:, : end + fade].copy()
    hit[:, end:] *= np.linspace(1, 0, hit.shape[1] - end, dtype=np.float32)
    return hit


def _finish(audio: Audio, rng: Rng) -> Audio:
    """Return the sum of the kit with room, compression and saturation, each at times."""
    if rng.random() < 0.4:
        room = pedalboard.Reverb(rng.uniform(0.05, 0.6), rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.2), 0.9, 1.0)
        audio = board(audio, room)
    if rng.random() < 0.4:
        attack, release = rng.uniform(2, 30), rng.uniform(60, 250)
        audio = board(audio, pedalboard.Compressor(rng.uniform(-24, -8), rng.uniform(1.5, 5), attack, release))
    if rng.random() < 0.4:
        audio = saturate(audio, rng.uniform(1, 4))
    if rng.random() < 0.06:
        audio = board(audio, pedalboard.Bitcrush(rng.uniform(6, 12)))
    return audio


class SynthKit:
    """Drums that share a character. Every drum is drawn when it is first hit, and kept."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.gains = {kind: level * 10 ** (rng.normal(0, 2.5) / 20) for kind, level in LEVELS.items()}
        self.synthetic = rng.random()  # the part of squares in the metal; the rest is noise
        self.tune = 2 ** rng.uniform(-0.3, 0.5)
        self.sensitivity = rng.uniform(0.6, 1.8)
        self.width = rng.uniform(0, 0.6)
        self.seeds: dict[int, int] = {}
        self.hits: dict[tuple[int, int], Audio] = {}
        self._makers: dict[str, Callable[[Rng, int], Floats]] = {
            "kick": self._kick,
            "snare": self._snare,
            "clap": self._clap,
            "rim": self._rim,
            "closed": self._closed,
            "open": self._open,
            "crash": self._crash,
            "ride": self._ride,
            "cowbell": self._cowbell,
            "shaker": self._shaker,
            "tom": self._tom,
            "other": self._other,
        }

    def hit(self, pitch: int, velocity: float) -> Audio:
        """Return audio (2, samples) of a drum of General MIDI that is hit at a velocity 1 to 127."""
        layer = min(3, int(velocity) // 32)
        if pitch not in self.seeds:
            self.seeds[pitch] = int(self.rng.integers(1 << 62))
        kind = KINDS.get(pitch, "other")
        if (pitch, layer) not in self.hits:
            sound = self._sound(kind, pitch, layer, np.random.default_rng(self.seeds[pitch]))
            self.hits[pitch, layer] = sound
        return self.hits[pitch, layer] * np.float32(self.gains[kind] * (velocity / 127) ** self.sensitivity)

    def _sound(self, kind: str, pitch: int, layer: int, rng: Rng) -> Audio:
        """Return audio (2, samples) with a peak of 1: brighter in higher layers, panned unless it is low."""
        spread = 0.0 if kind in ("kick", "snare") else self.width
        place = rng.uniform(-spread, spread)
        sound = self._makers[kind](rng, pitch)
        if layer < 3 and kind != "kick":
            sound = butter(sound, (4000, 7000, 12000)[layer], "lowpass", 1)
        sound = sound / (np.abs(sound).max() + 1e-9)
        fade = min(200, len(sound))
        sound[-fade:] *= np.linspace(1, 0, fade)
        stereo = pan_gains(place)[:, None] * sound
        if kind in ("clap", "crash", "ride") and rng.random() < 0.5:
            stereo[1] = np.roll(stereo[1], 15 + int(rng.integers(300)))
            stereo[1, :315] *= np.linspace(0, 1, 315) ** 0.2
        return stereo.astype(np.float32)

    def _kick(self, rng: Rng, pitch: int) -> Floats:
        """A sine that drops, as of a TR-808, a TR-909, hard styles or techno, with a click."""
        kind = rng.choice(4, p=[0.2, 0.4, 0.15, 0.25])
        decay = rng.uniform(*((0.3, 0.9), (0.1, 0.25), (0.12, 0.3), (0.1, 0.3))[kind])
        start = rng.uniform(*((90, 200), (200, 450), (400, 1500), (250, 800))[kind])
        fall = rng.uniform(*((0.01, 0.04), (0.015, 0.04), (0.02, 0.05), (0.008, 0.03))[kind])
        time = _time(min(decay * 5, 2.0))
        sound: Floats = _dropping(time, rng.uniform(42, 62), start, fall) * _held(time, rng.uniform(0, 0.1), decay)
        if kind == 2 or rng.random() < 0.5:
            sound = saturate(sound, rng.uniform(4, 20) if kind == 2 else rng.uniform(1, 5))
        click = butter(rng.normal(0, 1, len(time)), rng.uniform(1500, 7000), "highpass", 1)
        sound = sound + rng.uniform(0, 0.5) * click * np.exp(-time / rng.uniform(0.001, 0.006))
        return sound * np.minimum(1, time / 0.0007)

    def _snare(self, rng: Rng, pitch: int) -> Floats:
        """Two tones and a band of noise, often gated."""
        time, base = _time(rng.uniform(0.25, 0.6)), rng.uniform(140, 260)
        tone = _dropping(time, base, base * rng.uniform(1.2, 2.5), 0.012) * np.exp(-time / rng.uniform(0.03, 0.12))
        tone += 0.5 * np.sin(2 * np.pi * base * rng.uniform(1.5, 1.9) * time) * np.exp(-time / 0.05)
        noise: Floats = butter(rng.normal(0, 1, len(time)), rng.uniform(400, 2500), "highpass", 1)
        noise = butter(noise, rng.uniform(5000, 16000), "lowpass", 1) * _held(
            time, rng.uniform(0, 0.08), rng.uniform(0.03, 0.18)
        )
        sound = rng.uniform(0.2, 1) * tone + rng.uniform(0.3, 0.9) * noise
        return saturate(sound, rng.uniform(1, 5)) if rng.random() < 0.5 else sound

    def _clap(self, rng: Rng, pitch: int) -> Floats:
        """Bursts of noise, then a tail."""
        time = _time(rng.uniform(0.2, 0.6))
        level = np.zeros(len(time))
        for onset in np.cumsum(rng.uniform(0.006, 0.014, rng.integers(2, 5))):
            level = level + np.where(time >= onset, np.exp(-(time - onset).clip(0) / 0.004), 0)
        level = level + rng.uniform(0.3, 0.8) * (time >= onset) * np.exp(
            -(time - onset).clip(0) / rng.uniform(0.03, 0.15)
        )
        centre = rng.uniform(800, 1800)
        noise = butter(rng.normal(0, 1, len(time)), [centre * 0.6, centre * rng.uniform(2, 6)], "bandpass", 1)
        return noise * level

    def _metal(self, rng: Rng, time: Floats) -> Floats:
        """Squares without a common fundamental, noise, or both, high-passed."""
        tune = self.tune * rng.uniform(0.9, 1.2) * rng.choice([1, 1, 2])
        squares = np.sign(np.sin(2 * np.pi * tune * METAL[:, None] * time + rng.uniform(0, 6, (6, 1)))).sum(0) / 3
        sound = self.synthetic * squares + (1 - self.synthetic) * rng.normal(0, 1, len(time))
        return butter(sound, rng.uniform(5000, 9000), "highpass", 4)

    def _closed(self, rng: Rng, pitch: int) -> Floats:
        time = _time(0.25)
        return self._metal(rng, time) * np.exp(-time / rng.uniform(0.008, 0.045))

    def _open(self, rng: Rng, pitch: int) -> Floats:
        time = _time(1.2)
        return self._metal(rng, time) * _held(time, rng.uniform(0, 0.1), rng.uniform(0.08, 0.3))

    def _crash(self, rng: Rng, pitch: int) -> Floats:
        time = _time(rng.uniform(1.5, 3.5))
        low = butter(rng.normal(0, 1, len(time)), rng.uniform(300, 2000), "highpass")
        return (self._metal(rng, time) + rng.uniform(0.2, 1) * low) * np.exp(-time / rng.uniform(0.3, 0.9))

    def _ride(self, rng: Rng, pitch: int) -> Floats:
        time = _time(rng.uniform(0.6, 2.0))
        bell = sum(np.sin(2 * np.pi * f * time + rng.uniform(0, 6)) for f in rng.uniform(700, 6000, 8))
        return self._metal(rng, time) * np.exp(-time / 0.3) + rng.uniform(0.02, 0.2) * bell * np.exp(-time / 0.25)

    def _tom(self, rng: Rng, pitch: int) -> Floats:
        base = 65 * self.tune * 2 ** ((pitch - 41) / 9)
        time = _time(rng.uniform(0.3, 0.9))
        sound = _dropping(time, base, base * rng.uniform(1.3, 2.5), rng.uniform(0.02, 0.08))
        sound = sound * np.exp(-time / rng.uniform(0.08, 0.25))
        return sound + rng.uniform(0, 0.15) * rng.normal(0, 1, len(time)) * np.exp(-time / 0.02)

    def _rim(self, rng: Rng, pitch: int) -> Floats:
        time = _time(0.15)
        sound = sum(np.sin(2 * np.pi * f * time) for f in rng.uniform(400, 2600, 3)) + rng.normal(0, 0.4, len(time))
        return butter(sound * np.exp(-time / rng.uniform(0.004, 0.02)), 300, "highpass", 1)

    def _cowbell(self, rng: Rng, pitch: int) -> Floats:
        time, base = _time(0.5), 540 * self.tune
        pair = np.sign(np.sin(2 * np.pi * base * time)) + np.sign(np.sin(2 * np.pi * base * 1.48 * time))
        return butter(pair, [base * 0.9, base * 5], "bandpass", 1) * np.exp(-time / rng.uniform(0.03, 0.15))

    def _shaker(self, rng: Rng, pitch: int) -> Floats:
        time, attack = _time(0.25), rng.uniform(0.002, 0.04)
        noise = butter(rng.normal(0, 1, len(time)), [rng.uniform(3000, 6000), rng.uniform(9000, 15000)], "bandpass", 1)
        return noise * np.minimum(1, time / attack) * np.exp(-(time - attack).clip(0) / rng.uniform(0.015, 0.06))

    def _other(self, rng: Rng, pitch: int) -> Floats:
        """Percussion such as a conga, block or zap, whose pitch follows that of the note."""
        base, time = 60 * self.tune * 2 ** ((pitch % 36) / 9), _time(0.5)
        sound = _dropping(time, base, base * rng.uniform(1.05, 4), rng.uniform(0.005, 0.04))
        sound = sound + rng.uniform(0, 0.5) * np.sin(2 * np.pi * base * rng.uniform(1.4, 3.7) * time)
        return sound * np.exp(-time / rng.uniform(0.02, 0.15)) * np.minimum(1, time / 0.001)


def _time(seconds: float) -> Floats:
    """Return times (samples,) in seconds."""
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _dropping(time: Floats, end: float, start: float, fall: float) -> Floats:
    """Return a sine (samples,) that drops from `start` to `end` Hz with the time constant `fall` s."""
    return np.sin(2 * np.pi * (end * time + (start - end) * fall * (1 - np.exp(-time / fall))))


def _held(time: Floats, hold: float, decay: float) -> Floats:
    """Return levels (samples,): 1 for `hold` s, then falling with a time constant."""
    return np.exp(-(time - hold).clip(0) / decay)
