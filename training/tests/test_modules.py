"""Songs split by instrument: names, a module that the test writes, an LMMS project, licences."""

import collections
import json
import struct
import zlib

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.errors import DataError
from lightsaft_train.pool.composed import lmms, modules, openmpt
from lightsaft_train.pool.composed.instrument_names import VOICE, agreed, class_of_name, class_of_source
from lightsaft_train.pool.composed.instrument_sounds import class_of
from lightsaft_train.pool.licences import licence_of
from lightsaft_train.pool.module_sources import MODULES, left_out
from lightsaft_train.pool.song_files import write_manifest, write_song

NAMES = {
    "bass drum": "drums",
    "Bassdrum": "drums",
    "fat.rave.bassdrum": "drums",
    "snare.wav": "drums",
    "001_Kich13.wav": "drums",
    "hihato:soundwave": "drums",
    "Chh010.wav": "drums",
    "SC Closed Hi-Hat": "drums",
    "Tr-909": "drums",
    "909 Crash": "drums",
    "snareclap left": "drums",
    "linn_kik.ds": "drums",
    "Breathing Snare": "drums",
    "drum.001 (no\xa0header)": "drums",
    "BassGtr": "bass",
    "bass-guitar:maz": "bass",
    "Synth Bass": "bass",
    "Organ Bass": "bass",
    "st-01:bass.flick": "bass",
    "TinMan.bass.1 <SF>": "bass",
    "Plucky Bass high": "bass",
    "bassline 1": "bass",
    "Bassoon": "other",
    "steel drum": "other",
    "high-strings:jefflim": "other",
    "Church_Organ": "other",
    "FM Rhodes": "other",
    "choir aah": VOICE,
    "Vocal Chords": VOICE,
    "brass-choir:maz": VOICE,
    "Ohyeah": VOICE,
    "meeeow.wav": VOICE,
    "Killed Voice": VOICE,
    "by purple motion": None,
    "this tune is all drums": None,
    "thanks to the snare": None,
    "drums@scene.org": None,
    "bass-oboe:*": None,
    "kick bass": None,
    "tb303": None,
    "Default preset": None,
    "Default Kicker Preset": None,
    "": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert class_of_name(name) == NAMES[name]


def test_sources_of_lmms():
    assert class_of_source("drums/hihat_closed05.ogg") == "drums"
    assert class_of_source("drumsynth/misc_claps/u_don't_kno.ds") == "drums"
    assert class_of_source("drumsynth/instrument/mute_bass.ds") == "bass"
    assert class_of_source("drumsynth/instrument/wonder.ds") is None
    assert class_of_source("drums/zap03.ogg") is None
    assert class_of_source("stringsnpads/chorus01.ogg") == VOICE
    assert class_of_source("") is None


def test_names_that_disagree_do_not_count():
    assert agreed(["bass", None]) == "bass"
    assert agreed(["bass", "drums"]) is None
    assert agreed(["bass", VOICE]) == VOICE


def tone(pitches, decay, seconds=16, gap=0.25):
    """Decaying notes, one every `gap` seconds: of given pitches in turn (Hz), or noise if a pitch is 0."""
    rng, audio = np.random.default_rng(0), np.zeros(seconds * 44100, np.float32)
    length = round(gap * 44100)
    time = np.arange(length) / 44100
    for index in range(round(seconds / gap)):
        pitch = pitches[index % len(pitches)]
        sound = np.diff(rng.normal(size=length + 1)) if pitch == 0 else np.sin(2 * np.pi * pitch * time)
        audio[index * length : (index + 1) * length] = 0.3 * sound * np.exp(-time / decay)
    return np.stack([audio, audio])


def test_sounds():
    one, three = collections.Counter({60: 64}), collections.Counter({36: 20, 39: 20, 41: 24})
    assert class_of(None, tone([0], 0.02), one) == "drums"
    assert class_of(None, tone([0], 0.02), three) is None
    assert class_of(None, tone([55, 65, 73], 0.5), three) == "bass"
    assert class_of(None, tone([440, 550, 660], 0.5), three) is None
    assert class_of("bass", tone([880], 0.5), one) is None
    assert class_of("bass", tone([55], 0.5), one) == "bass"
    assert class_of("other", tone([55], 0.5), one) is None
    assert class_of(None, tone([300], 5.0, gap=2), one) == VOICE
    assert class_of(None, tone([300], 5.0, gap=2), one, recorded=False) is None
    assert class_of(None, 0.1 * np.ones((2, 44100), np.float32).cumsum(1) / 44100, one) is None  # no hits
    assert class_of(VOICE, tone([0], 0.02), one) == VOICE


def test_a_bass_drum_called_bass_is_drums():
    time = np.arange(22050) / 44100
    kick = 0.3 * np.exp(-time / 0.04) * np.sin(2 * np.pi * (45 * time + 4 * (1 - np.exp(-time / 0.03))))
    audio = np.tile(kick.astype(np.float32), (2, 64))
    assert class_of("bass", audio, collections.Counter({60: 64})) == "drums"


def write_mod(path):
    """A ProTracker module of 4 channels: a noise called "snare", and a looped triangle called "by me" in two notes."""
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=4000) * 40 * np.exp(-np.arange(4000) / 500)).clip(-127, 127).astype(np.int8)
    triangle = np.tile(np.abs(np.arange(-32, 32)).astype(np.int8) * 4 - 64, 32)
    header = b"a song".ljust(20, b"\0")
    for name, sample, loop in ((b"snare", noise, 0), (b"by me", triangle, len(triangle))):
        repeat = (0, loop // 2 or 1)
        header += name.ljust(22, b"\0") + struct.pack(">HBBHH", len(sample) // 2, 0, 64, *repeat)
    header += (b"\0" * 28 + struct.pack(">H", 1)) * 29
    header += bytes([2, 127]) + bytes(128) + b"M.K."
    cells = np.zeros((64, 4, 4), np.uint8)
    for row in range(0, 64, 4):
        for channel, sample, period in ((0, 1, 428), (1, 2, (428, 340)[row // 4 % 2])):
            cells[row, channel] = [period >> 8, period & 255, sample << 4, 0]
    path.write_bytes(header + cells.tobytes() + noise.tobytes() + triangle.tobytes())


@pytest.mark.skipif(openmpt.library() is None, reason="libopenmpt0 is not installed")
def test_instruments_sum_to_the_module(tmp_path):
    write_mod(tmp_path / "a.mod")
    module = openmpt.Module((tmp_path / "a.mod").read_bytes())
    assert module.names[:2] == ["snare", "by me"]
    assert len(module.notes[0]) == 1
    assert len(module.notes[1]) == 2
    song = module.render(20)
    assert song.shape[1] == pytest.approx(44100 * module.seconds, rel=0.01)
    parts = [module.render(20, index) for index in range(2)]
    assert all(np.abs(part).max() > 0.01 for part in parts)
    assert np.abs(parts[0] - parts[1]).max() > 0.01
    np.testing.assert_allclose(sum(parts), song, atol=1e-5)


@pytest.mark.skipif(openmpt.library() is None, reason="libopenmpt0 is not installed")
def test_a_tree_of_modules(tmp_path):
    folder = tmp_path / "packages" / "njam-data" / "usr"
    folder.mkdir(parents=True)
    write_mod(folder / "a.mod")
    write_mod(folder / "satisfy.xm")
    said = []
    manifest = modules.render_modules(tmp_path / "packages", tmp_path / "tree", progress=said.append)
    assert len(said) == 1
    song = tmp_path / "tree" / "njam-data__a.mod"
    told = json.loads((song / "song.json").read_text())
    assert told["instruments"] == {"drums": ["1 snare"], "accompaniment only": ["2 by me"]}
    names = {"drums.wav", "drums+bass+other.wav", "song.json"}
    assert {path.name for path in song.iterdir()} == names
    assert len({sf.info(song / name).frames for name in names - {"song.json"}}) == 1
    assert manifest["sources"]["module njam-data/a.mod"]["licence"] == "GPL-2+"
    assert manifest["minutes"]["drums+bass+other"] == manifest["minutes"]["drums"] > 0.1
    modules.render_modules(tmp_path / "packages", tmp_path / "tree", progress=said.append)
    assert len(said) == 1
    with pytest.raises(DataError, match="expected packages such as"):
        modules.render_modules(tmp_path / "tree", tmp_path / "other")


def test_voices_are_left_out_and_doubtful_instruments_join_the_accompaniment():
    sums = modules.Sums()
    loud = np.full((2, 20 * 44100), 0.1, np.float32)
    for name, kind in (("a", "bass"), ("b", None), ("c", VOICE), ("d", "bass")):
        sums.add(name, kind, loud)
    stems = sums.stems("module x")
    assert sums.names == {"bass": ["a", "d"], "accompaniment only": ["b"], "left out": ["c"]}
    assert {target: audio.max() for target, (audio, _) in stems.items()} == {
        "bass": pytest.approx(0.2),
        modules.ACCOMPANIMENT: pytest.approx(0.3),
    }
    assert loud.max() == np.float32(0.1)


def test_a_song_is_trimmed_where_all_of_it_is_silent():
    early, late = np.zeros((2, 2, 60 * 44100), np.float32)
    early[:, 44100 * 10 : 44100 * 20] = 0.1
    late[:, 44100 * 30 : 44100 * 50] = 0.1
    sums = modules.Sums()
    sums.add("a", "drums", early)
    sums.add("b", "bass", late)
    stems = sums.stems("module x")
    assert {audio.shape[1] for audio, _ in stems.values()} == {40 * 44100}
    assert stems["drums"][0][0, 0] == np.float32(0.1)


PROJECT = b"""<?xml version="1.0"?><!DOCTYPE lmms-project><lmms-project><song><trackcontainer>
<track type="1" name="Beat/Bassline 0"><bbtrack><trackcontainer>
 <track type="0" name="kick01.ogg" muted="0"><instrumenttrack><instrument name="audiofileprocessor">
  <audiofileprocessor src="drums/kick01.ogg"/></instrument></instrumenttrack>
  <pattern><note key="57" pos="0"/><note key="57" pos="48"/></pattern></track>
 <track type="0" name="silent" muted="1"/>
</trackcontainer></bbtrack></track>
<track type="0" name="Bass"><pattern><note key="33"/><note key="36"/></pattern></track>
<track type="5" name="automation"/>
</trackcontainer></song></lmms-project>"""


@pytest.mark.parametrize("packed", [False, True])
def test_projects_of_lmms(tmp_path, packed):
    path = tmp_path / ("a.mmpz" if packed else "a.mmp")
    path.write_bytes(struct.pack(">I", len(PROJECT)) + zlib.compress(PROJECT) if packed else PROJECT)
    bass, kick = lmms.read_project(path)
    assert (bass.name, bass.source, bass.kind) == ("Bass", "", "bass")
    assert (bass.recorded, kick.recorded) == (False, True)
    assert (kick.name, kick.source, kick.kind) == ("kick01.ogg", "drums/kick01.ogg", "drums")
    assert kick.notes == {57: 2}
    for number, length in ((1, 44100), (2, 22050)):
        sf.write(tmp_path / f"{number}_x.wav", np.full((length, 2), 0.1 * number), 44100)
    parts = list(lmms.read_tracks(path, tmp_path, 60))
    assert [audio.shape for _, audio in parts] == [(2, 44100)] * 2
    (tmp_path / "2_x.wav").unlink()
    with pytest.raises(RuntimeError, match="expected 2 rendered tracks, got 1"):
        list(lmms.read_tracks(path, tmp_path, 60))


def test_licences_of_packages(tmp_path):
    assert licence_of("module tecnoballz-data/area1-game.mod") == "GPL-3+"
    assert licence_of("lmms demos/CapDan/CapDan-TwilightArea-OriginalByAlf42red.mmpz") == "CC-BY-SA-3.0"
    assert licence_of("lmms demos/CapDan/CapDan-ReggaeTry.mmpz") == "Artistic-2.0"
    assert licence_of("lmms demos/Skiessi/Skiessi-C64.mmpz") == "CC-BY-SA-4.0"
    assert licence_of("lmms demos/StrictProduction-DearJonDoe.mmp") == "GPL-2+"
    assert left_out("rafkill-data", "song5.xm")
    assert left_out("a-game", "song.xm") == "no licence is known"
    assert not left_out("ballz-data", "finalman-quickie.xm")
    with pytest.raises(KeyError):
        licence_of("module pingus-data/sorcerer.it")
    assert all(MODULES.values())


def test_a_manifest_counts_sums_of_targets(tmp_path):
    loud = np.full((2, 44100 * 6), 0.1, np.float32)
    write_song(tmp_path / "a", "lmms", {"drums+bass+other": (loud, {"lmms demos/x.mmp"})}, instruments={"bass": ["x"]})
    assert json.loads((tmp_path / "a" / "song.json").read_text())["instruments"] == {"bass": ["x"]}
    assert write_manifest(tmp_path)["minutes"]["drums+bass+other"] == 0.1
