"""Exponentials and logarithms of arrays enclose the kernel's own, far tighter enclosures."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import Problem, RejectedError, check
from certify.atoms import RankOne
from certify.base.rigor import logs
from certify.base.rigor.logs import Vectors
from certify.base.rigor.rounded import Rounded
from certify.kernel import exp_log
from certify.kernel.exp_log import FINE, LN2, ONE, REACH, Elementary
from certify.kernel.scalars import power
from certify.losses import KullbackLeibler, Logistic, Poisson, Squared
from certify.pipeline.certificate import tiers

VECTORS, SCALARS = Vectors(), Elementary()
NEAR = st.integers(-800 * ONE, 700 * ONE)
ROUND = st.integers(-720, 700).map(lambda k: k * LN2[0] >> 32)  # where nothing is left of x
EXPONENTS = st.lists(NEAR | ROUND | st.integers(-(2**200), REACH * ONE), max_size=8)
POSITIVE = (
    st.integers(1, 2**60) | st.integers(1, 2**400) | st.integers(0, 600).map(lambda k: 1 << k)
)
NEXT = st.integers(60, 140).flatmap(lambda k: st.integers(2**k - 2**9, 2**k + 2**9))
NUMBERS = st.lists(POSITIVE | NEXT, max_size=8)


def holds(wide, tight, slack):
    """Whether [lo, hi] contains the other and is at most so wide."""
    return wide[0] <= tight[0] <= tight[1] <= wide[1] and wide[1] - wide[0] <= slack


@given(EXPONENTS)
def test_exponentials_enclose_the_kernels(xs):
    found, known = VECTORS.exps(xs), SCALARS.exps(xs)
    assert len(found) == len(xs)
    for (lo, hi, k), (low, high, e) in zip(found, known, strict=True):
        ends = low * power(e), high * power(e)
        wide = lo * power(k), hi * power(k)
        assert holds(wide, ends, ends[1] * Fraction(1, 2**40) + 3 * power(e))


@given(NUMBERS, st.integers(-1100, 1100))
def test_logarithms_enclose_the_kernels(ms, e):
    found, known = VECTORS.logs(ms, e), SCALARS.logs(ms, e)
    assert len(found) == len(ms)
    for wide, tight in zip(found, known, strict=True):
        assert holds(wide, tight, abs(tight[0]) / 2**42 + ONE / 2**49)


@given(EXPONENTS)
def test_softplus_encloses_the_kernels(xs):
    for wide, tight in zip(VECTORS.softplus(xs), SCALARS.softplus(xs), strict=True):
        assert holds(wide, tight, ONE / 2**39 + abs(tight[1]) / 2**42)


@given(st.lists(st.just(0) | POSITIVE, max_size=8))
def test_x_ln_x_encloses_the_kernels(xs):
    found, known = VECTORS.xlogx(xs), SCALARS.xlogx(xs)
    for x, wide, tight in zip(xs, found, known, strict=True):
        assert holds(wide, tight, abs(tight[0]) / 2**42 + x * ONE / 2**49)


def test_many_numbers_are_enclosed():
    rng = np.random.default_rng(0)
    xs = [int(x * 2**40) << FINE - 40 for x in rng.uniform(-710, 700, 3000)]
    for (lo, hi, k), (low, high, e) in zip(VECTORS.exps(xs), SCALARS.exps(xs), strict=True):
        assert lo * power(k) <= low * power(e) <= high * power(e) <= hi * power(k)
    ms = [int(x) for x in rng.integers(1, 2**62, 3000)]
    for wide, tight in zip(VECTORS.logs(ms, -61), SCALARS.logs(ms, -61), strict=True):
        assert wide[0] <= tight[0] <= tight[1] <= wide[1]


def test_what_is_out_of_reach_goes_to_the_kernel():
    far = [701 * ONE, -701 * ONE, -(2**900), REACH * ONE]
    assert VECTORS.exps(far) == SCALARS.exps(far)
    assert VECTORS.logs([3], 2**21) == SCALARS.logs([3], 2**21)
    with pytest.raises(RejectedError):
        VECTORS.exps([0, REACH * ONE + 1])


def test_what_is_cut_off_a_long_number_counts():
    long = (1 << 60) + 255  # its first 53 bits are those of 2^60
    ((low, high),) = VECTORS.logs([long], -60)
    exact = exp_log.log_at(long, -60)
    assert low <= exact[0] <= exact[1] <= high
    assert high < 8 * exact[1]


def test_the_two_parts_of_ln_2_leave_less_than_they_may():
    ends = [Fraction(x, 1 << exp_log.DEEP) for x in LN2]
    parts = Fraction(logs.L1) + Fraction(logs.L2)
    assert max(abs(x - parts) for x in ends) < power(-85)
    assert Fraction(logs.L1).denominator <= 2**32


@pytest.mark.parametrize("make", [Logistic, Poisson, KullbackLeibler])
def test_rounded_arithmetic_encloses_the_exact_bracket(make, monkeypatch):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (6, 5)).astype(float)
    nonnegative = "l2+" if make is KullbackLeibler else "l2"
    problem = Problem(make(labels), RankOne(nonnegative, nonnegative), 0.5)
    start = rng.random((6, 2)) + 0.25, rng.random((5, 2)) + 0.25
    exact = check(problem, start)
    assert exact.tier == "exact"
    monkeypatch.setattr(tiers, "EXACT_LOGS", 29)
    other = check(problem, start)
    assert other.tier == "rounded"
    assert isinstance(Rounded.elementary, Vectors)
    assert other.lower <= exact.lower * (1 + 1e-6)
    assert other.upper >= exact.upper
    assert other.upper == pytest.approx(exact.upper, rel=1e-10)
    assert other.lower == pytest.approx(exact.lower, rel=1e-6)


def test_least_squares_of_that_size_stay_exact(monkeypatch):
    monkeypatch.setattr(tiers, "EXACT_LOGS", 3)
    problem = Problem(Squared(np.eye(2)), RankOne(), 0.5)
    assert check(problem, (np.ones((2, 1)), np.ones((2, 1)))).tier == "exact"
