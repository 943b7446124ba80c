"""Looking for a false certificate: shapes, holes, weights, and numbers that run out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from certify import InputError, Problem, Verdict, check
from certify.atoms import CP, RankOne
from certify.losses import Absolute, Huber, KullbackLeibler, Quantile, Squared
from certify.norms import Weighted
from certify.offsets import OFFSETS, ColumnIntercept, Intercept
from certify.pipeline.certificate.file import as_numpy
from tests.judge import (
    CERTIFIED,
    ENTRIES,
    LAM,
    LIMITED,
    OPTIMUM,
    PROVED_BETTER,
    REFUTED,
    ROWS,
    VALUES,
    H,
    best,
    better_is_better,
    entry_fit,
    judged,
    rotated,
    shrunk,
)
from tests.strategies import cone, examples, questions
from tests.tolerance import exact_objective

# --- nothing to fit ------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("pair", [("l2", "l2"), ("l1", "l2"), ("l2+", "l2+"), ("l1+", "l1+")])
@pytest.mark.parametrize("r", [0, 1, 6])
def test_zero_data_have_the_optimum_zero(pair, r):
    problem = Problem(Squared(np.zeros((4, 3))), RankOne(*pair), 1.0)
    nothing = (np.zeros((4, r)), np.zeros((3, r)))
    # rounded: sums of zeros are still allowed an underflow, so it cannot prove 0 <= 0
    result = judged(problem, nothing, Fraction(0))
    assert (result.verdict, result.lower, result.upper) == (CERTIFIED, 0.0, 0.0)
    if r:
        something = (np.ones((4, r)), np.ones((3, r)))
        assert judged(problem, something, Fraction(0)).verdict is REFUTED
        least = (np.full((4, r), 2.0**-500), np.full((3, r), 2.0**-500))
        assert check(problem, least).verdict is not CERTIFIED


# --- shapes --------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("lam", [1.5, 4.0, 9.0])
def test_thin_and_wide_data(n, lam):
    values = (8.0, 4, 2)[:n]
    U, V = best(values, lam, n)
    Y, optimum = rotated(*values, n=n), shrunk(values, lam)
    for data, factors in ((Y, (U, V)), (Y.T, (V, U))):
        problem = Problem(Squared(data), RankOne(), lam)
        assert judged(problem, factors, optimum).verdict is CERTIFIED
        spare = [np.hstack([x, np.zeros((len(x), 7))]) for x in factors]
        assert judged(problem, spare, optimum).verdict is CERTIFIED
        if U.shape[1]:
            double = (2 * factors[0], factors[1])
            assert judged(problem, double, optimum).verdict is REFUTED


@pytest.mark.sampled(3)
@pytest.mark.parametrize("pair", [("l2", "l2"), ("l1", "l1"), ("l2+", "l2+"), ("l1+", "l2")])
@pytest.mark.parametrize("y", [-7.0, 0.5, 7.0])
def test_one_entry(pair, y):
    problem = Problem(Squared([[y]]), RankOne(*pair), 1.0)
    reached = y if y > 0 or not all(g.endswith("+") for g in pair) else 0.0
    optimum = shrunk([reached], 1) + (Fraction(y) ** 2 / 2 if reached != y else 0)
    z = np.sign(reached) * max(abs(reached) - 1, 0)
    fit = ([[abs(z)]], [[np.sign(z)]])
    assert judged(problem, fit, optimum).verdict is CERTIFIED
    assert judged(problem, ([[abs(z) + 1]], fit[1] if z else [[1.0]]), optimum).verdict is REFUTED
    if z:
        assert judged(problem, (np.zeros((1, 0)),) * 2, optimum).verdict is LIMITED


# --- what is observed, and how much it weighs ----------------------------------------------

MASKS = {
    "row unobserved": np.array([[0, 0, 0], [1, 1, 1]], bool),
    "column unobserved": np.array([[0, 1, 0], [0, 1, 1]], bool),
    "one entry observed": np.array([[0, 0, 0], [0, 0, 1]], bool),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("storage", ["mask", "sparse", "weights"])
def test_unobserved_rows_and_columns(name, storage):
    mask = MASKS[name]
    if storage == "mask":
        loss = Squared(np.where(mask, ENTRIES, np.nan), mask=mask)
    elif storage == "sparse":
        loss = Squared(sparse.csr_array((ENTRIES[mask], np.nonzero(mask)), shape=mask.shape))
    else:
        loss = Squared(ENTRIES, weights=1.0 * mask)
    optimum = shrunk(ENTRIES[mask], 1)
    U, V = entry_fit(np.where(mask, ENTRIES, 0.0), 1)
    problem = Problem(loss, RankOne("l1", "l1"), 1.0)
    # a weight that is given is divided by, so its bound is rounded even where it is 1
    assert judged(problem, (U, V), optimum).verdict is CERTIFIED
    assert judged(problem, (U * 1.25, V), optimum).verdict is REFUTED
    assert judged(problem, (U[:, :0], V[:, :0]), optimum).verdict is LIMITED


WEIGHTS = {
    "ordinary": np.array([[1.0, 2, 4], [0.5, 1, 8]]),
    "over 2^400": np.array([[2.0**200, 1, 2.0**-200], [2.0**-200, 2.0**100, 1]]),
    "over 1e200": np.array([[1e100, 1, 1e-100], [1e-100, 1e50, 1]]),
    "one denormal": np.array([[5e-324, 1, 1], [1, 1, 1]]),
    "all 1e-100": np.full((2, 3), 1e-100),
    "all 1e100": np.full((2, 3), 1e100),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("pair", [("l1", "l1"), ("l1+", "l1+")])
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_across_two_hundred_decades_give_a_true_bracket(name, pair):
    weights = WEIGHTS[name]
    lam = float(weights.flat[0]) if name.startswith("all") else 1.0
    signed = pair[0] == "l1+"
    kept = ENTRIES > 0 if signed else np.ones(ENTRIES.shape, bool)
    optimum = shrunk(ENTRIES[kept], lam, weights[kept])
    optimum += sum(Fraction(w) * Fraction(y) ** 2 / 2 for w, y in lost(weights, kept))
    with np.errstate(over="ignore"):
        fit = entry_fit(ENTRIES, lam / weights, sign=signed)
    problem = Problem(Squared(ENTRIES, weights=weights), RankOne(*pair), lam)
    # z = y - lam / w rounded: f is off by w (ulp)^2 / 2 at most, w up to 2^340
    slack = Fraction(max(weights.flat)) / 2**100
    result = judged(problem, fit, optimum, slack=slack if name == "over 1e200" else 0)
    ordinary = not name.startswith("over")
    assert result.verdict is CERTIFIED if ordinary else result.verdict is not REFUTED
    for factors in ((fit[0] * 1.5, fit[1]), (np.ones((2, 1)), np.ones((3, 1)))):
        assert judged(problem, factors, optimum, slack=slack).verdict is REFUTED


def lost(weights, kept):
    return zip(weights[~kept], ENTRIES[~kept], strict=True)


# --- numbers that run out ------------------------------------------------------------------


@pytest.mark.parametrize("lam", [2.0**-1000, 1e-300, 5e-324])
def test_a_lam_below_the_resolution_of_the_data_is_bracketed(lam):
    values = (4.0, 2, 2, 1)
    problem = Problem(Squared(rotated(*values)), RankOne(), lam)
    optimum = shrunk(values, lam)
    perfect = (H * values, H)  # the residual lam is lost: f = 9 lam, a hair above the optimum
    tiny = lam < 1e-310  # where lam is normal, exact arithmetic certifies what floats cannot
    result = judged(problem, perfect, optimum, refuses=not tiny)
    assert result.verdict is (Verdict.UNDECIDED if tiny else CERTIFIED)
    none = (np.zeros((4, 0)), np.zeros((4, 0)))
    assert judged(problem, none, optimum).verdict is LIMITED


@pytest.mark.parametrize("size", [1e155, 1e308])
def test_factors_whose_objective_overflows_are_refused(size):
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
    with pytest.raises(InputError, match="overflows float64"):
        check(problem, (np.full((4, 2), size), np.full((4, 2), size)))


def test_a_point_whose_value_is_no_float_is_not_said_to_be_reached():
    size = 2.0**-1000  # the candidate's objective is 2^2000 times the data's square
    loss, start = Squared(np.full((2, 2, 2), size)), [np.ones((2, 1))] * 3
    found = check(Problem(loss, CP("l2", order=3), size / 4, Intercept(1.0)), start, budget=1)
    assert found.steps == (("start", np.inf),)
    assert found.reached is None
    assert found.upper == pytest.approx(4 / 9)
    found = check(Problem(loss, CP("l2", order=3), size / 4), start, budget=1)
    assert (found.verdict, found.better_upper) == (REFUTED, 5e-324)  # without any component


def test_factors_too_far_apart_for_the_rounded_tier_are_still_certified_exactly():
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
    U, V = best(VALUES, LAM)
    far = (U * 2.0**1000, V * 2.0**-1000)
    assert judged(problem, far, OPTIMUM, refuses=True).verdict is CERTIFIED
    swapped = (U * 2.0**1000, V * 2.0**-999)  # twice too long
    assert check(problem, swapped).verdict is REFUTED


@pytest.mark.parametrize("sizes", [(2.0**1000, 2.0**-1000), (5e-324, 5e-324)])
def test_a_denormal_lam_and_extreme_factors_end_in_a_verdict(sizes):
    problem = Problem(Squared(rotated(4.0, 2, 2, 1)), RankOne(), 5e-324)
    left, right = (np.full((4, 2), s) for s in sizes)
    assert check(problem, (left, right)).verdict is not CERTIFIED


@pytest.mark.sampled(3)
@pytest.mark.parametrize("pair", [("l2", "l2"), ("l1", "l2"), ("l2+", "l2"), ("l2+", "l2+")])
@pytest.mark.parametrize("e", [500, 520, 1000, -520, -1000])
def test_slices_whose_squares_overflow_end_in_a_verdict(pair, e):
    problem = Problem(Squared(ROWS), RankOne(*pair), 1.0)
    ones = np.ones((4, 3))
    result = check(problem, (ones * 2.0**e, ones * 2.0**-e))
    assert result.verdict is REFUTED
    assert result.upper == check(problem, (ones, ones)).upper
    better_is_better(problem, (ones, ones), result, exact_objective(problem, (ones, ones))[0])


SCALED = {  # a loss of data times s, and the degree of its value
    "huber": (lambda Y, s: Huber(s * Y, s / 8), 2),
    "absolute": (lambda Y, s: Absolute(s * Y), 1),
    "quantile": (lambda Y, s: Quantile(s * Y, 0.25), 1),
    "counts": (lambda Y, s: KullbackLeibler(s * Y), 1),
    "weighted": (lambda Y, s: KullbackLeibler(s * Y, weights=2.0 ** (Y > 1)), 1),
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("lam", [0.0, 0.25])
@pytest.mark.parametrize("e", [-60, 300])
@pytest.mark.parametrize("name", SCALED)
def test_data_times_a_power_of_two_have_the_same_better_factors(name, e, lam):
    loss, degree = SCALED[name]
    rng = np.random.default_rng(0)
    U, V = rng.random((6, 2)), rng.random((5, 2))
    Y = U @ V.T + rng.random((6, 5)) / 8
    found = []
    for s in (1.0, 2.0**e):
        problem = Problem(loss(Y, s), RankOne("l2+", "l2+"), lam * s ** (degree - 1))
        result = check(problem, (1.25 * U * s**0.5, V * s**0.5))
        assert result.verdict in (REFUTED, LIMITED)
        found.append([x / s / s ** (degree - 1) for x in (result.better_upper, result.lower)])
        assert problem.objective(result.better) <= result.better_upper * (1 + 1e-12)
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-4)


@pytest.mark.thorough
def test_a_dual_point_and_offsets_of_scaled_counts_are_moved_back():
    rng = np.random.default_rng(1)
    U, V = rng.random((6, 2)), rng.random((5, 2))
    Y = U @ V.T + rng.random((6, 5)) / 8
    lower = []
    for s in (1.0, 2.0**200):
        offsets = (Intercept(0.5 / s),)
        problem = Problem(KullbackLeibler(s * Y), RankOne("l2+", "l2+"), 0.25, offsets)
        result = check(problem, (U * s**0.5, V * s**0.5), q=[np.array([s / 8])])
        assert result.lower / s > 0
        lower.append(result.lower / s)
    assert lower[1] == pytest.approx(lower[0], rel=1e-6)


@pytest.mark.parametrize("size", [5e-324, 1.0])
@pytest.mark.parametrize("lam", [0.0, 1e300])
def test_counts_whose_search_leaves_the_floats_have_a_bracket(size, lam):
    for Y in (np.full((3, 3), 5e-324), np.zeros((3, 3))):
        problem = Problem(KullbackLeibler(Y), RankOne("l2+", "l2+"), lam)
        result = check(problem, (np.full((3, 1), size), np.ones((3, 1))), budget=1)
        assert 0 <= result.lower <= result.upper


# --- without a closed form -----------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("offset", [None, *OFFSETS.values()], ids=lambda o: o and o.name)
@settings(max_examples=examples(12))
@given(data=st.data())
def test_no_lower_bound_exceeds_the_value_of_any_factors(offset, data):
    made = data.draw(questions(offset=offset, least=1))
    problem = made.problem()
    other = tuple(
        data.draw(cone(key, x.shape)) for key, x in zip(made.pair, (made.U, made.V), strict=True)
    )
    lows, values = [], []
    for factors in ((made.U, made.V), other):
        result = check(problem, factors, budget=0.5)
        lows.append(Fraction(result.lower))
        values.append(exact_objective(problem, problem.accept(factors), result.q)[1])
        if result.verdict in PROVED_BETTER:
            c = result.certificate
            q = tuple(as_numpy(c.witness[f"better.q{k}"]) for k in range(len(problem.offsets)))
            values.append(exact_objective(problem, result.better, q)[1])
    assert max(lows) <= min(values)


# --- the same call, the same answer --------------------------------------------------------

AGAIN = {
    "closed": (Problem(Squared(rotated(*VALUES)), RankOne(), LAM), (H * 2, H)),
    "searched": (Problem(Squared(np.abs(ROWS - 1)), RankOne("l2+", "l2+"), 0.5), (H + 1, H + 1)),
    "masked": (
        Problem(Squared(ROWS + H, mask=ROWS + H > 0), RankOne(), 0.5),
        (H[:, :2], H[:, 1:3]),
    ),
    "offsets": (
        Problem(Squared(ROWS), RankOne("l1", "l2"), 0.5, [ColumnIntercept()]),
        (H[:, :2], H[:, 1:3]),
    ),
    "fixed rank": (Problem(Squared(ROWS + H), RankOne(), 0.0), (H[:, :2], H[:, 1:3])),
}


@pytest.mark.parametrize("name", AGAIN)
def test_the_same_call_writes_the_same_bytes(name, tmp_path):
    problem, factors = AGAIN[name]
    blobs = []
    for k in range(2):
        check(problem, factors, seed=3).certificate.save(tmp_path / f"{k}.cert")
        blobs.append((tmp_path / f"{k}.cert").read_bytes())
    assert blobs[0] == blobs[1]
    other = check(problem, (factors[0] * 2, factors[1])).certificate
    other.save(tmp_path / "other.cert")
    assert (tmp_path / "other.cert").read_bytes() != blobs[0]


def test_a_gradient_whose_squares_overflow_ends_in_a_verdict():
    """Of tiny data at scale 1, ordinary factors are huge and their objective is no float."""
    factors = (np.ones((2, 1)), np.ones((2, 1)))
    found = check(Problem(Squared(np.full((2, 2), 1e-160)), RankOne(), 1e100), factors)
    assert 0 <= found.lower <= found.upper
    assert found.verdict is Verdict.REFUTED  # no components are better


def test_weights_of_norms_that_are_next_to_nothing_have_a_bracket():
    """Components of so little a price overflow: those are left out."""
    rng = np.random.default_rng(0)
    Y, mask = rng.standard_normal((12, 5)), rng.random((12, 5)) < 0.7
    p, q = np.exp(rng.standard_normal(12)), np.exp(rng.standard_normal(5))
    p[4] = q[2] = 1e-150
    problem = Problem(Squared(Y, mask=mask), RankOne(Weighted(p), Weighted(q)), 0.5)
    result = check(problem, tuple(rng.standard_normal((d, 2)) / 4 for d in (12, 5)), budget=5.0)
    assert 0 <= result.lower <= result.upper
