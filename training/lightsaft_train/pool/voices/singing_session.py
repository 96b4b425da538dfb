"""The session of a singer: key, tempo and recordings of a song, and how they are moved, laid in time and doubled."""

import dataclasses
import functools
import os
from collections.abc import Callable, Container, Mapping, Sequence

import numpy as np
import pedalboard
import soxr

from ...arrays import Audio, Rng
from ..score import MAJOR, MINOR, SAMPLE_RATE, Note, add, silence
from .production import doublings
from .recordings import BANDWIDTHS, Recording, load, phrases
from .world import Voice, voice_of

SHORT = ("klettres", "ktuberling", "spoken", "iona")  # each recording is a syllable or a word
# Recordings of minutes, and the number of them that phrases are cut from; `chant` has several readers.
LONG = {"chant": 1, "trope": 4}

Voices = tuple[Audio, Audio]
"""Lead and backing voices, (2, samples) each."""


@dataclasses.dataclass
class SingingSession:
    """A song that is sung.

    Parameters
    ----------
    seconds, tempo, tonic, minor
        Length, beats per minute and key of the song.
    rng
        The generator that everything is drawn from.
    recordings
        The voices that can be used.
    cache
        Folder that keeps analysed voices.
    names
        The names of the recordings that were used.
    """

    seconds: float
    tempo: float
    tonic: int
    minor: bool
    rng: Rng
    recordings: Sequence[Recording]
    cache: str | os.PathLike[str]
    names: set[str]

    def voice(self, recording: Recording) -> Voice:
        """Return the analysed recording, and note its name."""
        self.names.add(recording.name)
        return voice_of(recording, self.cache)

    @property
    def narrow(self) -> bool:
        """Whether the recordings lack treble."""
        return any(recording.kind in BANDWIDTHS for recording in self.recordings)

    def load(self, recording: Recording) -> Audio:
        """Return the recording (2, samples), and note its name."""
        self.names.add(recording.name)
        return load(recording.path, recording.span)


def key_of(notes: Sequence[Note]) -> tuple[int, bool]:
    """Return tonic and minor of the key whose scale, tonic and fifth have most of the notes."""
    classes = np.bincount([note.pitch % 12 for note in notes], minlength=12)
    keys = [(tonic, minor) for tonic in range(12) for minor in (True, False)]
    inside = [sum(classes[(t + s) % 12] for s in (MINOR if m else MAJOR)) for t, m in keys]
    fifth = [0.3 * classes[t] + 0.1 * classes[(t + 7) % 12] for t, _ in keys]
    return keys[int(np.argmax(np.add(inside, fifth)))]


def sections(session: SingingSession) -> list[tuple[float, float]]:
    """Draw stretches (start, end) in seconds of 2 to 8 bars in which there is a voice."""
    rng, bar = session.rng, 240 / session.tempo
    density, size = rng.uniform(0.5, 1), bar * rng.choice([2, 4, 4, 8])
    blocks = [(t, min(t + size, session.seconds)) for t in np.arange(0, session.seconds - 0.5, size)]
    chosen = [block for block in blocks if rng.random() < density]
    return chosen or [blocks[rng.integers(len(blocks))]]


def shift_of(recording: Recording, session: SingingSession) -> int:
    """Return the semitones (-5 to 6) from the key of a recording to that of the song; relative keys are the same."""
    if recording.tonic is None:
        return 0
    own = recording.tonic + (0 if recording.minor else 9)
    return (session.tonic + (0 if session.minor else 9) - own + 5) % 12 - 5


def pace_of(recording: Recording, session: SingingSession) -> float:
    """Return how many times faster a recording must be to be in the tempo of the song, or in half or double of it."""
    ratio = session.tempo / recording.tempo if recording.tempo else 1.0
    return float(np.clip(min((ratio, ratio / 2, ratio * 2), key=lambda r: abs(np.log(r))), 0.7, 1.4))


def moved(audio: Audio, shift: float, pace: float, formants: bool) -> Audio:
    """Return audio (2, samples) moved by semitones and made faster; by resampling if that does both."""
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


def lay(
    session: SingingSession,
    choose: Callable[[], Recording],
    render: Callable[[Recording], Audio],
    grid: float,
    rests: float = 0.4,
    repeat: float = 0.3,
) -> tuple[list[tuple[float, Recording]], Audio]:
    """Lay recordings one after the other on a grid.

    Parameters
    ----------
    session
        The song.
    choose
        It chooses the next recording.
    render
        It returns the audio of a recording.
    grid
        Beats between two places of the grid.
    rests, repeat
        How often a rest follows, and how often the last recording is repeated.

    Returns
    -------
    list of tuple
        Start in seconds, and recording.
    float32 array, shape (2, samples)
        The audio.
    """
    rng, audio = session.rng, silence(session.seconds)
    events: list[tuple[float, Recording]] = []
    last: Recording | None = None
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


def backing_of(lead: Audio, rng: Rng) -> Audio:
    """Return a backing (2, samples) of doublings for a lead. It is often silent."""
    if rng.random() < 0.35:
        return np.zeros_like(lead)
    return doublings(lead.mean(axis=0), rng, 0.5, pairs=int(rng.integers(1, 3)))


def singers_of(session: SingingSession, kinds: Container[str]) -> list[list[Recording]]:
    """Return the recordings of these kinds by singer, in order of the catalogue."""
    singers: dict[tuple[str, str], list[Recording]] = {}
    for recording in session.recordings:
        if recording.kind in kinds:
            singers.setdefault((recording.kind, recording.singer), []).append(recording)
    return list(singers.values())


def draw_takes(
    session: SingingSession,
    weights: Mapping[str, float],
    short: tuple[int, int] = (6, 20),
    others: tuple[int, int] = (2, 7),
    ordered: bool = False,
) -> list[Recording]:
    """Draw recordings of one singer, or phrases of long recordings.

    Parameters
    ----------
    session
        The song.
    weights
        The weight of each singer of a kind.
    short, others
        Range of the number of recordings: those of a word, and others.
    ordered
        Whether to return all of them, in their order.
    """
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
