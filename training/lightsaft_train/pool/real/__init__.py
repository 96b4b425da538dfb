"""Real music: instrumentals to train on, and songs to score on."""

from .excerpts import write_excerpts
from .instrumentals import write_instrumentals
from .mashups import render_mashups
from .pseudo_stems import write_pseudo_stems

__all__ = ["render_mashups", "write_excerpts", "write_instrumentals", "write_pseudo_stems"]
