"""Linear programs in exact arithmetic: a solver proposes a basis, Fractions decide.

    min c.x : A x = b, x >= 0    >=    max b.y : A^T y <= c                  (weak duality)

A basis that is feasible on both sides has c.x = b.y, so each side proves the other optimal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from ._exact import dot
from ._linear import Vector, independent, rank, solve, transposed

SUPPORT = 2.0**-30  # below it a float is guessed to be zero: never truth
Basis = tuple[int, ...]  # a column j >= 0, or -1 - i for the unit vector of row i, held at 0


class BasisError(ValueError):
    """The basis does not prove optimality."""


@dataclass(frozen=True)
class Optimum:
    """An exact optimal pair: c.x = b.y = value, x >= 0, A^T y <= c."""

    x: Vector
    y: Vector
    value: Fraction
    basis: Basis


def minimize(c: Sequence[Fraction], a: Sequence[Vector], b: Sequence[Fraction]) -> Optimum:
    """Return the optimum of min c.x : A x = b, x >= 0, the basis proposed by HiGHS.

    Raises ValueError when the solver proposes none (infeasible or unbounded), BasisError when
    its basis is not exactly optimal.
    """
    return resolve(c, a, b, proposed(c, a, b))


def resolve(
    c: Sequence[Fraction], a: Sequence[Vector], b: Sequence[Fraction], basis: Basis
) -> Optimum:
    """Re-solve both sides at a basis and prove them optimal; BasisError if they are not."""
    m, columns = len(b), transposed(a)
    chosen = tuple(columns[j] if j >= 0 else unit(-1 - j, m) for j in basis)
    if len(basis) != m or rank(chosen) != m:
        raise BasisError(f"{basis} is no basis of {m} rows")
    inside = solve(transposed(chosen), b)
    y = solve(chosen, [c[j] if j >= 0 else Fraction(0) for j in basis])
    x = [Fraction(0)] * len(c)
    for j, value in zip(basis, inside or (), strict=True):
        if value < 0 or (j < 0 and value):
            raise BasisError(f"{basis} is not feasible: entry {j} is {value}")
        if j >= 0:
            x[j] = value
    for j, column in enumerate(columns):
        if dot(y or (), column) > c[j]:
            raise BasisError(f"{basis} is not optimal: column {j} costs less than its price")
    return Optimum(tuple(x), y or (), dot(c, x), basis)


def unit(i: int, m: int) -> Vector:
    """Return e_i in dimension m."""
    return tuple(Fraction(int(i == k)) for k in range(m))


def proposed(c: Sequence[Fraction], a: Sequence[Vector], b: Sequence[Fraction]) -> Basis:
    """Read a basis off the floats of HiGHS: its support, completed by tight columns and rows.

    Tight are columns of price zero and rows of multiplier zero.
    """
    dense, cost = np.array(a, dtype=float), np.array(c, dtype=float)
    found = linprog(cost, A_eq=dense, b_eq=np.array(b, dtype=float), method="highs-ds")
    if found.status != 0:
        raise ValueError(f"no optimum: {found.message}")
    prices = np.r_[cost - found.eqlin.marginals @ dense, found.eqlin.marginals]
    inside = np.r_[found.x > SUPPORT, np.zeros(len(b), dtype=bool)]
    order = sorted(range(len(prices)), key=lambda j: (not inside[j], abs(prices[j]) > SUPPORT, j))
    columns = (*transposed(a), *(unit(i, len(b)) for i in range(len(b))))
    pivots = independent([columns[j] for j in order])
    return tuple(j if j < len(c) else len(c) - 1 - j for j in (order[k] for k in pivots))


def maximize_over(
    y: Sequence[Fraction], rows: Sequence[Vector], bounds: Sequence[Fraction]
) -> Optimum:
    """Return the optimum of max y.w : row_i.w <= bound_i, w free: `.y` is w, `.value` the value.

    It is the dual of min bounds.x : rows^T x = y, x >= 0, so the same bases prove it.
    """
    return minimize(bounds, transposed(rows), y)
