"""Tags and cover picture of a mixture in its stems. They never stop a separation and never change the samples."""

import io
import os
import sys
import threading

import av
import numpy as np
import pytest
import soundfile
from conftest import noise
from helpers import posix

from lightsaft_infer import AudioReader, separate_file
from lightsaft_infer.audio import Picture, StemWriter, Tags

TEXTS = {
    "title": "Süße Träume",
    "artist": "A & B",
    "album": "Ålbum",
    "track": "3",
    "date": "2001-02-03",
    "genre": "Rock",
    "comment": "no comment",
}
SUFFIXES = [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus"]
WITH_PICTURE = [".flac", ".mp3", ".m4a", ".opus"]
AUDIO = noise(2, 44_100) / 2


def image(codec, form, side=32):
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = side, side, form
        pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels).reformat(format=form)))
        container.mux(stream.encode(None))
    return file.getvalue()


JPEG = Picture("image/jpeg", image("mjpeg", "yuvj420p"))
PNG = Picture("image/png", image("png", "rgb24", side=400))  # some 480 kB


def save(path, tags, audio=AUDIO, **options):
    with StemWriter({"vocals": path}, sample_rate=44100, channels=2, tags=tags, overwrite=True, **options) as writer:
        writer.write({"vocals": audio})
        writer.commit()
    return path


def read(path):
    with AudioReader(path) as reader:
        assert 44_100 <= reader.read().shape[1] < 48_100
        return reader.tags()


@pytest.mark.parametrize("picture", [JPEG, PNG, None], ids=["jpeg", "png", "none"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_holds_the_tags(tmp_path, suffix, picture):
    path = save(tmp_path / f"vocals{suffix}", Tags(TEXTS, picture))
    found = read(path)
    assert found.texts == TEXTS | {"title": "Süße Träume (vocals)"}
    assert found.picture == (picture if suffix in WITH_PICTURE else None)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_samples_do_not_change(tmp_path, suffix):
    paths = [save(tmp_path / f"{number}{suffix}", tags) for number, tags in enumerate((None, Tags(TEXTS, PNG)))]
    with AudioReader(paths[0]) as plain, AudioReader(paths[1]) as tagged:
        np.testing.assert_array_equal(tagged.read(), plain.read())


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".ogg"])  # it has a random number
def test_the_same_bytes_every_time(tmp_path, suffix):
    paths = [save(tmp_path / f"{name}{suffix}", Tags(TEXTS, JPEG)) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_pcm_and_scaled_float(tmp_path):
    assert read(save(tmp_path / "a.wav", Tags(TEXTS), subtype="PCM_16")).texts["title"] == "Süße Träume (vocals)"
    outputs = {"a": tmp_path / "a.wav", "b": tmp_path / "b.flac"}
    with StemWriter(outputs, sample_rate=44100, channels=2, tags=Tags({"title": "x"}, JPEG), overwrite=True) as writer:
        writer.write({"a": AUDIO, "b": 4 * AUDIO})
        assert writer.commit() < 1
    assert read(outputs["a"]) == Tags({"title": "x (a)"})
    assert read(outputs["b"]) == Tags({"title": "x (b)"}, JPEG)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_stems_of_a_separated_file(tmp_path, echo, suffix):
    mixture = save(tmp_path / f"song{suffix}", Tags(TEXTS, JPEG))
    outputs = {"vocals": tmp_path / "v.flac", "rest": tmp_path / "r.mp3"}
    separate_file(echo, mixture, outputs, residual="rest", clip="clamp")
    picture = JPEG if suffix in WITH_PICTURE else None
    assert read(outputs["vocals"]) == Tags(TEXTS | {"title": "Süße Träume (vocals) (vocals)"}, picture)
    assert read(outputs["rest"]) == Tags(TEXTS | {"title": "Süße Träume (vocals) (rest)"}, picture)
    separate_file(echo, mixture, outputs, residual="rest", tags=False, overwrite=True)
    assert read(outputs["vocals"]) is None
    assert read(outputs["rest"]) is None


def test_a_mixture_without_tags_changes_no_byte(tmp_path, echo):
    soundfile.write(tmp_path / "song.wav", AUDIO.T, 44100, subtype="FLOAT")
    for name, tags in (("a", True), ("b", False)):
        separate_file(echo, tmp_path / "song.wav", {"vocals": tmp_path / f"{name}.wav"}, tags=tags)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert b"LIST" not in (tmp_path / "a.wav").read_bytes()


def test_tags_of_other_kinds(tmp_path):
    long = "ü" * 50_000
    texts = {"title": "a\0b", "artist": "  ", "comment": long, "lyrics": "la"}
    assert Tags({"artist": "A"}).of_stem("vocals") == Tags({"artist": "A"})  # no title to mark
    with av.open(str(tmp_path / "song.flac"), "w") as container:
        container.metadata.update(texts | {"title": "ab"})
        stream = container.add_stream("flac", rate=44100, layout="stereo", format="s16")
        frame = av.AudioFrame.from_ndarray((AUDIO.T.reshape(1, -1) * 2**14).astype(np.int16), "s16", "stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read(tmp_path / "song.flac") == Tags({"title": "ab", "comment": "ü" * 4000})
    for suffix in SUFFIXES:
        assert read(save(tmp_path / f"stem{suffix}", read(tmp_path / "song.flac"))).texts["comment"] == "ü" * 4000


def test_damaged_pictures_are_left_out(tmp_path):
    for content in (b"no picture", JPEG.content[:30], b""):
        for suffix in SUFFIXES:
            save(tmp_path / f"stem{suffix}", Tags({"title": "x"}, Picture("image/jpeg", content)))
            with AudioReader(tmp_path / f"stem{suffix}") as reader:
                assert reader.tags().texts == {"title": "x (vocals)"}
                assert 44_100 <= reader.read().shape[1] < 48_100


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_damaged_tags_do_not_stop_a_separation(tmp_path, echo, suffix):
    content = bytearray(save(tmp_path / f"song{suffix}", Tags(TEXTS, JPEG)).read_bytes())
    place = content.index(JPEG.content)
    content[place : place + 40] = bytes(40)
    (tmp_path / "song").write_bytes(content)
    outputs = {"vocals": tmp_path / "v.mp3", "rest": tmp_path / "r.flac"}
    separate_file(echo, tmp_path / "song", outputs, residual="rest")
    assert read(outputs["vocals"]).texts["artist"] == "A & B"


@pytest.mark.parametrize("installed", [True, False])
def test_failures_of_the_library_do_not_stop_a_separation(tmp_path, echo, monkeypatch, installed):
    mixture = save(tmp_path / "song.flac", Tags(TEXTS, JPEG))

    def broken(*arguments, **options):
        raise MemoryError

    if installed:
        monkeypatch.setattr(av, "open", broken)
    else:
        monkeypatch.setitem(sys.modules, "av", None)
    with AudioReader(mixture) as reader:
        assert reader.tags() is None
        separate_file(echo, mixture, {"vocals": tmp_path / "v.wav"})
    assert soundfile.info(tmp_path / "v.wav").frames == 44_100


def test_reading_tags_leaves_the_position(tmp_path):
    for suffix in SUFFIXES:
        path = save(tmp_path / f"song{suffix}", Tags(TEXTS, JPEG))
        with AudioReader(path) as reader:
            plain = reader.read()
        with AudioReader(path) as reader:
            blocks = []
            for block in reader.blocks(10_000):
                blocks.append(block)
                assert reader.tags().texts["album"] == "Ålbum"
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), plain)


def test_other_readers_find_the_tags(tmp_path):
    """libsndfile reads the text of FLAC, WAV and Ogg."""
    for suffix in (".wav", ".flac", ".ogg"):
        with soundfile.SoundFile(save(tmp_path / f"a{suffix}", Tags(TEXTS, JPEG))) as sound:
            assert (sound.title, sound.tracknumber) == ("Süße Träume (vocals)", "3")
            assert sound.read().shape == (44_100, 2)


@posix
def test_tags_out_of_a_stream(tmp_path):
    """A copy of a stream has the tags of the file; WAV is read as it comes, without tags."""
    for suffix, expected in ((".mp3", TEXTS | {"title": "Süße Träume (vocals)"}), (".wav", None)):
        path = save(tmp_path / f"song{suffix}", Tags(TEXTS, JPEG))
        fifo = tmp_path / f"fifo{suffix}"
        os.mkfifo(fifo)
        feeder = threading.Thread(target=fifo.write_bytes, args=(path.read_bytes(),))
        feeder.start()
        with AudioReader(fifo) as reader:
            assert reader.read().shape[1] == 44_100
            tags = reader.tags()
        feeder.join()
        assert (tags and tags.texts) == expected
