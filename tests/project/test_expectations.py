"""The page of what to expect is what the stored results say, and each of them is an answer."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import expectations  # noqa: E402  scripts beside the package
import run  # noqa: E402

from certify import OutOfScopeError, Verdict  # noqa: E402

STORED = run.read(run.HERE / "results.json")
ROWS = STORED["defaults"]
LEAST = 30  # models


def test_the_page_is_written_from_the_results():
    text = expectations.PAGE.read_text(encoding="utf-8")
    assert text == expectations.page(text, ROWS, STORED["penalties"])
    other = [r | {"model": "another", "own": "OUT_OF_SCOPE"} for r in ROWS[:1]]
    for rows, penalized in ((other, STORED["penalties"]), (ROWS, STORED["penalties"][4:])):
        assert expectations.page(text, rows, penalized) != text
    assert expectations.page(expectations.page(text, other, []), ROWS, STORED["penalties"]) == text


def test_every_fit_has_its_row():
    assert [(r["model"], r["data"]) for r in ROWS] == list(expectations.MODELS)
    assert [r["case"] for r in ROWS] == list(expectations.defaults.cases)
    assert len({r["model"] for r in ROWS}) >= LEAST


def test_what_is_out_of_scope_says_why_and_all_else_has_a_bracket():
    for r in ROWS:
        assert r["own"] in Verdict.__members__
        assert r["reason"]
        if "any" in r:
            assert r["lower"] <= r["upper"]
        else:
            assert r["own"] == "OUT_OF_SCOPE"


def test_a_row_is_made_anew_as_it_is_stored():
    pytest.importorskip("tensorly")
    model, name = "PCA(2)", "iris"
    new = expectations.default(expectations.defaults.cases[f"{model} {name}"], run.Options())
    old = next(r for r in ROWS if (r["model"], r["data"]) == (model, name))
    assert (
        {k: new[k] for k in ("own", "any")}
        == {k: old[k] for k in ("own", "any")}
        == {
            "own": "CERTIFIED",
            "any": "CERTIFIED",
        }
    )
    assert new["upper"] == pytest.approx(old["upper"])


def test_a_refused_fit_is_a_row_with_the_reason():
    def refused():
        raise OutOfScopeError("no bound: another model")

    told = expectations.default(expectations.Case(("m", "d", refused)), run.Options())
    assert (told["own"], told["reason"]) == ("OUT_OF_SCOPE", "no bound: another model")
    assert expectations.outside([told]) == "- `m`: no bound: another model."


def test_every_penalty_and_size_has_a_bracket():
    rows = STORED["penalties"]
    assert {r["case"] for r in rows} == set(expectations.penalties.cases)
    assert len(rows) == len(expectations.penalties.cases) * len(expectations.RATIOS) == 36
    for r in rows:
        assert r["lower"] <= r["best"] <= r["upper"]
        assert r["verdict"] in Verdict.__members__
