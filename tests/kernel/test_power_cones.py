"""The rule `cones` of symmetric tensors: never below the truth, sharp once grown, lies refused."""

from array import array
from fractions import Fraction
from itertools import product
from math import prod
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.atoms import CP
from certify.base.rigor.flint import Flint
from certify.base.rigor.layout import sum_permutations
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L1, L2, LInf
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.spaces import Modes
from certify.norms import gauge
from certify.polar.ascent.products import attain
from certify.polar.branching.cones import Grown
from certify.polar.branching.powers import few_powers, power_proposal
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from tests.kernel.test_cones import drawn, points
from tests.kernel_cases import as_tree

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}


def bound(make, T, norm, tree, *, symmetric=True):
    """Return what a tree proves of a tensor."""
    ar, dims = make(), T.shape
    at = Pattern(dims[0], prod(dims[1:]), dims=dims)
    w = ar.load(Array((T.size,), array("d", T.reshape(-1).tolist())))
    return polar_bound(
        ar, Modes(at, (norm,) * T.ndim, symmetric), w, Evidence({"rule": "cones"}, as_tree(tree))
    )


def power(T, x):
    """Return <T, x o ... o x> exactly."""
    places = product(range(len(x)), repeat=T.ndim)
    return sum(int(T[i]) * prod(int(x[k]) for k in i) for i in places)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_tree_of_a_power_is_below_the_truth(seed):
    rng = np.random.default_rng(seed)
    d, order = int(rng.integers(1, 4)), int(rng.integers(3, 5))
    norm = rng.choice([L2, L1, LInf])(d, str(rng.choice(["*", "+", "-"])))
    T = rng.integers(-4, 5, (d,) * order).astype(float)
    roots = 1 if norm.cone != "*" else 2 ** (d - 1 + order % 2)
    tree = drawn(rng, roots, d, depth=4)
    bounds = [bound(make, T, norm, tree) for make in TIERS.values()]
    for x in points(rng, norm):
        size = norm.lengths(x.tolist())[0].hi
        truth = power(T, x) / size**order
        assert all(truth <= b * (1 + Fraction(1, 2**90)) for b in bounds)
    assert bounds[0] == bounds[1] <= bounds[2] <= bounds[0] + Fraction(1, 2**20)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("cone", ["", "+", "-"])
@pytest.mark.parametrize("order", [3, 4])
def test_a_grown_tree_reaches_the_largest_sum(tier, cone, order):
    """(x_1 + x_2)^K is 2^(K/2) at (1, 1), and of an odd order at most 0 where x <= 0."""
    T = np.ones((2,) * order)
    norm = gauge("l2" + cone)
    grown = power_proposal(ProductQuery(T, (norm,) * order, symmetric=True), 0.0)
    codes = np.ascontiguousarray(grown.proof["tree"]).view(np.uint8).tolist()
    found = bound(TIERS[tier], T, L2(2, cone or "*"), codes)
    truth = 0 if cone == "-" and order == 3 else 2 ** (order / 2)
    assert truth * (1 - 1e-15) <= found <= truth * (1 + 2**-18)
    assert found <= grown.upper


@pytest.mark.parametrize("seed", [0, 1])
def test_the_bound_of_a_grown_tree_over_a_cube_is_the_rule_s(seed):
    """Slopes of the largest coordinates depend on their order, which is that of the rule."""
    T = sum_permutations(np.random.default_rng(seed).standard_normal((4, 4, 4)))
    query = ProductQuery(T, (gauge("linf"),) * 3, symmetric=True)
    value = attain(T, query.gauges, symmetric=True)[0]
    grown = power_proposal(query, value)
    codes = np.ascontiguousarray(grown.proof["tree"]).view(np.uint8).tolist()
    found = bound(Exact, T, LInf(4), codes)
    assert grown.upper * (1 - 1e-9) <= found <= grown.upper
    assert found <= value * (1 + 1e-9)


def test_a_symmetric_tensor_of_few_coordinates_is_bounded_by_cones():
    """x_1 x_2 x_3 - x_1^3 over x >= 0 is largest at x_2 = x_3: x_1 / 2 - 3 x_1^3 / 2 = 1 / 9."""
    T = np.zeros((3, 3, 3))
    T[0, 1, 2] = 1.0
    T[0, 0, 0] = -1.0
    query = ProductQuery(T, (gauge("l2+"),) * 3, symmetric=True)
    found = propose(query)
    assert found.proof["rule"] == "cones"
    assert abs(found.upper - 1 / 9) < 1e-7


CUBE = np.zeros((2, 2, 2))
CUBE[0, 0, 0] = 1.0


@pytest.mark.parametrize("tier", TIERS)
def test_a_negative_orthant_counts_where_x_is_free(tier):
    values = [bound(TIERS[tier], -CUBE, L2(2, c), [0] * n) for c, n in (("*", 4), ("+", 1))]
    assert values[0] >= 1
    assert 0 <= values[1] <= Fraction(1, 2**40)  # floats round the sum over all orders


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("norm", "codes", "where", "code"),
    [
        (L2(2), [1] * 8, "proof.tree", "tree"),  # cones are left
        (L2(2), [0, 0, 0, 0, 1], "proof.tree", "tree"),  # codes are left
        (L2(2, "+"), [2, 0, 0], "proof.tree", "outside"),
        (L2(2, "+"), [0] * 16, "proof.tree", "tree"),
    ],
)
def test_a_lie_about_the_tree_of_a_power_is_refused(tier, norm, codes, where, code):
    with pytest.raises(RejectedError) as refused:
        bound(TIERS[tier], CUBE, norm, codes)
    assert (refused.value.where, refused.value.code) == (where, code)


@pytest.mark.parametrize("tier", TIERS)
def test_factors_that_differ_have_no_cones(tier):
    with pytest.raises(RejectedError) as refused:
        bound(TIERS[tier], CUBE, L2(2), [0] * 4, symmetric=False)
    assert (refused.value.where, refused.value.code) == ("proof.polar.rule", "wrong_rule")


def test_entries_between_two_floats_are_taken_at_their_larger_end():
    """The sum of 6 entries of 0.1, which floats round: what is proved is no less."""
    T = np.full((1, 1, 1), 0.1)
    for tier in TIERS.values():
        for cone, sign in (("+", 1), ("-", -1)):
            assert bound(tier, sign * T, L2(1, cone), [0]) >= Fraction(0.1)


@pytest.mark.parametrize(("key", "d", "order", "seed"), [("l1", 2, 5, 2), ("l1+", 4, 3, 4)])
def test_a_symmetric_tensor_of_l1_factors_is_bounded_by_cones(key, d, order, seed):
    """Where the bound by slices is 68 and 48 % above what is attained."""
    T = np.random.default_rng(seed).standard_normal((d,) * order)
    polar = CP(key, symmetric=True, order=order).polar(T)
    assert polar.proof["rule"] == "cones"
    assert polar.lower <= polar.upper <= polar.lower * (1 + 1e-9)


@pytest.mark.parametrize(("key", "d", "seed"), [("linf", 3, 2), ("linf+", 3, 3), ("linf-", 3, 1)])
def test_a_symmetric_tensor_of_linf_factors_is_bounded_by_cones(key, d, seed):
    """Where the largest x has two largest coordinates no cone's |x| is linear but at the tie."""
    T = np.random.default_rng(seed).standard_normal((d,) * 3)
    polar = CP(key, symmetric=True, order=3).polar(T)
    assert polar.proof["rule"] == "cones"
    assert polar.lower <= polar.upper <= polar.lower * (1 + 1e-6)


@pytest.mark.parametrize(
    ("key", "d", "order"),
    [("l1", 5, 3), ("l1+", 8, 3), ("l1", 4, 4), ("linf+", 5, 3)],
)
def test_more_coordinates_of_l1_and_linf_are_bounded_by_cones(key, d, order):
    T = np.random.default_rng(1).standard_normal((d,) * order)
    found = propose(ProductQuery(T, (gauge(key),) * order, symmetric=True))
    lower = attain(T, (gauge(key),) * order, symmetric=True, seed=0)[0]
    assert lower * (1 - 1e-9) <= found.upper <= lower * (1 + 1e-9)


@pytest.mark.thorough
def test_cones_of_l2_with_a_sign_close_what_relaxations_leave():
    T = np.random.default_rng(1).standard_normal((6, 6, 6))
    query = ProductQuery(T, (gauge("l2+"),) * 3, symmetric=True)
    assert not few_powers(query)
    found = propose(query)
    assert found.proof["rule"] == "cones"
    assert found.upper <= 1.001 * attain(T, query.gauges, symmetric=True, seed=0)[0]


@pytest.mark.parametrize(
    ("key", "d", "order", "few"),
    [
        ("l1", 8, 3, True),
        ("l1", 9, 3, False),
        ("l1", 8, 5, False),
        ("linf-", 4, 3, True),
        ("linf", 5, 3, False),
        ("l2+", 4, 3, True),
        ("l2+", 5, 3, False),
        ("l2", 3, 3, False),
    ],
)
def test_cones_come_first_where_they_are_few(key, d, order, few):
    assert few_powers(ProductQuery(np.zeros((d,) * order), (gauge(key),) * order, True)) is few


@pytest.mark.parametrize(
    ("key", "d", "few"), [("l2-", 6, True), ("l2+", 7, False), ("linf", 6, True), ("l1", 9, False)]
)
def test_cones_come_late_where_relaxations_leave_something(key, d, few):
    query = ProductQuery(np.zeros((d, d, d)), (gauge(key),) * 3, True)
    assert few_powers(query, late=True) is few


def grown(monkeypatch, uppers, left=0.0, **allowed):
    """Propose by trees with these bounds; return the bound, and the aim and room of each tree."""
    met, out = [], iter(uppers)

    def grow(_cones, aims, _expired, *, most, gaps):
        assert gaps[-1] < 2.0**-30
        met.append((aims[0], most))
        made = Grown(roots=1, count=100, upper=next(out), left=left)
        made.code, made.first = np.zeros(1, dtype=int), np.zeros(1, dtype=int)
        return made

    monkeypatch.setattr("certify.polar.branching.powers.grow_codes", grow)
    T = np.random.default_rng(0).standard_normal((2, 2, 2))
    query = ProductQuery(T, (gauge("l1+"),) * 3, True, **allowed)
    return power_proposal(query, 1.0).upper, met


def test_trees_for_larger_bounds_come_first(monkeypatch):
    upper, met = grown(monkeypatch, [1.4, 1.1, 1.02, 1.003, 1.0001, 1.0])
    assert [aim for aim, _ in met] == [1.5, 1.125, 1 + 2.0**-5, 1 + 2.0**-8, 1 + 2.0**-12, 1.0]
    assert upper == pytest.approx(1.0, rel=1e-9)


def test_trees_that_are_cut_short_are_the_last(monkeypatch):
    upper, met = grown(monkeypatch, [1.7], left=0.5)
    assert len(met) == 1
    assert upper == pytest.approx(1.7, rel=1e-9)


def test_the_exact_proof_of_a_tree_has_its_part_of_the_time(monkeypatch):
    rooms = [
        grown(monkeypatch, [0.9], deadline=monotonic() + left)[1][0][1] for left in (0.001, 0.01)
    ]
    assert rooms[0] < 50
    assert 5 * rooms[0] < rooms[1] < 500
