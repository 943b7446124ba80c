"""The gauge of a hidden layer, as a convex expression: by all its cells, or lifted.

Omega(Z) is the least sum |u_k||v_k| with sum pool(s(F u_k)) v_k^T = Z.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from certify.base.arrays import Array, Ints, finite, real
from certify.polar.layer_query import Layer

from ._cvxpy import Expression, cp
from ._norms import square
from ._solve import unit
from .omega import Expressed, omega

MOST = 400  # cells of a layer that a program lists; beyond it the gauge is lifted
PAIR = 2  # rows of a sample whose largest satisfies a quadratic equation
OPEN = 2.0**-30  # depth below which a cell counts as part of its neighbours' boundary


def patterns(V: object, most: int | None = None) -> npt.NDArray[np.bool_] | None:
    """Return where V u > 0 in each cell of V's rows, one column a cell: (rows, cells).

    V (rows, d).  Cells are open; a row of zeros is never positive.  None if there are more
    than `most`.  One linear program for each cell and row: for small d.

    Raises InputError if V is not a finite real matrix.
    Source: the activation patterns of Pilanci and Ergen (2020).
    """
    matrix = finite(real(V, "V", ndim=2), "V")
    sizes = np.linalg.norm(matrix, axis=1)
    rows = matrix / np.where(sizes > 0, sizes, 1.0)[:, None]
    cells: dict[tuple[bool, ...], Array] = {(): np.zeros(matrix.shape[1])}
    for n, row in enumerate(rows):
        grown = {}
        for p, x in cells.items():
            for side in (True, False) if row.any() else (False,):
                turned = np.where([*p, side], 1.0, -1.0)[:, None] * rows[: n + 1]
                y = inside(turned[sizes[: n + 1] > 0], x)
                if y is not None:
                    grown[*p, side] = y
        cells = grown
        if most is not None and len(cells) > most:
            return None
    return np.array(list(cells), dtype=bool).T.reshape(len(matrix), -1)


def inside(rows: Array, x: Array) -> Array | None:
    """Return a point where all rows, of length 1, are positive: x, or the deepest in a box."""
    if float((rows @ x).min(initial=1.0)) > OPEN:
        return x
    d = rows.shape[1]
    A = np.hstack([-rows, np.ones((len(rows), 1))])
    ends = [(-1.0, 1.0)] * d + [(None, 1.0)]
    done = linprog(np.r_[np.zeros(d), -1.0], A, np.zeros(len(A)), bounds=ends)
    return None if done.x is None or done.x[-1] <= OPEN else np.asarray(done.x[:-1])


def network_omega(Z: Expression, layer: Layer) -> Expressed:
    """Return Omega(Z), Z (samples, outputs), and the constraints it needs.

    slope 1         the gauge of a matrix U with pool(F U) = Z: exact where `omega` is
    one output, l1  over the cells, D_k the activation on cell k: the least
                    sum |u_k| + |w_k|, sum_k pool(D_k F (u_k - w_k)) = z, u_k and w_k in cell k
                    (Pilanci and Ergen 2020); exact, each output by itself
    else            lifted: moments of (p, u, v), p = (F u)_+, doubly nonnegative over p,
                    p - F u and v where it has a sign; a lower bound
    the largest     lifted, with moments of h, h_k the largest p_i of sample k, too
    """
    scale = unit(layer.features)
    F = layer.features / scale
    if layer.slope == 1:
        price, cone = of_linear(Z, F, layer)
        return price / scale, cone
    cells = None
    if not layer.max_pooled and (layer.right.axial or Z.shape[1] == 1):
        cells = patterns(F, MOST)
    price, cone = moment_cost(Z, F, layer) if cells is None else by_cells(Z, F, layer, cells)
    return price / scale, cone


def deep_omega(Z: Expression, atom: Any) -> Expressed:  # noqa: ANN401  of the family "deep"
    """Return the nuclear norm of the least U, V U = Z: parallel deep linear networks.

    With an activation |Z|_* / (sigma_1(V) steep) <= Omega(Z), as Omega*(W) <= sigma_1(W)
    sigma_1(V) steep.
    """
    V, scale = atom.V, unit(atom.V)
    if atom.slope != 1:
        top = float(np.linalg.norm(V, 2)) * atom.steep
        return (cp.normNuc(Z) / top, []) if top else (0.0, [Z == 0])
    U = cp.Variable((V.shape[1], Z.shape[1]))
    return cp.normNuc(U) / scale, [V / scale @ U == Z]


def of_linear(Z: Expression, F: Array, layer: Layer) -> Expressed:
    """Return the least gauge of a U with pool(F U) = Z; a free bias has no price."""
    U = cp.Variable((F.shape[1], Z.shape[1]))
    price, cone = omega(U[:-1] if layer.free else U, layer.left, layer.right)
    return price, [*cone, layer.pool(np.eye(len(F))) @ F @ U == Z]


def by_cells(Z: Expression, F: Array, layer: Layer, cells: npt.NDArray[np.bool_]) -> Expressed:
    """Return the sum of the lengths of all neurons, two for each cell, sign and output."""
    (m, count), d = cells.shape, F.shape[1]
    pool, priced = layer.pool(np.eye(m)), d - layer.free
    price, cone = 0.0, []
    signs = np.where(cells, 1.0, -1.0)
    acts = np.hstack([pool @ (np.where(c, 1.0, layer.slope)[:, None] * F) for c in cells.T])
    for j in range(Z.shape[1]):
        total = 0.0
        for s in layer.right.unit_signs:
            U = cp.Variable((d, count))
            cone.append(cp.multiply(signs, F @ U) >= 0)
            price = price + cp.sum(cp.norm(U[:priced], 2, axis=0))
            total = total + s * (acts @ cp.vec(U, order="F"))
        cone.append(Z[:, j] == total)
    return price, cone


def moment_cost(Z: Expression, F: Array, layer: Layer) -> Expressed:
    """Return half the cost of the moments M of (h, p, u, v): sum of their outer products.

    With |u_k| = |v_k|, Omega(Z) >= 1/2 (tr M_uu + N(M_vv)), N the lifted square of the norm
    of v.  A free bias has |b| <= reach |u| apart from a constant, which has no price.
    Where samples take the largest of their rows, h_k - p_i for each row i of sample k and
    sum p_i - h_k are nonnegative, and (h_k - p_i)(h_k - p_j) = 0 for two rows; else there is no h.
    """
    (m, d), (s, n), a = F.shape, Z.shape, layer.slope
    s = s if layer.max_pooled else 0
    k = s + m + d
    M = cp.Variable((k + n, k + n), PSD=True)
    h, p, u = np.eye(s, k), np.eye(m, k, s), np.eye(d, k, s + m)
    facts = np.vstack([p, p - F @ u])
    if layer.max_pooled:
        gather = np.eye(s)[layer.owners]  # (rows, samples)
        facts = np.vstack([facts, gather @ h - p, gather.T @ p - h])
    X = facts @ M[:k, :k] @ facts.T
    cone = [X >= 0, cp.diag(X[:m, m : 2 * m]) == 0]
    if layer.max_pooled:
        cone += [X[2 * m + i, 2 * m + j] == 0 for i, j in pairs(layer.owners)]
    if layer.right.cone:
        sign = 1.0 if layer.right.cone == "+" else -1.0
        cone += [sign * (facts @ M[:k, k:]) >= 0, M[k:, k:] >= 0]
    made = (h if layer.max_pooled else layer.pool((1 - a) * p + a * F @ u)) @ M[:k, k:]
    priced = cp.trace(M[s + m : k - layer.free, s + m : k - layer.free])
    if layer.free:
        reach = float(np.linalg.norm(F[:, :-1], axis=1).max() / F[0, -1])
        cone.append(M[k - 1, k - 1] <= reach**2 * priced)
        made = made + np.ones((Z.shape[0], 1)) @ cp.Variable((1, n))
    cone.append(made == Z)
    return 0.5 * (priced + square(layer.right, M[k:, k:])), cone


def pairs(samples: Ints) -> list[tuple[int, int]]:
    """Return (i, j) for each sample of two rows, and (i, i) for each sample of one row."""
    rows = [np.flatnonzero(samples == k) for k in range(int(samples.max()) + 1)]
    return [(int(r[0]), int(r[-1])) for r in rows if len(r) <= PAIR]
