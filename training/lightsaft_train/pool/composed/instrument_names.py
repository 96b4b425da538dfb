"""The target of an instrument by its name: the usual names of samples and tracks in trackers and sequencers.

Names are often greetings or poems. So a name counts only if it is short, its words are of exactly one class, and none
of them is a word of a sentence.
"""

import itertools
import re
from collections.abc import Iterable

VOICE = "voice"  # not a target: instruments of this class are left out of the song
MAX_WORDS = 4
WORDS = {  # the beginnings of words, or whole words if the pattern ends in $; the first class that matches counts
    "drums": r"bass?dr|bdrum|bd$|kicks?$|kickdr|kich$|kik$|snare|snar$|snr$|sd$|hi?hat|hats?$|hh[coty]?$|[co]hh$|cymb?"
    r"|crash$|ride$|(hand)?clap|snareclap|rimshot|rim$|sidestick|toms?$|tomtom|perc|conga|bongo|tabla|shaker|tamb"
    r"|maraca|cowbell|claves|drum|ravedrum|linndrum|tech[bs]drum|(tr)?909$|tr(606|707|77)$|timp|timbale",
    "other": r"leads?$|pads?$|strings?$|strg$|piano|pno$|epiano|rhodes|guitar|gtr$|guit$|chords?$|arp$|arpeggi|bells?$"
    r"|organ|flute|trumpet|brass|violin|cello|harp|sax|clarinet|oboe|bassoon|marimba|xylo|vibraphone|vibes?$|harpsi"
    r"|accord|pluck|panflute|trombone|horns?$|fiddle|musicbox|glock|celesta|sitar|banjo",
    VOICE: r"voice|voc$|vocal|voclead|vocoder|vox|choir|choeur|chorus|chant|speech|speak|spoken|say|(ba?m?)?[ao]h+s?$"
    r"|aah|ooh|oh?yeah|yeah|scream|shout|sing|talk|rap$|cry|laugh|me+ow|acapella|male$|female|girl|woman|man$|word"
    r"|countdow|breaths?$",
    "bass": r"bass|subs?$|subbass|[gh]bass|upright$|contrabass|slapbass|synbass",
}
SOUNDS_OF = r"synth|syn$|fm$|saw$|square$|analog|electric|acoustic|strings?$|organ|pluck"  # as in "organ bass"
SENTENCE = re.compile(
    r"(an?|am|and|are|at|by|can|copyright|dont?|for|from|greet(ing)?s|have|hello|hi|i|if|in|is|its?|like|made|me|module"
    r"|music|my|not?|of|on|one|our|presents|sampled?|samples|sorry|special|thanks?|that|the|this|to|tune|was|we|who|with"
    r"|written|you|your|com|org|net|http|www)$"
)
DRUM_FOLDERS = re.compile(r"(drums|beats)/|drumsynth/(?!instrument|effects|misc_fx|misc/|misc_electro)")  # of LMMS
BASS_FOLDERS = re.compile(r"(basses|bassloops)/")


def class_of_name(name: str) -> str | None:
    """Return `drums`, `bass`, `other` or `VOICE`; None if the name does not say.

    Examples
    --------
    >>> class_of_name("st-01:BassDrum2")
    'drums'
    >>> class_of_name("greetings to all") is None
    True
    """
    words = _words(name)
    kinds = {_class_of_word(word) for word in words}
    if VOICE in kinds:
        return VOICE
    if len(words) > MAX_WORDS or "@" in name or any(SENTENCE.match(word) for word in words):
        return None
    pairs = [_class_of_pair(*pair) for pair in itertools.pairwise(words)]
    return agreed(pairs) or agreed(kinds)


def class_of_source(path: str) -> str | None:
    """Return the class of a sample of LMMS by its file name, or by its folder."""
    name = path.rsplit("/", 1)[-1]
    by_name = class_of_name(name)
    if by_name or name.startswith("zap"):
        return by_name
    return "drums" if DRUM_FOLDERS.match(path) else "bass" if BASS_FOLDERS.match(path) else None


def agreed(kinds: Iterable[str | None]) -> str | None:
    """Return the only class among some; VOICE if it is among them; None if there is none, or they differ."""
    kinds = {kind for kind in kinds if kind}
    if VOICE in kinds:
        return VOICE
    return kinds.pop() if len(kinds) == 1 else None


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case.

    Disks ("st-01:") and authors (":necros") of samples, remarks in brackets, file types and numbers are left out, but
    the names of drum machines are kept.
    """
    name = re.sub(r"^st-\w+:", "", name.strip().lower())
    name = re.sub(r":.*|\(.*?\)", "", name)
    name = re.sub(r"\.(wav|smp|ogg|raw|ds|pat|iff)\d*$", "", name)
    name = re.sub(r"\btr-?(\d)", r"tr\1", name)
    name = re.sub(r"\bhi[- ]hat", "hihat", name)
    words = re.findall(r"[a-z0-9']+", name)
    bare = (word if re.match(r"(tr)?\d0\d$", word) else word.strip("0123456789'") for word in words)
    return [word for word in bare if word]


def _class_of_word(word: str) -> str | None:
    return next((kind for kind, pattern in WORDS.items() if re.match(pattern, word)), None)


def _class_of_pair(first: str, second: str) -> str | None:
    """Return the class of two words if it differs from those of each word alone."""
    if first == "steel" and second.startswith("drum"):
        return "other"
    if first == "bass" and second.startswith("drum"):
        return "drums"
    if _class_of_word(second) == "bass" and re.match(SOUNDS_OF, first):
        return "bass"
    return "bass" if first == "bass" and re.match(r"gtr|guit|string|pluck", second) else None
