"""The site: Sphinx with MyST (Markdown) and Furo, all three actively kept."""

from importlib.metadata import version

project = "certify"
author = "the certify developers"
release = version("certify")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"certify {release}"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
nitpicky = False
