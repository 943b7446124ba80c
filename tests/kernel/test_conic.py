"""Trees of conic bounds: whatever the witness, no bound is below a value that is attained."""

from array import array
from fractions import Fraction

import numpy as np
import pytest

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.budget import FLOOR, Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.metered import Metered
from certify.kernel.norms import (
    L1,
    L2,
    Elastic,
    Groups,
    LInf,
    Variation,
)
from certify.kernel.patterns import Pattern
from certify.kernel.rules.conic import Leaf, conic, free_cubes, split_cut, vertex_side
from certify.kernel.rules.lines import lines
from certify.kernel.scalars import power
from certify.kernel.spaces import Pair
from certify.polar.proved import as_kernel_array
from tests.unit_balls import EDGES, LEFT, RIGHT, SLACK, SUMMED, M, N, Sharp, attained, points, size

TIERS = pytest.mark.parametrize("tier", [Sharp, Exact, Flint, Rounded])


def kernel_groups(pair):
    """Whether the left norm is a sum over groups: (0, 2) and (1), of which one is left."""
    return isinstance(pair.left, Groups) and pair.left.outer == "l1"


def tree(pair, rng, depth=2):
    """A random tree: cuts, and equal signs where they are allowed."""
    k, nodes, leaves = pair.at.m + pair.at.n, [], []
    free = [[i for i in side if vertex_side(pair, i) >= 0] for side in (range(M), range(M, k))]
    able = [f[:2] for f in free if len(f) > 1]

    def grow(level, used, cuts, merged):
        at = len(nodes)
        nodes.append(None)
        kinds = ["leaf"] if level == 0 else ["cut"] + (["equal"] if able and not used else [])
        kinds += ["groups"] if level and not used and kernel_groups(pair) else []
        kind = rng.choice(kinds)
        if kind == "leaf":
            nodes[at] = {"leaf": len(leaves), "shift": "0"}
            leaves.append((cuts, merged))
            return at
        if kind == "groups":
            node = {"groups": "left", "each": [grow(0, True, cuts, away) for away in (1, 2)]}
            nodes[at] = node
            return at
        node = {"cut": int(rng.integers(2))} if kind == "cut" else {"equal": able[0]}
        more = (cuts + (kind == "cut"), merged + (kind == "equal"))
        node["plus"] = grow(level - 1, used or kind == "equal", *more)
        node["minus"] = grow(level - 1, used or kind == "equal", *more)
        nodes[at] = node
        return at

    grow(depth, False, 0, 0)
    return nodes, leaves


def witness(pair, leaves, rng, *, summed):
    """Random multipliers for every leaf; dyadic, so that all tiers see the same."""
    k = pair.at.m + pair.at.n - pair.left.cone.count("0")
    some = lambda n: rng.integers(0, 9, n) / 8.0 * (rng.random(n) < 0.3)  # noqa: E731
    signed = sum(n.sign(i) in "+-" for n in (pair.left, pair.right) for i in range(n.size))
    out = {"cuts": rng.integers(-8, 9, (2, pair.at.m + pair.at.n)) / 8.0}
    for t, (cuts, merged) in enumerate(leaves):
        q = signed + cuts
        out[f"N{t}"] = some(q * (q + 1) // 2).astype(np.float32)
        out[f"D{t}"] = rng.integers(0, 5, k - merged) / 2.0
        if summed and not merged:
            s = len(EDGES) // 2 if pair.left.name == "variation" else M
            out[f"S{t}.left"] = rng.integers(-2, 3, s * (s + 1) // 2) / 2.0
    return {name: as_kernel_array(a) for name, a in out.items()}


def test_entries_of_a_coordinate_that_is_zero_count_for_nothing():
    one = Pair(Pattern(2, 1), Elastic(2, "*0", alpha=Fraction(1, 2)), L2(1))
    W = [[2.0], [90.0]]
    for off in (0.0, 3.0):  # S over both coordinates; z has one of them, and v
        found = root_leaf(one, W, S0_left=[2.0, off, 5.0], D0=[0.0, 2.0])
        assert found >= 2
    assert root_leaf(one, W, S0_left=[2.0, 0.0, 0.0], D0=[0.0, 2.0]) == pytest.approx(2, abs=SLACK)


SIDES = ("left", "right")


def boxable(pair):
    """The sides that can be written as boxes, one or all of them."""
    names = zip(SIDES, (pair.left, pair.right), strict=True)
    return [name for name, n in names if n.name == "linf"]


@pytest.mark.sampled(3)
@TIERS
@pytest.mark.parametrize("left", ["linf", "linf+", "linf-", "linf mixed"])
@pytest.mark.parametrize("right", ["l2", "linf", "l2+", "linf+"])
def test_no_box_bounds_below_what_is_attained(tier, left, right):
    rng = np.random.default_rng(4)
    mixed = {"linf mixed": LInf(M, "+0-"), "linf+": LInf(M, "+")}
    ends = {**LEFT, **mixed}[left], {**RIGHT, "linf+": LInf(N, "+")}[right]
    pair = Pair(Pattern(M, N), *ends)
    sides = boxable(pair)
    sizes = [n.size + 1 if name in sides else n.size for name, n in zip(SIDES, ends, strict=True)]
    for _ in range(8 if tier is Sharp else 3):
        W = rng.integers(-8, 9, (M, N)) / 4.0
        k, q = sum(sizes), sum(2 * n.size for n in ends if n.name == "linf")
        q += N if right == "l2+" else 0
        some = (
            rng.integers(0, 9, (q + 1) * (q + 2) // 2)
            / 16.0
            * (rng.random((q + 1) * (q + 2) // 2) < 0.2)
        )
        arrays = {"cuts": rng.integers(-8, 9, (1, k)) / 8.0}
        for t in range(2):
            arrays[f"N{t}"], arrays[f"D{t}"] = some, rng.integers(0, 5, k) / 2.0
        nodes = [{"cut": 0, "plus": 1, "minus": 2}, *({"leaf": t, "shift": "0"} for t in range(2))]
        held = {name: as_kernel_array(a) for name, a in arrays.items()}
        found = bound(tier, pair, W, {"nodes": nodes, "boxed": sides}, held)
        assert float(found) >= attained(W, *ends, rng) - SLACK


def test_a_box_closes_what_its_cone_leaves_open():
    # u in [0, 1]^2, v free in the l2 ball: max |W^T u|_2 over vertices; (1, 0) gives 2
    pair = Pair(Pattern(2, 1), LInf(2, "+"), L2(1))
    W = [[2.0], [-1.0]]
    plain = root_leaf(pair, W, D0=[2.25, 1.125, 0])
    # s: W' = ((2 - 1)/2, 1, -1/2), |W'|_1 = 2
    box = bound(
        Sharp,
        pair,
        np.array(W),
        {"nodes": [{"leaf": 0, "shift": "0"}], "boxed": ["left"]},
        {"D0": as_kernel_array(np.array([0.5, 1.0, 0.5, 2.0]))},
    )
    assert float(box) == pytest.approx(2, abs=SLACK)
    assert plain > 2.1


def test_boxes_are_of_cubes_only():
    leaf = [{"leaf": 0, "shift": "0"}]
    for pair, sides in (
        (CUBES, ["left", "left"]),
        (CUBES, ["top"]),
        (CUBES, "left"),
        (CUBES, [1]),
        (GROUPED, ["left"]),
        (Pair(Pattern(2, 2), LInf(2), LInf(2), symmetric=True), ["left"]),
    ):
        with pytest.raises(RejectedError) as caught:
            bound(Sharp, pair, np.ones((pair.at.m, pair.at.n)), {"nodes": leaf, "boxed": sides}, {})
        assert caught.value.code == "wrong_rule"


def bound(tier, pair, W, proof, arrays):
    ar = tier()
    return conic(
        ar, pair, ar.load(as_kernel_array(W.reshape(-1))), Evidence(proof, Arrays(arrays, "proof"))
    )


@pytest.mark.sampled(7)
@TIERS
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("right", RIGHT)
def test_no_tree_of_witnesses_bounds_below_what_is_attained(tier, left, right):
    rng = np.random.default_rng(3)
    pair = Pair(Pattern(M, N), LEFT[left], RIGHT[right])
    for _ in range(12 if tier is Sharp else 4):
        W = rng.integers(-8, 9, (M, N)) / 4.0
        nodes, leaves = tree(pair, rng)
        arrays = witness(pair, leaves, rng, summed=left in SUMMED)
        found = bound(tier, pair, W, {"nodes": nodes}, arrays)
        assert float(found) >= attained(W, pair.left, pair.right, rng) - SLACK


def root_leaf(pair, W, tier=Sharp, nodes=None, **arrays):
    """The bound of a tree, by default of a single leaf."""
    nodes = [{"leaf": 0, "shift": "0"}] if nodes is None else nodes
    held = {
        k.replace("_", "."): as_kernel_array(np.asarray(a, dtype=float)) for k, a in arrays.items()
    }
    return float(bound(tier, pair, np.asarray(W, dtype=float), {"nodes": nodes}, held))


HADAMARD = [[1.0, 1.0], [1.0, -1.0]]
CUBES = Pair(Pattern(2, 2), LInf(2), LInf(2))
SPLIT = [
    {"equal": [0, 1], "plus": 1, "minus": 2},
    {"leaf": 0, "shift": "0"},
    {"leaf": 0, "shift": "0"},
]


def test_signs_of_a_cube_close_the_gap_of_grothendieck():
    assert root_leaf(CUBES, HADAMARD, D0=[2**0.5] * 4) == pytest.approx(2**1.5, abs=SLACK)
    # u1 = u2 leaves 2 u1 v1, u1 = -u2 leaves 2 u1 v2: D = (2, 2, 0) and (2, 0, 2)
    nodes = [SPLIT[0], SPLIT[1], {"leaf": 1, "shift": "0"}]
    assert root_leaf(CUBES, HADAMARD, nodes=nodes, D0=[2, 2, 0], D1=[2, 0, 2]) == 2


def test_products_within_a_factor_close_a_gap_that_others_leave():
    pair = Pair(Pattern(2, 2), L2(2, "+"), L2(2, "+"))
    W = [[1.0, -1.0], [-1.0, 1.0]]
    assert root_leaf(pair, W) == pytest.approx(2, abs=SLACK)
    off = [0, 0, 0, 0, 1, 0, 1, 0, 0, 0]  # N at (u1, v2) and (u2, v1)
    assert root_leaf(pair, W, N0=off) == pytest.approx(1, abs=SLACK)


def test_a_cut_joins_the_multipliers():
    # u free: sigma_1 = 1 for W = diag(-1, 0) at u = -v; on a side of u1 >= 0, v1 >= 0 is known
    pair = Pair(Pattern(1, 1), L2(1), L2(1, "+"))
    nodes = [
        {"cut": 0, "plus": 1, "minus": 2},
        {"leaf": 0, "shift": "0"},
        {"leaf": 1, "shift": "0"},
    ]
    plus = {"N0": [0, 1, 0], "N1": [0, 0, 0]}  # of v1, then the cut: W + N = 0 where u1 >= 0
    assert root_leaf(pair, [[-1.0]], nodes=nodes, cuts=[[1, 0]], **plus) == 1
    wrong = {"N0": [0, 0, 0], "N1": [0, 1, 0]}  # of u1 <= 0: W - N = -2
    assert root_leaf(pair, [[-1.0]], nodes=nodes, cuts=[[1, 0]], **wrong) == 2


def test_a_symmetric_atom_is_bounded_by_the_symmetric_part():
    pair = Pair(Pattern(2, 2), L2(2), L2(2), symmetric=True)
    assert root_leaf(pair, [[0.0, 2.0], [0.0, -3.0]]) == pytest.approx((13**0.5 - 3) / 2, abs=SLACK)
    simplex = Pair(Pattern(2, 2), L1(2, "+"), L1(2, "+"), symmetric=True)
    # the edge of two vertices: 1 - 1/2, where 1/2 - W - N = [[1/2, -1/2], [-1/2, 1/2]]
    assert root_leaf(simplex, [[0.0, 1.0], [1.0, 0.0]], S0_left=[0.5] * 3) == 0.5


GROUPED = Pair(Pattern(M, N), LEFT["group l1"], RIGHT["l2"])
EACH = [
    {"groups": "left", "each": [1, 2]},
    {"leaf": 0, "shift": "0"},
    {"leaf": 0, "shift": "0"},
]


def test_a_sum_of_groups_is_closed_by_its_groups():
    W = [[1.0, 2.0], [3.0, 0.5], [-2.0, 1.0]]  # groups (0, 2) and (1)
    whole = root_leaf(GROUPED, W)
    found = root_leaf(GROUPED, W, nodes=EACH)
    assert found == pytest.approx(max(5**0.5, 9.25**0.5), abs=SLACK)
    assert whole > found + 0.1


def test_groups_are_parts_of_a_sum_of_groups_only():
    for pair, nodes, code in (
        (GROUPED, [{**EACH[0], "groups": "right"}, *EACH[1:]], "wrong_rule"),
        (GROUPED, [{**EACH[0], "groups": 3}, *EACH[1:]], "wrong_rule"),
        (GROUPED, [{**EACH[0], "each": [1]}, EACH[1]], "tree"),
        (GROUPED, [{**EACH[0], "each": [1, 1]}, *EACH[1:]], "tree"),
        (GROUPED, [{**EACH[0], "each": 2}, *EACH[1:]], "list"),
        (Pair(Pattern(M, N), LEFT["group linf"], RIGHT["l2"]), EACH, "wrong_rule"),
        (
            Pair(Pattern(M, M), LEFT["group l1"], LEFT["group l1"], symmetric=True),
            EACH,
            "wrong_rule",
        ),
    ):
        with pytest.raises(RejectedError) as caught:
            root_leaf(pair, np.ones((pair.at.m, pair.at.n)), nodes=nodes)
        assert caught.value.code == code


def test_a_coordinate_that_is_zero_counts_for_nothing():
    pair = Pair(Pattern(M, N), LEFT["l2 support"], RIGHT["l2"])
    assert root_leaf(pair, [[3.0, 4.0], [90.0, 90.0], [0.0, 0.0]]) == pytest.approx(5, abs=SLACK)


MALFORMED = {
    "no nodes": ([], "list"),
    "not a list": ({}, "list"),
    "no JSON object": ([3], "json"),
    "neither": ([{}], "tree"),
    "both": ([{"cut": 0, "leaf": 0}], "tree"),
    "no children": ([{"cut": 0}], "tree"),
    "itself": ([{"cut": 0, "plus": 0, "minus": 1}, {"leaf": 0}], "tree"),
    "one child twice": ([{"cut": 0, "plus": 1, "minus": 1}, {"leaf": 0}], "tree"),
    "beyond": ([{"cut": 0, "plus": 1, "minus": 2}, {"leaf": 0, "shift": "0"}], "tree"),
    "unused": ([{"leaf": 0, "shift": "0"}, {"leaf": 0, "shift": "0"}], "tree"),
    "a child of two": (
        [
            {"cut": 0, "plus": 1, "minus": 2},
            {"cut": 0, "plus": 2, "minus": 3},
            {"leaf": 0, "shift": "0"},
            {"leaf": 0, "shift": "0"},
        ],
        "tree",
    ),
    "no cut": ([{"cut": 9, "plus": 1, "minus": 2}, *SPLIT[1:]], "outside"),
    "no leaf": ([{"leaf": -1, "shift": "0"}], "outside"),
    "no shift": ([{"leaf": 0}], "number"),
    "one end": ([{**SPLIT[0], "equal": [0]}, *SPLIT[1:]], "outside"),
    "two sides": ([{**SPLIT[0], "equal": [0, 2]}, *SPLIT[1:]], "wrong_rule"),
    "no coordinate": ([{**SPLIT[0], "equal": [0, 4]}, *SPLIT[1:]], "wrong_rule"),
    "the same": ([{**SPLIT[0], "equal": [1, 1]}, *SPLIT[1:]], "tree"),
    "twice a parent": (
        [
            {"cut": 0, "plus": 1, "minus": 2},
            {"cut": 0, "plus": 2, "minus": 3},
            {"leaf": 0, "shift": "0"},
            {"leaf": 0, "shift": "0"},
        ],
        "tree",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_tree_that_does_not_cover_is_rejected(name):
    nodes, code = MALFORMED[name]
    with pytest.raises(RejectedError) as caught:
        root_leaf(CUBES, HADAMARD, nodes=nodes, cuts=[[1, 0, 0, 0]])
    assert caught.value.code == code


REFUSED = {
    "a negative multiplier": (LEFT["l2+"], {"N0": [0, 0, -1, 0, 0, 0]}, "sign"),
    "a multiplier of another size": (LEFT["l2"], {"N0": [1.0]}, "shape"),
    "entries of a norm that sums nothing": (LEFT["l2"], {"S0_left": [0] * 6}, "wrong_rule"),
    "entries of the wrong groups": (LEFT["group linf"], {"S0_left": [0] * 6}, "wrong_rule"),
    "a diagonal of another size": (LEFT["l2"], {"D0": [0] * 4}, "shape"),
    "a factor of another size": (LEFT["l2"], {"L0": [0] * 4}, "shape"),
}


@TIERS
@pytest.mark.parametrize("name", REFUSED)
def test_a_witness_that_proves_nothing_is_rejected(tier, name):
    left, arrays, code = REFUSED[name]
    pair = Pair(Pattern(M, N), left, RIGHT["l2"])
    with pytest.raises(RejectedError) as caught:
        root_leaf(pair, np.ones((M, N)), tier, **arrays)
    assert caught.value.code == code


def test_signs_are_equal_only_at_the_vertices_of_a_free_cube():
    for left, symmetric in (("linf+", False), ("l2", False), ("linf", True)):
        pair = Pair(Pattern(M, M), LEFT[left], LInf(M), symmetric)
        with pytest.raises(RejectedError) as caught:
            root_leaf(pair, np.ones((M, M)), nodes=SPLIT)
        assert caught.value.code == "wrong_rule"


def test_a_cone_too_large_is_refused_before_it_is_made():
    pair, W = Pair(Pattern(1, 2048), L2(1), L2(2048)), np.ones((1, 2048))
    ar = Metered(Exact(), Budget(FLOOR))
    nodes = {"nodes": [{"leaf": 0, "shift": "1"}]}
    with pytest.raises(RejectedError) as caught:
        conic(
            ar, pair, ar.load(as_kernel_array(W.reshape(-1))), Evidence(nodes, Arrays({}, "proof"))
        )
    assert (caught.value.where, caught.value.code) == ("budget", "limit")


@pytest.mark.parametrize("name", LEFT)
def test_costs_dominate_the_unit_ball_and_touch_it(name):
    n, rng = LEFT[name], np.random.default_rng(5)
    x = points(n, rng, 2_000)
    for d in ([1.0, 1.0, 1.0], [3.0, 0.5, -1.0], [-1.0, 2.0, 0.0]):
        true = float((x**2 @ d).max())
        cost = float(n.diagonal_cost([Fraction(v) for v in d]))
        assert cost >= true - SLACK
        if n.name in ("l1", "l2", "weighted", "linf", "group"):
            assert cost <= max(true, 0.0) + 0.1
    assert float(n.widest) >= float((x**2).sum(axis=1).max()) - SLACK
    if name in SUMMED:
        entries_dominate(n, x, rng)


def entries_dominate(n, x, rng):
    """The cost of S is above u^T A^T S A u, and nearly reached by some S."""
    edges = n.edges
    A = (
        np.array([[(k == i) - (k == j) for k in range(M)] for i, j in edges])
        if edges
        else np.eye(M)
    )
    least = np.inf
    for _ in range(50):
        S = rng.integers(-2, 3, (len(A), len(A))) / 2.0
        S = np.ones((len(A), len(A))) if least == np.inf else S + S.T
        d = float(rng.integers(0, 3))
        true = ((x @ A.T @ S) * (x @ A.T)).sum(axis=1) + d * (x**2).sum(axis=1)
        found = n.largest_entries([Fraction(d)] * M, S.reshape(-1).tolist())
        cost = float(n.entries_cost(*found))
        assert cost >= true.max() - SLACK
        least = min(least, cost / max(true.max(), 0.01))
    assert least <= 2


@pytest.mark.parametrize("name", LEFT)
def test_lengths_are_enclosed(name):
    n, rng = LEFT[name], np.random.default_rng(6)
    for _ in range(20):
        x = rng.integers(-8, 9, M) / 4.0
        one, two = n.lengths(x.tolist())
        assert float(one.lo) - SLACK <= size(n, x) <= float(one.hi) + SLACK
        assert two.lo <= one.hi**2
        assert one.lo**2 <= two.hi
        assert one.hi - one.lo <= power(-100)


@pytest.mark.sampled(11)
@TIERS
@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize("outer", ["*", "+", "-", "+0"])
def test_lines_bound_the_dual_norm_and_no_less(tier, name, outer):
    n, rng = LEFT[name], np.random.default_rng(7)
    pair = Pair(Pattern(M, 2), n, L1(2, outer))
    for _ in range(6):
        W = rng.integers(-8, 9, (M, 2)) / 4.0
        true = float((points(n, rng, 2_000) @ W @ points(pair.right, rng, 1).T).max())
        ar = Exact() if tier is Sharp else tier()
        level = {"level": f"{int(np.ceil(np.abs(W).max() * 256)):x}/100"}
        flow = {"flow": as_kernel_array(np.zeros((2, 2)))} if n.name == "variation" else {}
        w = ar.load(as_kernel_array(W.reshape(-1)))
        found = float(lines(ar, pair, w, Evidence(level, Arrays(flow, "proof"))))
        assert found >= true - SLACK
        if n.name not in ("elastic", "variation"):
            assert found <= max(true, 0.0) + 0.3


def test_a_flow_along_the_edges_lowers_the_dual_of_variation():
    n = Variation(2, "*", rho=Fraction(1), ends=array("q", [0, 1]))
    pair = Pair(Pattern(1, 2), L1(1), n)
    ar, W = Exact(), np.array([1.0, -1.0])
    w = ar.load(as_kernel_array(W))
    bare = lines(ar, pair, w, Evidence({}, Arrays({}, "proof")))
    arrays = {"flow": as_kernel_array(np.array([[0.5]]))}
    found = lines(ar, pair, w, Evidence({}, Arrays(arrays, "proof")))
    assert float(bare) == pytest.approx(2**0.5, abs=SLACK)
    assert float(found) == pytest.approx(0.5**0.5, abs=SLACK)  # |(1/2, -1/2)|_2
    most = lines(
        ar, pair, w, Evidence({}, Arrays({"flow": as_kernel_array(np.array([[2.0]]))}, "proof"))
    )
    assert most == 2


def test_a_level_of_the_elastic_norm_is_checked_on_every_line():
    n = Elastic(2, "*", alpha=Fraction(1, 2))
    pair = Pair(Pattern(2, 2), L1(2), n)
    ar = Exact()
    w = ar.load(as_kernel_array(np.array([2.0, 0.0, 0.0, 0.0])))
    value = lambda text: lines(ar, pair, w, Evidence({"level": text}, Arrays({}, "proof")))  # noqa: E731
    assert value("2") == 2  # (2 - 1)_+ <= 1/2 * 2
    assert value("1ff/100") == 2  # too low: the l2 norm instead
    assert value("-1") == 2


@TIERS
@pytest.mark.parametrize("cones", [("+", "-"), ("-", "+"), ("+0-", "*"), ("*-+", "+-")])
def test_a_box_is_the_form_of_its_cube(tier, cones):
    rng = np.random.default_rng(8)
    left, right = (LInf(d, c) for d, c in zip((M, N), cones, strict=True))
    ar = tier()
    W = rng.integers(-8, 9, (M, N)) / 4.0
    pair = Pair(Pattern(M, N), left, right)
    hat = ar.hat(ar.load(as_kernel_array(W.reshape(-1))), pair.at)
    new, form, rows = free_cubes(ar, pair, hat, ["left", "right"])
    assert (new.left, new.right) == (LInf(M + 1), LInf(N + 1))
    mid = form.mid if tier is Rounded else None
    if mid is None:
        mid = np.array([float(x) for x in form.ints]) * float(power(form.exp))
        mid = mid.reshape(form.shape)
    ways = {
        "*": lambda s: s,
        "+": lambda s: (1 + s) / 2,
        "-": lambda s: (s - 1) / 2,
        "0": lambda _: 0,
    }
    for _ in range(20):
        s, t = rng.integers(-4, 5, M) / 4.0, rng.integers(-4, 5, N) / 4.0
        u = np.array([ways[left.sign(i)](x) for i, x in enumerate(s)])
        v = np.array([ways[right.sign(i)](x) for i, x in enumerate(t)])
        z = np.hstack([1.0, s, 1.0, t])
        assert z @ mid @ z == 2 * (u @ W @ v)
        ends = [1 + x * e for x in s for e in (1, -1)] + [1 + x * e for x in t for e in (1, -1)]
        assert (np.array(rows) @ z).tolist() == ends


def test_equal_splits_keep_every_vertex_in_one_leaf():
    pair = Pair(Pattern(4, 1), LInf(4), L2(1))
    start = Leaf((), tuple((i, 1) for i in range(5)))
    leaves = [start]
    for ends in ([0, 1], [3, 2], [1, 3]):
        node = {"equal": ends, "plus": 1, "minus": 2}
        pairs = [split_cut(pair, [], node, leaf, "") for leaf in leaves]
        for children in pairs:
            for child, side in zip(children, (1, -1), strict=True):
                (a, s), (b, t) = (child.classes[i] for i in ends)
                assert (a, s) == (b, side * t)  # z_p = side z_q
        leaves = [x for children in pairs for x in children]
    assert len({leaf.classes for leaf in leaves}) == 8
    for s in np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T:
        z = [*s.tolist(), 1]
        held = [
            x for x in leaves if all(z[i] == sign * z[c] for i, (c, sign) in enumerate(x.classes))
        ]
        assert len(held) == 1
