"""The program of cells, by a general solver of cone programs."""

import numpy as np

from certify.base.arrays import Array
from certify.problem import Values

from .cells import CellProgram, Cells

LARGEST = 100_000  # borders of all cells: some seconds
ENTRIES = 2_000_000  # numbers that map all unknowns to the field
SECONDS = 10.0  # that a solver may take


def solve(program: CellProgram, left: float | None) -> tuple[Cells, Values, Array] | None:
    """Return the cells' neurons, q and W; None where it is too large or has no answer.

    left: seconds.
    """
    problem, net, cells = program.problem, program.net, program.cells
    layer, F = net.layer, net.layer.features
    entries = problem.loss.observed.size * cells.mask.size
    if cells.size * len(F) > LARGEST or entries > ENTRIES:
        return None
    from certify.search import relax  # noqa: PLC0415  cvxpy takes a second to import

    used = (np.abs(F).max(axis=1, initial=0.0) > 0) & (layer.slope != 1)
    signs = np.where(cells.S[used] == 1, 1.0, -1.0)
    if layer.free:  # a cell that all rows are on one side of has no border
        signs = signs * (cells.mask[-1] != 0)
    base = np.broadcast_to(program.base, program.shape).reshape(-1)
    posed = relax.Posed(
        problem.loss,
        problem.lam,
        program.design,
        np.asarray(base, dtype=float),
        F[used],
        signs,
        len(F.T) - int(layer.free),
        cells.mask,
        program.offsets[1],
    )
    solution = relax.network_cells(posed, min(SECONDS, SECONDS if left is None else left))
    if solution is None:
        return None
    z, W = solution
    return (*program.finish(z), problem.loss.clip_dual(W.reshape(program.shape)))
