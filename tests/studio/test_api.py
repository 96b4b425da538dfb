"""The API of a studio: uploads, jobs, events, stems and players, by requests over HTTP."""

import concurrent.futures
import io
import socket
import time
import zipfile

import numpy as np
import pytest
import soundfile
from conftest import noise
from data.make_model import GAINS
from helpers import wait_for

from lightsaft_infer.audio import OUTPUT_FORMATS

studios = pytest.importorskip("studios")  # needs the extra `studio`, and httpx


@pytest.fixture(scope="module")
def studio(model_path, tmp_path_factory):
    with studios.running(studios.settings_in(tmp_path_factory.mktemp("studio"), model_path)) as studio:
        yield studio


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return studios.song_in(tmp_path_factory.mktemp("song")).read_bytes()


@pytest.fixture(scope="module")
def done(studio, song):
    """The finished job of the song."""
    job = studio.wait(studio.submit(song, "My song.wav"))
    assert job["state"] == "done", job
    return job


def test_the_stems_are_those_of_the_model(studio, song, done):
    mixture, _ = soundfile.read(io.BytesIO(song))
    assert [stem["name"] for stem in done["stems"]] == list(GAINS)
    stems = {}
    for name in GAINS:
        answer = studio.client.get(f"/api/jobs/{done['id']}/stems/{name}")
        assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''My%20song%20%28{name}%29.wav"
        stems[name], rate = soundfile.read(io.BytesIO(answer.content))
        assert rate == 44100
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-5)
    assert (done["done"], done["left"], done["error"], done["notes"]) == (2, None, None, [])


def test_all_stems_in_a_zip(studio, done):
    answer = studio.client.get(f"/api/jobs/{done['id']}/stems.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"My song/{name}.wav" for name in GAINS]
        for name in GAINS:
            expected = studio.client.get(f"/api/jobs/{done['id']}/stems/{name}").content
            assert archive.read(f"My song/{name}.wav") == expected


def test_a_stem_that_somebody_has_removed(studio, done):
    path = studio.jobs.folder.job(done["id"]) / "stems" / "drums.wav"
    aside = path.rename(path.with_name("aside"))
    try:
        for url in ("stems/drums", "stems.zip"):
            answer = studio.client.get(f"/api/jobs/{done['id']}/{url}")
            assert answer.status_code == 404, url
            assert "no longer in the work folder" in answer.json()["error"]
    finally:
        aside.rename(path)


def test_ranges_of_a_stem_and_of_a_player(studio, done):
    for kind, size in (("stems", 88200 * 8), ("players", 88200 * 4)):
        url = f"/api/jobs/{done['id']}/{kind}/vocals"
        whole = studio.client.get(url)
        assert whole.headers["accept-ranges"] == "bytes"
        assert size < len(whole.content) < size + 200
        for header, part in (
            ("0-9", slice(0, 10)),
            ("41-60", slice(41, 61)),
            ("1001-", slice(1001, None)),
            ("-7", slice(-7, None)),
        ):
            answer = studio.client.get(url, headers={"range": f"bytes={header}"})
            assert answer.status_code == 206
            assert answer.content == whole.content[part], (kind, header)
        assert studio.client.get(url, headers={"range": "bytes=9999999-"}).status_code == 416


def test_ranges_of_a_player_that_are_ignored(studio, done):
    url = f"/api/jobs/{done['id']}/players/vocals"
    whole = studio.client.get(url).content
    for header in ("bytes=5-3", "bytes=-", "bytes=0-1,4-5", "bytes=0-" + 5000 * "9"):
        answer = studio.client.get(url, headers={"range": header})
        assert (answer.status_code, answer.content == whole) == (200, True), header[:20]
    for header, status in (("bytes=0-", 206), ("bytes=-0", 416), (f"bytes={len(whole)}-", 416)):
        assert studio.client.get(url, headers={"range": header}).status_code == status, header
    changed = {"range": "bytes=0-9", "if-range": '"another version"'}
    assert studio.client.get(url, headers=changed).content == whole


def test_a_player_is_the_stem_in_16_bits(studio, done):
    stem, _ = soundfile.read(io.BytesIO(studio.client.get(f"/api/jobs/{done['id']}/stems/drums").content))
    params = {"seconds": 0.5, "gain": 0.5}
    answer = studio.client.get(f"/api/jobs/{done['id']}/players/drums", params=params)
    assert soundfile.info(io.BytesIO(answer.content)).subtype == "PCM_16"
    heard, _ = soundfile.read(io.BytesIO(answer.content))
    np.testing.assert_allclose(heard, 0.5 * stem[:22050], atol=1 / 32768)


def test_the_report_plays_the_mixture_and_the_stems(studio, song, done):
    url = f"/api/jobs/{done['id']}/report"
    studio.client.get(url)  # it is then written next
    wait_for(lambda: studio.jobs.get(done["id"]).report == "ready")
    page = studio.client.get(url)
    assert page.headers["content-security-policy"] == "frame-ancestors 'self'"
    links = [f'data-link="players/{name}"' for name in ("Mixture", *GAINS)]
    assert [link for link in links if link in page.text] == links
    assert "My song.wav" in page.text
    answer = studio.client.get(f"/api/jobs/{done['id']}/players/Mixture")
    heard, _ = soundfile.read(io.BytesIO(answer.content))
    np.testing.assert_allclose(heard, soundfile.read(io.BytesIO(song))[0], atol=1 / 32768)


def test_a_part_in_two_stems_as_mp3(studio, song):
    job = studio.wait(studio.submit(song, two_stems="vocals", format="mp3", bitrate="128k", start=0.5, duration=1))
    assert [stem["file"] for stem in job["stems"]] == ["vocals.mp3", "instrumental.mp3"]
    content = studio.client.get(f"/api/jobs/{job['id']}/stems/vocals").content
    assert soundfile.info(io.BytesIO(content)).frames == 44100
    wait_for(lambda: studio.jobs.get(job["id"]).report == "ready")  # though MP3 cannot be compared to the sample
    studio.client.delete(f"/api/jobs/{job['id']}")


def test_events_report_progress_and_the_end(studio, song):
    job = studio.submit(song)
    seen = []
    for name, data in studios.events(studio.client):
        if name == "job" and data["id"] == job:
            seen.append(data)
            if data["state"] == "done":
                break
    assert [entry["done"] for entry in seen] == sorted(entry["done"] for entry in seen)
    assert seen[-1]["done"] == 2
    studio.client.delete(f"/api/jobs/{job}")
    ids = next(data for name, data in studios.events(studio.client) if name == "jobs")
    assert job not in ids
    assert not studio.folder.job(job).exists()


def test_a_job_can_be_removed_while_its_report_is_written(studio, song, monkeypatch):
    from lightsaft_infer.studio import jobs

    started = []
    original = jobs.WorkerProcess
    monkeypatch.setattr(jobs, "WorkerProcess", lambda function: started.append(function) or original(function))
    job = studio.submit(song)
    studio.wait(job)
    wait_for(lambda: len(started) == 2)
    studio.client.delete(f"/api/jobs/{job}")
    assert not studio.folder.job(job).exists()
    assert len(started) == 2  # the report was not begun again


def test_what_is_done_can_be_heard_and_a_job_can_be_cancelled(studio, tmp_path):
    long_song = studios.long_song_in(tmp_path)
    job = studio.submit(long_song.read_bytes(), "long.wav", consistency=False)
    wait_for(lambda: studio.jobs.get(job).done > 2)
    state = studio.job(job)
    assert state["state"] == "running"
    assert state["left"] > 0
    url = f"/api/jobs/{job}/players/vocals"
    heard, _ = soundfile.read(io.BytesIO(studio.client.get(url, params={"seconds": 2}).content))
    expected, _ = soundfile.read(long_song, stop=88200)
    np.testing.assert_allclose(heard, expected, atol=2 / 32768)  # the first gain is 1
    assert studio.client.get(url, params={"seconds": 599}).status_code == 404
    assert studio.client.get(f"/api/jobs/{job}/stems/vocals").status_code == 404
    assert studio.client.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
    wait_for(lambda: not studio.jobs._working)
    assert [path.name for path in studio.folder.job(job).rglob("*")] == ["job.json"]
    assert studio.client.get(url, params={"seconds": 2}).status_code == 404
    assert studio.client.post(f"/api/jobs/{job}/retry").json()["state"] == "queued"
    studio.client.delete(f"/api/jobs/{job}")
    assert not studio.folder.job(job).exists()
    assert list(studio.folder.uploads.glob("*/long.wav")) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty: song.wav"),
        (b"This is a text.\n" * 100, "song.wav"),
    ],
    ids=["empty", "text"],
)
def test_errors_are_in_the_words_of_the_command_line(studio, tmp_path, capsys, content, text):
    from lightsaft_infer.cli import main

    path = tmp_path / "song.wav"
    path.write_bytes(content)
    assert main(["separate", str(path), "-o", str(tmp_path / "stems")]) == 1
    printed = capsys.readouterr().err.strip().removeprefix("lightsaft: error: ").replace(f"{tmp_path}/", "")
    job = studio.wait(studio.submit(content))
    assert (job["state"], job["error"]) == ("failed", printed)
    assert "song.wav" in printed


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"targets": ["piano"]}, "piano"),
        ({"targets": []}, "options.targets"),
        ({"format": "flac", "subtype": "VORBIS"}, "expected one of the subtypes"),
        ({"format": "mp3", "bitrate": "9k"}, "9k"),
        ({"targets": ["bass"], "consistency": True}, "needs all targets"),
        ({"targets": ["bass"], "two_stems": "bass"}, "got both"),
        ({"format": "exe"}, "options.format"),
        ({"start": -1}, "options.start"),
        ({"colour": "red"}, "options.colour"),
    ],
)
def test_wrong_options_are_refused(studio, song, options, text):
    upload = studio.upload(song)
    answer = studio.client.post("/api/jobs", json={"upload": upload["id"], "options": options})
    assert answer.status_code == 400
    assert text in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "url", "content", "code"),
    [
        ("GET", "/api/nothing", None, 404),
        ("DELETE", "/api/jobs", None, 405),
        ("POST", "/api/jobs", b"{\xff", 400),
        ("GET", "/api/jobs/nothing", None, 404),
    ],
)
def test_all_errors_have_one_form(studio, method, url, content, code):
    answer = studio.client.request(method, url, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == code
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("upload", ["0" * 16, "../jobs", "", "..", "%2e%2e", "\0", "a" * 5000])
def test_an_upload_that_is_not_there(studio, tmp_path, monkeypatch, upload):
    (tmp_path / "missing").touch()  # no file of the working folder is one
    monkeypatch.chdir(tmp_path)
    answer = studio.client.post("/api/jobs", json={"upload": upload})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.wav",
        "..\\..\\evil.wav",
        "/etc/passwd",
        ".lightsaft-x.part",
        "a\0b\n.wav",
        "...",
        "",
        "ö" * 300 + ".wav",
    ],
)
def test_names_never_leave_the_work_folder(studio, name):
    before = {path for path in studio.folder.path.parent.rglob("*") if studio.folder.path not in path.parents}
    upload = studio.upload(b"x", name)
    (file,) = (studio.folder.uploads / upload["id"]).iterdir()
    assert file.name == upload["name"]
    assert file.parent.parent == studio.folder.uploads
    assert not file.name.startswith(".")
    assert len(file.name.encode()) <= 160
    after = {path for path in studio.folder.path.parent.rglob("*") if studio.folder.path not in path.parents}
    assert after == before


@pytest.mark.parametrize(
    "path", ["stems/..%2f..%2fjob.json", "stems/job.json", "players/..%2f..%2fjob.json", "stems/%2e%2e"]
)
def test_no_other_file_is_sent(studio, done, path):
    assert studio.client.get(f"/api/jobs/{done['id']}/{path}").status_code == 404


def test_fifty_uploads_at_once(studio):
    content = noise(2, 250_000).tobytes()

    def one(number):
        return studio.upload(content, f"{number}.wav")

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        uploads = list(pool.map(one, range(50)))
    assert len({upload["id"] for upload in uploads}) == 50
    for number, upload in enumerate(uploads):
        assert (studio.folder.uploads / upload["id"] / f"{number}.wav").read_bytes() == content


def test_as_many_uploads_as_are_allowed_come_through(studio, song, monkeypatch):
    monkeypatch.setattr("lightsaft_infer.studio.uploads.MAX_AT_ONCE", 1)
    refused = []

    def blocks():
        yield song[:1000]
        wait_for(lambda: any(studio.folder.uploads.glob("*/.*")))
        refused.append(studio.client.post("/api/uploads?name=second.wav", content=song).status_code)
        yield song[1000:]

    with studios.httpx.Client(base_url=studio.url, timeout=60) as client:
        assert client.post("/api/uploads?name=first.wav", content=blocks()).json()["bytes"] == len(song)
    assert refused == [429]
    studio.upload(song)


def test_a_file_can_be_named_below_the_folder_of_music_only(studio, model_path, tmp_path, song):
    assert studio.client.post("/api/files", json={"path": "song.wav"}).status_code == 404
    music = tmp_path / "music"
    (music / "album").mkdir(parents=True)
    (music / "album" / "song.wav").write_bytes(song)
    (tmp_path / "secret.wav").write_bytes(song)
    (music / "link.wav").symlink_to(tmp_path / "secret.wav")
    settings = studios.settings_in(tmp_path / "work", model_path, workers=0, music=music)
    with studios.running(settings) as named:
        answer = named.client.post("/api/files", json={"path": "album/song.wav"})
        assert answer.status_code == 201
        assert answer.json()["name"] == "song.wav"
        job = named.client.post("/api/jobs", json={"upload": answer.json()["id"]}).json()
        assert named.folder.upload(job["upload"]).read_bytes() == song
        named.client.delete(f"/api/jobs/{job['id']}")
        assert (music / "album" / "song.wav").read_bytes() == song
        for path in ("../secret.wav", str(tmp_path / "secret.wav"), "link.wav", "album", "", "a\0", "no.wav"):
            assert named.client.post("/api/files", json={"path": path}).status_code == 404, path


def request(studio, *lines):
    """A socket on which the head of an upload was sent."""
    head = ["POST /api/uploads?name=song.wav HTTP/1.1", f"Host: 127.0.0.1:{studio.port}", *lines, "", ""]
    connection = socket.create_connection(("127.0.0.1", studio.port))
    connection.sendall("\r\n".join(head).encode())
    return connection


def test_a_client_that_goes_away_leaves_nothing(studio):
    before = set(studio.folder.uploads.iterdir())
    with request(studio, "Content-Length: 1000000") as connection:
        connection.sendall(bytes(100_000))
        wait_for(lambda: set(studio.folder.uploads.iterdir()) != before)
    wait_for(lambda: set(studio.folder.uploads.iterdir()) == before)


def test_a_slow_client_does_not_hold_up_others_and_is_sent_away(model_path, tmp_path, song):
    slow = studios.settings_in(tmp_path, model_path, patience=0.5, max_upload=len(song))
    with studios.running(slow) as studio, request(studio, "Content-Length: 700000") as connection:
        for _ in range(4):  # it is slow, but does not stand still
            connection.sendall(bytes(1000))
            time.sleep(0.2)
            assert studio.client.get("/api/jobs").json() == []
        studio.upload(song)
        assert b" 408 " in connection.recv(100)
        wait_for(lambda: len(list(studio.folder.uploads.iterdir())) == 1)
        # And the limit on the size, declared or not.
        assert studio.client.post("/api/uploads?name=a", content=song + b"x").status_code == 413
        assert studio.client.post("/api/uploads?name=a", content=iter([song, b"x"])).status_code == 413
        assert len(list(studio.folder.uploads.iterdir())) == 1


def test_the_openapi_document(studio):
    document = studio.client.get("/openapi.json").json()
    formats = document["components"]["schemas"]["Options"]["properties"]["format"]["enum"]
    assert sorted(formats) == sorted(suffix[1:] for suffix in OUTPUT_FORMATS)
    paths = document["paths"]
    assert {"/api/uploads", "/api/jobs", "/api/jobs/{job}", "/api/events", "/api/jobs/{job}/stems.zip"} <= set(paths)
    for path in paths.values():
        for operation in path.values():
            assert operation["description"]
    assert studio.client.get("/docs").status_code == 404
