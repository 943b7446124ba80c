"""Roundings are outward where a single unit decides, and radii count against the claim."""

from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify.base.rigor.rounded import Ball, Rounded
from certify.kernel import exp_log
from certify.kernel.arrays import Array, Arrays, filled
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.exp_log import REACH, exp_at, log_at, softplus_at, xlogx
from certify.kernel.losses.piecewise import Absolute, least_at_zero, squared_over
from certify.kernel.norms import L2
from certify.kernel.offsets import Linear
from certify.kernel.patterns import Pattern
from certify.kernel.rules.fixed_rank import fixed_rank
from certify.kernel.rules.ky_fan import Fan, centred_squares, tail
from certify.kernel.scalars import Bound, power, root
from certify.kernel.spaces import Modes, Pair
from tests.kernel.test_corrections import asked_of
from tests.references import NEAR, mp, rational

ONE = exp_log.ONE


def truth(x):
    """Return a number of 100 digits in units of 2**-FINE, as a fraction."""
    return rational(x * ONE)


# --- units: arguments at which one unit less is one too few -----------------------------------

LOGS = [(11887784718276050, 5), (1, 0), (2, 0), (3, -1), (172, 0), (10**30, -100)]
SOFT = (
    -7826115302629180048711925656846280323818,
    -7240613722495335130812020353581896148451,
    -3251922872670235733977172859199485672075,
    -1362651744801859297416210321820306610818,
)


@pytest.mark.parametrize(("m", "e"), LOGS)
def test_a_logarithm_is_enclosed_to_the_unit(m, e):
    low, high = log_at(m, e)
    assert low <= truth(mp.log(m) + e * mp.log(2)) <= high


@pytest.mark.parametrize("x", [*SOFT, 0, ONE, -ONE, -100 * ONE, -3 * 10**4 * ONE])
def test_a_softplus_is_enclosed_to_the_unit(x):
    low, high = softplus_at(x)
    assert low <= truth(mp.log1p(mp.exp(mp.mpf(x) / ONE))) <= high


def test_enclosures_of_many_arguments_hold_to_the_unit():
    rng = np.random.default_rng(2)
    for _ in range(200):
        x = int(rng.integers(-(2**62), 2**62)) * ONE // 2**58 + int(rng.integers(2**62))
        low, high, k = exp_at(x)
        true = mp.exp(mp.mpf(x) / ONE) * ONE / mp.mpf(2) ** k
        assert low <= rational(true) <= high
        m = int(rng.integers(1, 2**62)) ** 2
        low, high = log_at(m, 0)
        assert low <= truth(mp.log(m)) <= high
        low, high = xlogx(m)
        assert low <= truth(m * mp.log(m)) <= high


def test_below_the_reach_of_exp_it_is_positive_and_less_than_a_unit():
    low, high, k = exp_at(-REACH * ONE - 1)
    assert low == 0 < high * power(k) <= 1


@pytest.mark.parametrize("x", [Fraction(2), Fraction(3, 7), Fraction(4), Fraction(1, 9)])
@pytest.mark.parametrize("bits", [4, 5, 128])
def test_a_root_is_enclosed_and_exact_where_it_can_be(x, bits):
    ends = root(x, bits)
    assert ends.lo**2 <= x <= ends.hi**2
    assert ends.hi - ends.lo <= ends.hi * power(1 - bits)
    assert (ends.lo == ends.hi) or x != 4


@pytest.mark.parametrize("k", [1, 2, 4])
def test_squares_over_weights_are_bounded_from_above(k):
    w, c = [1, 2, -7, 5], [3, 1, 9, 7]
    true = sum(Fraction(v * v, k * x) for v, x in zip(w, c, strict=True))
    found = squared_over(w, c, k)
    assert true <= found <= true + Fraction(len(w), ONE)
    weights = Array((4,), array("d", map(float, c)))
    ends = Exact().squares_over(Exact().load(Array((4,), array("d", map(float, w)))), weights)
    exact = sum(Fraction(v * v, x) for v, x in zip(w, c, strict=True))
    assert ends.lo <= exact <= ends.hi
    assert ends.hi - ends.lo <= 4 * power(-192)


@pytest.mark.parametrize("ends", [(-3, -1), (-2, 5), (-5, 2), (0, 0), (1, 4)])
@pytest.mark.parametrize("f", [abs, lambda r: r * r, lambda r: max(r, 0), lambda r: max(-r, 0)])
def test_a_loss_on_an_interval_has_its_least_and_largest_value(ends, f):
    values = [f(r) for r in range(ends[0], ends[1] + 1)]
    assert least_at_zero(f, ends) == (min(values), max(values))


# --- the rank claim: a ball counts by its worst member ----------------------------------------

RAD = Fraction(1, 4)


def fan(m, n, kinds=(), rank=0, K=()):
    empty = Array((min(m, n), len(K) // min(m, n)), array("d", K))
    form = Evidence({"shift": "1"}, Arrays({}, "proof"), "proof.ky_fan")
    return Fan(Pattern(m, n), rank, frozenset(kinds), int(n < m), empty, form)


def without_means(C, kinds):
    """Return P C P' of an array of fractions."""
    C = C.copy()
    if "column" in kinds:
        C -= C.sum(axis=0) / C.shape[0]
    if "row" in kinds:
        C -= (C.sum(axis=1) / C.shape[1])[:, None]
    return C


def fractions(M):
    return np.array([[Fraction(x) for x in row] for row in M], dtype=object)


def squared(C):
    return sum(x * x for x in C.reshape(-1))


MIDDLES = (
    [[11, 9]],
    [[11], [9]],
    [[3, 1], [2, 2]],
    [[40, 41, 42], [42, 40, 41]],
    [[-9, 2], [5, 7]],
)
KINDS = ((), ("row",), ("column",), ("row", "column"))


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("middle", MIDDLES)
def test_a_ball_without_its_means_is_as_small_as_its_smallest_member(middle, kinds):
    M = np.array(middle, dtype=float)
    held = fan(*M.shape, kinds)
    left = without_means(fractions(M), kinds)
    found = centred_squares(Rounded(), held, Ball(M, RAD))
    size = root(squared(left)).hi
    shrunk = fractions(M) - (left * (RAD / size) if size else left)
    for member in (fractions(M), shrunk):
        assert squared(member - fractions(M)) <= RAD**2
        assert found <= squared(without_means(member, kinds))
    assert found >= -10 * RAD * root(squared(fractions(M))).hi  # a bound, not nothing


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("middle", MIDDLES)
def test_what_is_left_of_exact_data_is_exact(middle, kinds):
    M = np.array(middle, dtype=float)
    grid = Exact().load(Array((M.size,), array("d", M.reshape(-1))))
    true = squared(without_means(fractions(M), kinds))
    assert centred_squares(Exact(), fan(*M.shape, kinds), grid) == true
    assert tail(Exact(), fan(*M.shape, kinds), grid) == true


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("tier", [Exact, Rounded])
def test_the_tail_of_a_matrix_is_the_sum_of_its_small_squared_singular_values(tier, rank):
    rng = np.random.default_rng(6)
    for m, n in product((3, 4), repeat=2):
        M = rng.integers(-8, 9, (m, n)).astype(float)
        s = sorted(mp.svd_r(mp.matrix(M.tolist()), compute_uv=False))
        small = rational(mp.fsum(x * x for x in s[: max(min(m, n) - rank, 0)]))
        size, near = min(m, n), NEAR * int((M * M).sum())
        gram = M @ M.T if n >= m else M.T @ M
        values, vectors = np.linalg.eigh(gram)
        above = max(float(values[size - rank - 1]), 0.0) if rank < size else 0.0
        for t, slack in ((above + 2.0**-10, 2 * rank * 2.0**-10 + 2.0**-20), (above + 1.0, 9.0)):
            K = (vectors * np.sqrt(np.maximum(values - above, 0)))[:, size - min(rank, size) :]
            L = np.linalg.cholesky(t * np.eye(size) - gram + K @ K.T)
            packed = Array((size * (size + 1) // 2,), array("d", L[np.tril_indices(size)]))
            shift = {"shift": "{:x}/{:x}".format(*t.as_integer_ratio())}
            ar = tier()
            held = Fan(
                Pattern(m, n),
                rank,
                frozenset(),
                int(n < m),
                Array(K.shape, array("d", K.reshape(-1))),
                Evidence(shift, Arrays({"L": packed}, "proof"), "proof.ky_fan"),
            )
            found = tail(ar, held, ar.load(Array((m * n,), array("d", M.reshape(-1)))))
            assert small - Fraction(slack) <= found <= small + near


@pytest.mark.parametrize("design", [[[1.0], [0.0]], [[1.0, 0.0], [0.0, 1.0]]])
def test_covariates_fit_as_many_ranks_as_they_have_columns(design):
    # diag(2, 1) is a slice (0, 1)(0, 1)^T beside a covariate (1, 0) times (2, 0): it costs nothing
    a = Array((2, len(design[0])), array("d", [x for row in design for x in row]))
    ends = [Array((2, 1), array("d", [0.0, 1.0]))] * 2
    pair = Pair(Pattern(2, 2), L2(2), L2(2))
    bare = asked_of(pair, [2.0, 0.0, 0.0, 1.0], ends, [Linear(design=a)])
    asked = replace(bare, claim="rank", lam=Fraction(0))
    witness = {"K": Array((2, 0), array("d")), "mu.q0": filled((a.shape[1], 2), 0.0)}
    proof = {"ky_fan": {"axis": 0, "shift": "4"}}
    found = fixed_rank(Exact(), asked, Evidence(proof, Arrays(witness, "proof")), Fraction(0))
    assert found == Bound(Fraction(0), ("ky_fan",))
    free = replace(asked, offsets=())  # of rank one alone, half the least square is left
    alone = {"K": witness["K"]}
    found = fixed_rank(Exact(), free, Evidence(proof, Arrays(alone, "proof")), Fraction(0))
    assert found.value == Fraction(1, 2)


@pytest.mark.parametrize("held", ["K", "blocks"])
@pytest.mark.parametrize("what", ["statement.loss", "statement.offsets"])
def test_a_rank_bound_is_of_least_squares_and_of_tensors_without_offsets(held, what):
    l2, at = L2(1), Pattern(1, 1, dims=(1, 1, 1))
    tensor = what == "statement.offsets"
    pair = Modes(at, (l2,) * 3) if tensor else Pair(Pattern(1, 1), l2, l2)
    offsets = [Linear(design=filled((1, 1), 1.0))] if tensor else []
    bare = asked_of(pair, [2.0], [Array((1, 0), array("d"))] * len(pair.norms), offsets)
    loss = bare.loss if tensor else Absolute()
    asked = replace(bare, claim="rank", lam=Fraction(0), loss=loss)
    K = {"K": Array((1, 0), array("d"))} if held == "K" else {}
    proof = {"ky_fan": {"axis": 0, "shift": "4"}} if held == "K" else {"blocks": []}
    with pytest.raises(RejectedError) as error:
        fixed_rank(Exact(), asked, Evidence(proof, Arrays(K, "proof")), Fraction(0))
    assert (error.value.where, error.value.code) == (what, "scope")
    trivial = fixed_rank(Exact(), asked, Evidence({}, Arrays({}, "proof")), Fraction(0))
    assert trivial == Bound(Fraction(0), ("trivial",))
