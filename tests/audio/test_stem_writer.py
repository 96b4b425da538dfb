"""Output files: complete or missing, nothing overwritten, one common gain if an integer format would clip."""

import contextlib
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import noise, split

from lightsaft_infer import OutputError
from lightsaft_infer.audio.outputs import WAV_BYTES, make_folders, output_format
from lightsaft_infer.audio.stem_writer import StemWriter
from lightsaft_infer.errors import ArgumentError

FORM = {"sample_rate": 44100, "channels": 2}


def save(outputs, stems, **options):
    with StemWriter(outputs, **FORM, **options) as writer:
        for start in range(0, 1000, 300):
            writer.write({target: audio[:, start : start + 300] for target, audio in stems.items()})
        return writer.commit()


@pytest.fixture
def stems():
    return {"loud": noise(2, 1000) * np.float32(1.6), "soft": noise(2, 1000, seed=1) * np.float32(0.1)}


def outputs(folder, suffix=".wav"):
    return {target: folder / "a" / "b" / f"{target}{suffix}" for target in ("loud", "soft")}


def load(path):
    audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert sample_rate == 44100
    return audio.T


def test_float_wav_keeps_every_sample(tmp_path, stems):
    assert save(outputs(tmp_path), stems) == 1
    for target, path in outputs(tmp_path).items():
        assert soundfile.info(path).subtype == "FLOAT"
        np.testing.assert_array_equal(load(path), stems[target])
    assert len(list(tmp_path.rglob("*"))) == 4  # two folders, two files, nothing temporary


def test_no_time_stamp_in_float_wav(tmp_path, stems):
    save(outputs(tmp_path), stems, samples=1000)
    for target, path in outputs(tmp_path).items():
        content = path.read_bytes()
        chunk = content[content.index(b"PEAK") + 8 :]
        assert chunk[:8] == bytes([1, 0, 0, 0, 0, 0, 0, 0])  # version, time stamp
        assert np.frombuffer(chunk[8:12], "<f4") == np.abs(stems[target][0]).max()
        np.testing.assert_array_equal(load(path), stems[target])


def test_doubles_do_not_clip(tmp_path, stems):
    loud = {target: 3 * audio for target, audio in stems.items()}
    assert save(outputs(tmp_path), loud, subtype="DOUBLE") == 1.0
    for target, path in outputs(tmp_path).items():
        assert soundfile.info(path).subtype == "DOUBLE"
        np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0].T, loud[target])


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "GSM610", "MPEG_LAYER_III"])
def test_subtypes_that_fill_blocks_are_not_offered(tmp_path, stems, subtype):
    """They would lengthen a stem, or fail, when the work is done."""
    with pytest.raises(OutputError, match=r"one of the subtypes PCM_U8, .*, ALAW of WAV, got "):
        save(outputs(tmp_path), stems, subtype=subtype)


@pytest.mark.parametrize(
    ("suffix", "subtype", "step"),
    [(".wav", "PCM_16", 2**-15), (".wav", "pcm_24", 2**-23), (".flac", None, 2**-23), (".FLAC", "PCM_16", 2**-15)],
)
def test_integer_formats_scale_all_stems_by_one_gain(tmp_path, stems, suffix, subtype, step):
    peak = np.abs(stems["loud"]).max()
    gain = save(outputs(tmp_path, suffix), stems, subtype=subtype)
    assert gain == pytest.approx(1 / peak)
    for target, path in outputs(tmp_path, suffix).items():
        assert soundfile.info(path).subtype == (subtype or "PCM_24").upper()
        np.testing.assert_allclose(load(path), stems[target] * gain, atol=1.01 * step)


def test_clamp(tmp_path, stems):
    assert save(outputs(tmp_path, ".flac"), stems, clip="clamp") == 1
    np.testing.assert_allclose(load(tmp_path / "a/b/loud.flac"), stems["loud"].clip(-1, 1), atol=2**-22)
    np.testing.assert_allclose(load(tmp_path / "a/b/soft.flac"), stems["soft"], atol=2**-22)


def test_clip_error_leaves_nothing(tmp_path, stems):
    with pytest.raises(OutputError, match=r"within full scale, got a peak of 1\.[56].*loud\.flac"):
        save(outputs(tmp_path, ".flac"), stems, clip="error")
    assert not list(tmp_path.iterdir())


def test_float_files_beside_integer_ones_are_scaled_too(tmp_path):
    time = np.arange(3000) / 44100
    tone = np.sin(2 * np.pi * 440 * time, dtype=np.float32)[None]
    outputs = {"a": tmp_path / "a.wav", "b": tmp_path / "b.flac"}
    with StemWriter(outputs, sample_rate=44100, channels=1) as writer:
        writer.write({"a": 3.2 * tone, "b": 2.0 * tone})
        gain = writer.commit()
    assert gain == pytest.approx(0.5, rel=1e-3)
    for name, factor in (("a", 3.2), ("b", 2.0)):
        audio, _ = soundfile.read(outputs[name])
        np.testing.assert_allclose(audio, gain * factor * tone[0], atol=2e-7 * 32)


def test_no_gain_where_nothing_clips(tmp_path, stems):
    assert save({"soft": tmp_path / "soft.flac"}, stems) == 1
    np.testing.assert_allclose(load(tmp_path / "soft.flac"), stems["soft"], atol=2**-22)


def test_ogg(tmp_path, stems):
    assert save({"soft": tmp_path / "soft.ogg"}, stems) == 1
    assert soundfile.info(tmp_path / "soft.ogg").subtype == "VORBIS"
    assert load(tmp_path / "soft.ogg").shape == (2, 1000)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("sample_rate", [8000, 192000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_form(tmp_path, suffix, sample_rate, channels):
    audio = noise(channels, 50_000) * np.float32(0.5)
    path = tmp_path / f"stem{suffix}"
    with StemWriter({"stem": path}, sample_rate=sample_rate, channels=channels) as writer:
        for block in split(audio, 20_000):
            writer.write({"stem": block})
        writer.commit()
    info = soundfile.info(path)
    assert (info.frames, info.channels, info.samplerate) == (50_000, channels, sample_rate)


def test_existing_files_are_kept_unless_forced(tmp_path, stems):
    path = tmp_path / "soft.wav"
    path.write_text("mine")
    with pytest.raises(
        OutputError, match=r"already exists: .*soft\.wav \(use overwrite=True or --force to replace it\)"
    ):
        save({"loud": tmp_path / "loud.wav", "soft": path}, stems)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]
    save({"soft": path}, stems, overwrite=True)
    np.testing.assert_array_equal(load(path), stems["soft"])


def test_without_commit_nothing_appears_and_old_files_stay(tmp_path, stems):
    path = tmp_path / "soft.wav"
    path.write_text("mine")
    with StemWriter({"soft": path}, **FORM, overwrite=True) as writer:
        writer.write(stems)
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_in_the_way(tmp_path, stems):
    (tmp_path / "loud.wav").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*loud\.wav: it is a folder"):
        save({"loud": tmp_path / "loud.wav"}, stems, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write.*file"):
        save({"loud": tmp_path / "file" / "loud.wav"}, stems)
    with pytest.raises(OutputError, match="two stems have the same one"):
        save({"loud": tmp_path / "a.wav", "soft": tmp_path / "a.wav"}, stems)


def test_formats_that_are_not_there(tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.wav, \.flac, \.ogg, \.mp3, \.m4a, \.opus: stem\.aac"):
        output_format("stem.aac")
    with pytest.raises(OutputError, match=r"expected the subtype AAC for \.m4a, got PCM_16: stem\.m4a"):
        output_format("stem.m4a", "PCM_16")
    with pytest.raises(OutputError, match="expected one of the subtypes PCM_S8, PCM_16, PCM_24 of FLAC, got FLOAT"):
        output_format("stem.flac", "FLOAT")
    with pytest.raises(ArgumentError, match="scale, clamp, error"):
        StemWriter({}, **FORM, clip="crop")


def test_long_wav_becomes_rf64():
    assert output_format("stem.wav", None, WAV_BYTES // 8, 2) == ("WAV", "FLOAT")
    assert output_format("stem.wav", None, WAV_BYTES // 8 + 1, 2) == ("RF64", "FLOAT")
    assert output_format("stem.wav", "PCM_16", WAV_BYTES // 4, 2) == ("WAV", "PCM_16")
    assert output_format("stem.wav", "PCM_16", WAV_BYTES // 4 + 1, 2) == ("RF64", "PCM_16")
    assert output_format("stem.wav", "DOUBLE", WAV_BYTES // 16 + 1, 2) == ("RF64", "DOUBLE")
    assert output_format("stem.wav", None, None, 2) == ("WAV", "FLOAT")


def test_wav_of_a_length_that_is_not_known(tmp_path, stems):
    """It has a place for the long sizes of RF64: it may get longer than 4 GiB until it is complete."""
    with StemWriter({"soft": tmp_path / "soft.wav"}, **FORM) as writer:
        writer.write(stems)
        writer.commit()
    content = (tmp_path / "soft.wav").read_bytes()
    assert (content[:4], content[12:20]) == (b"RIFF", b"JUNK" + (24).to_bytes(4, "little"))
    np.testing.assert_array_equal(load(tmp_path / "soft.wav"), stems["soft"])


FULL_DISK = """
import resource, sys
import numpy as np
from lightsaft_infer import OutputError
from lightsaft_infer.audio.stem_writer import StemWriter

# A limit on the size of files gives the errors of a full disk without one.
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(200_000)
block = np.full((2, 10_000), 0.1, np.float32)
block[0] = np.random.default_rng(0).uniform(-1, 1, 10_000)
try:
    with StemWriter({"a": sys.argv[1]}, sample_rate=44100, channels=2) as writer:
        for _ in range(int(sys.argv[2])):
            writer.write({"a": block})
        limit(int(sys.argv[3]))
        writer.commit()
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("blocks", [3, 20])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".opus"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix, blocks):
    path = tmp_path / f"stem{suffix}"
    command = [sys.executable, "-c", FULL_DISK, str(path), str(blocks), "200_000"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"cannot write {path}: the disk may be full" in run.stdout
    assert str(path) in run.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("limit", ["0", "1_000", "5_000"])
@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".opus"])
def test_a_disk_that_is_full_during_the_encoding_leaves_nothing(tmp_path, suffix, limit):
    path = tmp_path / f"stem{suffix}"
    command = [sys.executable, "-c", FULL_DISK, str(path), "2", limit]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == f"cannot write {path}: file too large\n"
    assert run.stderr == ""
    assert not list(tmp_path.iterdir())


def test_the_time_of_the_conversion_is_foretold(tmp_path, monkeypatch):
    """The clock of this test says that 4 s of noise take 1 s to convert."""
    monkeypatch.setattr(time, "perf_counter", itertools.count().__next__)
    files = {"a": tmp_path / "a.mp3", "b": tmp_path / "b.mp3", "c": tmp_path / "c.wav"}
    with StemWriter(files, **FORM) as writer:
        before = sorted(tmp_path.iterdir())
        minute = writer.conversion_seconds(60 * 44100)
        assert sorted(tmp_path.iterdir()) == before
        assert minute == 2 * 60 / 4
    with StemWriter({"c": tmp_path / "c.wav"}, **FORM) as writer:
        assert writer.conversion_seconds(60 * 44100) == 0


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_another_process_has_written_meanwhile_is_kept(tmp_path, stems, monkeypatch, links):
    if not links:
        monkeypatch.setattr("os.link", no_links)
    paths = {"loud": tmp_path / "loud.wav", "soft": tmp_path / "soft.wav"}
    with StemWriter(paths, **FORM) as writer:
        writer.write(stems)
        paths["soft"].write_text("another")
        with pytest.raises(OutputError, match="already exists"):
            writer.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["soft.wav"]
    assert paths["soft"].read_text() == "another"


def no_links(*arguments, **options):
    raise PermissionError


def test_if_one_file_cannot_be_replaced_none_is(tmp_path, stems, monkeypatch):
    paths = {"loud": tmp_path / "loud.wav", "new": tmp_path / "new.wav", "soft": tmp_path / "soft.wav"}
    for name in ("loud", "soft"):
        paths[name].write_text(name)
    replace = os.replace

    def in_use(source, target):
        if target == paths["soft"]:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr("os.replace", in_use)
    with pytest.raises(OutputError, match=r"cannot write .*soft\.wav: permission denied"):
        save(paths, {**stems, "new": stems["soft"]}, overwrite=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"loud.wav": "loud", "soft.wav": "soft"}
    monkeypatch.undo()
    save(paths, {**stems, "new": stems["soft"]}, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.wav", "new.wav", "soft.wav"]
    np.testing.assert_array_equal(load(paths["loud"]), stems["loud"])


def test_a_format_without_the_rate_fails_at_once(tmp_path):
    with pytest.raises(OutputError, match="PCM_24 with 2 channels at 96001 Hz"):
        StemWriter({"a": tmp_path / "a.flac"}, sample_rate=96001, channels=2)
    assert not list(tmp_path.iterdir())


def test_a_drive_that_is_not_there(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(Path, "mkdir", no_links)
    with pytest.raises(OutputError, match="cannot write"), contextlib.ExitStack() as discarding:
        make_folders(Path("/drive/folder"), discarding)


def test_one_file_by_two_paths(tmp_path, stems):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for paths in (("x.wav", "a/../x.wav"), ("a/x.wav", "link/x.wav")):
        with pytest.raises(OutputError, match="two stems have the same one"):
            save({stem: tmp_path / path for stem, path in zip(stems, paths, strict=True)}, stems, overwrite=True)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f2", "f8"])
@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24"])
def test_samples_of_any_byte_order(tmp_path, dtype, subtype):
    audio = noise(2, 1000) / 2
    save({"a": tmp_path / "a.wav"}, {"a": audio.astype(dtype)}, subtype=subtype)
    np.testing.assert_allclose(load(tmp_path / "a.wav"), audio, atol=1e-3 if dtype == "f2" else 1e-6)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
def test_samples_that_are_no_numbers(tmp_path, suffix):
    masked = np.ma.masked_invalid([[0.0, np.nan], [0.0, 0.0]])
    for block, message in ((np.array([[0, np.nan], [0, 0]]), "NaN or infinity"), (masked, "without a mask")):
        with (
            pytest.raises(ArgumentError, match=message),
            StemWriter({"a": tmp_path / f"a{suffix}"}, **FORM) as writer,
        ):
            writer.write({"a": block})
    assert not list(tmp_path.iterdir())
