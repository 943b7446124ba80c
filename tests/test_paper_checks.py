"""Every statement of the paper that is written down here holds, exactly."""

from fractions import Fraction

import pytest

import paper_checks
from paper_checks import Check
from paper_checks.__main__ import main


@pytest.mark.parametrize("name", paper_checks.names())
def test_statement_holds(name):
    checks = paper_checks.load(name, seed=3, examples=40)
    assert len(checks) >= 40
    assert [c for c in checks if not c.holds()] == []


def test_false_relation_is_noticed():
    one, two = Fraction(1), Fraction(2)
    assert not Check("", two, "<=", one).holds()
    assert not Check("", two, "==", one).holds()
    assert not Check("", one, "<", one).holds()


def test_table_fails_when_a_statement_does(monkeypatch, capsys):
    assert main() == 0
    bad = [Check("one is two", Fraction(1), "==", Fraction(2))]
    monkeypatch.setattr("paper_checks.__main__.load", lambda _: bad)
    assert main() == 1
    assert "one is two" in capsys.readouterr().out
