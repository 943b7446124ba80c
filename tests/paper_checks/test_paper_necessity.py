"""A counterexample that lacks more than one hypothesis, or none, or breaks no claim, is refused."""

from dataclasses import replace
from fractions import Fraction

import pytest

from paper_checks._necessity import NoCounterexampleError, broken
from paper_checks._run import run
from tests.paper_checks.test_paper_checks import check, example, module


def refused(wrong, **changes):
    """Return why a counterexample to one of two hypotheses is none; the run says the same."""
    both = module([check(1, "<=", 1)], ["one", "two"])
    vars(both).update(changes, counterexamples=lambda: [wrong])
    with pytest.raises(NoCounterexampleError) as reason:
        broken(both, wrong)
    found = run("x", both, 5, 0)
    assert [str(f) for f in found.failures] == [f"no counterexample: {reason.value}"]
    assert found.needed == {}
    return str(reason.value)


def test_a_counterexample_lacks_its_hypothesis_and_no_other():
    needs = ["one", "two"]
    assert broken(module([], needs), example("one")) == check(2, "<=", 1, dropped="one")
    assert refused(example("three")) == "there is no hypothesis 'three'"
    assert refused(example("one", "two")) == "without 'one': 'two' fails: a claim: 1 == 0"
    kept = replace(example("one"), instance=set())
    assert refused(kept) == "without 'one': 'one' holds"
    true = example("one", conclusion=check(1, "<=", 1))
    assert refused(true) == "without 'one' it is true: a claim: 1 <= 1"
    rounded = example("one", conclusion=check(3, "<=", 1, slack=Fraction(1), why="rounding"))
    assert refused(rounded).startswith("without 'one' it is true")


def test_a_hypothesis_is_decided_exactly_and_not_passed_over():
    lost = {"one": lambda _: [check(1, "==", 0)], "two": lambda _: []}
    assert "'two' is not decided exactly" in refused(example("one"), HYPOTHESES=lost)
    near = check(1, "==", 0, slack=Fraction(1), why="rounding")
    lost["two"] = lambda _: [near]
    assert "'two' is not decided exactly" in refused(example("one"), HYPOTHESES=lost)


def test_only_a_hypothesis_that_contains_the_dropped_one_may_be_lost_with_it():
    stronger = {"two": ("one",)}
    both = module([], ["one", "two"])
    both.STATEMENT = replace(both.STATEMENT, implies=stronger)
    assert broken(both, example("one", "two")).dropped == "one"
    assert broken(both, example("two")).dropped == "two"
    reason = refused(example("one"), STATEMENT=both.STATEMENT)
    assert reason == "without 'one': 'two' holds"


def test_a_claim_may_rest_on_some_hypotheses_only():
    both = module([], ["one", "two"])
    both.STATEMENT = replace(both.STATEMENT, rests={"a claim": ("one",)})
    assert broken(both, example("one", "two")).dropped == "one"
    reason = refused(example("two"), STATEMENT=both.STATEMENT)
    assert reason == "'a claim' does not rest on 'two'"


def test_a_check_that_names_what_is_dropped_shows_no_need_by_itself():
    needed = check(2, "<=", 1, dropped="one")
    found = run("x", module([check(1, "<=", 1), needed], ["one"]), 5, 0)
    assert found.holds
    assert found.needed == {}
