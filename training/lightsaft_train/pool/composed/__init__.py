"""Songs that people composed, split by instrument: tracker modules and LMMS projects."""

from .modules import render_modules

__all__ = ["render_modules"]
