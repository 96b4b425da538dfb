"""The HTTP API of a studio, and its page."""

import asyncio
import contextlib
import importlib.resources
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.datastructures import State
from starlette.exceptions import HTTPException

from ..audio import track_name
from ..errors import LightSAFTError, message_of
from ..report import page_style
from ..text import one_line
from ..version import __version__
from .downloads import PcmWav, byte_range, zip_stream
from .job import Job, NewJob, Stem, Upload
from .jobs import Jobs
from .security import Guard
from .settings import Settings
from .uploads import TooLargeError, TooManyError, TooSlowError, Uploads
from .work_folder import NotFoundError, file_below
from .worker import MIXTURE, player_path

TICK = 0.2  # seconds between two looks at the jobs
PING = 15  # seconds without an event after which a comment is sent
CLEANING = 600  # seconds between two cleanings of the work folder
FRAMED = {"content-security-policy": "frame-ancestors 'self'"}  # the report has a policy of its own

PAGE = {
    "/": ("index.html", "text/html"),
    "/studio.css": ("studio.css", "text/css"),
    "/studio.js": ("studio.js", "text/javascript"),
}


class Problem(BaseModel):
    """What was wrong."""

    error: str


class NamedFile(BaseModel):
    """A file of this machine."""

    path: str


class About(BaseModel):
    """The studio."""

    version: str
    model: str
    targets: list[str]
    max_upload: int


def create_app(jobs: Jobs, settings: Settings) -> FastAPI:
    """Return the ASGI application of a studio."""
    app = FastAPI(
        title="LightSAFT studio",
        description="Separate tracks into stems: upload a file, submit a job, watch the events, fetch the stems.",
        version=__version__,
        docs_url=None,  # these pages would load scripts from the network
        redoc_url=None,
        lifespan=_cleaning(jobs),
        responses={code: {"model": Problem} for code in (400, 401, 403, 404)},
    )
    app.add_middleware(Guard, host=settings.host, names=settings.names, token=settings.token)
    _add_errors(app)
    _add_page(app)
    _add_uploads(app, jobs, settings)
    _add_jobs(app, jobs)
    _add_events(app, jobs)
    _add_downloads(app, jobs)

    @app.get("/api", tags=["studio"])
    def about() -> About:
        """The version, the model and its targets, and the largest upload in bytes."""
        model = f"{jobs.manifest.name} {jobs.manifest.version}"
        targets = list(jobs.manifest.targets)
        return About(version=__version__, model=model, targets=targets, max_upload=settings.max_upload)

    return app


def _cleaning(jobs: Jobs) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async def clean() -> None:
            while True:
                with contextlib.suppress(LightSAFTError):
                    await asyncio.to_thread(jobs.make_room)
                await asyncio.sleep(CLEANING)

        task = asyncio.create_task(clean())
        yield
        task.cancel()

    return lifespan


def _add_errors(app: FastAPI) -> None:
    codes: dict[type[LightSAFTError], int] = {
        NotFoundError: 404,
        TooLargeError: 413,
        TooManyError: 429,
        TooSlowError: 408,
    }

    @app.exception_handler(LightSAFTError)
    async def known(request: Request, error: LightSAFTError) -> Response:
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), 400)
        return JSONResponse({"error": one_line(error)}, code)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": one_line(message_of(error, request.url.path))}, 500)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": one_line(f"{place}: {first['msg']}")}, 400)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _add_page(app: FastAPI) -> None:
    folder = importlib.resources.files(__package__) / "page"

    def add(path: str, content: str, media_type: str) -> None:
        @app.get(path, include_in_schema=False)
        def page() -> Response:
            return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})

    for path, (name, media_type) in PAGE.items():
        add(path, (folder / name).read_text(encoding="utf-8"), media_type)
    add("/report.css", page_style(), "text/css")


def _add_uploads(app: FastAPI, jobs: Jobs, settings: Settings) -> None:
    uploads = Uploads(jobs.folder, settings)
    body = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

    @app.post(
        "/api/uploads",
        status_code=201,
        tags=["uploads"],
        openapi_extra={"requestBody": {"required": True, **body}},
        responses={code: {"model": Problem} for code in (408, 413, 429)},
    )
    async def upload(request: Request, name: Annotated[str, Query(max_length=1000)]) -> Upload:
        """Upload a file: the body of the request is the file itself. `name` is its name. It is removed with the last
        job that needs it."""
        size = int(request.headers.get("content-length") or 0)
        uploads.check(size)
        await asyncio.to_thread(jobs.make_room, size + uploads.missing)
        return await uploads.receive(name, _bytes(request), size)

    @app.post("/api/files", status_code=201, tags=["uploads"])
    def name_a_file(file: NamedFile) -> Upload:
        """Take a file of the folder `--music` of this machine, instead of an upload. `path` is its path below that
        folder."""
        if settings.music is None:
            raise NotFoundError("this studio has no folder of files to name: start it with --music")
        path = file_below(settings.music, file.path)
        jobs.make_room(path.stat().st_size + uploads.missing)
        return jobs.folder.take(path)


async def _bytes(request: Request) -> AsyncGenerator[bytes, None]:
    async for block in request.stream():
        yield block


def _add_jobs(app: FastAPI, jobs: Jobs) -> None:
    @app.post("/api/jobs", status_code=201, tags=["jobs"])
    def submit(new: NewJob) -> Job:
        """Queue the separation of an upload."""
        return jobs.submit(new)

    @app.get("/api/jobs", tags=["jobs"])
    def all_jobs() -> list[Job]:
        """All jobs in the order of their creation."""
        return jobs.all()

    @app.get("/api/jobs/{job}", tags=["jobs"])
    def one_job(job: str) -> Job:
        """One job."""
        return jobs.get(job)

    @app.post("/api/jobs/{job}/cancel", tags=["jobs"])
    def cancel(job: str) -> Job:
        """End the work on a job."""
        return jobs.cancel(job)

    @app.post("/api/jobs/{job}/retry", tags=["jobs"])
    def retry(job: str) -> Job:
        """Queue a job again that has failed or was cancelled."""
        return jobs.retry(job)

    @app.delete("/api/jobs/{job}", status_code=204, tags=["jobs"])
    def delete(job: str) -> None:
        """Remove a job and its files."""
        jobs.delete(job)


def _add_events(app: FastAPI, jobs: Jobs) -> None:
    stream = {"content": {"text/event-stream": {}}, "description": "Events `jobs` and `job`"}

    @app.get("/api/events", response_class=StreamingResponse, tags=["jobs"], responses={200: stream})
    async def events(request: Request) -> StreamingResponse:
        """Server-sent events: `jobs`, a list of the ids of all jobs, when jobs came or went, and `job`, a job that has
        changed. Both are sent at the start for all jobs."""
        content = _events(jobs, request.app.state)
        return StreamingResponse(content, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _events(jobs: Jobs, state: State) -> AsyncIterator[str]:
    """Look at the jobs again and again until the server ends: a slow client gets fewer events, and no queue grows."""
    version, known, quiet = -1, None, 0.0
    while not state.server.should_exit:
        if jobs.version != version:
            version, changed, ids = await asyncio.to_thread(jobs.changes, version)
            quiet = 0.0
            for job in changed:
                yield f"event: job\ndata: {job.model_dump_json()}\n\n"
            if ids != known:
                known = ids
                yield f"event: jobs\ndata: {json.dumps(ids)}\n\n"
        elif quiet >= PING:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(TICK)
        quiet += TICK


def _add_downloads(app: FastAPI, jobs: Jobs) -> None:
    binary: dict[str, Any] = {"response_class": FileResponse, "tags": ["stems"]}

    @app.get("/api/jobs/{job}/stems/{name}", **binary)
    def stem(job: str, name: str) -> Response:
        """A stem of a finished job, in its format. Ranges can be requested."""
        known = jobs.get(job)
        found = next((stem for stem in known.stems if stem.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no stem {name} of {known.name}")
        path = _stem_path(jobs, known, found)
        return FileResponse(path, filename=f"{track_name(known.name)} ({name}){path.suffix}")

    @app.get("/api/jobs/{job}/stems.zip", **binary)
    def stems(job: str) -> Response:
        """All stems of a finished job in a ZIP archive."""
        known = jobs.get(job)
        if not known.stems:
            raise NotFoundError(f"there are no stems of {known.name}")
        track = track_name(known.name)
        files = [(f"{track}/{stem.file}", _stem_path(jobs, known, stem)) for stem in known.stems]
        headers = {"content-disposition": _attachment(f"{track}.zip")}
        return StreamingResponse(zip_stream(files), media_type="application/zip", headers=headers)

    @app.get("/api/jobs/{job}/players/{name}", **binary)
    def player(
        request: Request,
        job: str,
        name: str,
        seconds: Annotated[float | None, Query(gt=0, description="only the first seconds")] = None,
        gain: Annotated[float, Query(gt=0, le=1)] = 1,
    ) -> Response:
        """A stem, or the "Mixture" of a job with a report, as WAV of 16 bits to be heard. While the job is under way,
        `seconds` must be at most its `done`. Ranges can be requested."""
        known = jobs.get(job)
        audio = known.audio
        if audio is None or name not in (MIXTURE, *known.stem_names):
            raise NotFoundError(f"there is nothing to hear of {name}")
        end = known.done if seconds is None else seconds
        path = player_path(jobs.folder.job(job), known, name)
        if end > known.done or not path.is_file():
            raise NotFoundError(f"{name} is not separated until {end:g} seconds")
        wav = PcmWav(path, audio, round(end * audio.sample_rate), gain)
        # There is no validator that an If-Range could match.
        ranges = None if "if-range" in request.headers else request.headers.get("range")
        asked = byte_range(ranges, wav.size)
        start, stop = asked or (0, wav.size)
        if start == stop:
            raise HTTPException(416, "there are no such bytes", {"content-range": f"bytes */{wav.size}"})
        headers = {"accept-ranges": "bytes", "content-length": str(stop - start), "cache-control": "no-store"}
        if asked is not None:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{wav.size}"
        status = 200 if asked is None else 206
        return StreamingResponse(wav.read(start, stop), status, headers, media_type="audio/wav")

    @app.get("/api/jobs/{job}/report", tags=["stems"], response_class=FileResponse)
    def report(job: str) -> Response:
        """The page to see and hear the stems of a finished job. The answer is 202 until it is written,
        some seconds later; the request moves it to the front."""
        known = jobs.get(job)
        path = jobs.folder.job(job) / "report.html"
        if known.report != "ready" or not path.is_file():
            jobs.want_report(job)
            return JSONResponse({"state": known.report}, 202)
        return FileResponse(path, media_type="text/html", headers=FRAMED)


def _stem_path(jobs: Jobs, job: Job, stem: Stem) -> Path:
    """The file of a stem. Raises NotFoundError if somebody has removed it from the work folder."""
    path = jobs.folder.job(job.id) / "stems" / stem.file
    if not path.is_file():
        raise NotFoundError(f"{stem.file} of {job.name} is no longer in the work folder")
    return path


def _attachment(name: str) -> str:
    """The header that makes a browser save a file under a name."""
    return FileResponse("", filename=name).headers["content-disposition"]
