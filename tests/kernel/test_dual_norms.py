"""What a line, a flow, a level or a tree of groups proves is at least what is attained."""

from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify import norms
from certify.base.rigor.rounded import Ball, Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.dual import dual_value
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import (
    L1,
    L2,
    NORMS,
    Elastic,
    Groups,
    LInf,
    Variation,
    Weighted,
    outside_cone,
)
from certify.kernel.patterns import Pattern
from certify.kernel.rules.layers import deep_bound
from certify.kernel.rules.lines import lines
from certify.kernel.rules.spectral import spectral
from certify.kernel.spaces import Deep, Modes, Pair
from certify.kernel.values import theta, thetas
from tests.kernel.test_corrections import asked_of, dual, numbers
from tests.references import NEAR, mp, rational

TIERS = pytest.mark.parametrize("tier", [Exact, Rounded])
LEAST = Fraction(1, 2**1000)  # what underflows
NOTHING = Arrays({}, "proof")
VECTORS = [x for x in product(range(-2, 3), repeat=3) if any(x)]


def inner(y, x):
    return sum((Fraction(a) * b for a, b in zip(y, x, strict=True)), Fraction(0))


# --- norms with a witness: sup <y, x> over |x| <= 1 -------------------------------------------

YS = [(1, -1, 0), (-1, 1, 0), (3, 1, -2), (0, 0, 5), (-2, -2, -2)]


@pytest.mark.parametrize("rho", [Fraction(1, 4), Fraction(2), Fraction(0)])
@pytest.mark.parametrize("y", YS)
@pytest.mark.parametrize("flow", [(), (1, 0), (-1, 0), (3, 2), (-3, -2), (0.5, -0.5)])
@pytest.mark.parametrize("cone", ["*", "+", "-"])
def test_a_flow_proves_no_less_than_is_attained(rho, y, flow, cone):
    n = Variation(3, cone, rho=rho, ends=array("q", [0, 1, 1, 2]))
    aimed = [Fraction(v) for v in y], [Fraction(f) for f in flow]
    found = n.dual_norm(*aimed)
    for x in VECTORS:
        if outside_cone(n, numbers(x, 3, 1)) is None:
            size = n.lengths([float(v) for v in x])[0].hi
            assert inner(y, x) <= found * size


def test_a_flow_that_carries_everything_is_sharp():
    n = Variation(2, rho=Fraction(1, 2), ends=array("q", [0, 1]))
    for sign in (1, -1):  # B^T f = y, so the bound is |f| / rho = 2: less than |y| / ...
        aimed = [Fraction(sign), Fraction(-sign)], [Fraction(sign)]
        assert n.dual_norm(*aimed) == 2


@pytest.mark.parametrize("alpha", [Fraction(0), Fraction(1, 2), Fraction(3, 4), Fraction(1)])
@pytest.mark.parametrize("y", YS)
@pytest.mark.parametrize("level", [-6, -1, 0, Fraction(1, 2), 1, 2, 3, 5, None])
def test_a_level_proves_no_less_than_is_attained(alpha, y, level):
    n = Elastic(3, "*", alpha=alpha)
    held = None if level is None else Fraction(level)
    found = n.dual_norm([Fraction(v) for v in y], level=held)
    for x in VECTORS:
        size = n.lengths([float(v) for v in x])[0].hi
        assert inner(y, x) <= found * size


@pytest.mark.parametrize("alpha", [Fraction(0), Fraction(1, 4), Fraction(7, 8), Fraction(1)])
def test_the_level_of_an_elastic_norm_is_found_without_evidence(alpha):
    """Against the norm's own dual in floats; and no smaller level passes."""
    rng = np.random.default_rng(0)
    for k in range(12):
        y = rng.integers(-9, 10, 1 + k % 5) * (rng.random(1 + k % 5) < 0.8)
        n = Elastic(len(y), "*", alpha=alpha)
        found = n.dual_norm([Fraction(int(v)) for v in y])
        truth = float(norms.Elastic(float(alpha)).dual(y.astype(float)))
        assert abs(float(found) - truth) <= 1e-14 * truth
        less = found * (1 - Fraction(1, 2**60))
        assert not found or n.dual_norm([Fraction(int(v)) for v in y], level=less) > less


# --- lines: sup u^T W v over an l1 ball and another, in their cones ---------------------------

VERTICES = {
    "l1": [(1, 0), (0, 1), (-1, 0), (0, -1)],
    "linf": list(product((-1, 0, 1), repeat=2)),
    "l2": [
        (1, 0),
        (0, 1),
        (-1, 0),
        (0, -1),
        *((a * Fraction(3, 5), b * Fraction(4, 5)) for a, b in product((-1, 1), repeat=2)),
    ],
}


def inside(x, cone):
    return all({"*": True, "+": v >= 0, "-": v <= 0}[cone] for v in x)


@TIERS
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(("outer", "own"), list(product("*+-", repeat=2)))
@pytest.mark.parametrize("name", VERTICES)
def test_lines_are_the_supremum_over_both_cones(tier, flipped, outer, own, name):
    rng = np.random.default_rng(1)
    left, right = L1(2, outer), NORMS[name](2, own)
    for _ in range(6):
        W = rng.integers(-4, 5, (2, 2))
        us = [u for u in VERTICES["l1"] if inside(u, outer)]
        vs = [v for v in VERTICES[name] if inside(v, own)]
        true = max(
            sum(u[i] * int(W[i, j]) * v[j] for i in (0, 1) for j in (0, 1))
            for u, v in product(us, vs)
        )
        pair = Pair(Pattern(2, 2), right, left) if flipped else Pair(Pattern(2, 2), left, right)
        ar = tier()
        field = ar.load(numbers(W.T if flipped else W))
        found = lines(ar, pair, field, Evidence({}, NOTHING))
        assert found >= true
        if name != "l2":
            assert found <= max(true, 0) * (1 + Fraction(1, 2**30)) + LEAST


@pytest.mark.parametrize("axis", [0, 1])
def test_a_spectral_bound_holds_for_every_member_of_a_ball(axis):
    pair = Pair(Pattern(1, 1), L2(1), L2(1))
    proof = {"rule": "spectral", "axis": axis, "shift": "9"}
    found = spectral(
        Rounded(), pair, Ball(np.array([3.0]), Fraction(1, 4)), Evidence(proof, NOTHING)
    )
    assert found >= Fraction(13, 4)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_deep_bound_holds_for_every_member_of_a_ball(axis):
    net = Deep(Pattern(1, 1), numbers([1.0], 1, 1), (1, 1, 1), Fraction(-2))
    part = {"axis": axis, "shift": "9"}
    proof = {"rule": "layers", "W": part, "F": {"axis": axis, "shift": "1"}}
    found = deep_bound(
        Rounded(), net, Ball(np.array([3.0]), Fraction(1, 4)), Evidence(proof, NOTHING)
    )
    assert found >= 2 * Fraction(13, 4)


def test_only_deep_networks_without_kinks_are_matrices():
    of = {"rule": "spectral", "axis": 1, "shift": "9"}
    for slope, good in ((Fraction(1), True), (Fraction(-2), False), (Fraction(0), False)):
        net = Deep(Pattern(1, 1), numbers([1.0], 1, 1), (1, 1, 1), slope)
        held = Ball(np.array([3.0]), Fraction(0))
        if good:
            assert (
                deep_bound(Rounded(), net, held, Evidence({"rule": "linear", "of": of}, NOTHING))
                >= 3
            )
            continue
        with pytest.raises(RejectedError, match="slope") as caught:
            deep_bound(Rounded(), net, held, Evidence({"rule": "linear", "of": of}, NOTHING))
        assert (caught.value.where, caught.value.code) == ("proof.polar.rule", "wrong_rule")


# --- the value of a dual point under weights that divide to no end ------------------------------


@TIERS
def test_a_weighted_dual_value_is_rounded_down(tier):
    ar, raw, Y, weights = tier(), [2, -1, 5], [3, 5, 1], [3.0, 7.0, 11.0]
    pair = Pair(Pattern(3, 1), L2(3), L2(1))
    bare = asked_of(pair, Y, (numbers([], 3, 0), numbers([], 1, 0)))
    asked = replace(bare, weights=numbers(weights))
    size = sum(Fraction(w * w) / Fraction(c) for w, c in zip(raw, weights, strict=True))
    true = inner(raw, Y) - size / 2
    found = dual_value(ar, asked, dual(ar, raw), Fraction(0), Fraction(1))
    assert true - Fraction(1, 2**30) <= found <= true


# --- theta: the price of a slice ------------------------------------------------------------------

PRICED = {
    "l1": L1(2),
    "l2": L2(2),
    "linf": LInf(2),
    "elastic": Elastic(2, alpha=Fraction(1, 4)),
    "group": Groups(2, outer="l1", groups=array("q", [0, 1])),
    "variation": Variation(2, rho=Fraction(1, 2), ends=array("q", [0, 1])),
    "weighted": Weighted(2, weights=array("d", [2.0, 3.0])),
}


def size_of(name, x):
    """Return a norm at 100 digits, from its definition."""
    a, b = (mp.mpf(v) for v in x)
    return {
        "l1": abs(a) + abs(b),
        "l2": mp.sqrt(a * a + b * b),
        "linf": max(abs(a), abs(b)),
        "elastic": (abs(a) + abs(b)) / 4 + 3 * mp.sqrt(a * a + b * b) / 4,
        "group": abs(a) + abs(b),
        "variation": abs(a - b) / 2 + mp.sqrt(a * a + b * b),
        "weighted": mp.sqrt(2 * a * a + 3 * b * b),
    }[name]


def test_the_square_of_a_sum_of_roots_is_enclosed():
    size, square = Groups(2, outer="l1", groups=array("q", [0, 0])).lengths([1.0, 1.0])
    assert size.lo**2 <= 2 <= size.hi**2
    assert square.lo <= 2 <= square.hi


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("names", [*product(PRICED, repeat=2), ("l2", "l1", "linf"), ("l2",) * 3])
def test_the_price_of_a_slice_is_enclosed(form, names):
    count = len(names)
    norms = tuple(PRICED[name] for name in names)
    dims = (2,) * count
    at = Pattern(2, 2 ** (count - 1), dims=dims)
    pair = Pair(at, *norms) if count == 2 else Modes(at, norms)
    asked = asked_of(pair, [0] * at.size, [numbers([], 2, 0)] * count)
    asked = replace(asked, form=form)
    for xs in product([(3.0, 1.0), (1.0, -2.0), (0.1, 0.7)], repeat=count):
        sizes = [size_of(name, x) for name, x in zip(names, xs, strict=True)]
        true = mp.fsum(s**count for s in sizes) / count if form == "sum" else mp.fprod(sizes)
        found = theta(asked, [list(x) for x in xs])
        slack = NEAR * 100
        assert found.lo - slack <= rational(true) <= found.hi + slack
        assert found.hi - found.lo <= Fraction(1, 2**90)
        both = thetas(asked, [numbers([x[0], 1.0, x[1], 0.0], 2, 2) for x in xs])
        assert both.lo >= found.lo  # one slice more is paid, too
