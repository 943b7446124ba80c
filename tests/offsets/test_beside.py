"""Offsets beside losses other than least squares: found, bounded, and never a hang."""

import cvxpy
import numpy as np
import pytest

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    KullbackLeibler,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    SquaredHinge,
)
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept, Smooth, Sparse

NONE = np.zeros((2, 0)), np.zeros((2, 0))


SEPARATED = Logistic(np.array([[1.0, 1.0], [1.0, 1.0]]))


@pytest.mark.thorough
def test_offsets_without_a_best_value_end_in_a_bracket():
    problem = Problem(SEPARATED, RankOne(), 4.0, [Intercept()])
    given = check(problem, NONE, q=[np.zeros(1)])
    assert given.verdict is Verdict.REFUTED  # by another q; sums of zero leave W = 0 only
    assert given.lower == 0.0
    far = check(problem, NONE)  # ln(1 + e^-q) falls forever
    assert far.lower == 0.0 < far.upper < 2.0**-20
    assert far.q[0][0] > 20
    assert verify(far.certificate, problem, NONE).lower == 0.0


LOW = np.outer(np.arange(-3.0, 4.0), [1.0, -2.0, 0.5]) / 2 + [0.5, 0.25, -0.75]
LOSSES_BESIDE = {
    "logistic": Logistic((LOW > 0) * 1.0),
    "huber": Huber(LOW, 0.5),
    "absolute": Absolute(LOW),
    "quantile": Quantile(LOW, 0.25),
    "hinge": Hinge(np.where(LOW > 0, 1.0, -1.0)),
    "squared_hinge": SquaredHinge(np.where(LOW > 0, 1.0, -1.0)),
    "poisson": Poisson(np.rint(np.exp(LOW))),
    "softmax": Softmax(np.eye(3)[LOW.argmax(axis=1)]),
}
BESIDE = {
    "column": (ColumnIntercept(),),
    "column with a ridge": (ColumnIntercept(0.5),),
    "rows and columns": (RowIntercept(), ColumnIntercept()),
    "covariate": (Linear(np.ones((7, 1))),),
    "sparse": (Sparse(0.375),),
    "smooth": (Smooth([(k, k + 1) for k in range(6)], 0.5),),
}


@pytest.mark.sampled(11)
@pytest.mark.parametrize("held", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("loss", LOSSES_BESIDE.values(), ids=LOSSES_BESIDE)
def test_every_loss_with_every_offset_ends_in_a_bracket_that_verifies(loss, held):
    problem = Problem(loss, RankOne(), 1.0, held)
    one = np.full((7, 1), 0.25), np.full((3, 1), 0.25)
    result = check(problem, one, budget=1.0)
    proved = verify(result.certificate, problem, one)
    assert (proved.verdict, proved.lower) == (result.verdict, result.lower)
    assert result.lower > -np.inf
    assert "W" in result.certificate.witness  # a dual point was orthogonal, and inside
    moved = [x + 0.125 for x in result.q]  # no other offsets are better for these factors
    best = problem.objective(one, result.q)
    assert best <= problem.objective(one, moved) + 2.0**-20 * (1 + abs(best))
    assert result.lower <= best


def test_columns_of_counts_are_fitted_though_the_start_is_infinite():
    """min over c of sum c - y ln c is at the mean of a column."""
    Y = np.array([[1.0, 2.0], [3.0, 6.0]])
    found = check(Problem(KullbackLeibler(Y), RankOne(), 8.0, [ColumnIntercept()]), NONE)
    assert np.abs(found.q[0] - [2.0, 4.0]).max() <= 2.0**-20  # of a search
    assert found.verdict is Verdict.CERTIFIED


def test_a_ridge_counts_in_the_splittings_own_gap():
    """Against a general solver: the gap once left the ridge's cost out, and stopped early."""
    Y = LOW + 0.125 * np.arange(21).reshape(7, 3)
    problem = Problem(Absolute(Y), RankOne(), 0.7, [ColumnIntercept(0.5)])
    cp, Z, q = cvxpy, cvxpy.Variable(Y.shape), cvxpy.Variable((1, 3))
    fit = cp.sum(cp.abs(Z + np.ones((7, 1)) @ q - Y))
    cp.Problem(cp.Minimize(fit + 0.7 * cp.normNuc(Z) + 0.25 * cp.sum_squares(q))).solve()
    oracle = float(fit.value + 0.7 * cp.normNuc(Z).value + 0.25 * np.square(q.value).sum())
    result = improve(problem, (np.zeros((7, 0)), np.zeros((3, 0)))).result
    assert abs(result.upper - oracle) <= 1e-4 * oracle  # the solver's own accuracy
    assert result.lower >= oracle * (1 - 1e-3)
