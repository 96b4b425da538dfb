"""The tracks among the files of a folder, and the folders of their stems."""

import os

import pytest

from lightsaft_infer import AudioError
from lightsaft_infer.batch.discover import find_tracks, stem_folders


def found(root, leave_out):
    return find_tracks(root, leave_out=leave_out, on_error=pytest.fail)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_which_files_are_tracks(tmp_path):
    root = tmp_path / "in"
    touch(
        root,
        "b.WAV",
        "a.mp3",
        "z/x.m4a",
        "clip.MKV",
        "cover.jpg",
        ".hidden.wav",
        ".git/a.wav",
        "z/.lightsaft-1.part",
        "wav",
    )
    touch(root, "out/a/vocals.wav", "folder.wav/song.ogg")
    assert found(root, root / "out") == ["a.mp3", "b.WAV", "clip.MKV", "folder.wav/song.ogg", "z/x.m4a"]


def test_links_are_followed_and_loops_are_not(tmp_path):
    root = tmp_path / "in"
    touch(root, "z/deep/1.wav")
    touch(tmp_path / "elsewhere", "2.wav")
    (root / "a").symlink_to(root / "z" / "deep")  # a folder of the tree keeps its own path
    (root / "z" / "loop").symlink_to(root)
    (root / "z" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root / "z")
    assert found(root, tmp_path / "out") == ["z/deep/1.wav", "z/more/2.wav"]


def test_stems_among_the_tracks_are_refused(tmp_path):
    touch(tmp_path, "in/a.wav")
    for out in (tmp_path, tmp_path / "in"):
        with pytest.raises(AudioError, match="does not hold the tracks"):
            found(tmp_path / "in", out)


def test_folders_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(AudioError, match=r"none: no such file"):
        found(tmp_path / "none", tmp_path / "out")
    touch(tmp_path, "in/a.wav", "in/lost/b.wav")
    scandir = os.scandir

    def refusing(folder):
        if str(folder).endswith("lost"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    errors = []
    assert find_tracks(tmp_path / "in", leave_out=tmp_path / "out", on_error=errors.append) == ["a.wav"]
    assert str(errors[0]) == f"cannot read the folder {tmp_path / 'in' / 'lost'}: permission denied"


def done(folder, suffix="wav"):
    return {"status": "done", "outputs": {"bass": {"file": f"{folder}/bass.{suffix}"}}}


@pytest.mark.parametrize(
    ("tracks", "entries", "folders"),
    [
        (["a.wav", "b/a.wav"], {}, ["a", "b/a"]),
        (["a.flac", "a.mp3", "a.wav"], {}, ["a", "a.mp3", "a.wav"]),
        (["A.wav", "a.flac"], {}, ["A", "a.flac"]),
        (["\u00e9.wav", "e\u0301.ogg"], {}, ["\u00e9", "e\u0301.ogg"]),  # one name for macOS
        (["a.flac", "a.flac.ogg", "a.mp3"], {}, ["a", "a.flac", "a.mp3"]),
        (["a.b", "a.b.ogg", "a.ogg"], {"gone.b": done("a")}, ["a.b", "a.b.ogg", "a.ogg"]),
        (["journal.jsonl.wav"], {}, ["journal.jsonl.wav"]),
        # Stems that were written keep their folder if a new track sorts before theirs, and even if their track is gone.
        (["a.flac", "a.wav"], {"a.wav": done("a")}, ["a.flac", "a"]),
        (["a.wav"], {"a.flac": done("a")}, ["a.wav"]),
        (["a.wav"], {"a.flac": {"status": "failed"}}, ["a"]),
    ],
)
def test_folders_of_stems(tracks, entries, folders):
    assert stem_folders(tracks, entries) == dict(zip(tracks, folders, strict=True))


@pytest.mark.parametrize(
    ("tracks", "entries", "folders"),
    [
        (["a.wav", "a/vocals.mp3", "a/bass.mp3"], {}, ["a", "a/vocals", "a/bass"]),
        (["a.wav", "a/bass.mp3", "a/bass.wav"], {}, ["a", "a/bass", "a/bass.wav_"]),
        (["a.wav", "a/Bass.WAV.flac"], {}, ["a", "a/Bass.WAV.flac"]),
        (["a.wav", "a/bass.wav/deep/x.wav"], {}, ["a.wav", "a/bass.wav/deep/x"]),
        # The folder that is named like a stem, or the other format of the stem, is there already.
        (["a.wav", "a/bass.wav.mp3"], {"a/bass.wav.mp3": done("a/bass.wav")}, ["a.wav", "a/bass.wav"]),
        (["a.flac", "a/bass.mp3.wav"], {"a.flac": done("a", "mp3")}, ["a", "a/bass.mp3.wav"]),
    ],
)
def test_no_folder_has_the_name_of_a_stem(tracks, entries, folders):
    assert stem_folders(tracks, entries, ["bass.wav"]) == dict(zip(tracks, folders, strict=True))
