"""A batch on a Dask cluster of processes on this machine: a scheduler and two workers, which are killed."""

import collections
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from conftest import noise
from data import cluster_tasks
from data.make_model import GAINS, gains_graph, write_model
from helpers import OPTIONS, check_whole, journal, wait_for

import lightsaft_infer
from lightsaft_infer import LightSAFTError, Manifest
from lightsaft_infer.batch.dask_workers import run_on_cluster
from lightsaft_infer.batch.local_workers import WorkerLost
from lightsaft_infer.batch.track import Track
from lightsaft_infer.cli import main

distributed = pytest.importorskip("distributed")
pytest.importorskip("fsspec")
FRAMES = 60_000
TRACKS = 12


class Cluster:
    """A scheduler and workers of one thread each, without nannies: a killed worker is not started again."""

    def __init__(self, folder):
        self.folder, self.file, self.processes = folder, folder / "scheduler.json", []
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self.file))
        wait_for(lambda: self.file.exists() and self.file.read_text().rstrip().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self):
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder / "scratch"))
        return self._start("worker", self.address, *options, "--host", "127.0.0.1")

    def _start(self, kind, *arguments):
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        with open(self.folder / "log", "ab") as log:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments, "--no-dashboard"]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": paths})
        self.processes.append(process)
        return process


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = None
    try:
        cluster = Cluster(folder)
        yield cluster
    finally:
        for process in cluster.processes if cluster else ():
            process.kill()
            process.wait()


@pytest.fixture
def catalogue(tmp_path):
    for number in range(TRACKS):
        path = tmp_path / "in" / f"album {number % 3}" / f"é #{number}%20.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(2, FRAMES, seed=number).T * 0.9, 44100, subtype="FLOAT")
    return tmp_path / "in"


@pytest.fixture
def start(model_path, catalogue, cluster, tmp_path):
    """Start the command in a process of its own."""

    def start(*arguments, source=catalogue, out=tmp_path / "out"):
        command = [sys.executable, "-m", "lightsaft_infer", "batch", source, out, "--model", model_path]
        return subprocess.Popen(
            [*map(str, command), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def tracks_of(names, tmp_path, manifest):
    common = {"source": "", "out": str(tmp_path), "model": str(manifest.path), "model_sha256": manifest.onnx.sha256}
    options = OPTIONS | {"notes": str(tmp_path)}
    return [Track(name, folder=name, threads=1, options=options, **common) for name in names]


def engine(cluster, function, tracks, manifest, tmp_path):
    return run_on_cluster(function, tracks, address=cluster.address, manifest=manifest, out_dir=tmp_path)


@pytest.mark.parametrize("urls", [False, True])
def test_a_worker_is_killed_half_way_and_every_track_is_there_once_and_whole(cluster, start, tmp_path, urls):
    workers = [cluster.add_worker(), cluster.add_worker()]
    out = tmp_path / "out"
    if urls:
        places = {"source": f"file://{tmp_path}/in", "out": f"file://{out}/"}
        form = ["--journal", str(out / "journal.jsonl"), "--cluster", str(cluster.file)]
    else:
        places, form = {}, ["--cluster", cluster.address]
    process = start(*form, **places)
    wait_for(lambda: process.poll() is not None or len(journal(out)) >= 3)
    workers[0].kill()
    output, errors = process.communicate()
    assert (process.returncode, output) == (0, f"{TRACKS} done, 0 skipped, 0 failed\n")
    # Dask logs results that were lost with their worker before they were fetched; this package logs nothing.
    assert [line for line in errors.splitlines() if "distributed.client - WARNING" not in line] == []
    check_whole(out)
    names = [path.relative_to(tmp_path / "in").as_posix() for path in (tmp_path / "in").rglob("*.wav")]
    assert collections.Counter(entry["track"] for entry in journal(out)) == dict.fromkeys(names, 1)
    assert len(list(out.rglob("[!.]*.wav"))) == TRACKS * len(GAINS)
    assert not list(out.rglob("*.part"))
    # A second run processes nothing, or only the track that has changed.
    assert start("--dry-run", *form, **places).communicate()[0] == f"0 to do, {TRACKS} done already\n"
    os.utime(tmp_path / "in" / names[0], (1, 1))
    (out / names[1].removesuffix(".wav") / "bass.wav").unlink()
    lines = start("--dry-run", "--check-digests", *form, **places).communicate()[0].splitlines()
    assert {line.partition(": ")[0] for line in lines[:-1]} == set(names[:2])


def test_a_track_that_kills_its_workers_is_lost_after_two_and_the_others_are_done(cluster, manifest, tmp_path):
    for _ in range(4):
        cluster.add_worker()
    tracks = tracks_of(["a", "die", "b", "c"], tmp_path, manifest)
    results = {
        track.name: result for track, result in engine(cluster, cluster_tasks.note_and_die, tracks, manifest, tmp_path)
    }
    assert results == {"a": "a", "b": "b", "c": "c", "die": WorkerLost("its workers died")}
    assert len(list(tmp_path.glob("die-*"))) == 2


def test_tracks_are_taken_when_there_is_a_thread_and_taken_back_at_the_end(cluster, manifest, tmp_path):
    cluster.add_worker()
    taken = []
    tracks = tracks_of("abcd", tmp_path, manifest)
    (tmp_path / "go").touch()
    with contextlib.closing(
        engine(
            cluster, cluster_tasks.wait_for_go, (taken.append(track) or track for track in tracks), manifest, tmp_path
        )
    ) as results:
        assert next(results) == (tracks[0], "a")
        (tmp_path / "go").unlink()
        assert len(taken) == 1
        (tmp_path / "go").touch()
        assert next(results)[1] == "b"
        assert len(taken) == 2
    with distributed.Client(cluster.address, set_as_default=False) as client:
        wait_for(lambda: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) == 0)
        # The notes about tracks are removed with the tracks.
        assert client.run_on_scheduler(lambda dask_scheduler: dict(dask_scheduler.task_metadata)) == {}


def test_a_run_waits_for_what_the_one_before_has_left(cluster, manifest, tmp_path):
    cluster.add_worker()
    cluster.add_worker()
    with distributed.Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2)
    tracks = tracks_of(["slow", "fast"], tmp_path, manifest)
    first = engine(cluster, cluster_tasks.alone, tracks, manifest, tmp_path)
    assert next(first)[1] == "fast"
    wait_for((tmp_path / "running-slow").exists)
    first.close()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # In this order Dask gives the slow one to the worker that is free.
        second = pool.submit(list, engine(cluster, cluster_tasks.alone, tracks[::-1], manifest, tmp_path))
        time.sleep(2)  # the second run has time for a mistake
        (tmp_path / "go").touch()
        assert {result for _, result in second.result()} == {"slow", "fast"}


def test_a_scheduler_that_goes_away_is_an_error(cluster, manifest, tmp_path):
    cluster.add_worker()
    results = engine(cluster, cluster_tasks.wait_for_go, tracks_of("ab", tmp_path, manifest), manifest, tmp_path)
    (tmp_path / "go").touch()
    assert next(results)[1] == "a"
    cluster.processes[0].kill()
    with pytest.raises(LightSAFTError, match="the scheduler went away"):
        list(results)


def test_workers_of_another_version_or_model_are_refused(cluster, manifest, tmp_path, monkeypatch):
    cluster.add_worker()
    tracks = tracks_of("a", tmp_path, manifest)
    (tmp_path / "other").mkdir()
    other = write_model(tmp_path / "other", gains_graph(gains=(1, 1, 0, 0)))
    planned = Manifest.from_file(other)
    write_model(tmp_path / "other")
    with pytest.raises(LightSAFTError, match=f"expected a model with SHA-256 {planned.onnx.sha256}.*worker tcp"):
        list(engine(cluster, cluster_tasks.note_and_die, tracks, planned, tmp_path))
    monkeypatch.setattr("lightsaft_infer.batch.dask_workers.__version__", "0.0.0")
    with pytest.raises(LightSAFTError, match=f"expected LightSAFT 0.0.0, got {lightsaft_infer.__version__}: worker"):
        list(engine(cluster, cluster_tasks.note_and_die, tracks, manifest, tmp_path))
    assert not list(tmp_path.glob("a-*"))


def test_nobody_answers(manifest, tmp_path, cluster):
    def run(address):
        list(run_on_cluster(print, [], address=address, manifest=manifest, out_dir=tmp_path, timeout=1))

    with pytest.raises(LightSAFTError, match=r"no scheduler answers within 1 s .*tcp://127\.0\.0\.1:1$"):
        run("tcp://127.0.0.1:1")
    with pytest.raises(LightSAFTError, match=r"expected one worker or more within 1 s, got none"):
        run(cluster.address)
    with pytest.raises(LightSAFTError, match=r"cannot read .*none\.json: no such file or directory"):
        run(str(tmp_path / "none.json"))
    (tmp_path / "text.json").write_text("[1]")
    with pytest.raises(LightSAFTError, match="expected a scheduler file, JSON with an address"):
        run(str(tmp_path / "text.json"))


def test_usage(tmp_path, capsys):
    def error(*arguments):
        assert main(["batch", *arguments]) == 1
        return capsys.readouterr().err

    assert "expected neither --workers nor --cores" in error("in", "out", "--cluster", "tcp://a:1", "--workers", "2")
    assert "expected the path of a journal (journal=PATH or --journal)" in error("in", f"file://{tmp_path}/out")
    assert "that does not hold the tracks" in error(f"file://{tmp_path}/a", f"file://{tmp_path}", "--journal", "j")
    assert "nosuch" in error("nosuch://a/b", "out")
