"""The files of drum kits: General MIDI drums by the names of instruments, layers, licences."""

import os
import pathlib
import re
import xml.etree.ElementTree
from collections.abc import Iterable
from xml.etree.ElementTree import Element

HYDROGEN = pathlib.Path("/usr/share/hydrogen/data/drumkits")
HYDROGEN_LICENCES = {  # as /usr/share/doc/hydrogen-drumkits/copyright of Debian 12 states
    "Audiophob": "CC0",
    "BJA_Pacific": "CC-BY-SA-3.0-us",
    "ColomboAcousticDrumkit": "GPL-2+ with composition exception",
    "ElectricEmpireKit": "GPL-2+",
    "ForzeeStereo": "GPL-2",
    "Gimme A Hand 1.0": "GPL-2",
    "HardElectro1": "GPL-2+",
    "Millo-Drums_v.1": "GPL-2",
    "Millo_MultiLayered2": "GPL-2",
    "Millo_MultiLayered3": "GPL-2",
    "The Black Pearl 1.0": "GPL-2",
    "VariBreaks": "GPL-2+",
    "circAfrique v4": "CC-BY-SA-3.0",
    "rumpf_kit_z01_h2": "CC-BY-3.0",
}
FREE = re.compile(
    r"\b(gpl|cc0|cc-by(-sa)?(?!-n)|creative commons 0|public domain|attribution(-share ?alike)? \d)", re.IGNORECASE
)
UNFREE = re.compile(r"non-?commercial|\bnc\b|no-?deriv", re.IGNORECASE)

Layers = tuple[tuple[float, float, tuple[pathlib.Path, ...]], ...]
"""The layers (low, high, paths) of a drum: files that are played in turn for velocities from low to high, 0 to 1."""

Drums = dict[int, tuple[Layers, ...]]
"""The alternatives of each General MIDI drum."""

# The first pattern that fits an instrument's name in lower case gives its drum; None: not a drum.
DRUMS: tuple[tuple[str, int | None], ...] = (
    (
        r"\bsample:|roll|whistle|zap|\bfx\b|click$|glass|swish|choke|^elec_(beep|bell|bli|blup|bong|chime|fl|p|ti|tw)",
        None,
    ),
    (r"djembe.*bass|conga 2|tabla_ghe", 64),
    (r"djembe.*tone|conga|tabla_(tun|na|dhec)", 63),
    (r"djembe.*slap|tabla", 62),
    (r"dununba.*head", 41),
    (r"sangban.*head", 45),
    (r"kenkeni.*head", 48),
    (r"(sangban|dununba|kenkeni).*bell|cowbell|^cb_", 56),
    (r"bongo lo", 61),
    (r"bongo", 60),
    (r"cajon slap", 38),
    (r"kick|bass ?drum|^bd_|drum_bass|thump|^ks$", 36),
    (r"clap(?!.*hat)|snap|^cp_", 39),
    (r"side ?stick|\bstick|\brim( ?click)?\b(?! ?shot)|^rim_|^ss$", 37),
    (r"^se$|rimshot", 40),
    (r"snare|^sd_|^sn_|^sc$", 38),
    (r"(hat|hh|cymbal_).*(pedal|foot|\bpd\b)|pedal hh|hhpedal|^hf$", 44),
    (r"(hat|hh).*(open|\bop\b)|open(ed)? hh|side ohh|hhopen|^oh_|^ho$|^hh$|cymbal_open|hi hat free", 46),
    (r"hat|hh|^h[ctl]$|cymbal_closed", 42),
    (r"(tom|^lt_).*(low?|floor|mot4i)|floor ?tom|low tom|tomlow|^tl$|tom_lo", 41),
    (r"tom.*(mid|2)|middle tom|^mt_|^tm$|fuzz_tom", 45),
    (r"\btom|^ht_|^th$|high tom|tomhi|tom_hi", 48),
    (r"(ride|paiste).*(bell|cup)", 53),
    (r"^crash|crash(?!/ride)|^cr_", 49),
    (r"ride|^rd_", 51),
    (r"splash", 55),
    (r"china", 52),
    (r"cymbal", 49),
    (r"tambourine|^tb_", 54),
    (r"agogo.*high", 67),
    (r"agogo", 68),
    (r"maraca|^sh_", 70),
    (r"clave", 75),
    (r"wood ?block lo", 77),
    (r"wood ?block|elec_wood", 76),
    (r"triangle", 81),
)


def gm_pitch(name: str) -> int | None:
    """Return the General MIDI drum (35 to 81) that the name of an instrument means; None if it means none."""
    name = re.sub(r"\(.*", "", name.lower()).strip()  # without the model of the drum
    for pattern, pitch in DRUMS:
        if re.search(pattern, name):
            return pitch
    return None


def hydrogen_licence(folder: str | os.PathLike[str], tag: str | None) -> str | None:
    """Return the licence of a kit of Hydrogen, a known one or the tag of its file; None: it is not known to be free."""
    known = HYDROGEN_LICENCES.get(pathlib.Path(folder).name)
    if known or not tag or UNFREE.search(tag):
        return known
    return tag.strip() if FREE.search(tag) else None


def _layers(instrument: Element, folder: pathlib.Path) -> Layers:
    """Return the layers ((low, high, (path,)), ...) of an instrument's element, velocities 0 to 1."""
    layers: list[tuple[float, float, tuple[pathlib.Path, ...]]] = []
    for layer in instrument.iter("layer"):
        path = folder / (layer.findtext("filename") or "")
        if path.is_file():
            layers.append((float(layer.findtext("min") or 0), float(layer.findtext("max") or 1), (path,)))
    path = folder / (instrument.findtext("filename") or "")
    if not layers and path.is_file() and path.stem != "emptySample":
        layers = [(0.0, 1.0, (path,))]
    return tuple(sorted(layers))


def read_hydrogen(folder: pathlib.Path) -> tuple[str | None, Drums]:
    """Return the licence and the drums of a kit's folder."""
    text = (folder / "drumkit.xml").read_text(encoding="utf-8", errors="replace")
    root = xml.etree.ElementTree.fromstring(re.sub(r"""\s(xmlns(:\w+)?|xsi:\w+)=("[^"]*"|'[^']*')""", "", text))
    licence = hydrogen_licence(folder, root.findtext("license") or root.findtext("licence"))
    sounds: dict[int, list[Layers]] = {}
    for instrument in root.iter("instrument"):
        pitch, layers = gm_pitch(instrument.findtext("name") or ""), _layers(instrument, folder)
        if pitch and layers:
            sounds.setdefault(pitch, []).append(layers)
    return licence, {pitch: tuple(found) for pitch, found in sorted(sounds.items())}


def _one_layer(paths: Iterable[pathlib.Path]) -> Layers:
    return ((0.0, 1.0, tuple(paths)),)


def read_gogodze(folder: pathlib.Path, microphones: dict[str, str]) -> Drums:
    """Return the drums of the kit, recorded by the microphones {instrument: microphone}; "" stands for the others."""
    found: dict[str, dict[int, list[pathlib.Path]]] = {}
    for path in sorted(folder.glob("samples_*_mic_*.ogg")):
        match = re.fullmatch(r"samples_(\w+)_mic_(\w\w)_vl(\d)_rr\d", path.stem)
        if match and match[1] == microphones.get(match[2], microphones[""]):
            found.setdefault(match[2], {}).setdefault(int(match[3]), []).append(path)
    sounds: dict[int, list[Layers]] = {}
    for name, levels in sorted(found.items()):
        edges = [0.0, *(level / 5 for level in sorted(levels)[:-1]), 1.0]
        layers = [(edges[at], edges[at + 1], tuple(levels[level])) for at, level in enumerate(sorted(levels))]
        pitch = gm_pitch(name)
        if pitch:
            sounds.setdefault(pitch, []).append(tuple(layers))
    return {pitch: tuple(layers) for pitch, layers in sorted(sounds.items())}


def read_sonor(folder: pathlib.Path) -> Drums:
    """Return the drums of the kit. The files of an instrument differ by the number at their end."""
    groups: dict[str, list[pathlib.Path]] = {}
    for path in sorted(folder.glob("samples_*.ogg")):
        groups.setdefault(path.stem.removeprefix("samples_").split("#")[0], []).append(path)
    sounds: dict[int, list[Layers]] = {}
    for name, paths in sorted(groups.items()):
        pitch = gm_pitch(name)
        if pitch and "click" not in name:
            sounds.setdefault(pitch, []).append(_one_layer(paths))
    return {pitch: tuple(layers) for pitch, layers in sorted(sounds.items())}


def read_one_shots(folder: pathlib.Path, prefixes: tuple[str, ...]) -> Drums:
    """Return the drums of files by their names. Soft and hard files of a name are its layers."""
    sounds: dict[int, list[Layers]] = {}
    for path in sorted(path for path in folder.glob("*.ogg") if path.name.startswith(prefixes)):
        pitch = gm_pitch(path.stem)
        hard = path.with_name(path.name.replace("_soft", "_hard"))
        if pitch and "_soft" in path.name and hard.exists():
            sounds.setdefault(pitch, []).append(((0.0, 0.5, (path,)), (0.5, 1.0, (hard,))))
        elif pitch and not ("_hard" in path.name and path.with_name(path.name.replace("_hard", "_soft")).exists()):
            sounds.setdefault(pitch, []).append(_one_layer([path]))
    return {pitch: tuple(layers) for pitch, layers in sorted(sounds.items())}
