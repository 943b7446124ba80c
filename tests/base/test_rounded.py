"""Outward rounding: every enclosure contains the exact value, at every scale."""

from array import array
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.rigor import bounds
from certify.base.rigor import rounded as rigor
from certify.base.rigor.bounds import dots, finite, gamma, nearest, product_error
from certify.base.rigor.fields import LONG
from certify.base.rigor.rounded import Ball, Rounded
from certify.kernel.arithmetic import Line
from certify.kernel.arrays import Array, squares_exactly
from certify.kernel.errors import RejectedError
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import power, root

EXACT, ROUNDED = Exact(), Rounded()
wild = st.floats(-(2.0**200), 2.0**200) | st.floats(-(2.0**-200), 2.0**-200) | st.just(5e-324)
tame = st.integers(-512, 512).map(lambda k: k / 16)


def matrix(draw, m, n, elements=wild):
    flat = draw(st.lists(elements, min_size=m * n, max_size=m * n))
    return Array((m, n), array("d", flat))


@st.composite
def patterns(draw):
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        return Pattern(m, n)
    seen = sorted(draw(st.sets(st.integers(0, m * n - 1), min_size=1)))
    rows, cols = (array("q", [f(k, n) for k in seen]) for f in (int.__floordiv__, int.__mod__))
    return Pattern(m, n, rows, cols)


def inside(enclosure, value):
    return enclosure.lo <= value <= enclosure.hi


@given(st.data())
def test_residual_sums_enclose_the_exact_ones(data):
    at = data.draw(patterns())
    r = data.draw(st.integers(0, 3))
    left, right = matrix(data.draw, at.m, r), matrix(data.draw, at.n, r)
    y = Array((at.size,), matrix(data.draw, at.size, 1).data)
    weights = data.draw(st.none() | st.just(Array((at.size,), array("d", [0.75] * at.size))))
    values = {}
    for ar in (EXACT, ROUNDED):
        field = ar.subtract(ar.outer_sum((left, right), at), ar.load(y))
        total = ar.add(field, ar.load(y))
        values[ar.tier] = (
            ar.squares(field, weights),
            ar.squares_over(field, weights),
            ar.inner(field, total),
            *(
                [ar.sums(field, k, at) for k in ("row", "column", "intercept")]
                if at.rows is None
                else []
            ),
        )
    for exact, enclosed in zip(values["exact"], values["rounded"], strict=True):
        assert enclosed.lo <= exact.lo
        assert exact.hi <= enclosed.hi


@given(st.data())
def test_lines_and_sums_of_a_field_are_bounded(data):
    at = data.draw(patterns())
    w = Array((at.size,), matrix(data.draw, at.size, 1).data)
    signs = data.draw(st.sampled_from([(1,), (-1,), (1, -1)]))
    kind = data.draw(st.sampled_from(["max", "root", "sum"]))
    line = Line(data.draw(st.integers(0, 1)), kind, data.draw(st.booleans()), signs)
    exact, held = EXACT.load(w), ROUNDED.load(w)
    assert ROUNDED.lines(held, line, at) >= EXACT.lines(exact, line, at) * (1 - power(-100))
    for kind in ("row", "column", "intercept"):
        assert ROUNDED.totals(held, *at.cells(kind)) == EXACT.totals(exact, *at.cells(kind))


@given(st.data(), st.sampled_from([tame, wild]))
def test_top_dominates_every_rayleigh_quotient(data, elements):
    at = data.draw(patterns())
    axis = data.draw(st.integers(0, 1))
    w = Array((at.size,), matrix(data.draw, at.size, 1, elements).data)
    exact, _ = EXACT.gram(EXACT.load(w), axis, at)
    g, slack = ROUNDED.gram(ROUNDED.load(w), axis, at)
    assert slack == 0
    k = exact.shape[0]
    truth = [Fraction(v) * power(exact.exp) for v in exact.ints]
    size = float(max(truth)) or 1.0
    shift = Fraction(size * data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0])))
    bound = ROUNDED.top(g, shift, None)
    x = [Fraction(v) for v in data.draw(st.lists(tame, min_size=k, max_size=k))]
    quadratic = sum(x[i] * truth[i * k + j] * x[j] for i in range(k) for j in range(k))
    assert quadratic <= bound * sum(v * v for v in x)


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_top_is_sharp_and_never_below_the_largest_eigenvalue(k, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(-64, 65, (k, k)) / 8
    g = Ball(a @ a.T, Fraction(0))  # dyadic: exact
    top = float(np.linalg.eigvalsh(g.mid)[-1])
    assert ROUNDED.top(g, Fraction(top * (1 + 1e-9)), None) <= Fraction(top * (1 + 2e-9))
    low = ROUNDED.top(g, Fraction(top * (1 - 1e-9)), None)  # too low: no Cholesky completes
    assert low >= Fraction(top * (1 - 1e-12))


def test_lost_orthogonality_of_an_inexact_field_is_refused():
    with pytest.raises(RejectedError, match="inexact"):
        ROUNDED.totals(Ball(np.ones(4), power(-60)), [0, 0, 1, 1], 2)


def test_overflow_is_refused():
    huge = Array((2, 2), array("d", [2.0**600] * 4))
    with np.errstate(over="ignore"), pytest.raises(RejectedError, match="overflow"):
        ROUNDED.squares(ROUNDED.outer_sum((huge, huge), Pattern(2, 2)), None)
    with pytest.raises(RejectedError, match="overflow"):
        nearest(power(2000))
    with pytest.raises(RejectedError, match="overflow"):
        finite(float("inf"))


class Flushed(float):
    """A number of a processor that has no denormal results."""

    def __mul__(self, other):
        product = float(self) * float(other)
        return product if abs(product) >= 2.0**-1022 else 0.0


def test_flushing_small_numbers_to_zero_is_refused(monkeypatch):
    monkeypatch.setattr(rigor.np, "float64", Flushed)
    with pytest.raises(RejectedError, match="flush to zero"):
        Rounded()


@given(st.lists(tame, max_size=40), st.integers(1, 4))
def test_dots_is_within_its_bound(values, chunk):
    x = np.array(values)
    old, bounds.CHUNK = bounds.CHUNK, chunk
    try:
        value, k = dots(x, x)
    finally:
        bounds.CHUNK = old
    exact = sum(Fraction(v) ** 2 for v in values)
    assert abs(Fraction(value) - exact) <= gamma(k) * exact


def test_radius_reaches_the_polar_bound():
    x = Ball(np.zeros(4), Fraction(1, 8))
    g, slack = ROUNDED.gram(x, 1, Pattern(2, 2))
    assert slack == Fraction(1, 8)
    assert root(ROUNDED.top(g, Fraction(1), None)).hi + slack >= Fraction(1, 8)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_inner_products_and_products_of_long_floats_are_within_their_radii(seed, n):
    rng = np.random.default_rng(seed)
    x, y = (Array((n,), array("d", rng.standard_normal(n).tolist())) for _ in range(2))
    exact = EXACT.inner(EXACT.load(x), EXACT.load(y)).lo
    assert inside(ROUNDED.inner(ROUNDED.load(x), ROUNDED.load(y)), exact)
    at, r = Pattern(3, 2), n
    left, right = (Array((m, r), array("d", rng.standard_normal(m * r).tolist())) for m in (3, 2))
    ball, grid = ROUNDED.outer_sum((left, right), at), EXACT.outer_sum((left, right), at)
    true = [Fraction(v) * power(grid.exp) for v in grid.ints]
    away = sum((Fraction(a) - b) ** 2 for a, b in zip(ball.mid.tolist(), true, strict=True))
    assert away <= ball.rad**2
    assert ball.rad <= Fraction(1, 2**30)


def test_the_error_of_a_product_of_long_rows_forms_no_square_of_their_length():
    rng, k = np.random.default_rng(5), 200_000  # whose Gram matrix has 320 gigabytes
    x, y = rng.standard_normal((3, k)), rng.standard_normal((2, k))
    ball = ROUNDED.multiply(Ball(x, Fraction(0)), Ball(y, Fraction(0)))
    size = np.linalg.norm(np.abs(x) @ np.abs(y).T)
    assert gamma(k) * Fraction(size) * (1 - gamma(k)) <= ball.rad <= 2 * gamma(k) * Fraction(size)


@given(st.data())
def test_both_forms_of_the_error_of_a_product_bound_it(data):
    m, n, k = (data.draw(st.integers(1, 4)) for _ in range(3))
    a, b = matrix(data.draw, m, k), matrix(data.draw, n, k)
    left, right = (np.reshape(x.data, x.shape) for x in (a, b))
    true = EXACT.multiply(EXACT.load(a), EXACT.load(b))
    found = EXACT.load(Array((m * n,), array("d", (left @ right.T).reshape(-1).tolist())))
    away = EXACT.squares(EXACT.subtract(found, replace(true, shape=(m * n,))), None).hi
    assert away <= product_error(left, right, k) ** 2


def test_a_product_with_a_selection_is_exact_and_with_nothing_else():
    selection = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    b = np.array([[0.1, 5e-324, 8.0], [-0.3, 0.7, 2.0]])
    assert product_error(selection, b, 3) == product_error(b, selection, 3) == 0
    held, other = (Array(x.shape, array("d", x.reshape(-1).tolist())) for x in (selection, b))
    found = ROUNDED.multiply(ROUNDED.load(held), ROUNDED.load(other))
    true = EXACT.multiply(EXACT.load(held), EXACT.load(other))
    exact = [Fraction(v) * power(true.exp) for v in true.ints]
    assert [Fraction(x) for x in found.mid.reshape(-1).tolist()] == exact
    for place, value in (((0, 0), 1.0), ((0, 1), 3.0), ((2, 2), 0.1)):
        other = selection.copy()
        other[place] = value
        assert product_error(other, b, 3) > 0


def test_radius_reaches_the_longest_line():
    x = Ball(np.array([1.0, 0.0, 0.0, 2.0]), Fraction(1, 8))
    signs = (1, -1)
    for line in (
        Line(0, "root", False, signs[:1]),
        Line(1, "max", False, signs[:1]),
        Line(0, "root", True, signs),
        Line(1, "sum", True, signs),
    ):
        assert ROUNDED.lines(x, line, Pattern(2, 2)) >= Fraction(17, 8)


@pytest.mark.parametrize("size", [LONG - 1, LONG, 3 * LONG + 1])
def test_the_square_of_a_column_is_exact_where_short_and_enclosed_where_long(size):
    x = np.random.default_rng(size).standard_normal((size, 2))[:, 1]
    found, true = Rounded().square(x), squares_exactly(x.tolist())
    assert found.lo <= true <= found.hi
    assert (found.lo == found.hi == true) is (size < LONG)
    assert found.hi - found.lo <= Fraction(1, 10**12) * true
