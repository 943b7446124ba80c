"""check() and verify() on every loss: closed cases certify, and nothing else does."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certify import InputError, Problem, RejectedError, Verdict, check, verify
from certify.atoms import RankOne
from certify.losses import (
    LOSSES,
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
)
from certify.offsets import ColumnIntercept, Intercept, RowIntercept
from certify.search.dual import scaling
from tests import references
from tests.strategies import arrays, fields, losses, shapes
from tests.tolerance import exact_objective

OTHERS = {k: v for k, v in LOSSES.items() if k != "squared"}
each_loss = pytest.mark.parametrize("loss", OTHERS.values(), ids=OTHERS)
AT_ZERO = {k: v for k, v in OTHERS.items() if k != "kullback_leibler"}  # infinite at 0
PAIRS = [("l1", "l1"), ("l1", "l2"), ("l2", "l2")]
ENTRIES = RankOne("l1", "l1")
Y = np.array([[2.0, -1.0], [-0.5, 4.0]])
EYE = np.eye(2)
NONE = np.zeros((2, 0)), np.zeros((2, 0))


def nothing(held):
    return tuple(np.zeros((d, 0)) for d in held.shape)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("pair", PAIRS, ids="x".join)
@pytest.mark.parametrize("loss", AT_ZERO.values(), ids=AT_ZERO)
@given(data=st.data(), shape=shapes)
def test_a_lam_above_the_polar_makes_the_zero_model_optimal(loss, pair, data, shape):
    held, atom = data.draw(losses(loss, shape)), RankOne(*pair)
    W = -held.gradient(np.zeros(held.data.shape))
    lam = atom.polar(held.observed.matrix(W)).upper
    problem = Problem(held, atom, max(lam, 2.0**-30))
    assume(references.value(held, np.zeros(held.data.shape)))  # of 0 no epsilon is relative
    result = check(problem, nothing(held))
    assert result.verdict is Verdict.CERTIFIED
    for tier in ("exact", "rounded"):
        found = verify(result.certificate, problem, nothing(held), tier=tier)
        assert found.verdict is Verdict.CERTIFIED


@pytest.mark.thorough
@each_loss
@given(data=st.data(), shape=shapes, lam=st.sampled_from([0.125, 0.5, 2.0]))
def test_every_bracket_holds_every_objective(loss, data, shape, lam):
    held = data.draw(losses(loss, shape))
    Z, X = (data.draw(fields(held)) for _ in range(2))
    problem = Problem(held, ENTRIES, lam)
    factors = [spread(held, F) for F in (Z, X)]
    result = check(problem, factors[0])
    assert result.verdict in (Verdict.CERTIFIED, Verdict.REFUTED, Verdict.UNDECIDED)
    for f in factors:
        assert Fraction(result.lower) <= exact_objective(problem, f)[1]
    low, high = exact_objective(problem, factors[0])
    assert low <= Fraction(result.upper)
    slack = Fraction(held.data.size * 64, 2**120)  # weights to 4, units of 2**-128
    assert Fraction(np.nextafter(result.upper, -np.inf)) <= high + slack
    found = verify(result.certificate, problem, factors[0], rtol=1e-6)
    assert (found.lower, found.upper) == (result.lower, result.upper)


def spread(held, Z):
    """Return factors of a field."""
    dense = np.zeros(held.shape)
    dense[held.observed.listed] = Z.reshape(-1)
    return dense, np.eye(held.shape[1])


KINKS = {  # data as their own fit are optimal, but no gradient says so there
    "absolute": (Absolute(Y), Y, 0.5),
    "quantile": (Quantile(Y, 0.75), np.maximum(Y, 0), 0.5),
    "hinge": (Hinge(np.sign(Y)), np.sign(Y), 0.5),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_kink_is_certified_by_the_dual_point_of_the_caller(name):
    held, Z, lam = KINKS[name]
    assert not held.smooth
    problem = Problem(held, ENTRIES, lam)
    W = -held.gradient(Z)
    assert check(problem, (Z, EYE), dual=W).verdict is Verdict.UNDECIDED  # a subgradient
    assert check(problem, (Z, EYE)).verdict is Verdict.CERTIFIED  # the convex problem's point
    W = held.clip_dual(lam * np.sign(Y))
    result = check(problem, (Z, EYE), dual=W)
    assert result.verdict is Verdict.CERTIFIED
    assert "a dual point proves this and no gradient does" in result.reason
    assert check(problem, (Z, EYE), dual=2 * W).verdict is Verdict.CERTIFIED  # scaled back
    assert check(problem, (Z, EYE), dual=-W).verdict is Verdict.UNDECIDED
    assert verify(result.certificate, problem, (Z, EYE), tier="rounded").lower <= result.upper


def test_a_fit_below_zero_has_no_divergence():
    problem = Problem(KullbackLeibler(np.abs(Y)), ENTRIES, 1.0)
    with pytest.raises(InputError, match=r"infinite: the fit must be >= 0, and > 0 .* is -1\.0"):
        check(problem, (Y, EYE))
    with pytest.raises(InputError, match=r"infinite: .* somewhere it is 0\.0"):
        check(problem, NONE)
    counts = np.array([[2.0, 1.0], [0.0, 4.0]])
    problem = Problem(KullbackLeibler(counts), RankOne("l1+", "l1+"), 1.0)
    result = check(problem, (counts / 2, EYE))
    assert result.verdict is Verdict.CERTIFIED
    for wrong in (-1.0, 2.0):
        with pytest.raises((InputError, RejectedError)):
            verify(result.certificate, problem, (wrong * counts / 2, EYE))


BALANCED = Logistic(np.array([[1.0, 0.0], [0.0, 1.0]]))


@pytest.mark.parametrize("ridge", [0.0, 2.0])
@pytest.mark.parametrize("offset", [Intercept, RowIntercept, ColumnIntercept])
def test_offsets_that_are_given_are_certified_where_they_are_best(offset, ridge):
    problem = Problem(BALANCED, RankOne(), 4.0, [offset(ridge)])
    q = np.zeros(offset().shape(BALANCED.observed))
    result = check(problem, NONE, q=[q])
    assert result.verdict is Verdict.CERTIFIED
    assert verify(result.certificate, problem, NONE, q=[q]).verdict is Verdict.CERTIFIED
    moved = check(problem, NONE, q=[q + 1.0])
    assert moved.verdict is Verdict.REFUTED
    assert moved.lower <= result.upper
    found = check(problem, NONE)
    assert found.verdict is Verdict.CERTIFIED
    assert found.upper <= moved.upper
    assert np.abs(found.q[0]).max() <= 2.0**-20  # of a search


def test_a_dual_point_that_is_not_finite_is_left_out():
    problem = Problem(Poisson(np.ones((2, 2))), ENTRIES, 1.0)
    assert scaling.move_inside(problem.loss, np.full((2, 2), 5.0)).tolist() == [[1.0, 1.0]] * 2
    infinite = check(problem, (np.full((2, 1), 26.0), np.full((2, 1), 26.0)), dual=-1e300 * EYE)
    assert infinite.lower <= infinite.upper
    with pytest.raises(InputError, match="overflow"):
        check(problem, (np.full((2, 1), 30.0), np.full((2, 1), 30.0)))


@each_loss
@given(data=st.data(), shape=shapes)
def test_cutting_a_dual_point_keeps_it_inside_and_near(loss, data, shape):
    held = data.draw(losses(loss, shape))
    W = held.clip_dual(data.draw(arrays(held.data.shape, st.floats(-4, 4))))
    cut = scaling.move_inside(held, W)
    assert np.array_equal(held.clip_dual(cut), cut) or held.name == "softmax"
    assert held.dual_value(cut) > -np.inf
    assert np.abs(cut - W).max() <= 2.0**-48 * (1 + np.abs(W).max()) * shape[1]


@pytest.mark.sampled(1000)
@each_loss
@given(data=st.data(), shape=shapes)
def test_the_best_multiple_of_a_dual_point_beats_the_others(loss, data, shape):
    held = data.draw(losses(loss, shape))
    W = scaling.move_inside(held, held.clip_dual(data.draw(arrays(held.data.shape))))
    problem = Problem(held, ENTRIES, 1.0)
    polar = float(np.abs(W).max())
    s = scaling.best_scale(problem, W, polar)
    assert 0 <= s <= max(1.0 / max(polar, 2.0**-900), 1.0)
    best = scaling.value(problem, W, s)
    top = min(1.0, 1 / polar) if polar else 1.0
    for t in np.linspace(0.0, top, 9):
        slack = 2.0**-26 * (1 + abs(best)) * W.size  # of a section, squared where it is flat
        assert scaling.value(problem, W, float(t)) <= best + slack


def test_the_best_multiple_reaches_the_end_of_the_domain():
    problem = Problem(Absolute(Y), ENTRIES, 64.0)
    W = np.sign(Y) / 4
    assert abs(scaling.best_scale(problem, W, 0.25) - 4) <= 4 * scaling.SAME
    assert scaling.best_scale(problem, np.zeros((2, 2)), 0.0) >= 0
    assert scaling.best_scale(Problem(Absolute(Y), ENTRIES, 0.125), W, 0.25) == 0.5


def test_a_multiple_that_is_infinite_is_no_better():
    counts = np.abs(Y)
    problem = Problem(KullbackLeibler(counts), RankOne("l1+", "l1+"), 1.0)
    result = check(problem, (counts, EYE))
    assert result.verdict is Verdict.REFUTED
    assert np.allclose(result.better[0] @ result.better[1].T, counts / 2)


@pytest.mark.parametrize("form", ["product", "sum"])
def test_both_forms_are_refuted_by_a_multiple(form):
    problem = Problem(Huber(Y, 1.0), RankOne("l1", "l1", form), 0.5)
    assert check(problem, (4 * Y, EYE)).verdict is Verdict.REFUTED


@pytest.mark.parametrize("weights", [None, [0.25, 8.0]])
def test_rows_of_classes_with_weights(weights):
    held = Softmax(np.array([[1.0, 0, 0], [0, 0, 1.0]]), weights)
    W = -held.gradient(np.zeros((2, 3)))
    assert [sum(map(Fraction, row)) for row in W.tolist()] == [0, 0]
    problem = Problem(held, RankOne(), float(np.linalg.norm(W, 2)) * (1 + 2.0**-40))
    assert check(problem, nothing(held)).verdict is Verdict.CERTIFIED
    assert check(problem, nothing(held), dual=1e6 * W).verdict is Verdict.CERTIFIED


def test_nothing_is_the_optimum_of_one_class_alone():
    problem = Problem(Softmax(np.ones((3, 1))), RankOne(), 0.5)
    result = check(problem, (np.zeros((3, 1)), np.zeros((1, 1))), rtol=0.0)
    assert (result.verdict, result.upper) == (Verdict.CERTIFIED, 0.0)
    paid = check(problem, (np.ones((3, 1)), np.ones((1, 1))))
    assert paid.verdict is Verdict.REFUTED


UNREACHED = {
    "logistic": (Logistic(np.ones((4, 3))), Intercept),
    "poisson": (Poisson(np.zeros((4, 3))), RowIntercept),
    "softmax": (Softmax(np.eye(3)[[0, 0, 0, 0]]), ColumnIntercept),
}


@pytest.mark.parametrize("lam", [0.5, 0.0])
@pytest.mark.parametrize("norm", ["l2", "l2+"])
@pytest.mark.parametrize("name", UNREACHED)
def test_an_infimum_that_only_infinite_offsets_reach_is_said_to_be_one(name, norm, lam):
    held, offset = UNREACHED[name]
    problem = Problem(held, RankOne(norm, norm), lam, [offset()])
    result = check(problem, nothing(held), budget=1.0)
    assert (result.verdict, result.lower) == (Verdict.UNDECIDED, 0.0)
    assert result.reason.startswith(
        "in floats, the objective tends to its infimum 0 as the offsets"
    )
    atol = float(result.reason.partition("atol above ")[2].split()[0])
    assert check(problem, nothing(held), atol=atol).verdict is Verdict.CERTIFIED
    priced = check(Problem(held, problem.atom, lam, [offset(1.0)]), nothing(held), budget=1.0)
    assert "infimum" not in priced.reason


def test_a_short_dual_point_is_lengthened_to_its_best_multiple():
    held = LOSSES["squared_hinge"](np.sign(Y))
    problem = Problem(held, ENTRIES, 4.0)
    result = check(problem, NONE, dual=np.sign(Y) / 8)  # d(s W) is largest at s = 16
    assert result.verdict is Verdict.CERTIFIED
    assert Fraction(4) * (1 - Fraction(1, 2**40)) <= Fraction(result.lower) <= 4
