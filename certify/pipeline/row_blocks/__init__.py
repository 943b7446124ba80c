"""Ratings in blocks of rows on different machines: check, verify and improve on a cluster."""

from .prove import Checked, check, embed_factors, load_factors, verify
from .question import RowBlocks
from .search import Improved, improve

__all__ = [
    "Checked",
    "Improved",
    "RowBlocks",
    "check",
    "embed_factors",
    "improve",
    "load_factors",
    "verify",
]
