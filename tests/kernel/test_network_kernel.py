"""The kernel's rules for hidden layers against polars known by enumeration."""

import itertools
import pickle
from array import array
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify.atoms import ReLU
from certify.atoms.relu import gated
from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Arrays, squares_exactly
from certify.kernel.budget import FRACTION, HELD, MADE, Budget
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.metered import Metered
from certify.kernel.norms import Biased, Norm
from certify.kernel.norms.base import euclidean
from certify.kernel.patterns import Pattern
from certify.kernel.rules.layers import network_bound
from certify.kernel.rules.network import (
    Kind,
    Region,
    add_fact,
    add_range,
    cell_bound,
    facts,
    network_leaf,
    pull_back,
)
from certify.kernel.scalars import power, root
from certify.norms import L2
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.proved import as_kernel_array, split
from certify.polar.relaxation.layers import form_of
from certify.search.relax import Using
from certify.search.relax.network_witness import leaf, network_witness
from tests.network_cases import (
    TINY,
    best_cell,
    candidates,
    case_of,
    cell_tree,
    cone_form,
    cone_leaf,
    cone_lines,
    made,
    network_of,
    proved,
    random_proof,
    truth,
    value,
)
from tests.tolerance import rounding

TIERS = {"exact": Exact, "flint": Flint, "rounded": Rounded}
SOLVED = 2.0**-16  # relative accuracy of a solver that says it is done; cost of a test, no truth
LEAKY = {"activation": "leaky_relu"}
ONE = {  # one output: (rows, d), the layer
    "relu": ((4, 2), {}),
    "on a line": ((4, 1), {}),
    "in space": ((4, 3), {}),
    "absolute value": ((4, 2), {"activation": "abs"}),
    "leaky": ((4, 2), LEAKY | {"slope": 0.25}),
    "steeper below": ((4, 2), LEAKY | {"slope": -1.75}),
    "one sign of v": ((4, 2), {"right": "l2+"}),
    "the other sign of v": ((4, 2), {"right": "l1-", "activation": "abs"}),
    "priced bias": ((4, 1), {"bias": "regularized"}),
    "free bias": ((4, 1), {"bias": "free"}),
    "free bias in the plane": ((4, 2), {"bias": "free"}),
    "free bias, leaky": ((4, 1), {"bias": "free"} | LEAKY | {"slope": 0.5}),
    "pooled": ((4, 2), {"samples": [0, 1, 1, 1]}),
    "pooled, free bias": ((4, 1), {"samples": [0, 1, 1, 0], "bias": "free"}),
}
MANY = {  # outputs, the layer
    "l2": (3, {}),
    "l1": (3, {"right": "l1"}),
    "linf": (2, {"right": "linf"}),
    "l2+": (2, {"right": "l2+"}),
    "linf-": (2, {"right": "linf-"}),
    "absolute value, l1-": (2, {"right": "l1-", "activation": "abs"}),
    "pooled, free bias, l2": (2, {"samples": [0, 1, 0, 1], "bias": "free"}),
}
TIGHT = ("l2", "l1", "absolute value, l1-", "pooled, free bias, l2")  # outputs bounded well
each_tier = pytest.mark.parametrize("tier", TIERS.values(), ids=TIERS)
each_one = pytest.mark.parametrize("name", ONE)
each_many = pytest.mark.parametrize("name", MANY)


def one(name, seed=3):
    """Return the layer and W of a case with one output."""
    sizes, kwargs = ONE[name]
    return made(seed, (*sizes, 1), **kwargs)


@cache
def cells(name):
    """Return the best proof by all cells, and the truth."""
    atom, W = one(name)
    return cell_tree(atom, W, len(atom.layer.features)), truth(atom, W)


@cache
def relaxed(name):
    """Return the solver's witness, and the truth."""
    atom, W = one(name) if name in ONE else many(name)
    return network_witness(W, atom.layer, Using()), truth(atom, W)


def many(name, seed=2):
    """Return the layer and W of a case with several outputs."""
    outputs, kwargs = MANY[name]
    return made(seed, (4, 1 if "bias" in kwargs else 2, outputs), **kwargs)


def slack(atom, W):
    """Return what the rounding of a value in floats may be."""
    F, U = atom.layer.features, candidates(atom, W)
    return rounding(np.abs(W).sum() * np.abs(F).sum() * np.abs(U).max(), flops=64)


def steep(atom):
    """Return the Lipschitz constant of the activation."""
    return max(1.0, abs(atom.layer.slope))


# --- the truth itself -----------------------------------------------------------------


@pytest.mark.parametrize("made_by", [one, many])
def test_the_enumeration_beats_every_sample_and_some_come_near(made_by):
    for name in ONE if made_by is one else MANY:
        atom, W = made_by(name)
        rng, d = np.random.default_rng(0), atom.layer.features.shape[1]
        U = rng.standard_normal((d, 40_000))
        U /= np.maximum(atom.layer.size(U), TINY)
        if atom.layer.free:
            U[-1] = 3 * rng.standard_normal(U.shape[1])
        found, best = value(atom, W, U).max(), truth(atom, W)
        assert found <= best + slack(atom, W), name
        assert found >= 0.95 * best, name


def test_the_enumeration_on_a_circle_is_that_of_its_angles():
    atom, W = one("relu")
    F = atom.layer.features
    breaks = np.arctan2(-F[:, 0], F[:, 1])
    angles = np.concatenate([breaks, breaks + np.pi, np.linspace(0, 2 * np.pi, 100_001)])
    found = value(atom, W, np.stack([np.cos(angles), np.sin(angles)])).max()
    assert found <= truth(atom, W) + slack(atom, W)
    assert truth(atom, W) <= found * (1 + (2 * np.pi / 100_000) ** 2) + slack(atom, W)


def test_a_free_bias_is_best_at_a_break():
    atom, W = one("free bias")
    F = atom.layer.features[:, 0]
    best = 0.0
    for u in (-1.0, 1.0):
        U = np.stack([np.full(len(F), u), -F * u])
        best = max(best, value(atom, W, U).max())
    assert abs(best - truth(atom, W)) <= slack(atom, W)


# --- bounds from good witnesses ---------------------------------------------------------


@pytest.mark.sampled(11)
@each_tier
@each_one
def test_cells_of_all_rows_prove_the_truth(name, tier):
    atom, W = one(name)
    proof, best = cells(name)
    bound = float(proved(tier, atom, W, proof))
    assert best - slack(atom, W) <= bound <= best * (1 + SOLVED)


@pytest.mark.sampled(3)
@each_one
def test_fewer_cells_prove_no_less_than_the_truth(name):
    atom, W = one(name, seed=5)
    found = [float(proved(Exact, atom, W, cell_tree(atom, W, k))) for k in (0, 1, 2)]
    assert min(found) >= truth(atom, W) - slack(atom, W)


@pytest.mark.sampled(3)
@each_tier
@each_one
def test_the_relaxation_proves_nearly_the_truth(name, tier):
    atom, W = one(name)
    found, best = relaxed(name)
    bound = float(proved(tier, atom, W, found.proof))
    assert best - slack(atom, W) <= bound <= best * 1.01
    assert abs(bound - found.upper) <= SOLVED * found.upper


@pytest.mark.sampled(3)
@each_tier
@each_many
def test_several_outputs_are_bounded(name, tier):
    atom, W = many(name)
    found, best = relaxed(name)
    bound = float(proved(tier, atom, W, found.proof))
    assert best - slack(atom, W) <= bound
    assert bound <= best * 1.01 or name not in TIGHT
    assert abs(bound - found.upper) <= SOLVED * found.upper


@cache
def single(t, cone):
    """Return the best cells of one output of two."""
    atom, W = made(3, (4, 2, 2), right="l2" + cone)
    return cell_tree(atom, W[:, [t]], 4)


@pytest.mark.sampled(5)
@each_tier
@pytest.mark.parametrize("right", ["l2", "l1", "linf", "l2+"])
def test_outputs_one_by_one_dominate_the_polar(tier, right):
    outputs = 2
    atom, W = made(3, (4, 2, outputs), right=right)
    sides = [ReLU(atom.V, right="l2" + atom.layer.right.cone)] * outputs
    trees = [single(t, atom.layer.right.cone) for t in range(outputs)]
    singles = [truth(a, W[:, [t]]) for t, a in enumerate(sides)]
    bound = float(proved(tier, atom, W, {"rule": "outputs", "each": trees}))
    how = {"l1": max, "linf": sum}.get(right, lambda x: float(np.linalg.norm(x)))
    wanted = how(singles)
    assert abs(bound - wanted) <= SOLVED * wanted
    assert bound >= truth(atom, W) - slack(atom, W)


@each_tier
def test_one_tree_of_several_outputs_in_linf_counts_their_number(tier):
    atom, W = many("linf")
    held = ReLU(atom.V)  # the same in l2
    proof = network_witness(W, held.layer, Using()).proof
    bound, plain = (float(proved(tier, a, W, proof)) for a in (atom, held))
    assert abs(bound - plain * W.shape[1] ** 0.5) <= SOLVED * bound


@each_tier
@pytest.mark.parametrize("right", ["l2", "l1", "linf"])
@pytest.mark.parametrize("samples", [None, [0, 1, 2, 1]])
def test_a_linear_layer_is_a_matrix(tier, right, samples):
    atom, W = made(7, (4, 2, 2), right=right, activation="linear", samples=samples)
    back = atom.layer.features.T @ atom.layer.spread(W)
    best = truth(atom, W)
    if right == "l2":
        assert abs(best - np.linalg.norm(back, 2)) <= slack(atom, W)
    found = network_witness(W, atom.layer, Using())
    assert found.proof["rule"] == "linear"
    bound = float(proved(tier, atom, W, found.proof))
    assert best - slack(atom, W) <= bound <= best * (1 + SOLVED if right != "linf" else 1.5)


@each_tier
def test_gated_units_are_a_group_lasso(tier):
    rng = np.random.default_rng(3)
    V, gates = rng.integers(-8, 9, (5, 2)) / 4, rng.integers(0, 2, (5, 3))
    atom, W = gated(V, gates), rng.integers(-8, 9, (5, 1)) / 4
    best = max(float(np.linalg.norm(V.T @ (g[:, None] * W))) for g in gates.T)
    bound = float(proved(tier, atom, W, network_witness(W, atom.layer, Using()).proof))
    assert best - slack(atom, W) <= bound <= best * (1 + SOLVED)


# --- bounds from any witness ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_no_witness_proves_less_than_the_truth(seed):
    rng = np.random.default_rng(seed)
    rows, outputs = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    kwargs = {"right": str(rng.choice(["l2", "l1", "linf", "l2+", "l1-"]))}
    kwargs |= {"bias": str(rng.choice(["none", "free", "regularized"]))} | LEAKY
    kwargs["slope"] = float(rng.choice([0.0, 0.5, -1.0, 0.25, -3.0, 1.0]))
    if rows % 2 == 0 and rng.integers(2):
        kwargs["samples"] = [k % (rows // 2) for k in range(rows)]
    atom, W = made(seed, (rows, int(rng.integers(1, 3)), outputs), **kwargs)
    proof, best = random_proof(rng, atom, W), truth(atom, W)
    exact, flint, rounded = (proved(tier, atom, W, proof) for tier in TIERS.values())
    assert exact == flint
    assert min(exact, rounded) >= best - slack(atom, W)
    assert rounded <= exact * (1 + Fraction(1, 2**30))  # floats make their own factors


# --- one part at a time ----------------------------------------------------------------------


def region(rows, cuts=(), sign=0):
    """Return the kernel's region: rows as (index, sign), then cuts."""
    held = [("row", i, s) for i, s in rows] + [("cut", i, s) for i, s in cuts]
    return Region(sign, tuple(held))


def within(atom, W, rows, sign):
    """Return sup of sign * w^T pool(s(F u)) where rows have their signs, or of the value."""
    U, F = candidates(atom, W), atom.layer.features
    for i, s in rows:
        U = U[:, s * (F[i] @ U) >= -TINY]
    if not U.shape[1]:
        return 0.0
    found = sign * (W.T @ atom.layer.act(U))[0] if sign else value(atom, W, U)
    return float(found.max())


def inside(atom, count):
    """Return rows with the signs that some point in general position has."""
    F = atom.layer.features
    z = F @ np.linspace(1.0, -1.5, F.shape[1])
    return [(i, 1 if z[i] > 0 else -1) for i in range(count)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
@each_one
def test_a_cell_bounds_its_cone(name, count, sign):
    atom, W = one(name)
    rows = inside(atom, count)
    node = best_cell(atom, W, sign, rows)
    bound = float(cell_bound(Exact(), case_of(Exact(), atom, W), region(rows, sign=sign), node))
    best = within(atom, W, rows, sign)
    assert bound >= best - slack(atom, W)
    if count == len(atom.layer.features):
        assert bound <= max(best, 0.0) * (1 + SOLVED) + SOLVED


def flat(slope, w, bias="none"):
    """Return a layer of one row 2, and W."""
    atom = ReLU([[2.0]], activation="leaky_relu", slope=slope, bias=bias)
    return atom, np.array([[w]])


@pytest.mark.parametrize(
    ("slope", "w", "sign", "node", "bound"),
    [
        (0.25, 1.0, 1, {}, 2.0),  # the chord of (2u)_+ + ... ends at 2 where u = 1
        (-1.0, 1.0, 1, {}, 2.0),
        (0.25, -1.0, 1, {}, 0.5),  # -s(z) <= -z / 4
        (0.25, -1.0, 1, {"rho": [[0, "0x1p-1"]]}, 1.0),
        (0.25, -1.0, 1, {"rho": [[0, "0x1p0"]]}, 2.0),
        (-1.0, -1.0, 1, {"rho": [[0, "0x0p0"]]}, 0.0),
        (0.25, 1.0, 1, {"chords": [[0, "0x1p0", [], []]]}, 3.5),  # 2 + max(3/4 2, 0)
        (0.25, 1.0, 1, {"chords": [[0, "0x1p-2", [], []]]}, 2.0),  # 1/2 + max(0, 3/4 2)
        (-1.0, 1.0, 1, {"chords": [[0, "0x1p-1", [], []]]}, 4.0),  # 1 + max(3/2 2, 1/2 2)
        (0.25, 1.0, -1, {}, 0.5),
        (0.25, -1.0, -1, {}, 2.0),
    ],
)
def test_chords_and_slopes_of_one_row_are_exact(slope, w, sign, node, bound):
    case = case_of(Exact(), *flat(slope, w))
    assert cell_bound(Exact(), case, region((), sign=sign), {"cell": 0, **node}) == Fraction(bound)


@pytest.mark.parametrize(
    ("rows", "sign", "mu", "bound"),
    [
        ([(0, 1)], 1, [], 2.0),
        ([(0, -1)], 1, [], 0.5),
        ([(0, -1)], 1, [[0, "0x1p-2"]], 0.0),  # c = 1/2, minus 1/4 times the row 2
        ([(0, 1)], -1, [[0, "0x1p0"]], 0.0),
        ([(0, 1)], -1, [[0, "0x1p-1"]], 1.0),
    ],
)
def test_rows_of_the_path_are_added_with_their_sign(rows, sign, mu, bound):
    case = case_of(Exact(), *flat(0.25, 1.0))
    node = {"cell": 0, "mu": mu}
    assert cell_bound(Exact(), case, region(rows, sign=sign), node) == Fraction(bound)


@pytest.mark.parametrize(
    ("sign", "low", "high", "bound"),
    [
        (1, [[0, "0x1p0"]], [], 1.0),  # u >= 0: z >= 0, kappa 1: s(z) <= z
        (1, [], [[0, "0x1p0"]], 2.5),  # a mu for the other side: |z| <= 1 as before
        (-1, [], [[0, "0x1p0"]], 2.5),  # u <= 0: z <= 0, but kappa 1 pays (1 - a) lo
        (-1, [[0, "0x1p0"]], [[0, "0x1p0"]], 2.5),
        (1, [[0, "0x1p-1"]], [], 1.75),  # |z| >= -1/2: kappa 1 pays 3/2 / 2
    ],
)
def test_a_path_narrows_the_range_of_another_row(sign, low, high, bound):
    """Row 0 is u, row 1 the same; W sees row 1 alone, slope -1/2, kappa 1."""
    atom = ReLU([[1.0], [1.0]], activation="leaky_relu", slope=-0.5)
    case = case_of(Exact(), atom, np.array([[0.0], [1.0]]))
    node = {"cell": 0, "chords": [[1, "0x1p0", low, high]]}
    found = cell_bound(Exact(), case, region([(0, sign)], sign=1), node)
    assert found == Fraction(bound)


def test_the_reach_of_a_free_bias_is_that_of_its_farthest_row():
    atom, W = ReLU([[3.0, 4.0], [1.0, 0.0]], bias="free"), np.array([[1.0], [-1.0]])
    net = network_of(atom, W)
    assert net.reach == 5
    assert net.radii == [10, 6]
    double = replace(net, features=as_kernel_array(np.array([[3.0, 4.0, 2.0], [1.0, 0.0, 2.0]])))
    assert double.reach == Fraction(5, 2)
    assert double.radii == [10, 6]
    assert network_of(ReLU(atom.V, bias="regularized"), W).reach == 0


@pytest.mark.sampled(11)
@pytest.mark.parametrize("sign", [0, 1, -1])
@pytest.mark.parametrize("count", [0, 2, 4])
@pytest.mark.parametrize("ranges", [False, True])
@each_one
def test_a_leaf_bounds_its_cone(name, count, sign, ranges):
    atom, W = one(name)
    rows = inside(atom, count)
    F = atom.layer.features
    best = max(within(atom, W, rows, sign), 0.0)
    cuts = np.array([[*np.zeros(len(F)), *(s * F[i])] for i, s in rows]).reshape(-1, sum(F.shape))
    found = leaf_of(atom, W, cuts, sign=sign * ranges, ranges=ranges)
    check_leaf(atom, W, (region(rows, sign=sign), found), best)


@pytest.mark.sampled(7)
@pytest.mark.parametrize("sign", [0, 1, -1])
@pytest.mark.parametrize("count", [0, 2])
@each_one
def test_a_leaf_whose_facts_are_multiplied_by_a_cone_bounds_its_part(name, count, sign):
    atom, W = one(name)
    rows = inside(atom, count)
    F = atom.layer.features
    best = max(within(atom, W, rows, sign), 0.0)
    cuts = np.array([[*np.zeros(len(F)), *(s * F[i])] for i, s in rows]).reshape(-1, sum(F.shape))
    check_leaf(atom, W, (region(rows, sign=sign), cone_leaf(atom, W, cuts, sign)), best)


@pytest.mark.parametrize("name", sorted({*MANY} - {"linf", "linf-"}))
def test_a_cone_beside_several_outputs(name):
    atom, W = many(name)
    found = cone_leaf(atom, W, np.zeros((0, sum(atom.layer.features.shape))), 0)
    check_leaf(atom, W, (region(()), found), truth(atom, W))


def test_the_cone_proves_what_the_facts_of_lengths_do_not():
    atom, W = one("absolute value")
    best, none = within(atom, W, [], 1), np.zeros((0, 6))
    assert leaf_of(atom, W, none, sign=1)[1] > best * (1 + 2.0**-8)
    check_leaf(atom, W, (region((), sign=1), cone_leaf(atom, W, none, 1)), best)
    assert cone_leaf(atom, W, none, 1)[1] <= best * (1 + SOLVED)


TRIPLES = np.array([[3, -4, 5], [-5, 12, 13], [0, 0, 1], [8, 6, 10], [0, -7, 7], [0, 0, 0]]) / 16


@each_tier
@pytest.mark.parametrize("sign", [0, -1])
@pytest.mark.parametrize("kwargs", [{}, {"bias": "free"}, {"bias": "regularized"}])
def test_the_products_with_the_cone_are_what_they_say(kwargs, sign, tier):
    """Without a factor t is the largest row sum of |C + B^T L + L^T B - Diag|, all dyadic."""
    atom, W = made(3, (3, 2 - (kwargs.get("bias") == "regularized"), 1), **kwargs)
    m, d = atom.layer.features.shape
    cuts = np.arange(m + d, dtype=float)[None, :] - 2
    path = [("row", 1, -1), ("cut", 0, 1)]
    held = np.vstack([np.zeros((1, m + d)), cuts])
    held[0, m:] = -atom.layer.features[1]
    Y = np.vstack([TRIPLES, 2 * TRIPLES[[1, 0]]])
    C, B = cone_form(atom, W, held, sign)
    L = cone_lines(atom.layer, Y)
    both = B.T @ L
    level, bias, radial = 1.0, 0.25, -0.5
    free = int(atom.layer.free)
    prices = [0.0] * m + [level] * (d - free) + [bias] * free + [radial]
    top = Fraction(np.abs(C + both + both.T - np.diag(prices)).sum(axis=1).max())
    reach = network_of(atom, W).reach ** 2
    wide = (1 + Fraction((atom.layer.features**2).sum())) * (1 + reach) + 1
    wanted = Fraction(level + radial) + Fraction(bias) * reach + top * wide
    node = {"leaf": 0, "tau": "0x1p0", "level": level.hex(), "bias": bias.hex(), "shift": "0/1"}
    node |= {"radial": radial.hex()} | ({"linear": True} if sign else {})
    ar, case = tier(), case_of(tier(), atom, W, cuts)
    given = Arrays({"Y0": as_kernel_array(Y.astype(np.float32))}, "proof")
    found = network_leaf(ar, case, Evidence({}, given), Region(sign, tuple(path)), node)
    wanted = wanted if sign else root(wanted).hi
    assert wanted <= found <= wanted * (1 + Fraction(tier is Rounded, 2**40))


class Bill(Budget):
    """A budget that remembers what was paid for what."""

    def __init__(self):
        super().__init__()
        self.lines = Counter()

    def spend(self, work, what):
        self.lines[what] += work


def test_products_with_a_cone_are_paid_for():
    atom, W = one("relu")
    ar = Metered(Exact(), bill := Bill())
    node = {"leaf": 0, "tau": "0x1p0", "radial": "0x0p0", "shift": "0/1"}
    given = Arrays({"Y0": as_kernel_array(np.zeros((8, 3)))}, "proof")
    network_leaf(ar, case_of(ar, atom, W), Evidence({}, given), Region(), node)
    assert bill.lines["products with a cone"] == MADE * 2 * 8 * 3 + FRACTION * 8 * 3


def leaf_of(atom, W, cuts, *, sign=0, ranges=True):
    """Return the solver's leaf of a part, and its bound."""
    form = replace(form_of(LayerQuery(atom.layer, W)), sign=sign, ranges=ranges)
    return leaf(form.with_cuts(cuts), cuts, Using())


def check_leaf(atom, W, what, best, cuts=None):
    """Compare the kernel's bound in each arithmetic with the solver's and with the truth."""
    path, (made, told) = what
    arrays = {f"{k}0": x for k, x in made["arrays"].items()}
    text, arrays = split({"node": {"leaf": 0, **made["node"]}, **arrays})
    for tier in TIERS.values():
        ar = tier()
        given = Arrays(arrays, "proof")
        case = case_of(ar, atom, W, cuts)
        bound = float(network_leaf(ar, case, Evidence({}, given), path, text["node"]))
        assert bound >= best - slack(atom, W)
        assert abs(bound - told) <= SOLVED * told + SOLVED


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["relu", "pooled", "priced bias", "free bias", "absolute value"])
def test_cuts_over_p_and_u_are_facts(name, seed):
    atom, W = one(name)
    m, d = atom.layer.features.shape
    rng = np.random.default_rng(seed)
    cuts = rng.integers(-4, 5, (2, m + d)) / 4
    U = rng.standard_normal((d, 20_000))
    U /= np.maximum(atom.layer.size(U), TINY)
    if atom.layer.free:
        U[-1] *= 2.0
        U = U[:, np.abs(U[-1]) <= network_of(atom, W).reach]
    U = np.hstack([U, candidates(atom, W)])
    x = np.vstack([np.maximum(atom.layer.features @ U, 0.0), U])
    signs = np.where(cuts @ x[:, 0] > 0, 1, -1).tolist()
    for cut, s in zip(cuts, signs, strict=True):
        x = x[:, s * (cut @ x) >= 0]
    best = value(atom, W, x[m:]).max(initial=0.0)
    found = leaf_of(atom, W, np.array(signs)[:, None] * cuts)
    check_leaf(atom, W, (region((), list(enumerate(signs))), found), best, cuts)


@pytest.mark.parametrize("tau", [2.0**-3, 1.0, 8.0])
def test_the_facts_hold_at_every_point_and_each_is_what_it_says(tau):
    atom, W = one("free bias in the plane")
    F = atom.layer.features
    m, d = F.shape
    cuts = np.arange(m + d, dtype=float)[None, :] - 3
    case, rng = case_of(Exact(), atom, W, cuts), np.random.default_rng(0)
    path = Region(0, (("row", 2, -1), ("cut", 0, 1)))
    B = facts(case, path, tau, radial=True, ranges=True)
    held = np.array(B.data).reshape(B.shape)
    U = rng.standard_normal((d, 200))
    U /= atom.layer.size(U)
    U[-1] = rng.uniform(-1, 1, 200) * float(case.net.reach)
    z = F @ U
    p, q = np.maximum(z, 0), np.maximum(-z, 0)
    s = np.ones(200)
    r = np.array([float(x) for x in case.net.radii])[:, None]
    wanted = np.vstack([p, q, s, r - p, r - q, -F[2] @ U, cuts[0] @ np.vstack([p, U])])
    x = np.vstack([p / tau, U, s])
    np.testing.assert_allclose(held @ x, wanted, rtol=0, atol=rounding(held, flops=16))
    assert (held[: 4 * m + 1] @ x).min() >= -rounding(held, flops=16)
    wanted = np.vstack([wanted[: 2 * m], wanted[-2:]])
    for radial in (False, True):
        plain = facts(case, path, tau, radial=radial, ranges=False)
        found = np.array(plain.data).reshape(plain.shape) @ x[: m + d + radial]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=rounding(held, flops=16))


def nodes(*held, **arrays):
    return {"rule": "network", "nodes": list(held), **arrays}


def packed(n, *entries):
    """Return a packed matrix of n facts with these entries (i, j, value)."""
    out = np.zeros(n * (n + 1) // 2)
    for i, j, x in entries:
        out[i * (i + 1) // 2 + j] = x
    return out


# --- added facts --------------------------------------------------------------------------------


def added(case, node):
    """Return what a node adds, and the path below it."""
    (path,) = add_fact(Exact(), case, node, Region(1, (("row", 0, 1),)), "node")
    assert path == Region(1, (("row", 0, 1), ("added", len(case.added) - 1, 1)))
    return case.added[-1], path


def above(k, of):
    """Return a node."""
    return {"above": k, "of": [[i, float(c).hex()] for i, c in of.items()], "next": [1]}


def fact_at(case, fact, u):
    """Return the value of a fact at u, exactly but for |u|, which is a little too small."""
    rows, free = case.rows, case.net.free
    z = [sum(a * b for a, b in zip(row, u, strict=True)) for row in rows]
    x = [*(max(t, Fraction(0)) for t in z), *u]
    x.append(root(sum(t * t for t in u[: len(u) - free])).lo)
    return sum(Fraction(c) * y for c, y in zip(fact, x, strict=True))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ONE)
def test_a_combination_is_above_a_row_at_every_point(name, seed):
    atom, W = one(name, seed)
    rng = np.random.default_rng(seed)
    case, F = case_of(Exact(), atom, W), atom.layer.features
    k, *others = rng.permutation(len(F)).tolist()
    of = {i: float(rng.normal() * 2.0 ** rng.integers(-4, 3)) for i in others[:seed]}
    fact, _ = added(case, above(k, of))
    e = F[k] - sum((c * F[i] for i, c in of.items()), np.zeros(F.shape[1]))
    U = np.hstack([rng.standard_normal((F.shape[1], 40)), F.T, -F.T, e[:, None], -e[:, None]])
    for u in U.T.tolist():
        point = [Fraction(x) for x in u]
        if atom.layer.free:
            far = root(sum(x * x for x in point[:-1])).lo * case.net.reach
            point[-1] = max(-far, min(far, 4 * point[-1]))
        assert fact_at(case, fact, point) >= 0


@pytest.mark.parametrize(
    ("V", "bias", "of", "u", "slack"),
    [
        ([[3.0, 4.0], [1.0, 0.0]], "none", {}, (3, 4), 5),
        ([[3.0, 4.0], [1.0, 0.0]], "none", {1: 3.0}, (0, 1), 4),
        ([[3.0, 4.0], [1.0, 0.0]], "none", {1: -1.0}, (0, 1), 32**0.5),
        ([[3.0, 4.0], [1.0, 0.0]], "free", {}, (3, 4, 25), 10),  # the bias reaches 5 |u|
        ([[3.0, 4.0], [1.0, 0.0]], "free", {1: 3.0}, (0, 1, 0), 4 + 2 * 5),  # 1 - 3 of the bias
        ([[3.0, 4.0], [1.0, 0.0]], "regularized", {}, (3, 4, 1), 26**0.5),
    ],
)
def test_the_slack_is_the_length_of_what_is_left(V, bias, of, u, slack):
    atom = ReLU(V, bias=bias)
    case = case_of(Exact(), atom, np.array([[1.0], [-1.0]]))
    fact, _ = added(case, above(0, of))
    assert 0 <= fact[-1] - slack <= 2 * np.spacing(slack)
    point = [Fraction(x) for x in u]
    assert fact_at(case, fact, point) >= 0
    if not of:  # u is along the row: with less slack this were not true
        assert fact_at(case, fact, point) <= 2 * np.spacing(slack) * 6


def test_a_combination_without_rest_has_no_slack():
    """f_0 = 2 f_1 - f_2, in dyadic numbers."""
    atom = ReLU([[3.0, -1.0], [2.0, 1.0], [1.0, 3.0]])
    case = case_of(Exact(), atom, np.ones((3, 1)))
    fact, path = added(case, above(0, {1: 2.0, 2: -1.0}))
    assert fact[-1] == 0.0
    assert fact.tolist() == [-1.0, 2.0, 1.0, -1.0, -3.0, 0.0]
    plain = facts(case, path, 4.0, radial=False, ranges=False)
    assert plain.data[-5:].tolist() == [-4.0, 8.0, 4.0, -1.0, -3.0]


def test_the_rounding_of_coefficients_is_in_the_slack():
    """f_0 < c f_1 < 0 round apart: at u = -1 p_0 = |f_0| and q_1 = |f_1|, and both errors count."""
    f, over = 1 + 2.0**-27, 1 + 2.0**-26 + 2.0**-52  # f^2 = 1 + 2^-26 + 2^-54
    case = case_of(Exact(), ReLU([[-over], [f]]), np.ones((2, 1)))
    fact, _ = added(case, above(0, {1: -f}))
    assert fact[:3].tolist() == [-1.0, f, -(1 + 2.0**-26)]
    assert 0 <= fact_at(case, fact, [Fraction(-1)]) <= Fraction(2.0**-100)


# --- facts of "range" ---------------------------------------------------------------------------


def ranged(case, of):
    """Return the fact that a node adds."""
    node = {"range": [[i, float(c).hex()] for i, c in of.items()], "next": [1]}
    (path,) = add_range(Exact(), case, node, Region(1, (("row", 0, 1),)), "node")
    assert path == Region(1, (("row", 0, 1), ("added", len(case.added) - 1, 1)))
    return case.added[-1]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [name for name in ONE if one(name)[0].layer.free])
def test_a_combination_is_in_its_range_at_every_break(name, seed):
    atom, W = one(name, seed)
    rng, F = np.random.default_rng(seed), atom.layer.features
    case, m = case_of(Exact(), atom, W), len(F)
    of = {i: float(rng.normal() * 2.0 ** rng.integers(-4, 3)) for i in range(m) if i <= seed}
    fact = ranged(case, of)
    line, total = sum(c * F[i] for i, c in of.items()), sum(of.values())
    assert not any(fact[:m])
    assert np.abs(np.array(fact[m:-1]) + line).max() <= 2.0**-40  # the combination has this limit
    U = np.hstack([rng.standard_normal((F.shape[1] - 1, 40)), (F @ np.eye(F.shape[1])[:, :-1]).T])
    far = 0.0
    for k in range(m):
        e = line - total * F[k]
        far = max(far, float(np.linalg.norm(e[:-1])))
        for u in np.hstack([U, e[:-1, None]]).T.tolist():
            point = [Fraction(x) for x in u]
            row = [Fraction(x) for x in F[k].tolist()]
            b = -sum(x * y for x, y in zip(row[:-1], point, strict=True)) / row[-1]
            assert fact_at(case, fact, [*point, b]) >= 0
    assert 0 <= fact[-1] - far <= 2.0**-40 * (1 + far)  # the least that holds


def test_the_rounding_of_a_range_is_in_its_slack():
    """All rows are f, so e_k = 0; c f = 1 + 2^-26 + 2^-54 is rounded, and u = -1 needs the rest."""
    f = 1 + 2.0**-27
    case = case_of(Exact(), ReLU([[f], [f]], bias="free"), np.array([[1.0], [-1.0]]))
    fact = ranged(case, {0: f})
    assert list(fact[:-1]) == [0.0, 0.0, -(1 + 2.0**-26), -f]
    assert 0 <= fact_at(case, fact, [Fraction(-1), Fraction(f)]) <= Fraction(2.0**-100)


def test_without_a_free_bias_there_is_no_range():
    case = case_of(Exact(), ReLU([[3.0, 4.0], [1.0, 0.0]]), np.ones((2, 1)))
    with pytest.raises(RejectedError, match="range"):
        ranged(case, {0: 1.0})


def test_a_range_is_paid_for_before_it_is_made():
    atom, W = one("free bias")
    m, d = atom.layer.features.shape
    ar = Metered(Exact(), bill := Bill())
    node = {"range": [[0, "0x1p0"]]}
    add_range(ar, case_of(ar, atom, W), node, Region(), "node")
    wanted = 2 * FRACTION * (1 + 2 * m) * d + HELD * (m + d + 1)
    assert bill.lines["the range of a combination of rows"] == wanted


REST = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]]) / 8  # of length 5/8
PAIR = [[1.0, 0.0], [1.0, 0.0]]
CHAINS = {  # rows f_0 = REST_0 +- f_1, the layer, W, nodes: their facts add up to the value
    "a row": (PAIR, {}, [1.0, -1.0], [(0, {1: 1.0})]),
    "beside a free bias": (PAIR, {"bias": "free"}, [1.0, -1.0], [(0, {1: 1.0})]),
    "an opposite row": (
        [[1.0, 0.5], [-1.0, -0.5], [1.0, 0.5]],
        {},
        [1.0, 0.0, -1.0],
        [(0, {1: -1.0}), (1, {2: -1.0})],  # p_0 <= q_1 + 5/8 s, q_1 <= p_2
    ),
}


def chained(name, change=1.0):
    """Return a layer, W, and a proof whose leaf multiplies s by the facts and has nothing else.

    change  of all coefficients: 1 says the truth
    """
    V, kwargs, W, chain = CHAINS[name]
    V = np.array(V) + REST[: len(V)]
    m, many = len(V), len(chain)
    tree = [above(k, {i: change * c for i, c in of.items()}) for k, of in chain]
    tree = [node | {"next": [t + 2]} for t, node in enumerate(tree)]
    node = {"leaf": 0, "tau": "0x1p-1", "shift": "0", "linear": True, "radial": SLACK.hex()}
    N = packed(4 * m + 1 + many, *((4 * m + 1 + t, 2 * m, 0.5) for t in range(many)))
    proof = nodes({"signs": [1]}, *tree, node, N0=N)
    return ReLU(V, right="l2+", **kwargs), np.array(W)[:, None], proof


SLACK = float(np.nextafter(0.625, 1.0))  # 5/8, rounded up


@each_tier
@pytest.mark.parametrize("name", CHAINS)
def test_added_facts_prove_the_truth(name, tier):
    """The leaf's form is s (w^T p) + s (facts) = 5/8 s^2; u = (3/5, 4/5) attains 5/8."""
    atom, W, proof = chained(name)
    assert abs(truth(atom, W) - 0.625) <= slack(atom, W)
    assert Fraction(5, 8) <= proved(tier, atom, W, proof) <= Fraction(SLACK) + Fraction(1, 2**40)


@each_tier
@pytest.mark.parametrize("name", CHAINS)
def test_the_same_leaf_proves_less_without_its_facts(name, tier):
    atom, W, proof = chained(name)
    leaf, m = proof["nodes"][-1], len(W)
    bare = nodes({"signs": [1]}, leaf, N0=packed(4 * m + 1))
    assert proved(tier, atom, W, bare) > 1
    for t in range(1, len(proof["nodes"]) - 1):  # each fact is needed
        N = proof["N0"].copy()
        at = 4 * m + t
        N[at * (at + 1) // 2 + 2 * m] = 0.0
        assert proved(tier, atom, W, proof | {"N0": N}) > 1


@each_tier
@pytest.mark.parametrize("change", [0.0, 0.5, 1 - 2.0**-20, 1 + 2.0**-20, 2.0])
@pytest.mark.parametrize("name", CHAINS)
def test_no_other_combination_proves_the_slack_of_this_one(name, change, tier):
    atom, W, proof = chained(name, change)
    assert proved(tier, atom, W, proof) > Fraction(SLACK) + Fraction(1, 2**22)


class Elsewhere(Exact):
    """Bounds the ends of a tree in another process, as far as they can tell."""

    def bounds(self, bound, items):
        there = pickle.loads(pickle.dumps((bound, items)))  # noqa: S301  its own
        return [there[0](*item) for item in there[1]]


def test_every_part_has_the_facts_of_its_own_path():
    """The fact that proves the bound is added on both sides of a split, behind another on one."""
    atom, W, proof = chained("a row")
    signs, fact, leaf = proof["nodes"]
    m, more = len(W), above(1, {0: 1.0})
    split, N = {"row": 0, "plus": 2, "minus": 5}, 4 * m + 1
    tree = [signs, split, more | {"next": [3]}, fact | {"next": [4]}, leaf]
    tree += [fact | {"next": [6]}, leaf | {"leaf": 1}]
    arrays = {"N0": packed(N + 3, (N + 2, 2 * m, 0.5)), "N1": packed(N + 2, (N + 1, 2 * m, 0.5))}
    wanted = proved(Exact, atom, W, proof)
    for tier in (Exact, Elsewhere):
        assert proved(tier, atom, W, nodes(*tree, **arrays)) == wanted


@pytest.mark.parametrize("tau", [2.0**-3, 1.0, 8.0])
def test_an_added_fact_is_a_row_in_every_unit(tau):
    atom, W = one("free bias in the plane")
    m, d = atom.layer.features.shape
    case = case_of(Exact(), atom, W)
    fact, path = added(case, above(2, {0: 0.3, 3: -1.7}))
    for ranges in (False, True):
        B = facts(case, path, tau, radial=True, ranges=ranges)
        units = [tau] * m + [1.0] * (d + 1)
        assert B.data[-m - d - 1 :].tolist() == [t * x for t, x in zip(units, fact, strict=True)]


def test_an_added_fact_is_paid_for_before_it_is_made():
    atom, W = one("in space")
    ar = Metered(Exact(), bill := Bill())
    add_fact(ar, case_of(ar, atom, W), above(0, {1: 0.5, 3: -0.5}), Region(), "node")
    work = 4 * FRACTION * 4 * 3 + HELD * (4 + 3 + 1)
    assert bill.lines["a combination of rows"] == work
    ar = Metered(Exact(), Budget(work - 1))
    case = case_of(Exact(), atom, W)
    with pytest.raises(RejectedError, match=f"a combination of rows: {work} units"):
        add_fact(ar, case, above(0, {1: 0.5, 3: -0.5}), Region(), "node")
    assert "rows" not in vars(case)


@pytest.mark.parametrize("name", ["relu", "pooled", "absolute value"])
def test_the_value_is_the_same_over_the_coordinates_of_every_leaf(name):
    atom, W = one(name)
    F, c = atom.layer.features, W.shape[1]
    U = np.random.default_rng(0).standard_normal((F.shape[1], 50))
    ar = Exact()
    case = case_of(ar, atom, W)
    for tau, radial in itertools.product([2.0**-3, 1.0, 8.0], [False, True]):
        held = case.value(ar, Kind(Fraction(tau), radial, linear=False))
        A = (np.array(held.ints, dtype=float) * 2.0**held.exp).reshape(-1, c)
        x = np.vstack([np.maximum(F @ U, 0) / tau, U, *[np.ones(50)] * radial])
        wanted = W.T @ atom.layer.act(U)
        np.testing.assert_allclose(A.T @ x, wanted, rtol=0, atol=rounding(A, x, flops=64))


def test_the_radial_facts_are_rounded_up():
    """The floats nearest to the roots of 3 and 6 are too small, that of 2 is not."""
    atom = ReLU([[1.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 1.0, 0.0]])
    case = case_of(Exact(), atom, np.ones((3, 1)))
    B = facts(case, Region(), 1.0, radial=True, ranges=True)
    k = B.shape[1]
    far = [Fraction(B.data[i * k + k - 1]) for i in range(7, 13)]
    assert [x * x > n for x, n in zip(far, (3, 6, 2, 3, 6, 2), strict=True)] == [True] * 6


def test_leaves_pay_for_what_the_cholesky_factor_lacks():
    """W = 0, N = 0: C - Diag = -level on u, so t = shift counts |x|^2 times."""
    atom, W = ReLU([[3.0, 4.0]]), np.zeros((1, 1))
    node = {"leaf": 0, "tau": "0x1p-1", "level": "0x1p2", "shift": "0"}
    proof = {"rule": "network", "nodes": [node]}
    assert abs(proved(Exact, atom, W, proof) ** 2 - 4 - 4 * (2 + 4 * 25)) < Fraction(1, 2**60)
    free, W = ReLU([[3.0, 4.0], [0.0, 1.0]], bias="free"), np.zeros((2, 1))
    node |= {"level": "0x0p0", "bias": "0x1p0"}
    wide = (1 + 4 * (26 + 2)) * (1 + 25) + 1
    found = proved(Exact, free, W, {"rule": "network", "nodes": [node]})
    assert abs(found**2 - (25 + wide)) < Fraction(1, 2**60)


# --- values and helpers --------------------------------------------------------------------------


def exact_layer(atom, U, V):
    """Return pool(s(F u)) v^T by rational arithmetic alone."""
    F, layer = atom.layer.features, atom.layer
    samples = range(len(F)) if layer.samples is None else layer.samples.tolist()
    out = [[Fraction(0)] * len(V) for _ in range(max(samples) + 1)]
    for f, k in zip(F.tolist(), samples, strict=True):
        for u, v in zip(U.T.tolist(), V.T.tolist(), strict=True):
            z = sum(Fraction(a) * Fraction(b) for a, b in zip(f, u, strict=True))
            s = z if z > 0 else Fraction(layer.slope) * z
            for j, x in enumerate(v):
                out[k][j] += s * Fraction(x)
    return [x for row in out for x in row]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("name", [*ONE, *MANY])
def test_the_layers_value_is_its_definition(name, mask):
    atom, W = one(name) if name in ONE else many(name)
    rng, net = np.random.default_rng(8), network_of(atom, W)
    U = rng.standard_normal((atom.layer.features.shape[1], 3))
    V = rng.standard_normal((W.shape[1], 3))
    wanted = exact_layer(atom, U, V)
    seen = list(range(0, len(wanted), 2 if mask else 1))
    if mask:
        rows, cols = np.divmod(np.array(seen), W.shape[1])
        net = replace(net, at=Pattern(*W.shape, array("q", rows), array("q", cols)))
    wanted = [wanted[k] for k in seen]
    for tier in (Exact, Flint):
        grid = tier().layer(net, as_kernel_array(U), as_kernel_array(V))
        assert [v * power(grid.exp) for v in grid.ints] == wanted
    ball = Rounded().layer(net, as_kernel_array(U), as_kernel_array(V))
    missed = [Fraction(float(x)) - y for x, y in zip(ball.mid, wanted, strict=True)]
    assert sum(x * x for x in missed) <= ball.rad**2
    assert ball.rad <= Fraction(rounding(steep(atom), np.abs(U).sum() * 8, flops=64)) * 64


def test_the_rounded_layer_allows_for_a_slope_and_for_pooling():
    """Errors are near the bound where a steep slope multiplies them and many rows add them."""
    rng = np.random.default_rng(2)
    F, U, V = rng.standard_normal((64, 3)), rng.standard_normal((3, 1)), np.ones((1, 1))
    radii = {}
    for slope in (0.0, -1024.0):
        for samples in (None, [0] * 64):
            atom = ReLU(F, activation="leaky_relu", slope=slope, samples=samples)
            W = np.zeros((1 if samples else 64, 1))
            radii[slope, samples is None] = (
                Rounded().layer(network_of(atom, W), as_kernel_array(U), as_kernel_array(V)).rad
            )
    assert radii[-1024.0, True] > 512 * radii[0.0, True]
    assert radii[0.0, False] > 4 * radii[0.0, True]


@each_tier
def test_the_dual_point_is_spread_over_a_samples_rows(tier):
    atom, W = many("pooled, free bias, l2")
    ar, net = tier(), network_of(atom, W)
    held = pull_back(ar, net, ar.load(as_kernel_array(W.reshape(-1))))
    lows, _, e = ar.spans(held)
    found = np.array([float(x) for x in lows]).reshape(W.shape[1], -1) * 2.0**e
    np.testing.assert_allclose(found, atom.layer.spread(W).T, rtol=0, atol=2.0**-40)


def test_the_layers_own_numbers_are_the_kernels():
    layer = Layer(np.array([[1.0, 1.0], [-2.0, 1.0]]), 0.5, L2(), L2(), free=True)
    assert layer.size(np.array([[3.0], [9.0]])).tolist() == [3.0]
    said = Biased(2).lengths([3.0, 9.0])
    assert [x.lo for x in said] == [3, 9]


@dataclass(frozen=True)
class Half(Norm):
    """|x| = |x|_2 / 2, which is smaller than the l2 norm: its dual norm is 2 |y|_2."""

    name = "half"

    def lengths(self, x):
        return euclidean(squares_exactly(x) / 4)

    def positive_cost(self, d):
        return 4 * max(d)

    def support(self, p):
        return 2 * super().support(p)


@each_tier
def test_a_layer_whose_outputs_have_a_smaller_norm_has_a_larger_polar(tier):
    atom, W = many("l2")
    text, arrays = split(network_witness(W, atom.layer, Using()).proof)
    ar, net, given = tier(), network_of(atom, W), Evidence(text, Arrays(arrays, "proof"))
    w = ar.load(as_kernel_array(W.reshape(-1)))
    one, smaller = (
        network_bound(ar, replace(net, right=n), w, given) for n in (net.right, Half(W.shape[1]))
    )
    assert text["rule"] == "network"
    assert smaller >= 2 * one > 0
