"""Each claim is seen in all cases of its instances; a generator that skips one is noticed."""

import tomllib
from fractions import Fraction
from pathlib import Path

import pytest

import paper_checks
from paper_checks import __main__ as command
from paper_checks._cases import ANY, ENOUGH, Cell, among, counted, demanded, order
from paper_checks._run import run
from tests.paper_checks import changed
from tests.paper_checks.test_paper_checks import check, module

NAMES = paper_checks.names()
TABLE = Path(__file__).with_name("degenerate.toml")
MUTANTS = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutant"]
PARITY = {"even": lambda n: n % 2 == 0, "odd": lambda n: n % 2 == 1}


def failures(sides, examples=ENOUGH, **more):
    """Return what a run of drawn integers says fails."""
    one = module([check(1, "<=", 1)], drawn=sides)
    vars(one).update({"CASES": PARITY, **more})
    return [str(f) for f in run("x", one, examples, 0).failures]


def tight_if(tight):
    return lambda n: [check(n, "<=", n if tight(n) else n + 1)]


def test_a_claim_has_to_be_seen_equal_and_strict_in_each_case():
    assert failures(tight_if(lambda n: n % 3 == 0)) == []
    assert failures(tight_if(lambda n: n % 6 == 0)) == [
        "a claim: equal in the case 'odd': never seen"
    ]
    assert failures(tight_if(lambda _: False)) == [
        "a claim: equal: never seen",
        "a claim: equal in the case 'even': never seen",
        "a claim: equal in the case 'odd': never seen",
    ]
    assert failures(tight_if(lambda _: True))[0] == "a claim: strict: never seen"


def test_a_claim_has_to_be_seen_at_all_in_each_case():
    one_claim = lambda _: [check(1, "==", 1)]  # noqa: E731
    assert failures(lambda n: [*one_claim(n), check(n, "<=", n + n % 5)]) == []
    even_only = failures(lambda n: [check(n, "<=", n + n % 3)] if n % 2 == 0 else [])
    assert even_only == [
        "a claim: equal in the case 'odd': never seen",
        "a claim: strict in the case 'odd': never seen",
    ]
    assert len(failures(lambda _: [])) == 6  # what only the named instances have


def test_a_relation_within_its_slack_is_equal():
    near = lambda n: [check(n, "<=", n + n % 3, slack=Fraction(1), why="rounding")]  # noqa: E731
    assert failures(near) == []
    assert failures(lambda n: [check(n, "<=", n + n % 2, slack=Fraction(1), why="rounding")]) == [
        "a claim: strict: never seen",
        "a claim: strict in the case 'even': never seen",
        "a claim: strict in the case 'odd': never seen",
    ]


def test_what_cannot_be_is_listed_and_not_seen():
    even = tight_if(lambda n: n % 6 == 0)
    assert failures(even, NEVER={"a claim": ("odd: equal",)}) == []
    assert "listed as impossible" in failures(even, NEVER={"a claim": ("odd",)})[0]
    assert failures(lambda _: [], NEVER={"a claim": ("any",)}) == []
    assert (
        failures(even, NEVER={"a claim": ("odd: equal", "prime")})
        == ["NEVER names the case 'prime', which is none"] * 2
    )
    assert failures(even, NEVER={"a claim": ("odd: equal",), "another": ()}) == [
        "NEVER names the claim 'another', which is not tested"
    ]


def test_few_examples_demand_nothing_and_say_so(capsys):
    assert failures(tight_if(lambda _: True), examples=ENOUGH - 1) == []
    options = ["--only", "sum_and_product", "--examples"]
    assert command.main([*options, str(ENOUGH - 1)]) == 0
    assert "no claim had to be seen in all cases" in capsys.readouterr().out
    assert command.main([*options, str(ENOUGH)]) == 0
    assert "no claim had to be" not in capsys.readouterr().out


def test_more_instances_are_drawn_while_a_cell_is_empty():
    rare = module([], drawn=tight_if(lambda n: n % 250 == 7))
    vars(rare).update(CASES={})
    found = run("x", rare, ENOUGH, 0)
    assert found.holds
    assert ENOUGH < found.examples < 2000
    assert set(found.counts) == {Cell("a claim", "any", side) for side in ("equal", "strict")}


def test_the_command_prints_the_counts(capsys):
    assert command.main(["--only", "sum_and_product", "--examples", "100", "--cases"]) == 0
    shown = capsys.readouterr().out
    assert "20/20" in shown
    (line,) = [s for s in shown.splitlines() if "at most the mean" in s and "all scales 1" in s]
    assert all(int(n) > 0 for n in line.split()[-2:])


def test_the_command_fails_if_a_case_is_not_seen(monkeypatch, capsys):
    one = module([check(1, "<=", 1)], drawn=tight_if(lambda n: n % 6 == 0))
    vars(one).update(CASES=PARITY)
    monkeypatch.setattr(command, "load", lambda _: one)
    assert command.main(["--only", "flat_path", "--examples", "100"]) == 1
    assert "flat_path: a claim: equal in the case 'odd': never seen" in capsys.readouterr().out


def test_cases_count_choose_and_compare():
    number, option, sign = counted("leg", len), among("n", len, (1, 2)), order("a", "b", len)
    assert [name for name, holds in number.items() if holds("")] == ["no leg"]
    assert [name for name, holds in number.items() if holds("xx")] == ["several legs"]
    assert [name for name, holds in option.items() if holds("x")] == ["n 1"]
    assert [name for name, holds in sign.items() if holds("x")] == ["a > b"]


@pytest.mark.parametrize("name", NAMES)
def test_every_case_is_one_that_some_claim_has_to_be_seen_in(name):
    one = paper_checks.load(name)
    cells = demanded(one, {c.claim: c.relation for c in one.fixed()})
    assert {cell.case for cell in cells} == {ANY, *one.CASES}


@pytest.mark.sampled(11)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m['file']}: {m['old'][:40]}")
def test_a_degenerate_generator_is_noticed_by_the_command(mutant):
    file = mutant["file"]
    said = changed.unseen(mutant.get("of", file), file, mutant["old"], mutant["new"])
    assert any(mutant["says"] in line for line in said), said


def test_each_statement_has_a_degenerate_generator():
    assert {m.get("of", m["file"]) for m in MUTANTS} == set(NAMES)
