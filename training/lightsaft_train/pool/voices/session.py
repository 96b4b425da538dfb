"""A song being sung: its key and tempo, the recordings at hand, and how they are moved, laid in time and doubled."""

import dataclasses
import functools

import numpy as np
import pedalboard
import soxr

from ..score import SAMPLE_RATE, add, silence
from .production import doubled
from .recordings import BANDWIDTHS, load, phrases
from .world import MAJOR, MINOR, voice_of

SHORT = ("klettres", "ktuberling", "spoken", "iona")  # a syllable or a word each
LONG = {"chant": 1, "trope": 4}  # minutes long: from how many of them (chant has several readers) phrases are cut


@dataclasses.dataclass
class Session:
    """A song being sung: its length in seconds, tempo and key, what voices there are, and the names of those used."""

    seconds: float
    tempo: float
    tonic: int
    minor: bool
    rng: np.random.Generator
    recordings: tuple
    cache: object
    names: set

    def voice(self, recording):
        """The analysed recording, noted as used."""
        self.names.add(recording.name)
        return voice_of(recording, self.cache)

    @property
    def narrow(self):
        """Do the recordings lack treble?"""
        return any(recording.kind in BANDWIDTHS for recording in self.recordings)

    def load(self, recording):
        """The recording (2, samples), noted as used."""
        self.names.add(recording.name)
        return load(recording.path, recording.span)


def key_of(notes):
    """Tonic and minor of the key whose scale, and whose tonic and fifth, hold most of the notes."""
    classes = np.bincount([note.pitch % 12 for note in notes], minlength=12)
    keys = [(tonic, minor) for tonic in range(12) for minor in (True, False)]
    inside = [sum(classes[(t + s) % 12] for s in (MINOR if m else MAJOR)) for t, m in keys]
    fifth = [0.3 * classes[t] + 0.1 * classes[(t + 7) % 12] for t, _ in keys]
    return keys[int(np.argmax(np.add(inside, fifth)))]


def sections(session):
    """Stretches (start, end) in seconds of 2 to 8 bars in which there is a voice."""
    rng, bar = session.rng, 240 / session.tempo
    density, size = rng.uniform(0.5, 1), bar * rng.choice([2, 4, 4, 8])
    blocks = [(t, min(t + size, session.seconds)) for t in np.arange(0, session.seconds - 0.5, size)]
    chosen = [block for block in blocks if rng.random() < density]
    return chosen or [blocks[rng.integers(len(blocks))]]


def shift_of(recording, session):
    """Semitones (-5 to 6) from a recording's key to the song's, relative keys taken as the same."""
    if recording.tonic is None:
        return 0
    own = recording.tonic + (0 if recording.minor else 9)
    return (session.tonic + (0 if session.minor else 9) - own + 5) % 12 - 5


def pace_of(recording, session):
    """How many times faster a recording must be to be in the song's tempo; half and double tempo count as the same."""
    ratio = session.tempo / recording.tempo if recording.tempo else 1.0
    return float(np.clip(min((ratio, ratio / 2, ratio * 2), key=lambda r: abs(np.log(r))), 0.7, 1.4))


def moved(audio, shift, pace, formants):
    """Audio (2, samples) moved by semitones and made faster, by resampling where that does both."""
    tape = 12 * np.log2(pace)
    if abs(shift - tape) < 0.35:
        if abs(tape) < 0.05:
            return audio
        return np.ascontiguousarray(soxr.resample(audio.T, SAMPLE_RATE, SAMPLE_RATE / pace).T, np.float32)
    mono = np.array_equal(audio[0], audio[1])
    sound = audio[:1] if mono else audio
    moved = pedalboard.time_stretch(
        sound, SAMPLE_RATE, pace, shift, high_quality=False, preserve_formants=formants, transient_mode="mixed"
    )
    return np.repeat(moved, 2, axis=0) if mono else moved


def lay(session, choose, render, grid, rests=0.4, repeat=0.3):
    """Lays recordings one after the other on a grid of beats; gives (start in seconds, recording) and the audio."""
    rng, audio, events, last = session.rng, silence(session.seconds), [], None
    render, step = functools.cache(render), grid * 60 / session.tempo
    for start, end in sections(session):
        time = start
        while time < end - 0.2 and len(events) < 400:
            last = choose() if last is None or rng.random() > repeat else last
            clip = render(last)
            add(audio, clip * np.float32(10 ** (rng.uniform(-3, 1) / 20)), time)
            events.append((time, last))
            beyond = np.ceil((time + clip.shape[1] / SAMPLE_RATE - start) / step - 0.3)
            time = start + max(beyond, round((time - start) / step) + 1) * step
            time += step * (rng.integers(1, 4) if rng.random() < rests else 0)
    return events, audio


def backing_of(lead, rng):
    """A backing of doublings, often none, (2, samples) for a lead."""
    if rng.random() < 0.35:
        return np.zeros_like(lead)
    return doubled(lead.mean(axis=0), rng, 0.5, pairs=int(rng.integers(1, 3)))


def singers_of(session, kinds):
    """The recordings of these kinds by singer, as lists in order of the catalogue."""
    singers = {}
    for recording in session.recordings:
        if recording.kind in kinds:
            singers.setdefault((recording.kind, recording.singer), []).append(recording)
    return list(singers.values())


def draw_takes(session, weights, short=(6, 20), others=(2, 7), ordered=False):
    """Recordings, or phrases of long ones, of one singer, drawn by `weights` {kind: weight of each singer of it}; their
    number is drawn in a range, another one for recordings of a word. `ordered`: all, in their order."""
    rng = session.rng
    singers = singers_of(session, weights) or singers_of(session, [r.kind for r in session.recordings])
    odds = np.array([weights.get(singer[0].kind, 1) for singer in singers])
    takes = singers[rng.choice(len(singers), p=odds / odds.sum())]
    kind = takes[0].kind
    if kind in LONG:
        files = [takes[i] for i in rng.permutation(len(takes))[: LONG[kind]]]
        takes = [phrase for file in files for phrase in phrases(file)]
    if ordered:
        return takes
    many = rng.integers(*(short if kind in SHORT else others))
    return [takes[i] for i in rng.permutation(len(takes))[:many]]
