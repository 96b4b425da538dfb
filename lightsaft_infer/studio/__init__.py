"""LightSAFT studio: a page in the browser and an HTTP API to separate tracks, hear their stems and take them away.

Needs FastAPI and uvicorn, the extra `studio`.
"""

from .server import run_studio
from .settings import Settings, default_folder

__all__ = ["Settings", "default_folder", "run_studio"]
