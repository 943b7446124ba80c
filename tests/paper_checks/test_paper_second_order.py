"""Helpers of the statements on local minima: Hessians, their sign, slices of a form, corners."""

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_checks import few_observations, partial_homogeneity
from paper_checks._draw import matrices, positives, rationals, vectors
from paper_checks._exact import dot, vector
from paper_checks._rays import determinant
from paper_checks._second_order import (
    across,
    hessian,
    moved,
    negative,
    orthogonal,
    residual,
    value,
)

QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def form(H, d):
    return dot(d, [dot(row, d) for row in H])


@given(matrices(3, 2), matrices(3, 2, positives()), positives(), st.integers(1, 2), st.data())
@QUICK
def test_the_hessian_is_the_second_derivative_of_f(Y, c, lam, r, data):
    at = data.draw(matrices(3, r)), data.draw(matrices(2, r))
    d = data.draw(vectors(5 * r))
    f = {t: value(Y, c, lam, moved(at, d, Fraction(t))) for t in range(-2, 3)}
    second = (-f[2] + 16 * f[1] - 30 * f[0] + 16 * f[-1] - f[-2]) / 12  # exact to degree 5
    assert form(hessian(residual(Y, c, at), c, lam, at), d) == second


@given(matrices(3, 3, st.integers(-2, 3).map(Fraction)))
@QUICK
def test_a_form_is_positive_semidefinite_or_has_a_negative_direction(a):
    H = [[x + a[j][i] for j, x in enumerate(row)] for i, row in enumerate(a)]
    d = negative(H)
    chosen = (p for k in (1, 2, 3) for p in combinations(range(3), k))
    minors = [determinant([[H[i][j] for j in p] for i in p]) for p in chosen]
    assert (d is None) is (min(minors) >= 0)
    assert d is None or form(H, d) < 0


@pytest.mark.parametrize("H", [[[0, 1], [1, 0]], [[0, -1], [-1, 5]], [[0, 0], [0, -1]]])
def test_a_zero_on_the_diagonal_does_not_hide_a_negative_direction(H):
    exactly = [vector(*row) for row in H]
    assert form(exactly, negative(exactly)) < 0


@given(st.lists(vectors(3).filter(any), min_size=1, max_size=3))
@QUICK
def test_reflections_are_orthogonal(normals):
    R = orthogonal(normals)
    assert across(R, R) == [vector(1, 0, 0), vector(0, 1, 0), vector(0, 0, 1)]


def test_a_step_must_fill_the_factors():
    with pytest.raises(ValueError, match="5 entries do not fill 2 rows of 2"):
        moved(([vector(1, 2)], [vector(3, 4)]), vector(1, 2, 3, 4, 5), Fraction(1))


@given(matrices(2, 3), matrices(3, 2))
@QUICK
def test_slices_sum_to_the_form_they_come_from(X, L):
    middle = across(L, L)
    found = few_observations.slices(X, middle)
    Z = [[sum((d * x[i] * x[j] for d, x in found), Fraction(0)) for j in (0, 1)] for i in (0, 1)]
    assert [[dot(p, [dot(row, q) for row in middle]) for q in X] for p in X] == Z
    assert len(found) <= 2
    assert all(d > 0 for d, _ in found)


@pytest.mark.parametrize("middle", [[[-1, 0], [0, 1]], [[0, 1], [1, 0]]])
def test_a_form_with_a_negative_direction_has_no_slices(middle):
    with pytest.raises(ValueError, match="not positive semidefinite"):
        few_observations.slices([vector(1, 0)], [vector(*row) for row in middle])


@pytest.mark.parametrize("layer", partial_homogeneity.LAYERS, ids=lambda layer: str(layer.x))
@given(st.data())
@QUICK
def test_no_hard_sigmoid_on_a_grid_exceeds_the_corners(layer, data):
    W = data.draw(vectors(len(layer.x), rationals()))
    top = layer.rays.polar(W)
    grid = [Fraction(k) for k in (-20, -3, -1, 0, 2, 7)]
    for w, b in product(grid, grid):
        assert abs(dot(W, layer.phi((w, b, Fraction(1))))) <= top
    assert any(abs(dot(W, layer.phi(n))) == top for n in layer.corners)
