"""Real instrumentals: taken out of a Debian package that the tests make, and laid out as a tree of songs."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import soundfile as sf
from lightsaft_train.__main__ import main
from lightsaft_train.errors import DataError
from lightsaft_train.pool.real import instrumentals, packages
from lightsaft_train.pool.real.instrumentals import Piece, pieces, uses, write_instrumentals
from lightsaft_train.pool.real.mashups import recipe

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
COLUMNS = ("package", "package version", "path inside the package", "unique_seconds", "genre", "licence", "kind")
RATE = 22050


def tone(hertz, seconds):
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def encoded(audio):
    file = io.BytesIO()
    sf.write(file, audio, RATE, format="OGG")
    return file.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files of a package, {path inside it: bytes}, and its .deb."""
    data = {f"usr/share/tiny/{name}.ogg": encoded(tone(hertz, 2)) for name, hertz in (("a", 300), ("b", 500))}
    data |= {f"usr/share/tiny/Song/{name}.ogg": encoded(tone(f, 2)) for name, f in (("song", 200), ("guitar", 900))}
    archive, inside = io.BytesIO(), encoded(tone(700, 3))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("music/c.ogg", inside)
    root = tmp_path_factory.mktemp("deb")
    for path, content in {**data, "usr/share/tiny/x.pk3": archive.getvalue()}.items():
        (root / "tiny" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "tiny" / path).write_bytes(content)
    control = "Package: tiny-music\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
    (root / "tiny" / "DEBIAN").mkdir()
    (root / "tiny" / "DEBIAN" / "control").write_text(control)
    if shutil.which("dpkg-deb"):
        command = ["dpkg-deb", "--build", "--root-owner-group", root / "tiny", root / "made.deb"]
        subprocess.run(command, check=True, capture_output=True)
    return {**data, "usr/share/tiny/x.pk3!music/c.ogg": inside}, root / "made.deb"


@pytest.fixture
def recordings(made, tmp_path, monkeypatch):
    """A folder of recordings whose list has the package's files, and an apt-get that downloads the package once."""
    data, deb = made
    folder = tmp_path / "recordings" / "accompaniment"
    folder.mkdir(parents=True)
    with open(folder / "instrumentals.tsv", "w", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow([*COLUMNS, "sha256", "keep"])
        for path, content in data.items():
            kind = "stem" if "guitar" in path else "music"
            digest = hashlib.sha256(content).hexdigest()
            table.writerow(["tiny-music", "1:2.0-1", path, 1.5, "rock", "GPL-2", kind, digest, "yes"])
        table.writerow(["tiny-music", "1:2.0-1", "usr/share/tiny/sung.ogg", 9, "rock", "GPL-2", "music", "0", "no"])
    programs = tmp_path / "bin"
    programs.mkdir()
    apt = programs / "apt-get"
    apt.write_text(
        f'#!/bin/sh\ntest ! -e "{tmp_path}/asked" || exit 1\n'
        f'echo "$@" > "{tmp_path}/asked"\ncp "{deb}" "tiny-music_1%3a2.0-1_all.deb"\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(instrumentals, "USES", tmp_path / "uses.tsv")
    (tmp_path / "uses.tsv").write_text("piece\tuse\treason\ntiny-music/b\tmashups\tsong 01\n")
    monkeypatch.setattr(instrumentals.uses, "__defaults__", (tmp_path / "uses.tsv",))
    return folder.parent


@needs_dpkg
def test_the_tree_of_a_package(recordings, tmp_path):
    tree = tmp_path / "tree"
    (tree / "tiny-music b").mkdir(parents=True)  # trained on before it was held out
    seen = []
    manifest = write_instrumentals(recordings, tree, progress=lambda *counts: seen.append(counts))
    assert (tmp_path / "asked").read_text() == "-q download tiny-music=1:2.0-1\n"
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    found = {path.relative_to(tree).as_posix() for path in tree.glob("*/*.wav")}
    names = ("a/drums+bass+other", "c/drums+bass+other", "Song/drums+bass+other", "Song guitar/other")
    assert found == {f"tiny-music {name}.wav" for name in names}
    audio, rate = sf.read(tree / "tiny-music a" / "drums+bass+other.wav")
    assert (audio.shape, rate) == ((round(1.5 * 44100), 2), 44100)
    spectrum = np.abs(np.fft.rfft(sf.read(tree / "tiny-music Song" / "drums+bass+other.wav")[0][:44100, 0]))
    assert set(np.argsort(spectrum)[-2:]) == {200, 900}  # the backing with its lead guitar
    assert manifest == json.loads((tree / "manifest.json").read_text())
    assert manifest["minutes"]["other"] == 0.0
    assert manifest["minutes"]["drums+bass+other"] == pytest.approx(0.1)
    assert manifest["sources"]["instrumental tiny-music/c"]["licence"] == "GPL-2"
    assert "instrumental tiny-music/b" not in manifest["sources"]


@needs_dpkg
def test_a_tree_goes_on_and_a_kept_package_is_not_downloaded_again(recordings, tmp_path):
    command = ["instrumentals", str(recordings), "-o", str(tmp_path / "tree"), "--packages", str(tmp_path / "debs")]
    assert main(command) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tree").glob("*/*.wav")}
    shutil.rmtree(tmp_path / "tree" / "tiny-music a")
    assert main(command) == 0  # apt-get would fail
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "tree").glob("*/*.wav")}
    assert set(before) == set(after)
    assert {path for path in before if before[path] != after[path]} == {
        tmp_path / "tree" / "tiny-music a" / "drums+bass+other.wav"
    }
    assert [path.suffix for path in (tmp_path / "debs").iterdir()] == [".deb"]


@needs_dpkg
def test_a_wrong_digest_a_missing_file_and_a_failing_download(recordings, made, tmp_path):
    path = "usr/share/tiny/a.ogg"
    good = {path: hashlib.sha256(made[0][path]).hexdigest()}
    with pytest.raises(DataError, match=r"expected SHA-256 00, got [0-9a-f]{64}: .*a.ogg in tiny-music 1:2.0-1"):
        packages.fetch("tiny-music", "1:2.0-1", {path: "00"}, tmp_path / "debs")
    with pytest.raises(DataError, match=r"did not find: usr/none.ogg"):
        packages.fetch("tiny-music", "1:2.0-1", {**good, "usr/none.ogg": "00"}, tmp_path / "debs")
    with pytest.raises(DataError, match=r"apt-get cannot download tiny-music=1:2.0-1"):
        packages.fetch("tiny-music", "1:2.0-1", good, tmp_path / "others")


def test_without_apt(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt-get is missing"):
        packages.fetch("tiny-music", "1", {}, tmp_path / "debs")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.ogg").write_bytes(b"no audio")
    with pytest.raises(DataError, match=r"a\.ogg"):
        instrumentals.read(tmp_path / "a.ogg", 1.0)
    with pytest.raises(DataError, match=r"expected a table with tabs .*accompaniment/instrumentals.tsv"):
        pieces(tmp_path)


def test_names():
    def name(path):
        return Piece("p", "1", path, 1.0, "rock", "GPL-2", "music", "0").name

    assert name("usr/x.pk3!music/ufo1.ogg") == "p/ufo1"
    assert name("usr/War/song.ogg") == "p/War"
    assert name("usr/War/guitar.ogg") == "p/War guitar"


def test_what_the_mashups_play_is_not_trained_on():
    kept_out = uses()
    assert set(kept_out.values()) == {"mashups", "left out"}
    for row in recipe():
        assert kept_out[row.instrumental] == "mashups"
