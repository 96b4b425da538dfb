"""A batch on an existing Dask cluster. Only this module imports distributed.

Its workers get the tracks and return the entries for the journal. If a worker dies, Dask gives its track to another
one. The number of times that a track was started is noted at the scheduler, under the key of the track. Dask removes
that note with the track.
"""

import contextlib
import dataclasses
import hashlib
import importlib
import json
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypedDict, TypeVar

from ..arguments import AnyPath, is_number, to_path
from ..bundle import Bundle, read_model
from ..errors import ArgumentError, ClusterError, ModelError, reason
from ..manifest import Manifest, default_manifest_path
from ..version import __version__
from .local_workers import ATTEMPTS, WorkerLost
from .storage import absolute
from .track import Track

TIMEOUT = 30  # seconds in which a scheduler and its first worker must answer
COUNT_AGAIN = 5  # seconds after which the threads of the cluster are counted again: workers come and go

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class TrackFunction(Protocol[Result_co]):
    """A function that workers call for a track, such as `separate_track`."""

    def __call__(self, track: Track, /, *, scratch: str) -> Result_co:
        """Return the result for a track. `scratch` is a folder for temporary files on the worker."""


class _Future(Protocol[Result_co]):
    """The part of `distributed.Future` that is used."""

    key: str
    status: str

    def result(self) -> Result_co: ...
    def exception(self) -> BaseException | None: ...
    def release(self) -> None: ...


class _Client(Protocol):
    """The part of `distributed.Client` that is used."""

    loop: object

    def submit(self, function: object, *arguments: object, key: str, pure: bool) -> Any: ...
    def run(self, function: object, *arguments: object, on_error: str) -> Mapping[str, Any]: ...
    def cancel(self, futures: list[Any]) -> None: ...
    def nthreads(self) -> Mapping[str, int]: ...


def run_on_cluster(
    function: TrackFunction[Result],
    tracks: Iterable[Track],
    *,
    address: AnyPath,
    manifest: Manifest | Bundle,
    out_dir: AnyPath,
    timeout: float = TIMEOUT,
) -> Generator[tuple[Track, Result | WorkerLost], None, None]:
    """Call a function for each track on the workers of a cluster.

    If a worker dies, its track is tried once more. If that fails too, the result is a WorkerLost. Close the generator
    to cancel the other tracks. A track that a worker has already started is not stopped; the next run waits for it.

    Parameters
    ----------
    function : callable
        `separate_track`, or a function with the same arguments.
    tracks : iterable of Track
        The next one is taken when the cluster has a free thread.
    address : str or path
        Address of the scheduler, such as ``tcp://host:8786``, or path of a scheduler file.
    manifest : Manifest or Bundle
        Of the model of the tracks. Each worker must have this model, at the same path or in its package.
    out_dir : path or URL
        The output folder of the tracks.
    timeout : float, optional
        Seconds in which the scheduler and its first worker must answer.

    Yields
    ------
    tuple of (Track, result or WorkerLost)
        In the order in which results arrive.

    Raises
    ------
    ClusterError
        If distributed is missing, no scheduler or worker answers, a worker has another LightSAFT or model, or the
        scheduler goes away.
    ArgumentError
        If an argument has the wrong type, or `timeout` is not above 0.
    """
    if not is_number(timeout) or not timeout > 0:
        raise ArgumentError(f"expected a timeout above 0 seconds, got {timeout!r}")
    distributed = _distributed()
    with _connected(distributed, address, timeout) as client:
        _check_workers(client, manifest, absolute(out_dir))
        finished, waiting = distributed.as_completed(loop=client.loop), iter(tracks)
        futures: dict[str, _Future[Result | WorkerLost]] = {}
        under_way: dict[str, Track] = {}
        room = _Room(client)
        try:
            while True:
                while len(futures) < room.threads() and (track := next(waiting, None)):
                    future = _submit(client, function, track)
                    futures[future.key], under_way[future.key] = future, track
                    finished.add(future)
                if not futures:
                    return
                future = next(finished)
                result = _result(future, address, killed=distributed.KilledWorker)
                track = under_way.pop(future.key)
                del futures[future.key]
                future.release()
                yield track, result
        finally:
            with contextlib.suppress(Exception):  # the scheduler may have gone
                client.cancel(list(futures.values()))


def track_key(track: Track) -> str:
    """Return the key of a track at the scheduler. It is the same in all runs on one output folder, so that no two of
    them separate the track at the same time."""
    return "lightsaft-" + hashlib.sha256(f"{track.out}\n{track.name}".encode(errors="surrogatepass")).hexdigest()[:32]


class _Room:
    """The number of tracks that may be under way at the same time."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._threads = 1
        self._counted: float | None = None

    def threads(self) -> int:
        now = time.monotonic()
        if self._counted is None or now - self._counted > COUNT_AGAIN:
            self._threads, self._counted = max(1, sum(self._client.nthreads().values())), now
        return self._threads


def _distributed() -> Any:
    """Import distributed, only some of whose functions have types. Raises ClusterError if it is missing."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ClusterError('a cluster needs Dask distributed: pip install "lightsaft[cluster]"') from error


@contextlib.contextmanager
def _connected(distributed: Any, address: AnyPath, timeout: float) -> Iterator[_Client]:
    """A client of the scheduler that has a worker or more."""
    target = str(address) if "://" in str(address) else _address_in(address)
    try:
        client = distributed.Client(target, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(f"no scheduler answers within {timeout} s ({error}): {address}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError as error:
            raise ClusterError(f"expected one worker or more within {timeout} s, got none: {address}") from error
        yield client


def _address_in(path: AnyPath) -> str:
    """Return the address in a scheduler file."""
    try:
        with open(to_path(path, "tcp://HOST:PORT or a scheduler file"), encoding="utf-8") as file:
            return str(json.load(file)["address"])
    except ArgumentError:
        raise
    except OSError as error:
        raise ClusterError(
            f"expected tcp://HOST:PORT or a scheduler file, cannot read {path}: {reason(error)}"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise ClusterError(f"expected a scheduler file, JSON with an address, got something else: {path}") from error


def _check_workers(client: _Client, manifest: Manifest | Bundle, out: str) -> None:
    """Raise ClusterError if a worker has another LightSAFT or model. Wait for the tracks that an earlier run on this
    output folder has left."""
    while True:
        answers = client.run(_about, str(manifest.path.absolute()), manifest.sha256, on_error="return")
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


def _submit(client: _Client, function: TrackFunction[Result], track: Track) -> _Future[Result | WorkerLost]:
    future: _Future[Result | WorkerLost] = client.submit(
        _attempt, function, track, __version__, key=track_key(track), pure=False
    )
    return future


def _result(
    future: _Future[Result | WorkerLost], address: AnyPath, *, killed: type[BaseException]
) -> Result | WorkerLost:
    """Return the result of a track. Raises ClusterError if there is none. `killed` is Dask's error if several workers
    have died with the track."""
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        error = future.exception()
        if isinstance(error, killed):
            return WorkerLost("its workers were killed")
        raise ClusterError(f"a worker cannot separate: {type(error).__name__}: {error}: {address}") from error
    raise ClusterError(f"the scheduler went away, or cancelled a track (status {future.status}): {address}")


# The functions below are called by workers.

_under_way: dict[str, str] = {}  # the output folders of the tracks that this process separates, by the tracks' keys


class _About(TypedDict):
    """A worker's answer: a dict, which workers with another version of this package return too.

    `model` is an error if the worker does not have the model. `outs` are the output folders of its tracks.
    """

    version: str
    model: str | None
    outs: set[str]


def _about(model: str, sha256: str) -> _About:
    about: _About = {"version": __version__, "model": None, "outs": set(_under_way.values())}
    try:
        _known_model(model, sha256)
    except ModelError as error:
        about["model"] = str(error)
    return about


def _attempt(function: TrackFunction[Result], track: Track, version: str) -> Result | WorkerLost:
    """Return the result of a function for a track, or WorkerLost if the workers that tried it before have died."""
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


def _known_model(model: str, sha256: str) -> str:
    """Return the path of the manifest with this digest: the given one, or the one of this machine's package.

    Raises ModelError if neither has it.
    """
    problem = None
    for path in (model, default_manifest_path()):
        try:
            found = read_model(path).sha256
        except ModelError as error:
            problem = problem or str(error)
            continue
        if found == sha256:
            return str(path)
        problem = problem or f"got SHA-256 {found}: {path}"
    raise ModelError(f"expected a model with SHA-256 {sha256}, {problem}")
