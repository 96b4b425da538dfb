"""Debian's packages whose music can be rendered one instrument at a time, and the licences that they state.

A module is listed if the copyright file of its package covers it and nothing contradicts that: the authors of the game
wrote it, or it was written for the game. `left_out` gives the reason for the others.
"""

import fnmatch

MODULES = {  # as /usr/share/doc/<package>/copyright of Debian 12 states for all files, so also for the music
    "ballz-data": "BSD-3-Clause",
    "biniax2-data": "Zlib",
    "bomberclone-data": "GPL-2",
    "circuslinux-data": "GPL",
    "dodgindiamond2": "GPL-2+",
    "flobopuyo": "GPL-2+",
    "heroes-sound-tracks": "GPL-2+",  # its README states it for the tracks too
    "njam-data": "GPL-2+",
    "pekka-kana-2-data": "BSD-2-Clause",
    "pingus-data": "GPL-2+",
    "tecnoballz-data": "GPL-3+",
}
LEFT_OUT = {  # (package, file): the reason, from the text in the module or the documents of the package
    ("biniax2-data", "biniax_common00.it"): "of another author's release, with ripped samples",
    ("bomberclone-data", "cinderella_clown.mod"): "made for a competition, the licence is not stated",
    ("bomberclone-data", "slice_me_nice.xm"): "a cover of a released song",
    ("bomberclone-data", "zb-tnt.xm"): "its author is not clear",
    ("njam-data", "satisfy.xm"): "is sung",
    ("pingus-data", "gd-matth.it"): "samples ripped, the author not known",
    ("pingus-data", "sorcerer.it"): "an arrangement of somebody else",
    ("black-box", "*"): "the module's author is not the package's",
    ("criticalmass-data", "*"): "a remix by somebody else",
    ("freedroid-data", "*"): "conversions of other games' music",
    ("gltron", "*"): "the README names another copyright holder and no licence",
    ("gweled", "*"): "made for a music disk, the licence is not stated",
    ("madbomber-data", "*"): "from archives of music, the licence is not stated",
    ("open-invaders-data", "*"): "from music disks, the licence is not stated",
    ("rafkill-data", "*"): "one module reserves all rights, the others are by strangers",
}
PROJECTS = (  # of lmms-common, as its copyright file states; "*" is its "Files: *"
    (("Saber-*",), "BSD-2-Clause"),
    (("Alf42red-*", "CapDan-TwilightArea-*"), "CC-BY-SA-3.0"),
    (("Jousboxx-*", "Skiessi/*"), "CC-BY-SA-4.0"),
    (("CapDan-*", "EsoXLB-*", "Impulslogik-*", "Momo64-*", "Oglsdl-*", "Settel-*", "Socceroos-*"), "Artistic-2.0"),
    (("TameAnderson-*", "Thomasso-*", "Crunk*", "Greshz-*", "Surrender-*"), "Artistic-2.0"),
    (("*",), "GPL-2+"),
)
DOWNLOADS = (*MODULES, "lmms-common")


def left_out(package: str, name: str) -> str | None:
    """Return why a module is not used; None if it is."""
    for (of, pattern), reason in LEFT_OUT.items():
        if of == package and fnmatch.fnmatch(name, pattern):
            return reason
    return None if package in MODULES else "no licence is known"


def licence_of_module(source: str) -> str:
    """Return the licence of the module `package/file`.

    Raises
    ------
    KeyError
        If the module is not used.
    """
    package, name = source.split("/", 1)
    if left_out(package, name):
        raise KeyError(source)
    return MODULES[package]


def licence_of_project(source: str) -> str:
    """Return the licence of an LMMS project `folder/.../file` below /usr/share/lmms/projects."""
    name = source.split("/", 2)[-1] if "/Skiessi/" not in source else "Skiessi/" + source.rsplit("/", 1)[-1]
    names = (name, name.rsplit("/", 1)[-1])
    return next(
        licence for patterns, licence in PROJECTS if any(fnmatch.fnmatch(n, p) for n in names for p in patterns)
    )
