"""Scales and signed multipliers of the spectral rule, for every norm; norms as stated."""

from array import array

import numpy as np
import pytest

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array, Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L2, Groups, LInf, Weighted, norm
from certify.kernel.patterns import Pattern
from certify.kernel.rules.spectral import spectral
from certify.kernel.spaces import Pair
from certify.polar.proved import as_kernel_array
from tests.unit_balls import LEFT, RIGHT, SLACK, M, N, Sharp, attained

TIERS = pytest.mark.parametrize("tier", [Sharp, Exact, Flint, Rounded])


def bound(tier, pair, W, **arrays):
    held = {
        k.replace("_", "."): as_kernel_array(np.asarray(a, dtype=float)) for k, a in arrays.items()
    }
    ar = tier()
    w = ar.load(as_kernel_array(np.asarray(W, dtype=float).reshape(-1)))
    proof = {"axis": int(pair.at.n <= pair.at.m), "shift": "0"}
    return spectral(ar, pair, w, Evidence(proof, Arrays(held, "proof")))


def agreeing(pair, rng):
    """Random multipliers of the signs that each rule allows."""
    met = {"+": 1, "-": -1, "0": 5, "*": 0}
    signs = [[met[n.sign(i)] for i in range(n.size)] for n in (pair.left, pair.right)]
    N_, M_ = (rng.integers(0, 5, s) / 4.0 for s in ((M, N), (N, N)))
    out = {}
    if "*" not in (pair.left.cone, pair.right.cone):
        out["N"] = (N_ * np.sign(np.outer(*signs))).reshape(-1)
    if pair.right.cone != "*":
        out["M"] = (M_ + M_.T) * np.sign(np.outer(signs[1], signs[1]))
    return out


@pytest.mark.sampled(4)
@TIERS
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("right", RIGHT)
def test_no_scale_bounds_below_what_is_attained(tier, left, right):
    rng = np.random.default_rng(11)
    pair = Pair(Pattern(M, N), LEFT[left], RIGHT[right])
    for k in range(12 if tier is Sharp else 3):
        W = rng.integers(-8, 9, (M, N)) / 4.0
        scales = {
            "scale_left": rng.integers(1, 9, M) / 4.0,
            "scale_right": rng.integers(1, 9, N) / 8,
        }
        chosen = dict(list(scales.items())[: k % 3]) | agreeing(pair, rng)
        found = float(bound(tier, pair, W, **chosen))
        assert found >= attained(W, pair.left, pair.right, rng) - SLACK


def test_scales_are_sharp_for_weights_and_for_rows_of_a_cube():
    weighted = Pair(Pattern(1, 2), L2(1), Weighted(2, weights=array("d", [4.0, 0.25])))
    found = bound(Sharp, weighted, [[3.0, 1.0]], scale_right=[0.5, 2.0])
    assert float(found) == pytest.approx(6.25**0.5, abs=SLACK)  # |(3/2, 2)|_2
    cube = Pair(Pattern(1, 2), L2(1), LInf(2))
    found = bound(Sharp, cube, [[4.0, 1.0]], scale_right=[0.5, 1.0])  # s^2 like 1 / |w|
    assert float(found) == pytest.approx(5.0, abs=SLACK)


def test_a_radius_counts_where_there_is_no_scale():
    cubes = Pair(Pattern(2, 3), LInf(2), LInf(3))
    assert float(bound(Sharp, cubes, np.ones((2, 3)))) == pytest.approx(6, abs=SLACK)


def test_scales_of_listed_entries_are_those_of_the_dense_field():
    rows, cols = array("q", [0, 0, 1, 2]), array("q", [0, 1, 1, 0])
    W = np.array([[1.5, -2.0], [0.0, 0.5], [3.0, 0.0]])
    left, right = LEFT["weighted"], RIGHT["linf"]
    scales = {"scale_left": [1.5, 1.0, 0.5], "scale_right": [0.75, 2.0]}
    for tier in (Sharp, Exact, Flint, Rounded):
        dense = bound(tier, Pair(Pattern(3, 2), left, right), W, **scales)
        listed = Pair(Pattern(3, 2, rows, cols), left, right)
        found = bound(tier, listed, W[rows, cols], **scales)
        assert float(found) == pytest.approx(float(dense), rel=SLACK)


REFUSED = {
    "N of a free factor": ("l2", "l2+", {"N": np.zeros(6)}, "wrong_rule"),
    "N against a sign": ("linf-", "l2+", {"N": [0, 0, 0, 0.5, 0, 0]}, "sign"),
    "N beside a free coordinate": ("l2 mixed", "l2+", {"N": [0, 0, 0, 0, 0, 0.5]}, "sign"),
    "M of a free factor": ("l2", "l2", {"M": np.zeros((2, 2))}, "wrong_rule"),
    "M against a sign": ("l2", "l2+", {"M": [[0, -1], [-1, 0]]}, "sign"),
    "a scale of zero": ("l2", "l2", {"scale_left": [1, 0, 1]}, "sign"),
    "a negative scale": ("l2", "l2", {"scale_right": [1, -1]}, "sign"),
    "a scale of another length": ("l2", "l2", {"scale_right": [1, 1, 1]}, "shape"),
}


@TIERS
@pytest.mark.parametrize("name", REFUSED)
def test_a_witness_that_proves_nothing_is_rejected(tier, name):
    left, right, arrays, code = REFUSED[name]
    pair = Pair(Pattern(M, N), LEFT[left], RIGHT[right])
    with pytest.raises(RejectedError) as caught:
        bound(tier, pair, np.ones((M, N)), **arrays)
    assert caught.value.code == code


def stated(side, **arrays):
    given = {k: Array((len(a),), a) for k, a in arrays.items()}
    given = {
        k: Array((len(a.data) // 2, 2), a.data) if "edges" in k else a for k, a in given.items()
    }
    named = {k.replace("_", "."): a for k, a in given.items()}
    return norm({"left": side}, "left", 3, Arrays(named, "statement"))


WEIGHTS = {"norm": "weighted", "cone": ""}
GROUPS = {"norm": "group", "cone": "", "outer": "l1"}
EDGES = {"norm": "variation", "cone": "", "rho": "0x1p0"}
WRONG = {
    "no such key": ("l3", {}, "unknown"),
    "two signs": ("l2++", {}, "unknown"),
    "a number": (2, {}, "unknown"),
    "no such norm": ({"norm": "l3", "cone": ""}, {}, "unknown"),
    "no cone": ({"norm": "l2"}, {}, "cone"),
    "a cone of another length": ({"norm": "l2", "cone": "+-"}, {}, "cone"),
    "no such sign": ({"norm": "l2", "cone": "+x-"}, {}, "cone"),
    "nothing left": ({"norm": "l2", "cone": "000"}, {}, "cone"),
    "alpha above one": ({"norm": "elastic", "cone": "", "alpha": "0x1.8p0"}, {}, "sign"),
    "alpha below zero": ({"norm": "elastic", "cone": "", "alpha": "-0x1p-9"}, {}, "sign"),
    "a decimal": ({"norm": "elastic", "cone": "", "alpha": "0.5"}, {}, "number"),
    "no weights": (WEIGHTS, {}, "missing"),
    "a weight of zero": (WEIGHTS, {"left_weights": array("d", [1, 0, 1])}, "sign"),
    "no outer norm": ({"norm": "group", "cone": "", "outer": "l2"}, {}, "unknown"),
    "a negative group": (GROUPS, {"left_groups": array("q", [0, -1, 1])}, "outside"),
    "a group too many": (GROUPS, {"left_groups": array("q", [0, 3, 1])}, "outside"),
    "groups of floats": (GROUPS, {"left_groups": array("d", [0, 1, 1])}, "dtype"),
    "no such vertex": (EDGES, {"left_edges": array("q", [0, 3])}, "outside"),
    "a negative rho": ({**EDGES, "rho": "-0x1p0"}, {"left_edges": array("q", [0, 1])}, "sign"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_norm_that_is_none_is_rejected(name):
    side, arrays, code = WRONG[name]
    with pytest.raises(RejectedError) as caught:
        stated(side, **arrays)
    assert caught.value.code == code


def test_norms_are_read_as_stated():
    assert stated("linf-") == LInf(3, "-")
    assert stated({"norm": "l2", "cone": "++0"}) == L2(3, "++0")
    assert stated({"norm": "l2", "cone": "+++"}) == L2(3, "+")
    assert stated({"norm": "l2", "cone": ""}) == L2(3)
    groups = array("q", [0, 1, 0])
    assert stated(GROUPS, left_groups=groups) == Groups(3, outer="l1", groups=groups)
