"""The command `lightsaft`."""

from .main import entry, main

__all__ = ["entry", "main"]
