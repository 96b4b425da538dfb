"""The jobs of a studio. Worker processes do them: separations in their order, and reports beside them.

Threads of this process start the worker processes and note what they send: one for each separation at a time, and one
for the reports. All methods can be called from any thread.
"""

import contextlib
import datetime
import functools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..audio import chosen_bitrate, output_format
from ..bundle import read_model
from ..errors import ArgumentError, LightSAFTError, OutputError, message_of
from ..manifest import default_manifest_path
from ..stem_options import choose_stems
from ..worker_process import WorkerProcess, check_working_folder
from .job import UNFINISHED, AudioFormat, Job, NewJob, now
from .settings import Settings
from .work_folder import NotFoundError, WorkFolder, is_id, new_id, remove_tree
from .worker import Task, separate, write_page


class Jobs:
    """The jobs of a work folder, in the order of their creation.

    Attributes
    ----------
    manifest : Manifest or Bundle
        Of the model.
    version : int
        It grows with every change.
    """

    def __init__(self, folder: WorkFolder, settings: Settings) -> None:
        check_working_folder()
        self.folder = folder
        self.settings = settings
        self.manifest = read_model(settings.model or default_manifest_path())
        for model in self.manifest.models:
            model.read_graph()  # a damaged graph would fail for every track
        self.version = 0
        self._jobs = {job.id: job for job in folder.load()}
        self._versions = dict.fromkeys(self._jobs, 0)  # that of each job's last change
        self._working: dict[str, WorkerProcess | None] = {}
        self._doomed: set[str] = set()  # jobs whose processes are to end without a result
        self._wanted: set[str] = set()  # jobs whose reports somebody waits for
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        for job in self._jobs.values():
            if job.state == "running":  # when a studio was killed
                self._change(job, state="queued", done=0, left=None)
        kinds = [self._next_separation] * settings.workers + [self._next_report]
        self._threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in kinds]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End all worker processes. The jobs that they worked on are queued again by the next studio."""
        with self._changed:
            self._closed = True
            for job in self._working:
                self._doom(job)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def all(self) -> list[Job]:
        """Return all jobs."""
        with self._changed:
            return list(self._jobs.values())

    def changes(self, version: int) -> tuple[int, list[Job], list[str]]:
        """Return the present version, the jobs that have changed since another one, and the ids of all jobs."""
        with self._changed:
            changed = [job for job in self._jobs.values() if self._versions[job.id] > version]
            return self.version, changed, list(self._jobs)

    def get(self, job: str) -> Job:
        """Return a job. Raises NotFoundError."""
        with self._changed:
            if job not in self._jobs:
                raise NotFoundError(f"there is no job {job}")
            return self._jobs[job]

    def submit(self, new: NewJob) -> Job:
        """Queue a job.

        Raises
        ------
        NotFoundError
            If there is no such upload.
        LightSAFTError
            If an option is wrong, or there are too many jobs.
        """
        options = new.options
        if options.targets and options.two_stems is not None:
            raise ArgumentError("expected targets or two_stems, got both")
        output_format(f"*.{options.format}", options.subtype)
        chosen_bitrate(f"*.{options.format}", options.bitrate)
        stems = choose_stems(
            self.manifest, targets=options.targets, two_stems=options.two_stems, consistency=options.consistency
        )
        if not is_id(new.upload) or not (source := self.folder.upload(new.upload)).is_file():
            raise NotFoundError(f"there is no upload {new.upload}")
        with self._changed:
            if len(self._jobs) >= self.settings.max_jobs:
                raise OutputError(f"expected at most {self.settings.max_jobs} jobs (delete some)")
            job = Job(
                id=new_id(),
                upload=new.upload,
                name=source.name,
                options=options,
                stem_names=list(stems.names),
                consistency=stems.consistency,
                residual=stems.residual,
                created=now(),
            )
            self._jobs[job.id] = job
            try:
                return self._change(job)
            except BaseException:
                del self._jobs[job.id], self._versions[job.id]
                remove_tree(self.folder.job(job.id))
                raise

    def cancel(self, job: str) -> Job:
        """End the work on a job. Nothing happens to one that is finished. Raises NotFoundError."""
        with self._changed:
            known = self.get(job)
            if known.state not in UNFINISHED:
                return known
            self._doom(job)
            return self._change(known, state="cancelled", left=None, finished=now())

    def retry(self, job: str) -> Job:
        """Queue a job again that has failed or was cancelled. Nothing happens to another one. Raises NotFoundError."""
        with self._changed:
            known = self.get(job)
            if known.state not in ("failed", "cancelled"):
                return known
            return self._change(known, state="queued", error=None, done=0, total=None, finished=None)

    def delete(self, job: str) -> None:
        """Remove a job and its files, and its upload unless another job needs it. Raises NotFoundError."""
        with self._changed:
            known = self.get(job)
            del self._jobs[job], self._versions[job]
            self.version += 1
            self._doom(job)
            self._changed.wait_for(lambda: job not in self._working)
            remove_tree(self.folder.job(job))
            if all(other.upload != known.upload for other in self._jobs.values()):
                remove_tree(self.folder.uploads / known.upload)

    def want_report(self, job: str) -> None:
        """Let the report of a job be written before those of other jobs."""
        with self._changed:
            self._wanted.add(job)

    def make_room(self, needed: int = 0) -> None:
        """Remove finished jobs that are too old, and the oldest ones until there is room for the needed bytes.

        Raises OutputError if all of them would not make room. None is removed then that is not too old.
        """
        self.folder.remove_orphans({job.upload for job in self.all()})
        finished = sorted([(job.finished, job.id, job) for job in self.all() if job.finished])
        old = [job for when, _, job in finished if _days_since(when) > self.settings.max_days]
        self._delete_all(old)
        recent = [job for _, _, job in finished[len(old) :]]
        removable = self.folder.bytes_of(
            {job.id for job in recent},
            {job.upload for job in recent} - {job.upload for job in self.all() if not job.finished},
        )
        if needed + self.folder.bytes() - removable > self.settings.max_bytes:
            raise OutputError(f"the work folder is full: it may hold {self.settings.max_bytes} bytes (use --max-gb)")
        for job in recent:
            if needed + self.folder.bytes() > self.settings.max_bytes:
                self._delete_all([job])

    def _delete_all(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            with contextlib.suppress(NotFoundError):  # somebody else has deleted it
                self.delete(job.id)

    def _change(self, job: Job, **fields: object) -> Job:
        """Change fields of a job. Its state is written unless only its progress has changed."""
        with self._changed:
            if job.id not in self._jobs:
                return job
            job = self._jobs[job.id] = self._jobs[job.id].model_copy(update=fields)
            self.version += 1
            self._versions[job.id] = self.version
            self._changed.notify_all()
            if not fields or not fields.keys() <= {"done", "total", "left", "audio"}:
                self.folder.save(job)
            return job

    def _doom(self, job: str) -> None:
        """End the process that works on a job, if there is one."""
        if job in self._working:
            self._doomed.add(job)
            if worker := self._working[job]:
                worker.process.terminate()

    # The threads

    def _run(self, choose: Callable[[], tuple[Job, Callable[[Job], None]] | None]) -> None:
        """Do the work that `choose` returns, again and again."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or choose())
                chosen = choose()
                if self._closed or chosen is None:
                    return
                job, work = chosen
                self._working[job.id] = None
            try:
                work(job)
            except Exception as error:  # such as a full disk, which keeps the state from being written
                text = message_of(error, job.name)
                failed: dict[str, object] = {"state": "failed", "error": text, "finished": now()}
                with contextlib.suppress(LightSAFTError):
                    self._change(job, **(failed if work == self._separate else {"report": "failed"}))
            finally:
                with self._changed:
                    self._working.pop(job.id)
                    self._wanted.discard(job.id)
                    self._doomed.discard(job.id)
                    self._changed.notify_all()

    def _next_separation(self) -> tuple[Job, Callable[[Job], None]] | None:
        queued = (job for job in self._jobs.values() if job.state == "queued" and job.id not in self._working)
        job = next(queued, None)
        return None if job is None else (job, self._separate)

    def _next_report(self) -> tuple[Job, Callable[[Job], None]] | None:
        done = [job for job in self._jobs.values() if job.state == "done" and job.id not in self._working]
        missing = [job for job in done if job.report == "none"]
        job = next((job for job in missing if job.id in self._wanted), next(iter(missing), None))
        return None if job is None else (job, self._write_page)

    def _separate(self, job: Job) -> None:
        self.folder.clear(job.id)
        job = self._change(job, state="running", done=0, total=None, left=None)
        kind, content = self._do(separate, job)
        with self._changed:
            if job.id in self._doomed:
                self.folder.clear(job.id)
            elif kind == "done":
                self._change(job, **content, state="done", left=None, finished=now())
            else:
                self.folder.clear(job.id)
                self._change(job, state="failed", error=content, left=None, finished=now())

    def _write_page(self, job: Job) -> None:
        kind, _ = self._do(write_page, job)
        self.folder.clear_unfinished(job.id)
        if job.id not in self._doomed:
            self._change(job, report="ready" if kind == "done" else "failed")

    def _do(self, function: Callable[..., None], job: Job) -> tuple[str, Any]:
        """Call a function in a worker process, and note its progress. Returns its last message."""
        task = Task(
            job=job,
            source=self.folder.upload(job.upload),
            folder=self.folder.job(job.id),
            model=self.manifest.path.absolute(),
            threads=self.settings.threads,
        )
        worker = WorkerProcess(functools.partial(function, task=task))
        with self._changed:
            self._working[job.id] = worker
            if job.id in self._doomed:  # since it was chosen
                worker.process.terminate()
        start = time.monotonic()
        try:
            while True:
                kind, content = worker.pipe.recv()
                if kind in ("done", "failed"):
                    worker.end()
                    return kind, content
                if job.id in self._doomed:
                    continue
                if kind == "started":
                    start = time.monotonic()
                    self._change(job, audio=content, total=_seconds(content))
                else:
                    done, total = content
                    left = None if total is None else (total - done) * (time.monotonic() - start) / done
                    self._change(job, done=done, left=left)
        except (EOFError, OSError):
            return "failed", f"the process that separated it ended ({worker.end()}): {job.name}"


def _seconds(audio: AudioFormat) -> float | None:
    return None if audio.samples is None else audio.samples / audio.sample_rate


def _days_since(finished: datetime.datetime) -> float:
    return (now() - finished).total_seconds() / 86400
