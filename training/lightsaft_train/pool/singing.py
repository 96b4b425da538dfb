"""Vocal stems for songs from recordings of voices: phrases, re-sung melodies, whole songs, shouts and chops."""

import dataclasses
import functools

import numpy as np
import pedalboard
import soxr

from .remix import remix
from .score import SAMPLE_RATE, add, silence
from .vocal_chain import doubled, pan, process
from .vocal_melody import compose, harmony, octave, perform, single
from .voices import MAJOR, MINOR, SPEAKERS, climb, join, load, pitch, resing, scaled, syllables, voice_of


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

    def load(self, recording):
        """The recording (2, samples), noted as used."""
        self.names.add(recording.name)
        return load(recording.path)


def sing(part, seconds, rng, recordings, cache, tonic=None, minor=None, tempo=None):
    """A vocal stem (2, samples) and the sorted names of the recordings in it. `part`: the Part to be sung, if any; a
    key (`tonic` 0 to 11, `minor`) and `tempo` that are not given are those of a recording, or drawn."""
    if tonic is None and part is not None and part.notes:
        tonic, minor = _key_of(part.notes)
    known = [recording for recording in recordings if recording.tempo]
    drawn = rng.choice([rng.uniform(85, 150), rng.uniform(118, 132)]), int(rng.integers(12)), bool(rng.random() < 0.7)
    if known and rng.random() < 0.5:
        anchor = known[rng.integers(len(known))]
        drawn = anchor.tempo, anchor.tonic, anchor.minor
    tempo, tonic, minor = (
        own if own is not None else new for own, new in zip((tempo, tonic, minor), drawn, strict=True)
    )
    session = Session(seconds, float(tempo), int(tonic), bool(minor), rng, recordings, cache, set())
    sung = bool(part is not None and part.notes)
    modes = (_phrases, _resung, _songs, _shouts, _chops)
    mode = modes[rng.choice(5, p=[0.34, 0.33, 0.1, 0.1, 0.13] if sung else [0.42, 0.16, 0.14, 0.12, 0.16])]
    lead, backing = mode(session, part if sung else None)
    if rng.random() < 0.2:
        more = (_shouts, _chops)[rng.integers(2)](session, None)[0]
        backing = backing + more * np.float32(0.7)
    if not lead.any() and not backing.any():
        lead, backing = _phrases(session, None)
    voice = process(lead, backing, session.tempo, rng)
    return remix(voice, session.tempo, session.tonic, session.minor, rng), tuple(sorted(session.names))


def _key_of(notes):
    """Tonic and minor of the key whose scale, and whose tonic and fifth, hold most of the notes."""
    classes = np.bincount([note.pitch % 12 for note in notes], minlength=12)
    keys = [(tonic, minor) for tonic in range(12) for minor in (True, False)]
    inside = [sum(classes[(t + s) % 12] for s in (MINOR if m else MAJOR)) for t, m in keys]
    fifth = [0.3 * classes[t] + 0.1 * classes[(t + 7) % 12] for t, _ in keys]
    return keys[int(np.argmax(np.add(inside, fifth)))]


def _sections(session):
    """Stretches (start, end) in seconds of 2 to 8 bars in which there is a voice."""
    rng, bar = session.rng, 240 / session.tempo
    density, size = rng.uniform(0.5, 1), bar * rng.choice([2, 4, 4, 8])
    blocks = [(t, min(t + size, session.seconds)) for t in np.arange(0, session.seconds - 0.5, size)]
    chosen = [block for block in blocks if rng.random() < density]
    return chosen or [blocks[rng.integers(len(blocks))]]


def _shift(recording, session):
    """Semitones (-5 to 6) from a recording's key to the song's, relative keys taken as the same."""
    if recording.tonic is None:
        return 0
    own = recording.tonic + (0 if recording.minor else 9)
    return (session.tonic + (0 if session.minor else 9) - own + 5) % 12 - 5


def _pace(recording, session):
    """How many times faster a recording must be to be in the song's tempo; half and double tempo count as the same."""
    ratio = session.tempo / recording.tempo if recording.tempo else 1.0
    return float(np.clip(min((ratio, ratio / 2, ratio * 2), key=lambda r: abs(np.log(r))), 0.7, 1.4))


def _moved(audio, shift, pace, formants):
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


def _lay(session, choose, render, grid, rests=0.4, repeat=0.3):
    """Lays recordings one after the other on a grid of beats; gives (start in seconds, recording) and the audio."""
    rng, audio, events, last = session.rng, silence(session.seconds), [], None
    render, step = functools.cache(render), grid * 60 / session.tempo
    for start, end in _sections(session):
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


def _back(lead, rng):
    """A backing of doublings, often none, (2, samples) for a lead."""
    if rng.random() < 0.35:
        return np.zeros_like(lead)
    return doubled(lead.mean(axis=0), rng, 0.5, pairs=int(rng.integers(1, 3)))


def _singers(session, kinds):
    """The recordings of these kinds by singer, as lists in order of the catalogue."""
    singers = {}
    for recording in session.recordings:
        if recording.kind in kinds:
            singers.setdefault((recording.kind, recording.singer), []).append(recording)
    return list(singers.values())


def _phrases(session, _):
    """Recorded phrases of a singer in the song's key and tempo; at times harmonies, re-sung."""
    rng = session.rng
    singers = _singers(session, ("sung",)) or _singers(session, [r.kind for r in session.recordings])
    far = np.array([abs(_shift(s[0], session)) / 1.5 + 5 * abs(np.log2(_pace(s[0], session))) for s in singers])
    weight = np.exp(-far) * np.sqrt([len(s) for s in singers])
    takes = singers[rng.choice(len(singers), p=weight / weight.sum())]
    shift, pace, formants = _shift(takes[0], session), _pace(takes[0], session), rng.random() < 0.75
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(3, 16)]]
    events, lead = _lay(
        session,
        lambda: takes[rng.integers(len(takes))],
        lambda recording: _moved(session.load(recording), shift, pace, formants),
        rng.choice([1, 2, 4], p=[0.3, 0.4, 0.3]),
        rng.uniform(0.1, 0.7),
    )
    backing = _back(lead, rng)
    if rng.random() < 0.45:
        backing = backing + _harmonies(session, events[: rng.integers(3, 12)], shift, 1 / pace)
    return lead, backing


def _harmonies(session, events, shift, stretch):
    """The recordings of events sung again in thirds, fourths, fifths or octaves, (2, samples)."""
    rng, audio = session.rng, silence(session.seconds)
    degrees, formant, place = rng.choice([-7, -3, 2, 2, 4, 7]), rng.uniform(0.92, 1.08), rng.uniform(-0.7, 0.7)

    @functools.cache
    def render(recording):
        voice = session.voice(recording)
        melody = scaled(voice, rng, session.tonic, session.minor, shift, degrees)
        return resing(voice, rng, 0, melody, formant, stretch, rng.uniform(0, 0.2), loose=0)

    for time, recording in events:
        add(audio, pan(render(recording), place), time + rng.uniform(0, 0.015))
    return audio


def _resung(session, part):
    """A melody, the part's or a new one, sung by syllables of one singer, with harmonies, doublings, or as a choir."""
    rng = session.rng
    kinds = {"sung": 0.04, "pjs": 0.3, "alys": 0.25, "yuki": 0.2, "klettres": 0.03, "ktuberling": 0.03}
    singers = _singers(session, kinds)
    weight = np.array([kinds[singer[0].kind] for singer in singers])
    takes = singers[rng.choice(len(singers), p=weight / weight.sum())]
    short = takes[0].kind in SPEAKERS
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(6, 20) if short else rng.integers(2, 7)]]
    voice = join([session.voice(recording) for recording in takes])
    notes = part.notes if part else compose(_sections(session), session.tempo, session.tonic, session.minor, rng)
    notes = single(note for note in notes if note.start < session.seconds)
    if not notes:
        return silence(session.seconds), silence(session.seconds)
    shift, formant, breath = octave(notes, voice, rng), rng.triangular(0.85, 1, 1.2), rng.uniform(0, 0.3)
    notes = tuple(dataclasses.replace(note, pitch=int(np.clip(note.pitch + shift, 40, 84))) for note in notes)
    hard = rng.random() < 0.2
    first = perform(voice, notes, session.seconds, rng, formant, breath, hard)
    choir = rng.random() < 0.15
    lead = pan(first, 0) * np.float32(0.4 if choir else 1)
    backing = doubled(first, rng, 0.6, 2) if choir else _back(lead, rng)
    for _ in range(2 * choir or rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1])):
        moved = harmony(notes, rng.choice([-7, -3, 2, 2, 4]), session.tonic, session.minor)
        second = perform(voice, moved, session.seconds, rng, formant * rng.uniform(0.93, 1.07), breath, hard)
        backing = backing + doubled(second, rng, 0.5)
    return lead, backing


def _songs(session, _):
    """Songs of a singer in long stretches: transposed as recorded, or re-sung in the song's key."""
    rng = session.rng
    takes = [r for r in session.recordings if r.kind == "pjs"]
    if not takes:
        return _phrases(session, None)
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(1, 5)]]
    shift, pace = rng.uniform(-4, 7), rng.uniform(0.85, 1.2)
    formants, tape, again = rng.random() < 0.5, rng.random() < 0.3, rng.random() < 0.4
    formant, natural, wander = 2 ** (shift / 36) * rng.uniform(0.93, 1.08), rng.choice([0, 0.7, 1]), rng.integers(0, 2)

    def render(recording):
        if not again:
            return _moved(session.load(recording), 12 * np.log2(pace) if tape else shift, pace, formants)
        voice = session.voice(recording)
        melody = scaled(voice, rng, session.tonic, session.minor, shift, 0, wander)
        return pan(resing(voice, rng, 0, melody, formant, 1 / pace, rng.uniform(0, 0.2), natural), 0)

    lead = _lay(session, lambda: takes[rng.integers(len(takes))], render, 4, repeat=0.1)[1]
    return lead, _back(lead, rng)


def _shouts(session, _):
    """Shouts, growls and spoken phrases in rhythm, as recorded or lower and higher."""
    rng = session.rng
    singers, speakers = _singers(session, ("spoken", "orks")), _singers(session, SPEAKERS)
    if speakers and rng.random() < 0.4:
        singers = speakers
    singers = singers or _singers(session, [r.kind for r in session.recordings])
    takes = singers[rng.integers(len(singers))]
    takes = [takes[i] for i in rng.permutation(len(takes))[: rng.integers(2, 20)]]
    shift = rng.choice([0, 0, rng.uniform(-6, 5)])
    pace, formants = (2 ** (shift / 12) if rng.random() < 0.4 else 1.0), rng.random() < 0.5
    grid, rests, repeat = rng.choice([0.5, 1, 2, 4]), rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.7)
    lead = _lay(
        session,
        lambda: takes[rng.integers(len(takes))],
        lambda recording: _moved(session.load(recording), shift, pace, formants),
        grid,
        rests,
        repeat,
    )[1]
    return lead, _back(lead, rng)


def _chops(session, _):
    """Short cut syllables in a pattern of 8ths or 16ths, on notes of the key, as recorded but for their speed."""
    rng = session.rng
    takes = [r for r in session.recordings if r.kind in ("sung", "pjs", "alys", "yuki")]
    slices = [_slice(session, takes[rng.integers(len(takes))]) for _ in range(rng.integers(1, 5))]
    step, length = 60 / session.tempo * rng.choice([0.25, 0.5]), rng.choice([8, 16, 32])
    base = climb(np.array([60 + session.tonic]), rng.integers(-7, 6, length), session.tonic, session.minor)
    plays, which = rng.random(length) < rng.uniform(0.25, 0.8), rng.integers(0, len(slices), length)
    gate, audio = rng.uniform(0.6, 2.5), silence(session.seconds)

    @functools.cache
    def render(index):
        sound, own = slices[which[index]]
        move = (base[index] - own + 6) % 12 - 6
        fast = soxr.resample(sound, SAMPLE_RATE, SAMPLE_RATE / 2 ** (move / 12))[: round(gate * step * SAMPLE_RATE)]
        return fast * np.minimum((len(fast) - np.arange(len(fast))) / 300, 1).astype(np.float32)

    for start, end in _sections(session):
        for index in range(int((end - start) / step + 0.01)):
            if plays[index % length]:
                add(audio, render(index % length), start + index * step)
    return audio, _back(audio, rng)


def _slice(session, recording):
    """A syllable of a recording, mono (samples,), from its onset, and its MIDI pitch."""
    voice, audio = session.voice(recording), session.load(recording).mean(axis=0)
    parts = syllables(voice)
    a, b = parts[session.rng.integers(len(parts))]
    sound = audio[round(a * 220.5) : round(min(b, a + 160) * 220.5)].copy()
    sound[:100] *= np.linspace(0, 1, 100, dtype=np.float32)[: len(sound)]
    return sound, float(np.median(pitch(voice)[a:b]))
