"""The work of a worker process: a separation, or a report. The process sends messages (kind, content) to the studio.

("progress", Progress)    while it separates
("done", dict)            the fields of the job that have changed
("failed", str)           the message of an error
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..arrays import Stems
from ..audio import AudioReader, WavStreamWriter, part_name
from ..errors import message_of
from .job import AudioFormat, Job, Stem
from .work_folder import GROWING

MIXTURE = "Mixture"  # the row of the report, and its player


@dataclasses.dataclass(frozen=True)
class Task:
    """A job, the path of its upload, its folder, and the model."""

    job: Job
    source: Path
    folder: Path
    model: Path
    threads: int | None


def separate(pipe: Connection, task: Task) -> None:
    """Separate the upload of a job into its stems."""
    _report_errors(pipe, task, lambda: _separate(pipe, task))


def write_page(pipe: Connection, task: Task) -> None:
    """Write the report of a finished job."""
    _report_errors(pipe, task, lambda: _write_page(task))


def player_path(folder: Path, job: Job, name: str) -> Path:
    """Return the path of the WAV file from which the mixture or a stem is heard.

    The files have the names that the report shows. They grow in another folder while the job is under way.
    """
    whole = folder / "players"
    place = whole if whole.exists() else folder / GROWING
    return place / "mixture" / job.name if name == MIXTURE else place / "stems" / f"{name}.{job.options.format}"


def _report_errors(pipe: Connection, task: Task, function: Callable[[], dict[str, Any]]) -> None:
    try:
        changes = function()
    except Exception as error:
        text = message_of(error, task.job.name)
        # The user knows the names of the files, and not the folder in which the studio keeps them.
        for folder in (task.source.parent, task.folder):
            text = text.replace(f"{folder}{os.sep}", "")
        pipe.send(("failed", text))
    else:
        pipe.send(("done", changes))


def _separate(pipe: Connection, task: Task) -> dict[str, Any]:
    from ..separate_file import separate_file
    from ..separator import Separator

    job, options = task.job, task.job.options
    part: dict[str, Any] = {"start": options.start, "duration": options.duration, "downmix": options.downmix}
    separator = Separator.from_file(task.model, threads=task.threads)
    with AudioReader(task.source, **part) as reader:
        audio = AudioFormat(sample_rate=reader.sample_rate, channels=reader.channels, samples=reader.samples)
    outputs = {name: task.folder / "stems" / f"{name}.{options.format}" for name in job.stem_names}
    paths = {name: player_path(task.folder, job, name) for name in job.stem_names}
    pipe.send(("started", audio))
    with _Players(paths, audio) as players:
        result = separate_file(
            separator,
            task.source,
            outputs,
            consistency=job.consistency,
            residual=job.residual,
            subtype=options.subtype,
            clip=options.clip,
            overwrite=True,
            bitrate=options.bitrate,
            tags=options.tags,
            time_limit=options.time_limit,
            progress=lambda done, total: pipe.send(("progress", (done, total))),
            tap=players.write,
            **part,
        )
    os.replace(task.folder / GROWING, task.folder / "players")
    stems = [Stem(name=name, file=path.name, bytes=path.stat().st_size) for name, path in result.outputs.items()]
    audio.samples = result.samples
    return {"stems": stems, "notes": result.notes, "audio": audio, "done": result.samples / result.sample_rate}


class _Players:
    """WAV files of the stems that grow while the track is separated."""

    def __init__(self, paths: Mapping[str, Path], audio: AudioFormat) -> None:
        self._closing = contextlib.ExitStack()
        self._writers = []
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._closing.enter_context(open(path, "wb", buffering=0))
            self._writers.append(WavStreamWriter(file, name, **audio.model_dump()))

    def write(self, stems: Stems) -> None:
        for writer in self._writers:
            writer.write(stems)

    def __enter__(self) -> "_Players":
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.close()


def _write_page(task: Task) -> dict[str, Any]:
    from ..report import write_report

    job, options = task.job, task.job.options
    mixture = player_path(task.folder, job, MIXTURE)
    mixture.parent.mkdir(exist_ok=True)
    part = mixture.with_name(part_name())
    with (
        AudioReader(task.source, start=options.start, duration=options.duration, downmix=options.downmix) as reader,
        open(part, "wb", buffering=0) as file,
    ):
        assert job.audio
        writer = WavStreamWriter(file, MIXTURE, **job.audio.model_dump())
        for block in reader.blocks():
            writer.write({MIXTURE: block})
    os.replace(part, mixture)
    write_report(
        mixture,
        task.folder / "players" / "stems",
        task.folder / "report.html",
        model=task.model,
        links={name: f"players/{name}" for name in (MIXTURE, *job.stem_names)},
        overwrite=True,
    )
    return {}
