"""Settings of Sphinx. The pages are the Markdown files of the whole repository, so that Sphinx checks all of their
links; the Python API comes from the docstrings (numpydoc). CONTRIBUTING.md has the command."""

import lightsaft_infer

project = "LightSAFT"
html_title = f"LightSAFT {lightsaft_infer.__version__}"
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]

root_doc = "docs/index"
include_patterns = ["*.md", "[a-z]*/*.md"]  # not those of hidden folders
myst_heading_anchors = 4  # links to headings, with GitHub's names for them

nitpicky = True  # a reference that leads nowhere is a warning
nitpick_ignore_regex = [("py:obj", ".*")]  # but `name` in a docstring may be a parameter or a name of another library
default_role = "autolink"

autodoc_default_options = {"members": True, "special-members": "__call__"}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes and units
numpydoc_show_class_members = False
