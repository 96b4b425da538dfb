"""The rendering of a song, stem by stem: a score, instruments that are drawn for its parts, and a producer's effects.

Names of sources are those of `licences.licence_of`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import soundfile as sf
import soxr

from ..arrays import Rng, SourcedAudio, SourcedStems
from ..errors import DataError
from .instruments import drumkits, drumloops, rigs, soundfonts, synths
from .score import GUITARS, SAMPLE_RATE, Part, Score, compose, midi, silence
from .sources import Sources
from .voices import singing, sung_again

Item = TypeVar("Item")


def sung(sources: Sources, rng: Rng, seconds: float) -> SourcedStems:
    """Render a song of a voice alone."""
    audio, names = singing.sing(None, seconds, rng, sources.recordings, sources.cache)
    return {"vocals": (audio, _voices(names))}


def guitar(sources: Sources, rng: Rng, seconds: float) -> SourcedStems:
    """Render a part of a recorded guitar stem."""
    path = _drawn(sources.guitars, rng, "guitar stems (Debian: fretsonfire-songs-muldjord)")
    with sf.SoundFile(path) as file:
        file.seek(int(rng.integers(max(1, file.frames - int(seconds * file.samplerate)))))
        audio = file.read(int(seconds * file.samplerate), dtype="float32", always_2d=True)
        audio = soxr.resample(audio, file.samplerate, SAMPLE_RATE)
    whole = silence(seconds)
    whole[:, : len(audio)] = audio.T[:, : whole.shape[1]]
    return {"other": (whole, {"guitars muldjord"})}


def composed(sources: Sources, rng: Rng, seconds: float) -> SourcedStems:
    """Render a song of a composed score."""
    return _song(sources, compose.compose(rng, seconds), rng, electronic=rng.random() < 0.7, names={"composed"})


def arranged(sources: Sources, rng: Rng, seconds: float) -> SourcedStems:
    """Render a song of an excerpt of a MIDI arrangement. Drums and bass are composed if it has none."""
    path = _drawn(sources.arrangements, rng, f"MIDI files in {sources.data / 'midi'}")
    whole = midi.varied(midi.read_midi(path), rng)
    start = rng.uniform(0, max(0.0, whole.seconds - seconds))
    score = dataclasses.replace(midi.excerpt(whole, start, seconds), seconds=seconds)
    return _song(
        sources, _completed(score, rng), rng, electronic=rng.random() < 0.25, names={f"midi {path.parent.name}"}
    )


def _completed(score: Score, rng: Rng) -> Score:
    """Return the score with the parts that it lacks."""
    parts = list(score.parts)
    tonic, minor = (score.tonic, bool(score.minor)) if score.tonic is not None else (int(rng.integers(12)), True)
    tempo = score.tempo
    while tempo > 180:
        tempo /= 2
    while tempo < 60:
        tempo *= 2
    if not score.of("drums"):
        parts.append(compose.drum_part(rng, score.seconds, tempo))
    if not score.of("bass"):
        parts.append(compose.bass_part(rng, score.seconds, tempo, tonic, minor))
    parts.append(compose.vocal_melody(rng, score.seconds, tempo, tonic, minor))
    return dataclasses.replace(score, tempo=tempo, parts=tuple(parts), tonic=tonic, minor=minor)


def _song(sources: Sources, score: Score, rng: Rng, electronic: bool, names: set[str]) -> SourcedStems:
    """Render the stems of a score."""
    stems = {
        "drums": _drums(sources, score, rng, electronic),
        "bass": _bass(sources, score, rng, electronic),
        "other": _other(sources, score, rng, electronic),
    }
    kicks = sorted(n.start for part in score.of("drums") for n in part.notes if n.pitch in (35, 36))
    if electronic and kicks and rng.random() < 0.5:
        for target in ("bass", "other"):
            stems[target] = (synths.duck(stems[target][0], kicks, rng), stems[target][1])
    stems = {target: (audio, used | names) for target, (audio, used) in stems.items()}
    melodies = score.of("vocals")
    audio, sung_by = singing.sing(
        melodies[0] if melodies else None,
        score.seconds,
        rng,
        sources.recordings,
        sources.cache,
        tonic=score.tonic,
        minor=score.minor,
        tempo=score.tempo,
    )
    stems["vocals"] = (audio, _voices(sung_by))
    return stems


def _drawn(items: Sequence[Item], rng: Rng, what: str) -> Item:
    """Draw one of the items; all are equally likely. There must be some."""
    if not items:
        raise DataError(f"found no {what}")
    return items[int(rng.integers(len(items)))]


def _voices(names: Iterable[str]) -> set[str]:
    return {"voices " + name.split("/")[0] for name in names}


def _total(sounds: Iterable[SourcedAudio], seconds: float) -> SourcedAudio:
    """Return the sum of sounds, and all their names."""
    audio = silence(seconds)
    names = set()
    for sound, used in sounds:
        audio += sound
        names |= used
    return audio, names


def _drums(sources: Sources, score: Score, rng: Rng, electronic: bool) -> SourcedAudio:
    sounds = []
    for part in score.of("drums"):
        drawn = rng.random()
        if drawn < (0.5 if electronic else 0.1):
            sounds.append((synths.drums(part, score.seconds, rng), {"synthesisers"}))
        elif drawn < 0.8:
            kit = drumkits.mixed(sources.kits, rng)
            sounds.append((kit.play(part, score.seconds, rng), {f"kit {name}" for name in kit.names}))
        else:
            sounds.append(_fluid(sources, [part], score.seconds, rng, drums=True))
    if rng.random() < (0.2 if electronic else 0.08):
        loop = _drawn(sources.loops, rng, f"drum loops in {sources.data / 'drums'}")
        audio = drumloops.play_loop(loop, score.seconds, score.tempo, rng)
        sounds.append((audio * np.float32(rng.uniform(0.2, 1)), {"drum loops"}))
    return _total(sounds, score.seconds)


def _bass(sources: Sources, score: Score, rng: Rng, electronic: bool) -> SourcedAudio:
    sounds = []
    for part in score.of("bass"):
        drawn = rng.random()
        if drawn < (0.75 if electronic else 0.3):
            sounds.append((synths.bass(part, score.seconds, rng, tempo=score.tempo), {"synthesisers"}))
        elif drawn < (0.85 if electronic else 0.65):
            sounds.append(_sampled(sources, part, "bass", score.seconds, rng))
        else:
            sounds.append(_fluid(sources, [part], score.seconds, rng))
    return _total(sounds, score.seconds)


def _other(sources: Sources, score: Score, rng: Rng, electronic: bool) -> SourcedAudio:
    sounds, fluid = [], []
    for part in score.of("other"):
        drawn = rng.random()
        gain = np.float32(rng.uniform(0.3, 1))
        if part.program in GUITARS and part.style == "chords":
            audio, names = _guitars(sources, part, score.seconds, rng)
            sounds.append((audio * np.float32(rng.uniform(0.5, 1)), names))
        elif drawn < (0.7 if electronic else 0.2):
            audio = synths.other(part, score.seconds, rng, tempo=score.tempo)
            sounds.append((audio * gain, {"synthesisers"}))
        elif drawn < (0.8 if electronic else 0.4):
            audio, names = _sampled(sources, part, "other", score.seconds, rng)
            sounds.append((audio * gain, names))
        else:
            fluid.append(part)
    if fluid:
        sounds.append(_fluid(sources, fluid, score.seconds, rng))
    if rng.random() < (0.5 if electronic else 0.1):
        audio = synths.effects(score.seconds, score.tempo, rng)
        sounds.append((audio * np.float32(rng.uniform(0.1, 0.6)), {"synthesisers"}))
    return _total(sounds, score.seconds)


def _guitars(sources: Sources, part: Part, seconds: float, rng: Rng) -> SourcedAudio:
    """Render distorted chords left and right: a sampled guitar played twice, or one of a SoundFont and its double."""
    electric = [instrument for instrument in sources.multisamples if instrument.kind == "electric"]
    if electric and rng.random() < 0.65:
        instrument = electric[rng.integers(len(electric))]
        return instrument.play(part, seconds, rng), {f"instrument {instrument.name}"}
    program = int(rng.choice([26, 27, 28, *GUITARS]))
    audio, names = _fluid(sources, [dataclasses.replace(part, program=program)], seconds, rng)
    take = audio.mean(axis=0)
    return rigs.amplify([take[None], sung_again(take, rng)[None]], "electric", "distorted", rng), names


def _sampled(sources: Sources, part: Part, role: str, seconds: float, rng: Rng) -> SourcedAudio:
    instruments = [instrument for instrument in sources.multisamples if instrument.role == role]
    instrument = _drawn(instruments, rng, f"multisampled instruments for {role} in {sources.data}")
    return instrument.play(part, seconds, rng), {f"instrument {instrument.name}"}


def _fluid(sources: Sources, parts: list[Part], seconds: float, rng: Rng, drums: bool = False) -> SourcedAudio:
    names = [name for name in sorted(sources.soundfonts) if drums or name not in soundfonts.DRUMS_ONLY]
    name = _drawn(names, rng, "SoundFonts (Debian: fluid-soundfont-gm)")
    return soundfonts.render(parts, seconds, sources.soundfonts[name], rng, sources.cache), {f"soundfont {name}"}


KINDS: dict[str, Callable[[Sources, Rng, float], SourcedStems]] = {
    "composed": composed,
    "arranged": arranged,
    "sung": sung,
    "guitar": guitar,
}
