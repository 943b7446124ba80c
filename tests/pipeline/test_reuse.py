"""A bound that is proved beside one candidate certifies another, and no other claim."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from certify import Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.losses import Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline import prove
from certify.pipeline.improve import CLOSER, check_last, is_last_check, keep_decreases
from certify.pipeline.reuse import bound_beside
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
    again = bound_beside(PROBLEM, poor, evaluate(PROBLEM, BEST), EPSILON)
    assert again.verdict is Verdict.CERTIFIED
    assert again.lower == poor.lower
    assert (again.better, again.certificate.better()) == (None, None)
    assert verify(again.certificate, PROBLEM, BEST).verdict is Verdict.CERTIFIED


def test_the_bound_certifies_nothing_else(poor):
    for factors in (tuple(1.0625 * x for x in BEST), tuple(x[:, :-1] for x in BEST)):
        again = bound_beside(PROBLEM, poor, evaluate(PROBLEM, factors), EPSILON)
        assert again.verdict is Verdict.UNDECIDED
        assert again.lower == poor.lower
        assert again.upper > again.lower * (1 + 1e-6)
        assert again.reason.startswith("the lower bound may be loose")


def test_a_result_without_a_dual_point_has_nothing_to_use_again(poor):
    bare = Problem(Squared(rotated(*VALUES)), RankOne(), 0.0)
    top = check(bare, BEST)
    assert bound_beside(bare, top, evaluate(bare, BEST), EPSILON) is None
    zero = check(Problem(Logistic(np.eye(2)), RankOne(), 8.0), (np.zeros((2, 0)),) * 2)
    assert "W" in zero.certificate.witness
    other = Problem(Squared(np.ones((4, 3))), RankOne(), LAM)  # W is of no use there
    none = evaluate(other, (np.zeros((4, 0)), np.zeros((3, 0))))
    assert bound_beside(other, poor, none, EPSILON) is None


def test_offsets_are_those_of_the_new_candidate():
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), 64.0, (ColumnIntercept(),))
    none = np.zeros((4, 0)), np.zeros((4, 0))
    result = check(problem, none, q=[np.ones(4)])
    assert result.verdict is not Verdict.CERTIFIED
    means = problem.best_offsets(none)
    again = bound_beside(problem, result, evaluate(problem, none, means), EPSILON)
    assert again.verdict is Verdict.CERTIFIED
    assert verify(again.certificate, problem, none, q=means).verdict is Verdict.CERTIFIED


def test_the_highest_bound_is_told_of_the_last_point(poor):
    """A judge that finds better factors twice, the second time without a bound worth much."""
    first, middle, last = (evaluate(PROBLEM, tuple(t * x for x in BEST)) for t in (1.3, 1.2, 1.1))
    bare = check(PROBLEM, last.factors, budget=0)
    weak = replace(bare, verdict=Verdict.UNDECIDED, lower=0.0, better=None, reached=None)
    found = replace(poor, better=middle.factors), replace(poor, better=last.factors, lower=0.0)
    answers = iter((*found, weak))
    judges = (lambda *_: next(answers)), partial(bound_beside, PROBLEM, epsilon=EPSILON)
    history = keep_decreases(PROBLEM, first.factors, (), [])
    result = check_last(PROBLEM, history, judges)
    assert result.lower == poor.lower
    assert result.upper == pytest.approx(last.value, rel=1e-9)
    assert result.verdict is Verdict.UNDECIDED
    assert result.reason.startswith("the lower bound may be loose")
    verified = verify(result.certificate, PROBLEM, last.factors)
    assert verified.lower == poor.lower


def test_a_bound_of_the_last_point_is_kept_where_it_is_the_highest(poor):
    first, last = (evaluate(PROBLEM, tuple(t * x for x in BEST)) for t in (1.3, 1.1))
    own = replace(poor, verdict=Verdict.UNDECIDED, better=None, reached=None)
    answers = iter((replace(poor, better=last.factors, lower=0.0), own))
    judges = (lambda *_: next(answers)), partial(bound_beside, PROBLEM, epsilon=EPSILON)
    assert check_last(PROBLEM, keep_decreases(PROBLEM, first.factors, (), []), judges) is own


def test_when_it_is_late_the_bound_of_the_point_before_is_the_answer(poor):
    first, last = (evaluate(PROBLEM, tuple(t * x for x in BEST)) for t in (1.3, 1.1))
    answers = iter([replace(poor, better=last.factors)])  # a second question would find none
    judges = (lambda *_: next(answers)), partial(bound_beside, PROBLEM, epsilon=EPSILON)
    history = keep_decreases(PROBLEM, first.factors, (), [])
    result = check_last(PROBLEM, history, judges, lambda _: True)
    assert (result.lower, result.verdict) == (poor.lower, Verdict.UNDECIDED)
    assert result.upper == pytest.approx(last.value, rel=1e-9)
    assert verify(result.certificate, PROBLEM, last.factors).lower == poor.lower


def test_when_it_is_late_the_highest_bound_of_all_checks_is_the_answer(poor):
    """A judge that finds better factors twice, the second time in too little time for a bound."""
    first, middle, last = (evaluate(PROBLEM, tuple(t * x for x in BEST)) for t in (1.3, 1.2, 1.1))
    found = replace(poor, better=middle.factors), replace(poor, better=last.factors, lower=0.0)
    answers, late = iter(found), iter((False, True))
    judges = (lambda *_: next(answers)), partial(bound_beside, PROBLEM, epsilon=EPSILON)
    history = keep_decreases(PROBLEM, first.factors, (), [])
    result = check_last(PROBLEM, history, judges, lambda _: next(late))
    assert (result.lower, result.verdict) == (poor.lower, Verdict.UNDECIDED)
    assert result.upper == pytest.approx(last.value, rel=1e-9)
    assert verify(result.certificate, PROBLEM, last.factors).lower == poor.lower


@pytest.fixture
def proofs(monkeypatch):
    """The verdicts of the kernel's proofs."""
    made, kernel = [], prove.prove

    def counted(*args, **named):
        made.append(kernel(*args, **named).verdict)
        return kernel(*args, **named)

    monkeypatch.setattr(prove, "prove", counted)
    return made


@pytest.mark.parametrize(("scale", "expected"), [(1.0, ["CERTIFIED"]), (1.1, [])], ids=str)
def test_only_what_may_be_certified_is_proved_again(poor, proofs, scale, expected):
    point = evaluate(PROBLEM, tuple(scale * x for x in BEST))
    again = bound_beside(PROBLEM, poor, point, EPSILON)
    assert proofs == expected
    verified = verify(again.certificate, PROBLEM, point.factors)
    assert (verified.verdict, verified.lower) == (again.verdict, again.lower)
    assert float(verified.upper) == again.upper


@pytest.mark.parametrize(
    "other",
    [Problem(Squared(rotated(*VALUES) + 0.5), RankOne(), LAM), Problem(PROBLEM.loss, RankOne(), 1)],
    ids=["data", "lam"],
)
def test_a_bound_of_another_objective_is_not_taken_over(poor, other):
    point = evaluate(other, tuple(1.1 * x for x in BEST))
    assert bound_beside(other, poor, point, EPSILON) is None


@pytest.mark.parametrize(("scale", "asked"), [(1.2, 2), (1.24999, 1)], ids=["far", "hardly better"])
def test_a_point_that_is_hardly_better_is_not_checked_again(poor, proofs, scale, asked):
    """Its bound is that of the point before, whose proof is not made again."""
    better = tuple(scale * x for x in BEST)
    own = replace(poor, verdict=Verdict.UNDECIDED, better=None, reached=None)
    answers = [replace(poor, better=better, lower=0.5 * poor.lower), own]
    judges = (lambda *_: answers.pop(0)), partial(bound_beside, PROBLEM, epsilon=EPSILON)
    history = keep_decreases(PROBLEM, tuple(1.25 * x for x in BEST), (), [])
    result = check_last(PROBLEM, history, judges, lambda share: share <= CLOSER)
    assert (len(answers), proofs) == (2 - asked, [])
    assert (result is own) == (asked == 2)
    if asked == 1:
        assert result.lower == 0.5 * poor.lower
        assert result.upper == pytest.approx(PROBLEM.objective(better), rel=1e-9)


@pytest.mark.parametrize(("norms", "hard"), [("l2+", True), ("l2", False)])
def test_a_polar_that_takes_long_is_not_bounded_again_without_need(norms, hard):
    problem = Problem(Squared(np.eye(3)), RankOne(norms, norms), 0.5)
    for clock in (Clock(60.0), Clock()):
        assert is_last_check(problem, clock, CLOSER) == hard
        assert not is_last_check(problem, clock, 2 * CLOSER)
    assert is_last_check(problem, Clock(0.0), 1.0) == hard
    assert is_last_check(problem, Clock(0.0, start=Clock().start - 10.0), 1.0)


def test_a_bound_that_is_no_float_is_proved_again(poor, proofs):
    point = evaluate(PROBLEM, tuple(1.1 * x for x in BEST))
    again = bound_beside(PROBLEM, replace(poor, lower=-np.inf), point, EPSILON)
    assert (proofs, again.lower) == (["UNDECIDED"], poor.lower)
