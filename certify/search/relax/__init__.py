"""Convex relaxations by general solvers: a second route, and a source of dual points.

The only package that imports cvxpy.  Every number it returns is untrusted: a solver may
be inaccurate, wrong, or report "solved" without an answer, and no verdict depends on it.
"""

from ._solve import Using
from .columns import Generated, columns
from .convex import Relaxed, convex, dual_point, solved_dual
from .network_cells import Posed, network_cells
from .network_omega import patterns
from .network_witness import network_witness
from .polar_sdp import RelaxedPolar, polar
from .proposals import propose, require
from .tensor_polar import tensor_polar
from .tensor_witness import tensor_witness
from .witness import symmetric_witness, witness

__all__ = [
    "Generated",
    "Posed",
    "Relaxed",
    "RelaxedPolar",
    "Using",
    "columns",
    "convex",
    "dual_point",
    "network_cells",
    "network_witness",
    "patterns",
    "polar",
    "propose",
    "require",
    "solved_dual",
    "symmetric_witness",
    "tensor_polar",
    "tensor_witness",
    "witness",
]
