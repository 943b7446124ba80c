"""The rule `cones` of tensors: never below the truth, sharp once grown, lies refused."""

from array import array
from collections import Counter
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
from certify.kernel.budget import FLOOR, PER_BYTE, Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.metered import Metered
from certify.kernel.norms import L1, L2, LInf
from certify.kernel.patterns import Pattern
from certify.kernel.rules.cones import factor_form, node_work
from certify.kernel.rules.polar import polar_bound
from certify.kernel.simplicial import (
    FINE,
    LEVEL,
    orthant,
    over_products,
    product_form,
    product_slopes,
)
from certify.kernel.spaces import Modes
from certify.norms import gauge
from certify.polar.ascent.products import attain
from certify.polar.branching.cones import Grown
from certify.polar.branching.factors import (
    Products,
    cones_proposal,
    few_factors,
    kept_mode,
    room_of,
)
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from tests.kernel.test_cones import drawn, points
from tests.kernel_cases import as_tree

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}


def bound(make, T, norm, tree, *, symmetric=True, **fields):
    """Return what a tree proves of a tensor."""
    ar, dims = make(), T.shape
    at = Pattern(dims[0], prod(dims[1:]), dims=dims)
    w = ar.load(Array((T.size,), array("d", T.reshape(-1).tolist())))
    proof = Evidence({"rule": "cones"} | fields, as_tree(tree))
    return polar_bound(ar, Modes(at, (norm,) * T.ndim, symmetric), w, proof)


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
    grown = cones_proposal(ProductQuery(T, (norm,) * order, symmetric=True), 0.0)
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
    grown = cones_proposal(query, value)
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


@pytest.mark.parametrize("axis", [0, 3, "", False])
def test_a_symmetric_tensor_has_no_axis(axis):
    with pytest.raises(RejectedError) as refused:
        bound(Exact, CUBE, L2(2, "+"), [0], axis=axis)
    assert (refused.value.where, refused.value.code) == ("proof.polar.axis", "axis")


def bound_of_factors(make, T, norms, axis, codes):
    """Return what a tree proves of a tensor whose factors differ."""
    ar, dims = make(), T.shape
    at = Pattern(dims[0], prod(dims[1:]), dims=dims)
    w = ar.load(Array((T.size,), array("d", T.reshape(-1).tolist())))
    proof = {"rule": "cones", "axis": axis}
    return polar_bound(ar, Modes(at, tuple(norms)), w, Evidence(proof, as_tree(codes)))


def product_of(T, xs):
    """Return <T, x1 o ... o xK> exactly."""
    return sum(
        int(T[i]) * prod(int(x[k]) for x, k in zip(xs, i, strict=True)) for i in np.ndindex(T.shape)
    )


def drawn_within(rng, roots, sizes, depth):
    """Return the codes of a random tree of cones of several factors."""
    pairs, out = sum(d * (d - 1) // 2 for d in sizes), []

    def go(k):
        split = k > 0 < pairs and rng.random() < 0.7
        out.append(int(rng.integers(1, pairs + 1)) if split else 0)
        for _ in range(2 * split):
            go(k - 1)

    for _ in range(roots):
        go(depth)
    return out


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_no_tree_of_factors_that_differ_is_below_the_truth(seed):
    """Also where one more sign of a factor would be needed: some points have every sign."""
    rng = np.random.default_rng(seed)
    order = int(rng.integers(3, 5))
    sizes = [int(d) for d in rng.integers(1, 4 if order == 3 else 3, order)]
    kinds = [rng.choice([L2, L1, LInf])] * order
    axis = int(rng.integers(order))
    kinds[axis] = rng.choice([L2, L1, LInf])
    norms = [
        kind(d, str(rng.choice(["*", "+", "-"]))) for kind, d in zip(kinds, sizes, strict=True)
    ]
    T = rng.integers(-4, 5, sizes).astype(float)
    _, signs, _ = factor_form(norms, axis)
    roots = prod(len(s) for each in signs for s in each)
    short = [d for k, d in enumerate(sizes) if k != axis]
    tree = drawn_within(rng, roots, short, 5)
    bounds = [bound_of_factors(make, T, norms, axis, tree) for make in TIERS.values()]
    for xs in zip(*(points(rng, norm) for norm in norms), strict=False):
        size = prod(n.lengths(x.tolist())[0].hi for n, x in zip(norms, xs, strict=True))
        truth = product_of(T, xs) / size
        assert all(truth <= b * (1 + Fraction(1, 2**90)) for b in bounds)
    assert bounds[0] == bounds[1] <= bounds[2] <= bounds[0] + Fraction(1, 2**20)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("cones", ["+++", "--+", "*+-", "**+", "***"])
def test_a_grown_tree_of_different_factors_reaches_the_largest_product(tier, cones):
    """Of a tensor of ones: the root of 12 at constant factors."""
    T, norms = np.ones((2, 3, 2)), [L2(d, c) for d, c in zip((2, 3, 2), cones, strict=True)]
    gauges = tuple(gauge("l2" + c.replace("*", "")) for c in cones)
    grown = cones_proposal(ProductQuery(T * (-1) ** cones.count("-"), gauges), 0.0)
    codes = np.ascontiguousarray(grown.proof["tree"]).view(np.uint8).tolist()
    T *= (-1) ** cones.count("-")
    found = bound_of_factors(TIERS[tier], T, norms, grown.proof["axis"], codes)
    assert 12**0.5 * (1 - 1e-15) <= found <= 12**0.5 * (1 + 2**-18)
    assert found <= grown.upper


@pytest.mark.parametrize("norm", [L2, LInf])
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_a_grown_tree_of_factors_is_the_rule_s(seed, norm):
    T = np.random.default_rng(seed).standard_normal((3, 5, 4))
    query = ProductQuery(T, (gauge(f"{norm(1).name}+"),) * 3)
    value = attain(T, query.gauges)[0]
    grown = cones_proposal(query, value)
    codes = np.ascontiguousarray(grown.proof["tree"]).view(np.uint8).tolist()
    norms = [norm(d, "+") for d in T.shape]
    assert grown.proof["axis"] == 1
    found = bound_of_factors(Exact, T, norms, 1, codes)
    assert grown.upper * (1 - 1e-9) <= found <= grown.upper <= value * (1 + 1e-9)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("norms", "axis", "codes", "refusal"),
    [
        ((L2(2),) * 3, None, [0] * 8, ("proof.polar.axis", "axis")),
        ((L2(2),) * 3, 3, [0] * 8, ("proof.polar.axis", "axis")),
        ((L2(2, "+"), LInf(2), L2(2)), 2, [0] * 4, ("proof.polar.rule", "wrong_rule")),
        ((L2(2, "+"),) * 3, 2, [3, 0, 0], ("proof.tree", "outside")),  # across two factors
        ((L2(2, "+"), L2(2), L2(2)), 0, [*[0] * 7, 1], ("proof.tree", "tree")),  # 8 orthants
    ],
)
def test_a_lie_about_cones_of_factors_is_refused(tier, norms, axis, codes, refusal):
    with pytest.raises(RejectedError) as refused:
        bound_of_factors(TIERS[tier], CUBE, norms, axis, codes)
    assert (refused.value.where, refused.value.code) == refusal


def test_every_orthant_that_no_other_factor_reaches_is_needed():
    """x1 y1 z1 with z >= 0: the sign of x1 y1 is free, and -x1 y1 z1 is as large."""
    norms = [L2(2), L2(2), L2(2, "+")]
    for T in (CUBE, -CUBE):
        assert bound_of_factors(Exact, T, norms, 2, [0] * 8) >= 1
    assert bound_of_factors(Exact, -CUBE, [L2(2, "+")] * 3, 2, [0]) == 0


@pytest.mark.parametrize(("cone", "least"), [("+", 1), ("-", 2), ("*", 2)])
def test_of_an_entry_between_two_numbers_the_worse_end_counts(cone, least):
    """An entry in [-2, 1], as outward rounding may give, under a last factor of each sign."""
    form = product_form([L2(1), L2(1)], L2(1, cone), [0, 1], tree=(0,))
    assert over_products(form, [[[1], [-2]]]) == least


def test_slopes_of_one_factor_differ_by_a_bounded_ratio():
    """Of a generator where nothing is earned n_j is 2^-20 times the largest, as in floats."""
    form, one = product_form([L2(2), L2(1)], L2(1, "+"), [0, 1]), 1 << FINE
    cone = orthant(form, (1, 1, 1))
    first = [*product_slopes(form, cone, [(0, 2), (1, 2)], [one, 0])][1]
    assert [x >> FINE - LEVEL for x in first] == [1 << LEVEL, 1, 1 << LEVEL]


def widened(monkeypatch, below, above):
    """Take each entry at a distance below and above."""
    monkeypatch.setattr(
        Exact,
        "spans",
        lambda _, x: ([v - below for v in x.ints], [v + above for v in x.ints], x.exp),
    )


def spent_on(cone):
    """Return the units of a tree, and what it proves, with a last factor of this cone."""
    ar, norms = Metered(Exact(), Budget()), [L2(2, "+"), L2(2, "+"), L2(2, cone)]
    found = bound_of_factors(lambda: ar, CUBE, norms, 2, [1, 0, 0])
    return ar.budget.spent, found


def test_a_tree_costs_the_same_where_entries_are_intervals(monkeypatch):
    """Unless the last factor is >= 0, both ends of each entry are paid for even if they are one."""
    point = [spent_on(cone)[0] for cone in "+*"]
    widened(monkeypatch, 1, 0)
    assert [spent_on(cone)[0] for cone in "+*"] == point
    assert point[0] < point[1]


def test_the_longer_end_of_an_entry_is_paid_for(monkeypatch):
    short = spent_on("+")[0]
    for ends in ((2**1000, 0), (0, 2**1000)):
        widened(monkeypatch, *ends)
        assert spent_on("+")[0] > 2 * short


def test_both_ends_of_an_entry_count_where_the_last_factor_has_both_signs(monkeypatch):
    """Of entries -1, but one 0, the product with constant factors is 7 / 8^(1/2)."""
    widened(monkeypatch, 1, 0)
    assert spent_on("*")[1] >= Fraction(247, 100)
    assert spent_on("+")[1] <= 2


def form_of(norm, sizes, last, modes=None):
    """Return the form of factors with this norm."""
    return product_form(
        [norm(d) for d in sizes], last, range(len(sizes)) if modes is None else modes
    )


PLUS, FREE = L2(7, "+"), L2(7)
WORKS = {  # (norm, sizes, last factor, modes, entries, bits) -> units of a node, each term of them
    "two": ((L2, (3, 5), PLUS, None, 105, 255), 5 * 2 * 105 + 16 * (15 + 6 * 23)),
    "two sides": ((L2, (3, 5), FREE, None, 105, 255), 5 * 2 * 210 + 16 * (15 + 6 * 23)),
    "fractions": ((L2, (3, 5), L1(7, "+"), None, 105, 1), 5 * 2 * 105 + 16 * (105 + 6 * 23)),
    "three": ((L2, (3, 5, 2), PLUS, None, 210, 1), 5 * 3 * 210 + 16 * (30 + 11 * 40)),
    "one": ((L2, (3,), L2(1, "+"), (0,) * 3, 27, 1), 3 * 3 * 27 + 16 * (27 + 2 * 30)),
    "one, linf": ((LInf, (3,), L2(1, "+"), (0,) * 3, 27, 1), 3 * 3 * 27 + 16 * (27 + 5 * 30)),
    "linf": ((LInf, (3, 5), PLUS, None, 105, 255), 5 * 2 * 105 + 16 * (15 + 11 * 23)),
    "long": ((L2, (3, 5), PLUS, None, 105, 600), 3 * (5 * 2 * 105 + 16 * (15 + 6 * 23))),
}


@pytest.mark.parametrize("name", WORKS)
def test_a_cone_of_factors_has_its_price(name):
    (*form, entries, bits), units = WORKS[name]
    assert node_work(form_of(*form), entries, bits) == units


@pytest.mark.parametrize(("depth", "long"), [(300, 0), (2048, 2 * 4 + 2 * 1024)])
def test_a_path_of_cones_of_factors_pays_for_integers_that_get_long(monkeypatch, depth, long):
    """Of k splits they have 2 k bits, and those of a node count floor(k / 1024)^2 times as well."""
    monkeypatch.setattr("certify.kernel.rules.cones.over_products", lambda *_: Fraction(0))
    asked = Counter()
    monkeypatch.setattr(Budget, "hold", lambda _, *what: asked.update({what: 1}))
    monkeypatch.setattr(Budget, "spend", lambda _, units, what: asked.update({what: units}))
    norms = [L2(2, "+"), L2(2, "+"), L2(3, "+")]
    bound_of_factors(
        lambda: Metered(Exact(), Budget()), np.ones((2, 2, 3)), norms, 2, [1, 0] * depth + [0]
    )
    work = node_work(form_of(L2, (2, 2), norms[2]), 12, 1)
    assert asked["cones"] == (2 * depth + 1 + 2**2 * long) * work
    assert asked[2 * 4 * (2 * 4 + 3 + 3), "cones that wait", 2 * depth] == 1


def test_slopes_over_cubes_are_as_many_as_the_largest_factor_has_coordinates():
    """And the one of the lengths, and for each factor one that starts with it."""
    form = form_of(LInf, (2,) * 8, L2(1, "+"))
    cone = orthant(form, (1,) * 16)
    corners = [*product(*form.parts)]
    assert len([*product_slopes(form, cone, corners, [1] * 256)]) == 1 + 1 + 8


def test_slopes_over_cubes_take_all_coordinates_of_a_factor_with_fewer():
    form = form_of(LInf, (1, 2), L2(1, "+"))
    cone = orthant(form, (1,) * 3)
    cone = cone._replace(generators=[[1, 0, 0], [0, 3, 1], [0, 2, 1]], sizes=[0, 1, 1])
    one = 1 << FINE
    _, first, second, *_ = product_slopes(form, cone, [(0, 1), (0, 2)], [one, one])
    assert first == [one, 3 * one, 2 * one]
    assert second == [one, 4 * one, 3 * one]
    G = np.array([cone.generators], dtype=float)
    floats = Products(form, np.ones((1, 2, 1))).flat_slopes(G, G.sum(axis=1))
    assert [n[0].tolist() for n in floats] == [[1, 3, 2], [1, 4, 3]]


def test_a_slope_that_would_round_to_zero_is_not_zero():
    """On a cone far from the one entry that counts, the least slope is below 2^-FINE."""
    T = np.zeros((2, 2, 1))
    T[0, 0, 0] = 1.0
    norms = [L2(2, "+"), L2(2, "+"), L2(1, "+")]
    found = bound_of_factors(Exact, T, norms, 2, [1] * 50 + [0] * 51)
    assert 1 <= found <= 2


def test_trees_of_few_factors_are_paid_for_by_their_bytes():
    """A node is a byte.  Of many entries the search keeps trees within what any file may ask."""
    for sizes, last in (((3, 4), 6), ((4, 5), 6), ((4, 6), 6), ((5, 5), 12)):
        form = form_of(L2, sizes, L2(last, "+"))
        assert node_work(form, prod(sizes) * last, 100) <= PER_BYTE
    dear = form_of(L2, (4, 6), L2(160))
    work = node_work(dear, 24 * 160, 1)
    assert work > PER_BYTE
    query = ProductQuery(np.ones((4, 6, 160)), (gauge("l2+"),) * 3, deadline=monotonic() + 1000)
    room = room_of(query, dear, np.ones((4, 6, 160)))
    assert FLOOR - (work - PER_BYTE) < room * (work - PER_BYTE) <= FLOOR
    wide = np.ones((4, 6, 160))
    wide[0] = 2.0**-600
    room = room_of(query, dear, wide)
    assert 0 < room * (3 * work - PER_BYTE) <= FLOOR


@pytest.mark.parametrize(
    ("keys", "sizes", "axis"),
    [
        (("l2+", "l2+", "l2+"), (4, 6, 3), 1),
        (("l2", "l2+", "l2+"), (4, 5, 5), 0),  # four coordinates with either sign are eight
        (("linf+", "l2+", "l2"), (3, 3, 3), 0),  # the others have norms of one kind
        (("linf+", "linf", "l2", "l2"), (3, 3, 3, 3), None),
    ],
)
def test_the_mode_without_cones_leaves_the_least_work(keys, sizes, axis):
    query = ProductQuery(np.zeros(sizes), tuple(map(gauge, keys)))
    assert kept_mode(query) == axis


@pytest.mark.parametrize(
    ("keys", "sizes", "late"),
    [
        (("l2+",) * 3, (3, 4, 9), True),
        (("l2+",) * 3, (5, 5, 6), True),
        (("l2+",) * 3, (5, 6, 6), False),
        (("l2",) * 3, (2, 2, 2), False),  # relaxations are tight
        (("l2+", "l2", "l2"), (3, 3, 3), True),
        (("linf+", "linf", "l2", "l2"), (2, 2, 2, 2), False),
        (("l2+",) * 3, (2, 2, 1025), False),
    ],
)
def test_cones_of_few_factors_that_differ_are_tried_after_the_relaxations(keys, sizes, late):
    query = ProductQuery(np.zeros(sizes), tuple(map(gauge, keys)))
    assert (few_factors(query), few_factors(query, late=True)) == (False, late)


def test_a_nonnegative_tensor_is_bounded_by_cones_of_two_factors():
    T = np.random.default_rng(4).standard_normal((4, 6, 3))
    polar = CP(("l2+",) * 3).polar(T)
    assert polar.proof["rule"] == "cones"  # relaxations do not reach it
    assert polar.lower <= polar.upper <= polar.lower * (1 + 1e-6)


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
    assert not few_factors(query)
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
    assert few_factors(ProductQuery(np.zeros((d,) * order), (gauge(key),) * order, True)) is few


@pytest.mark.parametrize(
    ("key", "d", "few"), [("l2-", 6, True), ("l2+", 7, False), ("linf", 6, True), ("l1", 9, False)]
)
def test_cones_come_late_where_relaxations_leave_something(key, d, few):
    query = ProductQuery(np.zeros((d, d, d)), (gauge(key),) * 3, True)
    assert few_factors(query, late=True) is few


def grown(monkeypatch, uppers, left=0.0, key="l1+", **allowed):
    """Propose by trees with these bounds; return the bound, and the aim and room of each tree."""
    met, out = [], iter(uppers)

    def grow(_cones, aims, _expired, *, most, gaps):
        assert gaps[-1] < 2.0**-30
        met.append((aims[0], most))
        made = Grown(roots=1, count=100, upper=next(out), left=left)
        made.code, made.first = np.zeros(1, dtype=int), np.zeros(1, dtype=int)
        return made

    monkeypatch.setattr("certify.polar.branching.factors.grow_codes", grow)
    T = np.random.default_rng(0).standard_normal((2, 2, 2))
    query = ProductQuery(T, (gauge(key),) * 3, True, **allowed)
    return cones_proposal(query, 1.0).upper, met


def test_trees_for_larger_bounds_come_first(monkeypatch):
    """Of several orthants: all trees for one bound before those for a smaller one."""
    uppers = [1.4, 1.1, 1.02, 1.003, 1.0001, 1.0]
    upper, met = grown(monkeypatch, [u for u in uppers for _ in range(4)], key="l1")
    wanted = [1.5, 1.125, 1 + 2.0**-5, 1 + 2.0**-8, 1 + 2.0**-12, 1.0]
    assert [aim for aim, _ in met] == [aim for aim in wanted for _ in range(4)]
    assert upper == pytest.approx(1.0, rel=1e-9)


def test_one_tree_alone_is_grown_once(monkeypatch):
    upper, met = grown(monkeypatch, [1.02])
    assert [aim for aim, _ in met] == [1.0]
    assert upper == pytest.approx(1.02, rel=1e-9)


def test_trees_that_are_cut_short_are_the_last(monkeypatch):
    upper, met = grown(monkeypatch, [1.7] * 4, left=0.5, key="l1")
    assert len(met) == 4
    assert upper == pytest.approx(1.7, rel=1e-9)


def test_the_exact_proof_of_a_tree_has_its_part_of_the_time(monkeypatch):
    rooms = [
        grown(monkeypatch, [0.9], deadline=monotonic() + left)[1][0][1] for left in (0.001, 0.01)
    ]
    assert rooms[0] < 50
    assert 5 * rooms[0] < rooms[1] < 500
