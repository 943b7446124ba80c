"""The program of cells (`descent.cells`), by a general solver.

The multiplier of the field is a W with <W, phi> <= lam for all unit neurons in these cells.
"""

import numpy as np

from certify.base.arrays import Array
from certify.search.descent.cells import CellProgram

from ._cvxpy import cp
from ._loss import domain, is_known, loss_expression, units
from ._solve import Using, numbers, unit


def network_cells(program: CellProgram, budget: float | None) -> tuple[Array, Array] | None:
    """Return (z, W as a flat field); None for a loss not ours, or a solver without an answer.

    z: all x_k one after another, then the offsets.  Both are untrusted: W bounds nothing until its
    polar is proved.
    """
    problem, cells, layer = program.problem, program.cells, program.net.layer
    loss, K, F = problem.loss, program.offsets[1], layer.features
    if not is_known(loss):
        return None
    by, size, n = units(loss), unit(program.design), cells.x.size
    X, q = cp.Variable(cells.x.shape), cp.Variable(max(len(K), 1))
    field = cp.Variable(loss.observed.size)
    shape = program.problem.loss.observed.field_shape
    base = np.broadcast_to(program.base, shape).reshape(-1)
    made = program.design[:, :n] / size @ cp.vec(X, order="F") + base / by.data
    made = made + program.design[:, n:] @ q if len(K) else made
    link = cp.Zero(field - made)
    cost = by.cost(problem.lam / size, 1) * cp.sum(
        cp.norm(X[: len(cells.x) - layer.free], 2, axis=0)
    )
    cost = cost + loss_expression(loss, field, by)
    if K.any():
        cost = cost + by.cost(0.5, 2) * cp.quad_form(q, K, assume_PSD=True)
    used = (np.abs(F).max(axis=1, initial=0.0) > 0) & (layer.slope != 1)
    signs = np.where(cells.S[used] == 1, 1.0, -1.0)
    if layer.free:  # a cell with all rows on one side has no border
        signs = signs * (cells.mask[-1] != 0)
    inside = [cp.multiply(signs, F[used] / size @ X) >= 0] if signs.any() else []
    fixed = [X[cells.mask == 0] == 0] if not cells.mask.all() else []
    asked = cp.Problem(cp.Minimize(cost), [link, *inside, *fixed, *domain(loss, field)])
    if not Using.within(budget, "CLARABEL").solve(asked):
        return None
    values = numbers([X, *([q] if len(K) else [])])
    if values is None or link.dual_value is None:
        return None
    z = np.concatenate([values[0].T.reshape(-1) / size, *(x.reshape(-1) for x in values[1:])])
    return z * by.data, np.asarray(link.dual_value).reshape(-1) * by.back(1.0, -1)
