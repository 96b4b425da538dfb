"""Killed workers and servers, restarts, and the work folder's bounds."""

import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from data.make_model import GAINS
from helpers import is_alive, posix, wait_for

from lightsaft_infer import OutputError

studios = pytest.importorskip("studios")  # needs the extra `studio`, and httpx
httpx = pytest.importorskip("httpx")

from lightsaft_infer.studio.job import Job, Options, now  # noqa: E402
from lightsaft_infer.studio.work_folder import new_id  # noqa: E402

pytestmark = posix
MINUTES = 5


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A short song and a long one."""
    folder = tmp_path_factory.mktemp("songs")
    return studios.song_in(folder).read_bytes(), studios.long_song_in(folder, MINUTES).read_bytes()


def check_whole(folder):
    """No file under a final name is incomplete, and there is no other file."""
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name == "stems":
            assert soundfile.info(path).frames in (88200, MINUTES * 60 * 44100), path
        assert not path.name.endswith(".part"), path


def test_a_killed_worker_costs_one_track(model_path, tmp_path, songs):
    short, long = songs
    with studios.running(studios.settings_in(tmp_path, model_path)) as studio:
        first, second = studio.submit(long, "long.wav"), studio.submit(short)
        wait_for(lambda: studio.jobs.get(first).done > 1)
        os.kill(studio.jobs._working[first].process.pid, signal.SIGKILL)
        job = studio.wait(first)
        assert job["state"] == "failed"
        assert job["error"] == "the process that separated it ended (signal 9): long.wav"
        assert [path.name for path in studio.folder.job(first).rglob("*")] == ["job.json"]
        assert studio.wait(second)["state"] == "done"
        assert studio.client.post(f"/api/jobs/{first}/retry").json()["error"] is None
        wait_for(lambda: studio.jobs.get(first).state == "running")


def start(folder, model_path):
    """A studio in a process of its own, and its address."""
    command = [sys.executable, "-m", "lightsaft_infer", "studio", "--no-browser", "--port", "0", "--threads", "1"]
    command += ["--folder", str(folder), "--model", str(model_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process.stdout:
        return process, process.stdout.readline().strip()


def workers_of(pid):
    """The processes that a process has started."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def test_a_killed_studio_leaves_no_half_file_and_goes_on(model_path, tmp_path, songs):
    short, long = songs
    process, url = start(tmp_path, model_path)
    jobs = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for content, name in ((short, "short.wav"), (long, "long.wav")):
            upload = client.post("/api/uploads", params={"name": name}, content=content).json()
            jobs.append(client.post("/api/jobs", json={"upload": upload["id"]}).json()["id"])
        wait_for(lambda: client.get(f"/api/jobs/{jobs[1]}").json()["done"] > 1)
        workers = workers_of(process.pid)
        process.kill()
        process.wait()
    wait_for(lambda: not any(is_alive(worker) for worker in workers))
    growing = tmp_path / "jobs" / jobs[1] / "growing"
    assert not (tmp_path / "jobs" / jobs[1] / "stems").exists()
    half = tmp_path / "uploads" / "0123456789abcdef"  # of an upload that was on its way
    half.mkdir()
    (half / ".lightsaft-0.part").write_bytes(b"x")
    with studios.running(studios.settings_in(tmp_path, model_path)) as studio:
        finished, unfinished = studio.client.get("/api/jobs").json()
        assert (finished["id"], finished["state"], finished["name"]) == (jobs[0], "done", "short.wav")
        assert len(studio.client.get(f"/api/jobs/{jobs[0]}/stems.zip").content) > 4 * 88200 * 8
        assert unfinished["state"] in ("queued", "running")
        assert not half.exists()
        check_whole(tmp_path)
        wait_for(lambda: studio.jobs.get(jobs[1]).done > 1)
        assert growing.exists()
    check_whole(tmp_path)
    assert not growing.exists()


def test_a_terminated_studio_ends_its_workers(model_path, tmp_path, songs):
    process, url = start(tmp_path, model_path)
    with httpx.Client(base_url=url, timeout=60) as client, client.stream("GET", "/api/events") as answer:
        assert next(answer.iter_lines()).startswith("event")
        upload = client.post("/api/uploads", params={"name": "long.wav"}, content=songs[1]).json()
        client.post("/api/jobs", json={"upload": upload["id"]})
        wait_for(lambda: workers_of(process.pid))
        workers = workers_of(process.pid)
        process.terminate()
        assert process.wait(60) == 143
    wait_for(lambda: not any(is_alive(worker) for worker in workers))  # one that had just started ends a moment later


def test_two_studios_cannot_share_a_folder(model_path, tmp_path):
    settings = studios.settings_in(tmp_path, model_path)
    with (
        studios.running(settings),
        pytest.raises(OutputError, match="another studio is at work on this folder"),
        studios.running(settings),
    ):
        pass


@pytest.mark.parametrize("name", ["uploads", "jobs"])
def test_a_folder_of_somebody_else_is_left_alone(name, tmp_path):
    song = tmp_path / name / "album" / "song.wav"
    song.parent.mkdir(parents=True)
    song.touch()
    with pytest.raises(OutputError, match=f"expected no {name} in a new work folder, got .*{name} "):
        studios.WorkFolder(tmp_path)
    assert song.exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_stems_outlive_their_upload(tmp_path):
    def job(state):
        made = now()
        facts = {"upload": "gone", "name": "song.wav", "options": Options(), "stem_names": []}
        return Job(id=new_id(), state=state, created=made, consistency=True, residual=None, **facts)

    with contextlib.closing(studios.WorkFolder(tmp_path)) as folder:
        done, failed = job("done"), job("failed")
        for known in (done, failed):
            folder.save(known)
        assert folder.load() == [done]
        assert [path.name for path in folder.jobs.iterdir()] == [done.id]


def test_old_and_large_tracks_are_removed(model_path, tmp_path, songs):
    settings = studios.settings_in(tmp_path, model_path, workers=0, max_days=1, max_bytes=3_000_000)
    with studios.running(settings) as studio:
        old, large, kept = (studio.submit(songs[0], targets=[target]) for target in list(GAINS)[:3])
        for job in (old, large, kept):
            studio.jobs._change(studio.jobs.get(job), state="done", report="failed", finished=now())
        long_ago = now() - datetime.timedelta(days=2)
        studio.jobs._change(studio.jobs.get(old), finished=long_ago)
        studio.jobs.make_room()
        assert [job["id"] for job in studio.client.get("/api/jobs").json()] == [large, kept]
        studio.jobs.make_room(3_000_000 - studio.folder.bytes() + 1)
        assert [job["id"] for job in studio.client.get("/api/jobs").json()] == [kept]
        answer = studio.client.post("/api/uploads?name=a", content=bytes(3_000_001))
        assert (answer.status_code, "the work folder is full" in answer.json()["error"]) == (400, True)
        assert [job["id"] for job in studio.client.get("/api/jobs").json()] == [kept]  # its room would not be enough


def test_an_upload_that_no_job_needs_is_removed(model_path, tmp_path):
    with studios.running(studios.settings_in(tmp_path, model_path, workers=0)) as studio:
        old, new, needed = studio.upload(b"x"), studio.upload(b"x"), studio.upload(b"x")
        studio.client.post("/api/jobs", json={"upload": needed["id"]})
        for upload in (old, needed):
            folder = studio.folder.uploads / upload["id"]
            for path in (folder / "song.wav", folder):
                os.utime(path, (0, 0))
        studio.jobs.make_room()
        assert {folder.name for folder in studio.folder.uploads.iterdir()} == {new["id"], needed["id"]}


def test_the_number_of_jobs_is_bounded(model_path, tmp_path):
    with studios.running(studios.settings_in(tmp_path, model_path, workers=0, max_jobs=1)) as studio:
        studio.submit(b"x")
        upload = studio.upload(b"x")
        answer = studio.client.post("/api/jobs", json={"upload": upload["id"]})
        assert (answer.status_code, answer.json()["error"]) == (400, "expected at most 1 jobs (delete some)")


def test_a_work_folder_that_somebody_removes_costs_what_was_in_it(model_path, tmp_path, songs):
    long = studios.long_song_in(tmp_path, minutes=1).read_bytes()
    with studios.running(studios.settings_in(tmp_path / "work", model_path)) as studio:
        first = studio.submit(long, "long.wav")
        wait_for(lambda: studio.jobs.get(first).done > 1)
        shutil.rmtree(tmp_path / "work")
        assert studio.wait(first)["state"] == "failed"
        assert studio.wait(studio.submit(songs[0]))["state"] == "done"


def test_a_job_that_cannot_be_written_is_no_job(model_path, tmp_path, monkeypatch):
    with studios.running(studios.settings_in(tmp_path, model_path, workers=0)) as studio:
        upload = studio.upload(b"x")

        def fail(job):
            raise OutputError("cannot write: no space left on device")

        monkeypatch.setattr(studio.folder, "save", fail)
        answer = studio.client.post("/api/jobs", json={"upload": upload["id"]})
        assert (answer.status_code, answer.json()["error"]) == (400, "cannot write: no space left on device")
        assert studio.client.get("/api/jobs").json() == []


def test_an_unexpected_error_is_one_line(model_path, tmp_path, monkeypatch, caplog, capfd):
    with studios.running(studios.settings_in(tmp_path, model_path, workers=0)) as studio:

        def fail():
            raise RuntimeError("a fault\nof two lines")

        monkeypatch.setattr(studio.jobs, "all", fail)
        answer = studio.client.get("/api/jobs")
        text = "unexpected error, please report it (RuntimeError: a fault\\nof two lines): /api/jobs"
        assert (answer.status_code, answer.json()["error"]) == (500, text)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"lightsaft: error: {text}"
    ]
    assert "Traceback" not in capfd.readouterr().err


def test_text_that_cannot_be_encoded_is_escaped(model_path, tmp_path):
    with studios.running(studios.settings_in(tmp_path, model_path, workers=0)) as studio:
        content = f'{{"upload": "{studio.upload(b"x")["id"]}", "options": {{"subtype": "\\ud800"}}}}'
        answer = studio.client.post("/api/jobs", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, "\\ud800" in answer.json()["error"].lower()) == (400, True)
