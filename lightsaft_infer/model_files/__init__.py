"""Manifests that are written: for MDX-Net files, and for bundles of several models."""

from .bundling import write_bundle
from .import_mdx import import_mdx

__all__ = ["import_mdx", "write_bundle"]
