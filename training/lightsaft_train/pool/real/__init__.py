"""Real music: instrumentals to train on, and songs to score on."""

from .instrumentals import build_tree
from .judge_songs import render_judge
from .pseudo_stems import split_tree
from .stretches import render_stretches

__all__ = ["build_tree", "render_judge", "render_stretches", "split_tree"]
