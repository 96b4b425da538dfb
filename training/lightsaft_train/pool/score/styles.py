"""The styles of music that are composed, as tables: tempo, groove, bass, parts, form; and the plan of a piece."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ...arrays import Rng
from .feel import BAR, Feel, Span, pick


@dataclasses.dataclass(frozen=True)
class Style:
    """A style of music.

    Parameters
    ----------
    weight
        How often it is drawn, relative to the others.
    tempo
        Range, in beats per minute.
    family, form
        Names of tables: `accompaniment.py`, and FORMS.
    minor, colour
        How often it is minor, and how often chords have more than three notes, 0 to 1.
    grooves, basses
        Names of grooves and bass lines.
    parts
        Kinds of the other parts; a kind that stands there twice is likelier.
    swing, unit
        Range of the swing, and its unit in sixteenths (`feel.Feel`).
    jitter
        Range of the jitter, in seconds.
    """

    weight: float
    tempo: tuple[float, float]
    family: str
    form: str
    minor: float
    colour: float
    grooves: tuple[str, ...]
    basses: tuple[str, ...]
    parts: str
    swing: tuple[float, float] = (0.0, 0.0)
    unit: int = 1
    jitter: tuple[float, float] = (0.0, 0.0)


HUMAN = (0.003, 0.012)
STYLES = {
    "house": Style(1.5, (118, 130), "club", "club", 0.7, 0.4, ("four", "disco"),
                   ("offbeat", "octaves", "riff", "eighths"),
                   "chords chords pluck pad lead arpeggio riff", (0.0, 0.2)),
    "deep house": Style(1, (116, 125), "club", "club", 0.85, 0.8, ("four", "deep"),
                        ("riff", "sustain", "offbeat", "dub"),
                        "chords chords pad pad pluck lead", (0.0, 0.25)),
    "tech house": Style(1, (122, 130), "club", "club", 0.9, 0.2, ("four", "tech"), ("riff", "rolling", "offbeat"),
                        "riff riff chords pluck", (0.0, 0.2)),
    "techno": Style(1.3, (124, 145), "club", "club", 0.95, 0.1, ("tech", "techno"), ("rolling", "sustain", "riff"),
                    "riff riff pad pluck arpeggio chords"),
    "trance": Style(1.5, (130, 142), "club", "club", 0.85, 0.1, ("four", "trance"), ("offbeat", "rolling", "eighths"),
                    "pad pad arpeggio arpeggio pluck lead lead chords"),
    "drum & bass": Style(1, (165, 178), "club", "club", 0.9, 0.4, ("amen", "twostep"), ("sustain", "reese", "riff"),
                         "pad pad pluck lead arpeggio chords"),
    "dubstep": Style(1, (138, 146), "club", "club", 0.95, 0.1, ("halftime",), ("wobble", "reese", "808"),
                     "riff riff pad lead pluck chords"),
    "breakbeat": Style(1, (105, 140), "club", "club", 0.75, 0.3, ("breaks", "amen"), ("funk", "riff", "sustain"),
                       "chords pad riff lead pluck", (0.0, 0.2)),
    "synth-pop": Style(1.2, (95, 130), "club", "song", 0.5, 0.2, ("four", "eighties"), ("eighths", "octaves", "roots"),
                       "arpeggio pad chords pluck lead riff"),
    "pop": Style(1.5, (85, 130), "pop", "song", 0.4, 0.3, ("four", "rock", "pop"),
                 ("roots", "eighths", "sustain", "octaves"),
                 "chords chords pad pluck lead arpeggio riff", (0.0, 0.1), 1, (0.0, 0.006)),
    "hip-hop": Style(1, (78, 100), "pop", "song", 0.8, 0.6, ("boombap",), ("funk", "sustain", "riff"),
                     "chords chords pad pluck riff", (0.1, 0.3), 1, (0.0, 0.01)),
    "trap": Style(1, (128, 160), "pop", "song", 0.9, 0.2, ("trap",), ("808", "808", "sustain"),
                  "pluck pad arpeggio lead chords riff"),
    "future bass": Style(1, (135, 160), "club", "club", 0.4, 0.8, ("halftime", "trap"), ("sustain", "reese", "808"),
                         "chords chords pad arpeggio lead pluck"),
    "rock": Style(1.5, (90, 170), "band", "song", 0.5, 0.05, ("rock", "rock", "punk", "pop"),
                  ("eighths", "roots", "roots", "walking"),
                  "chords chords riff riff lead pad arpeggio", (0.0, 0.05), 1, HUMAN),
    "shuffle": Style(0.6, (80, 140), "band", "song", 0.3, 0.3, ("shuffle",), ("walking", "roots", "eighths"),
                     "chords chords riff lead pad", (0.25, 0.34), 2, HUMAN),
    "funk": Style(1, (92, 120), "band", "song", 0.6, 0.7, ("funk", "disco"), ("funk", "funk", "octaves"),
                  "chords chords riff pluck pad lead", (0.0, 0.2), 1, HUMAN),
    "reggae": Style(0.8, (65, 92), "band", "song", 0.5, 0.2, ("onedrop", "steppers"), ("reggae", "dub"),
                    "chords chords riff lead pad", (0.0, 0.25), 1, HUMAN),
    "ballad": Style(1, (58, 84), "soft", "song", 0.4, 0.4, ("ballad",), ("ballad", "sustain", "roots"),
                    "chords chords pad pad arpeggio lead", (0.0, 0.1), 1, HUMAN),
    "ambient": Style(0.8, (60, 110), "soft", "ambient", 0.6, 0.6, ("sparse",), ("sustain", "dub"),
                     "pad pad pad arpeggio pluck lead", (0.0, 0.0), 1, (0.0, 0.01)),
}  # fmt: skip

# Sections of a form in their usual order; a piece may begin anywhere, like an excerpt.
FORMS = {
    "club": ("intro build drop break build drop outro", "intro verse build drop break build drop drop outro",
             "drop break build drop outro"),
    "song": ("intro verse chorus verse chorus bridge chorus outro", "verse pre chorus verse pre chorus solo chorus",
             "intro verse verse chorus break chorus outro"),
    "ambient": ("break verse break drop break outro", "intro break break verse outro"),
}  # fmt: skip

# How likely (drums, bass, vocals, another part) play in a section of a kind.
PRESENCE = {
    "intro": (0.7, 0.3, 0.2, 0.6),
    "verse": (0.93, 0.9, 0.95, 0.55),
    "pre": (0.8, 0.7, 0.9, 0.65),
    "chorus": (1.0, 0.97, 0.95, 0.85),
    "bridge": (0.5, 0.5, 0.6, 0.8),
    "solo": (1.0, 0.95, 0.05, 0.85),
    "build": (0.85, 0.3, 0.5, 0.7),
    "drop": (1.0, 0.95, 0.5, 0.8),
    "break": (0.12, 0.25, 0.6, 0.8),
    "outro": (0.8, 0.5, 0.2, 0.5),
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of whole bars; `start` and `stop` in sixteenths."""

    kind: str
    start: int
    stop: int


def draw_style(rng: Rng) -> str:
    """Draw the name of a style, by weight."""
    weights = np.array([style.weight for style in STYLES.values()])
    return list(STYLES)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def fitting(rng: Rng, tempo: float) -> tuple[str, float]:
    """Draw a style that has a tempo.

    Parameters
    ----------
    rng
        The generator that it is drawn from.
    tempo
        In beats per minute. It may be counted double or half.

    Returns
    -------
    str
        Name of the style.
    float
        The tempo as the style counts it.
    """
    far: dict[tuple[str, float], float] = {}
    for name, style in STYLES.items():
        low, high = style.tempo
        for factor in (1.0, 0.5, 2.0):
            counted = tempo * factor
            far[name, counted] = max(low / counted, counted / high, 1.0) * (1.0 if factor == 1 else 1.05)
    nearest = min(far.values())
    return pick(rng, [choice for choice, distance in far.items() if distance <= max(nearest, 1.05)])


def draw_feel(rng: Rng, style: Style, tempo: float) -> Feel:
    """Draw how a piece in a style is played. Half of the pieces have no swing, unless the style demands it."""
    low, high = style.swing
    swing = rng.uniform(low, high) if low or rng.random() < 0.5 else 0.0
    jitter = rng.uniform(*style.jitter)
    return Feel(tempo, swing, style.unit, jitter, 800 * jitter)


def layout(rng: Rng, style: Style, tempo: float, seconds: float) -> list[Section]:
    """Draw sections that cover the seconds.

    A section has 4 or 8 bars, mostly 4 if bars are slow. The last section is as long as it must be.
    """
    kinds = pick(rng, FORMS[style.form]).split()
    index = int(rng.integers(len(kinds))) if rng.random() < 0.6 else 0
    short = 0.25 if tempo > 110 else 0.7
    sections, start, total = [], 0, math.ceil(seconds * tempo / 15 / BAR)
    while start < total:
        kind = kinds[index % len(kinds)]
        bars = 4 if kind in ("build", "pre") or rng.random() < short else 8
        bars = bars if total - start - bars >= 3 else total - start
        sections.append(Section(kind, start * BAR, (start + bars) * BAR))
        start += bars
        index += 1
    return sections


def playing(rng: Rng, sections: Sequence[Section], role: str, least: float = 0.0) -> list[Span]:
    """Draw the spans (start, stop) of the sections in which a role plays.

    Parameters
    ----------
    rng
        The generator that they are drawn from.
    sections
        The sections of the piece.
    role
        "drums", "bass", "vocals" or "other".
    least
        The role plays in this part of the sections at least, and in one of them.
    """
    column = ("drums", "bass", "vocals", "other").index(role)
    chosen = [rng.random() < PRESENCE[section.kind][column] for section in sections]
    for index in rng.permutation(len(sections)):
        if sum(chosen) < max(1, least * len(sections)):
            chosen[index] = True
    return [(section.start, section.stop) for section, plays in zip(sections, chosen, strict=True) if plays]
