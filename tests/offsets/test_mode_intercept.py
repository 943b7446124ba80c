"""A mode's intercept: its map, its sums in every arithmetic, and what is refused."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem, RejectedError, Verdict, check, verify
from certify.atoms import CP, RankOne
from certify.base.observed import Observed
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel import dual as kernel_dual
from certify.kernel import statement as kernel_statement
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Dual
from certify.kernel.exact import Exact
from certify.kernel.scalars import power
from certify.kernel.statement import Point
from certify.kernel.values import fit_field
from certify.losses import Absolute, Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, ModeIntercept, RowIntercept
from certify.pipeline.certificate.file import ask
from certify.polar.proved import as_kernel_array
from certify.search.dual.orthogonal import orthogonalize
from certify.search.dual.scaling import ridge_cost
from tests.strategies import arrays, dyadics
from tests.tolerance import exact_field, fractions, rounding

TIERS = pytest.mark.parametrize("tier", [Exact, Flint, Rounded])
DIMS = [(3, 2), (2, 3, 2), (3, 1, 2), (2, 2, 2, 2)]
each_shape = pytest.mark.parametrize("dims", DIMS, ids=str)


def tensor(dims, seed=0):
    return np.random.default_rng(seed).integers(-16, 17, dims) / 8


def masked(dims, share=0.7):
    return np.random.default_rng(1).random(dims) < share


def observed(dims, *, full):
    return Squared(tensor(dims), mask=None if full else masked(dims)).observed


def none(dims):
    return tuple(np.zeros((n, 0)) for n in dims)


def problem_of(dims, offsets, *, full=True, loss=Squared):
    Y = tensor(dims)
    Y = np.sign(Y) if loss is Absolute else Y
    return Problem(
        loss(Y, mask=None if full else masked(dims)), CP(("l2",) * len(dims)), 4.0, offsets
    )


def spelled(W, at, axis):
    """Return the sums of a field over all modes but one, from the definition, exactly."""
    totals = [Fraction(0)] * at.dims[axis]
    where = np.ravel_multi_index(at.listed, (at.m, at.n))
    for value, k in zip(fractions(W), np.unravel_index(where, at.dims)[axis].tolist(), strict=True):
        totals[k] += value
    return totals


@each_shape
@pytest.mark.parametrize("full", [True, False])
@given(data=st.data())
def test_the_map_and_its_adjoint_are_those_of_the_definition(dims, full, data):
    at = observed(dims, full=full)
    for axis in range(len(dims)):
        o = ModeIntercept(axis)
        q = data.draw(arrays((dims[axis],)))
        W = data.draw(arrays((at.m, at.n) if at.full else (at.size,)))
        assert fractions(o.field(q, at)) == exact_field(o, q, at)
        assert fractions(o.operator(at) @ q) == exact_field(o, q, at)
        assert fractions(o.adjoint(W, at)) == spelled(W, at, axis)


@each_shape
@pytest.mark.parametrize("ridge", [0.0, 2.0])
@given(data=st.data())
def test_the_best_values_solve_the_normal_equations(dims, ridge, data):
    at = observed(dims, full=False)
    target, weights = data.draw(arrays((at.size,))), data.draw(arrays((at.size,), dyadics(1)))
    for axis in range(len(dims)):
        o = ModeIntercept(axis, ridge)
        q = o.solve(target, weights, at)
        slope = o.adjoint(weights * (o.field(q, at) - target), at) + ridge * q
        assert np.abs(slope).max() <= rounding(weights * (1 + np.abs(target)), flops=64)


@TIERS
@each_shape
@pytest.mark.parametrize("full", [True, False])
def test_every_arithmetic_sums_exactly_with_corrections(tier, dims, full):
    for axis in range(len(dims)):
        problem = problem_of(dims, [ModeIntercept(axis)], full=full)
        asked = ask(problem, none(dims), None, rtol=1e-6, atol=0.0)
        question = kernel_statement.question(asked.statement, asked.given)
        at = problem.loss.observed
        W = np.random.default_rng(2).standard_normal(at.size)
        ar, extra = tier(), ((0, Fraction(1, 3)), (at.size - 1, Fraction(-5, 7)))
        raw = as_kernel_array(W)
        found = question.offsets[0].adjoint(ar, question.at, Dual(ar.load(raw), raw, extra))
        truth = spelled(W, at, axis)
        where = np.ravel_multi_index(at.listed, (at.m, at.n))
        for entry, c in extra:
            truth[int(np.unravel_index(where[entry], dims)[axis])] += c
        assert found == truth


@TIERS
@each_shape
def test_the_kernel_adds_the_same_field(tier, dims):
    axes = range(len(dims))
    problem = problem_of(dims, [ModeIntercept(k) for k in axes])
    q = [tensor((n,), 3 + k) for k, n in enumerate(dims)]
    asked = ask(problem, none(dims), tuple(q), rtol=1e-6, atol=0.0)
    question = kernel_statement.question(asked.statement, asked.given)
    factors = tuple(as_kernel_array(np.zeros((n, 1))) for n in dims)
    z = fit_field(tier(), question, Point(factors, question.q))
    los, his, e = tier().spans(z)
    truth = sum(exact_sum(k, x, problem) for k, x in enumerate(q))
    for lo, hi, v in zip(los, his, truth, strict=True):
        assert lo * power(e) <= v <= hi * power(e)


def exact_sum(axis, q, problem):
    return np.array(exact_field(ModeIntercept(axis), q, problem.loss.observed))


def sums_vanish(problem, found):
    asked = ask(problem, none(problem.loss.dims), None, rtol=1e-6, atol=0.0)
    question = kernel_statement.question(asked.statement, asked.given)
    raw = as_kernel_array(found.W.reshape(-1))
    for tier in (Exact, Flint, Rounded):
        ar = tier()
        dual = Dual(ar.load(raw), raw, found.corrections)
        for o in question.offsets:
            assert not any(o.adjoint(ar, question.at, dual))


@each_shape
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("loss", [Squared, Absolute])
def test_dual_points_are_made_orthogonal_exactly_for_every_set_of_modes(dims, full, loss):
    axes = range(len(dims))
    for size in axes:
        for chosen in combinations(axes, size + 1):
            problem = problem_of(dims, [ModeIntercept(k) for k in chosen], full=full, loss=loss)
            W = np.random.default_rng(5).uniform(-1, 1, problem.loss.data.shape)
            found = orthogonalize(problem, W)
            sums_vanish(problem, found)
            inside = problem.loss.clip_dual(found.W)
            assert np.array_equal(inside, found.W)
            near = found.W - project(problem, W) if loss is Squared else 0 * W
            assert np.abs(near).max() <= 2.0**-30


def project(problem, W):
    """Return the nearest W without the modes' means, by dense least squares."""
    A = np.hstack([o.operator(problem.loss.observed).toarray() for o in problem.offsets])
    flat = W.reshape(-1)
    return (flat - A @ np.linalg.lstsq(A, flat, rcond=None)[0]).reshape(W.shape)


@pytest.mark.parametrize(
    "others", [[Intercept()], [RowIntercept()], [ColumnIntercept()], [Linear(np.eye(3)[:, :2])]]
)
@pytest.mark.parametrize("full", [True, False])
def test_modes_go_beside_other_offsets(others, full):
    dims = (3, 2, 2)
    for axes in ([1], [0, 2]):
        held = [*(ModeIntercept(k) for k in axes), *others]
        problem = problem_of(dims, held, full=full)
        for seed in range(6):
            W = np.random.default_rng(seed).standard_normal(problem.loss.data.shape)
            sums_vanish(problem, orthogonalize(problem, W))


def test_the_price_of_a_ridge_is_that_of_the_definition():
    dims = (2, 3, 2)
    problem = problem_of(dims, [ModeIntercept(1, 4.0)])
    W = tensor(dims, 7).reshape(2, 6)
    totals = W.reshape(dims).sum(axis=(0, 2))
    assert ridge_cost(problem, W) == (totals**2).sum() / 4


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_the_modes_of_a_matrix_are_its_rows_and_columns(ridge):
    Y = tensor((4, 3)) + 8
    U, V = np.ones((4, 1)), np.ones((3, 1))
    for mine, other in (
        (ModeIntercept(0, ridge), RowIntercept(ridge)),
        (ModeIntercept(1, ridge), ColumnIntercept(ridge)),
    ):
        results = [check(Problem(Squared(Y), RankOne(), 1.0, o), (U, V)) for o in (mine, other)]
        assert results[0].verdict is results[1].verdict is Verdict.REFUTED
        assert results[0].lower == pytest.approx(results[1].lower, rel=1e-6)
        assert results[0].upper == pytest.approx(results[1].upper, rel=1e-12)


def test_a_tensor_of_means_is_certified_and_its_file_says_which_mode():
    dims = (3, 2, 2)
    q = np.array([8.0, -4.0])
    Y = np.broadcast_to(q[None, None, :], dims) + np.round(tensor(dims) * 4) / 64
    held = Problem(Squared(Y), CP(("l2",) * 3), 16.0, ModeIntercept(2))
    zero = tuple(np.zeros((n, 1)) for n in dims)
    result = check(held, zero)
    assert result.verdict is Verdict.CERTIFIED
    means = Y.mean(axis=(0, 1))
    assert result.upper == pytest.approx(0.5 * ((Y - means) ** 2).sum())
    assert result.certificate.statement["offsets"] == [
        {"kind": "mode", "axis": 2, "ridge": "0x0.0p+0"}
    ]
    for tier in ("exact", "rounded"):
        assert verify(result.certificate, held, zero, tier=tier).verdict is Verdict.CERTIFIED
    other = Problem(Squared(Y), CP(("l2",) * 3), 16.0, ModeIntercept(1))
    with pytest.raises(RejectedError) as refused:
        verify(result.certificate, other, zero)
    assert refused.value.code == "question"


def told(**changes):
    """Parse a question with one mode's intercept, changed."""
    dims = (2, 3, 2)
    asked = ask(problem_of(dims, [ModeIntercept(1)]), none(dims), None, rtol=1e-6, atol=0.0)
    statement = asked.statement | {"offsets": [asked.statement["offsets"][0] | changes]}
    return kernel_statement.question(statement, asked.given)


LIES = {
    "axis 3": ({"axis": 3}, "axis"),
    "axis -1": ({"axis": -1}, "axis"),
    "axis true": ({"axis": True}, "boolean"),
    "axis text": ({"axis": "1"}, "axis"),
    "axis of rows": ({"kind": "row"}, "fields"),
    "rho": ({"rho": "0x1p0"}, "fields"),
    "ridge": ({"ridge": "-0x1p0"}, "sign"),
}


@pytest.mark.parametrize(("lie", "code"), LIES.values(), ids=LIES)
def test_the_kernel_refuses_what_it_does_not_know(lie, code):
    assert told().offsets[0].axis == 1
    with pytest.raises(RejectedError) as refused:
        told(**lie)
    assert refused.value.code == code


def test_a_dual_point_with_a_nonzero_sum_bounds_nothing():
    dims = (2, 3, 2)
    problem = problem_of(dims, [ModeIntercept(1)])
    asked = ask(problem, none(dims), None, rtol=1e-6, atol=0.0)
    question = kernel_statement.question(asked.statement, asked.given)
    W = np.zeros(12)
    W[[0, 2]] = 1.0, -1.0  # rows and all sum to zero, mode 1 does not
    ar, raw = Exact(), as_kernel_array(W)
    with pytest.raises(RejectedError) as refused:
        kernel_dual.ridge_cost(ar, question, Dual(ar.load(raw), raw, ()), Arrays({}, "proof"))
    assert refused.value.code == "orthogonal"
    W[[1, 2]] = -1.0, 0.0
    raw = as_kernel_array(W)
    assert not kernel_dual.ridge_cost(
        ar, question, Dual(ar.load(raw), raw, ()), Arrays({}, "proof")
    )


WRONG = {
    "negative": (lambda: ModeIntercept(-1), "integer >= 0, got -1"),
    "a fraction": (lambda: ModeIntercept(1.5), "got 1.5"),
    "a truth": (lambda: ModeIntercept(True), "got True"),
    "too large": (lambda: problem_of((2, 2, 2), [ModeIntercept(3)]), "one of 3 modes.* got 3"),
    "twice": (
        lambda: problem_of((2, 2, 2), [ModeIntercept(1)] * 2),
        r"once, got \['mode 1', 'mode 1'\]",
    ),
    "ridge": (lambda: ModeIntercept(0, -1.0), "got -1.0"),
}


@pytest.mark.parametrize(("made", "said"), WRONG.values(), ids=WRONG)
def test_wrong_modes_are_refused_with_the_wrong_value(made, said):
    with pytest.raises(InputError, match=said):
        made()


def test_a_fixed_rank_allows_no_mode_and_names_the_cure():
    asked = Problem(Squared(np.eye(3)), RankOne(), 0.0, ModeIntercept(1))
    result = check(asked, (np.ones((3, 1)), np.ones((3, 1))))
    assert result.verdict is Verdict.OUT_OF_SCOPE
    assert "allows no mode part; give lam > 0" in result.reason


def test_an_axis_may_be_a_numpy_integer():
    at = Observed(2, 6, dims=(2, 3, 2))
    assert ModeIntercept(np.int64(1)).shape(at) == (3,)
    assert ModeIntercept(np.int64(1)).rescale(3, 1).axis == 1
