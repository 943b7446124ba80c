"""Convex relaxations by general solvers: a second route, and a source of dual points.

The only package that imports cvxpy.  Every number it returns is untrusted: a solver may
be inaccurate, wrong, or report "solved" without an answer, and no verdict depends on it.
"""

from ._solve import Using
from .columns import Generated, columns
from .convex import Relaxed, convex, dual_point
from .network_cells import network_cells
from .network_omega import patterns
from .network_witness import network_witness
from .proposals import propose, require
from .witness import symmetric_witness, witness

__all__ = [
    "Generated",
    "Relaxed",
    "Using",
    "columns",
    "convex",
    "dual_point",
    "network_cells",
    "network_witness",
    "patterns",
    "propose",
    "require",
    "symmetric_witness",
    "witness",
]
