"""The version of the package, of its tag and of its releases."""

__version__ = "0.2.0"
