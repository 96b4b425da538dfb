"""Bass lines: patterns over the chords. A symbol of a pattern stands for a pitch."""

from collections.abc import Sequence

from ...arrays import Rng
from .feel import BAR, Event, Span, pick, repeat
from .harmony import Changes, Key, near
from .styles import Style

# r: root, o: its octave, f: fifth, t: third, s: a tone below the octave, g: a short soft root, a: approach to the next
# root
PATTERNS = {
    "offbeat": ("..r- ..r- ..r- ..r-", "..r. ..r. ..r. ..r.", "..r- ..r- ..r- ..ro", "..rr ..rr ..rr ..rr",
                "..r. ..r. ..o. ..r."),
    "rolling": (".rrr .rrr .rrr .rrr", "rrrr rrrr rrrr rrrr", ".rro .rro .rro .rro", "..rr ..rr ..rr .rrr",
                "r.rr r.rr r.rr r.rr"),
    "sustain": ("r--- ---- ---- ----", "r--- ---- ---- r---", "r--- ---- r--- ----", "r--- ---- --r- ----"),
    "reese": ("r--- ---- --r- --o-", "r--- --.. ..r- ----", "r--- ---- ---- f---", "r-.. .r-- ..r- ----"),
    "wobble": ("r-r- r-r- r--- r---", "r--. r--. r-r- r-o-", "rrr. r--- .r.r s---", "r--- ---- rrrr r-r-",
               "..r- --r- r-.. r-s-"),
    "808": ("r--- ---- ---- --r-", "r--- --r- --.. r---", "r--- ---- --r- r-o-", "r--r --.. .... r---",
            "r--- ---- .... ...."),
    "octaves": ("r.o. r.o. r.o. r.o.", "r-o- r-o- r-o- r-o-", "r.or .or. r.or .oro", "..r. o.r. ..r. o.o."),
    "eighths": ("r.r. r.r. r.r. r.r.", "r-r- r-r- r-r- r-r-", "r-r- r-r- r-r- f-a-", "r.r. r.r. r.o. f.r."),
    "roots": ("r--- --r- r--- ----", "r--- --r- --r- r---", "r--- ---- r--- r-a-", "r--- r--- r--- r---",
              "r--r --r- ---- f-a-"),
    "funk": ("r..r ..o. .gs. r.og", "r.gr .s.o ...r g.sa", "r-.g r.o. .r.f s.o.", "rg.o ..rg ..f. s-a.",
             "r... ..r. .ro. s.fa"),
    "reggae": ("r--. ..f. r-.t f-..", "...r --f- ..r- t-f-", "r-.. r-t- f-.. ....", "..r- r-o- .... f-r-",
               "r--- ..r. t.f. ...."),
    "dub": ("r--. .... ..r- f-..", "r-.. ..r- .... ....", "r--- ..o- .... s-r-", "...r --.. ...r --f-"),
    "ballad": ("r--- ---- f--- ----", "r--- --r- f--- a---", "r--- ---- r--- t---"),
}  # fmt: skip
RIFF = "r" * 11 + "ooffstg"


def draw_pattern(rng: Rng, name: str) -> str:
    """Draw a pattern for a bass line.

    "walking" is made of quarters and "riff" at random; other patterns come from the table.
    """
    if name == "walking":
        return (
            " ".join(pick(rng, ("r-", "f-", "t-", "o-", "s-")) + pick(rng, ("--", "--", "f-")) for _ in range(3))
            + " a---"
        )
    if name != "riff":
        return pick(rng, PATTERNS[name])
    chances = [pick(rng, (0.15, 0.4, 0.7)) + (0.2 if step % 4 == 2 else 0.0) for step in range(BAR)]
    symbols = [pick(rng, RIFF) if rng.random() < chance else pick(rng, ".-") for chance in chances]
    return "".join(["r" if rng.random() < 0.7 else ".", *symbols[1:]])


def bass_events(rng: Rng, style: Style, changes: Changes, spans: Sequence[Span], key: Key) -> list[Event]:
    """Draw the events (step, length, pitch 24 to 55, velocity) of a bass line in the spans (start, stop)."""
    name = pick(rng, style.basses)
    pattern = draw_pattern(rng, name)
    if rng.random() < 0.3 and name not in ("offbeat", "rolling"):
        pattern = pattern + " " + draw_pattern(rng, name)
    lowest = 29 if style.family == "club" else 32  # in dance music, most of the energy of the bass is below 60 Hz
    centre = int(rng.integers(lowest, lowest + 9)) - (3 if name in ("808", "sustain", "reese") else 0)
    gate = rng.uniform(0.6, 1.0) if name in ("offbeat", "rolling", "octaves", "eighths", "riff", "funk") else 1.0
    slide = pick(rng, (0.0, 0.0, 0.04, 0.1)) if name in ("808", "funk", "wobble", "reese", "riff") else 0.0
    accent = 0 if not style.jitter[1] else 10
    events: list[Event] = []
    for step, length, symbol in repeat(pattern, spans):
        pitch = symbol_pitch(rng, symbol, changes, step, centre, key)
        velocity = 55 if symbol == "g" else 100 - accent + (accent if step % 4 == 0 else 0)
        events.append((step, 0.5 if symbol == "g" else gate * length, pitch, velocity))
        if rng.random() < slide and step >= 1:
            events.append((step - 0.5, 0.5, fold(pitch + pick(rng, (-12, 12, -2, -5))), 85))
    return events


def symbol_pitch(rng: Rng, symbol: str, changes: Changes, step: int, centre: int, key: Key) -> int:
    """Return the MIDI note of a symbol of a pattern over the chord at a step."""
    classes = changes.at(step).classes
    root = near(classes[0], centre)
    if symbol == "a":
        coming = near(changes.at(step // BAR * BAR + BAR).classes[0], centre)
        below = [pitch for pitch in key.within(coming - 3, coming + 3) if pitch != coming]
        return fold(pick(rng, below))
    offsets = {"o": 12, "f": (classes[2] - classes[0]) % 12, "t": (classes[1] - classes[0]) % 12}
    if symbol == "s":
        scale = key.within(root + 9, root + 11)
        return fold(scale[-1] if scale else root + 10)
    return fold(root + offsets.get(symbol, 0))


def fold(pitch: int) -> int:
    """Return the pitch moved by octaves into 24 to 55."""
    while pitch < 24:
        pitch += 12
    while pitch > 55:
        pitch -= 12
    return pitch
