"""A bound that is proved beside one candidate certifies another, and no other claim."""

import numpy as np
import pytest

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.losses import Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.reuse import certify_beside
from certify.search.candidate import evaluate
from tests.judge import LAM, VALUES, best, rotated

PROBLEM = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
BEST = best(VALUES, LAM)
EPSILON = (1e-6, 0.0)


@pytest.fixture(scope="module")
def poor():
    result = check(PROBLEM, tuple(x * 1.25 for x in BEST))
    assert result.verdict is Verdict.REFUTED
    return result


def test_the_bound_of_poor_factors_certifies_the_best(poor):
    again = certify_beside(PROBLEM, poor, evaluate(PROBLEM, BEST), EPSILON)
    assert again.verdict is Verdict.CERTIFIED
    assert again.lower == poor.lower
    assert (again.better, again.certificate.better()) == (None, None)
    assert verify(again.certificate, PROBLEM, BEST).verdict is Verdict.CERTIFIED


def test_the_bound_certifies_nothing_else(poor):
    for factors in (tuple(1.0625 * x for x in BEST), tuple(x[:, :-1] for x in BEST)):
        assert certify_beside(PROBLEM, poor, evaluate(PROBLEM, factors), EPSILON) is None


def test_a_result_without_a_dual_point_has_nothing_to_use_again(poor):
    bare = Problem(Squared(rotated(*VALUES)), RankOne(), 0.0)
    top = check(bare, BEST)
    assert certify_beside(bare, top, evaluate(bare, BEST), EPSILON) is None
    zero = check(Problem(Logistic(np.eye(2)), RankOne(), 8.0), (np.zeros((2, 0)),) * 2)
    assert "W" in zero.certificate.witness
    other = Problem(Squared(2 * rotated(*VALUES)), RankOne(), LAM)  # W is of no use there
    assert certify_beside(other, poor, evaluate(other, BEST), EPSILON) is None


def test_offsets_are_those_of_the_new_candidate():
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), 64.0, (ColumnIntercept(),))
    none = np.zeros((4, 0)), np.zeros((4, 0))
    result = check(problem, none, q=[np.ones(4)])
    assert result.verdict is not Verdict.CERTIFIED
    means = problem.best_offsets(none)
    again = certify_beside(problem, result, evaluate(problem, none, means), EPSILON)
    assert again.verdict is Verdict.CERTIFIED
    assert verify(again.certificate, problem, none, q=means).verdict is Verdict.CERTIFIED
