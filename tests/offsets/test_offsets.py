"""Every offset, found by the registry: its map, its adjoint and its best values."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem, Verdict, improve
from certify.atoms import RankOne
from certify.base.observed import Observed
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.evidence import Dual
from certify.kernel.exact import Exact
from certify.kernel.offsets import OFFSETS as KERNEL_OFFSETS
from certify.kernel.patterns import Pattern
from certify.losses import Absolute, Logistic, Squared
from certify.offsets import (
    OFFSETS,
    ColumnIntercept,
    Intercept,
    Linear,
    Offset,
    RowIntercept,
    Smooth,
    Sparse,
)
from certify.polar.proved import as_kernel_array
from certify.search.dual.orthogonal import orthogonalize
from tests.strategies import arrays, dyadics, masks, offsets, shapes
from tests.tolerance import exact_field, exact_penalty, fractions, rounding

each_offset = pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS)
ITERATED = 1e-9  # of a least-squares fit of small numbers
SUMS = ("intercept", "row", "column", "linear")  # whose A* W are sums, not W itself
each_sum = pytest.mark.parametrize("offset", [OFFSETS[k] for k in SUMS], ids=SUMS)


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


def sums(ar, o, W, at):
    """Return A* W by the kernel's rule, in one arithmetic."""
    raw = as_kernel_array(W.reshape(-1))
    held = {"design": as_kernel_array(o.A)} if isinstance(o, Linear) else {}
    return KERNEL_OFFSETS[o.name](**held).adjoint(ar, pattern(at), Dual(ar.load(raw), raw, ()))


def pulled(o, W, at):
    """Return A* W, in the shape of q."""
    totals = sums(Exact(), o, W, at)
    return np.array([float(t) for t in totals]).reshape(o.shape(at))


@each_offset
@given(data=st.data(), at=seen())
def test_the_factors_are_the_offset_of_its_definition(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    q = data.draw(arrays(o.shape(at)))
    o.check(at)
    found = at.product(*o.factors(q, at)).reshape(-1)
    assert fractions(found) == exact_field(o, q, at) == fractions(o.field(q, at))
    assert fractions(o.operator(at) @ q.reshape(-1)) == exact_field(o, q, at)


@each_offset
@given(data=st.data(), at=seen())
def test_the_penalty_is_that_of_its_definition_at_every_scale(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    q = data.draw(arrays(o.shape(at)))
    truth = exact_penalty(o, q)
    assert abs(Fraction(o.penalty(q)) - truth) <= truth / 2**40
    flat = q.reshape(-1)
    squares = 0.5 * float(np.square(o.roots(at) @ flat).sum()) + o.price * float(abs(flat).sum())
    curved = 0.5 * float(flat @ (o.curvature(at) @ flat)) + o.price * float(abs(flat).sum())
    for told in (squares, curved):
        assert abs(Fraction(told) - truth) <= truth / 2**40
    assert o.free == (not (o.price or o.ridge))
    a, b = (data.draw(st.integers(-40, 40)) for _ in "ab")  # f -> 2^(2a + b) f
    moved = exact_penalty(o.rescale(a, b), np.ldexp(q, a))
    assert moved == truth * Fraction(2) ** (2 * a + b)


@each_sum
@given(data=st.data(), at=seen())
def test_the_adjoint_identity_holds_exactly(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    q, W = data.draw(arrays(o.shape(at))), data.draw(arrays(field_shape(at)))
    left = sum(map(Fraction.__mul__, exact_field(o, q, at), fractions(W)), Fraction(0))
    for ar in (Exact(), Flint(), Rounded()):
        totals = sums(ar, o, W, at)
        assert left == sum(map(Fraction.__mul__, fractions(q), totals), Fraction(0))
    plain = o.adjoint(W, at)
    assert sum(t * t for t in totals) == sum(t * t for t in fractions(plain))


@each_offset
@given(data=st.data(), at=seen())
def test_what_is_said_of_every_offset_is_true(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    A, W = o.operator(at).toarray(), data.draw(arrays(field_shape(at)))
    assert np.array_equal(o.adjoint(W, at).reshape(-1), A.T @ W.reshape(-1))  # dyadic: exact
    assert np.array_equal(Offset.operator(o, at).toarray(), A)
    assert np.array_equal(Offset.adjoint(o, W, at), o.adjoint(W, at))
    if o.separate:
        assert (np.count_nonzero(A, axis=1) == 1).all()
    if o.entrywise:
        assert o.shape(at) in ((at.m, at.n), (at.size,))
    if o.levels:
        ones = np.arange(1.0, at.n + 1)[at.listed[1]]
        fitted = A @ np.linalg.lstsq(A, ones, rcond=None)[0]
        assert np.abs(fitted - ones).max() <= ITERATED
    if o.ridge > 0 and not o.price:
        K = o.curvature(at).toarray()
        pulled_back = A.T @ W.reshape(-1)
        wanted = float(pulled_back @ np.linalg.solve(K, pulled_back))
        assert o.cost(W, at) == pytest.approx(wanted, rel=1e-6, abs=1e-12)


@each_sum
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


@pytest.mark.sampled(3)
@each_offset
@given(data=st.data(), at=seen())
def test_no_other_values_are_better(offset, data, at):
    o = data.draw(offsets(offset, at.m))
    target = data.draw(arrays(field_shape(at)))
    weights = data.draw(arrays(field_shape(at), dyadics(1, 32)))

    def cost(q):
        rest = o.field(q, at) - target
        return 0.5 * float((weights * rest**2).sum()) + o.penalty(q)

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


def test_a_component_that_is_not_seen_stays_at_zero():
    at = Observed(3, 2, np.array([0, 1]), np.array([0, 0]))
    found = Smooth([(0, 1)], 1.0).solve(np.array([3.0, 0.0]), np.ones(2), at)
    assert found[:, 1].tolist() == [0.0, 0.0, 0.0]  # a column that is not seen
    assert found[2].tolist() == [0.0, 0.0]  # nor is the row without edges
    assert np.abs(found[:2, 0] - [2.0, 1.0]).max() <= rounding(found, flops=16)


def test_an_edge_of_weight_zero_is_no_edge():
    o = Smooth([(0, 1), (1, 2)], 1.0, weights=[0.0, 2.0])
    assert (o.edges.tolist(), o.weights.tolist()) == ([[1, 2]], [2.0])
    assert o.labels(3).tolist() == [0, 1, 1]
    assert (
        Smooth(np.zeros((0, 2)), 1.0).labels(2).tolist()
        == [0, 1]
        == Smooth([], 1.0).labels(2).tolist()
    )
    assert not o.edges.flags.writeable


@given(data=st.data(), at=seen())
def test_several_offsets_together_are_not_bettered_by_another_choice(data, at):
    held = [data.draw(offsets(k, at.m)) for k in (Sparse, Smooth, RowIntercept)]
    Y = np.zeros((at.m, at.n))
    Y[at.listed] = data.draw(arrays(at.size))
    mask = np.zeros((at.m, at.n), bool)
    mask[at.listed] = True
    problem = Problem(Squared(Y, mask=mask), RankOne(), 1.0, held)
    none, observed = (np.zeros((at.m, 0)), np.zeros((at.n, 0))), problem.loss.observed
    q = problem.best_offsets(none)
    best = problem.objective(none, q)
    slack = rounding(best, Y**2, flops=2**20)  # the shift of a singular matrix is undone by steps
    for k, o in enumerate(held):
        other = list(q)
        other[k] = q[k] + data.draw(arrays(o.shape(observed))) / 8
        assert best <= problem.objective(none, tuple(other)) + slack
    W = problem.dual_point(none, q)
    assert np.abs(W).max() <= held[0].rho * (1 + 2.0**-20) + slack


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
    "rho zero": (lambda: Sparse(0.0), "Sparse.rho must be a finite number > 0, got 0.0"),
    "rho nan": (lambda: Smooth([(0, 1)], float("nan")), "Smooth.rho .* got nan"),
    "edges flat": (lambda: Smooth([0, 1], 1.0), r"shape \(k, 2\), got \(2,\)"),
    "edges triple": (lambda: Smooth([(0, 1, 2)], 1.0), r"got \(1, 3\)"),
    "edge fraction": (lambda: Smooth([(0.5, 1)], 1.0), "row numbers >= 0, got 0.5"),
    "edge negative": (lambda: Smooth([(-1, 1)], 1.0), "got -1.0"),
    "edge nan": (lambda: Smooth([(np.nan, 1)], 1.0), "got nan"),
    "edge to itself": (lambda: Smooth([(0, 1), (2, 2)], 1.0), r"join two rows, got \[2, 2\]"),
    "edge twice": (lambda: Smooth([(0, 1), (1, 0)], 1.0), r"once, got \[0, 1\] twice"),
    "edge beyond": (lambda: problem_with(Smooth([(0, 2)], 1.0)), r"lie in 0\.\.1, got 2"),
    "edge weights": (lambda: Smooth([(0, 1)], 1.0, 0.0, [1.0, 2.0]), r"1 numbers >= 0, got \(2,\)"),
    "edge weight": (lambda: Smooth([(0, 1)], 1.0, weights=[-1.0]), "got -1.0"),
    "smooth ridge": (lambda: Smooth([(0, 1)], 1.0, -1.0), "ridge .* got -1.0"),
    "sparse q": (lambda: problem_with(Sparse(1.0)).accept_offsets([[1.0]]), r"\(2, 3\), got"),
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


@pytest.mark.parametrize("offset", [Intercept(), ColumnIntercept(), RowIntercept()])
@pytest.mark.parametrize("loss", [Squared, Logistic, Absolute])
def test_a_dual_point_whose_sums_are_zero_stays_where_it_is(offset, loss):
    W = np.array([[0.5, -0.5], [-0.5, 0.5]])
    problem = Problem(loss(np.eye(2)), RankOne(), 1.0, (offset,))
    found = orthogonalize(problem, W)
    shy = 0.0 if loss is Squared else 2.0**-20  # kept a little inside the domain of d
    assert np.abs(found.W - W).max() <= shy
    assert not found.W.sum(axis=0).any()
    assert not found.W.sum(axis=1).any()
    assert not found.corrections


@pytest.mark.thorough
def test_an_unpenalized_intercept_is_certified_under_the_logistic_loss():
    Y = np.array([[1.0, 0, 1, 0], [0, 1, 1, 0], [1, 1, 0, 1]])
    problem = Problem(Logistic(Y), RankOne(), 0.7, (Intercept(),))
    assert improve(problem, (np.ones((3, 1)), np.ones((4, 1)))).result.verdict is Verdict.CERTIFIED
