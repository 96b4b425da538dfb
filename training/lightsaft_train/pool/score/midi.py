"""Scores of MIDI files, their variations and excerpts."""

import dataclasses
import os
from collections.abc import Iterable, Sequence

import mido
import numpy as np

from ...arrays import Rng
from ...errors import DataError
from .notes import Note, Part, Score

DRUM_CHANNEL = 9
BASSES = range(32, 40)
VOICES = (52, 53, 54, 85, 91)
PERCUSSION = (47, 113, 115, 116, 117, 118, 119)  # timpani to reverse cymbal: neither clearly drums nor clearly other
EFFECTS = range(120, 128)
LEFT_OUT = frozenset((*VOICES, *PERCUSSION, *EFFECTS))

_KEYBOARDS, _MALLETS, _ORGANS, _GUITARS = range(8), range(8, 15), range(16, 24), range(24, 32)
_STRINGS, _BRASS, _WINDS = (40, 41, 42, 44, 45, 48, 49, 50, 51), range(56, 64), range(64, 80)
_LEADS, _PADS, _TEXTURES = (80, 81, 82, 83, 84, 86, 87), (88, 89, 90, 92, 93, 94, 95), range(96, 104)
NEIGHBOURS: tuple[tuple[Sequence[int], tuple[int, ...]], ...] = (  # programmes, and those that may replace them
    (_KEYBOARDS, (*_KEYBOARDS, *_MALLETS, *_ORGANS, *_LEADS)),
    (_MALLETS, (*_MALLETS, *_KEYBOARDS, *_LEADS, *_TEXTURES)),
    (_ORGANS, (*_ORGANS, *_KEYBOARDS, *_PADS)),
    (_GUITARS, (*_GUITARS, *_GUITARS, *_KEYBOARDS, *_LEADS, *_PADS)),
    (BASSES, tuple(BASSES)),
    (_STRINGS, (*_STRINGS, *_ORGANS, *_PADS, *_TEXTURES)),
    (_BRASS, (*_BRASS, *_WINDS, *_LEADS)),
    (_WINDS, (*_WINDS, *_BRASS, *_LEADS)),
    (_LEADS, (*_LEADS, *_KEYBOARDS, *_GUITARS)),
    (_PADS, (*_PADS, *_STRINGS, *_TEXTURES)),
    (_TEXTURES, (*_TEXTURES, *_PADS, *_MALLETS)),
)

# Krumhansl and Kessler (1982): how well the pitch classes fit a key, from its tonic
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def _role(channel: int, program: int) -> str | None:
    """Return the role of a programme on a channel; None if it is left out."""
    if channel == DRUM_CHANNEL:
        return "drums"
    if program in LEFT_OUT:
        return None
    return "bass" if program in BASSES else "other"


def _events(file: mido.MidiFile) -> tuple[dict[tuple[int, int], list[Note]], list[tuple[float, int]], float]:
    """Return notes by (channel, programme), tempos as (seconds, microseconds of a beat), and the end of a MIDI file."""
    notes: dict[tuple[int, int], list[Note]] = {}
    sounding: dict[tuple[int, int], tuple[float, int, int]] = {}
    programs, tempos, now = [0] * 16, [(0.0, 500000)], 0.0
    for message in file:
        now += message.time
        if message.type == "set_tempo":
            tempos.append((now, message.tempo))
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            started = sounding.pop((message.channel, message.note), None)
            if started is not None:
                start, velocity, program = started
                note = Note(start, max(now - start, 0.01), message.note, velocity)
                notes.setdefault((message.channel, program), []).append(note)
            if message.type == "note_on" and message.velocity:
                sounding[message.channel, message.note] = now, message.velocity, programs[message.channel]
    return notes, tempos, now


def _longest_tempo(tempos: list[tuple[float, int]], end: float) -> float:
    """Return the tempo in beats per minute that lasts longest in all."""
    lasting: dict[int, float] = {}
    for (start, beat), (stop, _) in zip(tempos, [*tempos[1:], (end, 0)], strict=True):
        lasting[beat] = lasting.get(beat, 0.0) + stop - start
    return 6e7 / max(lasting, key=lasting.__getitem__)


def key_of(parts: Iterable[Part]) -> tuple[int | None, bool | None]:
    """Return the key (tonic, minor) of parts whose profile correlates best; (None, None) without pitched notes."""
    weights = np.zeros(12)
    for part in parts:
        if part.role != "drums":
            for note in part.notes:
                weights[note.pitch % 12] += note.duration
    if np.ptp(weights) == 0:
        return None, None
    keys = [(tonic, minor) for tonic in range(12) for minor in (False, True)]
    fits = [
        np.corrcoef(np.roll(MINOR_PROFILE if minor else MAJOR_PROFILE, tonic), weights)[0, 1] for tonic, minor in keys
    ]
    return keys[int(np.argmax(fits))]


def read_midi(path: str | os.PathLike[str]) -> Score:
    """Read the score of a MIDI file, with a part for each channel and programme.

    Voices and sound effects are left out.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        notes, tempos, end = _events(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise DataError(f"cannot read a MIDI file ({error}): {path}") from error
    parts = []
    for channel, program in sorted(notes):
        role = _role(channel, program)
        if role:
            ordered = sorted(notes[channel, program], key=lambda note: (note.start, note.pitch))
            parts.append(Part(role, program, tuple(ordered)))
    tonic, minor = key_of(parts)
    return Score(end, _longest_tempo(tempos, end), tuple(parts), tonic, minor)


def _varied_program(part: Part, rng: Rng) -> int:
    """Draw another programme for a part, at times its own; drums keep theirs."""
    if part.role == "drums" or rng.random() < 0.3:
        return part.program
    for programs, others in NEIGHBOURS:
        if part.program in programs:
            return int(rng.choice(others))
    return part.program


def _moved(note: Note, semitones: int, factor: float) -> Note:
    """Return the note transposed, and `factor` times as fast. At the ends of the keyboard it is moved by an octave."""
    pitch = note.pitch + semitones
    pitch += 12 * (pitch < 0) - 12 * (pitch > 127)
    return Note(note.start / factor, note.duration / factor, pitch, note.velocity)


def varied(score: Score, rng: Rng) -> Score:
    """Return the score transposed by -5 to +6 semitones, at 0.75 to 1.3 times its tempo, with other programmes.

    Parts of `other` are left out at times, but never all of them.
    """
    semitones, factor = int(rng.integers(-5, 7)), float(rng.uniform(0.75, 1.3))
    others = len(score.of("other"))
    parts = []
    for part in score.parts:
        if part.role == "other" and others > 1 and rng.random() < 0.12:
            others -= 1
            continue
        shift = 0 if part.role == "drums" else semitones
        notes = tuple(_moved(note, shift, factor) for note in part.notes)
        parts.append(dataclasses.replace(part, program=_varied_program(part, rng), notes=notes))
    tonic = None if score.tonic is None else (score.tonic + semitones) % 12
    return Score(score.seconds / factor, score.tempo * factor, tuple(parts), tonic, score.minor)


def _window(part: Part, start: float, stop: float) -> Part:
    """Return the part between two times, with its notes shifted.

    Notes that begin earlier are cut, those of drums left out.
    """
    notes = []
    for note in part.notes:
        first, last = max(note.start, start), min(note.start + note.duration, stop)
        if first < last and (part.role != "drums" or note.start >= start):
            notes.append(Note(first - start, last - first, note.pitch, note.velocity))
    return dataclasses.replace(part, notes=tuple(notes))


def excerpt(score: Score, start: float, seconds: float) -> Score:
    """Return the score from `start` on, `seconds` long or up to its end.

    The excerpt begins on a beat: the last one before `start`, or before the first note after it if there is silence.
    Parts that do not play are left out.
    """
    beat = 60 / score.tempo
    notes = [note for part in score.parts for note in part.notes if note.start + note.duration > start]
    if notes:
        start = max(start, min(note.start for note in notes))
    start = np.floor(start / beat + 1e-6) * beat
    length = max(0.0, min(seconds, score.seconds - start))
    parts = (_window(part, start, start + length) for part in score.parts)
    return dataclasses.replace(score, seconds=float(length), parts=tuple(part for part in parts if part.notes))
