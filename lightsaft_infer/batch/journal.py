"""The journal of a batch: a file of JSON lines, one for each track that was finished or has failed.

It only grows; the last line of a track counts. Before the stems of a finished track are replaced, a line of status
"again" says so: were the run to end between the new stems and their line, the old line would tell of files that are
no longer there.
"""

import contextlib
import json
import os
from pathlib import Path

from ..errors import OutputError
from .storage import is_url

NAME = "journal.jsonl"


def journal_path(out_dir, journal=None):
    """Path of the journal of an output folder: the one given, else a file in the folder.

    Raises OutputError where neither is a path: lines are added and locked, which shared storage does not offer.
    """
    if journal is None and is_url(out_dir):
        raise OutputError(f"expected the path of a journal (--journal), as stems go to a URL, got none: {out_dir}")
    if journal is not None and is_url(journal):
        raise OutputError(f"expected the path of a journal on this machine, got a URL: {journal}")
    return Path(out_dir, NAME) if journal is None else Path(journal)


def read_journal(path):
    """The last entry of each track, {track: dict}; empty where there is no journal.

    A line that is no entry, torn by the end of a run or of the machine, is as good as none: its track is done again.

    Raises OutputError where the file cannot be read.
    """
    entries = {}
    try:
        with open(path, "rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if isinstance(entry, dict) and isinstance(entry.get("track"), str):
                        entries[entry["track"]] = entry
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"cannot read the journal: {error.strerror}: {path}") from error
    return entries


class Journal:
    """A journal that entries can be added to, by one run at a time (where the system has flock); a context manager.

    Raises OutputError where another run holds it, or it cannot be written.
    """

    def __init__(self, path):
        self.path = Path(path)
        with self._naming():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b", buffering=0)
            try:
                _lock(self._file, self.path)
                self._end_torn_line()
            except BaseException:
                self._file.close()
                raise

    def _end_torn_line(self):
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def append(self, entry):
        """Add an entry, a dict with a `track`; it is on the disk when this returns."""
        line = json.dumps(entry).encode() + b"\n"
        with self._naming():
            if self._file.write(line) != len(line):
                raise OutputError(f"cannot write, the disk may be full: {self.path}")
            os.fsync(self._file.fileno())

    @contextlib.contextmanager
    def _naming(self):
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}: {self.path}") from error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()


def _lock(file, path):
    """Keep other runs off as long as the file is open, whatever ends this process."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"another run is at work on this folder: {path.parent}") from error
    except OSError:  # a file system without locks
        return
