"""A page to see and hear stems: one HTML file of a mixture and its stems."""

from .build import find_stems, write_report
from .encode import EMBEDDED_FORMATS
from .page import page_style

__all__ = ["EMBEDDED_FORMATS", "find_stems", "page_style", "write_report"]
