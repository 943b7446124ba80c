"""The rule `corners`: exactly the largest dual norm over all corners, and lies are refused."""

from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array, Arrays
from certify.kernel.budget import Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L1, L2, Elastic, LInf, Variation
from certify.kernel.patterns import Pattern
from certify.kernel.rules.corners import corners
from certify.kernel.spaces import Modes, Pair
from certify.norms import gauge
from certify.polar.methods.corners import largest_corner
from certify.polar.proved import as_kernel_array

NOTHING = Arrays({}, "proof")
ENDS = {"*": (-1, 1), "+": (0, 1), "-": (-1, 0), "0": (0,)}
TIERS = (Exact, Flint, Rounded)


def bound(space, W, proof, given=NOTHING, ar=None):
    ar = ar or Exact()
    w = ar.load(as_kernel_array(np.asarray(W, dtype=float).reshape(-1)))
    return corners(ar, space, w, Evidence({"rule": "corners", **proof}, given))


def truth(W, axis, norms):
    """Return the largest dual norm of a line over all corners, with both signs of each."""
    T, best = np.moveaxis(W.astype(int).astype(object), axis, -1), Fraction(0)
    cubes = [n for k, n in enumerate(norms) if k != axis]
    every = [[*product(*(ENDS[n.sign(i)] for i in range(n.size)))] for n in cubes]
    for corner in product(*every):
        line = T
        for x in corner:
            line = sum(c * part for c, part in zip(x, line, strict=True))
        best = max(best, norms[axis].dual_norm([*map(Fraction, line)]))
    return best


def space_of(norms):
    sizes = tuple(n.size for n in norms)
    if len(norms) == 2:
        return Pair(Pattern(*sizes), *norms)
    return Modes(Pattern(sizes[0], int(np.prod(sizes[1:])), dims=sizes), norms)


def drawn(seed):
    """Return (norms, axis, W)."""
    rng = np.random.default_rng(seed)
    order = int(rng.integers(2, 5))
    sizes, axis = rng.integers(1, 4 if order < 4 else 3, order), int(rng.integers(order))
    signs = [rng.choice(["*", "+", "-", "".join(rng.choice(list("*+-0"), n))]) for n in sizes]
    kinds = [LInf] * order
    kinds[axis] = (LInf, L1, L2)[rng.integers(3)]
    norms = tuple(kind(int(n), s) for kind, n, s in zip(kinds, sizes, signs, strict=True))
    return norms, axis, rng.integers(-4, 5, sizes).astype(float)


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_three_arithmetics_prove_the_largest_corner(seed):
    norms, axis, W = drawn(seed)
    wanted = truth(W, axis, norms)
    for tier in TIERS:
        assert bound(space_of(norms), W, {"axis": axis}, ar=tier()) == wanted


@given(st.integers(0, 10**6), st.sampled_from(["linf", "l2", "l2+", "linf-"]))
def test_the_proposal_is_the_bound_and_is_attained(seed, key):
    rng = np.random.default_rng(seed)
    W = rng.integers(-4, 5, (3, 2, 4)).astype(float)
    gauges = (gauge("linf"), gauge(str(rng.choice(["linf", "linf+"]))), gauge(key))
    found = largest_corner(W, gauges)
    norms = [
        {"linf": LInf, "l2": L2}[g.name](n, g.cone or "*")
        for g, n in zip(gauges, W.shape, strict=True)
    ]
    proved = bound(space_of(tuple(norms)), W, {"axis": found.proposal.proof["axis"]})
    value = np.einsum("ijk,i,j,k", W, *found.xs)
    assert float(proved) <= found.proposal.upper <= value * (1 + 1e-12) + 1e-9


def test_a_sign_that_no_factor_takes_counts_twice():
    W = np.array([[1.0, -3.0]])  # u in [-1, 1], v >= 0: at u = -1 alone it is 3
    assert bound(Pair(Pattern(1, 2), LInf(1), L2(2, "+")), W, {"axis": 1}) == 3
    cubes = (LInf(1), LInf(1), L2(2, "+"))
    assert bound(Modes(Pattern(1, 2, dims=(1, 1, 2)), cubes), W, {"axis": 2}) == 3


def test_norms_with_evidence_use_it():
    W = np.array([[3.0, 1.0], [1.0, 2.0]])
    elastic = Pair(Pattern(2, 2), LInf(2), Elastic(2, "*", Fraction(1, 2)))
    least, level, low = (
        bound(elastic, W, {"axis": 1, **more}) for more in ({}, {"level": "9/2"}, {"level": "4"})
    )
    assert 4 < least < level == Fraction(9, 2) < low == 5
    variation = Pair(Pattern(2, 2), LInf(2), Variation(2, "*", Fraction(1, 2), (0, 1)))
    flow = Arrays({"flow": Array((2, 1), array("d", [0.25, 0.25]))}, "proof")
    assert bound(variation, W, {"axis": 1}, flow) < bound(variation, W, {"axis": 1})


PAIR = Pair(Pattern(2, 2), LInf(2), L2(2))


@pytest.mark.parametrize(
    ("space", "proof", "given", "where", "code"),
    [
        (PAIR, {"axis": 0}, {}, "proof.polar.rule", "wrong_rule"),
        (PAIR, {"axis": 2}, {}, "proof.polar.axis", "axis"),
        (PAIR, {"axis": -1}, {}, "proof.polar.axis", "axis"),
        (PAIR, {"axis": True}, {}, "proof.polar.axis", "axis"),
        (PAIR, {}, {}, "proof.polar.axis", "axis"),
        (replace(PAIR, symmetric=True), {"axis": 1}, {}, "proof.polar.axis", "axis"),
        (PAIR, {"axis": 1, "level": "x"}, {}, "proof.polar.level", "number"),
        (PAIR, {"axis": 1}, {"flow": (3, 0)}, "proof.flow", "shape"),
    ],
)
def test_lies_are_refused(space, proof, given, where, code):
    arrays = {k: Array(s, array("d", bytes(8 * s[0] * s[1]))) for k, s in given.items()}
    with pytest.raises(RejectedError) as refused:
        bound(space, np.eye(2), proof, Arrays(arrays, "proof"))
    assert (refused.value.where, refused.value.code) == (where, code)


def test_many_corners_are_paid_for_before_they_are_met():
    ar = Exact()
    ar.budget = Budget(1 << 30)
    with pytest.raises(RejectedError) as refused:
        bound(Pair(Pattern(80, 2), LInf(80), L2(2)), np.ones((80, 2)), {"axis": 1}, ar=ar)
    assert refused.value.code == "limit"
