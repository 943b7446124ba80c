"""The convex program of neurons in given cells, by a general solver.

    min over x_k, q of  l(sum_k S_k F x_k v_k^T + A q) + lam sum_k |x_k| + 1/2 q^T K q
    subject to          (F x_k)_i >= 0 where S_k says active, <= 0 elsewhere

The multiplier of the field is a W with <W, phi> <= lam for all unit neurons in these cells.
"""

from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.losses import Loss

from ._cvxpy import cp
from ._loss import domain, is_known, loss_expression, units
from ._solve import numbers, solve, unit


class Posed(NamedTuple):
    """The program: the loss, lam, and z, all x_k one after another and then q.

    design   the map from z to the field, one row an entry        base   what is added to it
    borders  (rows of F that count, d)   signs  (rows, cells) of S   priced  coordinates of x
    mask     (d, cells), 1 where x may differ from zero             K      of q
    """

    loss: Loss
    lam: float
    design: Array
    base: Array
    borders: Array
    signs: Array
    priced: int
    mask: Array
    K: Array


def network_cells(posed: Posed, budget: float | None = None) -> tuple[Array, Array] | None:
    """Return (z, W as a flat field), or None where the loss is not ours or a solver has no answer.

    Both are untrusted: W bounds nothing until its polar is proved.
    """
    loss = posed.loss
    if not is_known(loss):
        return None
    by, size, (d, count) = units(loss), unit(posed.design), posed.mask.shape
    X, q = cp.Variable((d, count)), cp.Variable(len(posed.K))
    F = cp.Variable(loss.observed.size)
    n = d * count
    made = posed.design[:, :n] / size @ cp.vec(X, order="F") + posed.base / by.data
    if len(posed.K):
        made = made + posed.design[:, n:] @ q
    link = cp.Zero(F - made)
    cost = by.cost(posed.lam / size, 1) * cp.sum(cp.norm(X[: posed.priced], 2, axis=0))
    cost = cost + loss_expression(loss, F, by)
    if posed.K.any():
        cost = cost + by.cost(0.5, 2) * cp.quad_form(q, posed.K, assume_PSD=True)
    inside = [cp.multiply(posed.signs, posed.borders / size @ X) >= 0] if posed.signs.any() else []
    fixed = [X[posed.mask == 0] == 0] if not posed.mask.all() else []
    program = cp.Problem(cp.Minimize(cost), [link, *inside, *fixed, *domain(loss, F)])
    if not solve(program, "CLARABEL", budget)[2]:
        return None
    values = numbers([X, *([q] if len(posed.K) else [])])
    if values is None or link.dual_value is None:
        return None
    z = np.concatenate([values[0].T.reshape(-1) / size, *(x.reshape(-1) for x in values[1:])])
    return z * by.data, np.asarray(link.dual_value).reshape(-1) * by.back(1.0, -1)
