"""Every offset, found by the registry: its map, its adjoint and its best values."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem
from certify._observed import Observed
from certify.atoms import RankOne
from certify.rays import adjoint
from certify.kernel.verify import Exact, Pattern
from certify.losses import Squared
from certify.offsets import OFFSETS, ColumnIntercept, Intercept, Linear, RowIntercept
from certify.polar._proved import handed
from certify.rigor.flint import Flint
from certify.rigor.rounded import Rounded

from .strategies import arrays, dyadics, masks, offsets, shapes
from .tolerance import exact_shift, fractions, rounding

each_offset = pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS)
SEES = ("intercept", "row", "column", "linear")


@st.composite
def seen(draw):
    """Return observed entries, all or listed."""
    m, n = draw(shapes)
    mask = draw(st.none() | masks((m, n)))
    if mask is None or mask.all():
        return Observed(m, n)
    rows, cols = (k.astype(np.int64) for k in np.nonzero(mask))
    return Observed(m, n, rows, cols)


def field_shape(at):
    return (at.m, at.n) if at.full else (at.size,)


def pattern(at):
    if at.full:
        return Pattern(at.m, at.n)
    return Pattern(at.m, at.n, at.rows.data, at.cols.data)


def design(o):
    return handed(o.A) if isinstance(o, Linear) else None


def exact_field(o, q, at):
    """Return A q at the observed entries, from the definition."""
    pairs = zip(*(k.tolist() for k in at.listed), strict=True)
    return [exact_shift(o, q, i, j) for i, j in pairs]


def pulled(o, W, at):
    """Return A* W, in the shape of q."""
    ar = Exact()
    totals = ar.adjoint(ar.load(handed(W.reshape(-1))), o.name, design(o), pattern(at))
    return np.array([float(t) for t in totals]).reshape(o.shape(at))


def test_the_registry_holds_the_four_kinds():
    assert {o.name for o in OFFSETS.values()} == set(SEES)


@each_offset
@given(data=st.data(), at=seen())
def test_the_factors_are_the_offset_of_its_definition(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    q = data.draw(arrays(o.shape(at)))
    o.check(at)
    found = at.product(*o.factors(q, at)).reshape(-1)
    assert fractions(found) == exact_field(o, q, at)


@each_offset
@given(data=st.data(), at=seen())
def test_the_adjoint_identity_holds_exactly(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    q, W = data.draw(arrays(o.shape(at))), data.draw(arrays(field_shape(at)))
    left = sum(map(Fraction.__mul__, exact_field(o, q, at), fractions(W)), Fraction(0))
    for ar in (Exact(), Flint(), Rounded()):
        totals = ar.adjoint(ar.load(handed(W.reshape(-1))), o.name, design(o), pattern(at))
        assert left == sum(map(Fraction.__mul__, fractions(q), totals), Fraction(0))
    plain = adjoint(at, W, o.name, o.factors(q, at)[0])
    assert sum(t * t for t in totals) == sum(t * t for t in fractions(plain))


@each_offset
@given(data=st.data(), at=seen())
def test_the_best_values_solve_the_normal_equations(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    target = data.draw(arrays(field_shape(at)))
    weights = data.draw(arrays(field_shape(at), dyadics(1, 32)))
    q = o.solve(target, weights, at)
    assert q.shape == o.shape(at)
    rest = weights * (at.product(*o.factors(q, at)) - target)
    slope = pulled(o, rest, at) + o.ridge * q
    size = np.abs(o.A).sum() + 1 if isinstance(o, Linear) else 1.0
    slack = rounding(size * weights * (1 + np.abs(target)), size**2 * weights, flops=2**16)
    assert np.abs(slope).max() <= slack  # 2^16 eps: the conditioning of two dyadic columns


@each_offset
@given(data=st.data(), at=seen())
def test_no_other_values_are_better(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    target = data.draw(arrays(field_shape(at)))
    weights = data.draw(arrays(field_shape(at), dyadics(1, 32)))

    def cost(q):
        rest = at.product(*o.factors(q, at)) - target
        return 0.5 * float((weights * rest**2).sum()) + 0.5 * o.ridge * float((q * q).sum())

    best, other = o.solve(target, weights, at), data.draw(arrays(o.shape(at)))
    slack = rounding(cost(other), weights * target**2, flops=2**10)
    assert cost(best) <= cost(other) + slack
    assert cost(best) <= cost(best + (other - best) / 16) + slack


def test_nothing_observed_leaves_a_value_at_zero():
    at = Observed(2, 2, np.array([0]), np.array([0]))
    target, weights = np.array([4.0]), np.array([1.0])
    assert ColumnIntercept().solve(target, weights, at).tolist() == [4.0, 0.0]
    assert RowIntercept().solve(target, weights, at).tolist() == [4.0, 0.0]
    assert ColumnIntercept(ridge=1.0).solve(target, weights, at).tolist() == [2.0, 0.0]
    assert Linear([[2.0], [8.0]]).solve(target, weights, at).tolist() == [[2.0, 0.0]]


def test_dependent_covariates_get_the_least_norm_solution():
    at, twice = Observed(2, 1), Linear([[1.0, 1.0], [1.0, 1.0]])
    found = twice.solve(np.full((2, 1), 6.0), np.ones((2, 1)), at)
    assert np.abs(found - 3.0).max() <= rounding(6.0, flops=16)


@given(data=st.data(), at=seen())
def test_rows_and_columns_fitted_together_leave_sums_of_zero(data, at):
    Y = data.draw(arrays((at.m, at.n)))
    mask = np.zeros((at.m, at.n), bool)
    mask[at.listed] = True
    problem = Problem(Squared(Y, mask=mask), RankOne(), 1.0, (RowIntercept(), ColumnIntercept()))
    none = (np.zeros((at.m, 0)), np.zeros((at.n, 0)))
    W = problem.dual_point(none, problem.best_offsets(none))
    held = problem.loss.observed
    sums = np.concatenate([held.line_sums(W, 0), held.line_sums(W, 1)])
    assert np.abs(sums).max() <= rounding(Y, flops=2**10)


WRONG = {
    "ridge negative": (lambda: Intercept(ridge=-1.0), "got -1.0"),
    "ridge nan": (lambda: RowIntercept(ridge=float("nan")), "got nan"),
    "ridge text": (lambda: ColumnIntercept(ridge="x"), "got 'x'"),
    "no column": (lambda: Linear(np.zeros((2, 0))), r"\(2, 0\)"),
    "design vector": (lambda: Linear([1.0]), r"\(1,\)"),
    "design nan": (lambda: Linear([[np.nan]]), "nan"),
    "design rows": (lambda: problem_with(Linear([[1.0]])), "must have 2 rows, got 1"),
    "twice": (lambda: problem_with(Intercept(), Intercept(ridge=1.0)), "once"),
    "no offset": (lambda: problem_with(3.0), "got 3.0"),
    "q count": (lambda: problem_with(Intercept()).accept_offsets([]), "got 0"),
    "q shape": (lambda: problem_with(Intercept()).accept_offsets([[1.0, 2.0]]), r"got \(2,\)"),
    "q nan": (lambda: problem_with(RowIntercept()).accept_offsets([[1.0, np.nan]]), "nan"),
    "q type": (lambda: problem_with(RowIntercept()).accept_offsets(1.0), "got float"),
}


def problem_with(*held):
    """Return a 2 x 3 problem with these offsets."""
    return Problem(Squared(np.zeros((2, 3))), RankOne(), 1.0, held)


@pytest.mark.parametrize(("made", "said"), WRONG.values(), ids=WRONG)
def test_wrong_offsets_are_refused_with_the_wrong_value(made, said):
    with pytest.raises(InputError, match=said):
        made()
