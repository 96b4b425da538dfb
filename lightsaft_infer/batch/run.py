"""A whole catalogue: what is to be done, and the doing of it with a journal."""

import contextlib
import dataclasses

from ..errors import LightSAFTError
from .discover import stem_folders
from .journal import journal_path, read_journal
from .local_workers import WorkerLost
from .storage import absolute, below, file_state
from .task import Track, again_entry, failed_entry, file_digest, remove_parts, separate_track


@dataclasses.dataclass(frozen=True)
class Planned:
    """A track, why it is to be done (None: it is not), and whether its stems are there from an earlier run."""

    track: Track
    reason: str | None
    finished: bool


def plan_batch(tracks, in_dir, out_dir, manifest, *, options, threads=1, check_digests=False, journal=None):
    """What a run would do, list of Planned, by the tracks as they are and the journal; nothing is written.

    Parameters
    ----------
    tracks : paths below `in_dir` (see `find_tracks`)
    in_dir, out_dir : folder of the tracks and of their stems, `out_dir`/<track>/<target>.<format>; paths or URLs
    manifest : Manifest of the model
    options : see `Track`
    threads : of the network, for each track
    check_digests : let the digest of a track decide too whether it has changed, beside its size and time
    journal : path of the journal (default: in `out_dir`, which then is no URL)

    A track is skipped only where the journal's last word on it is done, with this model and these options, its file has
    not changed, and all of its stems are there with their sizes.

    Raises OutputError for a journal that cannot be read, or for a URL without one.
    """
    entries = read_journal(journal_path(out_dir, journal))
    in_dir, out_dir = absolute(in_dir), absolute(out_dir)
    common = {"out": out_dir, "model": str(manifest.path.absolute()), "model_sha256": manifest.onnx.sha256}
    planned = []
    for name, folder in stem_folders(tracks, entries).items():
        track = Track(name, source=below(in_dir, name), folder=folder, threads=threads, options=options, **common)
        entry = entries.get(name, {})
        reason = reason_to_process(track, entry, check_digests=check_digests)
        planned.append(Planned(track, reason, entry.get("status") == "done"))
    return planned


def reason_to_process(track, entry, *, check_digests=False):
    """Why a track is to be done, or None, by its last entry in the journal ({}: none)."""
    if entry.get("status") != "done":
        reasons = {None: "new", "failed": "failed before", "again": "not finished"}
        return reasons.get(entry.get("status"), "not finished")
    if entry["model"] != track.model_sha256:
        return "the model changed"
    if entry["options"] != track.options:
        return "the options changed"
    return _changed_input(track, entry["input"], check_digests) or _changed_output(track, entry["outputs"])


def _changed_input(track, known, check_digests):
    try:
        state = file_state(track.source)
        if state.bytes != known["bytes"]:
            return "its size changed"
        if state.mtime_ns != known["mtime_ns"]:
            return "its time changed"
        if check_digests and file_digest(track.source) != known["sha256"]:
            return "its digest changed"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return None


def _changed_output(track, known):
    for name, path in track.outputs.items():
        try:
            if file_state(below(track.out, path)).bytes != known[name]["bytes"]:
                return f"{path} has another size"
        except OSError:
            return f"{path} is missing"
    return None


def run_batch(planned, journal, engine):
    """Do what is planned; yield the journal's entries, done or failed, as tracks are finished and journaled.

    Parameters
    ----------
    planned : list of Planned; those without a reason are passed over
    journal : Journal of the output folder
    engine : callable(function, tracks) that yields (track, function(track) or WorkerLost) in any order, and takes a
        track from the iterable no sooner than it can start it, such as `run_in_workers` with its workers given

    Raises OutputError where the journal cannot be written.
    """
    under_way = {}
    try:
        with contextlib.closing(engine(separate_track, _announced(planned, journal, under_way))) as results:
            for track, entry in results:
                if isinstance(entry, WorkerLost):
                    remove_parts(track)
                    reason = f"the process that separated it ended twice ({entry.reason})"
                    entry = failed_entry(track, f"{reason}: {track.source}")
                journal.append(entry)
                del under_way[track.track]
                yield entry
    finally:
        # A process that is ended while it makes a file may not know of it yet.
        for track in under_way.values():
            remove_parts(track)


def _announced(planned, journal, under_way):
    """Yield the tracks to do, noted as under way; of those whose stems are to be replaced the journal is told first."""
    for item in planned:
        if item.reason is not None:
            if item.finished:
                journal.append(again_entry(item.track, item.reason))
            under_way[item.track.track] = item.track
            yield item.track


def check_cores(workers, threads, cores):
    """The number of workers, by default as many as there are cores for.

    Raises LightSAFTError where workers and threads need more than the cores given.
    """
    if workers is None:
        workers = max(1, cores // threads)
    if workers * threads > cores:
        raise LightSAFTError(f"expected {cores} cores to be enough, got {workers} workers of {threads} threads each")
    return workers
