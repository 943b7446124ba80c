"""A ridge for each row or column: the penalty, its dual cost, and what the kernel refuses."""

from fractions import Fraction

import numpy as np
import pytest

from certify import InputError, Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.kernel.arrays import Array, Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.offsets import OFFSETS, Row
from certify.kernel.patterns import Pattern
from certify.losses import Absolute, Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept
from certify.search.relax import convex
from tests.tolerance import rounding

rng = np.random.default_rng(4)
Y = rng.integers(-16, 17, (5, 4)) / 8
MASK = rng.random((5, 4)) < 0.8
ROWS, COLUMNS = rng.integers(1, 9, 5) / 4, rng.integers(1, 9, 4) / 4


def asked(rows, columns, loss=None):
    offsets = (RowIntercept(rows), ColumnIntercept(columns))
    return Problem(loss or Squared(Y, mask=MASK), RankOne(), 0.75, offsets)


def test_penalty_is_a_sum_of_weighted_squares():
    q = np.arange(5) / 4
    assert RowIntercept(ROWS).penalty(q) == 0.5 * (ROWS * q * q).sum()
    assert not RowIntercept(ROWS).free
    assert np.array_equal(RowIntercept(ROWS).ridges, ROWS)


def test_equal_numbers_are_one_number():
    zero = np.zeros((5, 0)), np.zeros((4, 0))
    one, many = asked(0.5, 2.0), asked(np.full(5, 0.5), np.full(4, 2.0))
    first, second = (p.best_offsets(zero) for p in (one, many))
    for a, b in zip(first, second, strict=True):
        assert np.abs(a - b).max() <= rounding(a, b, flops=100)
    results = [check(p, zero) for p in (one, many)]
    assert results[1].lower == pytest.approx(results[0].lower)
    assert results[1].upper == pytest.approx(results[0].upper)


@pytest.mark.parametrize("loss", [Squared(Y), Squared(Y, mask=MASK)], ids=["all", "masked"])
def test_the_best_values_solve_the_normal_equations(loss):
    problem = asked(ROWS, COLUMNS, loss)
    U, V = rng.standard_normal((5, 2)), rng.standard_normal((4, 2))
    b, c = problem.best_offsets((U, V))
    seen = MASK if not loss.observed.full else np.ones_like(MASK)
    rest = np.where(seen, U @ V.T + b[:, None] + c - Y, 0)
    assert np.abs(rest.sum(axis=1) + ROWS * b).max() < 1e-12
    assert np.abs(rest.sum(axis=0) + COLUMNS * c).max() < 1e-12
    alone = Problem(loss, RankOne(), 0.75, (RowIntercept(ROWS),))
    (b,) = alone.best_offsets((U, V))
    rest = np.where(seen, U @ V.T + b[:, None] - Y, 0)
    assert np.abs(rest.sum(axis=1) + ROWS * b).max() < 1e-12


def test_an_optimum_is_certified_and_agrees_with_a_general_solver():
    problem = asked(ROWS, COLUMNS)
    found = improve(problem, (np.zeros((5, 1)), np.zeros((4, 1))))
    assert found.result.verdict is Verdict.CERTIFIED
    assert convex(problem).value == pytest.approx(found.objective, rel=1e-6)
    proved = verify(found.result.certificate, problem, found.factors, q=found.q)
    assert (proved.verdict, proved.tier) == (Verdict.CERTIFIED, "exact")


def test_another_ridge_is_another_question():
    problem = asked(ROWS, COLUMNS)
    found = improve(problem, (np.zeros((5, 1)), np.zeros((4, 1))))
    other = ROWS.copy()
    other[2] = np.nextafter(other[2], 9)
    for twin in (asked(other, COLUMNS), asked(1.0, COLUMNS), asked(ROWS, 1.0)):
        with pytest.raises(RejectedError) as error:
            verify(found.result.certificate, twin, found.factors, q=found.q)
        assert error.value.code == "question"


def test_scales_move_the_ridge_as_they_move_weights():
    e = -300
    problem = asked(ROWS, COLUMNS)
    small = asked(np.ldexp(ROWS, e), np.ldexp(COLUMNS, e), Squared(Y, np.full(Y.shape, 2.0**e)))
    small = Problem(small.loss, small.atom, np.ldexp(0.75, e), small.offsets)
    whole = Problem(Squared(Y), problem.atom, 0.75, problem.offsets)
    zero = np.zeros((5, 1)), np.zeros((4, 1))
    first, second = (improve(p, zero).result for p in (whole, small))
    assert second.verdict is first.verdict is Verdict.CERTIFIED
    assert np.ldexp(second.upper, -e) == pytest.approx(first.upper)


@pytest.mark.thorough
def test_other_losses_take_a_vector_too():
    problem = asked(ROWS, COLUMNS, Absolute(Y))
    zero = np.zeros((5, 0)), np.zeros((4, 0))
    q = problem.best_offsets(zero)
    result = check(problem, zero, q=q, method="cvxpy", budget=5)
    assert result.lower <= convex(problem).value * (1 + 1e-6) <= result.upper


# --- the kernel -------------------------------------------------------------------------


def test_the_kernel_prices_every_number_exactly():
    o = Row(Fraction(3), (0.5, 4.0))
    q = Array((2,), np.array([0.5, -0.25]))
    assert o.squares(q) == Fraction(1, 8) + Fraction(1, 4)
    totals = [Fraction(2), Fraction(-1, 3)]
    assert o.over_ridge(totals) == (4 / Fraction(1, 2) + Fraction(1, 9) / 4) / 3
    assert Row(Fraction(3)).over_ridge(totals) == (4 + Fraction(1, 9)) / 3
    # inf over q of <t, q> + ridge/2 sum w q^2 = -1/2 cost, at q = -t / (ridge w)
    best = [-t / (3 * Fraction(w)) for t, w in zip(totals, o.weights, strict=True)]
    value = sum(
        t * x + 3 * Fraction(w) * x * x / 2 for t, x, w in zip(totals, best, o.weights, strict=True)
    )
    assert value == -o.over_ridge(totals) / 2


RIDGE = {"ridge": "0x1p+0"}


@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_the_kernel_refuses_weights_that_are_not_positive(wrong):
    held = Arrays({"ridge0": Array((2,), np.array([1.0, wrong]))}, "statement")
    for kind in ("row", "column"):
        with pytest.raises(RejectedError) as error:
            OFFSETS[kind].stated(RIDGE, 0, held, Pattern(2, 2))
        assert (error.value.where, error.value.code) == ("statement.ridge0", "sign")
    assert OFFSETS["intercept"].stated(RIDGE, 0, held, Pattern(2, 2)).weights is None
    assert Row.stated(RIDGE, 1, held, Pattern(2, 2)) == Row(Fraction(1))


def test_the_kernel_refuses_weights_of_another_length():
    held = Arrays({"ridge0": Array((2,), np.array([1.0, 1.0]))}, "statement")
    with pytest.raises(RejectedError) as error:
        Row.stated(RIDGE, 0, held, Pattern(3, 2))
    assert error.value.code == "shape"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: RowIntercept([1.0, 0.0]), "must be > 0 where it is a vector, got 0.0 at 1"),
        (lambda: ColumnIntercept([1.0, -2.0]), "must be > 0 where it is a vector, got -2.0 at 1"),
        (lambda: RowIntercept([1.0, np.nan]), "must be finite, got nan"),
        (lambda: RowIntercept(np.ones((2, 2))), "must have 1 dimensions"),
        (lambda: Intercept([1.0]), r"must be a finite number >= 0"),
        (lambda: Linear(np.eye(5), np.ones(5)), r"must be a finite number >= 0"),
        (lambda: asked(np.ones(4), 0.0), r"RowIntercept.ridge must have shape \(5,\), got \(4,\)"),
        (lambda: asked(0.0, np.ones(5)), r"ColumnIntercept.ridge must have shape \(4,\), got"),
    ],
)
def test_a_wrong_ridge_is_named(make, told):
    with pytest.raises(InputError, match=told):
        make()
