"""Ratings in blocks of rows that never meet: checked, verified and fitted on a cluster."""

from .prove import Checked, check, verify
from .question import RowBlocks

__all__ = ["Checked", "RowBlocks", "check", "verify"]
