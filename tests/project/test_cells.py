"""The generated table of norm pairs and losses claims no more than its cells reach; the runner."""

import importlib
import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import cells  # noqa: E402  scripts beside the package
import measure  # noqa: E402
import run  # noqa: E402

from certify import Problem, Verdict  # noqa: E402
from certify.atoms import RankOne  # noqa: E402
from certify.losses import Squared  # noqa: E402

TEXT = cells.TABLE.read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
CLAIMED = {(r[0], r[1]): r[3] for r in ROWS if len(r) == 6 and r[0] not in ("left", "---")}
LOSSES = list(cells.losses())
ALL = [(*pair, loss) for pair in cells.pairs() for loss in LOSSES]
SAMPLE = random.Random(5).sample(ALL, 30)  # noqa: S311  a sample, not a secret


def test_the_table_has_every_pair_and_every_loss():
    assert set(CLAIMED) == set(cells.pairs())
    assert set(CLAIMED.values()) <= {"certified", "undecided"}
    assert all(re.search(rf"\b{loss}\b", TEXT) for loss in LOSSES)


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
    verdict = cells.twin(left, right, loss)
    assert verdict is None or verdict.name != "CERTIFIED"


@pytest.mark.slow
@pytest.mark.parametrize(("left", "right", "loss"), ALL)
def test_every_cell_reaches_what_its_row_claims(left, right, loss):
    no_weaker(left, right, loss)


def test_the_results_are_what_the_runner_writes_and_have_every_benchmark():
    told = json.loads((run.HERE / "results.json").read_text(encoding="utf-8"))
    versions = ", ".join(f"{k} {v}" for k, v in told["versions"].items())
    text = (run.HERE / "RESULTS.md").read_text(encoding="utf-8")
    assert run.text(run.read(run.HERE / "results.json"), versions) == text
    assert set(told["reports"]) == set(run.BENCHMARKS)
    for name, report in told["reports"].items():
        benchmark = getattr(importlib.import_module(run.BENCHMARKS[name]), name)
        titles = next(benchmark(run.Options())), report["title"]
        assert len({t.rpartition(", ")[0] or t for t in titles}) == 1  # but for its seconds


@pytest.mark.parametrize(
    ("got", "wanted", "holds"),
    [
        ("CERTIFIED", "CERTIFIED", True),
        ("CERTIFIED/UNDECIDED", "CERTIFIED", False),
        ("RANK_LIMITED", "REFUTED or RANK_LIMITED", True),
        ("UNDECIDED", "REFUTED or RANK_LIMITED", False),
        (2.0, 2.0, True),
        (2.1, 2.0, False),
        (2.0, measure.AtLeast(2.0), True),
        (1.9, measure.AtLeast(2.0), False),
        (float("nan"), 2.0, False),
    ],
)
def test_a_claim_is_a_text_a_limit_or_a_least_value(got, wanted, holds):
    (claim,) = measure.claims({"fit": "x", "figure": got, "none": None}, {"figure": wanted})
    assert (claim.what, claim.holds) == ("x: figure", holds)
    assert measure.claims({"fit": "x", "none": None}, {"none": wanted, "absent": wanted}) == []


def test_cases_that_run_anew_replace_their_own_rows_and_claims():
    def report(*rows):
        made = [measure.claim(f"{m} of {d}", seconds, 1.0) for m, d, seconds in rows]
        cells = [{"model": m, "data": d, "s": seconds} for m, d, seconds in rows]
        return run.Report("t", cells, made)

    old = report(("a", "x", 1), ("a", "y", 1), ("b", "x", 1))
    both = run.merged(report(("a", "y", 2), ("c", "x", 2)), old)
    assert both == report(("a", "x", 1), ("a", "y", 2), ("b", "x", 1), ("c", "x", 2))
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
    table = measure.Table("t", [measure.Case("one", made), measure.Case("two", made, {"gap": 1.0})])
    title, *rows = table(run.Options(only="two"))
    ((row, wanted),) = rows
    assert (title, row["case"], row["n"], wanted) == ("t", "two", 2, {"gap": 1.0})
    assert (row["verdict"], row["upper"]) == ("REFUTED", 5.0)
    assert row["true excess"] == pytest.approx(0.1)
    assert max(row["lower / optimum - 1"], row["best / optimum - 1"]) <= 1e-6


def made():
    problem = Problem(Squared(np.diag([3.0, 1.0])), RankOne("l2", "l2"), 2.0)
    zeros = np.zeros((2, 1))
    return problem, (zeros, zeros), {"optimum": 4.5, "n": 2}
