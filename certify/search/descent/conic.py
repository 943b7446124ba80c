"""Solve the program of cells by a general solver of cone programs."""

from certify.base.arrays import Array
from certify.problem import Values

from .cells import CellProgram, Cells

LARGEST = 100_000  # the most borders of all cells: some seconds
ENTRIES = 2_000_000  # the most numbers of the map from all unknowns to the field
SECONDS = 10.0  # the most that the solver may take


def solve(program: CellProgram, left: float | None) -> tuple[Cells, Values, Array] | None:
    """Return the solved cells, q and W; None if the program is too large or the solver fails.

    left  the seconds left
    """
    problem, cells = program.problem, program.cells
    entries = problem.loss.observed.size * cells.mask.size
    if cells.S.size > LARGEST or entries > ENTRIES:
        return None
    from certify.search import relax  # noqa: PLC0415  cvxpy takes a second to import

    solution = relax.network_cells(program, min(SECONDS, SECONDS if left is None else left))
    if solution is None:
        return None
    z, W = solution
    shape = problem.loss.observed.field_shape
    return (*program.finish(z), problem.loss.clip_dual(W.reshape(shape)))
