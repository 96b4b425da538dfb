"""Drum patterns: tables of how likely each drum is hit on each sixteenth, for each style, with fills and build-ups."""

from collections.abc import Iterable

from ...arrays import Rng
from .feel import BAR, Event, Span, pick
from .styles import Section, Style

Table = dict[str, str]
"""The pattern of each drum."""

Hit = tuple[float, str, int]
"""Step, drum and velocity."""

# General MIDI pitches of each drum; one of them is drawn for a piece.
DRUMS = {"kick": (36, 36, 35), "snare": (38, 38, 40), "clap": (39,), "rim": (37,), "hat": (42,), "pedal": (44,),
         "open": (46,),
         "crash": (49, 57), "ride": (51, 51, 59, 53), "tambourine": (54,), "cowbell": (56,), "shaker": (70, 82),
         "conga": (63, 62),
         "tumba": (64,), "high tom": (50, 48), "mid tom": (47, 45), "low tom": (43, 41)}  # fmt: skip
RINGING = {"crash": 16, "ride": 4, "open": 2, "low tom": 3}  # sixteenths that a drum sounds; 1 for the others

# Symbols of the tables: the chance of a hit and its velocity.
CHANCES = {"X": (1.0, 115), "x": (0.93, 98), "h": (0.97, 78), "o": (0.5, 90), "i": (0.2, 80), "g": (0.5, 42)}

GROOVES = {
    "four": {"kick": "X... X... X... X..i", "clap": ".... X... .... X...", "open": "..x. ..x. ..x. ..x.",
             "hat": "i.oi h.oi i.oi h.oi"},
    "disco": {"kick": "X... X... X... X...", "snare": ".... X..g .... X.gi", "open": "..x. ..x. ..x. ..x.",
              "hat": "h.h. h.h. h.h. h.h.", "tambourine": ".... h... .... h..."},
    "deep": {"kick": "X... X... X... X...", "rim": "...i ..o. .i.. o..i", "clap": ".... x... .... x...",
             "hat": "..xi ..xg ..xi .gxi", "shaker": "hghg hghg hghg hghg"},
    "tech": {"kick": "X... X... X... X...", "clap": ".... x... .... x..i", "hat": "oghg oghg oghg oghg",
             "open": "..x. ..o. ..x. ..o.", "conga": "i..o .i.. ..oi .i..", "tumba": "..i. ..i. i... ..oi"},
    "techno": {"kick": "X... X... X... X...", "hat": "..x. ..x. ..x. ..x.", "ride": "..o. ..o. ..o. ..o.",
               "clap": ".... o... .... o...", "low tom": "...i ..i. .i.. i..i", "rim": "i..i .i.. i..i ..i."},
    "trance": {"kick": "X... X... X... X...", "open": "..X. ..X. ..X. ..X.", "clap": ".... X... .... X...",
               "hat": "hghg hghg hghg hghg", "ride": "..i. ..i. ..i. ..i."},
    "amen": {"kick": "X.X. .... ..Xx .... X.X. .... ..x. ..o.", "snare": ".... X..g .g.. X..g .... X..g .g.. ..X.",
             "ride": "h.h. h.h. h.h. h.h. h.h. h.h. h.h. h.h."},
    "twostep": {"kick": "X... .... ..X. ...i", "snare": ".... X..g .g.. X.gi", "hat": "h.hg h.h. h.hg h.hi",
                "shaker": "gggg gggg gggg gggg"},
    "breaks": {"kick": "X..i ..oi ..X. .i.. X..o ..i. .ox. i...", "snare": ".... X..g .g.. X..i .... X..g .g.. X.go",
               "hat": "h.h. h.h. h.h. h.h. h.h. h.h. h.h. h.h.", "open": ".... .... .... .... .... .... .... ..o."},
    "halftime": {"kick": "X..i ..oi .... .ioi X..o .... ..i. ..o.", "snare": ".... .... X... .... .... .... X... ..gi",
                 "clap": ".... .... o... .... .... .... o... ....", "hat": "h.oi h.oi h.oi h.oi h.oi h.oi h.oi h.oi"},
    "eighties": {"kick": "X..i ..i. X.o. ..i.", "snare": ".... X... .... X...", "hat": "hghg hghg hghg hghg",
                 "clap": ".... o... .... o...", "high tom": ".... .... .... ..i.", "cowbell": "...i ..i. .... i..."},
    "pop": {"kick": "X..i ..o. oiX. ..i.", "snare": ".... X... .... X...", "hat": "h.h. h.h. h.h. h.hi",
            "tambourine": "..i. ..i. ..i. ..i."},
    "boombap": {"kick": "X..i ...o ..X. .o.. X..o ..i. ..X. .i..", "snare": ".... X..g ...g X... .... X..g .g.. X..g",
                "hat": "h.hg h.h. h.hg h.h. h.hg h.h. h.hg h.hi"},
    "trap": {"kick": "X..o ..i. ...i ..oi X... .io. ..o. i...", "snare": ".... .... X... .... .... .... X... ...i",
             "clap": ".... .... o... .... .... .... o... ....", "hat": "h.h. h.h. h.h. h.h. h.hi h.h. h.h. h.hi",
             "open": ".... .... .... ..i. .... .... .... i...", "rim": "...i .... ...i .i.. .... .i.. .... ...."},
    "rock": {"kick": "X... ..oi o.X. ..i.", "snare": ".... X..g .g.. X..g", "hat": "h.h. h.h. h.h. h.h."},
    "punk": {"kick": "X.o. ..X. X.o. ..X.", "snare": ".... X... .... X...", "ride": "h.h. h.h. h.h. h.h."},
    "shuffle": {"kick": "X... ..o. X... ..o.", "snare": ".... X..g .... X.g.", "hat": "h.h. h.h. h.h. h.h.",
                "ride": "i.i. i.i. i.i. i.i."},
    "funk": {"kick": "X.o. ..o. ..xi .io. X..o ..i. .oX. ..i.", "snare": ".g.g X..g .g.g X..g .g.g X..x .g.. X.gg",
             "hat": "hghg hghg hghg hghg hghg hghg hghg hg.g", "open": ".... .... .... .... .... .... .... ..o."},
    "onedrop": {"kick": ".... .... X... ....", "rim": ".... .... x..i ..i.", "hat": "h.hg h.hi h.hg h.hi",
                "snare": ".... .... o... ...."},
    "steppers": {"kick": "X... X... X... X...", "rim": "...i .... x... ..i.", "hat": "..h. ..hi ..h. ..hi",
                 "snare": ".... .... .... ...i"},
    "ballad": {"kick": "X... ...i o.o. ....", "snare": ".... x... .... x...", "hat": "h.h. h.h. h.h. h.h.",
               "ride": "i... i... i... i..."},
    "sparse": {"kick": "X... .... ..i. ....", "rim": ".... X... ...i i..i", "shaker": "h.g. g.g. h.g. g.g.",
               "tumba": "...X .... ..i. ...."},
}  # fmt: skip

# Percussion laid over any groove.
EXTRAS: tuple[Table, ...] = (
    {"shaker": "hghg hghg hghg hghg"}, {"tambourine": ".... h... .... h..."}, {"tambourine": "h.h. h.h. h.h. h.h."},
          {"cowbell": "h... h... h... h..."},
    {"conga": "..o. i.o. .io. i.oo", "tumba": "o... ..i. o..i ...."}, {"rim": "x..x ..x. ..x. x..."},
          {"pedal": "..h. ..h. ..h. ..h."},
    {"shaker": "..h. ..h. ..h. ..h."}, {"clap": ".... x... .... x..."}, {"ride": "h... h... h... h..."},
          {"low tom": "...o .... ..o. ...."},
)  # fmt: skip

# How likely a drum is left out of a whole section, by its kind.
MUTED = {"intro": 0.45, "verse": 0.2, "pre": 0.3, "bridge": 0.4, "build": 0.4, "break": 0.6, "outro": 0.4}


def realise(rng: Rng, table: Table) -> tuple[list[Hit], int]:
    """Draw hits from a table. Return them, and the length of the table in steps."""
    hits: list[Hit] = []
    size = BAR
    for drum, pattern in table.items():
        pattern = pattern.replace(" ", "")
        size = max(size, len(pattern))
        draws = rng.random(len(pattern))
        for step, symbol in enumerate(pattern):
            if symbol != "." and draws[step] < CHANCES[symbol][0]:
                hits.append((step, drum, CHANCES[symbol][1]))
    repeated = {drum for drum, pattern in table.items() if len(pattern.replace(" ", "")) < size}
    return hits + [(step + BAR, drum, velocity) for step, drum, velocity in hits if drum in repeated], size


def draw_table(rng: Rng, style: Style) -> Table:
    """Draw the table of a piece: a groove of the style, often with percussion, at times with one drum replaced."""
    table = dict(GROOVES[pick(rng, style.grooves)])
    for _ in range(int(rng.choice(3, p=(0.5, 0.35, 0.15)))):
        table = {**pick(rng, EXTRAS), **table}
    for drum, instead in (("clap", "snare"), ("snare", "clap"), ("snare", "rim"), ("ride", "hat"), ("hat", "ride")):
        if drum in table and instead not in table and rng.random() < (0.1 if style.jitter[1] else 0.2):
            table[instead] = table.pop(drum)
    return table


def snare_roll(start: int, stop: int, drum: str) -> list[Hit]:
    """Return hits that become louder and denser, from quarters to thirty-seconds, up to `stop`."""
    hits: list[Hit] = []
    step = float(start)
    while step < stop:
        done = (step - start) / (stop - start)
        hits.append((step, drum, int(45 + 75 * done)))
        step += 4 if done < 0.25 else 2 if done < 0.5 else 1 if done < 0.8 else 0.5
    return hits


def fill(rng: Rng, start: int, stop: int, drum: str) -> list[Hit]:
    """Draw the hits of a fill: down the toms, on the snare, or in triplets."""
    kind = pick(rng, ("toms", "toms", "snare", "triplets", "sparse"))
    stride = 4 / 3 if kind == "triplets" else 1
    toms = ("high tom", "mid tom", "low tom")
    hits: list[Hit] = []
    for index in range(int((stop - start) / stride)):
        done = index * stride / (stop - start)
        if rng.random() < (0.35 if kind == "sparse" else 0.85):
            hit = drum if kind in ("snare", "sparse") or done < 0.25 else toms[int(3 * done)]
            hits.append((start + index * stride, hit, int(70 + 40 * done + rng.integers(16))))
    return hits


def hat_rolls(rng: Rng, start: int) -> list[Hit]:
    """Draw the hits of up to two hi-hat rolls in a bar: triplets, thirty-seconds or faster, rising or falling."""
    hits: list[Hit] = []
    for _ in range(int(rng.integers(3))):
        beat, span, count = int(rng.integers(8)) * 2, pick(rng, (2, 2, 4)), pick(rng, (3, 4, 6, 8))
        slope = pick(rng, (-40, 40, 0)) / count
        base = 95 if slope < 0 else 60
        hits += [(start + beat + index * span / count, "hat", int(base + slope * index)) for index in range(count)]
    return hits


def ending(rng: Rng, section: Section, drum: str) -> tuple[list[Hit], int]:
    """Draw the end of a section: hits, and the step from which they or silence replace its groove."""
    if section.kind == "build":
        start = section.start if rng.random() < 0.7 else section.stop - 2 * BAR
        return snare_roll(start, section.stop, drum), section.stop - int(pick(rng, (0, 0, 4, 8, 16)))
    draw, size = rng.random(), int(pick(rng, (2, 4, 4, 8, 8, 16)))
    if draw < 0.6:
        return fill(rng, section.stop - size, section.stop, drum), section.stop - size
    return [], section.stop - (size if draw < 0.75 else 0)


def section_hits(rng: Rng, style: Style, table: Table, section: Section) -> list[Hit]:
    """Draw the hits of a section: its groove with some drums left out, varied in every fourth bar."""
    muted = {drum for drum in table if rng.random() < MUTED.get(section.kind, 0.05)}
    if len(muted) == len(table):
        muted.discard(pick(rng, list(table)))
    drum = next((name for name in ("snare", "clap", "rim") if name in table), "snare")
    hits, stop = ending(rng, section, drum)
    (groove, size), (variant, _) = realise(rng, table), realise(rng, table)
    rolls = any("trap" in name for name in style.grooves)
    for start in range(section.start, section.stop, size):
        varied = (start - section.start) // BAR % 4 == 4 - size // BAR and rng.random() < 0.6
        quiet = {"kick"} if varied and rng.random() < 0.2 else set()
        for step, name, velocity in variant if varied else groove:
            if name not in muted and name not in quiet and start + step < stop:
                hits.append((start + step, name, velocity))
        if rolls and "hat" not in muted:
            hits += [hit for bar in range(start, start + size, BAR) for hit in hat_rolls(rng, bar) if hit[0] < stop]
    if section.kind in ("drop", "chorus", "solo", "verse") and rng.random() < 0.6:
        hits.append((section.start, "crash", 105))
    return hits


def drum_events(rng: Rng, style: Style, sections: Iterable[Section], spans: Iterable[Span]) -> list[Event]:
    """Draw the events of the drums, in the sections that begin with one of the spans."""
    kit = {drum: pick(rng, pitches) for drum, pitches in DRUMS.items()}
    table = draw_table(rng, style)
    flat = rng.uniform(0.0, 0.7) if not style.jitter[1] else 0.0
    starts = {start for start, _ in spans}
    events: list[Event] = []
    for section in sections:
        if section.start in starts:
            for step, drum, velocity in section_hits(rng, style, table, section):
                level = velocity + flat * (105 - velocity) * (velocity > 60)
                events.append((step, RINGING.get(drum, 1), kit[drum], level))
    return events
