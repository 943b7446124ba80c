"""Flows that the kernel finds on paths: no bound is below what is attained, and few are above."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify import norms
from certify.base.rigor.cones import Cones, over_batches
from certify.base.rigor.flint import Flint
from certify.base.rigor.paths import variation_norms
from certify.base.rigor.rounded import Rounded
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L2, LInf, Variation
from certify.kernel.norms.paths import FINE, STEPS, find_flow, merge_path, trace_path
from certify.kernel.patterns import Pattern
from certify.kernel.rules.cones import cones, pair_form
from certify.kernel.scalars import root
from certify.kernel.simplicial import ConeForm, over_cones
from certify.kernel.spaces import Pair
from certify.polar.branching.cones import grow_codes
from certify.polar.methods.cones import Cones as Method
from certify.polar.query import PolarQuery
from tests.kernel_cases import as_array, as_tree

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
HALF = Fraction(1, 2)


def chain(n, cone="*", rho=HALF):
    return Variation(n, cone, rho, [k for i in range(n - 1) for k in (i, i + 1)])


def drawn(rng, n, cone, rho):
    """Return a graph of paths, its vertices in any order and its edges in any direction."""
    order = rng.permutation(n).tolist()
    pairs = [order[k : k + 2][:: rng.choice([1, -1])] for k in range(n - 1) if rng.random() < 0.9]
    rng.shuffle(pairs)
    return Variation(n, cone, Fraction(rho), [k for pair in pairs for k in pair])


def attained(norm, y):
    """Return <y, x> / |x| at a point that the search finds, in rationals, or 0 at x = 0."""
    y, x = np.asarray(y), np.zeros(len(y))
    cone = "" if norm.cone == "*" else norm.cone
    if norm.edges and norm.rho and y.any():
        x = norms.Variation(norm.edges, float(norm.rho), cone=cone).maximizer(y)
    elif y.any():
        x = y / np.abs(y).max()
    low = [norm.sign(i) in "*-" for i in range(norm.size)]
    high = [norm.sign(i) in "*+" for i in range(norm.size)]
    x = np.clip(x, np.where(low, -np.inf, 0.0), np.where(high, np.inf, 0.0))
    gain = sum((Fraction(a) * Fraction(b) for a, b in zip(y, x, strict=True)), Fraction(0))
    return max(gain / norm.lengths(x.tolist())[0].hi if x.any() else gain, Fraction(0))


@given(
    st.integers(0, 10**6),
    st.integers(1, 9),
    st.sampled_from([0.0, 2.0**-9, 0.5, 3.0, 2.0**300]),
    st.sampled_from(["*", "+", "-"]),
    st.sampled_from([0, -400, 400]),
)
@example(1, 40, 0.5, "*", 0)
@example(2, 40, 0.25, "+", 0)
def test_a_flow_along_paths_is_about_the_best(seed, n, rho, cone, scale):
    rng = np.random.default_rng(seed)
    norm, y = drawn(rng, n, cone, rho), rng.standard_normal(n)
    if seed % 3 == 0:
        y = np.round(2 * y)  # ties
    if seed % 4 == 0:
        y = np.sort(y)
    y = y * 2.0**scale
    least, found = attained(norm, y), norm.bound_dual([*map(Fraction, y)])
    assert least <= found
    margin = Fraction(max(np.abs(y))) / 2**30
    assert rho > 9 or found <= least + margin
    if scale <= 0:
        many = Fraction(variation_norms(norm, np.array([y, -y]))[0])
        assert least <= many
        assert rho > 9 or many <= least + margin + Fraction(1, 2**490)


@pytest.mark.parametrize("seed", range(20))
def test_a_flow_beside_other_edges_or_signs_is_a_bound(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    pairs = [(i, j) for i in range(n) for j in range(i) if rng.random() < 0.6] or [(0, 1)]
    cone = "".join(rng.choice([*"*+-0"], n - 1)) + "*"
    norm = Variation(n, cone, HALF, [k for pair in pairs for k in pair])
    Y = rng.standard_normal((3, n))
    for y, many in zip(Y, variation_norms(norm, Y), strict=True):
        least = attained(norm, y)
        assert least <= norm.bound_dual([*map(Fraction, y)])
        assert least <= Fraction(many)
        assert Fraction(many) <= norm.dual_norm([*map(Fraction, y)]) * (1 + Fraction(1, 2**40))


def test_an_order_meets_all_edges_of_paths_and_some_of_others():
    assert trace_path(4, [(2, 1), (3, 2)]) == ([0, 1, 2, 3], [-1, 0, 1], [0, -1, -1])
    assert trace_path(3, [(0, 2), (1, 2), (0, 1)]) == ([0, 2, 1], [0, 1], [1, -1])  # a triangle
    star = trace_path(4, [(0, 1), (0, 2), (0, 3)])  # the last edge finds its end taken
    assert star == ([1, 0, 2, 3], [0, 1, -1], [-1, 1, 0])
    late = trace_path(4, [(1, 0), (2, 0), (3, 0), (3, 3), (3, 2)])
    assert sorted(k for k in late.edges if k >= 0) == [0, 1, 4]
    assert trace_path(1, []) == ([0], [], [])


def test_pieces_merge_at_their_levels():
    """(4, 0, 1): 0 and 1 rise and meet the falling 4; below level 1 they are apart."""
    merged = merge_path([4, 0, 1], [True, True])
    assert merged.signs == [1, -1, 0]
    assert merged.level[1] == 0  # the middle rises by 2 c, the last falls by c: 1 / 3, rounded down
    fine = merge_path([4 << FINE, 0, 1 << FINE], [True, True])
    assert [round(3 * x / 2**FINE, 9) for x in fine.level[:2]] == [7, 1]
    z = [x / 2**FINE for x in fine.at((1 << FINE) + 1)]
    assert np.allclose(z, [3, 1, 1])
    assert np.allclose([x / 2**FINE for x in fine.at(1 << 200)], [5 / 3] * 3)


def test_no_edge_carries_no_flow():
    assert find_flow([9, -9, 3], [False, False], (1, 1), lambda _, v: v) == [0, 0]
    assert find_flow([9, -9], [True], (0, 1), lambda _, v: v) == [0]


def test_few_steps_find_the_level():
    seen = []

    def met(k, v):
        seen.append(k)
        return v

    y = [int(x * 2**FINE) for x in np.random.default_rng(0).standard_normal(40)]
    find_flow(y, [True] * 39, (1, 2), met)
    assert len(seen) <= 40 * 9 < 40 * STEPS


def test_a_level_that_is_not_reached_is_a_bound(monkeypatch):
    norm, y = chain(9), np.random.default_rng(3).standard_normal(9)
    best = norm.bound_dual([*map(Fraction, y)])
    monkeypatch.setattr("certify.kernel.norms.paths.STEPS", 1)
    monkeypatch.setattr("certify.base.rigor.paths.STEPS", 1)
    early, many = norm.bound_dual([*map(Fraction, y)]), variation_norms(norm, y[None])[0]
    assert best * (1 + Fraction(1, 2**9)) < early < norm.dual_norm([*map(Fraction, y)])
    assert abs(many - early) <= many * 2.0**-30


def test_only_paths_of_one_sign_are_bounded_by_cones():
    W = np.random.default_rng(0).standard_normal((12, 3))
    path, ring = [(k, k + 1) for k in range(11)], [(k, (k + 1) % 12) for k in range(12)]
    sides = {
        "path": (norms.Variation(path, 0.5), True),
        "of one sign": (norms.Variation(path, 0.5, cone="+"), True),
        "of several signs": (norms.Variation(path, 0.5, cone="+" * 6 + "-" * 6), False),
        "ring": (norms.Variation(ring, 0.5), False),
    }
    for name, (left, wanted) in sides.items():
        query = PolarQuery(W, left, norms.gauge("l2"), target=0.1)
        assert Method().applies(query) is wanted, name


@pytest.mark.sampled(4)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cone", ["*", "+", "-"])
def test_a_grown_tree_reaches_the_polar_of_variation(tier, both, cone):
    rng = np.random.default_rng(len(cone) + both)
    W = rng.integers(-8, 9, (9, 3)).astype(float)
    left, right = chain(9, cone), chain(3) if both else L2(3)
    pair, ar = Pair(Pattern(9, 3), left, right), TIERS[tier]()
    w = ar.load(as_array(W.reshape(-1)))
    grown = grow_codes(Cones(pair_form(ar, pair, w, 1)), (0.0, 0.0), lambda: False)
    bound = cones(ar, pair, w, Evidence({"axis": 1}, as_tree(grown.tree())))
    points = rng.standard_normal((500, 3))
    values = variation_norms(left, points @ W.T)
    sizes = [float(right.lengths(v)[0].hi) for v in points.tolist()]
    best = points[np.argmax(values / sizes)]
    for _ in range(20):  # climb: v for u, and u for v
        u = norms.Variation(left.edges, 0.5, cone=cone.strip("*")).maximizer(W @ best)
        best = W.T @ u
        if both:
            best = norms.Variation(right.edges, 0.5).maximizer(best)
    least = attained(left, W @ best) / right.lengths(best.tolist())[0].hi
    assert least <= bound * (1 + Fraction(1, 2**50))  # W best is rounded
    assert bound <= least * (1 + Fraction(1, 2**18))
    coarse = cones(
        ar, pair, w, Evidence({"axis": 1}, as_tree([0] * pair_form(ar, pair, w, 1).number))
    )
    assert coarse > least * (1 + Fraction(1, 2**18))  # without its tree nothing is close


@pytest.mark.parametrize("seed", range(12))
def test_no_tree_with_variation_is_below_the_truth(seed):
    rng = np.random.default_rng(seed)
    m, d, axis = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(2))
    cone = str(rng.choice(["*", "+", "-"]))
    long, short = drawn(rng, m, cone, 0.5), drawn(rng, d, str(rng.choice(["*", "+"])), 0.25)
    if seed % 3 == 0:
        short = LInf(d)
    W = rng.integers(-4, 5, (m, d)).astype(float)
    pair = Pair(Pattern(m, d), long, short) if axis else Pair(Pattern(d, m), short, long)
    given_ = W if axis else W.T
    for make in TIERS.values():
        ar = make()
        w = ar.load(as_array(given_.reshape(-1)))
        form = pair_form(ar, pair, w, axis)
        pairs, codes = d * (d - 1) // 2, []
        for _ in range(form.number):
            codes += [int(rng.integers(1, pairs + 1)), 0, 0] if pairs else [0]
        bound = cones(ar, pair, w, Evidence({"axis": axis}, as_tree(codes)))
        low = [0 if short.sign(i) == "+" else -8 for i in range(d)]
        for z in rng.integers(low, 9, (12, d)):
            if z.any():
                value = attained(long, W @ z) / short.lengths(z.astype(float).tolist())[0].hi
                assert value <= bound


def test_differences_count_with_their_signs():
    """Of (1, -1) the flow may carry most; of (1, 1), as of |x| alone, nothing."""
    norm = chain(2)
    apart, alike = (norm.bound_dual([Fraction(1), Fraction(s)]) for s in (-1, 1))
    assert apart < 1 < Fraction(14, 10) < alike
    W = np.array([[1.0], [-1.0]])
    pair = Pair(Pattern(2, 1), norm, L2(1))
    for make in TIERS.values():
        ar = make()
        bound = cones(
            ar, pair, ar.load(as_array(W.reshape(-1))), Evidence({"axis": 1}, as_tree([0, 0]))
        )
        assert apart * (1 - Fraction(1, 2**40)) <= bound <= apart * (1 + Fraction(1, 2**40))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("left", [L2(2, "+"), chain(2, "+")])
def test_squares_that_underflow_count(tier, left):
    """The first row earns nothing, and the second 2^-540 times |(1, 1)|_1."""
    W, ar = np.array([[-1.0, -1.0], [2.0**-540, 2.0**-540]]), TIERS[tier]()
    pair = Pair(Pattern(2, 2), left, LInf(2, "+"))
    bound = cones(ar, pair, ar.load(as_array(W.reshape(-1))), Evidence({"axis": 1}, as_tree([0])))
    x = [0.0, 1.0]
    assert bound * left.lengths(x)[0].hi >= Fraction(2) * Fraction(2) ** -540


def test_a_sign_lowers_the_bound():
    norm, y = chain(5, "+"), [Fraction(k) for k in (1, -2, 3, 3, -9)]
    assert norm.bound_dual(y) < replace(norm, cone="*").bound_dual(y)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flow_in_floats_is_tested_before_it_is_believed(monkeypatch, sign):
    """Flow 1 leaves nothing of (1, -1), and proves 1 / rho; so does -1 of (-1, 1)."""
    norm, y = chain(2, rho=Fraction(7, 8)), sign * np.array([[1.0, -1.0]])
    assert 0.632 < variation_norms(norm, y)[0] < 0.633
    flow = sign * np.array([[1.0, 0.0]])
    monkeypatch.setattr("certify.base.rigor.paths.find_flows", lambda *_: flow)
    assert Fraction(8, 7) <= variation_norms(norm, y)[0] < 1.143


@pytest.mark.parametrize("count", [1, 20])
def test_a_price_at_the_end_of_floats_is_a_price(count):
    """Constants are all that is left: of (4, 0, 2) the mean 2, times the root of 3."""
    rho, Y = 2.0**1023, np.tile([4.0, 0.0, 2.0], (count, 1))
    bound = variation_norms(chain(3, rho=Fraction(rho)), Y)
    assert ((bound >= 12**0.5) & (bound < 12**0.5 * (1 + 2.0**-40))).all()
    gauge = norms.Variation([(0, 1), (1, 2)], rho)
    assert np.allclose(gauge.dual(Y.T), 12**0.5)
    assert np.allclose(gauge.prox(Y.T, 2.0), 2 - 2 / 3**0.5)
    assert not gauge.prox(Y.T, 4.0).any()


def test_a_flow_that_is_not_a_number_proves_what_none_does(monkeypatch):
    norm, y = chain(2), np.array([[1.0, -1.0]])
    monkeypatch.setattr("certify.base.rigor.paths.find_flows", lambda *_: y * np.nan)
    assert 2 <= Fraction(variation_norms(norm, y)[0]) ** 2 < 2 + 2.0**-40


def test_what_floats_are_off_by_is_added_to_the_bound(monkeypatch):
    W = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]])
    pair, ar = Pair(Pattern(3, 2), chain(3), L2(2)), Rounded()
    form = pair_form(ar, pair, ar.load(as_array(W.reshape(-1))), 1)
    before = Cones(form).linear_bounds(np.eye(2), 0)
    monkeypatch.setattr(Cones, "slack", lambda *_: 0.25)
    off = 0.25 * float(np.sqrt(np.square(Cones(form).A).sum()))
    assert np.allclose(Cones(form).linear_bounds(np.eye(2), 0) - before, off)


def squared_by_flow(norm, y, flow):
    """Return the square of what a flow along the path proves, and of what none does."""
    order, none = norm.path.order, [Fraction(0)] * norm.size
    squares = []
    for f in ([*map(Fraction, flow)], none):
        rest = [Fraction(y[i]) - a + b for i, a, b in zip(order, f, [0, *f[:-1]], strict=True)]
        met = sum(v * v for i, v in zip(order, rest, strict=True) if norm.meets(i, v))
        most = max(map(abs, f))
        if norm.rho or not most:
            squares.append(max(met, (most / norm.rho) ** 2 if most else most))
    return squares


@pytest.mark.parametrize("rho", [0.0, 5e-324, 2.0**-1040, 0.3, 1e300])
@pytest.mark.parametrize("scale", [2.0**-1060, 2.0**-540, 1.0, 2.0**400])
def test_no_flow_in_floats_proves_less_than_it_does_in_fractions(monkeypatch, rho, scale):
    """Loops, edges twice, vertices without any; flows against the edges, and far too large."""
    rng = np.random.default_rng(int(scale > 1))
    for _ in range(40):
        n = int(rng.integers(1, 8))
        norm = Variation(
            n,
            "".join(rng.choice([*"**+-0"], n)),
            Fraction(rho),
            rng.integers(0, n, 2 * int(rng.integers(2 * n))).tolist(),
        )
        y = scale * rng.standard_normal((1, n))
        joined = np.array([*map(bool, norm.path.signs), False])
        flow = scale * joined * rng.standard_normal((1, n)) * rng.choice([1e-9, 1.0, 1e9])
        with monkeypatch.context() as patched:
            patched.setattr("certify.base.rigor.paths.find_flows", lambda *_, f=flow: f)
            with np.errstate(over="ignore"):
                bound = Fraction(variation_norms(norm, y)[0])
        squares = squared_by_flow(norm, y[0], flow[0])
        assert bound**2 >= min(squares)
        assert (
            bound
            <= (1 + Fraction(1, 2**40)) * Fraction(float(min(squares)) ** 0.5) + Fraction(2) ** -490
        )


def test_what_differences_in_floats_have_lost_is_in_the_bound(monkeypatch):
    """Sums of tenths, each rounded: in floats nothing is left of y, in fractions the roundings."""
    y = np.repeat([[0.1, -0.1]], 50, axis=1)
    flow = np.cumsum(y, axis=1)
    flow[0, -1] = 0.0
    norm = chain(100, rho=Fraction(2) ** 100)
    monkeypatch.setattr("certify.base.rigor.paths.find_flows", lambda *_: flow)
    least, bound = min(squared_by_flow(norm, y[0], flow[0])), Fraction(variation_norms(norm, y)[0])
    assert Fraction(2) ** -100 < least <= bound**2 < Fraction(2) ** -80


@pytest.mark.parametrize("joined", [False, True])
def test_small_squares_that_a_sum_in_floats_loses_are_in_the_bound(monkeypatch, joined):
    """1 + 127 (1 - 2^-6) 2^-53: no sum of 1 and one of them is more than 1."""
    y = np.full((1, 128), (1 - 2.0**-7) * 2.0**-26.5)
    y[0, 0] = 1.0
    norm, flow = chain(128) if joined else Variation(128), np.zeros((1, 128))
    monkeypatch.setattr("certify.base.rigor.paths.find_flows", lambda *_: flow)
    assert Fraction(variation_norms(norm, y)[0]) ** 2 >= sum(Fraction(v) ** 2 for v in y[0])


def test_roots_of_vectors_are_rounded_up():
    """Of (1, 1), sqrt(2) and 1 / (1 + rho / sqrt(2)) are no fractions."""
    ones = [Fraction(1), Fraction(1)]
    for norm in (chain(2), Variation(2)):
        for bound in (norm.dual_norm(ones), norm.dual_norm(ones, [Fraction(0)] * len(norm.edges))):
            assert 2 <= bound**2 < 2 + Fraction(1, 2**40)
        assert norm.bound_dual(ones) ** 2 >= 2


def test_no_vectors_have_no_bounds():
    for norm in (chain(3), Variation(3)):
        assert variation_norms(norm, np.zeros((0, 3))).shape == (0,)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("over", [over_cones, over_batches])
@pytest.mark.parametrize("cone", ["*", "+", "+*-0"])
def test_what_lies_between_bent_functions_is_bounded(over, cone):
    """Where points are bent on a cone, h is between two vectors: that above says too little."""
    rng = np.random.default_rng(len(cone))
    for _ in range(8):
        f, w, A = (rng.integers(-4, 5, size) for size in ((3, 2), (3, 4), (4, 2)))
        norm = drawn(rng, 4, cone, 0.5)
        bent = [*zip(f.tolist(), (-abs(w)).tolist(), strict=True)]
        form = ConeForm(L2(2), norm, (A // 2).tolist(), bent, Fraction(1))
        bound = over(form._replace(tree=[0] * form.number))
        for z in rng.integers(-8, 9, (20, 2)):
            value = (A // 2) @ z - np.maximum(f @ z, 0) @ abs(w)
            assert attained(norm, value.astype(float)) <= bound * root(Fraction(int(z @ z))).hi
