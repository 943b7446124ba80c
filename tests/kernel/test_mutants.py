"""The mutation job: what it changes is in force, and what no longer applies is an error."""

import ast
import sys
import textwrap
import types
from collections import deque

import pytest

from tests.mutants.functions import (
    StaleError,
    every_function,
    functions_of,
    put_in_force,
    rewritten,
)
from tests.mutants.operators import changes
from tests.mutants.running import Fate, Job, run_all
from tests.mutants.tables import by_hand, explained, fixed, made, spread

SOURCE = '''
from functools import cache, cached_property
from typing import NamedTuple

def least(a, b):
    """The lesser of a < b."""
    return a if a < b else b

def table():
    return {1: least(1, 2)}

TABLE = table()

@cache
def remembered():
    return 1 + 1

def adder(k):
    def inner(x):
        return x + k
    return inner

class Pair(NamedTuple):
    a: int
    b: int

    @property
    def total(self):
        return self.a + self.b

    @staticmethod
    def twice(x):
        return 2 * x

class Held:
    @cached_property
    def one(self):
        return 1

    def __init__(self):
        super().__init__()
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    path = tmp_path / "toy_of_mutants.py"
    path.write_text(textwrap.dedent(SOURCE))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_of_mutants", raising=False)
    import toy_of_mutants  # noqa: PLC0415  written a line ago

    yield toy_of_mutants
    sys.modules.pop("toy_of_mutants", None)


def functions(module):
    return {f.qualname: f for f in functions_of(module)}


def forced(module, name, old, new):
    known = functions(module)
    put_in_force(known[name], rewritten(known[name], old, new), known)


@pytest.mark.parametrize(
    ("name", "change", "run", "values"),
    [
        ("least", ("a < b else b", "a > b else b"), lambda t: t.least(1, 2), (1, 2)),
        ("table", ("{1:", "{7:"), lambda t: t.TABLE, ({1: 1}, {7: 1})),
        ("TABLE", ("table()", "{}"), lambda t: t.TABLE, ({1: 1}, {})),
        ("remembered", ("1 + 1", "1 + 2"), lambda t: t.remembered(), (2, 3)),
        ("adder", ("x + k", "x - k"), lambda t: t.adder(1)(3), (4, 2)),
        ("Pair.total", ("self.a +", "self.b +"), lambda t: t.Pair(1, 2).total, (3, 4)),
        ("Pair.twice", ("2 * x", "3 * x"), lambda t: t.Pair.twice(2), (4, 6)),
        ("Held.one", ("return 1", "return 2"), lambda t: t.Held().one, (1, 2)),
    ],
)
def test_a_mutant_is_in_force_for_all_callers(toy, name, change, run, values):
    assert run(toy) == values[0]
    forced(toy, name, *change)
    assert run(toy) == values[1]


def test_a_method_that_loses_its_class_is_refused(toy):
    with pytest.raises(StaleError, match="closes over"):
        forced(toy, "Held.__init__", "super().__init__()", "pass")


def test_a_fragment_that_is_not_there_once_is_an_error(toy):
    known = functions(toy)
    with pytest.raises(StaleError, match="occurs 0 times"):
        rewritten(known["least"], "a <= b", "b")
    with pytest.raises(StaleError, match="occurs 2 times"):
        rewritten(known["remembered"], "1", "2")


def texts(source):
    return {(c.operator, c.new) for c in changes(ast.parse(source).body[0])}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("return a < b", ("comparison", "return a <= b")),
        ("return 0 <= a <= b", ("dropped bound", "return a <= b")),
        ("return 0", ("constant", "return 1")),
        ("return -a", ("sign", "return a")),
        ("return a + b", ("dropped term", "return a")),
        ("return a * b", ("arithmetic", "return a + b")),
        ("return a << b", ("arithmetic", "return a >> b")),
        ("return max(a, 0)", ("direction", "return min(a, 0)")),
        ("return max(a, 0)", ("dropped clip", "return a")),
        ("return root(a).hi", ("direction", "return root(a).lo")),
        ("return any(a)", ("direction", "return all(a)")),
        ("return a and b", ("direction", "return a or b")),
        ("return a and b", ("dropped condition", "return b")),
        ("return [x for x in a if x]", ("dropped condition", "return [x for x in a]")),
        ("return a if b else 0", ("negation", "return a if not b else 0")),
        ("return not a", ("negation", "return a")),
        ("demand(a, 'where', 'code', 1)", ("dropped guard", "pass")),
        ("a += b", ("dropped statement", "pass")),
        ("a += b", ("arithmetic", "a -= b")),
        ("a.append(b)", ("dropped statement", "pass")),
    ],
)
def test_operators_make_each_kind_of_change(line, wanted):
    assert wanted in texts(f"def f(a, b):\n    {line}")


def test_words_are_no_mutants():
    words = "def f(a: 'b < 1' = 1) -> 'c < 1':\n    'd < 1'\n    demand(a, 'e', 'f', a + 1)\n"
    assert texts("def f(a):\n    return a.reshape(-1)") == set()
    assert texts(words) == {("dropped guard", "pass")}


def test_a_change_leaves_the_function_alone():
    tree = ast.parse("def f(a):\n    if a < 1:\n        return a + 1\n    return a").body[0]
    before = ast.dump(tree)
    found = {ast.dump(c.applied(tree)) for c in changes(tree)}
    assert ast.dump(tree) == before
    assert len(found) == len(changes(tree))


def run_toy(toy, change):
    """Return the fate of one mutant of `least` under two tests, in a fork."""
    fates = []
    known = functions(toy)

    def work(session):
        del session
        old, new = change
        put_in_force(known["least"], rewritten(known["least"], old, new), known)
        passed = toy.least(1, 2) == 1 and toy.least(2, 1) == 1
        return Fate("survived" if passed else "killed", "" if passed else "toy")

    run_all(None, deque([Job(work, 2.0, fates.append)]), 1)
    return fates[0]


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # threads of pytest's own
def test_a_mutant_is_killed_or_survives_in_a_fork_and_the_parent_is_unharmed(toy):
    assert run_toy(toy, ("a < b else b", "b < a else b")).outcome == "killed"
    assert run_toy(toy, ("a if a < b", "a if a <= b")).outcome == "survived"
    assert run_toy(toy, ("a if a < b", "a if 1/0")).outcome == "killed"
    assert run_toy(toy, ("a if nothing", "a")).outcome == "error"
    assert run_toy(toy, ("return a", "while True: pass\n    return a")).outcome == "timed out"
    assert toy.least(2, 1) == 1


def test_rows_that_are_no_mutants_any_more_are_errors(tmp_path, toy):
    known = functions(toy)
    mutants = made(known)
    row = '[[{}]]\nof = "{}"\nold = "a <= b"\nnew = "b"\ntest = "t"\nkind = "loosens"\nreason = "r"'
    path = tmp_path / "rows.toml"
    for table, read in (("survivor", explained), ("mutant", fixed)):
        path.write_text(row.format(table, "least"))
        with pytest.raises(StaleError, match="no mutant any more"):
            read(mutants, path)
    for name in ("least", "nothing"):
        path.write_text(row.format("mutant", name))
        with pytest.raises(StaleError, match=r"occurs 0 times|no function"):
            by_hand(known, path)


def test_a_reason_is_asked_for(tmp_path, toy):
    mutant = made(functions(toy))[0]
    path = tmp_path / "rows.toml"
    text = f'[[survivor]]\nof = "{mutant.key[0]}"\nold = "{mutant.old}"\nnew = "{mutant.new}"\n'
    path.write_text(text + 'kind = "equivalent"\nreason = "same value"\n')
    assert explained([mutant], path) == {mutant.key: "equivalent"}
    for wrong in ('kind = "equivalent"\nreason = " "\n', 'kind = "hard"\nreason = "r"\n'):
        path.write_text(text + wrong)
        with pytest.raises(ValueError, match="no reason"):
            explained([mutant], path)


def test_each_row_by_hand_occurs_once_in_its_function():
    hand = by_hand(every_function())
    assert len(hand) >= 400
    assert len({m.key for m in hand}) == len(hand)


@pytest.mark.thorough
def test_the_tables_fit_the_kernel():
    known = every_function()
    assert len([f for f in known.values() if f.live]) > 300
    assert all(isinstance(f.live, types.FunctionType) for f in known.values() if f.live)
    mutants = [*by_hand(known), *made({n: known[n] for n in known if known[n].live})]
    explained(mutants)
    assert len(fixed(mutants)) == 20
    chosen = spread(mutants, 400, 1)
    assert [m.key for m in chosen] == [m.key for m in spread(mutants, 400, 1)]
    assert len({m.function.qualname for m in chosen}) > 250
