"""Conic polars: whatever search does, the exact kernel's bound dominates what is enumerated."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from certify.atoms import RankOne
from certify.base.minimize import threshold_level
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.rules.conic import conic
from certify.norms import gauge
from certify.norms.group import Group
from certify.norms.weighted import Weighted
from certify.polar import PolarQuery, smallest
from certify.polar.branching.pairs import both, proof_of, uncertain_pair
from certify.polar.branching.tree import grow
from certify.polar.eigen import largest_eigenvalue
from certify.polar.methods import branch
from certify.polar.methods.branch import (
    GAP,
    Branch,
    allowance,
    bounder,
    climber,
    form_of,
    grow_tree,
    limits,
    proposal,
)
from certify.polar.proved import as_kernel_array, kernel_pair, split, stored_entries
from certify.polar.relaxation import pair_admm as admm
from certify.polar.relaxation.pair_leaf import cholesky_leaf, leaf, noise
from certify.polar.relaxation.pairs import Cut, Equal, cell, of_pair, of_symmetric
from certify.polar.relaxation.steps import Stop
from problems import _truth
from tests.tolerance import EPS

BITS = 2.0**-40  # enumerations take singular values of tiny matrices in floats of 52 bits
RANDOM = np.random.default_rng(7).integers(-4, 5, (4, 5)).astype(float)


def sylvester(n):
    """The Hadamard matrix of order n, a power of two."""
    H = np.ones((1, 1))
    while len(H) < n:
        H = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), H)
    return H


def asked(W, left, right=None, **more):
    """A question; without a right norm, a symmetric one."""
    norms = [k if not isinstance(k, str) else gauge(k) for k in (left, right or left)]
    return PolarQuery(W, *norms, symmetric=right is None, **more)


def proved(query, proof, arithmetic=Flint):
    """The bound that the kernel proves, exact by default."""
    at, flat = stored_entries(query.W)
    ar = arithmetic()
    text, arrays = split(proof)
    pair = replace(kernel_pair(at, (query.left, query.right)), symmetric=query.symmetric)
    found = conic(ar, pair, ar.load(as_kernel_array(flat)), Evidence(text, Arrays(arrays, "proof")))
    return Fraction(found)


def vertices(W):
    """The largest u^T W v over vectors of signs."""
    signs = np.array(list(product([-1.0, 1.0], repeat=len(W))))
    return float(np.abs(signs @ W).sum(axis=1).max())


def cycle(n):
    """The adjacency of the n-cycle."""
    A = np.roll(np.eye(n), 1, axis=1)
    return A + A.T


def clique(A):
    """The size of the largest clique, by enumeration."""
    n = len(A)
    return max(
        k
        for k in range(1, n + 1)
        for c in combinations(range(n), k)
        if all(A[i, j] for i, j in combinations(c, 2))
    )


def bounded(query, tree):
    """Return (proved bound, proposal) of a tree, the same in both tiers up to its own slack."""
    found, size = proposal(query, tree), float(np.abs(query.W).max())
    slack = Fraction(max(found.upper, size, GAP) * GAP)
    exact = proved(query, found.proof)
    assert exact <= Fraction(found.upper) + slack
    assert proved(query, found.proof, Rounded) <= exact + slack
    return exact, found


@pytest.mark.parametrize("n", [2, 8])
def test_the_relaxation_alone_is_loose_on_hadamard_matrices(n):
    query = asked(sylvester(n), "linf", "linf")
    exact = proved(query, Branch().propose(query).proof)
    assert exact**2 >= n**3  # the relaxation's value is n sqrt n
    assert exact**2 <= n**3 * Fraction(1 + 4 * GAP)
    assert exact > vertices(sylvester(n))


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("n", "truth"), [(2, 2), (4, 8), (8, 20), (16, 64)])
def test_branching_on_signs_proves_the_cut_norms_of_hadamard_matrices(n, truth):
    query = asked(sylvester(n), "linf", "linf", nodes=1000)
    exact, _ = bounded(query, tree := grow_tree(query))
    assert tree.lower == truth
    assert truth <= exact <= truth * Fraction(1 + 4 * GAP)


@pytest.mark.parametrize("seed", range(4))
def test_branching_on_signs_meets_the_enumeration(seed):
    W = np.random.default_rng(seed).choice([-1.0, 1.0], (6, 7))
    query = asked(W, "linf", "linf", nodes=1000)
    exact, _ = bounded(query, tree := grow_tree(query))
    assert tree.lower == vertices(W)
    assert vertices(W) <= exact <= vertices(W) * Fraction(1 + 4 * GAP)


@pytest.mark.parametrize("seed", range(6))
def test_nonnegative_polars_meet_the_enumeration(seed):
    W = np.random.default_rng(seed).integers(-4, 5, (4, 4)).astype(float)
    query = asked(W, "l2+", "l2+", nodes=1000)
    exact, _ = bounded(query, grow_tree(query))
    truth = _truth.nonnegative_top(W, both=True)
    assert exact >= truth * (1 - BITS)
    assert exact <= truth * (1 + 4 * GAP)


@pytest.mark.thorough
def test_cuts_close_a_gap_that_the_relaxation_leaves():
    query = asked(cycle(5), "l1+", target=0.5 * (1 + 2.0**-10), nodes=200)
    loose = proved(query, Branch().propose(replace(query, nodes=1)).proof)
    assert (1 - loose) ** 2 <= Fraction(1, 5)  # the relaxation's value is 1 - 1 / sqrt 5
    exact, found = bounded(query, grow_tree(query))
    assert Fraction(1, 2) <= exact <= Fraction(1, 2) * (1 + Fraction(1, 2**9))
    assert any("cut" in node for node in found.proof["nodes"])


@pytest.mark.parametrize("seed", range(3))
def test_largest_cliques_are_proved(seed):
    A = np.triu(np.random.default_rng(seed).random((9, 9)) < 0.6, 1).astype(float)
    A, w = A + A.T, clique(A + A.T)
    query = asked(A, "l1+", target=1 - 1 / (w + 0.5), nodes=200)
    exact, _ = bounded(query, grow_tree(query))
    assert 1 - Fraction(1, w) <= exact < 1 - Fraction(1, w + 1)


PAIRS = [
    ("linf", "l2"),
    ("linf", "l2+"),
    ("linf+", "linf-"),
    ("linf", "linf+"),
    ("l2-", Group(((0, 2), (1, 3, 4)), outer="linf")),
    (Weighted((1.0, 4.0, 0.25, 2.0), cone="+"), Weighted((1.0, 2.0, 3.0, 0.5, 1.0), cone="**++-")),
    (gauge("l2+"), Weighted((1.0, 2.0, 3.0, 0.5, 1.0))),
    ("linf", Group(((0, 2), (1, 3, 4)), outer="linf", cone="+")),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_every_open_pair_is_enclosed_and_closed_by_branching(pair):
    query = asked(RANDOM, *pair, nodes=300)
    exact, _ = bounded(query, tree := grow_tree(query))
    u, v = tree.found
    price = query.left.value(u) * query.right.value(v)
    assert exact >= Fraction(float(u @ RANDOM @ v / price)) * Fraction(1 - BITS)
    assert exact <= Fraction(tree.lower) * Fraction(1 + 4 * GAP)
    U = [query.left.maximizer(x) for x in np.random.default_rng(0).standard_normal((200, 4))]
    best = max(float(query.right.dual(RANDOM.T @ x)) for x in U)
    assert exact >= Fraction(best) * Fraction(1 - BITS)


def paths():
    """Forms with paths that mix cuts and equalities."""
    rng = np.random.default_rng(3)
    normal = lambda: rng.integers(-4, 9, 9) / 8.0  # noqa: E731
    yield "l2+ l2+", ("l2+", "l2+"), (Cut(normal()), Cut(normal()))
    yield "equal", ("linf", "linf"), (Equal(0, 2, -1), Equal(2, 3, 1), Equal(5, 8, -1))
    yield "mixed", ("linf", "l2+"), (Equal(1, 3, -1), Cut(normal()), Equal(0, 3, 1))
    weights = Weighted((1.0, 4.0, 0.25, 2.0), cone="-")
    yield "weighted", (weights, "linf"), (Cut(normal()), Cut(normal()))


@pytest.mark.parametrize(("pair", "path"), [p[1:] for p in paths()], ids=[p[0] for p in paths()])
def test_a_child_starts_from_its_parents_bound(pair, path):
    form = form_of(asked(RANDOM, *pair))
    above = admm.solve(cell(form, ()), Stop(0.0, 100))
    for depth in range(1, len(path) + 1):
        parent, own = cell(form, path[: depth - 1]), cell(form, path[:depth])
        warm = admm.child(parent, own, above.warm, path[depth - 1])
        start = admm.repair(own, warm.best.N, warm.best.D)
        assert start.bound <= above.best.bound * (1 + BITS)
        assert np.array_equal(start.N, start.N.T)
        above = admm.solve(own, Stop(0.0, 60), warm)
        assert above.best.bound <= start.bound


@pytest.mark.parametrize(("pair", "path"), [p[1:] for p in paths()], ids=[p[0] for p in paths()])
def test_a_point_of_a_cell_is_bounded_by_every_multiplier(pair, path):
    query = asked(RANDOM, *pair)
    own, rng = cell(form_of(query), path), np.random.default_rng(1)
    N = np.where(own.signed_pairs, rng.integers(0, 5, own.signed_pairs.shape), 0)
    m = admm.repair(own, (N + N.T) / 2.0, rng.random(own.form.capacity.size))
    hits = 0
    for y in rng.standard_normal((4000, own.size)):
        z = own.M @ np.where(own.signed_rows[: own.size], np.abs(y), y)
        if (own.cuts @ z < 0).any():
            continue
        hits += 1
        u, v = z[:4] / query.left.value(z[:4]), z[4:] / query.right.value(z[4:])
        assert float(u @ RANDOM @ v) <= m.bound * (1 + BITS)
        assert query.left.admits(u)
        assert query.right.admits(v)
    assert hits > 100


def test_equal_coordinates_follow_each_other():
    form = form_of(asked(RANDOM, "linf", "linf"))
    own = cell(form, (Equal(1, 3, -1), Equal(0, 3, 1), Equal(0, 1, 1)))
    z = own.M @ np.arange(1.0, own.size + 1)
    assert z[0] == z[3] == -z[1] == 1
    assert list(own.first) == [0, 2, 4, 5, 6, 7, 8]


def test_a_leaf_is_as_coarse_as_its_bound_allows():
    query = asked(RANDOM, "l2+", "l2+")
    own = cell(form_of(query), ())
    found = admm.solve(own, Stop(0.0, 500)).best
    sizes = []
    for slack in (0.25, 2.0**-10, 2.0**-22):
        allowed = found.bound * (1 + slack)
        made, bound = leaf(own, found, allowed, 0)
        assert bound <= allowed
        exact = proved(query, {"rule": "conic", "nodes": [made["node"]], **made["arrays"]})
        assert exact <= Fraction(allowed) * (1 + Fraction(BITS))
        sizes.append(len({abs(x) for x in made["arrays"]["N0"].tolist()}))
    assert sizes == sorted(sizes)
    assert sizes[0] <= 2**3 + 1 < sizes[-1]


def test_the_cut_of_a_cell_is_the_same_plane_for_z():
    form = form_of(asked(RANDOM, Weighted((1.0, 4.0, 0.25, 2.0), cone="-"), "l2+"))
    own, y = cell(form, ()), np.random.default_rng(0).integers(-8, 9, 9) / 8.0
    plus, minus = both(own, y)
    assert np.array_equal(plus.normal, -minus.normal)
    for x in np.eye(9):
        assert float(plus.normal @ (own.M @ x)) == pytest.approx(float(y @ x), abs=2.0**-9)


def test_the_least_sure_pair_of_the_smaller_cube_is_split():
    own = cell(form_of(asked(RANDOM, "linf", "linf")), ())
    Y = np.ones((9, 9))
    Y[1, 3] = Y[3, 1] = 0.25
    Y[5, 6] = Y[6, 5] = 0.0
    assert uncertain_pair(own, Y) == (1, 3)
    assert uncertain_pair(cell(form_of(asked(RANDOM, "l2+", "l2")), ()), Y) is None
    assert uncertain_pair(cell(form_of(asked(RANDOM, "l2", "linf")), ()), Y) == (5, 6)


def test_equally_sure_pairs_are_split_too():
    own = cell(form_of(asked(RANDOM, "linf", "linf")), ())
    assert uncertain_pair(own, np.ones((9, 9))) == (0, 1)


def test_products_of_a_row_with_itself_take_no_multiplier():
    own = cell(form_of(asked(RANDOM, "l2+", "l2")), (Cut(np.ones(9)),))
    assert not own.signed_pairs.diagonal().any()
    assert own.signed_pairs[0, -1]
    assert own.signed_pairs[0, 1]
    assert not own.signed_pairs[4].any()


def test_a_leaf_leaves_room_for_the_roundings_of_floats():
    own = cell(form_of(asked(RANDOM, "l2+", "l2+")), ())
    N = np.where(own.signed_pairs, 1.0, 0.0)
    G = own.add_multiplier(N)
    capacity = noise(own, N)
    assert capacity >= EPS * float(np.abs(G).max())
    shift, factor, _ = cholesky_leaf(G, 1.0, (1.0, 0.0, np.inf))
    assert factor is not None
    assert shift >= largest_eigenvalue(G) + 1.0


def test_a_threshold_level_removes_the_excess():
    x = np.array([3.0, 1.0, -2.0, 0.5])
    assert threshold_level(x, 8.0) == 0.0
    assert abs(threshold_level(x, 2.0) - 1.0) <= 8 * EPS
    assert abs(threshold_level(x, 3.0) - 0.5) <= 8 * EPS
    assert abs(threshold_level(x, 8.5, -np.inf) + 4 / 3) <= 8 * EPS


def test_a_cell_stops_once_it_is_under_its_target():
    own = cell(form_of(asked(RANDOM, "l2+", "l2+")), ())
    full = admm.solve(own, Stop(0.0, 1000))
    quick = admm.solve(own, Stop(full.best.bound * 1.01, 1000))
    assert quick.steps < full.steps
    assert quick.best.bound <= full.best.bound * 1.01


def test_a_tree_can_be_gone_on_from_and_is_the_same_again():
    query = asked(np.random.default_rng(5).choice([-1.0, 1.0], (7, 7)), "linf", "linf", nodes=40)
    whole = grow_tree(query)
    part = grow_tree(replace(query, nodes=4))
    assert len(part.nodes) < len(whole.nodes)
    again = grow_tree(query, part)
    assert [n.solved.upper for n in again.nodes] == [n.solved.upper for n in whole.nodes]
    lone = grow(bounder(query, form_of(query)), replace(limits(query), workers=1))
    assert [n.solved.upper for n in lone.nodes] == [n.solved.upper for n in whole.nodes]
    assert proved(query, proposal(query, part).proof) >= proved(query, proposal(query, whole).proof)


def test_a_proof_cut_short_still_covers_everything():
    query = asked(RANDOM, "linf", "linf+", nodes=5)
    exact, found = bounded(query, tree := grow_tree(query))
    assert len(found.proof["nodes"]) == len(tree.nodes)
    assert exact >= Fraction(tree.lower)


def test_no_time_gives_no_tree():
    query = asked(RANDOM, "l2+", "l2+", nodes=50, deadline=0.0)
    assert Branch().propose(query) is None


def test_how_much_is_tried_follows_from_the_question(monkeypatch):
    query = asked(RANDOM, "l2+", "l2+")
    assert allowance(query) == 1
    assert allowance(replace(query, nodes=17)) == 17
    parts = allowance(replace(query, target=5.0))
    monkeypatch.setattr(branch, "EFFORT", 0.1)
    assert parts > allowance(replace(query, target=5.0)) > 3
    assert allowance(replace(query, nodes=2)) == 1  # no tree has two parts
    large = asked(np.ones((150, 100)), "l2+", "l2+", target=1.0)
    assert allowance(large) == 1
    assert Branch().applies(large)
    for pair in (("l2", "l2"), ("l1", "linf"), (Weighted((1.0,) * 4), "l2")):
        closed = asked(RANDOM, *pair, nodes=9)
        assert not Branch().applies(closed)


def test_a_target_far_below_what_is_found_is_given_up():
    query = asked(sylvester(8), "linf", "linf", target=10.0)
    assert len(grow_tree(query).nodes) == 1
    assert len(grow_tree(replace(query, nodes=9)).nodes) >= 9


@pytest.mark.thorough
def test_parts_of_a_polar_are_asked_for_by_number():
    """A cube of fewer than 15 coordinates has its corners counted."""
    atom, W = RankOne("linf", "linf"), np.random.default_rng(0).integers(-3, 4, (15, 15)) * 1.0
    loose, tight = atom.polar(W), atom.polar(W, nodes=400)
    signs = 1.0 - 2 * (np.arange(2**14)[:, None] >> np.arange(15) & 1)
    truth = np.abs(signs @ W).sum(axis=1).max()
    assert tight.lower <= truth <= tight.upper <= loose.upper * (1 - 1e-3)


@pytest.mark.parametrize("W", [np.zeros((2, 3)), -np.ones((2, 2)), np.array([[-7.0]])])
@pytest.mark.parametrize("pair", [("l2+", "l2+"), ("linf", "l2+"), ("linf+", "linf+")], ids=str)
def test_nothing_to_earn_is_proved_by_a_tree_too(W, pair):
    query = asked(W, *pair, nodes=9)
    exact, _ = bounded(query, grow_tree(query))
    truth = max(
        float(query.right.dual(W.T @ query.left.maximizer(s * x)))
        for x in np.vstack([W.T, np.eye(len(W))])
        for s in (1, -1)
    )
    assert max(truth, 0.0) * (1 - BITS) <= exact <= max(truth, 0.0) + 16 * GAP


def test_a_norm_of_several_balls_is_bounded_by_cones_however_small():
    W = np.array([[2.0, 0.0], [1.0, -1.0], [0.0, 1.0]])
    left, right = Group(((0, 1), (2,)), outer="linf"), gauge("l2+")
    angles = np.linspace(0.0, np.pi / 2, 100_001)
    truth = left.dual(W @ np.stack([np.cos(angles), np.sin(angles)])).max()
    found = smallest(PolarQuery(W, left, right, target=truth * (1 + 1e-8)))
    assert found.proof["rule"] == "cones"
    assert truth <= found.upper <= truth * (1 + 1e-7)


def test_a_symmetric_form_is_the_symmetric_part():
    W = RANDOM[:, :4]
    form = of_symmetric(W, gauge("l2+"))
    assert np.array_equal(form.C, (W + W.T) / 2)
    pair = of_pair(RANDOM, gauge("l2"), gauge("l2"))
    z = np.arange(9.0)
    assert pair.half * z @ pair.C @ z == z[:4] @ RANDOM @ z[4:]


@pytest.mark.thorough
def test_a_proof_of_a_tree_numbers_leaves_and_cuts():
    query = asked(cycle(5), "l1+", nodes=7)
    tree = grow_tree(query)
    _, proof = proof_of(form_of(query), tree, 0.0)
    leaves = [n["leaf"] for n in proof["nodes"] if "leaf" in n]
    cuts = [n["cut"] for n in proof["nodes"] if "cut" in n]
    assert leaves == list(range(len(leaves)))
    assert cuts == list(range(len(cuts)))
    assert proof["cuts"].shape == (len(cuts), 5)


@pytest.mark.parametrize(("apart", "moved", "wanted"), [(9, 1, 1.4), (1, 9, 1 / 1.4), (1, 1, 1)])
def test_rho_rises_where_the_copies_are_farther_apart_than_they_move(apart, moved, wanted):
    part = cell(of_symmetric(np.eye(2), gauge("l2")), ())
    run = admm.PairRun(part, admm.cold(part))
    run.X, run.before, run.U = run.Z + apart, run.Z - moved, run.Z + 1
    run.balance(1.4)
    assert run.rho == wanted
    assert np.allclose(run.rho * run.U, 1, atol=1e-12)


def searched(aim, path=()):
    """Return what is known of a part of a cone, its query, and the starts of each ascent."""
    query, seen = asked(RANDOM, "l2+", "l2+"), []
    solve = bounder(query, form_of(query))

    def climb(starts):
        seen.append(starts)
        return solve.climb(starts)

    return replace(solve, climb=climb)(path, None, aim), query, seen


def test_one_ascent_starts_at_both_signs_of_two_eigenvectors():
    """The best of the four is kept."""
    found, query, (starts,) = searched(0.0)
    assert starts.shape == (9, 4)
    assert np.array_equal(starts[:, :2], -starts[:, 2:])
    each = [climber(query)(z[:, None])[0] for z in starts.T]
    assert max(each) > min(each)
    assert found.lower == pytest.approx(max(each), rel=16 * EPS)
    u, v = found.found
    assert u @ RANDOM @ v == pytest.approx(found.lower, rel=16 * EPS)


def test_parts_below_the_aim_are_not_searched():
    """A value there would be no news; of the whole it is the one that is reported."""
    half = (Cut(np.eye(9)[0] - np.eye(9)[1]),)
    assert len(searched(0.0, half)[2]) == 1
    closed, _, seen = searched(100.0, half)
    assert not seen
    assert (closed.lower, closed.found, closed.split) == (-np.inf, None, None)
    whole, _, seen = searched(100.0)
    assert len(seen) == 1
    assert whole.lower > 0
