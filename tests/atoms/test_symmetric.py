"""Symmetric atoms: their polar, their certificates, and what is refused."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError, Problem, Verdict, check, improve, verify
from certify.atoms import Symmetric
from certify.atoms.symmetric import NORMS
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.claim import main
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.patterns import Pattern
from certify.kernel.rules.matrices import POLAR_RULES
from certify.losses import Squared
from certify.norms import gauge
from certify.polar.proved import as_kernel_array, kernel_pair, split
from tests.strategies import arrays, powers
from tests.tolerance import exact_square, fractions

each_norm = pytest.mark.parametrize("norm", NORMS)
squares = st.integers(1, 4).flatmap(lambda d: arrays((d, d)))
SHARP = 2.0**-36
TINY = 2.0**-500  # what underflow adds in rounded arithmetic
CYCLE = np.roll(np.eye(5), 1, axis=1) + np.roll(np.eye(5), -1, axis=1)


def form(W, x):
    """Return x^T W x exactly."""
    rows = [sum(map(Fraction.__mul__, fractions(row), fractions(x))) for row in W]
    return sum(map(Fraction.__mul__, fractions(x), rows), Fraction(0))


def vectors(norm, d):
    """Return all vectors with small integer entries in the domain."""
    low = 0 if norm.endswith("+") else -2
    return [np.array(x, float) for x in product(range(low, 3), repeat=d) if any(x)]


@pytest.mark.sampled(1000)
@each_norm
@given(W=squares)
def test_the_bounds_enclose_every_slice(norm, W):
    bound = Symmetric(norm).polar(W)
    for x in vectors(norm, len(W)):
        assert form(W, x) <= Fraction(bound.upper) * exact_square(norm, x)
    (x,) = bound.witness
    assert gauge(norm).admits(x)
    assert bound.lower <= bound.upper
    assert form(W, x) >= Fraction(bound.lower) * exact_square(norm, x)


@pytest.mark.sampled(1000)
@each_norm
@given(W=squares)
def test_the_exact_kernel_proves_the_same(norm, W):
    proposal = Symmetric(norm).propose(W, None, 0, None)
    text, extra = split(proposal.proof)
    pair = kernel_pair(Pattern(*W.shape), (norm, norm), symmetric=True)
    ar = Flint()
    rule = POLAR_RULES[text["rule"]]
    exact = rule(
        ar, pair, ar.load(as_kernel_array(W.reshape(-1))), Evidence(text, Arrays(extra, "proof"))
    )
    for x in vectors(norm, len(W)):
        assert form(W, x) <= exact * exact_square(norm, x)
    size = float(np.abs(W).sum())
    assert float(exact) <= proposal.upper + SHARP * size


@given(W=squares)
def test_l2_is_the_largest_eigenvalue(W):
    bound = Symmetric("l2").polar(W)
    size = float(np.abs(W).sum())
    assert bound.upper - max(bound.lower, 0.0) <= SHARP * size + TINY


@pytest.mark.thorough
@given(W=st.integers(1, 3).flatmap(lambda d: arrays((d, d))))
def test_l2_nonnegative_is_sharp_at_small_sizes(W):
    bound = Symmetric("l2+").polar(W)
    assert bound.upper - max(bound.lower, 0.0) <= 2.0**-10 * float(np.abs(W).sum()) + TINY


@pytest.mark.sampled(1000)
@each_norm
@given(W=squares, e=powers)
def test_only_the_symmetric_part_counts_and_scales(norm, W, e):
    one, other = Symmetric(norm).polar(W), Symmetric(norm).polar(W.T * 2.0**e)
    assert one.lower * 2.0**e <= other.upper
    assert other.lower <= one.upper * 2.0**e


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("e", [-1000, -301, 301, 1000])
@each_norm
def test_extreme_sizes_are_bounded(norm, e):
    for held in (np.ldexp(CYCLE, e), sp.csr_array(np.ldexp(CYCLE, e))):
        bound = Symmetric(norm).polar(held)
        assert bound.lower <= bound.upper <= np.ldexp(2.0 + SHARP, e)
        assert bound.lower >= np.ldexp(0.5 - SHARP, e)


def test_the_five_cycle_is_known():
    """Motzkin and Straus: 1 - 1/2 over the simplex; lambda_max 2 at the flat vector."""
    assert abs(Symmetric("l1+").polar(CYCLE).lower - 0.5) <= SHARP
    for norm in ("l2", "l2+"):
        bound = Symmetric(norm).polar(CYCLE)
        assert 2 - SHARP <= bound.lower <= bound.upper <= 2 + SHARP


@each_norm
def test_a_negative_matrix_earns_nothing(norm):
    assert Symmetric(norm).polar(-np.eye(3)).upper == 0.0


def thresholded(Y, lam):
    values, vectors_ = np.linalg.eigh((Y + Y.T) / 2)
    keep = values > lam
    return (vectors_[:, keep] * np.sqrt(values[keep] - lam),)


def test_soft_thresholding_is_certified_even_on_asymmetric_data():
    Y = np.random.default_rng(0).standard_normal((6, 6))
    problem = Problem(Squared(Y), Symmetric(), 1.0)
    best = thresholded(Y, 1.0)
    result = check(problem, best)
    assert result.verdict is Verdict.CERTIFIED
    for tier in ("exact", "rounded"):
        assert verify(result.certificate, problem, best, tier=tier).verdict is Verdict.CERTIFIED
    short = check(problem, (best[0][:, 1:],))
    assert short.verdict is Verdict.RANK_LIMITED
    assert len(short.better) == 1
    assert verify(short.certificate, problem, (best[0][:, 1:],)).verdict is Verdict.RANK_LIMITED
    assert short.lower <= result.upper < short.upper
    assert result.certificate.given.keys() == {"Y", "U"}


@each_norm
def test_improve_ends_at_the_optimum(norm):
    problem = Problem(Squared(np.diag([3.0, 2.0, -1.0])), Symmetric(norm), 0.5)
    found = improve(problem, (np.full((3, 1), 0.5),))
    assert found.result.verdict is Verdict.CERTIFIED
    assert abs(found.objective - 2.75) <= 2.75e-6  # the default epsilon


def test_a_certificate_is_kept_and_a_lie_about_the_factor_refused(tmp_path):
    Y = np.diag([3.0, 2.0, -1.0])
    problem, best = Problem(Squared(Y), Symmetric("l2+"), 0.5), (np.diag(np.sqrt([2.5, 1.5, 0])),)
    path = tmp_path / "x.cert"
    check(problem, best).certificate.save(path)
    assert verify(path, problem, best).lower > 2.7
    assert main([str(path)]) == 0
    with pytest.raises(RejectedError, match="question"):
        verify(path, problem, (best[0] * 2,))
    with pytest.raises(RejectedError, match="question"):
        verify(path, Problem(Squared(Y), Symmetric("l2"), 0.5), best)


@each_norm
def test_masks_need_not_be_symmetric(norm):
    Y = sp.coo_array(([3.0, 1.0, 2.0], ([0, 1, 0], [0, 0, 2])), shape=(3, 3))
    problem = Problem(Squared(Y), Symmetric(norm), 64.0)
    assert check(problem, (np.zeros((3, 0)),)).verdict is Verdict.CERTIFIED


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="needs m x m data, got 3 x 2; give square data"):
        Problem(Squared(np.zeros((3, 2))), Symmetric(), 1.0)
    with pytest.raises(InputError, match="needs m x m data"):
        Symmetric().polar(np.zeros((3, 2)))
    for wrong in ("l1", "linf", None):
        with pytest.raises(InputError, match=rf"one of l2, l2\+, l1\+, got {wrong!r}"):
            Symmetric(wrong)
    problem = Problem(Squared(np.eye(2)), Symmetric("l2+"), 1.0)
    with pytest.raises(InputError, match="a sequence of 1 arrays, got 2"):
        check(problem, (np.eye(2), np.eye(2)))
    with pytest.raises(InputError, match=r"U must be >= 0 .*got -1e-17 at \[0, 0\]"):
        check(problem, (np.array([[-1e-17], [1.0]]),))
    assert check(problem, problem.project((np.array([[-1e-17], [1.0]]),))).certificate is not None
    fixed = check(Problem(Squared(np.eye(2)), Symmetric(), 0.0), (np.eye(2),))
    assert fixed.verdict is Verdict.CERTIFIED  # an exact fit
