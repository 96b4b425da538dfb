"""Parts rendered with SoundFonts by FluidSynth."""

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence

import mido
import numpy as np

from ...arrays import Audio, Rng
from ...errors import DataError, ToolError
from ..levels_and_pan import PEAK
from ..score import DRUM_CHANNEL, SAMPLE_RATE, Part, silence

FOLDER = pathlib.Path("/usr/share/sounds/sf2")
LICENCES = {  # as /usr/share/doc/<package>/copyright of Debian 12 states
    "FluidR3_GM": "MIT",  # fluid-soundfont-gm
    "MuseScore_General_Full": "MIT, parts public domain or CC0",  # musescore-general-soundfont-lossless
    "TimGM6mb": "GPL-2",  # timgm6mb-soundfont
    "OPL-3_FM_128M": "CC-BY-SA-4.0",  # opl3-soundfont
    "Black_Pearl_4_LV2": "CC-BY-SA-3.0",  # avldrums.lv2-soundfont, "Files: sf2/*"
    "Red_Zeppelin_4_LV2": "CC-BY-SA-3.0",
}
DRUMS_ONLY = ("Black_Pearl_4_LV2", "Red_Zeppelin_4_LV2")  # their kit is bank 0, programme 0
KITS = (0, 8, 16, 24, 25, 32)  # standard, room, power, electronic, TR-808, jazz
DRUM_BANK = 128
TICKS = 1000  # of a MIDI file's beat, which lasts a second
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)


def find_soundfonts(folder: str | os.PathLike[str] = FOLDER) -> dict[str, pathlib.Path]:
    """Return the paths of the installed SoundFonts with a known licence, by name."""
    paths = {name: pathlib.Path(folder) / f"{name}.sf2" for name in LICENCES}
    return {name: path for name, path in paths.items() if path.exists()}


def presets(soundfont: str | os.PathLike[str]) -> set[tuple[int, int]]:
    """Return the (bank, programme) pairs of a SoundFont.

    Raises
    ------
    DataError
        If the file has none.
    """
    with open(soundfont, "rb") as file:
        file.seek(-min(pathlib.Path(soundfont).stat().st_size, 4_000_000), 2)
        end = file.read()
    start = end.rfind(b"phdr")
    if start < 0:
        raise DataError(f"expected a SoundFont with preset headers: {soundfont}")
    size = struct.unpack_from("<I", end, start + 4)[0]
    headers = range(start + 8, start + 8 + size - 38, 38)  # the last one only ends the list
    pairs = (struct.unpack_from("<HH", end, header + 20) for header in headers)
    return {(bank, program) for program, bank in pairs}


def _channels(parts: Sequence[Part], drums_only: bool) -> list[tuple[int, Part]]:
    """Return (channel, part) pairs. Parts of a programme share a channel.

    If there are more than 15 programmes, those with the fewest notes are left out.
    """
    sizes: dict[int, int] = {}
    for part in parts:
        if part.role != "drums":
            sizes[part.program] = sizes.get(part.program, 0) + len(part.notes)
    kept = sorted(sizes, key=lambda program: (-sizes[program], program))[: len(MELODIC_CHANNELS)]
    places = dict(zip(kept, MELODIC_CHANNELS, strict=False))
    pairs = []
    for part in parts:
        if part.role == "drums":
            pairs.append((0 if drums_only else DRUM_CHANNEL, part))
        elif part.program in places and not drums_only:
            pairs.append((places[part.program], part))
    return pairs


def _setup(channel: int, part: Part, kit: int, rng: Rng) -> list[mido.Message]:
    """Draw the messages that set a channel up: programme, volume, pan, reverb and chorus."""
    program, spread = (kit, 12) if part.role == "drums" else (part.program, 8 if part.role == "bass" else 40)
    pan = int(np.clip(64 + spread * rng.uniform(-1, 1), 0, 127))
    controls = {7: int(rng.integers(70, 115)), 10: pan, 91: int(rng.integers(100)), 93: int(rng.integers(70))}
    messages = [mido.Message("program_change", channel=channel, program=program)]
    for control, value in controls.items():
        messages.append(mido.Message("control_change", channel=channel, control=control, value=value))
    return messages


def _played(channel: int, part: Part, rng: Rng) -> list[tuple[int, int, mido.Message]]:
    """Return (tick, order, message) of the notes of a part, a little uneven. At a tick, ends come before starts."""
    late, uneven = rng.uniform(0, 0.008), rng.uniform(1, 9)
    messages = []
    for note in part.notes:
        start = round(TICKS * max(0.0, note.start + late * rng.normal()))
        velocity = int(np.clip(note.velocity + uneven * rng.normal(), 1, 127))
        pitch = 36 if part.role == "drums" and note.pitch == 35 else note.pitch  # not all kits have the second kick
        for kind, order, tick in (("note_on", 1, start), ("note_off", 0, start + max(1, round(TICKS * note.duration)))):
            message = mido.Message(kind, channel=channel, note=pitch, velocity=velocity)
            messages.append((tick, order, message))
    return messages


def _write_midi(
    path: pathlib.Path, parts: Sequence[Part], seconds: float, soundfont: str | os.PathLike[str], rng: Rng
) -> None:
    """Write a MIDI file of the parts with drawn settings. Every note ends, as FluidSynth plays until it does."""
    drums_only = pathlib.Path(soundfont).stem in DRUMS_ONLY
    available = presets(soundfont)
    kits = [0] if drums_only else [kit for kit in KITS if (DRUM_BANK, kit) in available] or [0]
    kit = int(rng.choice(kits))
    settings: dict[int, list[mido.Message]] = {}
    messages: list[tuple[int, int, mido.Message]] = []
    for channel, part in _channels(parts, drums_only):
        if channel not in settings:
            settings[channel] = _setup(channel, part, kit, rng)
        messages += _played(channel, part, rng)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
    track += [message for channel in settings for message in settings[channel]]
    now, end = 0, round(seconds * TICKS)
    for tick, _, message in sorted(messages, key=lambda item: item[:2]):
        if tick < end or message.type == "note_off":
            track.append(message.copy(time=min(tick, end) - now))
            now = min(tick, end)
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(path)


def _options(rng: Rng) -> list[str]:
    """Draw command-line options of FluidSynth: reverb and chorus."""
    reverb, chorus = rng.random() < 0.5, rng.random() < 0.4
    values = {
        "synth.gain": 0.2,
        "synth.reverb.active": int(reverb),
        "synth.reverb.room-size": round(rng.uniform(0.1, 0.9), 3),
        "synth.reverb.damp": round(rng.uniform(0, 0.8), 3),
        "synth.reverb.level": round(rng.uniform(0.2, 0.9), 3),
        "synth.chorus.active": int(chorus),
        "synth.chorus.depth": round(rng.uniform(2, 10), 2),
        "synth.chorus.speed": round(rng.uniform(0.15, 0.9), 3),
        "synth.dynamic-sample-loading": 1,
    }
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


def render(
    parts: Sequence[Part],
    seconds: float,
    soundfont: str | os.PathLike[str],
    rng: Rng,
    work_folder: str | os.PathLike[str],
) -> Audio:
    """Render parts with a SoundFont; if it has drums only, the drums of the parts.

    Programmes are those of the parts. Drum kit, levels, places, reverb and chorus are drawn.

    Returns
    -------
    float32 array, shape (2, samples)
        Peak at -3 dB of full scale or less.

    Raises
    ------
    ToolError
        If FluidSynth is missing or fails.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise ToolError("fluidsynth is missing: apt-get install fluidsynth")
    audio = silence(seconds)
    with tempfile.TemporaryDirectory(dir=work_folder) as folder:
        score, output = pathlib.Path(folder, "score.mid"), pathlib.Path(folder, "audio.raw")
        _write_midi(score, parts, seconds, soundfont, rng)
        target = ["-T", "raw", "-O", "float", "-E", "little", "-r", str(SAMPLE_RATE), "-F", str(output)]
        command = [program, "-ni", "-q", *_options(rng), *target, str(soundfont), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 2 * seconds)
        if done.returncode or not output.exists():
            raise ToolError(f"fluidsynth failed ({done.returncode}): {' '.join(done.stderr.split())[-500:]}")
        rendered = np.fromfile(output, np.float32).reshape(-1, 2).T
    length = min(audio.shape[1], rendered.shape[1])
    audio[:, :length] = rendered[:, :length]
    peak = float(np.abs(audio).max(initial=0.0))
    return audio * np.float32(PEAK / peak) if peak > PEAK else audio
