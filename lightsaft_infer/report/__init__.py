"""A page to see and hear stems: one HTML file of a mixture and its stems."""

from .build import find_stems, write_report
from .encode import FORMATS

__all__ = ["FORMATS", "find_stems", "write_report"]
