"""Spectral and nuclear norms over the real numbers: proved brackets, closed forms, duality."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import InputError, Problem
from certify.atoms import CP
from certify.kernel.scalars import root
from certify.losses import Squared
from certify.pipeline.decompose import Decomposition, best_of, lower_of, norm_atom, upper_of
from certify.pipeline.tensor_norms import (
    NormBound,
    at_one,
    nuclear,
    restore_modes,
    spectral,
    squeeze,
)
from certify.search.coordinates.compress import compress
from tests.strategies import examples

EPS = np.finfo(float).eps
ROOT3 = np.sqrt(3)


def tensor(dims, entries):
    out = np.zeros(dims)
    for at, value in entries.items():
        out[at] = value
    return out


W_STATE = tensor((2, 2, 2), {(0, 0, 1): 1, (0, 1, 0): 1, (1, 0, 0): 1})  # over sqrt(3)
GHZ = tensor((2, 2, 2), {(0, 0, 0): 1, (1, 1, 1): 1})  # over sqrt(2)
FOUR = tensor((2, 2, 2), {(0, 0, 1): 1, (0, 1, 0): 1, (1, 0, 0): 1, (1, 1, 1): -1})  # over 2
DET = tensor(
    (3, 3, 3), {p: np.linalg.det(np.eye(3)[list(p)]) for p in itertools.permutations(range(3))}
)
RANDOM = np.random.default_rng(0).standard_normal((2, 2, 3))
KNOWN = {  # the tensor, its spectral and its nuclear norm, squared where they are roots
    "W": (W_STATE, Fraction(4, 3), Fraction(9)),
    "GHZ": (GHZ, Fraction(1), Fraction(4)),
    "four": (FOUR, Fraction(1), Fraction(16)),
    "determinant": (DET, Fraction(1), Fraction(36)),
}
each = pytest.mark.parametrize("name", KNOWN)


def full(factors):
    return np.einsum(
        *(x for k, f in enumerate(factors) for x in (f, [k, len(factors)])),
        list(range(len(factors))),
    )


def holds(bound, square):
    """Whether a bracket holds the root of a rational, exactly."""
    return Fraction(bound.lower) ** 2 <= square <= Fraction(bound.upper) ** 2


def consistent(bound, T):
    """Assert what the docstring says of factors and dual."""
    assert [len(x) for x in bound.factors] == list(T.shape)
    assert bound.dual.shape == T.shape
    earned = float(np.vdot(bound.dual, T))
    slack = 8 * EPS * T.size * np.linalg.norm(bound.dual) * np.linalg.norm(T)
    assert earned >= bound.lower - slack
    sizes = np.prod([np.linalg.norm(x, axis=0) for x in bound.factors], axis=0)
    if bound.norm == "spectral":
        assert sizes == pytest.approx(1.0, abs=1e-14)
        assert full(bound.factors) == pytest.approx(bound.dual, abs=1e-14)
    else:
        left = np.linalg.norm(full(bound.factors) - T)
        fibers = T.size // max(T.shape)
        assert sizes.sum() + np.sqrt(fibers) * left <= bound.upper * (1 + 1e-14) + slack


# --- closed forms -------------------------------------------------------------------------


@each
def test_the_spectral_norm_of_a_known_tensor(name):
    T, square, _ = KNOWN[name]
    bound = spectral(T)
    assert holds(bound, square)
    assert bound.relative_gap < 1e-7
    consistent(bound, T)


@pytest.mark.sampled(1000)
@each
def test_the_nuclear_norm_of_a_known_tensor(name):
    T, _, square = KNOWN[name]
    bound = nuclear(T)
    assert holds(bound, square)
    assert bound.relative_gap < 1e-7
    consistent(bound, T)


def test_a_solvers_value_below_the_spectral_norm_is_outside():
    bound = spectral(W_STATE / ROOT3)
    assert bound.lower > 0.666666662
    assert bound.lower >= 2 / 3 - 1e-9
    assert bound.upper <= 2 / 3 + 1e-7


@pytest.mark.parametrize("order", [3, 4])
def test_a_slice_has_both_norms_its_length(order):
    rng = np.random.default_rng(order)
    x = [rng.standard_normal((n, 1)) for n in (3, 4, 2, 3)[:order]]
    length = float(np.prod([np.linalg.norm(v) for v in x]))
    for bound in (spectral(full(x)), nuclear(full(x))):
        assert bound.lower <= length * (1 + 1e-14)
        assert bound.upper >= length * (1 - 1e-14)
        assert bound.relative_gap < 1e-7


@pytest.mark.thorough
def test_duality_of_a_random_tensor():
    big, small = nuclear(RANDOM), spectral(RANDOM)
    square = float((RANDOM**2).sum())
    assert big.upper * small.upper >= square  # |T|^2 <= spectral * nuclear
    assert big.relative_gap < 1e-6
    consistent(big, RANDOM)
    consistent(small, RANDOM)
    dual = CP("l2", order=3).polar(big.dual)
    assert dual.lower <= 1
    assert dual.upper <= 1 + 1e-9


# --- matrices, sizes of 1, scales ---------------------------------------------------------


@settings(max_examples=examples(20))
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 6), n=st.integers(1, 6))
def test_of_a_matrix_they_are_the_largest_and_the_sum_of_singular_values(seed, m, n):
    A = np.random.default_rng(seed).standard_normal((m, n))
    values = np.linalg.svd(A, compute_uv=False)
    for bound, wanted in ((spectral(A), values[0]), (nuclear(A), values.sum())):
        assert bound.lower <= wanted * (1 + 1e-13)
        assert bound.upper >= wanted * (1 - 1e-13)
        assert bound.relative_gap < 1e-9
        consistent(bound, A)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1, 1), (3, 1), (1, 3, 1), (1, 2, 3), (2, 1, 3, 1), (1, 2, 2, 3)]
)
def test_modes_of_size_1_change_nothing(shape):
    T = np.random.default_rng(len(shape)).standard_normal(shape)
    core = T.reshape([n for n in shape if n > 1] or [1])
    for norm in (spectral, nuclear):
        bound = norm(T)
        consistent(bound, T)
        if core.ndim == 1:
            assert bound.lower <= np.linalg.norm(T) * (1 + EPS)
            assert bound.upper >= np.linalg.norm(T) * (1 - EPS)
        else:
            assert bound.lower == norm(core).lower
        assert bound.relative_gap < 1e-6


@given(st.lists(st.integers(1, 3), min_size=2, max_size=4), st.integers(1, 3))
def test_squeezed_factors_come_back(dims, r):
    rng = np.random.default_rng(r)
    T = squeeze(np.zeros(dims))
    held = tuple(rng.standard_normal((n, r)) for n in T.shape)
    back = restore_modes(held, tuple(dims))
    assert [x.shape for x in back] == [(n, r) for n in dims]
    assert full(back).reshape(T.shape) == pytest.approx(full(held))


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("power", [-1000, -500, 500, 1000])
def test_powers_of_two_scale_every_number(power):
    for norm in (spectral, nuclear):
        bound, big = norm(W_STATE), norm(np.ldexp(W_STATE, power))
        for side in ("lower", "upper"):
            back = np.ldexp(getattr(big, side), -power)
            assert back == pytest.approx(getattr(bound, side), rel=1e-9)
        assert big.relative_gap < 1e-7
        unscaled = (np.ldexp(big.factors[0], -power * (norm is nuclear)), *big.factors[1:])
        assert full(unscaled) == pytest.approx(full(bound.factors), abs=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_far_scales_keep_the_relative_gap(scale):
    for norm in (spectral, nuclear):
        assert norm(RANDOM * scale).relative_gap < 1e-6


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2), (1, 1, 1)])
def test_the_zero_tensor_has_norm_0(shape):
    for norm in (spectral, nuclear):
        bound = norm(np.zeros(shape))
        assert (bound.lower, bound.upper, bound.relative_gap) == (0.0, 0.0, 0.0)
        assert bound.dual.shape == shape
    assert nuclear(np.zeros(shape)).factors[0].shape == (shape[0], 0)


def test_integers_are_exact():
    assert spectral(GHZ.astype(int)).lower == spectral(GHZ).lower


# --- the bounds themselves ----------------------------------------------------------------


@given(seed=st.integers(0, 2**32 - 1), r=st.integers(0, 4), order=st.integers(2, 4))
def test_any_factors_give_an_upper_bound(seed, r, order):
    """Factors of T and of nothing: the nuclear norm of what is left is at most its fibers'."""
    rng = np.random.default_rng(seed)
    dims = (3, 2, 3, 2)[:order]
    made = tuple(rng.integers(-4, 5, (n, 3)) / 4 for n in dims)
    T = full(made)
    given_factors = tuple(x[:, :r] + rng.integers(-1, 2, x[:, :r].shape) / 8 for x in made)
    upper, kept = upper_of(T, given_factors)
    assert kept is given_factors
    norm = sum(np.prod([np.linalg.norm(x[:, k]) for x in made]) for k in range(3))
    assert upper >= np.linalg.norm(T) * (1 - EPS)  # |T|_F is at most the nuclear norm
    if r >= 3 and all(np.array_equal(a, b) for a, b in zip(made, given_factors, strict=True)):
        assert upper == pytest.approx(norm)


def test_the_residual_is_paid_for_fiber_by_fiber():
    T = np.ones((3, 2, 2))  # no factors: sqrt(4) |T| = 2 sqrt(12)
    upper, _ = upper_of(T, tuple(np.zeros((n, 0)) for n in T.shape))
    assert Fraction(upper) >= 2 * root(Fraction(12)).lo
    assert upper == pytest.approx(2 * np.sqrt(12), rel=1e-15)
    one = tuple(np.ones((n, 1)) for n in T.shape)
    assert upper_of(T, one)[0] == pytest.approx(np.sqrt(12), rel=1e-15)
    half = (0.5 * one[0], *one[1:])
    assert upper_of(T, half)[0] == pytest.approx(0.5 * np.sqrt(12) + 2 * np.sqrt(3), rel=1e-15)


@given(seed=st.integers(0, 2**32 - 1), scale=st.integers(-40, 40))
def test_a_dual_is_scaled_to_spectral_norm_at_most_1(seed, scale):
    rng = np.random.default_rng(seed)
    W, T = np.ldexp(rng.standard_normal((2, 3, 4)), scale), rng.standard_normal((2, 3, 4))
    bound = float(np.linalg.norm(W))  # at least the spectral norm, up to its own rounding
    lower, D = lower_of(T, W, bound)
    exact = sum(Fraction(a) * Fraction(b) for a, b in zip(D.flat, T.flat, strict=True))
    assert Fraction(lower) <= max(exact, 0)
    assert lower == pytest.approx(float(max(exact, 0)), abs=1e-14)
    assert sum(Fraction(a) ** 2 for a in D.flat) <= 1  # |D|_F <= 1 because |W|_F <= bound


@given(seed=st.integers(0, 2**32 - 1), share=st.integers(1, 20))
def test_a_dual_leaves_room_for_the_roundings_of_its_entries(seed, share):
    """|D - W / p|_F <= EPS |W|_F / p, so p must exceed the bound by EPS |W|_F."""
    W = np.random.default_rng(seed).standard_normal((2, 3, 4))
    bound = float(np.linalg.norm(W)) / share
    D = lower_of(W, W, bound)[1]
    room = Fraction(bound) + Fraction(EPS) * Fraction(float(np.linalg.norm(W)))
    for d, w in zip(D.flat, W.flat, strict=True):
        assert abs(Fraction(d)) * room <= abs(Fraction(w)) * (1 + Fraction(EPS) / 2)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("shape", [(7, 2, 2), (2, 9, 3), (2, 2, 30)])
def test_a_long_mode_is_searched_in_the_span_of_the_tensor(shape):
    T = np.random.default_rng(0).standard_normal(shape)
    small = compress(Problem(Squared(T), norm_atom(3), 1.0))
    assert max(small.problem.loss.dims) <= T.size // max(shape)
    bound = nuclear(T)
    assert bound.relative_gap < 1e-6
    consistent(bound, T)


def test_a_budget_of_0_still_brackets():
    T = np.random.default_rng(1).standard_normal((12, 11, 10))
    for norm in (spectral, nuclear):
        bound = norm(T, budget=0)
        assert 0 < bound.lower <= bound.upper < np.inf
        consistent(bound, T)
    assert nuclear(T, budget=0).upper <= np.sqrt(110) * np.linalg.norm(T) * (1 + 1e-12)


def test_the_same_seed_gives_the_same_bracket():
    first, second = (nuclear(FOUR, seed=3) for _ in range(2))
    assert (first.lower, first.upper) == (second.lower, second.upper)


def test_the_better_of_two_bounds_is_kept_on_each_side():
    a = Decomposition(1.0, np.ones(1), 3.0, (np.ones((1, 1)),))
    b = Decomposition(2.0, np.zeros(1), 4.0, (np.zeros((1, 2)),))
    both = best_of(a, b)
    assert (both.lower, both.upper) == (2.0, 3.0)
    assert both.dual is b.dual
    assert both.factors is a.factors


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [spectral, nuclear])
@pytest.mark.parametrize(
    ("T", "said"),
    [
        (3.0, "2 modes or more, got shape"),
        (np.ones(3), r"2 modes or more, got shape \(3,\): the norm of a vector is"),
        (np.zeros((2, 0, 3)), "must not be empty"),
        (np.full((2, 2, 2), np.nan), "T must be finite, got nan"),
        (np.full((2, 2, 2), np.inf), "T must be finite, got inf"),
        (np.ones((2, 2, 2), complex), "T must hold real"),
        (np.full((2, 2, 2), 2**60 + 1), "which float64 would round"),
    ],
)
def test_what_is_no_tensor_is_refused(norm, T, said):
    with pytest.raises(InputError, match=said):
        norm(T)


@pytest.mark.parametrize("norm", [spectral, nuclear])
def test_options_are_checked(norm):
    with pytest.raises(InputError, match="budget"):
        norm(GHZ, budget=-1)
    with pytest.raises(InputError, match="seed"):
        norm(GHZ, seed=-1)


def test_the_bracket_shows_itself():
    found = spectral(GHZ)
    low, told, high = repr(found).removeprefix("NormBound(").split(", ")[0].split(" <= ")
    assert told == "spectral norm over R"
    assert found.lower * (1 - 1e-11) < float(low) <= found.lower  # rounded outward
    assert found.upper <= float(high) < found.upper * (1 + 1e-10)
    assert ", 1 component)" in repr(found)


@pytest.mark.parametrize("bound", [spectral, nuclear])
@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2)])
def test_entries_of_every_size_beside_each_other_are_bracketed(bound, shape):
    T = np.zeros(shape)
    T.flat[:3] = 5e-324, 1e-300, 1e300
    found = bound(T)
    assert found.lower <= 1e300 <= found.upper <= 1e300 * (1 + 1e-9)
    assert found.lower >= 1e300 * (1 - 1e-9)


def test_an_entry_lost_to_scale_widens_the_bracket():
    T = np.full((2, 2, 2), 1.5e308)
    T[0, 0, 0] = 5e-324
    assert spectral(T).lower < spectral(T).upper
    C, e, lost = at_one(T)
    assert C[0, 0, 0] == 0
    assert Fraction(5e-324) <= lost * Fraction(2) ** e
    assert at_one(C)[1:] == (0, 0)


@pytest.mark.parametrize(("lower", "upper"), [(2 / 3, 2 / 3), (1 / 3, 0.1 + 0.2), (5e-324, 1e-323)])
def test_what_is_shown_is_rounded_outward(lower, upper):
    told = repr(NormBound("spectral", lower, upper, (np.ones((2, 1)),) * 3, np.ones((2, 2, 2))))
    low = told.partition("(")[2].partition(" ")[0]
    high, _, share = told.rpartition("<= ")[2].partition(", relative gap ")
    assert Fraction(low) <= Fraction(lower)
    assert Fraction(upper) <= Fraction(high)
    assert (Fraction(upper) - Fraction(lower)) / Fraction(upper) <= Fraction(share.split(",")[0])
