"""What check() says when the theory has no theorem, how it exits, and which reasons it gives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from certify import OutOfScopeError, Problem, Verdict, check, improve, verify
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Intercept, Linear, RowIntercept, Smooth, Sparse
from tests.judge import H
from tests.pipeline.test_numerical import NONE, Entrywise, Huber

# --- lam = 0 ------------------------------------------------------------------------------

FULL = np.array([[0.0, 1, 4], [3, 2, 5], [8, 7, 1], [9, 1, 6]])
LINE = (np.ones((4, 1)), np.ones((3, 1)))
PATH = Smooth([(0, 1), (1, 2)], 1.0)
UNCOVERED = {
    "custom atom": (
        Problem(Squared(FULL), Entrywise(), 0),
        "RankOne and ReLU with losses of certify",
    ),
    "custom loss": (Problem(Huber(FULL), RankOne(), 0), "RankOne and ReLU with losses of certify"),
    "sparse part": (Problem(Squared(FULL), RankOne(), 0, Sparse(1.0)), "no sparse part"),
    "smooth part": (Problem(Squared(FULL), RankOne(), 0, [RowIntercept(), PATH]), "no smooth part"),
}
BRACKETED = {
    "left sign": Problem(Squared(FULL), RankOne("l2+", "l2"), 0),
    "right sign": Problem(Squared(FULL), RankOne("l1", "l1+"), 0),
    "masked": Problem(Squared(FULL, mask=FULL > 0), RankOne(), 0),
    "stored": Problem(Squared(sparse.csr_array(FULL)), RankOne(), 0),
    "weighted": Problem(Squared(FULL, weights=FULL + 1), RankOne(), 0),
    "zero weights": Problem(Squared(FULL, weights=FULL), RankOne(), 0),
    "intercept": Problem(Squared(FULL), RankOne(), 0, Intercept()),
    "covariates": Problem(Squared(FULL), RankOne(), 0, Linear(FULL[:, :1])),
    "row ridge": Problem(Squared(FULL), RankOne(), 0, RowIntercept(0.5)),
    "column ridge": Problem(Squared(FULL), RankOne(), 0, [RowIntercept(), ColumnIntercept(2.0)]),
}


@pytest.mark.parametrize(("problem", "cause"), UNCOVERED.values(), ids=UNCOVERED)
def test_what_lam_zero_does_not_cover_is_out_of_scope_with_the_cure(problem, cause):
    result = check(problem, LINE)
    assert result.verdict is Verdict.OUT_OF_SCOPE
    assert cause in result.reason
    assert "give lam > 0" in result.reason
    assert (result.certificate, result.better, result.tier) == (None, None, "floats")
    known = isinstance(problem.loss, Squared)  # another loss may go below zero
    assert result.lower == (0.0 if known else -np.inf)
    assert result.upper == problem.objective(LINE, result.q)
    assert result.relative_gap == (result.gap / result.upper if known else np.inf)


@pytest.mark.parametrize(("problem", "cause"), UNCOVERED.values(), ids=UNCOVERED)
def test_improve_refuses_what_lam_zero_does_not_cover(problem, cause):
    with pytest.raises(OutOfScopeError, match=cause) as error:
        improve(problem, LINE)
    assert "give lam > 0" in str(error.value)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("problem", BRACKETED.values(), ids=BRACKETED)
def test_what_lam_zero_does_not_close_is_bracketed_and_proved(problem):
    result = check(problem, LINE)
    assert result.verdict in (Verdict.UNDECIDED, Verdict.REFUTED)
    better = improve(problem, LINE)
    for found, factors, q in ((result, LINE, None), (better.result, better.factors, better.q)):
        assert 0 < found.lower <= better.objective
        given = q if problem.offsets else None
        for tier in ("exact", "rounded"):
            proved = verify(found.certificate, problem, factors, q=given, tier=tier)
            assert proved.verdict is found.verdict
    assert better.objective <= result.upper


COVERED = {
    "plain": Problem(Squared(FULL), RankOne(), 0),
    "l1": Problem(Squared(FULL), RankOne("l1", "l2"), 0),
    "full mask": Problem(Squared(FULL, mask=FULL >= 0), RankOne(), 0),
    "all stored": Problem(Squared(sparse.csr_array(FULL + 1)), RankOne(), 0),
    "row": Problem(Squared(FULL), RankOne(), 0, RowIntercept()),
    "column": Problem(Squared(FULL), RankOne(), 0, ColumnIntercept()),
    "both": Problem(Squared(FULL), RankOne(), 0, [ColumnIntercept(), RowIntercept()]),
}


@pytest.mark.parametrize("name", COVERED)
def test_what_lam_zero_covers_is_decided(name):
    problem = COVERED[name]
    assert check(problem, LINE).verdict in (Verdict.REFUTED, Verdict.CERTIFIED)
    best = improve(problem, LINE)
    assert best.result.verdict is Verdict.CERTIFIED
    assert "no factors of at most 1 component" in best.result.reason


# --- verdicts, exit codes and reasons -----------------------------------------------------


def test_only_certified_exits_with_zero():
    codes = {v.name: v.exit_code for v in Verdict}
    assert codes == {
        "CERTIFIED": 0,
        "REFUTED": 10,
        "NUMERICAL": 11,
        "UNDECIDED": 12,
        "OUT_OF_SCOPE": 13,
        "RANK_LIMITED": 14,
    }


def test_only_proved_verdicts_say_proved():
    proved = {v for v in Verdict if v.value.startswith("proved: ")}
    assert set(Verdict) - proved == {Verdict.NUMERICAL, Verdict.OUT_OF_SCOPE}


DENOISE = Problem(Squared(np.diag([4.0, 2.0])), RankOne(), 1.0)
SHORT = (np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]]))
REASONS = {
    "certified": (DENOISE, (np.eye(2), np.diag([3.0, 1.0])), "no factors of any size are better"),
    "refuted": (
        DENOISE,
        (np.eye(2), np.diag([3.0, 2.0])),
        "factors with 2 components (yours have 2)",
    ),
    "rank limited": (DENOISE, SHORT, "factors with 2 components are proved better than these 1"),
    "rank limited at zero": (
        DENOISE,
        NONE,
        "factors with 2 components are proved better than these 0",
    ),
}


@pytest.mark.parametrize(("problem", "factors", "said"), REASONS.values(), ids=REASONS)
def test_a_reason_says_what_was_proved(problem, factors, said):
    result = check(problem, factors)
    assert said in result.reason
    assert result.better is None or f"{result.better[0].shape[1]} components" in result.reason
    assert "offsets" not in result.reason


@pytest.mark.parametrize(("problem", "factors", "said"), REASONS.values(), ids=REASONS)
def test_a_reason_says_when_offsets_were_found(problem, factors, said):
    centred = replace(problem, offsets=[ColumnIntercept(1e9)])
    found = check(centred, factors).reason
    assert said in found
    assert found.endswith("; the best offsets for these factors were found")
    given = check(centred, factors, q=[np.zeros(2)]).reason
    assert said in given
    assert "the best offsets" not in given


def test_an_undecided_reason_names_the_loose_bound():
    problem = Problem(Squared((H * [4.0, 2, 2, 1]) @ H), RankOne(), 2.0)
    result = check(problem, (2 * H[:, :1], H[:, :1]), rtol=0.0)  # a root is rounded: 1e-14
    assert result.verdict is Verdict.UNDECIDED
    assert result.lower < 10.5 == result.upper
    assert result.reason.startswith("the lower bound may be loose, by at most ")
    assert " %: the dual point need not be optimal; the search ended by itself" in result.reason
    short = check(problem, (2 * H[:, :1], H[:, :1]), rtol=0.0, budget=0.0)
    assert " %: the dual point need not be optimal; a larger budget may improve it" in short.reason
