"""The command `lightsaft batch`: a folder of tracks into a folder of stems."""

import contextlib
import functools
import sys
from pathlib import Path

from ..audio import output_format
from ..errors import AudioError, LightSAFTError
from ..manifest import Manifest, default_manifest_path
from .options import add_stem_options, chosen_stems, positive


def add_batch(command, parents):
    description = "Separate all tracks of a folder; run again, only what is missing, changed or failed."
    parser = command("batch", _batch, description, parents)
    add = parser.add_argument
    add("in_dir", type=_place, metavar="IN_DIR", help="folder of tracks, with folders in it: a path or URL")
    add("out_dir", type=_place, metavar="OUT_DIR", help="stems go to OUT_DIR/<track>/<target>.<format>: a path or URL")
    add_stem_options(parser)
    add("--workers", type=positive, help="processes (default: as many as there are cores for)")
    add("--threads", type=positive, default=1, help="threads of each process (default: %(default)s)")
    add("--cores", type=positive, help="workers times threads are never more (default: those there are)")
    add("--cluster", metavar="ADDRESS", help="use the workers of a Dask scheduler, tcp://HOST:PORT or a scheduler file")
    add("--journal", type=Path, metavar="FILE", help="journal (default: OUT_DIR/journal.jsonl)")
    add("--check-digests", action="store_true", help="read all finished tracks to see whether they have changed")
    add("--dry-run", action="store_true", help="only tell what would be done, and why")


def _place(text):
    from ..batch import is_url

    return text if is_url(text) else Path(text)


def _batch(args):
    from ..batch import Journal, find_tracks, journal_path, plan_batch

    path = journal_path(args.out_dir, args.journal)
    manifest = Manifest.from_file(args.model or default_manifest_path())
    engine = _engine(args, manifest)
    manifest.read_graph()  # a damaged one would fail for every track
    unreadable = []
    tracks = find_tracks(args.in_dir, leave_out=args.out_dir, on_error=unreadable.append)
    if not tracks:
        raise AudioError(f"expected audio files, got none: {args.in_dir}")
    for error in unreadable:
        print(_printable(f"lightsaft: error: {error}"), file=sys.stderr)
    keywords = {"options": _options(args, manifest), "threads": args.threads, "check_digests": args.check_digests}
    keywords["journal"] = path
    plan = functools.partial(plan_batch, tracks, args.in_dir, args.out_dir, manifest, **keywords)
    if args.dry_run:
        failed = _tell(plan())
    else:
        with Journal(path) as journal:
            failed = _run(plan(), journal, engine)
    return 1 if failed or unreadable else 0


def _engine(args, manifest):
    """What the tracks are run by: processes of this machine, or a cluster."""
    from ..batch import check_cores, run_in_workers, run_on_cluster
    from ..cores import available_cores

    if args.cluster is None:
        workers = check_cores(args.workers, args.threads, args.cores or available_cores())
        return functools.partial(run_in_workers, workers=workers)
    if args.workers or args.cores:
        raise LightSAFTError("--cluster has workers of its own: expected neither --workers nor --cores beside it")
    return functools.partial(run_on_cluster, address=args.cluster, manifest=manifest, out_dir=args.out_dir)


def _options(args, manifest):
    """What decides the stems' samples and files, for the journal."""
    names, chosen = chosen_stems(args, manifest)
    _, subtype = output_format(f"stem.{args.format}", args.subtype)
    targets = [name for name in names if name != chosen["residual"]]
    return {"targets": targets, **chosen, "format": args.format, "subtype": subtype, "clip": args.clip or "scale"}


def _tell(planned):
    for item in planned:
        if item.reason is not None:
            print(_printable(f"{item.track.track}: {item.reason}"))
    count = sum(item.reason is not None for item in planned)
    print(f"{count} to do, {len(planned) - count} done already")
    return 0


def _run(planned, journal, engine):
    """Returns the number of tracks that failed."""
    from tqdm import tqdm

    from ..batch import run_batch

    count = {"done": 0, "skipped": sum(item.reason is None for item in planned), "failed": 0}
    # disable=None: a bar on a terminal, nothing in a pipe.
    with (
        tqdm(total=len(planned) - count["skipped"], unit="track", disable=None) as bar,
        contextlib.closing(run_batch(planned, journal, engine)) as entries,
    ):
        for entry in entries:
            count[entry["status"]] += 1
            if entry["status"] == "failed":
                bar.write(_printable(f"lightsaft: error: {entry['error']}"), file=sys.stderr)
            bar.update()
    print(", ".join(f"{number} {status}" for status, number in count.items()))
    return count["failed"]


def _printable(text):
    """File names may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()
