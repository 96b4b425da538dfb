"""The command `lightsaft`."""

from .main import main

__all__ = ["main"]
