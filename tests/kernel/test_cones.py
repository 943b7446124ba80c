"""The rule `cones`: random trees are never below the truth, and lies about a tree are refused."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.base.cluster import PLACE
from certify.base.rigor import cones as walks
from certify.base.rigor.cones import Cones, elastic_norms
from certify.base.rigor.flint import Flint
from certify.base.rigor.paths import variation_norms
from certify.base.rigor.rounded import Rounded
from certify.kernel import simplicial
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L1, L2, Biased, Elastic, Groups, LInf, Variation, Weighted
from certify.kernel.patterns import Pattern
from certify.kernel.rules.cones import cones, layer_cones, layer_form, pair_form
from certify.kernel.simplicial import ConeForm, TreeSpan, orthant, raise_slopes
from certify.kernel.spaces import Network, Pair
from certify.polar.branching.cones import (
    FINE,
    GAPS,
    Grown,
    divide,
    duration,
    grow_codes,
    left_open,
    with_bound,
    worst_pairs,
)
from tests.kernel_cases import as_array, as_tree
from tests.places import Frozen, Lossy

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
HALF = Fraction(1, 2)


def drawn(rng, roots, d, depth=6, often=0.6):
    """Return the codes of a random tree."""
    pairs, out = d * (d - 1) // 2, []

    def go(k):
        if k == 0 or not pairs or rng.random() > often:
            out.append(0)
        else:
            out.append(int(rng.integers(1, pairs + 1)))
            go(k - 1)
            go(k - 1)

    for _ in range(roots):
        go(depth)
    return out


def some_norm(rng, n):
    cone = rng.choice(["*", "+", "-", "".join(rng.choice(list("*+-0"), n))])
    groups = [int(x) for x in rng.integers(0, n, n)]
    weights = [float(x) for x in rng.integers(1, 9, n) / 4]
    return rng.choice(
        [
            L2(n, cone),
            L1(n, cone),
            LInf(n, cone),
            Weighted(n, cone, weights),
            Groups(n, cone, "l1", groups),
            Elastic(n, cone, Fraction(int(rng.integers(5)), 4)),
        ]
    )


def some_pair(seed):
    """Return (pair, W, axis, value of z)."""
    rng = np.random.default_rng(seed)
    m, d, axis = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(2))
    short, other = some_norm(rng, d), some_norm(rng, m)
    W = rng.integers(-4, 5, (m, d)).astype(float)

    def value(z):
        size = short.lengths(z.tolist())[0].hi
        return other.dual_norm([*map(Fraction, W @ z)]) / size

    if axis:
        return Pair(Pattern(m, d), other, short), W, axis, value
    return Pair(Pattern(d, m), short, other), W.T, axis, value


def points(rng, norm, count=60):
    """Yield vectors of a norm's cone."""
    for k in range(count):
        z = rng.integers(-8, 9, norm.size).astype(float)
        z = np.sign(z) if k % 3 == 0 else z
        low = [norm.sign(i) in "*-" for i in range(norm.size)]
        high = [norm.sign(i) in "*+" for i in range(norm.size)]
        z = np.clip(z, np.where(low, -np.inf, 0.0), np.where(high, np.inf, 0.0))
        if z.any():
            yield z


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_tree_of_a_pair_is_below_the_truth(seed):
    pair, W, axis, value = some_pair(seed)
    rng = np.random.default_rng(seed)
    short = pair.right if axis else pair.left
    form = pair_form(Exact(), pair, Exact().load(as_array(W.reshape(-1))), axis)
    tree = drawn(rng, form.number, short.size)
    bounds = []
    for make in (Exact, Rounded):
        ar = make()
        w = ar.load(as_array(W.reshape(-1)))
        bounds.append(cones(ar, pair, w, Evidence({"rule": "cones", "axis": axis}, as_tree(tree))))
    truth = max((value(z) for z in points(rng, short)), default=Fraction(0))
    assert truth <= bounds[0] * (1 + Fraction(1, 2**90))
    assert truth <= bounds[1]
    assert bounds[0] <= bounds[1] * (1 + Fraction(1, 2**50))


def some_layer(seed):
    """Return (layer, W, value of u)."""
    rng = np.random.default_rng(seed)
    n, d, c = int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    free = bool(rng.integers(2)) and d > 1
    F = rng.integers(-4, 5, (n, d)).astype(float)
    W = rng.integers(-4, 5, (n, c)).astype(float)
    if free:
        F[:, -1] = 1.0
        W[0] -= W.sum(axis=0)
    slope = Fraction(rng.choice([0.0, -1.0, 0.5, 2.0]))
    right = rng.choice([L2(c), L1(c), LInf(c), L2(c, "+"), L2(c, "-"), L2(c, "0")])
    samples = rng.permutation(n).tolist()
    net = Network(Pattern(n, c), as_array(F), samples, slope, Biased(d) if free else L2(d), right)

    def value(u):
        z = F @ u
        h = np.where(z > 0, z, float(slope) * z) @ W[samples]
        size = net.left.lengths(u.tolist())[0].hi
        return right.dual_norm([*map(Fraction, h)]) / size if size else Fraction(0)

    return net, W, value


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_tree_of_a_layer_is_below_the_truth(seed):
    net, W, value = some_layer(seed)
    rng = np.random.default_rng(seed)
    form = layer_form(Exact(), net, Exact().load(as_array(W.reshape(-1))))
    tree = drawn(rng, form.number, form.short.size)
    bounds = [
        layer_cones(ar, net, ar.load(as_array(W.reshape(-1))), Evidence({}, as_tree(tree)))
        for ar in (Exact(), Rounded())
    ]
    truth = max((value(u) for u in points(rng, net.left)), default=Fraction(0))
    assert truth <= bounds[0] * (1 + Fraction(1, 2**90))
    assert truth <= bounds[1]
    assert bounds[0] <= bounds[1] * (1 + Fraction(1, 2**18))  # integers round a slope once more


def bent_form(rows, weights, other):
    """Return the form of sum w_i (f_i . z)_+ over z >= 0."""
    d = len(rows[0])
    linear, bent = [[0] * d for _ in range(other.size)], [*zip(rows, weights, strict=True)]
    return ConeForm(L2(d, "+"), other, linear, bent, Fraction(1), tree=[0])


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("weight", [1, -1])
@pytest.mark.parametrize("cone", ["*", "+", "-"])
def test_a_point_with_both_signs_on_a_cone_is_bounded_by_its_chord(tier, weight, cone):
    """(z_1 - z_2)_+ over z >= 0 is 1 at most, at (1, 0), and its negative 0."""
    bound = TIERS[tier]().cones(bent_form([[1, -1]], [[weight]], L2(1, cone)), TreeSpan(1))
    truth = int(cone == "*" or (cone == "+") == (weight > 0))
    assert truth <= bound <= 1 + HALF


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_points_with_both_signs_on_a_cone_are_bounded(seed):
    rng = np.random.default_rng(seed)
    d, n, c = (int(x) for x in rng.integers((2, 1, 1), (4, 5, 3)))
    F, w = rng.integers(-4, 5, (n, d)), rng.integers(-4, 5, (n, c))
    other = some_norm(rng, c)
    form = bent_form(F.tolist(), w.tolist(), other)
    Z = np.vstack([np.eye(d), rng.integers(0, 9, (60, d))])
    values = []
    for z in Z[Z.any(axis=1)]:
        h = [Fraction(int(x)) for x in np.maximum(F @ z, 0) @ w]
        values.append(other.dual_norm(h) / form.short.lengths(z.astype(float).tolist())[0].hi)
    for make in TIERS.values():
        assert max(values) <= make().cones(form, TreeSpan(1)) * (1 + Fraction(1, 2**80))


@pytest.mark.parametrize("tier", TIERS)
def test_a_chord_from_below_is_rounded_down(tier):
    """5 z_1 + 3 z_2 - (z_1 - 2 z_2)_+ is |(5, 3)| at (5, 3), where the last term is 0."""
    form = bent_form([[1, -2]], [[1]], L2(1, "-"))._replace(linear=[[-5, -3]])
    assert TIERS[tier]().cones(form, TreeSpan(1)) ** 2 >= 34


@pytest.mark.parametrize("tier", TIERS)
def test_the_slope_of_a_cone_that_was_split_is_rounded_up(tier):
    ar, tree = TIERS[tier](), [1, 1, 0, 0, 1, 0, 0]
    for a, b in ((1, 2), (2, 3), (3, 5), (5, 7), (7, 4), (8, 5)):
        form = ConeForm(L2(2, "+"), L2(1), [[a, b]], (), Fraction(1), tree=tree)
        bound = ar.cones(form, TreeSpan(2))
        assert a * a + b * b <= bound * bound <= (a * a + b * b) * (1 + Fraction(1, 2**30))


@pytest.mark.parametrize("other", [LInf, L2])
def test_exact_bounds_are_as_sharp_as_rounded_ones(other):
    """Both have a third, shorter slope: a tree that floats have grown proves the same exactly."""
    W = np.random.default_rng(6).integers(-4, 5, (12, 4)).astype(float)
    pair = Pair(Pattern(12, 4), other(12), Elastic(4, "*", HALF))
    form = pair_form(Exact(), pair, Exact().load(as_array(W)), 1)
    tree = as_tree(grow_codes(Cones(form), (0.0, 0.0), lambda: False, gaps=(2.0**-8,)).tree())

    def bound(ar):
        return cones(ar, pair, ar.load(as_array(W.reshape(-1))), Evidence({"axis": 1}, tree))

    assert bound(Exact()) <= bound(Rounded()) <= bound(Exact()) * (1 + Fraction(1, 2**30))


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_a_raised_slope_is_above_every_bound_and_no_longer(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    G = rng.integers(-9, 10, (d, d)) + 30 * np.eye(d, dtype=int)  # row j is g_j
    det = round(np.linalg.det(G))
    rows = np.rint(np.linalg.inv(G).T * det).astype(int)  # r_j . g_k = det for j = k, else 0
    c = rng.integers(0, 50, d)
    cone = orthant(ConeForm(L2(d), L2(1), [[0] * d], (), Fraction(1)), (1,) * d)
    cone = cone._replace(generators=G.tolist(), rows=rows.tolist())
    given_, s = c.tolist(), raise_slopes(cone, c.tolist())
    assert all(a >= b for a, b in zip(s, given_, strict=True))
    assert any(a == b for a, b in zip(s, given_, strict=True))  # else all could be smaller
    long, short = (np.linalg.norm(np.array(x) @ rows) for x in (given_, s))
    assert short <= long + d * np.linalg.norm(rows)  # integers
    batch = next(Cones(ConeForm(L2(d, "+"), L2(1), [[1] * d], (), Fraction(1))).roots())
    batch = replace(batch, R=rows[:, None, :] / det)
    t = batch.raise_slopes(c[:, None].astype(float))[:, 0]
    assert (t >= c * (1 - 2.0**-40)).all()
    t *= np.max(c / np.where(t > 0, t, 1.0))  # as a bound in floats does
    assert np.allclose(t, s, rtol=1e-9, atol=2 * d)


def test_a_slope_above_every_bound_is_made_smaller():
    cone = orthant(ConeForm(L2(3), L2(1), [[0] * 3], (), Fraction(1)), (1,) * 3)
    cone = cone._replace(rows=[[2, 1, 0], [0, 1, 3], [-3, -3, -3]])
    assert raise_slopes(cone, [600, 400, 700]) == [1121, 734, 700]  # (1133, 742, 708) 700 / 708


@pytest.mark.parametrize("other", [Elastic(1, "*", HALF), Variation(1, "*", HALF, [])])
def test_a_dual_norm_that_takes_steps_counts_what_floats_lose(other):
    cones = Cones(ConeForm(L2(3), other, [[2**60, 1, -(2**60)]], (), Fraction(1)))
    g = np.ones((1, 3))
    assert cones.norms(g)[0] < 2.0**-100  # 2^60 + 1 is no float
    assert cones.linear_bounds(g, 0)[0] >= cones.A[0, 1] > 2.0**-62


def test_trees_are_smaller_by_shorter_slopes(monkeypatch):
    W = np.random.default_rng(5).integers(-4, 5, (8, 4)).astype(float)
    form = pair_form(Exact(), Pair(Pattern(8, 4), L1(8), L2(4)), Exact().load(as_array(W)), 1)

    def size():
        """Return how many nodes a tree has."""
        return grow_codes(Cones(form), (0.0, 0.0), lambda: False).count

    short = size()
    monkeypatch.setattr(walks.Batch, "raise_slopes", lambda _, c: c)
    assert short < size() / 2


@pytest.mark.parametrize("other", [Elastic(4, "*", HALF), Variation(4, "*", HALF, [0, 1, 1, 2])])
def test_a_generator_that_many_cones_share_is_bounded_once(other, monkeypatch):
    W = np.random.default_rng(3).integers(-4, 5, (4, 3)).astype(float)
    pair, tree = Pair(Pattern(4, 3), other, L2(3)), as_tree([1, 2, 1, 0, 0, 0, 3, 0, 0, *[0] * 3])
    asked = []

    def proved(ar):
        asked.clear()
        return cones(ar, pair, ar.load(as_array(W.reshape(-1))), Evidence({"axis": 1}, tree))

    plain = simplicial.vertex_bound
    monkeypatch.setattr(simplicial, "vertex_bound", lambda *x: asked.append(x[1]) or plain(*x))
    exact, count = proved(Exact()), len(asked)
    norms = Cones.norms
    monkeypatch.setattr(Cones, "norms", lambda c, g: asked.extend(g) or norms(c, g))
    rounded = proved(Rounded())
    assert 5 < len({tuple(g) for g in asked}) == len(asked)
    monkeypatch.setattr(simplicial, "KNOWN", 0)
    monkeypatch.setattr(walks, "KNOWN", 0)
    assert proved(Exact()) == exact
    assert len(asked) > count
    assert proved(Rounded()) == rounded


@pytest.mark.parametrize("seed", range(5))
def test_a_vector_is_bounded_beside_others_as_alone(seed):
    """So that a tree does not depend on which cones are bounded together."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((30, 9)) * 2.0 ** rng.integers(-20, 20, (30, 1))
    elastic, path = Elastic(9, "*", HALF), Variation(9, "*", HALF, [*range(9), 8])
    for bound in (
        lambda x: elastic_norms(elastic, np.abs(x)),
        lambda x: variation_norms(path, x),
    ):
        assert bound(y).tolist() == [bound(x[None])[0] for x in y]


def pair_of(W, left, right):
    m, n = W.shape
    return Pair(Pattern(m, n), left(m), right(n))


@pytest.mark.parametrize("tier", TIERS)
def test_a_grown_tree_reaches_the_polar_of_a_cube(tier):
    W = np.array([[3.0, -1.0, 2.0], [1.0, 2.0, -2.0]])
    pair, ar = pair_of(W, L2, LInf), TIERS[tier]()
    w = ar.load(as_array(W.reshape(-1)))
    tree = grow_codes(Cones(pair_form(ar, pair, w, 1)), (0.0, 0.0), lambda: False).tree()
    bound = cones(ar, pair, w, Evidence({"axis": 1}, as_tree(tree)))
    # the largest of |W s| over the vertices: (3 + 1 + 2, 1 - 2 - 2)
    assert 45 <= bound * bound <= 45 * (1 + Fraction(1, 2**18))


@pytest.mark.parametrize("tier", TIERS)
def test_a_grown_tree_reaches_the_polar_of_a_layer(tier):
    net = Network(Pattern(2, 1), as_array(np.eye(2)), range(2), Fraction(0), L2(2), L2(1, "+"))
    ar = TIERS[tier]()
    w = ar.load(as_array(np.array([3.0, 4.0])))
    tree = grow_codes(Cones(layer_form(ar, net, w)), (0.0, 0.0), lambda: False).tree()
    bound = layer_cones(ar, net, w, Evidence({}, as_tree(tree)))
    assert 5 <= bound <= 5 * (1 + Fraction(1, 2**18))  # |(3, 4)|, where both rows are positive


@pytest.mark.parametrize("tier", TIERS)
def test_a_grown_tree_reaches_the_polar_of_elastic_norms(tier):
    """Two rows apart: the best u is one of them, or equal in both, by symmetry."""
    pair = Pair(Pattern(2, 2), Elastic(2, "*", HALF), Elastic(2, "*", HALF))
    ar = TIERS[tier]()
    for W, truth in (([[3.0, 0.0], [0.0, 1.0]], 3), ([[1.0, 1.0], [1.0, 1.0]], None)):
        w = ar.load(as_array(np.array(W).reshape(-1)))
        tree = grow_codes(Cones(pair_form(ar, pair, w, 1)), (0.0, 0.0), lambda: False).tree()
        bound = cones(ar, pair, w, Evidence({"axis": 1}, as_tree(tree)))
        if truth is None:  # u = v = (1, 1) / (1 + sqrt(1/2)): sum W = 4, 4 / (3/2 + sqrt 2)
            assert abs(bound - Fraction(4 / (1.5 + 2**0.5))) <= bound / 2**18
        else:
            assert truth <= bound <= truth * (1 + Fraction(1, 2**18))


@pytest.mark.parametrize("steps", [30, 0])
def test_an_elastic_level_in_floats_is_tested_before_it_is_believed(steps, monkeypatch):
    monkeypatch.setattr("certify.base.rigor.cones.NEWTON", steps)
    rng = np.random.default_rng(0)
    p = np.abs(rng.standard_normal((20, 4))) * (rng.random((20, 4)) < 0.8)
    p[0] = [1.0, 0.99, 0.0, 0.0]  # without steps the level 1 would nearly pass
    for alpha in (Fraction(1, 4), HALF, Fraction(7, 8)):
        found = elastic_norms(Elastic(4, "+", alpha), p)
        for x, bound in zip(p.tolist(), found.tolist(), strict=True):
            truth = Elastic(4, "+", alpha).dual_norm([*map(Fraction, x)])
            assert truth <= Fraction(bound)
            assert steps == 0 or bound <= float(truth) * (1 + 2.0**-40) + 2.0**-890


ONE = np.array([[3.0, 4.0], [0.0, 0.0]])
LIES = [
    ({}, [0, 0], "proof.polar.axis", "axis"),
    ({"axis": True}, [0, 0], "proof.polar.axis", "axis"),
    ({"axis": 2}, [0, 0], "proof.polar.axis", "axis"),
    ({"axis": 1}, [2, 0, 0, 0], "proof.tree", "outside"),  # one pair only
    ({"axis": 1}, [255, 0], "proof.tree", "outside"),
    ({"axis": 1}, [1] * 8, "proof.tree", "tree"),  # cones are left
    ({"axis": 1}, [0, 0, 0, 1], "proof.tree", "tree"),  # codes are left
    ({"axis": 1}, [0] * 16, "proof.tree", "tree"),
    ({"axis": 1}, [], "proof.tree", "tree"),
]


@pytest.mark.parametrize(("text", "codes", "where", "code"), LIES)
@pytest.mark.parametrize("tier", TIERS)
def test_a_lie_about_a_tree_is_refused(tier, text, codes, where, code):
    ar = TIERS[tier]()
    w = ar.load(as_array(ONE.reshape(-1)))
    pair = pair_of(ONE, L2, L2)
    assert cones(ar, pair, w, Evidence({"axis": 1}, as_tree([0, 0]))) >= 5
    with pytest.raises(RejectedError) as refused:
        cones(ar, pair, w, Evidence(text, as_tree(codes)))
    assert (refused.value.where, refused.value.code) == (where, code)


@pytest.mark.parametrize("tier", TIERS)
def test_one_cone_that_is_left_is_refused(tier):
    ar = TIERS[tier]()
    w = ar.load(as_array(ONE.reshape(-1)))
    pair = Pair(Pattern(2, 2), L2(2), L2(2, "+"))  # one root
    assert cones(ar, pair, w, Evidence({"axis": 1}, as_tree([1, 0, 1, 0, 1, 0, 0]))) >= 5
    with pytest.raises(RejectedError) as refused:
        cones(ar, pair, w, Evidence({"axis": 1}, as_tree([1, 0] * 4)))
    assert (refused.value.where, refused.value.code) == ("proof.tree", "tree")


def test_a_symmetric_atom_and_a_long_side_are_refused():
    ar = Exact()
    w = ar.load(as_array(ONE.reshape(-1)))
    with pytest.raises(RejectedError) as refused:
        cones(
            ar,
            replace(pair_of(ONE, L2, L2), symmetric=True),
            w,
            Evidence({"axis": 1}, as_tree([0, 0])),
        )
    assert refused.value.code == "axis"
    wide = np.ones((1, 17))
    with pytest.raises(RejectedError) as refused:
        cones(
            ar,
            pair_of(wide, L2, L2),
            ar.load(as_array(wide[0])),
            Evidence({"axis": 1}, as_tree([0])),
        )
    assert (refused.value.where, refused.value.code) == ("proof.polar.rule", "wrong_rule")


TENT = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, -2.0, 1.0])  # u = 1, b = -1: (2 - 1) 1


def with_bias(F, slope=Fraction(0)):
    """Return a layer of one output with an unpriced bias."""
    m, d = F.shape
    features = as_array(np.c_[F, np.ones(m)])
    return Network(Pattern(m, 1), features, range(m), slope, Biased(d + 1), L2(1))


@pytest.mark.parametrize("tier", TIERS)
def test_an_unpriced_bias_is_tried_at_each_kink(tier):
    (F, W), ar = TENT, TIERS[tier]()
    w, net = ar.load(as_array(W)), with_bias(F)
    assert 1 <= layer_cones(ar, net, w, Evidence({}, as_tree([0] * 6))) <= 1 + Fraction(1, 2**40)
    for codes, code in (([1] + [0] * 5, "outside"), ([], "tree"), ([0] * 16, "tree")):
        with pytest.raises(RejectedError) as refused:
            layer_cones(ar, net, w, Evidence({}, as_tree(codes)))
        assert (refused.value.where, refused.value.code) == ("proof.tree", code)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_a_field_is_bounded_at_the_kinks_alone_whatever_its_sum(seed):
    """Corrections make the sum of W zero, and the field's own sum is only near that."""
    rng = np.random.default_rng(seed)
    m, d = (int(x) for x in rng.integers((1, 1), (5, 4)))
    F, W = rng.integers(-4, 5, (m, d)).astype(float), rng.integers(-4, 5, m).astype(float)
    slope, W[0] = Fraction(rng.choice([0.0, -1.0, 0.5, 2.0])), 3.0
    net = with_bias(F, slope)
    form = layer_form(Exact(), net, Exact().load(as_array(W)))
    assert form.number == 2**d * len({*map(tuple, F.tolist())})
    tree = as_tree(drawn(rng, form.number, d))
    bounds = [
        layer_cones(ar, net, ar.load(as_array(W)), Evidence({}, tree))
        for ar in (Exact(), Rounded())
    ]
    for u in points(rng, L2(d)):
        for k in range(m):
            z = (F - F[k]) @ u
            value = Fraction(abs(float(np.where(z > 0, z, float(slope) * z) @ W)))
            assert value <= min(bounds) * L2(d).lengths(u.tolist())[0].hi


def test_rows_that_are_equal_have_one_kink():
    net = with_bias(np.zeros((2, 1)))
    for ar, least in ((Exact(), 800), (Rounded(), 490)):  # rounded: what squares lose is added
        w = ar.load(as_array(np.array([1.0, -1.0])))
        assert 0 <= layer_cones(ar, net, w, Evidence({}, as_tree([0] * 2))) <= Fraction(1, 2**least)


@pytest.mark.parametrize("seed", range(4))
def test_floats_are_not_below_the_truth_at_a_kink_far_from_all_others(seed):
    """w ((f_1 - f_3) - (f_2 - f_3)): what is rounded is as long as f_3, which has no weight."""
    rng = np.random.default_rng(seed)
    F, w, ar = rng.standard_normal((3, 1)), rng.standard_normal(), Rounded()
    F[2] *= 1e8
    W = np.array([w, -w, 0.0])
    bound = layer_cones(ar, with_bias(F), ar.load(as_array(W)), Evidence({}, as_tree([0] * 6)))
    f, g, _ = map(Fraction, F[:, 0])
    assert abs(Fraction(w) * (f - g)) <= bound


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_size_of_what_floats_carry_is_bounded_at_every_kink(seed):
    """In each output: the length of |A - p k| + sum |w| |f - k|, in each coordinate of u."""
    rng = np.random.default_rng(seed)
    F, W = rng.integers(-4, 5, (4, 2)).astype(float), rng.integers(-4, 5, 4).astype(float)
    net = with_bias(F, Fraction(rng.choice([0.0, 2.0, 1023 / 1024])))
    form = layer_form(Exact(), net, Exact().load(as_array(W)))
    cones = Cones(form)
    found = cones.reach * float(cones.unit)
    for k in np.array(form.kinks, dtype=float):
        v = np.abs(np.array(form.linear, dtype=float) - np.outer(form.pull, k))
        for f, w in form.bent:
            v += np.outer(np.abs(w), np.abs(np.array(f) - k))
        assert (np.linalg.norm(v, axis=1) * float(form.unit) <= found * (1 + 2.0**-40)).all()


@pytest.mark.parametrize("tier", TIERS)
def test_a_bias_alone_is_refused(tier):
    ar, net = TIERS[tier](), with_bias(np.zeros((2, 0)))
    with pytest.raises(RejectedError) as refused:
        layer_cones(ar, net, ar.load(as_array(np.array([1.0, -1.0]))), Evidence({}, as_tree([0])))
    assert (refused.value.where, refused.value.code) == ("proof.polar.rule", "wrong_rule")


def test_floats_refuse_generators_of_more_than_53_bits():
    ar, pair = Rounded(), pair_of(ONE, L2, L2)
    w = ar.load(as_array(ONE.reshape(-1)))
    tree = as_tree([1] * 80 + [0] * 82)  # always the first child: m in the place of g_i
    with pytest.raises(RejectedError) as refused:
        cones(ar, pair, w, Evidence({"axis": 1}, tree))
    assert refused.value.code == "inexact"
    exact = Exact()
    assert (
        cones(exact, pair, exact.load(as_array(ONE.reshape(-1))), Evidence({"axis": 1}, tree)) >= 5
    )


def test_a_tree_that_is_cut_short_says_what_is_left():
    W = np.random.default_rng(0).integers(-4, 5, (6, 4)).astype(float)
    pair, ar, batches = Pair(Pattern(6, 4), L2(6, "+"), L2(4, "+")), Exact(), iter(range(30))
    form = pair_form(ar, pair, ar.load(as_array(W.reshape(-1))), 1)
    grown = grow_codes(Cones(form), (0.0, 0.0), lambda: next(batches) > 20)
    assert 0 < grown.left < 1
    assert "% of it in " in left_open(grown, 60.0)
    assert "cones undecided; about " in left_open(grown, 60.0)
    assert left_open(Grown(left=0.9999), 60.0) == "99.9 % of it in 0 cones undecided"
    assert left_open(grow_codes(Cones(form), (1e9, 0.0), lambda: False), 60.0) == ""
    told = [duration(x) for x in (0.0, 89.0, 240.0, 7200.0)]
    assert told == ["about 1 seconds", "about 89 seconds", "about 4 minutes", "about 2 hours"]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_grown_tree_knows_its_own_bound(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    F, W = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    net = Network(Pattern(20, 2), as_array(F), range(20), Fraction(0), L2(3), L2(2))
    if seed % 2 == 0:  # an unpriced bias, and roots that are made a few at a time
        F, W = np.c_[F, np.ones(20)], W - W.mean(axis=0)
        net = replace(net, features=as_array(F), left=Biased(4))
        monkeypatch.setattr("certify.base.rigor.cones.ROOTS", 1000)
    ar = Rounded()
    w = ar.load(as_array(W.reshape(-1)))
    form = layer_form(ar, net, w)
    limits = Cones(form)
    slack = limits.slack(80) * float(limits.reach.sum()) * float(limits.unit)

    def misses(expired):
        """Whether a grown tree promises another bound than its rule proves."""
        grown = grow_codes(Cones(form), (0.0, 0.0), expired)
        proved = layer_cones(ar, net, w, Evidence({}, as_tree(grown.tree())))
        return abs(grown.upper - float(proved)) > slack  # of batches of another depth

    batches = iter(range(10))
    assert not misses(lambda: False)
    assert not misses(lambda: next(batches) > 7)  # cut short
    monkeypatch.setattr(Cones, "inexact", lambda _, batch, *__: np.full(len(batch.node), True))
    assert not misses(lambda: False)  # no generator fits a float


def test_what_is_below_a_cone_within_the_bound_of_all_is_not_written():
    tree = Grown(roots=1)
    tree.make(5)
    tree.code[:2], tree.first[:2], tree.bound[:5] = (1, 2), (1, 3), (10.0, 3.0, 5.0, 2.0, 6.0)
    assert tree.least_bounds() == [5.0, 3.0, 5.0, 2.0, 6.0]  # one child is above its parent
    assert tree.tree() == [1, 2, 0, 0, 0]
    form = bent_form([[0, 1, -1]], [[1]], L2(1))
    assert with_bound(Cones(form), tree).upper == 5.0 * float(Cones(form).unit)
    assert tree.tree() == [1, 0, 0]


def bent_layer(N, d):
    """Return a layer whose W is what the neurons of a wide network leave of noise."""
    rng = np.random.default_rng(1)
    F, W = rng.standard_normal((N, d)), rng.standard_normal((N, 1))
    H = np.maximum(F @ rng.standard_normal((d, 400)), 0.0)
    W -= H @ np.linalg.solve(H.T @ H + 0.1 * N * np.eye(400), H.T @ W)
    net = Network(Pattern(N, 1), as_array(F), range(N), Fraction(0), L2(d), L2(1))
    ar = Rounded()
    return layer_form(ar, net, ar.load(as_array(W.reshape(-1))))


def test_a_tree_that_is_cut_short_is_bounded_to_a_coarse_gap(monkeypatch):
    cones, fine = Cones(bent_layer(120, 5)), tuple(gap for gap in GAPS if gap <= FINE)

    def grown(gaps=GAPS):
        return grow_codes(cones, (0.0, 0.0), lambda: False, most=8000, gaps=gaps)

    early, late = grown(), grown(fine)
    assert early.upper < 0.7 * late.upper
    assert len(early.tree()) < early.count
    monkeypatch.setattr("certify.polar.branching.cones.STORED", -1)  # more waits than may
    assert grown().tree() == late.tree()


@pytest.mark.parametrize("place", [Frozen, Lossy])
def test_a_tree_that_grows_in_tasks_is_the_same_wherever_they_run(place, monkeypatch):
    """Tasks change none of their arguments, and run again if what they made is lost."""
    rng = np.random.default_rng(1)
    F, W = rng.standard_normal((60, 3)), rng.standard_normal((60, 2))
    net = Network(Pattern(60, 2), as_array(F), range(60), Fraction(0), L2(3), L2(2))
    ar = Rounded()
    w = ar.load(as_array(W.reshape(-1)))
    form = layer_form(ar, net, w)

    def grown(most):
        tree = grow_codes(Cones(form), (0.0, 0.0), lambda: False, most=most)
        return tree.tree(), tree.upper, layer_cones(ar, net, w, Evidence({}, as_tree(tree.tree())))

    whole = grown(4000)
    monkeypatch.setattr("certify.base.cluster.QUICK", 0.0)
    monkeypatch.setattr("certify.polar.branching.cones.NODES", 50)
    monkeypatch.setattr(walks, "NODES", 50)
    monkeypatch.setattr(walks, "PART", 4)
    here, there = grown(4000), place()
    token = PLACE.set(there)
    try:
        assert grown(4000) == here
        assert len(grown(600)[0]) < len(here[0])  # room for fewer
    finally:
        PLACE.reset(token)
    assert abs(here[2] - whole[2]) <= whole[2] / 2**20
    assert abs(here[1] - float(here[2])) <= here[1] * 2**-40  # no leaf is left out
    if place is Lossy:
        assert there.runs > 20


@pytest.mark.parametrize("numbers", [1, 900, 4000, 1 << 17])
@pytest.mark.parametrize("part", [1, 5, 32])
def test_each_cone_of_a_batch_is_in_one_task(numbers, part, monkeypatch):
    monkeypatch.setattr(walks, "NUMBERS", numbers)
    monkeypatch.setattr(walks, "PART", part)
    monkeypatch.setattr(walks, "ROUND", 8)
    rows = np.random.default_rng(0).integers(-4, 5, (5, 6)).tolist()
    form = bent_form(rows, [[1]] * 5, L2(1))._replace(short=L2(6))
    batch = next(Cones(form).roots())
    waiting, found = walks.cut_batches(batch), []
    while waiting:
        for b in walks.take_round(waiting):
            assert np.array_equal(b.G, batch.G[:, b.node])
            found += b.node.tolist()
    assert sorted(found) == [*range(64)]


@pytest.mark.parametrize("tier", TIERS)
def test_a_point_that_is_little_above_zero_on_a_cone_counts(tier):
    """2^20 (z_2 - 2^20 z_1)_+ is 2^20 at (0, 1), where the largest datum is 2^20 times that."""
    form = bent_form([[-(2**20), 1]], [[2**20]], L2(1))
    assert TIERS[tier]().cones(form, TreeSpan(1)) >= 2**20


def test_batches_side_by_side_are_off_as_the_deepest():
    batch = next(Cones(bent_form([[0, 1, -1]], [[1]], L2(1))).roots())
    deeper = replace(batch, depth=5)
    assert walks.join_batches([batch, deeper]).depth == 5
    assert walks.join_batches([deeper, batch]).depth == 5


def test_a_cone_is_split_where_its_bound_loses_most_unless_it_is_thin():
    """(z_2 - z_3)_+ bends between the second and third generator only: the last pair of three."""
    cones = Cones(bent_form([[0, 1, -1]], [[1]], L2(1)))
    batch = next(cones.roots())
    assert worst_pairs(cones, batch, np.ones(1)).tolist() == [2]
    batch.G[1, 0] = [0.3, 1.0, 0.0]  # the second is now farther from the third than from the first
    assert worst_pairs(cones, batch, np.ones(1)).tolist() == [2]
    batch.G[2, 0] = [0.0, 0.25, 1.0]  # and now the first and the third are the farthest
    assert worst_pairs(cones, batch, np.ones(1)).tolist() == [2]
    assert worst_pairs(cones, batch, np.full(1, 1e-3)).tolist() == [1]
    batch.G[2, 0] = [0.0, 2.0, 1.0]  # the bent pair is too near
    assert worst_pairs(cones, batch, np.ones(1)).tolist() == [1]


def test_a_cone_that_no_longer_fits_floats_is_a_leaf_and_the_others_are_split():
    W = np.random.default_rng(0).integers(-4, 5, (6, 3)).astype(float)
    form = pair_form(Rounded(), pair_of(W, L2, L2), Rounded().load(as_array(W.reshape(-1))), 1)
    limits, tree = Cones(form), Grown()
    batch = next(limits.roots())
    count = len(batch.node)
    G = batch.G.copy()
    G[:, 0] = [[1.0, 2.0**-60, 0.0], [2.0**-60, 1.0, 2.0**-60], [2.0**-60, 0.0, 1.0]]
    tree.share = np.full(count, 1 / count)
    tree.roots = count
    parts = divide(limits, tree, replace(batch, G=G, node=tree.make(count)))
    assert sum(len(p.node) for p in parts) == 2 * (count - 1)
    assert (tree.code[:count] > 0).tolist() == [False] + [True] * (count - 1)
