"""Studios that run in a thread, with the tiny model, and clients for them."""

import contextlib
import dataclasses
import json
import threading
import time

import pytest
import soundfile
from conftest import noise
from helpers import wait_for

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

from lightsaft_infer.studio import Settings  # noqa: E402
from lightsaft_infer.studio.app import create_app  # noqa: E402
from lightsaft_infer.studio.jobs import Jobs  # noqa: E402
from lightsaft_infer.studio.server import listen, server_of  # noqa: E402
from lightsaft_infer.studio.work_folder import WorkFolder  # noqa: E402


@dataclasses.dataclass
class Running:
    """A studio that runs, and what a test needs of it."""

    url: str
    port: int
    jobs: Jobs
    folder: WorkFolder
    client: httpx.Client

    def upload(self, content, name="song.wav"):
        answer = self.client.post("/api/uploads", params={"name": name}, content=content)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def submit(self, content, name="song.wav", **options):
        upload = self.upload(content, name)
        answer = self.client.post("/api/jobs", json={"upload": upload["id"], "options": options})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def job(self, job):
        return self.client.get(f"/api/jobs/{job}").json()

    def wait(self, job, *states):
        wait_for(lambda: self.jobs.get(job).state in (states or ("done", "failed")))
        return self.job(job)


@contextlib.contextmanager
def running(settings):
    with (
        contextlib.closing(listen(settings.host, settings.port)) as listening,
        contextlib.closing(WorkFolder(settings.folder)) as folder,
        contextlib.closing(Jobs(folder, settings)) as jobs,
    ):
        server = server_of(create_app(jobs, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(base_url=url, timeout=60) as client:
                yield Running(url, port, jobs, folder, client)
        finally:
            server.should_exit = True
            thread.join()


def settings_in(folder, model_path, **fields):
    return Settings(folder=folder, model=model_path, threads=1, **fields)


def song_in(folder):
    """A WAV file of 2 s of noise."""
    path = folder / "song.wav"
    soundfile.write(path, 0.5 * noise(2, 88200).T, 44100, subtype="FLOAT")
    return path


def long_song_in(folder, minutes=10):
    """A WAV file that takes some seconds to separate."""
    path = folder / "long.wav"
    with soundfile.SoundFile(path, "w", 44100, 2, "PCM_16") as sound:
        for seed in range(6 * minutes):
            sound.write(0.1 * noise(2, 441000, seed % 2).T)
    return path


def events(client, seconds=30):
    """Yield the events of a studio as (name, data)."""
    end = time.monotonic() + seconds
    with client.stream("GET", "/api/events") as answer:
        name = ""
        for line in answer.iter_lines():
            field, _, text = line.partition(": ")
            if field == "event":
                name = text
            elif field == "data":
                yield name, json.loads(text)
            if time.monotonic() > end:
                return
