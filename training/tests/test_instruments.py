"""Scores from MIDI files, SoundFonts, multisamples and drum kits, with tiny inputs that the tests make."""

import shutil
import types

import mido
import numpy as np
import pytest
import soundfile
from lightsaft_train.errors import ToolError
from lightsaft_train.pool import rendering
from lightsaft_train.pool.instruments import drumkits, drumloops, kitfiles, performance, rigs, sampler, soundfonts
from lightsaft_train.pool.score import accompaniment, midi
from lightsaft_train.pool.score.notes import SAMPLE_RATE, Note, Part, Score

LIMIT = 10 ** (-3 / 20) + 1e-4


def rng(seed=0):
    return np.random.default_rng(seed)


def sound_of(hertz, seconds=1.0, decay=0.5):
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time) * np.exp(-time / decay)).astype(np.float32)


def strongest(audio, start, stop):
    """The strongest frequency in hertz of a stretch in seconds."""
    part = audio[:, round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)].sum(axis=0)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 4 * len(part)))
    return np.argmax(spectrum) * SAMPLE_RATE / (4 * len(part))


def onsets(audio, threshold=0.1):
    """The times in seconds at which a hit begins after 50 ms below the threshold."""
    loud = np.flatnonzero(np.abs(audio).max(axis=0) > threshold)
    return loud[np.concatenate([[True], np.diff(loud) > 0.05 * SAMPLE_RATE])] / SAMPLE_RATE


def check(audio, seconds):
    assert audio.shape == (2, round(seconds * SAMPLE_RATE))
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all()
    assert 0.01 < np.abs(audio).max() <= LIMIT


@pytest.fixture
def midi_file(tmp_path):
    """A beat of silence, a C major chord on a piano, a bass note, a choir, a kick; 120 then 60 beats per minute."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500000)])
    for channel, program in ((0, 0), (1, 33), (2, 52)):
        track.append(mido.Message("program_change", channel=channel, program=program))
    notes = [(0, 60), (0, 64), (0, 67), (1, 36), (2, 72), (9, 36)]
    track.append(mido.Message("note_on", channel=0, note=72, velocity=0, time=480))
    track += [mido.Message("note_on", channel=channel, note=note, velocity=100) for channel, note in notes]
    track.append(mido.MetaMessage("set_tempo", tempo=1000000, time=480))
    for at, (channel, note) in enumerate(notes):
        track.append(mido.Message("note_off", channel=channel, note=note, time=960 if at == 0 else 0))
    file.tracks.append(track)
    file.save(tmp_path / "a.mid")
    return tmp_path / "a.mid"


def test_midi_is_read_with_roles_tempos_and_key(midi_file):
    score = midi.read_midi(midi_file)
    assert [(part.role, part.program) for part in score.parts] == [("other", 0), ("bass", 33), ("drums", 0)]
    note = score.of("bass")[0].notes[0]
    assert (note.start, note.duration) == pytest.approx((0.5, 2.5))
    assert (score.tempo, score.seconds) == pytest.approx((60, 3.0))
    assert (score.tonic, score.minor) == (0, False)


def test_scores_are_varied_without_transposing_drums(midi_file):
    score = midi.read_midi(midi_file)
    shifts = set()
    for seed in range(30):
        new = midi.varied(score, rng(seed))
        factor = new.tempo / score.tempo
        assert 0.75 <= factor <= 1.3
        assert new.of("drums")[0].notes[0].pitch == 36
        bass = new.of("bass")[0]
        assert 32 <= bass.program < 40
        assert bass.notes[0].start == pytest.approx(0.5 / factor)
        assert new.tonic == bass.notes[0].pitch % 12
        shifts.add(bass.notes[0].pitch - 36)
        assert new.of("other")
    assert shifts <= set(range(-5, 7))
    assert len(shifts) > 6
    assert midi.varied(score, rng(3)) == midi.varied(score, rng(3))


def test_no_voice_is_drawn_for_other():
    composed = {program for kinds in accompaniment.PROGRAMS.values() for row in kinds.values() for program in row}
    played_instead = {program for _, others in midi.NEIGHBOURS for program in others}
    drawn = composed | played_instead | set(accompaniment.GUITARS)
    assert not drawn & set(midi.VOICES)
    assert len(drawn) > 60
    assert not [p for p in range(128) if midi._role(0, p) and p in midi.VOICES]


def test_excerpts_skip_silence_and_cut_notes():
    notes = (Note(4.1, 3.0, 60, 90), Note(9.0, 1.0, 62, 90))
    score = Score(20.0, 120.0, (Part("other", 0, notes), Part("drums", 0, (Note(4.1, 0.1, 36, 90),))))
    whole = midi.excerpt(score, 0.0, 10.0)
    assert whole.seconds == 10.0
    assert whole.of("other")[0].notes[0].start == pytest.approx(0.1)
    late = midi.excerpt(score, 5.0, 4.5)
    assert not late.of("drums")
    np.testing.assert_allclose([(note.start, note.duration) for note in late.parts[0].notes], [(0, 2.1), (4.0, 0.5)])


@pytest.mark.skipif(
    not (shutil.which("fluidsynth") and "TimGM6mb" in soundfonts.find_soundfonts()), reason="needs Debian's packages"
)
def test_soundfonts_play_the_notes(tmp_path):
    font = soundfonts.find_soundfonts()["TimGM6mb"]
    parts = (Part("other", 80, (Note(0.5, 3.0, 69, 100),)),)
    audio = soundfonts.render(parts, 2.0, font, rng(), tmp_path)  # a note that outlasts the audio must not hang
    check(audio, 2.0)
    assert np.abs(audio[:, : round(0.45 * SAMPLE_RATE)]).max() < 1e-3
    harmonic = strongest(audio, 0.6, 1.8) / 440
    assert harmonic == pytest.approx(max(1, round(harmonic)), rel=0.01)
    np.testing.assert_array_equal(audio, soundfonts.render(parts, 2.0, font, rng(), tmp_path))
    assert not any(tmp_path.iterdir())
    assert (128, 25) in soundfonts.presets(font)


def test_soundfonts_tell_that_fluidsynth_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match="fluidsynth is missing"):
        soundfonts.render((), 1.0, "a.sf2", rng(), tmp_path)


@pytest.mark.parametrize(
    ("stem", "pitch", "loudness"),
    [
        ("notes_a0_f_rr1", 21, 0.75),
        ("samples_pizz_bb2_vl1_rr3", 46, 0.125),
        ("cp80_samples_027_d#1_ff", 27, 0.9),
        ("wurlitzer_ep200_samples_ab2pp", 44, 0.1),
        ("samples_string1_soft_38", 38, 0.35),
        ("samples_pizz_perc1_rr4", None, 0.6),
    ],
)
def test_file_names_tell_notes(stem, pitch, loudness):
    assert sampler.pitch_of(stem) == pitch
    assert sampler.loudness_of(stem) == loudness


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, hertz in (("notes_a3_f_rr1", 220), ("notes_a4_f_rr1", 440)):
        silence = np.zeros(4410, np.float32)
        soundfile.write(folder / f"{name}.wav", np.concatenate([silence, sound_of(hertz)]), SAMPLE_RATE)
    return folder


def test_multisamples_play_pitches_at_their_times(samples, monkeypatch):
    monkeypatch.setattr(rigs, "_space", lambda kind, rng: [])
    keys = sampler.Multisample.load(samples)
    part = Part("other", 0, (Note(0.5, 0.5, 60, 100), Note(1.5, 0.5, 67, 100), Note(2.5, 0.4, 93, 100)))
    audio = keys.play(part, 3.0, rng(5))
    check(audio, 3.0)
    np.testing.assert_allclose(onsets(audio, 0.05), [0.5, 1.5, 2.5], atol=0.04)
    for start, hertz in ((0.5, 261.6), (1.5, 392.0), (2.5, 440.0)):  # 93 is out of reach, and is played octaves lower
        assert strongest(audio, start + 0.05, start + 0.4) == pytest.approx(hertz, rel=0.01)
    np.testing.assert_array_equal(audio, keys.play(part, 3.0, rng(5)))
    np.testing.assert_array_equal(audio, sampler.Multisample.load(samples).play(part, 3.0, rng(5)))


@pytest.mark.parametrize("kind", ["bass", "upright", "electric", "acoustic", "keys", "sax"])
def test_all_kinds_of_instruments_play(samples, kind):
    instrument = sampler.Multisample.load(samples, kind=kind)
    notes = tuple(Note(0.4 * at, 0.39, 55 + step, 90) for at in range(4) for step in (0, 4, 7))
    for seed in range(4):
        check(instrument.play(Part(instrument.role, 30, notes), 2.0, rng(seed)), 2.0)


def test_walls_of_guitars_are_wide_and_end_at_the_cabinet(samples, monkeypatch):
    monkeypatch.setattr(rigs, "_space", lambda kind, rng: [])
    band = types.SimpleNamespace(multisamples=[sampler.Multisample.load(samples, kind="electric", name="emily_guitar")])
    notes = tuple(Note(0.5 * at, 0.5, pitch, 100) for at in range(4) for pitch in (45, 52, 57))
    seeds = [seed for seed in range(8) if rng(seed).random() < 0.65]
    assert seeds
    for seed in seeds[:3]:
        audio, names = rendering._guitars(band, Part("other", 30, notes, "chords"), 2.0, rng(seed))
        check(audio, 2.0)
        assert names == {"instrument emily_guitar"}
        assert np.square(audio[0] - audio[1]).sum() > 0.05 * np.square(audio).sum()
        power = np.abs(np.fft.rfft(audio.mean(axis=0))) ** 2
        assert power[2 * 9000 :].sum() < 0.01 * power.sum()


def test_chords_are_strummed_and_basses_play_one_note():
    notes = [Note(1.0, 1.0, pitch, 90) for pitch in (52, 56, 59, 64)]
    strum = performance.arrange(notes, "acoustic", False, rng())
    assert [note.pitch for note in strum] == [52, 56, 59, 64]
    assert all(0.005 < step < 0.031 for step in np.diff([note.start for note in strum]))
    line = performance.arrange([Note(0.0, 2.0, 40, 90), Note(1.0, 1.0, 43, 90)], "bass", False, rng())
    assert [(note.start, note.duration) for note in line] == [(0.0, 1.0), (1.0, 1.0)]
    power = performance.arrange(notes, "electric", True, rng())
    assert {note.pitch - min(note.pitch for note in power) for note in power} <= {0, 7, 12}


def kit_of(folder, names):
    sounds = {}
    for pitch, (name, hertz, decay) in names.items():
        soundfile.write(folder / f"{name}.wav", sound_of(hertz, 1.5, decay), SAMPLE_RATE)
        sounds[pitch] = (((0.0, 1.0, (folder / f"{name}.wav",)),),)
    return drumkits.Kit(folder.name, "CC0-1.0", sounds)


@pytest.fixture
def kit(tmp_path):
    return kit_of(tmp_path, {36: ("k", 60, 0.03), 38: ("s", 200, 0.03), 42: ("c", 8000, 0.02), 46: ("o", 7000, 2.0)})


def test_kits_play_hits_at_their_times(kit):
    times = (0.25, 0.75, 1.25)
    part = Part("drums", 0, (*(Note(time, 0.1, 36, 110) for time in times), Note(1.75, 0.1, 99, 90)))
    for seed in range(5):
        audio = kit.play(part, 2.0, rng(seed))
        check(audio, 2.0)
        assert onsets(audio)[0] == pytest.approx(0.25, abs=0.03)
        np.testing.assert_array_equal(audio, kit.play(part, 2.0, rng(seed)))


def test_open_hats_end_at_the_next_hat():
    hit = np.ones((2, SAMPLE_RATE), np.float32)
    assert drumkits._choked(hit, None) is hit
    short = drumkits._choked(hit, 0.25)
    assert short.shape[1] < 0.3 * SAMPLE_RATE
    assert short[0, 0] == 1
    assert short[0, -1] == 0


def test_mixed_kits_take_each_drum_from_some_kit(kit, tmp_path):
    (tmp_path / "b").mkdir()
    other = kit_of(tmp_path / "b", {36: ("k", 50, 0.1), 49: ("y", 5000, 0.1)})
    kinds = {drumkits.mixed((kit, other), rng(seed)).sounds[36] for seed in range(10)}
    assert kinds == {kit.sounds[36], other.sounds[36]}
    assert drumkits.mixed((kit, other), rng()).complete
    assert not other.complete


def test_hydrogen_kits_are_read_with_their_licence(tmp_path):
    folder = tmp_path / "kit"
    folder.mkdir()
    soundfile.write(folder / "kick.wav", sound_of(60), SAMPLE_RATE)
    text = (
        "<drumkit_info xmlns='http://www.hydrogen-music.org/drumkit'><license>{}</license><instrumentList>"
        "<instrument><name>Kick 1</name>"
        "<layer><filename>kick.wav</filename><min>0</min><max>1</max></layer></instrument>"
        "<instrument><name>Whistle</name><filename>kick.wav</filename></instrument></instrumentList></drumkit_info>"
    )
    for licence, count in (("CC-BY-SA 3.0", 1), ("CC-BY-NC 3.0", 0), ("all rights reserved", 0), ("", 0)):
        (folder / "drumkit.xml").write_text(text.format(licence))
        found = drumkits.kits(tmp_path / "nothing", tmp_path)
        assert len(found) == count
    (folder / "drumkit.xml").write_text(text.format("GPL"))
    (kit,) = drumkits.kits(tmp_path / "nothing", tmp_path)
    assert (kit.licence, list(kit.sounds)) == ("GPL", [36])


@pytest.mark.parametrize(
    ("name", "pitch"),
    [
        ("BassDrum", 36),
        ("Snare Jazz", 38),
        ("Closed HH", 42),
        ("Open HH", 46),
        ("Pedal HH", 44),
        ("Hat Op Dirty", 46),
        ('Tom High (Tama Superstar 12")', 48),
        ('Ride (Custom, Zagrebin 22")', 51),
        ("drum_cymbal_closed", 42),
        ("ho", 46),
        ("samples", None),
        ("elec_blip", None),
    ],
)
def test_names_tell_drums(name, pitch):
    assert kitfiles.gm_pitch(name) == pitch


def test_loops_are_stretched_to_the_tempo(tmp_path):
    click = np.zeros(2 * SAMPLE_RATE, np.float32)  # four beats at 120
    for beat in range(4):
        click[beat * SAMPLE_RATE // 2 + 200 :][:2000] = sound_of(1000, 2000 / SAMPLE_RATE)
    soundfile.write(tmp_path / "loop.wav", click, SAMPLE_RATE)
    assert drumloops.beats_of(tmp_path / "loop.wav", 2.0) == 4
    audio = drumloops.play_loop(tmp_path / "loop.wav", 5.0, 150, rng(1))
    check(audio, 5.0)
    beats = onsets(audio, 0.2) / 0.4
    assert len(beats) >= 12
    np.testing.assert_array_equal(audio, drumloops.play_loop(tmp_path / "loop.wav", 5.0, 150, rng(1)))
    assert np.median(np.abs(beats - np.round(beats))) < 0.05
