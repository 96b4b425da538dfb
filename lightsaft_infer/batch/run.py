"""A batch of tracks: the plan of the work, and the work itself, recorded in a journal."""

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

from ..arguments import AnyPath, whole_number
from ..bundle import Bundle
from ..errors import ArgumentError, reason
from ..manifest import Manifest
from .discover import stem_folders
from .journal import Entry, Journal, journal_path, read_journal
from .local_workers import WorkerLost
from .storage import absolute, below, file_state
from .task import OPTIONS, again_entry, failed_entry, file_digest, remove_parts, separate_track
from .track import Track, stem_files

Engine = Callable[[Callable[..., Entry], Iterable[Track]], Generator[tuple[Track, Entry | WorkerLost], None, None]]
"""A function that calls `separate_track`, its first argument, for tracks (see `run_batch`)."""


@dataclasses.dataclass(frozen=True)
class PlannedTrack:
    """The plan for one track.

    Attributes
    ----------
    track : Track
    reason : str or None
        Why it will be separated. None if it will not.
    finished : bool
        Whether an earlier run has separated it.
    """

    track: Track
    reason: str | None
    finished: bool


def plan_batch(
    tracks: Iterable[str],
    in_dir: AnyPath,
    out_dir: AnyPath,
    manifest: Manifest | Bundle,
    *,
    options: dict[str, Any],
    threads: int = 1,
    check_digests: bool = False,
    journal: AnyPath | None = None,
) -> list[PlannedTrack]:
    """Plan a run by the state of the tracks and the journal. Nothing is written.

    A track is skipped only if its last entry in the journal has the status "done", this model and these options, its
    file has not changed, and all its stems exist with their sizes.

    Parameters
    ----------
    tracks : iterable of str
        Paths below `in_dir` (see `find_tracks`).
    in_dir, out_dir : path or URL
        The folders of the tracks and of the stems, which are ``out_dir/<track>/<target>.<format>``.
    manifest : Manifest or Bundle
        Of the model.
    options : dict
        See `Track`.
    threads : int, optional
        Threads of the network for each track.
    check_digests : bool, optional
        Compare the digests of the tracks too, not only sizes and times.
    journal : path, optional
        Default: in `out_dir`, which then must not be a URL.

    Returns
    -------
    list of PlannedTrack

    Raises
    ------
    OutputError
        If the journal cannot be read, or would be at a URL.
    ArgumentError
        If an option is missing, or another argument is wrong.
    """
    missing = [name for name in OPTIONS if name not in options] if isinstance(options, Mapping) else OPTIONS
    if missing:
        raise ArgumentError(f"expected options with {', '.join(missing)}, got {options!r}")
    if not isinstance(manifest, (Manifest, Bundle)):
        raise ArgumentError(f"expected a Manifest, got {manifest!r}")
    threads = whole_number(threads, "threads")
    entries = read_journal(journal_path(out_dir, journal))
    source, out = absolute(in_dir), absolute(out_dir)
    planned = []
    for name, folder in stem_folders(tracks, entries, stem_files(options).values()).items():
        track = Track(
            name=name,
            source=below(source, name),
            folder=folder,
            out=out,
            model=str(manifest.path.absolute()),
            model_sha256=manifest.sha256,
            threads=threads,
            options=options,
        )
        entry = entries.get(name, {})
        why = reason_to_process(track, entry, check_digests=check_digests)
        planned.append(PlannedTrack(track, why, entry.get("status") == "done"))
    return planned


def reason_to_process(track: Track, entry: Entry, *, check_digests: bool = False) -> str | None:
    """Return why a track will be separated, None if it will not, by its last entry in the journal ({} if none)."""
    if entry.get("status") != "done":
        reasons = {None: "new", "failed": "failed before", "again": "not finished"}
        return reasons.get(entry.get("status"), "not finished")
    if entry["model"] != track.model_sha256:
        return "the model changed"
    if entry["options"] != track.options:
        return "the options changed"
    return _changed_input(track, entry["input"], check_digests) or _changed_output(track, entry.get("outputs") or {})


def _changed_input(track: Track, known: Mapping[str, Any], check_digests: bool) -> str | None:
    try:
        state = file_state(track.source)
        if state.bytes != known.get("bytes"):
            return "its size changed"
        if state.mtime_ns != known.get("mtime_ns"):
            return "its time changed"
        if check_digests and file_digest(track.source) != known.get("sha256"):
            return "its digest changed"
    except OSError as error:
        return f"it cannot be read: {reason(error)}"
    return None


def _changed_output(track: Track, known: Mapping[str, Mapping[str, Any]]) -> str | None:
    for name, path in track.outputs.items():
        try:
            if file_state(below(track.out, path)).bytes != known.get(name, {}).get("bytes"):
                return f"{path} has another size"
        except OSError:
            return f"{path} is missing"
    return None


def run_batch(planned: Iterable[PlannedTrack], journal: Journal, engine: Engine) -> Generator[Entry, None, None]:
    """Carry out a plan.

    Parameters
    ----------
    planned : iterable of PlannedTrack
        Tracks without a reason are skipped.
    journal : Journal
        Of the output folder.
    engine : callable
        ``engine(function, tracks)`` calls the function for each track, and yields pairs of the track and the result, or
        WorkerLost, in any order. It takes the next track only when it can start it. `run_in_workers` with its `workers`
        bound is such an engine.

    Yields
    ------
    dict
        The entry of a track, with the status "done" or "failed", when it is in the journal.

    Raises
    ------
    OutputError
        If the journal cannot be written.
    """
    under_way: dict[str, Track] = {}
    try:
        with contextlib.closing(engine(separate_track, _tracks_to_do(planned, journal, under_way))) as results:
            for track, result in results:
                if isinstance(result, WorkerLost):
                    remove_parts(track)
                    end = f"the process that separated it ended twice ({result.reason})"
                    entry = failed_entry(track, f"{end}: {track.source}")
                else:
                    entry = result
                journal.append(entry)
                del under_way[track.name]
                yield entry
    finally:
        # A process that is ended while it creates a file may not remove that file.
        for track in under_way.values():
            remove_parts(track)


def _tracks_to_do(planned: Iterable[PlannedTrack], journal: Journal, under_way: dict[str, Track]) -> Iterator[Track]:
    """Yield the tracks to separate, and note them in `under_way`. If finished stems will be replaced, an entry in the
    journal says so first."""
    for item in planned:
        if item.reason is not None:
            if item.finished:
                journal.append(again_entry(item.track, item.reason))
            under_way[item.track.name] = item.track
            yield item.track


def worker_count(workers: int | None, threads: int, cores: int) -> int:
    """Return the number of workers.

    Parameters
    ----------
    workers : int or None
        None: as many as there are cores for.
    threads : int
        Threads of each worker.
    cores : int
        Cores that all workers may use together.

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If the workers need more than the given cores, or a number is less than 1.
    """
    threads, cores = whole_number(threads, "threads"), whole_number(cores, "cores")
    workers = max(1, cores // threads) if workers is None else whole_number(workers, "workers")
    if workers * threads > cores:
        needed = f"{workers} workers of {threads} threads each need {workers * threads}"
        raise ArgumentError(f"expected {cores} cores to be enough, but {needed}")
    return workers
