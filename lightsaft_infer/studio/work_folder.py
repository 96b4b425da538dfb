"""The work folder: uploads, and a folder for each job with its state, its stems and its report.

    uploads/<id>/<name of the file>
    jobs/<id>/job.json
    jobs/<id>/stems/<stem>.<format>
    jobs/<id>/growing/stems/<stem>.<format>     WAV of what is separated already, to be heard
    jobs/<id>/players/...                       the same when all of it is there
    jobs/<id>/report.html

Every name but the last part of an upload's path is made here. Files appear under these names when they are complete.
"""

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from ..audio import PARTS, part_name, write_text
from ..errors import LightSAFTError, OutputError, raise_as
from ..file_lock import lock
from ..text import one_line
from .job import Job, Upload

STATE = "job.json"
LOCK = "lock"
GROWING = "growing"
GONE = ".gone-"  # prefix of folders that are being removed
MAX_NAME = 150  # bytes of the name of an upload
ORPHAN_SECONDS = 3600


class NotFoundError(LightSAFTError):
    """There is no such job, upload or file."""


class WorkFolder:
    """A work folder. Other studios are kept from it until it is closed or this process ends in any way.

    Parameters
    ----------
    path : Path
        It is made if it is missing, for this user only.

    Raises
    ------
    OutputError
        If it cannot be written, another studio is at work on it, or it has folders of the same names that are not
        those of a studio.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uploads, self.jobs = path / "uploads", path / "jobs"
        with raise_as(OutputError, "write", path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The leftovers in these folders are removed, so they must be those of a studio, which begins with its lock.
            for folder in (self.uploads, self.jobs):
                if os.path.lexists(folder) and not (path / LOCK).exists():
                    raise OutputError(f"expected no {folder.name} in a new work folder, got {folder} (use --folder)")
            self._lock = open(path / LOCK, "ab")
        try:
            if not lock(self._lock):
                raise OutputError(f"another studio is at work on this folder: {path} (use --folder)")
            with raise_as(OutputError, "write", path):
                for folder in (self.uploads, self.jobs):
                    folder.mkdir(mode=0o700, exist_ok=True)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let other studios use the folder."""
        self._lock.close()

    def load(self) -> list[Job]:
        """Remove the leftovers of a killed studio, and return the jobs in the order of their creation.

        Jobs whose state cannot be read, unfinished ones without their upload, and uploads that belong to no job are
        leftovers too.
        """
        jobs = []
        for folder in list(self.jobs.iterdir()):
            try:
                job = Job.model_validate_json((folder / STATE).read_bytes())
                if job.id != folder.name or not (job.state == "done" or self.upload(job.upload).is_file()):
                    raise ValueError
                jobs.append(job)
            except (OSError, ValueError):
                remove_tree(folder)
        for folder in self.uploads.iterdir():
            if folder.name not in {job.upload for job in jobs}:
                remove_tree(folder)
        for job in jobs:
            self.clear_unfinished(job.id)
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def save(self, job: Job) -> None:
        """Write the state of a job. Raises OutputError."""
        folder = self.job(job.id)
        with raise_as(OutputError, "write", folder):
            folder.mkdir(parents=True, exist_ok=True)  # also if somebody has removed the folder of all jobs
        write_text(folder / STATE, [job.model_dump_json(indent=1)])

    def clear_unfinished(self, job: str) -> None:
        """Remove the incomplete files of a job whose process has ended. Raises OutputError."""
        folder = self.job(job)
        with raise_as(OutputError, "write", folder):
            remove_tree(folder / GROWING)
            for part in folder.rglob(PARTS):
                part.unlink(missing_ok=True)

    def clear(self, job: str) -> None:
        """Remove all files of a job but its state. Raises OutputError."""
        with raise_as(OutputError, "write", self.job(job)):
            for path in self.job(job).iterdir():
                if path.name != STATE:
                    remove_tree(path)

    def job(self, job: str) -> Path:
        """Return the folder of a job."""
        return self.jobs / job

    def upload(self, upload: str) -> Path:
        """Return the file of an upload. Its folder holds no other file."""
        folder = self.uploads / upload
        return next((path for path in sorted(folder.glob("*")) if not path.match(PARTS)), folder / "missing")

    def new_upload(self, name: str) -> Path:
        """Make the folder of an upload, and return the path for its file.

        Raises OutputError.
        """
        folder = self.uploads / new_id()
        with raise_as(OutputError, "write", folder):
            folder.mkdir(parents=True)
        return folder / safe_name(name)

    def take(self, file: Path) -> Upload:
        """Make an upload of a file of this machine: a link to it, or a copy from another file system.

        Raises OutputError.
        """
        path = self.new_upload(file.name)
        try:
            with raise_as(OutputError, "copy", file.name):
                try:
                    os.link(file, path)
                except OSError:
                    part = path.with_name(part_name())
                    shutil.copyfile(file, part)
                    os.replace(part, path)
                return Upload(id=path.parent.name, name=path.name, bytes=path.stat().st_size)
        except BaseException:
            remove_tree(path.parent)
            raise

    def remove_orphans(self, known: set[str]) -> None:
        """Remove uploads that no job needs and that nothing was written to for an hour."""
        for folder in list(self.uploads.iterdir()) if self.uploads.is_dir() else []:
            with contextlib.suppress(OSError):  # removed meanwhile
                last = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
                if folder.name not in known and time.time() - last > ORPHAN_SECONDS:
                    remove_tree(folder)

    def bytes(self) -> int:
        """Return the size of all files together."""
        return _bytes_in([self.uploads, self.jobs])

    def bytes_of(self, jobs: Iterable[str], uploads: Iterable[str]) -> int:
        """Return the size of the files of jobs and uploads, by their ids."""
        return _bytes_in([*map(self.job, jobs), *(self.uploads / upload for upload in uploads)])


def file_below(folder: Path, path: str) -> Path:
    """Return a file by its path below a folder. Raises NotFoundError if there is none, also if it lies elsewhere."""
    try:
        found = (folder / path).resolve(strict=True)
        if found.is_file() and found.is_relative_to(folder.resolve()):
            return found
    except (OSError, ValueError):  # there is none, or the path has a null character
        pass
    raise NotFoundError(f"there is no file {one_line(path)}")


def new_id() -> str:
    """Return a new name that cannot be guessed."""
    return secrets.token_hex(8)


def is_id(text: str) -> bool:
    """Whether a text can be such a name. Other texts, such as "../jobs", could lead out of a folder."""
    return re.fullmatch("[0-9a-f]{16}", text) is not None


def safe_name(name: str) -> str:
    """Return the last part of a path that somebody sent as the name of a file on any system: without separators and
    control characters, not hidden, and not too long."""
    name = one_line(re.split(r"[/\\]", name)[-1])
    encoding = sys.getfilesystemencoding()
    name = name.encode(encoding, errors="replace").decode(encoding)
    name = re.sub(r'[<>:"|?*\\]', "_", name).strip().lstrip(".").rstrip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = name, "", ""
    short = stem.encode()[: MAX_NAME - len(suffix.encode())].decode(errors="ignore")
    return f"{short}{dot}{suffix}" if short else "audio"


def remove_tree(path: Path) -> None:
    """Remove a folder or a file. The folder loses its name first, so that no half of it is ever found."""
    gone = path if path.name.startswith(GONE) else path.with_name(GONE + new_id())
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.replace(path, gone)
        if gone.is_dir():
            shutil.rmtree(gone, ignore_errors=True)
        else:
            gone.unlink()


def _bytes_in(folders: Iterable[Path]) -> int:
    size = 0
    for top in folders:
        for folder, _, files in os.walk(top):
            for file in files:
                with contextlib.suppress(OSError):  # removed meanwhile
                    size += os.stat(os.path.join(folder, file)).st_size
    return size
