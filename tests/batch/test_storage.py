"""URLs, by fsspec's file system in memory, in this process; `test_dask_workers` has them between processes."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS
from helpers import OPTIONS, inline

from lightsaft_infer import LightSAFTError, OutputError
from lightsaft_infer.batch import storage
from lightsaft_infer.batch.dask_workers import run_on_cluster
from lightsaft_infer.batch.discover import find_tracks
from lightsaft_infer.batch.journal import Journal, journal_path, read_journal
from lightsaft_infer.batch.run import plan_batch, run_batch
from lightsaft_infer.batch.task import file_digest


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


@pytest.fixture
def batch(memory, tmp_path, manifest):
    """Run the batch from one URL to another and return {track: status} of the processed tracks."""
    for number, name in enumerate(("a.wav", "deep/é #1.flac", ".hidden/b.wav", "deep/text.txt", "out/old/bass.wav")):
        soundfile.write(tmp_path / "song", noise(2, 3000, seed=number).T * 0.9, 44100, format="WAV", subtype="FLOAT")
        memory.makedirs(f"/music/{name}".rpartition("/")[0], exist_ok=True)
        memory.put_file(str(tmp_path / "song"), f"/music/{name}")
    places, path = ("memory://music/", "memory://music/out"), tmp_path / "journal.jsonl"

    def plan(**keywords):
        tracks = find_tracks(places[0], leave_out=places[1], on_error=pytest.fail)
        return plan_batch(tracks, *places, manifest, options=OPTIONS, journal=path, **keywords)

    def run():
        with Journal(path) as journal:
            return {entry["track"]: entry["status"] for entry in run_batch(plan(), journal, inline)}

    run.plan, run.journal = plan, path
    return run


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("memory://", "memory:///a.wav"),
        ("memory://music//", "memory://music/a.wav"),
        ("file:///", "file:///a.wav"),
        ("file:///music/", "file:///music/a.wav"),
        ("file://music", "file://{here}/music/a.wav"),
        ("file://", "file://{here}/a.wav"),
        ("simplecache::memory://", "simplecache::memory:///a.wav"),
    ],
)
def test_the_place_of_a_file_for_other_processes(tmp_path, monkeypatch, place, file):
    monkeypatch.chdir(tmp_path)
    assert storage.below(storage.absolute(place), "a.wav") == file.format(here=tmp_path)


def reasons(planned):
    return {item.track.name: item.reason for item in planned if item.reason is not None}


def test_a_batch_from_url_to_url(batch, memory, tmp_path):
    assert batch() == {"a.wav": "done", "deep/é #1.flac": "done"}
    stems = [f"/music/out/{folder}/{target}.wav" for folder in ("a", "deep/é #1") for target in GAINS]
    assert sorted(memory.find("/music/out")) == sorted([*stems, "/music/out/old/bass.wav"])
    entry = read_journal(batch.journal)["deep/é #1.flac"]
    assert entry["input"]["bytes"] == memory.info("/music/deep/é #1.flac")["size"]
    for target, gain in GAINS.items():
        memory.get_file(f"/music/out/deep/é #1/{target}.wav", str(tmp_path / "stem"))
        np.testing.assert_allclose(soundfile.read(tmp_path / "stem")[0].T, gain * 0.9 * noise(2, 3000, 1), atol=1e-5)
        assert entry["outputs"][target]["sha256"] == file_digest(tmp_path / "stem")
    assert reasons(batch.plan(check_digests=True)) == {}
    memory.rm_file("/music/out/a/bass.wav")
    memory.pipe_file("/music/deep/é #1.flac", b"no audio")
    assert reasons(batch.plan()) == {"a.wav": "a/bass.wav is missing", "deep/é #1.flac": "its size changed"}
    assert batch() == {"a.wav": "done", "deep/é #1.flac": "failed"}
    assert read_journal(batch.journal)["deep/é #1.flac"]["error"].endswith("memory://music/deep/é #1.flac")


def test_stems_are_no_tracks_where_one_of_the_folders_is_a_path_and_the_other_a_url(tmp_path):
    pytest.importorskip("fsspec")
    for name in ("a.wav", "out/a/bass.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for root, out in ((f"file://{tmp_path}", tmp_path / "out"), (tmp_path, f"file://{tmp_path}/out")):
        assert find_tracks(root, leave_out=out, on_error=pytest.fail) == ["a.wav"]
        with pytest.raises(LightSAFTError, match="that does not hold the tracks"):
            find_tracks(f"{root}/out", leave_out=f"file://{tmp_path}", on_error=pytest.fail)
    assert find_tracks(tmp_path, leave_out="s3://out", on_error=pytest.fail) == ["a.wav", "out/a/bass.wav"]


def test_a_digest_is_read_from_the_storage(batch, memory):
    batch()
    content = memory.cat_file("/music/a.wav")
    memory.pipe_file("/music/a.wav", content[:-1] + bytes([content[-1] ^ 1]))
    assert reasons(batch.plan()) == {}
    assert reasons(batch.plan(check_digests=True)) == {"a.wav": "its digest changed"}


def test_files_have_their_names_only_when_all_are_there(memory, tmp_path, monkeypatch):
    memory.pipe_file("/out/a", b"old")
    for name in "ab":
        (tmp_path / name).write_bytes(b"new")
    files = {tmp_path / name: f"memory://out/{name}" for name in "ab"}
    put, puts = type(memory).put_file, []

    def failing(self, source, target, **keywords):
        if puts:
            raise RuntimeError("no space")
        puts.append(target)
        put(self, source, target, **keywords)

    monkeypatch.setattr(type(memory), "put_file", failing)
    with pytest.raises(OSError, match="RuntimeError: no space: 'memory://out"):
        storage.upload(files)
    monkeypatch.undo()
    assert puts[0].startswith("/out/.lightsaft-")
    assert memory.find("/out") == ["/out/a"]
    assert memory.cat_file("/out/a") == b"old"
    storage.upload(files)
    assert {path: memory.cat_file(path) for path in memory.find("/out")} == {"/out/a": b"new", "/out/b": b"new"}


def test_an_object_store_takes_a_file_by_its_name(memory, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"new")
    monkeypatch.setattr(storage, "OBJECT_STORES", {"memory"})
    monkeypatch.setattr(type(memory), "mv", None)
    storage.upload({tmp_path / "a": "memory://out/a"})
    assert memory.cat_file("/out/a") == b"new"


def test_half_files_are_removed_and_nothing_else(memory):
    for name in (".lightsaft-1.part", ".lightsaft-1.txt", "bass.wav"):
        memory.pipe_file(f"/out/{name}", b"")
    storage.remove_parts_of("memory://out")
    storage.remove_parts_of("memory://none")
    assert memory.find("/out") == ["/out/.lightsaft-1.txt", "/out/bass.wav"]


def test_times_as_kinds_of_storage_tell_them():
    """The same moment, in the forms of files, of s3fs and of gcsfs."""
    pytest.importorskip("fsspec")
    import datetime

    moment = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    infos = [{"mtime": moment.timestamp()}, {"LastModified": moment}, {"updated": "2024-05-06T07:08:09Z"}]
    assert {storage._state(info | {"size": 1}) for info in infos} == {(1, 1714979289 * 10**9)}
    assert storage._state({"size": 2}) == (2, None)


def test_a_journal_is_a_file_of_this_machine(tmp_path):
    assert journal_path(tmp_path) == tmp_path / "journal.jsonl"
    assert journal_path("s3://out", tmp_path / "j") == tmp_path / "j"
    with pytest.raises(OutputError, match=r"expected the path of a journal \(journal=PATH or --journal\).*: s3://out"):
        journal_path("s3://out")
    with pytest.raises(OutputError, match="got a URL: s3://j"):
        journal_path(tmp_path, "s3://j")


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_double_colons_in_names(memory, tmp_path, manifest, protocol):
    """They are no chain of protocols below a URL."""
    root = tmp_path if protocol == "file" else "/music"
    place = f"{protocol}://{root}"
    names = ["name.wav", "a::b.wav", "d::e/f::g.wav", "::.wav", "file::x.wav"]
    soundfile.write(tmp_path / "song", noise(2, 3000).T * 0.9, 44100, format="WAV", subtype="FLOAT")
    for name in names:
        storage.upload({tmp_path / "song": f"{place}/in/{name}"})
    tracks = find_tracks(f"{place}/in", leave_out=f"{place}/out", on_error=pytest.fail)
    assert tracks == sorted(names)
    planned = plan_batch(
        tracks, f"{place}/in", f"{place}/out", manifest, options=OPTIONS, journal=tmp_path / "journal.jsonl"
    )
    with Journal(tmp_path / "journal.jsonl") as journal:
        entries = list(run_batch(planned, journal, inline))
    assert [entry["status"] for entry in entries] == ["done"] * len(tracks)
    folders = {name[:-4] for name in tracks}
    assert set(storage.list_files(f"{place}/out")) == {f"{name}/{target}.wav" for name in folders for target in GAINS}


def test_what_is_missing_is_told(monkeypatch, manifest, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LightSAFTError, match=r'Dask distributed: pip install "lightsaft\[cluster\]"'):
        list(run_on_cluster(print, [], address="tcp://a:1", manifest=manifest, out_dir=tmp_path))
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(LightSAFTError, match=r'pip install "lightsaft\[cluster\]": s3://music'):
        find_tracks("s3://music", leave_out="out", on_error=pytest.fail)


def test_paths_need_neither_fsspec_nor_distributed(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2, 3000).T, 44100)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('fsspec', 'dask', 'distributed')))\n"
        "from lightsaft_infer.cli import main\n"
        "sys.exit(main(['batch', *sys.argv[1:], '--dry-run']))"
    )
    command = [sys.executable, "-c", code, tmp_path, tmp_path / "out"]
    assert subprocess.run(command, check=True, capture_output=True).stdout.startswith(b"a.wav: new")
