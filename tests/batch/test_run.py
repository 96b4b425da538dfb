"""A catalogue: the tracks that are processed once or again, and the journal. In this process; `test_batch_command`
starts the command."""

import codecs
import json
import os

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS, gains_graph, write_model
from helpers import OPTIONS, inline, posix

from lightsaft_infer import LightSAFTError, Manifest, OutputError
from lightsaft_infer.batch.discover import find_tracks, stem_folders
from lightsaft_infer.batch.journal import NAME, Journal, read_journal
from lightsaft_infer.batch.local_workers import WorkerLost
from lightsaft_infer.batch.run import plan_batch, run_batch, worker_count
from lightsaft_infer.batch.task import file_digest


class Batch:
    """A folder of tracks and a folder of stems, with the tiny model."""

    def __init__(self, folder, manifest):
        self.tracks, self.out, self.manifest = folder / "in", folder / "out", manifest
        for number, name in enumerate(("a.wav", "deep/é b.flac", "deep/c.wav")):
            path = self.tracks / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise(2, 3000, seed=number).T * 0.9, 44100)

    def plan(self, check_digests=False, **changes):
        return plan_batch(
            find_tracks(self.tracks, leave_out=self.out, on_error=pytest.fail),
            self.tracks,
            self.out,
            self.manifest,
            options=OPTIONS | changes,
            check_digests=check_digests,
        )

    def reasons(self, check_digests=False, **changes):
        """Return {track: reason to process it} of the tracks that have a reason."""
        plan = self.plan(check_digests, **changes)
        return {item.track.name: item.reason for item in plan if item.reason is not None}

    def run(self, engine=inline, **changes):
        """Run the batch and return {track: status} of the processed tracks."""
        with Journal(self.out / NAME) as journal:
            return {entry["track"]: entry["status"] for entry in run_batch(self.plan(**changes), journal, engine)}

    def entries(self):
        return read_journal(self.out / NAME)

    def files(self):
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())


@pytest.fixture
def batch(tmp_path, manifest):
    return Batch(tmp_path, manifest)


def test_a_run_keeps_the_structure_and_journals_what_it_did(batch):
    assert batch.run() == dict.fromkeys(("a.wav", "deep/c.wav", "deep/é b.flac"), "done")
    stems = [f"{folder}/{target}.wav" for folder in ("a", "deep/c", "deep/é b") for target in GAINS]
    assert batch.files() == sorted([*stems, "journal.jsonl"])
    entry = batch.entries()["deep/é b.flac"]
    source = batch.tracks / "deep" / "é b.flac"
    mixture = soundfile.read(source, dtype="float32")[0].T
    assert entry["input"] == {
        "bytes": source.stat().st_size,
        "mtime_ns": source.stat().st_mtime_ns,
        "sha256": file_digest(source),
    }
    assert entry["model"] == batch.manifest.onnx.sha256
    assert entry["options"] == OPTIONS
    for target, gain in GAINS.items():
        path = batch.out / f"deep/é b/{target}.wav"
        np.testing.assert_allclose(soundfile.read(path)[0].T, gain * mixture, atol=1e-5)
        assert entry["outputs"][target] == {
            "file": f"deep/é b/{target}.wav",
            "bytes": path.stat().st_size,
            "sha256": file_digest(path),
        }
        assert entry["peaks"][target] == pytest.approx(abs(gain) * np.abs(mixture).max(), abs=1e-5)
    assert entry["seconds"] == 3000 / 44100
    assert entry["rtf"] == pytest.approx(entry["wall_seconds"] / entry["seconds"])
    assert entry["gain"] == 1
    assert entry["finished"].endswith("+00:00")


def test_tracks_beside_their_own_stems(batch):
    """The folder of a track cannot have the name of a stem of another one."""
    for name in ("a/vocals.wav", "a/vocals.flac"):
        path = batch.tracks / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, noise(2, 3000).T, 44100)
    assert set(batch.run().values()) == {"done"}
    assert batch.reasons() == {}


def test_run_again_nothing_is_done(batch):
    batch.run()
    before = (batch.out / NAME).read_bytes()
    assert batch.reasons() == {}
    assert batch.run() == {}
    assert (batch.out / NAME).read_bytes() == before


def change_size(batch):
    soundfile.write(batch.tracks / "a.wav", noise(2, 4000).T, 44100)


def change_time(batch):
    os.utime(batch.tracks / "a.wav", (1, 1))


def change_content(batch):
    """Change the content of a track, but neither its size nor its time."""
    path = batch.tracks / "a.wav"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-2:] = b"\1\1"
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def lose_a_stem(batch):
    (batch.out / "a" / "drums.wav").unlink()


def cut_a_stem(batch):
    os.truncate(batch.out / "a" / "drums.wav", 1000)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_size, "its size changed"),
        (change_time, "its time changed"),
        (lose_a_stem, "a/drums.wav is missing"),
        (cut_a_stem, "a/drums.wav has another size"),
    ],
)
def test_what_changed_is_done_again_and_nothing_else(batch, change, reason):
    batch.run()
    change(batch)
    assert batch.reasons() == {"a.wav": reason}
    assert batch.run() == {"a.wav": "done"}
    assert batch.reasons(check_digests=True) == {}
    assert soundfile.info(batch.out / "a" / "drums.wav").frames == soundfile.info(batch.tracks / "a.wav").frames


def test_digests_are_checked_where_asked_for(batch):
    batch.run()
    change_content(batch)
    assert batch.reasons() == {}
    assert batch.reasons(check_digests=True) == {"a.wav": "its digest changed"}


@pytest.mark.parametrize(
    "changes",
    [{"consistency": True}, {"format": "flac", "subtype": "PCM_24"}, {"clip": "clamp"}, {"targets": ["bass"]}],
)
def test_other_options_are_a_reason(batch, changes):
    batch.run()
    assert set(batch.reasons(**changes).values()) == {"the options changed"}
    assert len(batch.run(**changes)) == 3
    assert batch.reasons(**changes) == {}
    assert set(batch.reasons().values()) == {"the options changed"}


def test_another_model_is_a_reason(batch, tmp_path):
    batch.run()
    (tmp_path / "other").mkdir()
    batch.manifest = Manifest.from_file(write_model(tmp_path / "other", gains_graph(gains=(1, 1, 0, 0))))
    assert set(batch.reasons().values()) == {"the model changed"}
    assert len(batch.run()) == 3
    assert batch.reasons() == {}


def test_a_bad_track_is_journaled_and_tried_again(batch):
    bad = batch.tracks / "b.wav"
    bad.write_text("no audio")
    (batch.tracks / "gone.wav").symlink_to("nowhere")
    assert batch.run() == {
        **dict.fromkeys(("a.wav", "deep/c.wav", "deep/é b.flac"), "done"),
        **dict.fromkeys(("b.wav", "gone.wav"), "failed"),
    }
    assert str(bad) in batch.entries()["b.wav"]["error"]
    assert "no such file" in batch.entries()["gone.wav"]["error"]
    assert batch.reasons() == dict.fromkeys(("b.wav", "gone.wav"), "failed before")
    bad.unlink()
    soundfile.write(bad, noise(2, 100).T, 44100)
    assert batch.run() == {"b.wav": "done", "gone.wav": "failed"}


def test_left_over_half_files_of_a_track_are_removed(batch):
    part = batch.out / "a" / ".lightsaft-0123.part"
    part.parent.mkdir(parents=True)
    part.touch()
    batch.run()
    assert not part.exists()


def test_a_track_whose_process_dies_twice_has_failed(batch):
    part = batch.out / "a" / ".lightsaft-0123.part"
    part.parent.mkdir(parents=True)
    part.touch()

    def dying(function, tracks):
        for track in tracks:
            yield track, WorkerLost("signal 9") if track.name == "a.wav" else function(track)

    assert batch.run(dying)["a.wav"] == "failed"
    assert "signal 9" in batch.entries()["a.wav"]["error"]
    assert str(batch.tracks / "a.wav") in batch.entries()["a.wav"]["error"]
    assert not part.exists()


def test_stems_that_were_replaced_without_a_word_in_the_journal_do_not_count(batch):
    """A run with other options ends after a track's new stems, before their line; the stems have the old sizes."""

    def killed(function, tracks):
        function(next(tracks))
        (batch.out / "a" / ".lightsaft-0123.part").touch()
        raise KeyboardInterrupt
        yield

    batch.run()
    with pytest.raises(KeyboardInterrupt):
        batch.run(killed, consistency=True)
    assert batch.reasons() == {"a.wav": "not finished"}
    assert not list(batch.out.rglob("*.part"))


def test_a_torn_line_costs_its_track_alone(batch):
    batch.run()
    journal = batch.out / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    torn = json.loads(lines[-1])["track"]
    for cut in (1, len(lines[-1]) // 2, len(lines[-1]) - 2):
        journal.write_bytes(b"".join(lines)[: -len(lines[-1]) + cut])
        assert batch.reasons() == {torn: "new"}
        assert batch.run() == {torn: "done"}
        assert batch.reasons() == {}


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\x24\0\0\0WAVE",
        b"\0\0\0\x1cftypM4A \0\0\0\0",  # of M4A and MP4
        b'{\n "format": 1,\n "name": "gains"\n}\n',
        b'{"results": []}\n',
        b"\n\nNotes\n",
    ],
)
def test_a_file_that_is_no_journal_is_left_alone(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    for use in (Journal, read_journal):  # --dry-run only reads
        with pytest.raises(OutputError, match="expected a journal of lightsaft batch, got another file"):
            use(path)
    assert path.read_bytes() == content


def test_a_journal_that_was_sorted_or_torn_is_a_journal(tmp_path):
    path = tmp_path / NAME
    entry = {"track": "a.wav", "status": "failed", "error": "é"}
    for line in (json.dumps(entry, sort_keys=True), json.dumps(entry, separators=(",", ":"))):
        for before in (b"", b"\xef\xbb\xbf", b"\0" * 5000, b"\r\n", b'{"tra\n', b'{"track": "b.wav", "st\n'):
            path.write_bytes(before + line.encode() + b"\r\n")
            with Journal(path):
                pass
            read_journal(path)


@posix
def test_a_pipe_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="expected a journal of lightsaft batch, got another file"):
        read_journal(tmp_path / "pipe")


@pytest.mark.parametrize(
    "file", ["/tmp/x/bass.wav", "../in/a/bass.wav", "a/../../bass.wav", "bass.wav", "a\0/b", "\ud800/b"]
)
def test_a_journal_never_leads_out_of_its_folder(batch, file):
    batch.run()
    line = batch.entries()["a.wav"]
    line["outputs"]["bass"]["file"] = file
    (batch.out / NAME).write_text(json.dumps(line))
    assert batch.entries() == {}


def test_a_journal_that_went_through_an_editor(batch):
    batch.run()
    journal = batch.out / NAME
    journal.write_bytes(codecs.BOM_UTF8 + journal.read_bytes().replace(b"\n", b"\r\n"))
    assert batch.run() == {}


def test_stems_that_are_about_to_be_replaced_keep_their_folder(tmp_path):
    outputs = {"bass": {"file": "a/bass.wav"}}
    done = {"track": "a.wav", "status": "done", "input": {}, "model": "", "options": {}, "outputs": outputs}
    lines = [done, {"track": "a.wav", "status": "again"}, {"track": "a.wav", "status": "failed"}]
    (tmp_path / NAME).write_text("\n".join(map(json.dumps, lines)))
    entries = read_journal(tmp_path / NAME)
    assert entries["a.wav"]["status"] == "failed"
    assert stem_folders(["a.flac", "a.wav"], entries) == {"a.flac": "a.flac", "a.wav": "a"}


def test_two_runs_at_once_are_an_error(tmp_path):
    with Journal(tmp_path / NAME), pytest.raises(OutputError, match=f"another run .*{tmp_path}"):
        Journal(tmp_path / NAME)
    Journal(tmp_path / NAME).__exit__()


@pytest.mark.parametrize(("given", "workers"), [((None, 1, 4), 4), ((None, 2, 5), 2), ((3, 1, 4), 3), ((1, 4, 4), 1)])
def test_workers_by_cores(given, workers):
    assert worker_count(*given) == workers


@pytest.mark.parametrize("given", [(3, 2, 5), (None, 3, 2), (5, 1, 4)])
def test_more_threads_than_cores(given):
    with pytest.raises(LightSAFTError, match=f"expected {given[2]} cores to be enough"):
        worker_count(*given)
