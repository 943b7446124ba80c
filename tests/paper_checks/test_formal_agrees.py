"""The kernel computes what the theorems of `paper_checks/formal` say: both sides in fractions.

A theorem is a statement about reals; here its hypothesis and its conclusion are evaluated on random
dyadic inputs by the plainest loops, and the kernel's answer is compared with them.
"""

from array import array
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem
from certify.atoms import RankOne
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact, Grid
from certify.kernel.verdict import prove
from certify.losses import Squared
from certify.pipeline.certificate.file import as_kernel_arrays, ask

DYADIC = st.builds(lambda n, k: n / 2**k, st.integers(-40, 40), st.integers(0, 6))


def squares(n):
    return st.lists(st.lists(DYADIC, min_size=n, max_size=n), min_size=n, max_size=n)


CASES = st.integers(1, 4).flatmap(lambda n: st.tuples(squares(n), squares(n), DYADIC, squares(n)))


def fractions(rows):
    return [[Fraction(x) for x in row] for row in rows]


def symmetric(rows):
    return [[rows[max(i, j)][min(i, j)] for j in range(len(rows))] for i in range(len(rows))]


def lower(rows):
    return [[x if j <= i else Fraction(0) for j, x in enumerate(row)] for i, row in enumerate(rows)]


def grid(rows):
    """Return the rows as the kernel holds them."""
    flat = array("d", (float(x) for row in rows for x in row))
    return Exact().load(Array((len(rows), len(rows)), flat))


def packed(rows):
    flat = array("d", (float(x) for i, row in enumerate(rows) for x in row[: i + 1]))
    return Array((len(flat),), flat)


def row_sums(rows):
    return max(sum(map(abs, row)) for row in rows)


def residual(G, L, shift):
    """Return E = shift I - G - L L^T."""
    n = range(len(G))
    return [
        [
            shift * (i == j) - G[i][j] - sum(a * b for a, b in zip(L[i], L[j], strict=True))
            for j in n
        ]
        for i in n
    ]


def form(G, x):
    return sum(G[i][j] * x[i] * x[j] for i in range(len(x)) for j in range(len(x)))


@given(CASES)
def test_the_residual_of_the_kernel_is_that_of_the_theorems(case):
    """Base.residual_le and Base.gershgorin: x^T G x <= (shift + e) |x|^2, e the row sums of E."""
    G, L, shift, xs = symmetric(fractions(case[0])), lower(fractions(case[1])), *case[2:]
    shift = Fraction(shift)
    e = row_sums(residual(G, L, shift))
    bound = Exact().top(grid(G), shift, packed(L))
    assert bound == min(shift + e, row_sums(G))
    assert Exact().top(grid(G), shift, None) == row_sums(G)
    for x in fractions(xs):
        assert form(G, x) <= bound * sum(v * v for v in x)


@given(CASES)
def test_a_grid_is_the_matrix_of_fractions_whatever_its_scale(case):
    """The same residual from integers with another power of two."""
    G, L, shift = symmetric(fractions(case[0])), lower(fractions(case[1])), Fraction(case[2])
    held = grid(G)
    finer = Grid([v * 8 for v in held.ints], held.exp - 3, held.shape)
    same = Exact().top(held, shift, packed(L))
    assert Exact().top(finer, shift, packed(L)) == same


@given(
    st.integers(1, 3).flatmap(lambda n: st.tuples(squares(n), squares(n))),
    st.sampled_from([0.25, 1.0, 3.0, 64.0]),
)
def test_the_lower_bound_of_the_kernel_is_that_of_weak_duality(case, lam):
    """Duality.weak_duality_matrix: d = s<W, Y> - s^2/2 |W|^2 with s P <= lam, P = max |W_ij|."""
    Y, W = case
    problem = Problem(Squared(np.array(Y)), RankOne("l1", "l1"), lam)
    none = np.zeros((len(Y), 0)), np.zeros((len(Y), 0))
    asked = ask(problem, none, None, rtol=0.0, atol=0.0)
    witness = as_kernel_arrays({"W": np.array(W).reshape(-1)})
    found = prove(asked.statement, asked.given, {"polar": {"rule": "lines"}}, witness)
    w, y = ([x for row in fractions(rows) for x in row] for rows in (W, Y))
    P = max(map(abs, w))
    s = min(Fraction(1), Fraction(lam) / P) if P else Fraction(1)
    d = sum(s * a * b - s * s * a * a / 2 for a, b in zip(w, y, strict=True))
    assert s * P <= lam
    assert found.lower == max(d, 0)
