"""Fits that equal their data but for rounding: what counts as 0 is stated, and only there."""

import numpy as np
import pytest

from certify import InputError, Problem, check, improve, restarts, verify
from certify.atoms import RankOne
from certify.cli.audit._again import planned_epsilon
from certify.kernel.errors import RejectedError
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Squared,
    SquaredHinge,
)
from certify.norms import Elastic
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.certificate.file import ask, negligible

Y = np.random.default_rng(2).standard_normal((9, 6)) + 3.0
PLAIN, PAIR = Squared(Y), RankOne("l2", "l2")
MEANS = (ColumnIntercept(),)


def every(A):
    """All components of A, as PCA() and TruncatedSVD have them."""
    left, values, right = np.linalg.svd(A, full_matrices=False)
    return left * values, right.T


def stated(problem, factors, **told):
    """The atol in the statement."""
    told = {"rtol": 1e-6, "atol": None, **told}
    return float.fromhex(ask(problem, problem.accept(factors), None, **told).statement["atol"])


@pytest.mark.parametrize("means", [(), MEANS])
def test_all_components_are_the_best(means):
    problem = Problem(PLAIN, PAIR, 0.0, means)
    factors = every(Y - Y.mean(axis=0) if means else Y)
    result = check(problem, factors, budget=5)
    assert 0 < result.upper <= result.epsilon == negligible(problem)
    assert result.verdict.name == result.own_size.verdict.name == "CERTIFIED"
    assert "by more than epsilon; they fit the data up to rounding" in result.reason
    assert verify(result.certificate, problem, factors).verdict.name == "CERTIFIED"
    with pytest.raises(RejectedError, match="atol"):
        verify(result.certificate, problem, factors, atol=0.0)
    if means:
        return
    assert restarts(problem, [factors], budget=5).tolerances[1] == result.epsilon
    assert improve(problem, factors, budget=5).result.verdict.name == "CERTIFIED"
    settings = {"rtol": None, "atol": None}
    assert planned_epsilon(result.certificate, "fit", settings) is None
    loose = check(problem, factors, atol=2 * result.epsilon, budget=5).certificate
    with pytest.raises(RejectedError, match=r"atol is .*, in the certificate"):
        planned_epsilon(loose, "fit", settings)
    assert planned_epsilon(loose, "fit", {**settings, "atol": 2 * result.epsilon}) is None


@pytest.mark.parametrize("tier", ["exact", "rounded"])
@pytest.mark.parametrize("right", ["l2", Elastic(0.5)])
def test_a_fit_of_zeros_to_zeros_is_verified_in_every_tier(tier, right):
    problem, zeros = (
        Problem(Squared(0 * Y), RankOne("l2", right), 0.5),
        (np.zeros((9, 2)), np.zeros((6, 2))),
    )
    proved = verify(check(problem, zeros, budget=1).certificate, problem, zeros, tier=tier)
    assert (proved.verdict.name, proved.lower, proved.upper) == ("CERTIFIED", 0.0, 0.0)


def test_the_size_is_that_of_a_rank_in_floats():
    most = negligible(Problem(PLAIN, PAIR, 0.0))
    assert most == pytest.approx(0.5 * (9 * 2.0**-52 * np.linalg.norm(Y)) ** 2)
    scaled = Problem(Squared(Y, weights=np.full(Y.shape, 4.0)), PAIR, 0.0)
    assert negligible(scaled) == pytest.approx(4 * most)


SIGNS = np.sign(Y - 3.0)
SHARE = 9 * 2.0**-52
KINKS = {  # the loss of an exact fit, and what is negligible
    "absolute": (Absolute(Y), SHARE * np.abs(Y).sum()),
    "quantile": (Quantile(Y, 0.25), SHARE * np.where(Y > 0, 0.25 * Y, -0.75 * Y).sum()),
    "hinge": (Hinge(SIGNS), SHARE * Y.size),
}
COUNTS = {"kullback_leibler": (KullbackLeibler(np.abs(Y)), SHARE * np.abs(Y).sum())}
SMOOTH = {
    "huber": (Huber(Y, 0.5), 0.5 * SHARE**2 * np.square(Y).sum()),
    "squared_hinge": (SquaredHinge(SIGNS), SHARE**2 * Y.size),
}


@pytest.mark.parametrize("name", KINKS | SMOOTH | COUNTS)
def test_what_is_negligible_bounds_the_loss_of_a_fit_that_is_off_by_its_share(name):
    loss, most = (KINKS | SMOOTH | COUNTS)[name]
    assert negligible(Problem(loss, PAIR, 0.0)) == pytest.approx(most)
    near = loss.data - loss.data * SHARE
    assert (0 if name not in COUNTS else -most) < loss.value(near) <= most * 1.5  # near is rounded


@pytest.mark.parametrize("offsets", [(), (RowIntercept(), ColumnIntercept())], ids=["", "offsets"])
@pytest.mark.parametrize("name", [*KINKS, "huber"])
def test_an_exact_fit_of_another_loss_is_certified(name, offsets):
    loss, _ = (KINKS | SMOOTH)[name]
    rest = loss.data - (loss.data.mean(axis=0) if offsets else 0.0)
    left, right = every(rest)
    short = 1 - 2.0**-50  # exact fits of labels have margins, so that nothing is rounded
    problem, factors = Problem(loss, PAIR, 0.0, offsets), (left * short, right)
    q = None if name != "hinge" or not offsets else (np.zeros(9), loss.data.mean(axis=0))
    result = check(problem, factors, q=q, budget=5)
    assert 0 < result.upper <= negligible(problem)
    assert result.verdict.name == "CERTIFIED"
    assert result.reason.partition(";")[0].endswith("better by more than epsilon")
    assert "they fit the data up to rounding" in result.reason
    assert verify(result.certificate, problem, factors, q=q).verdict.name == "CERTIFIED"
    assert not check(problem, factors, q=q, atol=0.0, budget=1).certified


@pytest.mark.parametrize("delta", [0.01, 1.0])
def test_the_best_offsets_of_an_exact_fit_under_hubers_loss_leave_rounding_only(delta):
    rng = np.random.default_rng(0)
    U, V, a, b = (rng.standard_normal(s) for s in ((12, 2), (8, 2), (12, 1), 8))
    offsets = RowIntercept(), ColumnIntercept()
    problem = Problem(Huber(U @ V.T + a + b, delta), PAIR, 0.0, offsets)
    assert 0 < problem.objective((U, V), problem.best_offsets((U, V))) <= negligible(problem)


def test_an_exact_fit_of_counts_is_certified():
    rng = np.random.default_rng(0)
    factors = rng.random((8, 2)) + 0.125, rng.random((6, 2)) + 0.125
    problem = Problem(KullbackLeibler(factors[0] @ factors[1].T), RankOne("l2+", "l2+"), 0.0)
    result = check(problem, factors, budget=1)
    assert 0 < result.upper < result.epsilon == negligible(problem)
    assert result.verdict.name == "CERTIFIED"


def test_losses_that_a_fit_of_the_data_does_not_make_zero_have_no_such_size():
    for loss in (Logistic((SIGNS + 1) / 2), Poisson(np.abs(Y))):
        assert negligible(Problem(loss, PAIR, 0.0)) == 0


def test_an_atol_of_zero_is_zero():
    result = check(Problem(PLAIN, PAIR, 0.0), every(Y), atol=0.0, budget=2)
    assert (result.certificate.statement["atol"], result.certified) == ((0.0).hex(), False)


def test_elsewhere_the_default_is_zero():
    problem, factors = Problem(PLAIN, PAIR, 0.0), every(Y)
    assert stated(problem, factors) == negligible(problem) > 0
    assert stated(problem, factors, atol=0.5) == 0.5
    near = factors[0] + 1e-12, factors[1]  # a residual of some hundred roundings
    assert stated(problem, near) == 0
    assert stated(Problem(PLAIN, PAIR, 1e-30), factors) == 0  # there is a penalty
    assert stated(Problem(Absolute(Y), PAIR, 0.0), near) == 0
    huge = Problem(Squared(Y * 2.0**600), PAIR, 0.0)  # its squares overflow
    assert stated(huge, (factors[0] * 2.0**300, factors[1] * 2.0**300)) == 0
    with pytest.raises(InputError, match="atol"):
        stated(problem, factors, atol=-1.0)


def test_an_exact_zero_is_not_called_rounding():
    zeros = Problem(Squared(np.zeros((4, 3))), PAIR, 0.0)
    result = check(zeros, (np.zeros((4, 1)), np.zeros((3, 1))))
    assert result.certified
    assert "rounding" not in result.reason
