"""A batch on an existing Dask cluster: tracks go to its workers, entries of the journal come back. The only module that
imports distributed.

Dask gives a track whose worker has died to another one; how often a track was started is noted at the scheduler, under
the track's key, which Dask forgets with the track.
"""

import contextlib
import dataclasses
import hashlib
import json
import time

from ..errors import ClusterError, ModelError
from ..manifest import Manifest, default_manifest_path
from ..version import __version__
from .local_workers import ATTEMPTS, WorkerLost
from .storage import absolute

TIMEOUT = 30  # seconds that a scheduler and its first worker have to answer
COUNT_AGAIN = 5  # seconds after which the cluster's threads are counted again: workers come and go


def run_on_cluster(function, tracks, *, address, manifest, out_dir, timeout=TIMEOUT):
    """Call a function for every track on a cluster's workers; yield (track, result or WorkerLost) as results come.

    Parameters
    ----------
    function : `separate_track`, or what takes a Track and `scratch` as it does
    tracks : iterable of Track; the next one is taken when the cluster has a thread for it
    address : of the scheduler, such as tcp://host:8786, or path of a scheduler file
    manifest : Manifest of the tracks' model, which every worker has to have: at the same path or in its package
    out_dir : the tracks' output folder
    timeout : seconds that the scheduler and its first worker have to answer

    A track whose worker dies is tried once more; then its result is WorkerLost. Close the generator to take back the
    tracks under way: one that a worker has begun is not stopped, and the next run waits for it.

    Raises ClusterError where distributed is missing, nobody answers, a worker has another LightSAFT or model, or the
    scheduler goes away.
    """
    with _connected(address, timeout) as client:
        from distributed import as_completed

        _check_workers(client, manifest, absolute(out_dir))
        finished, tracks = as_completed(loop=client.loop), iter(tracks)
        futures, room = {}, _Room(client)
        try:
            while True:
                while len(futures) < room.threads() and (track := next(tracks, None)):
                    future = _submit(client, function, track)
                    futures[future.key] = future, track
                    finished.add(future)
                if not futures:
                    return
                future = next(finished)
                result = _result(future, address)
                track = futures.pop(future.key)[1]
                future.release()
                yield track, result
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                client.cancel([future for future, _ in futures.values()])


def track_key(track):
    """The key of a track at the scheduler: one for all runs on one output folder, so that it is not run twice at
    once."""
    return "lightsaft-" + hashlib.sha256(f"{track.out}\n{track.track}".encode(errors="surrogatepass")).hexdigest()[:32]


class _Room:
    """The number of tracks that may be under way."""

    def __init__(self, client):
        self._client, self._threads, self._counted = client, 1, None

    def threads(self):
        now = time.monotonic()
        if self._counted is None or now - self._counted > COUNT_AGAIN:
            self._threads, self._counted = max(1, sum(self._client.nthreads().values())), now
        return self._threads


@contextlib.contextmanager
def _connected(address, timeout):
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError('a cluster needs Dask distributed: pip install "lightsaft[cluster]"') from error
    target = str(address) if "://" in str(address) else _address_in(address)
    try:
        client = Client(target, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(f"no scheduler answers within {timeout} s ({error}): {address}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError as error:
            raise ClusterError(f"expected one worker or more within {timeout} s, got none: {address}") from error
        yield client


def _address_in(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["address"]
    except OSError as error:
        reason = f"expected tcp://HOST:PORT or a scheduler file, which cannot be read: {error.strerror}"
        raise ClusterError(f"{reason}: {path}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise ClusterError(f"expected a scheduler file, JSON with an address, got something else: {path}") from error


def _check_workers(client, manifest, out):
    """Refuse workers with another LightSAFT or model; wait for tracks that a former run on this folder has left."""
    while True:
        answers = client.run(_about, str(manifest.path.absolute()), manifest.onnx.sha256, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, Exception):
                raise ClusterError(f"a worker cannot run LightSAFT {__version__} ({answer}): {worker}")
            if answer["version"] != __version__:
                raise ClusterError(f"expected LightSAFT {__version__}, got {answer['version']}: worker {worker}")
            if answer["model"] is not None:
                raise ClusterError(f"{answer['model']}: worker {worker}")
        if not any(out in answer["outs"] for answer in answers.values()):
            return
        time.sleep(0.5)


def _submit(client, function, track):
    return client.submit(_attempt, function, track, __version__, key=track_key(track), pure=False)


def _result(future, address):
    from distributed import KilledWorker

    if future.status == "finished":
        return future.result()
    if future.status == "error":
        error = future.exception()
        if isinstance(error, KilledWorker):
            return WorkerLost("its workers were killed")
        raise ClusterError(f"a worker cannot separate: {type(error).__name__}: {error}: {address}") from error
    raise ClusterError(f"the scheduler went away, or took a track back ({future.status}): {address}")


# What follows is run by workers.

_under_way = {}  # {key: output folder} of the tracks that this process separates


def _about(model, sha256):
    about = {"version": __version__, "model": None, "outs": set(_under_way.values())}
    try:
        _known_model(model, sha256)
    except ModelError as error:
        about["model"] = str(error)
    return about


def _attempt(function, track, version):
    """The result of a function for a track, or WorkerLost where that has cost workers their lives before."""
    from distributed import get_worker
    from distributed.utils import sync

    if version != __version__:
        raise ClusterError(f"expected LightSAFT {version}, got {__version__}")
    worker, key = get_worker(), track_key(track)
    started = sync(worker.loop, worker.scheduler.get_metadata, keys=[key], default=0)
    if started >= ATTEMPTS:
        return WorkerLost("its workers died")
    sync(worker.loop, worker.scheduler.set_metadata, keys=[key], value=started + 1)
    _under_way[key] = track.out
    try:
        track = dataclasses.replace(track, model=_known_model(track.model, track.model_sha256))
        return function(track, scratch=worker.local_directory)
    finally:
        del _under_way[key]


def _known_model(model, sha256):
    """The manifest of this digest: the one at the path, or the one in this machine's package.

    Raises ModelError where neither has it.
    """
    problem = None
    for path in (model, default_manifest_path()):
        try:
            found = Manifest.from_file(path).onnx.sha256
        except ModelError as error:
            problem = problem or str(error)
            continue
        if found == sha256:
            return str(path)
        problem = problem or f"got SHA-256 {found}: {path}"
    raise ModelError(f"expected a model with SHA-256 {sha256}, {problem}")
