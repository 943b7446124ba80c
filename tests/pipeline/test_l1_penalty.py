"""check() beside an l1 penalty: brackets, better factors, and a search that they never exceed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from certify import (
    InputError,
    OutOfScopeError,
    Problem,
    RejectedError,
    Verdict,
    check,
    improve,
    restarts,
    verify,
)
from certify.atoms import CP, RankOne, Symmetric
from certify.losses import Absolute, Huber, KullbackLeibler, Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate import tiers
from certify.pipeline.check import stationarity
from certify.pipeline.l1_penalty import next_slope
from certify.pipeline.report import write
from certify.pipeline.report.words import terms
from certify.polar import eigen
from certify.search.descent import l1
from certify.search.lam_max import lam_max

NONNEGATIVE = RankOne("l2+", "l2+", form="sum")
RNG = np.random.default_rng(3)
DATA = RNG.integers(0, 9, (5, 4)) / 2.0
PROBLEM = Problem(Squared(DATA), NONNEGATIVE, 0.0, l1=(0.25, 0.5))
SQUARES = Problem(Squared(DATA), NONNEGATIVE, 0.125, l1=(0.25, 0.5))
FACTORS = RNG.random((5, 2)), RNG.random((4, 2))
FALLING = [
    Problem(Squared(DATA), RankOne("l2+", "l2"), 0.5, l1=(0.25, 0.5)),
    Problem(Squared(DATA), RankOne("l1", "l2+"), 0.5, l1=(0.25, 0.5)),
    Problem(Squared(DATA), RankOne("l1", "l1"), 0.25, (ColumnIntercept(),), l1=(0.25, 0.0)),
    Problem(Huber(DATA, 0.5), NONNEGATIVE, 0.125, l1=(0.25, 0.5)),
    Problem(Logistic((DATA > 2).astype(float)), RankOne(form="sum"), 0.125, l1=(0.125, 0.125)),
    Problem(KullbackLeibler(DATA), NONNEGATIVE, 0.125, l1=(0.25, 0.5)),
    Problem(KullbackLeibler(DATA, 2.0 + DATA), NONNEGATIVE, 0.0, l1=(0.25, 0.5)),
]
STARTS = 8


def shrunk(x, t, sign):
    """The proximal map of t|x| where x has a sign or none."""
    return max(x - t, 0.0) if sign == "+" else np.sign(x) * max(abs(x) - t, 0.0)


def lowest(Y, r, prices, signs, rng):
    """The lowest objective met: lam/2 squares and l1, exact coordinate steps from many starts."""
    lam, a, b = prices
    best = 0.5 * float((Y * Y).sum())
    for _ in range(STARTS):
        U, V = rng.standard_normal((Y.shape[0], r)), rng.standard_normal((Y.shape[1], r))
        U, V = (np.abs(x) if s == "+" else x for x, s in zip((U, V), signs, strict=True))
        for _ in range(60):
            for X, other, T, price, sign in ((U, V, Y, a, signs[0]), (V, U, Y.T, b, signs[1])):
                for k in range(r):
                    v = other[:, k]
                    rest = T - X @ other.T + np.outer(X[:, k], v)
                    size = float(v @ v) + lam
                    if size > 0:
                        X[:, k] = [shrunk(g, price, sign) / size for g in rest @ v]
        value = 0.5 * ((Y - U @ V.T) ** 2).sum() + lam / 2 * ((U * U).sum() + (V * V).sum())
        best = min(best, float(value + a * np.abs(U).sum() + b * np.abs(V).sum()))
    return best


def bracketed(seed):
    """Return (what is wrong, the own bound, the lowest objective) of a random tiny problem."""
    rng = np.random.default_rng(seed)
    m, n = (int(x) for x in rng.integers(2, 4, 2))
    Y = rng.integers(-4, 9, (m, n)) / 2.0
    r, signs = int(rng.integers(1, 3)), [rng.choice(["", "+"]) for _ in range(2)]
    lam, (a, b) = float(rng.choice([0.0, 0.25, 1.0])), rng.choice([0.125, 0.5, 1.0], 2).tolist()
    problem = Problem(Squared(Y), RankOne(*(f"l2{s}" for s in signs), form="sum"), lam, l1=(a, b))
    result = check(problem, (np.zeros((m, r)), np.zeros((n, r))), seed=seed)
    own = lowest(Y, r, (lam, a, b), signs, rng)
    every = min(own, lowest(Y, min(m, n), (lam, a, b), signs, rng))
    wrong = result.lower > every * (1 + 1e-12) or result.own_size.lower > own * (1 + 1e-12)
    told = f"seed {seed}: {result.lower} of {every}, {result.own_size.lower} of {own}, {problem}"
    return told * wrong, result.own_size.lower, own


def test_no_bracket_exceeds_what_a_search_finds():
    wrong, lower, upper = bracketed(7)
    assert wrong == ""
    assert 0 < lower <= upper


@pytest.mark.thorough
def test_no_bracket_of_eight_exceeds_what_a_search_finds():
    told = [bracketed(seed) for seed in range(1000, 1008)]
    assert [wrong for wrong, *_ in told if wrong] == []
    assert any(lower > 0.98 * upper for _, lower, upper in told)  # as one too high would be seen


@pytest.fixture(scope="module")
def refuted():
    return check(PROBLEM, FACTORS)


def test_better_factors_are_proved_and_each_size_has_a_bound(refuted):
    own = refuted.own_size
    assert (refuted.verdict, own.verdict) == (Verdict.REFUTED, Verdict.REFUTED)
    assert 0 < refuted.lower < own.lower < refuted.better_upper < refuted.upper
    assert PROBLEM.objective(refuted.better) == pytest.approx(refuted.better_upper)
    for certificate, name in ((refuted.certificate, False), (own.certificate, True)):
        for tier in ("exact", "rounded"):
            found = verify(certificate, PROBLEM, FACTORS, tier=tier, own_size=name)
            assert (found.verdict, found.rules[-1]) == (Verdict.REFUTED, "concave")


@pytest.mark.thorough
def test_where_it_ends_the_bracket_stays_open_and_says_why(refuted):
    result = check(PROBLEM, refuted.better)
    assert result.verdict is Verdict.UNDECIDED
    assert result.better is None
    assert "l1 penalty has degree 1 beside products of degree 2" in result.reason
    assert result.lower == pytest.approx(refuted.lower, rel=2.0**-7)
    assert result.stationarity < 1e-3
    assert "no factors of at most 2 components are below" in result.explain()


def test_the_penalty_is_written_in_the_report(refuted, tmp_path):
    write(refuted.certificate, tmp_path / "x.html", own=refuted.own_size.certificate)
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "with l1 penalties of weights 0.25 and 0.5" in text
    assert "Σₖ a‖uₖ‖₁ + b‖vₖ‖₁" in text
    assert "a = 0.25,   b = 0.5" in text
    told = terms(SQUARES)
    assert told == " with a penalty of weight λ = 0.125 and l1 penalties of weights 0.25 and 0.5"


@pytest.mark.thorough
def test_a_penalty_of_squares_counts_beside():
    result = check(SQUARES, FACTORS)
    assert (result.verdict, result.own_size.verdict) == (Verdict.REFUTED, Verdict.REFUTED)
    lines = result.own_size.certificate.proof["lines"]
    assert {line["norm"] for line in lines} == {"l1", "own"}
    assert 0 < result.lower < result.own_size.lower < result.better_upper
    assert verify(result.certificate, SQUARES, FACTORS).verdict is Verdict.REFUTED


@pytest.mark.thorough
def test_other_losses_and_masks_have_a_bracket():
    counts = Problem(KullbackLeibler(DATA), NONNEGATIVE, 0.0, l1=(0.25, 0.5))
    assert 0 < check(counts, FACTORS).lower < counts.objective(FACTORS)
    huber = Problem(Huber(DATA, 1.0), RankOne("l1", "linf"), 0.25, l1=(0.25, 0.5))
    found = check(huber, FACTORS)
    assert 0 < found.lower < found.upper
    assert len(found.steps) == 1
    masked = Problem(Squared(DATA, mask=DATA > 0), NONNEGATIVE, 0.0, l1=(0.25, 0.5))
    assert check(masked, FACTORS, budget=2.0).lower > 0


@pytest.mark.thorough
def test_restarts_are_compared(refuted):
    report = restarts(PROBLEM, [FACTORS, refuted.better], budget=4.0)
    assert report.rank is None
    assert 0 < report.lower < report.fits[1].upper < report.fits[0].upper


def test_without_time_left_there_is_one_line_of_each_question():
    result = check(SQUARES, FACTORS, budget=0.0)
    for certificate in (result.certificate, result.own_size.certificate):
        assert len(certificate.proof["lines"]) == 1
    assert 0 < result.lower < result.own_size.lower


@pytest.fixture(scope="module")
def improved():
    """What improve() reaches from the factors, without a square penalty and with one."""
    return [(problem, improve(problem, FACTORS, budget=None)) for problem in (PROBLEM, SQUARES)]


@pytest.mark.parametrize("k", [0, 1])
def test_improve_descends_at_its_size_and_ends_with_a_bracket(improved, k):
    problem, found = improved[k]
    objectives = [up for _, up in found.history]
    assert objectives == sorted(objectives, reverse=True)
    assert found.objective <= check(problem, FACTORS, budget=None).better_upper
    proved = verify(found.result.certificate, problem, found.factors)
    assert 0 < proved.lower <= proved.upper == pytest.approx(found.objective, rel=1e-12)


def test_improve_with_l1_descends_at_any_scale(improved):
    s = 2.0**200
    weights = tuple(x * s**1.5 for x in SQUARES.l1)
    large = Problem(Squared(s * DATA), NONNEGATIVE, s * SQUARES.lam, l1=weights)
    found = improve(large, [s**0.5 * x for x in FACTORS], budget=None)
    assert "descend" in [name for name, _ in found.history]
    assert found.objective == pytest.approx(s**2 * improved[1][1].objective, rel=1e-9)


def test_the_least_penalty_of_nothing_is_refused():
    with pytest.raises(OutOfScopeError, match="l1 penalty"):
        lam_max(PROBLEM)


def test_a_step_never_raises_the_objective():
    x, values = FACTORS, [SQUARES.objective(FACTORS)]
    for _ in range(20):
        x = l1.descend(SQUARES, x, 1, lambda: False)
        values.append(SQUARES.objective(x))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.9 * values[0]
    assert (x[0] >= 0).all()
    flat = np.zeros((5, 2)), np.zeros((4, 2))
    assert not l1.descend(PROBLEM, flat, 3, lambda: False)[0].any()


@pytest.mark.parametrize("problem", FALLING)
def test_no_step_raises_the_objective_of_other_losses_norms_or_means(problem):
    assert l1.applies(problem)
    x, values = FACTORS, [problem.objective(FACTORS, problem.best_offsets(FACTORS))]
    for _ in range(20):
        x = l1.descend(problem, x, 1, lambda: False)
        values.append(problem.objective(x, problem.best_offsets(x)))
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(values))
    assert values[-1] < 0.9 * values[0]
    end = l1.descend(problem, x, 4000, lambda: False)
    q = problem.best_offsets(end)
    assert stationarity(problem, end, q) < 1e-2
    near = problem.objective(end, q)
    rng = np.random.default_rng(0)
    for _ in range(20):  # nothing near is lower: the proximal map is that of the whole penalty
        moved = problem.project([y + 1e-3 * rng.standard_normal(y.shape) for y in end])
        assert problem.objective(moved, q) > near * (1 - 1e-6)


def test_where_the_step_is_not_known_there_is_none():
    for problem in (
        Problem(Squared(DATA), RankOne("linf", "l2"), 1.0, l1=(1.0, 1.0)),
        Problem(Absolute(DATA), RankOne(), 1.0, l1=(1.0, 1.0)),
        Problem(KullbackLeibler(DATA), RankOne("l2+", "l2"), 0.0, l1=(1.0, 1.0)),
        Problem(Squared(DATA), CP(("l2", "l2")), 1.0, l1=(1.0, 1.0)),
        Problem(Squared(DATA), NONNEGATIVE, 1.0),
    ):
        assert not l1.applies(problem)


def test_beside_found_means_better_factors_count_the_penalty():
    """The same fit, rescaled: what is proved of the candidate has to have its l1 penalty."""
    rng = np.random.default_rng(1)
    U, V = rng.random((5, 2)), rng.random((4, 2))
    Y = U @ V.T + rng.random(4)
    problem = Problem(Squared(Y), NONNEGATIVE, 0.0, (ColumnIntercept(),), l1=(0.5, 0.5))
    large = 16 * U, V / 16
    result = check(problem, large, budget=2.0)
    own = result.own_size
    assert (result.verdict, own.verdict) == (Verdict.REFUTED, Verdict.REFUTED)
    assert "lines" in result.certificate.proof
    for certificate, name in ((result.certificate, False), (own.certificate, True)):
        assert verify(certificate, problem, large, own_size=name).verdict is Verdict.REFUTED
    q = problem.best_offsets(large)
    held = check(problem, large, q=q, budget=2.0)
    assert held.verdict is Verdict.REFUTED
    assert verify(held.certificate, problem, large, q=q).verdict is Verdict.REFUTED


def test_one_weight_leaves_the_bound_without_it():
    plain = Problem(Squared(DATA), NONNEGATIVE, 0.0)
    problem = Problem(Squared(DATA), NONNEGATIVE, 0.0, l1=(0.0, 0.5))
    bare = check(plain, FACTORS).own_size
    found = check(problem, FACTORS)
    assert found.own_size.lower == pytest.approx(bare.lower, rel=2.0**-8)
    assert found.own_size.lower <= bare.better_upper <= found.own_size.better_upper
    end = check(problem, found.own_size.better, budget=1.0, rtol=2.0**-7)
    assert end.verdict is Verdict.UNDECIDED
    assert "it ignores the l1 penalty" in end.reason


def test_reports_of_other_slices_name_each_weight(tmp_path):
    data = DATA[:4] + DATA[:4].T
    problem = Problem(Squared(data), Symmetric("l2+"), 0.25, l1=(0.5,))
    result = check(problem, (FACTORS[1],), budget=1.0)
    write(result.certificate, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "l1 penalties" in text
    assert "a = 0.5" in text
    assert result.own_size.lower >= result.lower > 0


def test_slopes_are_sought_where_the_bound_is():
    class Line:
        def __init__(self, level, slope):
            self.level, self.slope = level, slope

    assert next_slope(PROBLEM, [], 0.0) == np.inf
    assert next_slope(PROBLEM, [], 3.0) == pytest.approx(6 * 0.125 / 3)
    assert next_slope(PROBLEM, [Line(1.0, 0.0)], 3.0) == pytest.approx(6 * 0.125 / 2)
    assert next_slope(PROBLEM, [Line(0.25, 0.25)], 3.0) == 1.0  # least at t = 0
    assert next_slope(PROBLEM, [Line(2.0, 6.0)], 3.0) == 1.0  # where it meets 0
    both = [Line(2.0, 4.0), Line(1.5, 1.0)]
    assert next_slope(PROBLEM, both, 3.0) in (pytest.approx(2.0), pytest.approx(1 / 6))


NOTHING_LEFT = {  # the optimum is 0, or a slope is more than floats hold
    "zeros": (np.zeros((2, 2)), (), (1.0, 1.0)),
    "means": (np.array([[1.0, 2.0], [1.0, 2.0]]), (ColumnIntercept(),), (1.0, 1.0)),
    "hardly anything": (np.full((2, 2), 1e-160), (), (1.0, 1.0)),
    "huge weights": (np.eye(2), (), (1e200, 1e200)),
}


@pytest.mark.parametrize("lam", [0.0, 1.0])
@pytest.mark.parametrize("name", NOTHING_LEFT)
def test_where_nothing_is_left_to_bound_no_line_is_sought(name, lam):
    data, offsets, weights = NOTHING_LEFT[name]
    problem = Problem(Squared(data), RankOne("l2", "l2"), lam, offsets, l1=weights)
    for factors in ((np.zeros((2, 1)),) * 2, (np.ones((2, 1)),) * 2):
        found = check(problem, factors, budget=2.0, progress=False)
        assert 0 <= found.lower <= found.upper
        if name in {"zeros", "means"} and not factors[0].any():
            assert found.verdict is Verdict.CERTIFIED
            assert found.upper == 0


def test_the_questions_without_the_penalty_tell_their_stages_and_can_be_ended():
    seen = []
    whole = check(PROBLEM, FACTORS, progress=lambda stage, _: seen.append(stage))
    assert "projected dual point" in seen  # of a line
    ended = check(PROBLEM, FACTORS, progress=lambda *_: True)
    assert 0 <= ended.lower <= whole.lower
    assert ended.upper == whole.upper


def test_a_dual_point_of_the_callers_is_refused():
    with pytest.raises(InputError, match=r"dual must be None with l1=\(0.25, 0.5\)"):
        check(PROBLEM, FACTORS, dual=np.zeros(DATA.shape))


def test_the_weights_are_checked():
    for wrong in (1.0, (1.0,), (0.0, 0.0), (1.0, -1.0), ("a", 1.0)):
        with pytest.raises(ValueError, match="l1"):
            Problem(Squared(DATA), NONNEGATIVE, 0.0, l1=wrong)
    assert "l1=(0.25, 0.5)" in repr(PROBLEM)


def test_the_summary_names_the_penalty():
    told = check(SQUARES, FACTORS, budget=1.0).certificate.summary()
    assert "lam 0.125, l1 0.25 and 0.5, 0 offsets" in told


def test_counts_have_a_bound_at_their_size():
    Y = np.random.default_rng(4).integers(0, 6, (5, 4)).astype(float)
    root = Y.sum() ** 0.5
    factors = (Y.sum(1) / root)[:, None], (Y.sum(0) / root)[:, None]
    problem = Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), 0.0, l1=(1e-4, 1e-4))
    found = check(problem, factors, budget=2.0)
    own = found.own_size
    assert 1.0 < own.lower < problem.objective(factors)
    again = verify(own.certificate, problem, factors, own_size=True)
    assert again.lower == own.lower


def test_factors_that_large_proofs_leave_out_are_made_again(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE", 8)
    monkeypatch.setattr(tiers, "EXACT_SIDE", 8)
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((12, 3)) @ rng.standard_normal((3, 10))
    problem = Problem(Squared(Y), RankOne(form="sum"), 2.0, l1=(0.25, 0.25))
    factors = rng.standard_normal((12, 2)), rng.standard_normal((10, 2))
    held = check(problem, factors, budget=5.0).certificate
    assert not any(name.endswith(".L") for name in held.witness)
    rounded, exact = (verify(held, problem, factors, tier=tier) for tier in ("rounded", "exact"))
    assert 0 < rounded.lower <= exact.lower * (1 + 1e-9)
    assert exact.lower == pytest.approx(rounded.lower, rel=1e-6)


@pytest.mark.parametrize("lines", [[7], [{"norm": "own"}], 7])
def test_lines_that_are_none_are_refused(lines):
    held = check(PROBLEM, FACTORS, budget=2.0).certificate
    wrong = replace(held, proof=held.proof | {"lines": lines})
    with pytest.raises(RejectedError):
        verify(wrong, PROBLEM, FACTORS)
