"""Hidden layers: neurons earn what they say, and every proposal is proved by the kernel."""

from dataclasses import replace
from time import monotonic

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from certify.atoms import ReLU
from certify.atoms.relu import gated
from certify.base.checkpoint import Checkpoint, report_trees, save_to
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.statement import stated_network
from certify.norms import L2
from certify.polar.ascent.layers import Field, across, attain, best_bias, borders
from certify.polar.branching import cells
from certify.polar.branching import layers as tree
from certify.polar.branching.cell import least_in_box
from certify.polar.branching.layer_parts import bounder
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.layers import propose
from certify.polar.proved import as_kernel_array, split
from certify.polar.relaxation.frame import WEIGHT, Frame
from certify.polar.relaxation.layer_leaf import leaf
from certify.polar.relaxation.layer_multiplier import best_multiplier
from certify.polar.relaxation.layers import form_of
from tests.layer_oracles import acted, around_circle, over_patterns, with_free_bias

TIERS = (Exact, Flint, Rounded)
SLOPES = {"relu": 0.0, "leaky_relu": 0.01, "abs": -1.0, "linear": 1.0}


def data(shape, seed=0, outputs=1, *, centred=False):
    """Dyadic V and W; the columns of W sum to zero if asked."""
    rng = np.random.default_rng(seed)
    V, W = (rng.integers(-64, 65, s) / 32.0 for s in (shape, (shape[0], outputs)))
    if centred:
        W[-1] -= W.sum(axis=0)
    return V, W


def bound(atom, W, proof, tier):
    """The bound that the kernel proves, as an exact number."""
    at, ar = Pattern(*W.shape), tier()
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    net = stated_network(atom.statement(), given, at)
    text, arrays = split(proof)
    w = ar.load(as_kernel_array(W.reshape(-1)))
    return polar_bound(ar, net, w, Evidence(text, Arrays(arrays, "proof")))


def check(atom, W, found, truth, gap):
    """Every tier proves what was proposed, which is near the truth and not below it."""
    for tier in TIERS:
        up = bound(atom, W, found.proof, tier)
        assert truth * (1 - 1e-12) <= up <= found.upper * (1 + 1e-9) + 1e-12, tier
    assert found.upper <= truth * (1 + gap) + 1e-9


def earned(atom, W, found):
    """What a neuron earns, from its definition."""
    value, (u, v) = found
    layer = atom.layer
    assert float(layer.size(u[:, None])[0]) == pytest.approx(1, rel=1e-12)
    assert layer.right.value(v) == pytest.approx(1, rel=1e-12)
    hidden = layer.pool(acted(layer.features @ u, layer.slope)[:, None])[:, 0]
    assert value == pytest.approx(float((W.T @ hidden) @ v), rel=1e-12)
    return value


def test_the_best_bias_is_the_best_of_all_kinks():
    rng = np.random.default_rng(4)
    for slope in (0.0, 0.3, -1.0):
        omega, x = rng.normal(size=(2, 12))
        omega[-1] -= omega.sum()
        layer = Layer(np.column_stack([x, np.full(12, 2.0)]), slope, L2(), L2(), free=True)
        found = best_bias(
            Field.of(layer, omega[:, None]), np.array([[1.0, -1.0], [5.0, 5.0]]), np.ones((1, 2))
        )
        for u in found.T:
            values = [omega @ acted(x * u[0] - z, slope) for z in x * u[0]]
            assert omega @ acted(layer.features @ u, slope) == pytest.approx(max(values), rel=1e-12)


@pytest.mark.parametrize(
    ("slope", "most"), [(0.0, False), (-1.0, False), (0.3, False), (0.0, True)]
)
def test_the_first_border_on_a_way_leads_to_the_cell_beyond_it(slope, most):
    rng = np.random.default_rng(6)
    samples = np.repeat(np.arange(5), 3) if most else None
    layer = Layer(
        rng.standard_normal((15, 4)), slope, L2(), L2(), samples=samples, max_pooled=bool(most)
    )
    for u, towards in rng.standard_normal((40, 2, 4)):
        S = layer.gates(layer.features @ u[:, None])[:, 0]
        G = borders(layer, S)
        assert (G @ u >= 0).all()
        moved = G @ towards
        times = np.where(moved < 0, (G @ u) / np.where(moved < 0, G @ u - moved, 1.0), np.inf)
        first, second = np.sort(times)[:2]
        if first == np.inf:  # both are in one cell
            continue
        beyond = u + 0.5 * (first + min(second, 1.0)) * (towards - u)
        found, first = layer.gates(layer.features @ beyond[:, None])[:, 0], times.argmin()
        assert found == pytest.approx(across(layer, S, np.array([first])), abs=1e-15)
        if most:  # of two rows of a sample the first takes its place
            both = np.array([first, first - first % 3 + (first + 1) % 3])
            assert np.array_equal(found, across(layer, S, both))


@pytest.mark.parametrize("seed", [5, 146])  # 146: needs more steps than columns
def test_least_squares_with_bounds_meets_its_optimality_conditions(seed):
    rng = np.random.default_rng(seed)
    for k in range(800):
        A, c = rng.normal(size=(3, 2 + k % 9)), rng.normal(size=3)
        A[:, 1] = 0.0 if k % 5 == 0 else A[:, 1]
        top = np.where(rng.random(A.shape[1]) < 0.5, 1.0, np.inf)
        y = least_in_box(A, c, top)
        slope = A.T @ (c + A @ y)
        assert (y >= 0).all()
        assert (y <= top).all()
        assert (slope[y < top] >= -1e-10).all()
        assert (slope[y > 0] <= 1e-10).all()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("right", ["l2", "l2+", "l2-"])
def test_cells_are_exact(activation, right):
    signs = {"l2": (1, -1), "l2+": (1,), "l2-": (-1,)}[right]
    for shape, oracle in (((25, 2), around_circle), ((8, 3), over_patterns)):
        V, W = data(shape, seed=shape[1])
        atom = ReLU(V, right=right, activation=activation)
        truth = oracle(V, W if shape[1] == 2 else W[:, 0], SLOPES[activation], signs)
        query = atom.query(W)
        lower = earned(atom, W, attain(query))
        assert max(lower, 0.0) == pytest.approx(truth, rel=1e-9)  # u = 0 earns 0
        check(atom, W, cells.proposal(query, lower), truth, 1e-8)
        check(atom, W, cells.proposal(query, 0.0), truth, 1e-8)  # without a good neuron too


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
def test_a_free_bias_is_exact_in_cells(activation):
    V, W = data((10, 2), seed=7, centred=True)
    atom = ReLU(V, bias="free", activation=activation)
    truth = with_free_bias(V, W[:, 0], SLOPES[activation])
    query = atom.query(W)
    lower = earned(atom, W, attain(query))
    assert lower == pytest.approx(truth, rel=1e-9)
    check(atom, W, cells.proposal(query, lower), truth, 1e-8)


def test_cells_stop_under_a_target():
    V, W = data((40, 3), seed=1)
    atom = ReLU(V)
    query = atom.query(W)
    lower = attain(query)[0]
    easy = cells.proposal(replace(query, target=lower * 1.3), lower)
    exact = cells.proposal(query, lower)
    assert len(easy.proof["nodes"]) < len(exact.proof["nodes"])
    assert easy.upper <= lower * 1.3
    assert bound(atom, W, easy.proof, Exact) <= easy.upper


def test_cells_prune_before_they_enumerate():
    V, W = data((60, 3), seed=2)
    query = ReLU(V).query(W)
    found = cells.proposal(query, attain(query)[0])
    assert len(found.proof["nodes"]) < 70  # of about 60 * 59 cells


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("kind", ["plain", "regularized", "free", "pooled", "leaky", "cone"])
def test_the_tree_is_proved_and_near_the_truth(kind):
    V, W = data((9, 2), seed=11, centred=kind == "free")
    options = {
        "regularized": {"bias": "regularized"},
        "free": {"bias": "free"},
        "pooled": {"samples": np.arange(9) % 3},
        "leaky": {"activation": "leaky_relu"},
        "cone": {"right": "l2+"},
    }.get(kind, {})
    W = W[:3] if kind == "pooled" else W
    atom = ReLU(V, **options)
    omega = atom.layer.spread(W)
    if kind == "free":
        truth = with_free_bias(V, omega[:, 0])
    elif kind == "regularized":
        truth = over_patterns(atom.layer.features, omega[:, 0])
    else:
        signs = (1,) if kind == "cone" else (1, -1)
        truth = around_circle(V, omega, atom.layer.slope, signs)
    query = replace(atom.query(W), nodes=9)
    check(atom, W, tree.proposal(query), truth, 0.05)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("right", ["l2", "l1", "linf"])
def test_several_outputs(right):
    V, W = data((9, 2), seed=13, outputs=2)
    atom = ReLU(V, right=right)
    each = [around_circle(V, W[:, [t]]) for t in (0, 1)]
    both = around_circle(V, W)
    low, high = {
        "l2": (both, both * (1 + 1e-5)),
        "l1": (max(each), max(each) * (1 + 1e-8)),
        "linf": (max(both, *each), min(sum(each), both * 2**0.5) * (1 + 1e-5)),
    }[right]
    lower = earned(atom, W, attain(atom.query(W)))
    found = propose(replace(atom.query(W), nodes=60))
    assert low * (1 - 1e-9) <= max(lower, low)
    assert lower <= found.upper
    if right != "linf":
        assert lower == pytest.approx(low, rel=1e-9)
    for tier in TIERS:
        assert low * (1 - 1e-12) <= bound(atom, W, found.proof, tier) <= high
    assert found.upper <= high


def test_known_values():
    W = np.array([[1.5], [-0.8]])
    atom = ReLU(np.eye(2))  # V = I: the larger of |w_+| and |w_-|
    check(atom, W, propose(atom.query(W)), 1.5, 1e-8)
    V = np.column_stack([np.arange(-2.0, 3.0), np.ones(5)])  # five points on a line
    W = np.array([[1.0], [-1.0], [1.0], [1.0], [-1.0]])
    truth = over_patterns(V, W[:, 0])
    assert truth == pytest.approx(around_circle(V, W), rel=1e-12)
    check(ReLU(V), W, propose(ReLU(V).query(W)), truth, 1e-8)


def test_a_linear_layer_is_a_matrix():
    V, W = data((7, 3), seed=17, outputs=2)
    atom = ReLU(V, activation="linear")
    truth = float(np.linalg.norm(V.T @ W, 2))
    assert earned(atom, W, attain(atom.query(W))) == pytest.approx(truth, rel=1e-12)
    check(atom, W, propose(atom.query(W)), truth, 1e-8)


def test_a_linear_layer_with_a_free_bias():
    V, W = data((7, 2), seed=18, centred=True)
    atom = ReLU(V, activation="linear", bias="free")
    check(atom, W, propose(atom.query(W)), float(np.linalg.norm(V.T @ W, 2)), 1e-6)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "V",
    [
        np.array([[0.5, -1.0, 2.0]]),  # one row
        np.array([[1.0, 2.0, 0.0, 1.0, -1.0], [0.0, 1.0, 1.0, -2.0, 0.5]]),  # d > N
        np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [-1.0, -2.0]]),  # repeated, zero, opposite
        np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [-1.0, -1.0, 0.0]]),  # collinear, zero column
        np.array([[2.0], [-1.0], [0.0]]),  # d = 1
    ],
)
def test_degenerate_data(V):
    W = np.array([[1.0], [-0.5], [2.0], [0.75]])[: len(V)]
    atom = ReLU(V)
    truth = over_patterns(V, W[:, 0])
    assert earned(atom, W, attain(atom.query(W))) == pytest.approx(truth, rel=1e-9)
    check(atom, W, propose(atom.query(W)), truth, 1e-8)
    check(atom, W, tree.proposal(replace(atom.query(W), nodes=7)), truth, 0.1)


def test_zero():
    V, _ = data((4, 2))
    for atom, W in ((ReLU(V), np.zeros((4, 2))), (ReLU(np.zeros((4, 2))), np.ones((4, 1)))):
        found = propose(atom.query(W))
        assert found.upper <= 1e-9
        for tier in TIERS:
            assert 0 <= bound(atom, W, found.proof, tier) <= 1e-9
        assert attain(atom.query(W))[0] == 0.0


@pytest.mark.parametrize("sign", [0, 1, -1])
def test_the_form_is_what_it_says_on_true_points(sign):
    rng = np.random.default_rng(19)
    V, W = data((6, 3), seed=19)
    for slope in (0.0, 0.3, -1.0):
        cuts = rng.normal(size=(2, 9))
        layer = replace(ReLU(V).layer, slope=slope)
        form = form_of(LayerQuery(layer, W)).with_cuts(cuts, sign)
        u = rng.normal(size=3)
        u /= np.linalg.norm(u)
        p = np.maximum(form.F @ u, 0)
        x = np.concatenate([p, u, np.ones(abs(sign))])
        value = float(W[:, 0] @ acted(V @ u, slope))
        assert x @ form.C @ x == pytest.approx(sign * value if sign else value**2, rel=1e-12)
        facts = np.concatenate([p, p - form.F @ u, form.rows @ x])
        assert (facts[: len(facts) - 2] >= -1e-12).all()
        N = rng.normal(size=(len(facts),) * 2)
        Y = rng.normal(size=form.no_cones().shape)
        cones = Y[:, -1] - Y[:, :-1] @ u if sign else np.zeros(len(facts))
        whole = x @ form.C @ x + facts @ (N + N.T) @ facts + 2 * facts @ cones
        assert x @ form.quadratic(N + N.T, Y) @ x == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("sign", [0, 1])
def test_the_frame_is_orthonormal(sign):
    rng = np.random.default_rng(23)
    V, W = data((6, 3), seed=23)
    form = form_of(ReLU(V).query(W)).with_cuts(rng.normal(size=(2, 9)), sign)
    frame, k = Frame(form), form.size
    assert np.abs(frame.Q.T @ frame.Q - np.eye(k)).max() <= 1e-12
    Z = rng.normal(size=(len(frame.Q),) * 2)
    Z = Z + Z.T
    assert np.abs(frame.down(Z) - frame.Q.T @ Z @ frame.Q).max() <= 1e-12
    x = rng.normal(size=k)
    p, u = x[:6], x[6:9]
    rows = np.concatenate([p, p - form.F @ u, WEIGHT * x[6:], form.rows @ x])
    assert np.abs(frame.Q @ (frame.Q.T @ rows) - rows).max() <= 1e-12
    Y = rng.normal(size=(k, k))
    X = frame.over(Y @ Y.T)
    assert np.abs(over(form, X) - frame.Q @ Y @ Y.T @ frame.Q.T).max() <= 1e-12


def over(form, X):
    """X over the rows of a frame."""
    m, d = form.F.shape
    q = np.hstack([np.eye(m), -form.F])
    q = np.pad(q, ((0, 0), (0, form.size - m - d)))
    priced = WEIGHT * np.eye(form.size)[m:]
    B = np.vstack([np.eye(m, form.size), q, priced, form.rows])
    return B @ X @ B.T


def test_any_multiplier_proves_a_bound():
    rng = np.random.default_rng(29)
    V, W = data((6, 2), seed=29)
    atom = ReLU(V)
    truth = around_circle(V, W, signs=(1, -1))
    form = form_of(atom.query(W))
    h = 2 * 6 + len(form.rows)
    for size in (0.0, 0.01, 1.0):
        N = size * rng.random((h, h))
        best = best_multiplier(form, N + N.T, form.no_cones())
        made, value = leaf(form, np.zeros((0, 8)), best, 0.0)
        nodes = [{"leaf": 0, **made["node"]}]
        arrays = {f"{k}0": x for k, x in made["arrays"].items()}
        assert value >= truth * (1 - 1e-12)
        for tier in TIERS:
            up = bound(atom, W, {"rule": "network", "nodes": nodes, **arrays}, tier)
            assert truth * (1 - 1e-12) <= up <= value * (1 + 1e-9)


def test_a_part_without_value_is_proved_at_nearly_zero():
    V, W = data((9, 2), seed=31)
    W = -np.abs(W)  # w^T s <= 0 everywhere
    atom = ReLU(V, right="l2+")
    found = tree.proposal(replace(atom.query(W), nodes=5))
    assert "linear" in str(found.proof["nodes"])
    for tier in TIERS:
        assert bound(atom, W, found.proof, tier) <= found.upper * (1 + 1e-9)


def test_a_target_ends_the_tree_early_and_nodes_are_respected():
    V, W = data((20, 5), seed=37)
    query = ReLU(V).query(W)
    lower = attain(query)[0]
    loose = tree.proposal(replace(query, target=lower * 1.5), lower)
    assert loose.upper <= lower * 1.5
    heard = []
    with save_to(Checkpoint()), report_trees(lambda *x: heard.append(x)):
        few = tree.proposal(replace(query, nodes=5), lower)
    assert sum("above" not in x for x in few.proof["nodes"]) <= 5 + 4
    assert heard
    assert all(upper >= lower * (1 - 1e-9) for _, upper in heard)


@pytest.mark.thorough
def test_a_tree_grows_on_and_is_deterministic():
    V, W = data((20, 6), seed=41)
    query = replace(ReLU(V).query(W), nodes=3)
    first = tree.grow_tree(query)
    more = tree.grow_tree(replace(query, nodes=7), tree=first)
    assert len(more.nodes) > len(first.nodes)
    assert more.upper <= first.upper
    again = tree.grow_tree(query)
    assert [n.solved.upper for n in again.nodes] == [n.solved.upper for n in first.nodes]
    solver = bounder(query)
    value, proof = tree.proof_of(solver, more, 0.0)
    assert bound(ReLU(V), W, {**proof}, Rounded) <= value * (1 + 1e-9)


def test_no_time_still_gives_a_bracket():
    V, W = data((60, 9), seed=43)
    atom = ReLU(V)
    query = replace(atom.query(W), deadline=monotonic() - 1.0)
    found = propose(query)
    assert attain(query)[0] <= bound(atom, W, found.proof, Rounded) < np.inf


@pytest.mark.thorough
def test_blas_threads_are_restored():
    V, W = data((10, 5), seed=47)
    with threadpool_limits(2):
        before = [(p["filepath"], p["num_threads"]) for p in threadpool_info()]
        propose(replace(ReLU(V).query(W), nodes=3))
        assert [(p["filepath"], p["num_threads"]) for p in threadpool_info()] == before


@pytest.mark.thorough
def test_a_free_bias_in_other_units():
    V, W = data((10, 2), seed=59, centred=True)
    layer = ReLU(V, bias="free").layer
    query = LayerQuery(replace(layer, features=layer.features * [1.0, 1.0, 4.0]), W)
    value, (u, v) = attain(query)
    assert value == pytest.approx(with_free_bias(V, W[:, 0]), rel=1e-9)
    assert value == pytest.approx(float(v[0] * (W.T @ acted(query.layer.features @ u, 0.0))[0]))
    assert cells.proposal(query, value).upper == pytest.approx(value, rel=1e-8)


def split_at_zero(plus, minus=None):
    """A tree of one output: the sign, then row 0, and two cells where w^T s >= 0."""
    return {
        "rule": "network",
        "nodes": [
            {"signs": [1, 2]},
            {"row": 0, "plus": 3, "minus": 4},
            {"cell": 0},
            {"cell": 0, **plus},
            {"cell": 0, **(minus or {})},
        ],
    }


def test_chords_use_what_the_path_says():
    V = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])  # f_1 = -2 f_0: row 0 decides row 1
    W = np.array([[0.0], [4.0], [1.0]])
    zero, one, two = ((x).hex() for x in (0.0, 1.0, 2.0))
    off = {"chords": [[1, zero, [], [[0, two]]]]}  # z <= 0, so s = 0
    on = {"chords": [[1, one, [[0, two]], []]]}  # z >= 0, so s = z
    for tier in TIERS:
        plain = bound(ReLU(V), W, split_at_zero({}), tier)
        tight = bound(ReLU(V), W, split_at_zero(off, on), tier)
        assert float(plain) == pytest.approx(16.25**0.5 + 4.5, rel=1e-12)  # halves of both
        assert float(tight) == pytest.approx(64.25**0.5 + 0.5, rel=1e-12)  # of row 2 alone
        assert float(bound(ReLU(V), W, split_at_zero(off), tier)) == pytest.approx(float(plain))


def test_a_chord_pays_for_its_worse_end():
    V, W = np.eye(2), np.array([[0.0], [1.0]])  # sup is 1; the range of row 1 is [-1, 1]
    for kappa, proved_by_it in ((0.0, 1), (0.25, 1), (0.5, 1), (0.75, 1.5), (1.0, 2)):
        node = {"chords": [[1, kappa.hex(), [], []]]}
        assert bound(ReLU(V), W, split_at_zero(node, node), Exact) == pytest.approx(proved_by_it)
    far = [[0, (8.0).hex()]]  # multipliers that say less than |f| are not worse than none
    node = {"chords": [[1, (0.5).hex(), far, far]]}
    assert bound(ReLU(V), W, split_at_zero(node, node), Exact) == pytest.approx(1)


@pytest.mark.parametrize(
    ("chords", "code"),
    [
        ({}, "list"),
        ([[1, "0x1p+0", []]], "chord"),
        ([[3, "0x1p+0", [], []]], "outside"),
        ([[1, "0x1p+0", [], []], [1, "0x1p+0", [], []]], "outside"),
        ([[1, "0x1p+1", [], []]], "sign"),
        ([[1, "-0x1p-3", [], []]], "sign"),
        ([[1, "0x1p+0", [[0, "-0x1p+0"]], []]], "sign"),
        ([[1, "0x1p+0", [[1, "0x1p+0"]], []]], "outside"),
    ],
)
def test_bad_chords_are_rejected(chords, code):
    V, W = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), np.array([[1.0], [1.0], [0.0]])
    with pytest.raises(RejectedError) as caught:
        bound(ReLU(V), W, split_at_zero({"chords": chords}), Exact)
    assert caught.value.code == code


def test_random_chords_never_prove_less_than_is_attained():
    rng = np.random.default_rng(53)
    V, W = data((7, 2), seed=53)
    for _ in range(30):
        pairs = lambda: [[0, float(rng.integers(0, 9) / 4).hex()]]  # noqa: E731
        rows = np.flatnonzero(rng.random(6) < 0.6) + 1
        chords = [[int(i), float(rng.integers(0, 5) / 4).hex(), pairs(), pairs()] for i in rows]
        proof = split_at_zero({"chords": chords, "mu": pairs()})
        assert bound(ReLU(V), W, proof, Exact) >= around_circle(V, W) * (1 - 1e-12)


@pytest.mark.parametrize("right", ["l1", "l2", "linf"])
@pytest.mark.parametrize("W", [np.zeros((3, 2)), np.array([[1.0, 0.5], [0.25, 0.0], [-1.0, 2.0]])])
def test_a_gated_layer_bounds_every_w_and_zero(right, W):
    V, gates = (
        np.array([[1.0, 0.5], [-2.0, 0.25], [0.75, -1.5]]),
        np.array([[1, 0], [1, 1], [0, 1]]),
    )
    bound = gated(V, gates, right).polar(W)
    columns = [(V * g[:, None]).T @ W for g in gates.T]
    least = max(float(np.linalg.norm(c, axis=0).max()) for c in columns)  # one output alone
    assert bound.lower <= bound.upper
    assert bound.upper >= least
    assert right != "l1" or bound.upper <= least * (1 + 2.0**-40)
    assert W.any() or bound.upper <= 2.0**-200
