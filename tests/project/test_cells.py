"""The generated table of norm pairs and losses claims no more than its cells reach; the runner."""

import json
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import cells  # noqa: E402  scripts beside the package
import measure  # noqa: E402
import run  # noqa: E402

from certify import Problem, Verdict, check  # noqa: E402
from certify.atoms import RankOne  # noqa: E402
from certify.base.clock import Clock  # noqa: E402
from certify.losses import Squared  # noqa: E402

STORED = run.read(run.HERE / "results.json")
CLAIMED = {tuple(r["case"].split(" x ")): r["verdict"] for r in STORED["cells"]}
LOSSES = list(cells.losses())
ALL = [(*pair, loss) for pair in cells.pairs() for loss in LOSSES]
SAMPLE = random.Random(5).sample(ALL, 30)  # noqa: S311  a sample, not a secret


def test_the_table_has_every_pair_and_every_loss():
    assert set(CLAIMED) == set(cells.pairs())
    assert set(CLAIMED.values()) <= {"certified", "undecided"}
    assert [set(r) for r in STORED["cells_of_losses"]] == [{"case", *LOSSES}] * len(cells.SOME)


def no_weaker(left, right, loss):
    verdict = cells.cell(left, right, loss).split()[0]
    assert verdict in ("certified", "undecided")
    if CLAIMED[left, right] == "certified":
        assert verdict == "certified"


@pytest.mark.thorough
@pytest.mark.parametrize(("left", "right", "loss"), SAMPLE)
def test_a_cell_reaches_what_its_row_claims(left, right, loss):
    no_weaker(left, right, loss)


@pytest.mark.thorough
@pytest.mark.parametrize(("left", "right", "loss"), SAMPLE[::3])
def test_the_twin_of_a_cell_is_never_certified(left, right, loss):
    """At half the lam the zero model is not optimal, but for Kullback-Leibler without counts."""
    stated, atom, top = cells.question(left, right, loss)
    if top > 0 and loss != "kullback_leibler":
        assert check(Problem(stated, atom, top / 2), cells.ZERO).verdict is not Verdict.CERTIFIED


@pytest.mark.slow
@pytest.mark.parametrize(("left", "right", "loss"), ALL)
def test_every_cell_reaches_what_its_row_claims(left, right, loss):
    no_weaker(left, right, loss)


def test_the_results_are_what_the_runner_writes_and_have_every_benchmark():
    told = json.loads((run.HERE / "results.json").read_text(encoding="utf-8"))
    text = (run.HERE / "RESULTS.md").read_text(encoding="utf-8")
    assert run.text(told["rows"], told["versions"]) == text
    stored = (run.HERE / "results.json").read_text(encoding="utf-8")
    assert run.stored_text(told["rows"], told["versions"]) == stored
    assert set(told["rows"]) == set(run.BENCHMARKS) - {"row_blocks"}  # in clusters.md
    for name, rows in told["rows"].items():
        assert {r["case"] for r in rows} <= set(run.BENCHMARKS[name].cases)


@pytest.mark.parametrize(
    ("got", "wanted", "holds"),
    [
        ("CERTIFIED", "CERTIFIED", "yes"),
        ("CERTIFIED/UNDECIDED", "CERTIFIED", "NO"),
        ("RANK_LIMITED", "REFUTED or RANK_LIMITED", "yes"),
        ("UNDECIDED", "REFUTED or RANK_LIMITED", "NO"),
        (2.0, 2.0, "yes"),
        (2.1, 2.0, "NO"),
        (float("nan"), 2.0, "NO"),
    ],
)
def test_a_claim_is_a_text_or_a_limit(got, wanted, holds):
    table = measure.Table("t", {"x": measure.Case(None, {"figure": wanted, "absent": wanted})})
    (claim,) = table.claims({"case": "x", "figure": got})
    assert (claim["what"], claim["holds"]) == ("x: figure", holds)
    assert table.claims({"case": "x", "figure": None}) == table.claims({"case": "y"}) == []


def test_cases_that_run_anew_replace_their_own_rows():
    def rows(*figures):
        return [{"case": case, "s": seconds} for case, seconds in figures]

    old = rows(("a", 1), ("b", 1), ("b", 2), ("c", 1))
    new = rows(("b", 3), ("b", 4), ("d", 3))
    assert run.merged(new, old) == rows(("a", 1), ("b", 3), ("b", 4), ("c", 1), ("d", 3))
    assert run.merged(old, old) == old


def test_a_row_has_the_verdict_of_the_check_and_of_every_verification(monkeypatch):
    problem = Problem(Squared(np.diag([3.0, 1.0])), RankOne("l2", "l2"), 2.0)
    best = (np.array([[1.0], [0.0]]),) * 2
    tiers = ("exact", "rounded")
    row, result, factors = measure.judged(problem, best, tiers=tiers)
    assert (row["verdict"], row["components"], factors) == ("CERTIFIED", 1, best)
    assert row["lower"] <= row["upper"] == result.upper
    assert {"check s", *(f"{tier} verify s" for tier in tiers)} <= set(row)
    assert row["gap of the best"] == pytest.approx(row["gap"], abs=1e-12)
    fewer = type("Fewer", (), {"verdict": Verdict.UNDECIDED})
    monkeypatch.setattr(measure, "verify", lambda *_, **__: fewer)
    assert measure.judged(problem, best)[0]["verdict"] == "CERTIFIED/UNDECIDED"


def test_a_table_judges_its_cases_each_with_what_is_wanted_and_a_known_optimum():
    cases = {"one": measure.Case(made), "two": measure.Case(made, {"gap": 1.0})}
    (row,) = measure.Table("t", cases).rows(measure.Options(), only="two")
    assert (row["case"], row["n"]) == ("two", 2)
    assert (row["verdict"], row["upper"]) == ("REFUTED", 5.0)
    assert row["true excess"] == pytest.approx(0.1)
    assert max(row["lower / optimum - 1"], row["gap of the best"]) <= 1e-6


@pytest.mark.thorough
def test_a_budget_in_processor_seconds_is_counted_so_by_every_module():
    names, waited, begun = measure.alone(clocks)
    assert len(names) == 1
    assert 0 <= waited < 0.1
    assert abs(begun) < 0.1


def clocks():
    measure.count_budget_in_processor_seconds()
    before = time.monotonic()
    time.sleep(0.3)
    found = [vars(m).get("monotonic") for k, m in sys.modules.items() if k.startswith("certify.")]
    names = {x.__qualname__ for x in (time.monotonic, *found) if x is not None}
    return names, time.monotonic() - before, Clock(1.0).start - before


def test_a_case_that_cannot_run_here_says_why():
    row = measure.rows_of(unread, measure.Case(None), measure.Options(), 1)
    assert row == [{"note": "skipped: no file"}]


def unread(_case, _options):
    raise measure.SkippedError("no file")


def made():
    problem = Problem(Squared(np.diag([3.0, 1.0])), RankOne("l2", "l2"), 2.0)
    zeros = np.zeros((2, 1))
    return problem, (zeros, zeros), {"optimum": 4.5, "n": 2}
