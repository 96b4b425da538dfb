"""The target of an instrument by its name: what trackers and sequencers call their samples and tracks.

Names are often greetings or poems, so a name counts only when it is short, its words are of exactly one class, and none
of them is one of a sentence.
"""

import itertools
import re

VOICE = "voice"  # not a target: what is called so is left out of the song
MAX_WORDS = 4
WORDS = {  # what a word begins with, or is where the pattern ends in $; the first class that matches counts
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


def class_of_name(name):
    """`drums`, `bass`, `other`, `VOICE`, or None: the name does not tell."""
    words = _words(name)
    kinds = {_class_of_word(word) for word in words}
    if VOICE in kinds:
        return VOICE
    if len(words) > MAX_WORDS or "@" in name or any(SENTENCE.match(word) for word in words):
        return None
    pairs = [_class_of_pair(*pair) for pair in itertools.pairwise(words)]
    return agreed(pairs) or agreed(kinds)


def class_of_source(path):
    """The class of a sample of LMMS by its file name, or by the folder that it lies in."""
    name = path.rsplit("/", 1)[-1]
    by_name = class_of_name(name)
    if by_name or name.startswith("zap"):
        return by_name
    return "drums" if DRUM_FOLDERS.match(path) else "bass" if BASS_FOLDERS.match(path) else None


def agreed(kinds):
    """The one class that there is; VOICE if it is among them; None: none, or they differ."""
    kinds = {kind for kind in kinds if kind}
    if VOICE in kinds:
        return VOICE
    return kinds.pop() if len(kinds) == 1 else None


def _words(name):
    """Words in lower case, without disks ("st-01:") and authors (":necros") of samples, remarks in brackets, file types
    and numbers, except the names of drum machines."""
    name = re.sub(r"^st-\w+:", "", name.strip().lower())
    name = re.sub(r":.*|\(.*?\)", "", name)
    name = re.sub(r"\.(wav|smp|ogg|raw|ds|pat|iff)\d*$", "", name)
    name = re.sub(r"\btr-?(\d)", r"tr\1", name)
    name = re.sub(r"\bhi[- ]hat", "hihat", name)
    words = re.findall(r"[a-z0-9']+", name)
    words = (word if re.match(r"(tr)?\d0\d$", word) else word.strip("0123456789'") for word in words)
    return [word for word in words if word]


def _class_of_word(word):
    return next((kind for kind, pattern in WORDS.items() if re.match(pattern, word)), None)


def _class_of_pair(first, second):
    """The class of two words that differs from what each says alone."""
    if first == "steel" and second.startswith("drum"):
        return "other"
    if first == "bass" and second.startswith("drum"):
        return "drums"
    if _class_of_word(second) == "bass" and re.match(SOUNDS_OF, first):
        return "bass"
    return "bass" if first == "bass" and re.match(r"gtr|guit|string|pluck", second) else None
