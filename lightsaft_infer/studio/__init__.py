"""LightSAFT studio: a page in the browser and an HTTP API to separate tracks, hear their stems and take them away.

Needs FastAPI and uvicorn, the extra `studio`. The server is imported when it is first used: worker processes do not
need it.
"""

from typing import TYPE_CHECKING

from .settings import Settings, default_folder

if TYPE_CHECKING:
    from .server import run_studio

__all__ = ["Settings", "default_folder", "run_studio"]


def __getattr__(name: str) -> object:
    if name != "run_studio":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .server import run_studio

    return run_studio
