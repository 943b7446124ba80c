"""The program of cells, by a general solver of cone programs."""

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
    problem, cells = program.problem, program.cells
    entries = problem.loss.observed.size * cells.mask.size
    if cells.S.size > LARGEST or entries > ENTRIES:
        return None
    from certify.search import relax  # noqa: PLC0415  cvxpy takes a second to import

    solution = relax.network_cells(program, min(SECONDS, SECONDS if left is None else left))
    if solution is None:
        return None
    z, W = solution
    return (*program.finish(z), problem.loss.clip_dual(W.reshape(program.shape)))
