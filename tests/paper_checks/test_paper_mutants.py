"""Every statement's tests notice what is broken in it: a table of changes, each made and undone."""

import importlib
import tomllib
from pathlib import Path

import pytest

import paper_checks
from tests.paper_checks.changed import StaleError, noticed, said

TABLE = Path(__file__).with_name("mutants.toml")
MUTANTS = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutant"]
NAMES = paper_checks.names()
THIRD = [pytest.param(n, marks=[pytest.mark.slow] if k % 3 else ()) for k, n in enumerate(NAMES)]


@pytest.mark.sampled(45)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m['file']}: {m['old'][:40]}")
def test_a_change_is_noticed(mutant):
    file = mutant["file"]
    assert noticed(mutant.get("of", file), file, mutant["old"], mutant["new"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", THIRD)
def test_nothing_is_noticed_where_nothing_is_changed(name):
    assert said(name) == ""


def test_a_change_that_says_the_same_is_not_noticed():
    name, old, new = "sum_and_product", "Fraction(2), ones", "2 * ones[0], ones"
    assert noticed(name, name, old, new) == ""


def test_each_statement_has_changes():
    assert {m.get("of", m["file"]) for m in MUTANTS} == set(NAMES)
    assert min(sum(m.get("of", m["file"]) == n for m in MUTANTS) for n in NAMES) >= 3


def test_a_change_that_does_not_apply_is_told():
    with pytest.raises(StaleError, match="0 times"):
        noticed("flat_path", "flat_path", "no such line", "")
    with pytest.raises(StaleError, match="cannot be imported"):
        noticed("flat_path", "flat_path", "def fixed()", "def fixed(")
    assert importlib.import_module("paper_checks") is paper_checks  # the one in use is back
