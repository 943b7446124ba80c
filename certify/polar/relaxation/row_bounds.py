"""Bounds of a hidden layer's rows by other rows, which products of facts do not imply.

z_+ is sublinear: for f_k = sum c_i f_i + e over other rows, with s = |u|,

    p_k  <=  sum over c_i > 0 of c_i p_i - sum over c_i < 0 of c_i q_i + |e| s.

A mixture X of the relaxation has means p, q and u.  There the least right side with e = 0 is a
linear program in c.  By p_k - q_k = f_k . u the same bound holds of q_k.
"""

from bisect import insort
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

import highspy
import numpy as np

from certify.base.arrays import Array, Ints
from certify.polar import eigen as spectra

BITS = 30  # of the coefficients
OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "threads": 1,
}
CENTRAL, OUTER = 6, 64  # rows whose ranges bound a free bias
SHARE = 0.1  # of the rows: bounds found at once
LEAST = 1e-3  # of the largest p: a smaller violation is none
SMALL = 0.1  # of the largest multiplier: a bound of a smaller one is left out
NEVER = 1e3  # times the largest price, that of a row by itself


class RowBound(NamedTuple):
    """p_row is at most sum by_i p_i over by_i > 0, less sum by_i q_i over by_i < 0."""

    row: int
    at: Ints
    by: Array

    def node(self, child: int) -> dict[str, Any]:
        """Return the node of a proof that adds this bound to all below its child."""
        of = [[int(i), float(c).hex()] for i, c in zip(self.at, self.by, strict=True)]
        return {"above": self.row, "of": of, "next": [child]}

    def line(self, F: Array, reach: float) -> Array:
        """Return the coefficients of the right side less the left one, over (p, u, s)."""
        m, d = F.shape
        rest = F[self.row] - self.by @ F[self.at]
        priced = d - bool(reach)
        out = np.zeros(m + d + 1)
        out[self.at], out[self.row] = np.abs(self.by), -1.0
        out[m:-1] = np.minimum(self.by, 0.0) @ F[self.at]
        out[-1] = np.linalg.norm(rest[:priced]) + reach * np.abs(rest[priced:]).sum()
        return out


class BiasRange(NamedTuple):
    """e f_row . u is at most the largest |f_row - f_k| over rows k, times |u|; e = 1 or -1.

    A free bias is best where some f_k . u = 0.
    """

    row: int
    e: int

    def node(self, child: int) -> dict[str, Any]:
        """Return the node of a proof that adds this bound to all below its child."""
        return {"range": [[self.row, float(self.e).hex()]], "next": [child]}

    def line(self, F: Array) -> Array:
        """Return the coefficients of the right side less the left one, over (p, u, s)."""
        far = np.linalg.norm(F - F[self.row], axis=1).max()
        return np.concatenate([np.zeros(len(F)), -self.e * F[self.row], [far]])


def bias_ranges(F: Array) -> tuple[BiasRange, ...]:
    """Return both sides for CENTRAL rows: those whose farthest row of the outer ones is nearest."""
    G = F - F.mean(axis=0)
    squares = np.square(G).sum(axis=1)
    outer = np.argsort(-squares, kind="stable")[:OUTER]
    far = (squares[:, None] + squares[outer] - 2 * G @ G[outer].T).max(axis=1)
    rows = np.argsort(far, kind="stable")[:CENTRAL]
    return tuple(BiasRange(int(k), e) for k in rows for e in (1, -1))


class SilentHighs(highspy.Highs):
    """A solver that prints nothing when it is made."""

    def enableCallbacks(self) -> None:
        """Leave them out."""


class CombinationProgram:
    """The least sum p . a + q . b over a, b >= 0 with F^T (a - b) = f_k, without row k itself."""

    def __init__(self, F: Array, prices: Array) -> None:
        self.prices, (m, d) = prices, F.shape
        self.solver, program = SilentHighs(), highspy.HighsLp()  # type: ignore[no-untyped-call]
        for name, value in OPTIONS.items():
            self.solver.setOptionValue(name, value)
        program.num_col_, program.num_row_ = 2 * m, d
        program.col_cost_ = prices
        program.col_lower_, program.col_upper_ = np.zeros(2 * m), np.full(2 * m, np.inf)
        program.row_lower_ = program.row_upper_ = np.zeros(d)
        matrix = program.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kColwise
        matrix.start_ = np.arange(0, 2 * m * d + 1, d)
        matrix.index_ = np.tile(np.arange(d), 2 * m)
        matrix.value_ = np.concatenate([F, -F]).reshape(-1)
        self.solver.passModel(program)

    def least(self, k: int, f: Array) -> tuple[float, Array] | None:
        """Return the least sum for f = f_k, and c = a - b; it starts from the last one's basis."""
        own = np.array([k, len(self.prices) // 2 + k], dtype=np.int32)
        for j, x in enumerate(f.tolist()):
            self.solver.changeRowBounds(j, x, x)
        self.solver.changeColsCost(2, own, np.full(2, NEVER))
        if self.solver.run() == highspy.HighsStatus.kError:  # HiGHS already runs with other threads
            self.solver.setOptionValue("threads", 0)
            self.solver.run()
        solved = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        value = self.solver.getInfo().objective_function_value
        a, b = np.split(np.array(self.solver.getSolution().col_value), 2)
        self.solver.changeColsCost(2, own, self.prices[own])  # this discards the solution
        return (value, a - b) if solved else None


def find_row_bounds(
    F: Array, gains: Array, X: Array, expired: Callable[[], bool] = lambda: False
) -> tuple[RowBound, ...]:
    """Return bounds that X over (p, u, s) violates: those of the most gain, found until expired.

    gains  of the value in each p_i
    """
    m, d = F.shape
    most = ceil(SHARE * m)
    p = np.maximum(X[:m, -1], 0.0)
    q = np.maximum(p - F @ X[m : m + d, -1], 0.0)
    unit = float(max(p.max(), q.max())) or 1.0
    weights = np.maximum(gains, 0.0)
    excess = weights * np.minimum(p, q) / unit  # no violation gains more
    found, limit = list[tuple[float, int, Array]](), LEAST * float(weights.max())
    combinations = CombinationProgram(F, np.concatenate([p, q]) / unit)
    for k in np.argsort(-excess, kind="stable"):
        least_gain = max(limit, found[most - 1][0] if len(found) >= most else 0.0)
        if excess[k] <= least_gain or expired():
            break
        least = combinations.least(int(k), F[k])
        if least is not None:
            gain = float(weights[k]) * (p[k] / unit - least[0])
            insort(found, (gain, int(k), least[1]), key=lambda x: -x[0])
    return tuple(row_bound(k, c) for gain, k, c in found[:most] if gain > limit)


def row_bound(k: int, c: Array) -> RowBound:
    """Return the bound of row k by these coefficients of the rows, on a grid."""
    c = spectra.on_grid(c, BITS)
    at = np.flatnonzero(c)
    return RowBound(k, at, c[at])


def keep_used(bounds: tuple[RowBound, ...], U: Array) -> tuple[tuple[RowBound, ...], Array]:
    """Return the bounds whose multipliers in U, of which they are the last rows, are not small."""
    first = len(U) - len(bounds)
    sizes = np.abs(U[first:]).sum(axis=1)
    used = [k for k, x in enumerate(sizes) if x > SMALL * sizes.max()]
    kept = [*range(first), *(first + k for k in used)]
    return tuple(bounds[k] for k in used), U[np.ix_(kept, kept)]


def with_zeros(U: Array, at: int) -> Array:
    """Return U with another row and column of zeros there."""
    return np.insert(np.insert(U, at, 0.0, axis=0), at, 0.0, axis=1)
