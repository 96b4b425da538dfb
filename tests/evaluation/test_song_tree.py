"""Layouts of references and estimates, and their matches."""

import itertools
import os

import pytest

from lightsaft_infer import ArgumentError, EvaluationError
from lightsaft_infer.evaluation.song_tree import find_songs, match

MUSDB = ("mixture", "vocals", "drums", "bass", "other")


@pytest.fixture
def tree(tmp_path):
    """Make files by their paths below a folder."""

    def make(name, *paths):
        for path in paths:
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return tmp_path / name

    return make


def found(folder):
    songs = find_songs(folder)
    return {
        song: {k: path.relative_to(folder).as_posix() for k, path in stems.items()} for song, stems in songs.items()
    }


def test_musdb18_hq(tree):
    musdb = tree("musdb", *(f"{part}/A - {part}/{stem}.wav" for part in ("train", "test") for stem in MUSDB))
    assert list(find_songs(musdb)) == ["test/A - test", "train/A - train"]
    assert list(find_songs(musdb / "test")) == ["A - test"]
    assert found(musdb / "test" / "A - test") == {".": {stem: f"{stem}.wav" for stem in sorted(MUSDB[1:])}}


def test_suffixes_and_what_is_no_stem(tree):
    files = ("b/x.wav", "a/x.FLAC", "a/y.ogg", "a/mixture.wav", "a/._x.wav", "a/x.txt", ".c/x.wav", "d/mixture.wav")
    assert found(tree("songs", *files)) == {"a": {"x": "a/x.FLAC", "y": "a/y.ogg"}, "b": {"x": "b/x.wav"}}


def test_exports_of_a_mixture_belong_to_its_folder(tree):
    assert found(tree("out", "test/A/mixture/bass.wav")) == {"test/A": {"bass": "test/A/mixture/bass.wav"}}


@pytest.mark.parametrize("other", ["A/bass.flac", "A/mixture/bass.wav"])
def test_two_files_of_one_stem(tree, other):
    with pytest.raises(EvaluationError, match=r"one file of bass, got two: .*bass\.(wav|flac) and .*bass\.(wav|flac)"):
        find_songs(tree("out", "A/bass.wav", other))


def test_links(tree):
    """Links to songs in other places are followed, links to a folder above are not."""
    songs, others = tree("songs", "a/x.wav"), tree("others", "x.wav")
    try:
        os.symlink(others, songs / "b", target_is_directory=True)
        os.symlink(songs, songs / "a" / "up", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert list(find_songs(songs)) == ["a", "b"]
    for name in "cde":
        tree("circle", f"{name}/x.wav")
    circle = songs.parent / "circle"
    for name, other in itertools.permutations("cde", 2):
        os.symlink(circle / other, circle / name / f"to {other}", target_is_directory=True)
    assert list(find_songs(circle)) == ["c", "d", "e"]


def test_matching(tree):
    references = tree("references", "A/bass.wav", "A/drums.wav", "B/bass.wav")
    estimates = tree("estimates", "A/bass.flac", "A/drums.wav", "A/piano.wav", "B/bass.ogg", "C/bass.wav")
    matches = match(references, estimates)
    assert matches.pairs == {
        "A": {
            "bass": (references / "A/bass.wav", estimates / "A/bass.flac"),
            "drums": (references / "A/drums.wav", estimates / "A/drums.wav"),
        },
        "B": {"bass": (references / "B/bass.wav", estimates / "B/bass.ogg")},
    }
    assert (matches.missing, matches.unreferenced) == ((), 2)


def test_missing_stems_and_songs_are_named(tree):
    references = tree("references", "A/bass.wav", "A/drums.wav", "B/bass.wav")
    estimates = tree("estimates", "A/bass.wav", "B/piano.wav")
    with pytest.raises(EvaluationError, match=r"none of A/drums, B/bass: .*estimates$"):
        match(references, estimates)
    matches = match(references, estimates, allow_missing=True)
    assert {song: list(stems) for song, stems in matches.pairs.items()} == {"A": ["bass"]}
    assert (matches.missing, matches.unreferenced) == ((("A", "drums"), ("B", "bass")), 1)


@pytest.mark.parametrize(
    ("estimate", "found"),
    [
        ("A/bass.mp3", True),
        ("A/Bass.wav", True),
        ("a/bass.wav", True),
        ("A/model/bass.wav", True),
        ("model/A/bass.wav", True),
        ("B/bass.wav", False),
        ("A/.bass.mp3", False),
        ("A/double bass.wav", False),
    ],
)
def test_what_may_be_meant_is_named(tree, estimate, found):
    references, estimates = tree("references", "A/bass.wav", "A/drums.wav"), tree("estimates", "A/drums.wav", estimate)
    named = rf" \(found {estimate}\)" if found else ""
    with pytest.raises(EvaluationError, match=rf"none of A/bass{named}: .*estimates$"):
        match(references, estimates)
    matches = match(references, estimates, allow_missing=True)
    assert matches.found == ({("A", "bass"): estimate} if found else {})


def test_many_missing_stems_are_counted(tree):
    references = tree("references", *(f"{number}/bass.wav" for number in range(8)))
    with pytest.raises(EvaluationError, match=r"none of 0/bass, 1/bass, 2/bass, 3/bass, 4/bass and 3 more: "):
        match(references, tree("estimates", "x/bass.wav"))
    with pytest.raises(EvaluationError, match="an estimate of every reference"):
        match(references, tree("estimates", "x/bass.wav"), allow_missing=True)  # nothing is left to score


def test_targets(tree):
    references = tree("references", "A/bass.wav", "A/drums.wav", "B/drums.wav")
    estimates = tree("estimates", "A/bass.wav", "A/drums.wav")
    matches = match(references, estimates, targets=["bass"])
    assert {song: list(stems) for song, stems in matches.pairs.items()} == {"A": ["bass"]}
    assert (matches.missing, matches.unreferenced) == ((), 0)
    for targets, got in ((["bass", "voice"], "voice"), ([], "none")):
        with pytest.raises(EvaluationError, match=rf"that have references, bass, drums, got {got}: .*references"):
            match(references, estimates, targets=targets)


def test_folders_that_are_none(tree, tmp_path):
    references = tree("references", "A/bass.wav")
    with pytest.raises(EvaluationError, match=r"cannot read .*nowhere: "):
        match(references, tmp_path / "nowhere")
    with pytest.raises(EvaluationError, match=r"cannot read .*bass\.wav: "):
        match(references / "A" / "bass.wav", references)
    with pytest.raises(EvaluationError, match=r"expected folders of stems.*got none: .*mixtures"):
        match(tree("mixtures", "A/mixture.wav"), references)


def test_arguments_of_other_types_are_an_error(tree):
    references = tree("references", "A/bass.wav")
    for folder in (None, 3, b"references", "a\0b"):
        with pytest.raises(ArgumentError, match="expected the path of a folder"):
            match(folder, references)
    for targets in ("bass", 3):
        with pytest.raises(ArgumentError, match="expected targets as a list of names, got "):
            match(references, references, targets=targets)
    with pytest.raises(EvaluationError, match="that have references, bass, got 1: "):
        match(references, references, targets=[1])
    assert match(references, references, targets=iter(["bass"])).pairs.keys() == {"A"}
