"""A studio at its address."""

import contextlib
import logging
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import OutputError, message_of, reason
from ..text import one_line
from .app import create_app
from .jobs import Jobs
from .security import check_address
from .settings import Settings
from .work_folder import WorkFolder

LOG = logging.getLogger(__name__)
MAX_CONNECTIONS = 500
GOODBYE = 2  # seconds for open answers, such as streams of events, when the studio ends


def run_studio(settings: Settings, on_start: Callable[[str], object] = lambda url: None) -> None:
    """Run a studio until the process is interrupted or terminated.

    Parameters
    ----------
    settings : Settings
    on_start : callable, optional
        Called with the address of its page when it can be opened.

    Raises
    ------
    ArgumentError
        If another address than a loopback address has no token.
    OutputError
        If the work folder cannot be used, or the address cannot be listened on.
    ModelError
        If the model cannot be used.
    """
    check_address(settings.host, settings.token)
    with (
        contextlib.closing(listen(settings.host, settings.port)) as listening,
        contextlib.closing(WorkFolder(settings.folder)) as folder,
        contextlib.closing(Jobs(folder, settings)) as jobs,
    ):
        on_start(_url(settings, listening.getsockname()[1]))
        server_of(create_app(jobs, settings)).run(sockets=[listening])


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return the server of an application."""
    config = uvicorn.Config(
        _without_tracebacks(app),
        log_config=None,  # warnings go to standard error; uvicorn's own configuration needs standard output too
        log_level="warning",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GOODBYE,
        server_header=False,
    )
    server = app.state.server = uvicorn.Server(config)
    return server


def _without_tracebacks(app: ASGIApp) -> ASGIApp:
    """Return the application with one line in the log, not a traceback, for each error that it did not expect."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            LOG.error("lightsaft: error: %s", one_line(message_of(error, scope["path"])))

    return logged


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address. Raises OutputError if that is not possible."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = reason(error).partition(" (")[0]  # Python repeats the address
        raise OutputError(f"cannot listen on {host}:{port}: {why} (use --port or --host)") from error


def _url(settings: Settings, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    query = f"?token={settings.token}" if settings.token else ""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{query}"
