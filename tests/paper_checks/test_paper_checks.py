"""Every statement holds, each claim at an instance that a relative 1e-6 breaks."""

import json
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

import paper_checks
from paper_checks import Check, Counterexample, Statement
from paper_checks import __main__ as command
from paper_checks._formal import table
from paper_checks._necessity import broken
from paper_checks._run import EXACT, FAILS, FLOATS, NEEDED, PARTLY, PROVED, UNCOVERED, run
from paper_checks._told import told
from tests.paper_checks import contract

EXAMPLES = 100  # from which each claim has to be seen in all cases
NAMES = paper_checks.names()


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_a_statement_holds(name):
    found = run(name, paper_checks.load(name), EXAMPLES, 3)
    assert found.failures == []
    assert found.holds
    assert found.examples >= EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_statement_holds_on_5000_examples(name):
    found = run(name, paper_checks.load(name), 5000, 4)
    assert found.failures == []
    assert found.examples >= 5000


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_a_claim_is_tight_and_as_strong_as_its_instances(name):
    module = paper_checks.load(name)
    checks = contract.drawn(module, 60)
    contract.is_tight(module, {c.claim for c in checks})
    contract.is_as_strong_as_it_shows([*contract.named(module), *checks])


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_each_hypothesis_has_a_counterexample_that_keeps_the_others_or_says_why_not(name):
    contract.needs_are_shown(paper_checks.load(name), broken)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_a_claim_and_its_counterexamples_are_one_relation(name):
    contract.relations_agree(paper_checks.load(name))


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_slack_is_zero_or_derived(name):
    for check in paper_checks.load(name).fixed():
        assert check.slack >= 0
        assert bool(check.slack) is bool(check.why)


def module(checks, needs=(), drawn=(), shown=()):
    """Return a module of these named checks; `drawn` maps an integer to its checks."""
    statement = Statement("A title", "words", "formula", dict.fromkeys(needs, "why"))
    return SimpleNamespace(
        STATEMENT=statement,
        INSTANCES=st.integers(0, 1000),
        HYPOTHESES={
            name: lambda lacks, name=name: [check(name in lacks, "==", 0)] for name in needs
        },
        CASES={},
        NEVER={},
        sides=drawn or (lambda _: ()),
        fixed=lambda: checks,
        counterexamples=lambda: [example(name) for name in shown],
    )


def example(name, *more, conclusion=None):
    """Return an instance that lacks a hypothesis, and more, on which the claim is false."""
    return Counterexample(name, {name, *more}, lambda _: conclusion or check(2, "<=", 1))


def check(left, relation, right, **more):
    return Check("a claim", Fraction(left), relation, Fraction(right), **more)


def test_a_relation_is_as_it_reads():
    assert check(1, "<", 2).true()
    assert not check(1, "<", 1).true()
    assert check(1, "<=", 1).true()
    assert not check(2, "<=", 1).true()
    assert check(1, "==", 1).true()
    assert not check(2, "==", 1).true()
    assert check(2, "==", 1, slack=Fraction(1), why="rounding").true()
    assert not check(0, "==", 2, slack=Fraction(1), why="rounding").true()


def test_words_that_tell_another_number_are_rejected():
    assert told(Fraction(1, 2), "0.5") == Fraction(1, 2)
    with pytest.raises(ValueError, match="the words tell 2, the counterexample has 3/2"):
        told(Fraction(3, 2), "2")


def test_evidence_is_computed_from_the_run(monkeypatch):
    holds = check(1, "<=", 1)
    rounded = replace(holds, claim="another", slack=Fraction(1), why="rounding")
    assert run("x", module([holds]), 5, 0).evidence == (EXACT,)
    assert run("x", module([holds, rounded]), 5, 0).evidence == (FLOATS,)
    both = module([holds], ["a hypothesis"], shown=["a hypothesis"])
    assert run("x", both, 5, 0).evidence == (EXACT, NEEDED)
    half = module([holds], ["a hypothesis", "another"], shown=["a hypothesis"])
    assert run("x", half, 5, 0).evidence == (EXACT, f"{NEEDED} for 1 of 2 hypotheses")
    assert run("x", module([]), 5, 0).evidence == (UNCOVERED,)
    assert not run("x", module([]), 5, 0).holds
    assert run("x", module([check(2, "<=", 1)]), 5, 0).evidence == (FAILS,)
    whole = table().grades["distance_bound"].whole
    monkeypatch.setattr("paper_checks._run.machine_proved", lambda _: whole)
    assert run("distance_bound", module([holds]), 5, 0).evidence == (PROVED, EXACT)
    assert run("large_r", module([holds]), 5, 0).evidence == (PARTLY, EXACT)
    monkeypatch.setattr("paper_checks._run.machine_proved", lambda _: ("File.distance_bound",))
    assert run("distance_bound", module([holds]), 5, 0).evidence == (PARTLY, EXACT)
    assert run("distance_bound", module([]), 5, 0).evidence == (PARTLY,)


def test_a_counterexample_that_is_none_fails():
    holds = check(1, "<=", 1)
    for wrong in (check(1, "<=", 1, dropped="known"), check(2, "<=", 1, dropped="unknown")):
        found = run("x", module([holds, wrong], ["known"]), 5, 0)
        assert not found.holds
        assert wrong.dropped in str(found.failures[0])


def test_a_drawn_failure_is_shrunk():
    found = run("x", module([], drawn=lambda n: [check(n, "<=", 41)]), 200, 0)
    assert [f.instance for f in found.failures] == ["42"]
    assert str(found.failures[0]) == "a claim: 42 <= 41 is false  (42)"


def test_the_same_seed_draws_the_same_instances():
    def drawn(seed):
        seen = []
        run("x", module([], drawn=lambda n: seen.append(n) or [check(n, "<=", n)]), 50, seed)
        return seen

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.thorough
def test_the_table_names_every_statement(capsys):
    assert command.main(["--examples", "2"]) == 0
    shown = capsys.readouterr().out
    assert [n for n in NAMES if n not in shown] == []
    assert "FAILS" not in shown


def test_a_false_statement_is_reported_with_status_1(monkeypatch, capsys):
    monkeypatch.setattr(command, "load", lambda _: module([check(1, "==", 2)]))
    assert command.main(["--only", "flat_path", "--examples", "2"]) == 1
    assert "a claim: 1 == 2 is false" in capsys.readouterr().out


def test_json_is_one_line_a_statement(capsys):
    assert command.main(["--json", "--examples", "3", "--only", "zero_slice"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["statement"] == "zero_slice"
    assert said["holds"] is True
    assert said["examples"] == 3
    tested = [e for e in said["evidence"] if not e.startswith("machine-proved")]  # where built
    assert tested[0] == EXACT


def test_only_takes_known_names_and_tells_the_nearest(capsys):
    assert command.main(["--examples", "2", "--only", "flat_path", "--only", "zero_slice"]) == 0
    shown = capsys.readouterr().out
    assert "flat_path" in shown
    assert "weak_duality" not in shown
    assert command.main(["--only", "flatpath"]) == 2
    assert "flat_path" in capsys.readouterr().err


def test_a_wrong_option_ends_with_status_2():
    assert command.main(["--examples", "0"]) == 2
    assert command.main(["--unknown"]) == 2


def test_a_fresh_run_tells_its_seed_which_draws_the_same(monkeypatch, capsys):
    seeds = []

    def seen(name, module, _examples, seed):
        seeds.append(seed)
        return run(name, module, 2, seed)

    monkeypatch.setattr(command, "run", seen)
    few = ["--only", "sum_and_product", "--examples", "2"]
    for options in (["--fresh"], ["--fresh"]):
        assert command.main([*few, *options]) == 0
        told = f"python -m paper_checks --seed {seeds[-1]} --examples 2 draws the same"
        assert told in capsys.readouterr().err
    assert seeds[0] != seeds[1]
    assert command.main([*few, "--fresh", "--seed", "7"]) == 0
    assert command.main(few) == 0
    assert command.main([*few, "--seed", "7"]) == 0
    assert seeds[2:] == [7, 0, 7]


def test_absent_proofs_are_told(monkeypatch, capsys):
    for built in (False, True):
        monkeypatch.setattr(command, "built", lambda built=built: built)
        assert command.main(["--examples", "2", "--only", "flat_path"]) == 0
        assert ("formal proofs not built" in capsys.readouterr().out) is not built


def test_a_claim_that_is_weaker_than_its_instances_is_noticed():
    equal, less = check(1, "<=", 1), check(1, "<=", 2)
    contract.is_as_strong_as_it_shows([equal, less])
    contract.is_as_strong_as_it_shows([check(1, "==", 1), check(1, "<", 2)])
    with pytest.raises(AssertionError, match="always equal"):
        contract.is_as_strong_as_it_shows([equal])
    with pytest.raises(AssertionError, match="never equal"):
        contract.is_as_strong_as_it_shows([less])


def test_a_claim_that_no_named_instance_attains_is_noticed():
    contract.is_tight(module([check(1, "<=", 1)]), {"a claim"})
    for checks in ([check(1, "<=", 2)], []):
        with pytest.raises(AssertionError, match="a claim"):
            contract.is_tight(module(checks), {"a claim"})
