"""Pieces of music in many styles, composed at random: drums, bass, other instruments and a melody to be sung."""

import dataclasses
from collections.abc import Sequence

from ...arrays import Rng
from .accompaniment import BASSES, other_events, wall
from .basslines import bass_events
from .feel import Feel, Span, pick
from .grooves import drum_events
from .harmony import Changes, Key, draw_key, harmonise, make_key
from .melodies import melody_events, voice_range
from .notes import Part, Score
from .styles import STYLES, Section, Style, draw_feel, draw_style, fitting, layout, playing

VOICE = 53
WALL = {"band": 0.42, "pop": 0.25}  # how often pieces of a family have distorted guitars in all sections that are sung


@dataclasses.dataclass(frozen=True)
class Plan:
    """The things that the parts of a piece have in common."""

    style: Style
    seconds: float
    feel: Feel
    key: Key
    sections: list[Section]
    changes: Changes


def make_plan(rng: Rng, name: str, tempo: float, seconds: float, key: Key | None = None) -> Plan:
    """Draw the plan of a piece in a style at a tempo. The key is drawn if it is None."""
    style = STYLES[name]
    feel = draw_feel(rng, style, tempo)
    key = key or draw_key(rng, style)
    sections = layout(rng, style, tempo, seconds)
    return Plan(style, seconds, feel, key, sections, harmonise(rng, key, style, sections))


def compose(rng: Rng, seconds: float = 60.0, style: str | None = None) -> Score:
    """Compose a piece: one part each of drums, bass and vocals, and 1 to 6 others. All of them rest in some sections.

    Parameters
    ----------
    rng
        The generator that the piece is drawn from.
    seconds
        Length.
    style
        A key of `styles.STYLES`; None: drawn.
    """
    name = style or draw_style(rng)
    tempo = rng.uniform(*STYLES[name].tempo)
    tempo = float(round(tempo)) if rng.random() < 0.6 else float(tempo)
    plan = make_plan(rng, name, tempo, seconds)
    others, low = draw_others(rng, plan)
    sung = playing(rng, plan.sections, "vocals", rng.uniform(0.65, 0.9))
    if rng.random() < WALL.get(plan.style.family, 0):
        others.append(draw_wall(rng, plan, sung))
    parts = (draw_drums(rng, plan), draw_bass(rng, plan, low), draw_vocals(rng, plan, sung), *others)
    return Score(seconds, tempo, tuple(part for part in parts if part.notes), plan.key.tonic, plan.key.minor)


def draw_drums(rng: Rng, plan: Plan, least: float = 0.3) -> Part:
    """Draw the drums of a piece. They play in at least the part `least` of its sections."""
    spans = playing(rng, plan.sections, "drums", least)
    if plan.style.form == "ambient" and rng.random() < 0.5:
        spans = spans[:1]
    events = drum_events(rng, plan.style, plan.sections, spans)
    return Part("drums", 0, plan.feel.perform(rng, events, plan.seconds))


def draw_bass(rng: Rng, plan: Plan, low: Sequence[Span] = (), least: float = 0.25) -> Part:
    """Draw the bass of a piece. It plays in at least the part `least` of its sections.

    It may leave the spans `low` to another part, which plays in its register.
    """
    spans = playing(rng, plan.sections, "bass", least)
    free = [span for span in spans if span not in low]
    if 2 * len(free) > len(spans) and rng.random() < 0.5:
        spans = free
    events = bass_events(rng, plan.style, plan.changes, spans, plan.key)
    return Part("bass", pick(rng, BASSES[plan.style.family]), plan.feel.perform(rng, events, plan.seconds, True))


def draw_wall(rng: Rng, plan: Plan, spans: Sequence[Span]) -> Part:
    """Draw distorted guitars in spans (start, stop)."""
    program, events = wall(rng, plan.changes, spans)
    return Part("other", program, plan.feel.perform(rng, events, plan.seconds), "chords")


def draw_vocals(rng: Rng, plan: Plan, spans: Sequence[Span]) -> Part:
    """Draw the melody of a piece in spans (start, stop). It is never exactly on the grid."""
    low, high = voice_range(rng)
    feel = dataclasses.replace(plan.feel, jitter=max(plan.feel.jitter, rng.uniform(0.0, 0.01)))
    fullness = rng.uniform(0.58, 0.78)
    scale = plan.key.within(low, high)
    events = melody_events(rng, plan.changes, spans, scale, feel.tempo, fullness)
    notes = feel.perform(rng, events, plan.seconds, True)
    return Part("vocals", VOICE, tuple(note for note in notes if note.duration >= 0.15), "lead")


def draw_others(rng: Rng, plan: Plan) -> tuple[list[Part], list[Span]]:
    """Draw the other instruments of a piece, and the spans of those that play in the register of the bass."""
    kinds = plan.style.parts.split()
    count = min(len(kinds), int(rng.choice((1, 2, 3, 4, 5), p=(0.08, 0.22, 0.3, 0.25, 0.15))))
    parts: list[Part] = []
    lows: list[Span] = []
    for index in rng.permutation(len(kinds))[:count]:
        kind = kinds[index]
        low = kind in ("riff", "pluck") and rng.random() < 0.25
        spans = playing(rng, plan.sections, "other")
        program, events = other_events(rng, kind, plan.style, plan.changes, spans, plan.key, low)
        parts.append(Part("other", program, plan.feel.perform(rng, events, plan.seconds, kind == "lead"), kind))
        lows += spans if low else []
    return parts, lows


def vocal_melody(rng: Rng, seconds: float, tempo: float, tonic: int, minor: bool) -> Part:
    """Compose a part for a singer throughout some seconds, in a key, at beats per minute."""
    name, counted = fitting(rng, tempo)
    plan = make_plan(rng, name, counted, seconds, make_key(rng, tonic, minor))
    return draw_vocals(rng, plan, [(section.start, section.stop) for section in plan.sections])


def drum_part(rng: Rng, seconds: float, tempo: float) -> Part:
    """Compose a part for drums at beats per minute, in a style that has this tempo."""
    name, counted = fitting(rng, tempo)
    return draw_drums(rng, make_plan(rng, name, counted, seconds), 0.6)


def bass_part(rng: Rng, seconds: float, tempo: float, tonic: int, minor: bool) -> Part:
    """Compose a part for a bass in a key, at beats per minute, in a style that has this tempo."""
    name, counted = fitting(rng, tempo)
    return draw_bass(rng, make_plan(rng, name, counted, seconds, make_key(rng, tonic, minor)), least=0.6)
