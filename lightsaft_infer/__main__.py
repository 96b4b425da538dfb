"""`python -m lightsaft_infer` is the command `lightsaft`."""

from .cli import entry

entry()
