"""The site: Sphinx with MyST (Markdown) and Furo, all three actively kept.

Sphinx, since its autodoc makes the reference out of the docstrings as they are and `-W` makes a
broken link or name an error; MyST, since a page is then the same Markdown that tests execute.
"""

from typing import Any

import certify

project = "certify"
author = "the certify developers"
release = certify.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"certify {release}"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
nitpicky = False


def as_written(
    _app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Show a docstring as it is written: formulas in plain text, columns as they stand."""
    if lines and any(lines):
        lines[:] = ["::", "", *(f"    {line}" for line in lines), ""]


def setup(app: Any) -> None:  # noqa: ANN401  Sphinx
    """Connect."""
    app.connect("autodoc-process-docstring", as_written)
