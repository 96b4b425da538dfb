"""The command `lightsaft batch`: separates the tracks of a folder into a folder of stems."""

import argparse
import contextlib
import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..audio import chosen_bitrate, output_format
from ..bundle import Bundle, read_model
from ..errors import ArgumentError, AudioError
from ..manifest import Manifest, default_manifest_path
from ..text import one_line
from ..worker_process import check_working_folder
from .options import AddCommand, add_stem_options, chosen_stems, given_path, positive
from .terminal import DEBUG, beside_bars, print_message, print_output, progress_bar, write_line

if TYPE_CHECKING:  # the subpackage is imported only if its command runs
    from ..batch import Engine, Entry


def add_batch(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    description = (
        "Separate all tracks of a folder. Another run separates only tracks that are new, have changed or have failed."
    )
    parser = command("batch", _batch, description, parents)
    add = parser.add_argument
    add("in_dir", type=_place, metavar="IN_DIR", help="folder of tracks, at any depth: a path or URL")
    help_out = "write stems to OUT_DIR/<track>/<target>.<format>: a path or URL"
    add("out_dir", type=_place, metavar="OUT_DIR", help=help_out)
    help_only = "separate only tracks whose path ends like GLOB, such as mixture.wav or 'live/*.flac'"
    add("--only", type=_pattern, metavar="GLOB", help=help_only)
    add_stem_options(parser)
    help_workers = (
        "separate N tracks at the same time, each in its own process (default: the cores divided by --threads)"
    )
    add("--workers", type=positive, metavar="N", help=help_workers)
    help_threads = "run the network of each process with N threads (default: %(default)s)"
    add("--threads", type=positive, metavar="N", default=1, help=help_threads)
    add("--cores", type=positive, metavar="N", help="limit workers times threads to N (default: all cores)")
    help_cluster = "use the workers of a Dask scheduler: tcp://HOST:PORT, or a scheduler file"
    add("--cluster", metavar="ADDRESS", help=help_cluster)
    add("--journal", type=given_path, metavar="FILE", help="keep the journal in FILE (default: OUT_DIR/journal.jsonl)")
    add("--check-digests", action="store_true", help="read all finished tracks to find out if they have changed")
    add("--dry-run", action="store_true", help="only print the tracks that would be separated, and why")


def _place(text: str) -> str | Path:
    from ..batch import is_url

    return text if is_url(text) else given_path(text)


def _pattern(text: str) -> str:
    if not PurePosixPath(text).name:  # as in "", "." and "/"
        raise argparse.ArgumentTypeError(f"expected a pattern such as mixture.wav, got: {text!r}")
    return text


def _batch(args: argparse.Namespace) -> int:
    from ..batch import Journal, find_tracks, journal_path, plan_batch, run_batch

    path = journal_path(args.out_dir, args.journal)
    manifest = read_model(args.model or default_manifest_path())
    engine = _engine(args, manifest)
    for model in manifest.models:
        model.read_graph()  # a damaged graph would fail for every track
    unreadable: list[AudioError] = []
    found = find_tracks(args.in_dir, leave_out=args.out_dir, on_error=unreadable.append)
    tracks = [track for track in found if args.only is None or PurePosixPath(track).match(args.only)]
    for error in unreadable:
        print_message(f"error: {error}")
    if not tracks:
        like = f" like {args.only}" if found else ""
        raise AudioError(f"expected audio files{like}, got none: {args.in_dir}")
    plan = functools.partial(
        plan_batch,
        tracks,
        args.in_dir,
        args.out_dir,
        manifest,
        options=_options(args, manifest),
        threads=args.threads,
        check_digests=args.check_digests,
        journal=path,
    )
    if args.dry_run:
        _print_plan({item.track.name: item.reason for item in plan()})
        return 1 if unreadable else 0
    with Journal(path) as journal:
        planned = plan()
        skipped = sum(item.reason is None for item in planned)
        with contextlib.closing(run_batch(planned, journal, engine)) as entries:
            failed = _print_progress(entries, to_do=len(planned) - skipped, skipped=skipped)
    return 1 if failed or unreadable else 0


def _engine(args: argparse.Namespace, manifest: Manifest | Bundle) -> "Engine":
    """The function that separates the tracks: in processes of this machine, or on a cluster."""
    from ..batch import run_in_workers, run_on_cluster, worker_count
    from ..cores import available_cores

    if args.cluster is None:
        check_working_folder()
        workers = worker_count(args.workers, args.threads, args.cores or available_cores())
        return functools.partial(run_in_workers, workers=workers)
    if args.workers or args.cores:
        raise ArgumentError("--cluster has its own workers: expected neither --workers nor --cores")
    return functools.partial(run_on_cluster, address=args.cluster, manifest=manifest, out_dir=args.out_dir)


def _options(args: argparse.Namespace, manifest: Manifest | Bundle) -> dict[str, Any]:
    """The options that decide the samples and the files of the stems, as the journal stores them."""
    stems = chosen_stems(args, manifest)
    _, subtype = output_format(f"*.{args.format}", args.subtype)
    more: dict[str, Any] = {}  # in the journal only if they are set: journals without them stay valid
    bitrate = chosen_bitrate(f"*.{args.format}", args.bitrate)
    if args.bitrate is not None:
        more["bitrate"] = bitrate
    if not args.tags:
        more["tags"] = False
    if args.downmix:
        more["downmix"] = True
    return more | {
        "targets": [name for name in stems.names if name != stems.residual],
        "consistency": stems.consistency,
        "residual": stems.residual,
        "format": args.format,
        "subtype": subtype,
        "clip": args.clip or "scale",
    }


def _print_plan(reasons: dict[str, str | None]) -> None:
    """Print why tracks would be separated. The reason is None for a track that would be skipped."""
    to_do = {track: reason for track, reason in reasons.items() if reason is not None}
    for track, reason in to_do.items():
        print_output(one_line(f"{track}: {reason}"))
    print_output(f"{len(to_do)} to do, {len(reasons) - len(to_do)} done already")


def _print_progress(entries: "Iterable[Entry]", *, to_do: int, skipped: int) -> int:
    """Print errors, progress and counts while tracks are separated. Return the number of tracks that failed."""
    count = {"done": 0, "skipped": skipped, "failed": 0}
    with progress_bar(unit="track") as progress:
        progress(0, to_do)
        for finished, entry in enumerate(entries, 1):
            count[entry["status"]] += 1
            if entry["status"] == "failed":
                with beside_bars():
                    print_message(f"error: {entry['error']}")
                    if "traceback" in entry and os.environ.get(DEBUG):
                        write_line(entry["traceback"])
            progress(finished, to_do)
    print_output(", ".join(f"{number} {status}" for status, number in count.items()))
    return count["failed"]
