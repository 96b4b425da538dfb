"""Real music: instrumentals to train on, and songs to score on."""

from .excerpts import render_excerpts
from .instrumentals import build_tree
from .mashups import render_mashups
from .pseudo_stems import split_tree

__all__ = ["build_tree", "render_excerpts", "render_mashups", "split_tree"]
