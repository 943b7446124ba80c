"""Budgets: a minute where none is given, and what is said of the side that stays loose."""

import itertools
import sys
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from certify import Problem, Verdict, check, improve
from certify.atoms import RankOne
from certify.base.clock import Clock
from certify.base.errors import InputError
from certify.kernel.verdict import Outcome
from certify.losses import Squared
from certify.pipeline import budget as budgets
from certify.pipeline import reasons
from certify.pipeline.numbers import apart, share_of
from certify.polar import Proposal
from certify.search import evidence
from certify.search.candidate import evaluate
from certify.search.dual.orthogonal import Orthogonal
from certify.search.dual.points import Dual, Run
from certify.search.search_result import Evidence


def asked(rng):
    """Return a nonnegative problem and a start."""
    problem = Problem(Squared(rng.random((6, 5))), RankOne("l2+", "l2+"), 0.5)
    return problem, (rng.random((6, 2)), rng.random((5, 2)))


def test_a_clock_that_counts_steps_ends_after_its_seconds_and_has_no_deadline():
    clock = Clock(most=0.0, start=0.0)
    assert clock.expired()
    assert clock.share(0.5).expired()
    assert clock.left() is None
    assert clock.until_overrun() == float("inf")
    assert not Clock(most=1e9).expired()


def test_without_a_budget_the_answer_is_that_of_the_counted_steps():
    problem, start = asked(np.random.default_rng(0))
    found, again = check(problem, start), check(problem, start, budget=None)
    assert (found.lower, found.upper) == (again.lower, again.upper)


def test_without_a_budget_a_search_ends_when_the_minute_is_over(monkeypatch):
    problem, start = asked(np.random.default_rng(0))
    monkeypatch.setattr(budgets, "MINUTE", 0.0)
    assert len(check(problem, start).steps) < len(check(problem, start, budget=None).steps)
    monkeypatch.setattr(budgets, "LAST", 0.0)
    assert improve(problem, start).result.upper > 0
    assert budgets.rest(Clock(most=0.0, start=0.0)) == 0.0
    assert budgets.rest(Clock(most=1e9)) == "auto"
    assert budgets.rest(Clock()) is None
    assert budgets.rest(Clock(0.0), 0.5) == 0.0
    assert 4e8 < budgets.rest(Clock(1e9), 0.5) < 6e8


def test_the_search_has_its_part_of_the_minute_and_the_bound_the_rest(monkeypatch):
    problem, start = asked(np.random.default_rng(0))
    clocks = []
    monkeypatch.setattr(evidence.families, "search", lambda *given: clocks.append(given[2]))
    for clock in (Clock(most=60.0), Clock(60.0), Clock()):
        run = Run(problem, evaluate(problem, start), 1e-6, clock, 0, given=False)
        part = evidence.search_clock(clock.share(evidence.SEARCHED))
        evidence.resume(run, None, (1e-6, None), part)
    assert [(c.budget, c.most) for c in clocks] == [(None, 30.0), (30.0, None), (None, None)]


def test_a_check_after_the_minute_has_the_rest_of_half_a_minute_more(monkeypatch):
    for late, expected in ((0.0, "auto"), (10.0, 20.0), (28.0, 5.0), (1e6, 5.0)):
        monkeypatch.setattr(budgets, "monotonic", lambda late=late: 60.0 + late)
        monkeypatch.setattr(Clock, "expired", lambda _, late=late: late > 0)
        assert budgets.rest(Clock(most=60.0, start=0.0)) == expected
    monkeypatch.setattr(budgets, "monotonic", lambda: 1.0)
    assert budgets.rest(Clock(most=60.0, start=0.0)) == 5.0  # a stop was requested


def test_another_word_is_no_budget():
    problem, start = asked(np.random.default_rng(0))
    with pytest.raises(InputError, match="budget must be seconds >= 0"):
        check(problem, start, budget="soon")


def outcome_of(lower: Fraction, upper: Fraction, better: Fraction | None = None) -> Outcome:
    """Return an undecided outcome."""
    return Outcome("UNDECIDED", lower, upper, better, "exact", ())


def case_of(upper: float) -> reasons.Case:
    """Return a case whose polar is at most `upper`, at a component that attains 2.

    Y = 2 in one entry and lam = 1: W = 2 at the start of zeros, the optimum is 3/2.
    """
    problem = Problem(Squared(np.array([[2.0]])), RankOne("linf", "linf"), 1.0)
    start = evaluate(problem, (np.ones((1, 1)), np.ones((1, 1))))
    dual = Dual(Orthogonal(np.array([[2.0]])), Proposal(upper), 1.0)
    outcome = outcome_of(Fraction(1), Fraction(start.value))
    return reasons.Case(problem, 1, Evidence(start, dual), outcome, None)


def test_a_reason_says_how_loose_the_polar_is():
    case = case_of(2.5)
    said = reasons.polar_is_hard(case)
    assert "loose, by at most 34 %: the polar" in said  # 1 of 3/2
    assert "from about 2 lam, which a component attains in floats, to at most 2.5 lam" in said
    tight = outcome_of(Fraction(3, 2) - Fraction(1, 2**22), Fraction(3, 2))
    near = replace(case_of(2.0 + 2.0**-20), outcome=tight)
    assert "in floats, to at most 2.000001 lam" in reasons.polar_is_hard(near)
    assert apart(2.0, 2.00001) == ("2", "2.00002")  # that float is a little above 2.00001
    for upper in (2.0, 2.4):  # a polar of 2 raises 1 to 1.2 at most, less than half way to 3/2
        assert reasons.polar_is_hard(case_of(upper)) is None
    assert "by at most 34 %: the dual point" in reasons.dual_is_loose(case)
    for reason in (reasons.polar_is_hard, reasons.dual_is_loose):
        assert "the best objective proved is at most 1.5" in reason(case)
    small = replace(case.evidence.dual, point=Orthogonal(np.array([[0.25]])))
    for upper, limits in ((0.5, False), (1.0, True)):  # its component attains 0.25
        found = replace(case.evidence, dual=replace(small, polar=Proposal(upper)))
        said = reasons.polar_is_hard(replace(case, evidence=found))
        assert (said is not None) == limits
    bare = replace(case, evidence=Evidence(case.evidence.start))
    assert "lam" not in reasons.polar_is_hard(bare)


@pytest.mark.parametrize(
    ("distance", "whole", "said"),
    [(1.0, 3.0, "34 %"), (3.0, 3.0, "100 %"), (33.0, 2.0, "1650 %"), (2.0, 0.0, "2")],
)
def test_a_share_is_written_with_all_digits_before_the_point(distance, whole, said):
    assert share_of(Fraction(distance), Fraction(whole)) == said


def test_a_reason_says_what_of_a_tree_is_undecided_and_for_how_long():
    case = case_of(2.5)
    dual = replace(case.evidence.dual, polar=Proposal(2.5, open="3 % of it in 9 cones undecided"))
    said = reasons.polar_is_hard(replace(case, evidence=replace(case.evidence, dual=dual)))
    assert "to at most 2.5 lam; 3 % of it in 9 cones undecided)" in said
    noted = replace(case, evidence=replace(case.evidence, note="its proof takes 9 s"))
    said = reasons.search_note(noted)
    assert said == "the lower bound may be loose, by at most 34 %: its proof takes 9 s"


@pytest.mark.parametrize("verdict", ["REFUTED", "RANK_LIMITED"])
def test_a_reason_with_better_factors_says_what_the_bound_lacks(verdict):
    case = case_of(2.5)
    better, found = Fraction(3, 2), case.evidence
    outcome = outcome_of(Fraction(0), Fraction(2), better)._replace(verdict=verdict)
    found = replace(found, better=found.start, note="its proof takes 9 s, more than the budget")
    case = replace(case, outcome=outcome, evidence=found, own=SimpleNamespace(reason="of its size"))
    say = {"REFUTED": reasons.refuted, "RANK_LIMITED": reasons.rank_limited}[verdict]
    assert say(case).endswith("%: its proof takes 9 s, more than the budget")
    assert "loose" not in say(replace(case, evidence=replace(found, note="")))


def test_a_reason_at_a_fixed_size_names_the_loose_side():
    case = case_of(2.5)
    assert "the bound at this size may be loose, by at most 34 %" in reasons.loose_side(case)
    better = replace(case.evidence.start, value=1.1)
    met = replace(case, evidence=replace(case.evidence, steps=(("grow", better),)))
    assert "in floats a search reached 1.1, about 27 % lower" in reasons.loose_side(met)


def test_columns_of_very_different_scales_leave_rounding_errors_that_no_budget_lowers():
    Y = np.random.default_rng(0).standard_normal((20, 4)) * 10.0 ** np.array([-4, 0, 4, 8])
    left, s, right = np.linalg.svd(Y, full_matrices=False)
    problem, root = Problem(Squared(Y), RankOne(), 0.0), np.sqrt(s[:3])
    result = check(problem, (left[:, :3] * root, right[:3].T * root))
    assert result.verdict is Verdict.UNDECIDED
    assert "by rounding errors of the largest components, which no budget" in result.reason
    assert "a larger budget" not in result.reason
    poor = check(problem, (left[:, :3] * root, right[:3].T * root * 0.99))
    assert poor.verdict is Verdict.REFUTED
    assert "rounding errors" not in poor.reason


def test_without_a_budget_a_clock_that_races_changes_nothing(monkeypatch):
    problem, start = asked(np.random.default_rng(1))
    found = check(problem, start, budget=None)
    for module in [m for name, m in sys.modules.items() if name.startswith("certify.")]:
        if hasattr(module, "monotonic"):
            monkeypatch.setattr(module, "monotonic", itertools.count(0.0, 3600.0).__next__)
    again = check(problem, start, budget=None)
    assert (again.verdict, again.lower, again.upper) == (found.verdict, found.lower, found.upper)


def test_a_reason_says_by_how_much_the_upper_bound_is_loose():
    case = case_of(2.5)
    assert reasons.upper_is_loose(case) is None
    better = replace(case.evidence.start, value=1.1)
    met = replace(case, evidence=replace(case.evidence, steps=(("grow", better),)))
    assert "the upper bound may be loose: in floats a search reached 1.1, about 27 % lower" in (
        reasons.upper_is_loose(met)
    )
