"""The licences of the pool's sources, by the names that `song.json` gives them."""

from . import module_sources
from .instruments import kitfiles, soundfonts

RECORDINGS = {  # as the README of the recordings and the texts beside it state
    "voices sung": "CC0-1.0",
    "voices pjs": "CC-BY-SA-4.0",
    "voices alys": "GPL-3",
    "voices yuki": "public domain dedication",
    "voices orks": "CC0-1.0",
    "voices spoken": "CC0-1.0",
    "voices chant": "GPL-3",
    "voices trope": "GPL-3",
    "voices alys_a4_e4": "GPL-3",
    "voices ibuki": "GPL-2",
    "voices iona": "MIT",
    "voices klettres": "GPL-2+",
    "voices ktuberling": "GPL-2+",
    "kit sonor": "CC-BY-SA-4.0",
    "kit uzu": "Unlicense",
    "instrument banjo": "GPL-3",
    "instrument cp80": "CC-BY-3.0",
    "instrument pianet": "CC-BY-3.0",
    "instrument wurlitzer": "CC-BY-3.0",
    "midi freedoom": "BSD-3-Clause",
    "midi openmsx": "GPL-2",
    "drum loops": "CC0-1.0, one Unlicense",
    "guitars muldjord": "CC-BY-SA-3.0",
    "synthesisers": "this package's own",
    "composed": "this package's own",
}


def licence_of(name: str) -> str:
    """Return the licence of a source.

    Raises
    ------
    KeyError
        If this is not the name of a source of the pool.
    """
    if name in RECORDINGS:
        return RECORDINGS[name]
    group, source = name.split(" ", 1)
    if group in ("module", "lmms"):
        return (
            module_sources.licence_of_module(source) if group == "module" else module_sources.licence_of_project(source)
        )
    if group == "soundfont":
        return soundfonts.LICENCES[source]
    if group == "kit" and source in kitfiles.HYDROGEN_LICENCES:
        return kitfiles.HYDROGEN_LICENCES[source]
    if group == "instrument" or (group == "kit" and source.startswith(("gogodze", "sonic_pi"))):
        return "CC0-1.0"
    raise KeyError(name)
