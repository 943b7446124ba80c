"""Looking for a false certificate: noise, scales, ties, and an epsilon of zero."""

from fractions import Fraction

import numpy as np
import pytest

from certify import InputError, Problem, Verdict, check, verify
from certify.atoms import RankOne
from certify.losses import Squared
from tests.judge import (
    CERTIFIED,
    ENTRIES,
    LAM,
    LIMITED,
    OPTIMUM,
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
from tests.tolerance import exact_objective

# --- noise ---------------------------------------------------------------------------------

LEVELS = [0.0, *(2.0**k for k in range(-52, 20, 4)), 2.0**300]


def row_fit():
    """Return factors of ROWS with each row shortened by lam = 1 (lengths 5, 10, 1/2)."""
    return np.eye(4)[:, :2], (ROWS[:2] * [[0.8], [0.9]]).T


CLOSED = {
    "l2 x l2": (rotated(*VALUES), ("l2", "l2"), LAM, best(VALUES, LAM), OPTIMUM),
    "l1 x l2": (ROWS, ("l1", "l2"), 1.0, row_fit(), shrunk([5, 10, 0.5], 1)),
    "l1 x l1": (ENTRIES, ("l1", "l1"), 1.0, entry_fit(ENTRIES, 1), shrunk(ENTRIES.flat, 1)),
    "l1+ x l1+": (
        ENTRIES,
        ("l1+", "l1+"),
        1.0,
        entry_fit(ENTRIES, 1, sign=True),
        shrunk([4, 0.5, 2], 1) + Fraction(9 + 64, 2),
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("name", CLOSED)
def test_growing_noise_is_certified_exactly_while_the_excess_is_within_epsilon(name, form):
    Y, pair, lam, (U, V), optimum = CLOSED[name]
    problem = Problem(Squared(Y), RankOne(*pair, form), lam)
    U, V = balanced(problem.atom, U, V)
    noise = np.abs(np.random.default_rng(1).integers(-8, 9, U.shape) / 8.0)
    slack = 0 if form == "product" else Fraction(optimum) / 2**48  # U, V were scaled in floats
    verdicts = []
    for level in LEVELS:
        moved = (U + level * noise, V)
        result = judged(problem, moved, optimum, slack=slack)
        excess = exact_objective(problem, moved)[0] - optimum
        within = excess <= Fraction(1e-6) * Fraction(result.upper)
        assert result.verdict is (CERTIFIED if within else REFUTED), level
        verdicts.append(result.verdict)
    assert verdicts == sorted(verdicts, key=lambda v: v is REFUTED)  # once refuted, always
    assert {CERTIFIED, REFUTED} == set(verdicts)


def balanced(atom, U, V):
    """Scale slices so that both norms agree (for the sum form to be optimal)."""
    if atom.form == "product":
        return U, V
    a, b = (g.value(x) for g, x in zip(atom.gauges, (U, V), strict=True))
    return U * np.sqrt(b / a), V * np.sqrt(a / b)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("rtol", [1e-1, 1e-3, 1e-9, 1e-12])
def test_epsilon_moves_the_boundary_and_nothing_else(rtol):
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
    U, V = best(VALUES, LAM)
    for level in LEVELS:
        moved = (U * (1 + level), V)
        result = judged(problem, moved, OPTIMUM, rtol=rtol)
        excess = exact_objective(problem, moved)[0] - OPTIMUM
        within = excess <= Fraction(rtol) * Fraction(result.upper)
        assert result.verdict is (CERTIFIED if within else REFUTED)


def test_an_absolute_epsilon_is_in_units_of_the_objective():
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
    U, V = best(VALUES, LAM)
    moved = (U * (1 + 2.0**-6), V)
    excess = exact_objective(problem, moved)[0] - OPTIMUM
    large, small = float(excess * 2), float(excess / 2)
    assert judged(problem, moved, OPTIMUM, rtol=0.0, atol=large).verdict is CERTIFIED
    assert judged(problem, moved, OPTIMUM, rtol=0.0, atol=small).verdict is REFUTED


# --- scales --------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("e", [-500, -400, -250, -122, -120, -60, 60, 120, 122, 250, 400, 500])
def test_a_power_of_two_scales_the_bracket_and_keeps_the_verdict(e):
    U, V = best(VALUES, LAM)
    root = 2.0 ** (e // 2)
    problem = Problem(Squared(rotated(*VALUES) * 2.0**e), RankOne(), LAM * 2.0**e)
    optimum = OPTIMUM * Fraction(2) ** (2 * e)
    cases = (((U, V), CERTIFIED), ((U[:, :1], V[:, :1]), LIMITED), ((U * 1.5, V), REFUTED))
    for (left, right), verdict in cases:
        result = judged(problem, (left * root, right * root), optimum)
        assert result.verdict is verdict
        assert Fraction(result.lower) >= optimum * (1 - Fraction(1, 2**40))


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e-30, 1e30, 1e100, 1e150])
def test_a_decimal_scale_keeps_the_verdict(scale):
    Y, lam = rotated(*VALUES) * scale, LAM * scale
    optimum = shrunk([Fraction(s) * Fraction(scale) for s in VALUES], lam)
    # |F(Y) - F(Y')| <= lam |Y - Y'|_* <= 2 lam |Y - Y'|_F, entries off by half an ulp
    slack = Fraction(2 * lam) * Fraction(scale) * Fraction(int(np.linalg.norm(VALUES)) + 1) / 2**53
    U, V = best(VALUES, LAM)
    root = scale**0.5
    problem = Problem(Squared(Y), RankOne(), lam)
    assert judged(problem, (U * root, V * root), optimum, slack=slack).verdict is CERTIFIED
    worse = (U * root, V * root * 1.01)
    assert judged(problem, worse, optimum, slack=slack).verdict is REFUTED


@pytest.mark.parametrize("e", [-538, -530])
def test_an_objective_among_the_denormals_is_bracketed_and_the_rounded_tier_says_no(e):
    U, V = best(VALUES, LAM)
    root = 2.0 ** (e // 2)
    problem = Problem(Squared(rotated(*VALUES) * 2.0**e), RankOne(), LAM * 2.0**e)
    optimum = OPTIMUM * Fraction(2) ** (2 * e)
    result = judged(problem, (U * root, V * root), optimum, refuses=True)
    assert result.verdict is CERTIFIED


@pytest.mark.parametrize("e", [510, 512, 1000])
def test_an_objective_beyond_float64_is_refused_with_the_cure(e):
    problem = Problem(Squared(rotated(*VALUES) * 2.0**e), RankOne(), LAM)
    with pytest.raises(InputError, match=r"overflows float64 .*power of two"):
        check(problem, best(VALUES, LAM))


def hadamard(k):
    """Return the orthogonal matrix of size 4^k with entries +-2^-k."""
    return np.ones((1, 1)) if k == 0 else np.kron(hadamard(k - 1), H)


@pytest.mark.thorough
def test_sizes_that_only_the_rounded_tier_reaches():
    sizes = np.ones(401)
    sizes[:6] = [64, 32, 32, 16, 8, 4]
    basis, left = hadamard(5)[:, :401], sizes[:6] - 2.0
    problem = Problem(Squared(basis * sizes), RankOne(), 2.0)
    optimum = shrunk(sizes, 2)
    for level in (0.0, *(2.0**k for k in range(-20, -2, 4))):
        factors = (basis[:, :6] * left * (1 + level), np.eye(401)[:, :6])
        excess = Fraction(level) ** 2 * Fraction(float(left @ left)) / 2
        result = check(problem, factors)
        within = optimum + excess - Fraction(result.lower) <= Fraction(1e-6) * (optimum + excess)
        assert result.tier == "rounded"
        assert Fraction(result.lower) <= optimum <= optimum + excess <= Fraction(result.upper)
        assert result.verdict is (CERTIFIED if within else REFUTED)
        assert verify(result.certificate, problem, factors, tier="rounded").lower == result.lower
    assert Fraction(result.lower) >= optimum * (1 - Fraction(1, 2**30))


# --- spectra -------------------------------------------------------------------------------

SPECTRA = {
    "rank deficient": ((8.0, 4, 0, 0), 1.5),
    "rank one": ((8.0, 0, 0, 0), 1.5),
    "tied above": ((4.0, 4, 4, 2), 1.5),
    "tied below": ((8.0, 1, 1, 1), 1.5),
    "all tied": ((4.0, 4, 4, 4), 1.5),
    "tied at lam": ((4.0, 2, 2, 1), 2.0),
    "all at lam": ((2.0, 2, 2, 2), 2.0),
    "lam above all": ((4.0, 2, 2, 1), 5.0),
    "lam huge": ((4.0, 2, 2, 1), 1e300),
    "lam largest": ((4.0, 2, 2, 1), float(np.finfo(float).max)),
    "lam small": ((4.0, 2, 2, 1), 2.0**-40),
    "wide spread": ((2.0**20, 1, 1, 2.0**-20), 2.0**-5),
}
each_spectrum = pytest.mark.parametrize("name", SPECTRA)


def asked(name):
    values, lam = SPECTRA[name]
    problem = Problem(Squared(rotated(*values)), RankOne(), lam)
    return problem, best(values, lam), shrunk(values, lam)


@pytest.mark.sampled(3)
@each_spectrum
def test_the_optimum_is_certified_in_every_disguise(name):
    problem, (U, V), optimum = asked(name)
    zeros, tall = np.zeros((4, 5)), np.full((4, 2), 2.0**-1070)
    disguises = {
        "plain": (U, V),
        "more slices than rows": (np.hstack([U, zeros]), np.hstack([V, zeros])),
        "duplicated": (np.hstack([U, U]) / 2, np.hstack([V, V])),
        "huge and tiny": (U * 2.0**300, V * 2.0**-300),
        "denormal slices": (np.hstack([U, tall]), np.hstack([V, tall])),
        "signs": (-U, -V),
    }
    for left, right in disguises.values():
        assert judged(problem, (left, right), optimum).verdict is CERTIFIED


@pytest.mark.sampled(3)
@each_spectrum
def test_no_slices_and_bad_slices_are_told_apart(name):
    problem, (U, V), optimum = asked(name)
    none = (np.zeros((4, 0)), np.zeros((4, 0)))
    expected = LIMITED if U.shape[1] else CERTIFIED
    assert judged(problem, none, optimum).verdict is expected
    if U.shape[1]:
        assert judged(problem, (-U, V), optimum).verdict is REFUTED
        denormal = (np.full((4, 2), 5e-324), np.full((4, 2), 5e-324))
        assert judged(problem, denormal, optimum).verdict is REFUTED
    if problem.lam < 1e150:
        large = (np.full((4, 1), 2.0**60), np.full((4, 1), 2.0**60))
        assert judged(problem, large, optimum).verdict is REFUTED


@pytest.mark.sampled(3)
@each_spectrum
def test_at_epsilon_zero_only_the_truth_is_certified(name):
    problem, (U, V), optimum = asked(name)
    value = exact_objective(problem, (U, V))[0]
    result = check(problem, (U, V), rtol=0.0, atol=0.0)
    assert value == optimum
    assert Fraction(result.lower) <= optimum <= Fraction(result.upper)
    if result.verdict is CERTIFIED:
        assert result.certificate.claim["tier"] == "exact"
        assert result.lower == result.upper == float(optimum)
    else:
        assert result.verdict is Verdict.UNDECIDED
    nearby = (U * (1 + 2.0**-50), V)
    if U.shape[1]:
        assert exact_objective(problem, nearby)[0] > optimum
        assert check(problem, nearby, rtol=0.0, atol=0.0).verdict is not CERTIFIED


def test_at_epsilon_zero_better_means_exactly_better():
    problem = Problem(Squared(rotated(*VALUES)), RankOne(), LAM)
    U, V = best(VALUES, LAM)
    for level in (2.0**-50, 2.0**-40, 2.0**-26, 2.0**-10):
        moved = (U + level, V)
        result = check(problem, moved, rtol=0.0)
        low = exact_objective(problem, moved)[0]
        if result.verdict is REFUTED:
            better_is_better(problem, moved, result, low)
        assert Fraction(result.lower) <= OPTIMUM < low


ROUNDINGS = 4


def test_an_undecided_result_offers_no_better_factors():
    Y = np.array([[1.5, -0.5, 0.75, 1.25], [-1.25, -0.75, 1, 0.25], [0, -1.5, 0.25, -2]])
    Y = np.vstack([Y, [-2, -0.25, -0.5, 0]])
    U = np.array([[0.0], [0.31733408609064695], [0.0], [0.5077345377450353]])
    V = np.array([[-0.5987447561475181], [0.0], [0.0], [0.0]])
    problem = Problem(Squared(Y), RankOne("l2+", "l1", "sum"), 2.0)
    result = check(problem, (U, V), rtol=0.0)
    for _ in range(ROUNDINGS):  # a search may gain a rounding, and each is proved
        if result.better is not None:
            result = check(problem, result.better, rtol=0.0)
    assert result.verdict is Verdict.UNDECIDED
    assert result.better is None
