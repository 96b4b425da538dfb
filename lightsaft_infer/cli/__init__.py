"""The command `lightsaft`."""

from ..start import entry
from .main import main

__all__ = ["entry", "main"]
