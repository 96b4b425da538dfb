"""Batches: all tracks of a folder are separated by workers, and a journal records the result for each track."""

from .dask_workers import run_on_cluster
from .discover import find_tracks, stem_folders
from .journal import Entry, Journal, journal_path, read_journal
from .local_workers import WorkerLost, run_in_workers
from .run import Engine, PlannedTrack, plan_batch, run_batch, worker_count
from .storage import is_url
from .task import separate_track
from .track import Track

__all__ = [
    "Engine",
    "Entry",
    "Journal",
    "PlannedTrack",
    "Track",
    "WorkerLost",
    "find_tracks",
    "is_url",
    "journal_path",
    "plan_batch",
    "read_journal",
    "run_batch",
    "run_in_workers",
    "run_on_cluster",
    "separate_track",
    "stem_folders",
    "worker_count",
]
