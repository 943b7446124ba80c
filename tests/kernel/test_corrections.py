"""Exact corrections of a dual point count wherever the dual point does."""

from array import array
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from certify.base.rigor.rounded import Rounded
from certify.kernel.arrays import Array, Arrays
from certify.kernel.dual import dual_limit, dual_value
from certify.kernel.evidence import Dual, Evidence
from certify.kernel.exact import Exact
from certify.kernel.graphs import Graph
from certify.kernel.losses.piecewise import Squared
from certify.kernel.norms import L2
from certify.kernel.offsets import Column, Intercept, Linear, Mode, Row, Smooth, Sparse
from certify.kernel.patterns import Pattern
from certify.kernel.rules.floor import floor
from certify.kernel.scalars import ZERO, power
from certify.kernel.spaces import Network, Pair
from certify.kernel.statement import Question
from certify.kernel.values import model

TIERS = pytest.mark.parametrize("tier", [Exact, Rounded])
NOTHING = Arrays({}, "proof")


def numbers(values, *shape):
    flat = np.asarray(values, dtype=float).reshape(-1)
    return Array(shape or (flat.size,), array("d", flat))


def asked_of(pair, Y, factors, offsets=()):
    """Return a question about factors, its offsets to be found."""
    return Question(
        "any size",
        Squared(),
        pair,
        numbers(Y),
        None,
        "product",
        Fraction(1),
        tuple(offsets),
        tuple(factors),
        None,
        Fraction(0),
        Fraction(0),
    )


def matrix(m, n, Y, offsets, factors=None):
    pair = Pair(Pattern(m, n), L2(m), L2(n))
    return asked_of(pair, Y, factors or (numbers([], m, 0), numbers([], n, 0)), offsets)


def dual(ar, raw, corrections=(), name="W"):
    held = numbers(raw)
    return Dual(ar.load(held), held, tuple((k, Fraction(c)) for k, c in corrections), name)


# --- a smooth offset: -2 inf over q of <W, q> + q^T K q / 2 = W^T K^-1 W --------------------

LINE = Pattern(2, 1)
EDGE = Graph(2, array("q", [0, 1]), None, (0, 0), Fraction(2))
SMOOTH = Smooth(Fraction(1), rho=Fraction(1), graph=EDGE)  # K = [[2, -1], [-1, 2]]


def smooth_truth(a, b):
    """Return W^T K^-1 W for W = (a, b): K^-1 = [[2, 1], [1, 2]] / 3."""
    return (2 * a * a + 2 * a * b + 2 * b * b) / Fraction(3)


@TIERS
@pytest.mark.parametrize("raw", [(0, 0), (1, 1), (3, -1)])
@pytest.mark.parametrize("moved", [(0, 0), (1, 1), (-1, Fraction(1, 3)), (2, -5)])
@pytest.mark.parametrize("witness", [None, (-1.0, -1.0), (-2.0, 1.0)])
def test_the_cost_of_a_smooth_offset_is_that_of_the_corrected_point(tier, raw, moved, witness):
    ar = tier()
    given = NOTHING
    if witness is not None:
        given = Arrays({"smooth0": numbers(witness, 2, 1)}, "proof")
    held = dual(ar, raw, enumerate(moved))
    truth = smooth_truth(*(x + y for x, y in zip(raw, moved, strict=True)))
    found = SMOOTH.cost(ar, LINE, held, Evidence({}, given, mark="0"))
    assert found >= truth
    if witness is None and raw[0] * moved[0] == 0 and len({*raw, *moved}) <= 2:
        assert found <= truth * (1 + Fraction(1, 2**30)) + Fraction(1, 2**30)  # (c, c): no slack


def test_a_witness_of_a_smooth_offset_closes_its_cost():
    # W = (2, -1): Q0 = -K^-1 W = (-1, 0) leaves no residual, and the cost is the infimum
    ar, given = Exact(), Arrays({"smooth0": numbers([-1.0, 0.0], 2, 1)}, "proof")
    own = Evidence({}, given, mark="0")
    assert SMOOTH.cost(ar, LINE, dual(ar, [2, -1]), own) == smooth_truth(2, -1)
    shifted = dual(ar, [2, 0], [(1, -1)])
    found = SMOOTH.cost(ar, LINE, shifted, own)
    assert smooth_truth(2, -1) <= found <= smooth_truth(2, -1) + 4  # the correction is stray


# --- sparse offsets: every one of them limits the dual point --------------------------------


@TIERS
@pytest.mark.parametrize("rhos", [(1, 2), (2, 1), (3,), (4, 4, 1)])
@pytest.mark.parametrize(("raw", "moved"), [((4, -1), ()), ((1, -4), ()), ((1, 0), [(1, -8)])])
def test_a_dual_point_is_within_every_sparse_offset(tier, rhos, raw, moved):
    ar = tier()
    asked = matrix(2, 1, [0, 0], [Sparse(rho=Fraction(r)) for r in rhos])
    held = dual(ar, raw, moved)
    entries = [Fraction(x) for x in raw]
    for k, c in moved:
        entries[k] += c
    s = dual_limit(ar, asked, held)
    assert all(abs(s * x) <= r for x, r in product(entries, rhos))
    assert any(abs(s * x) == r for x, r in product(entries, rhos))  # and no smaller


def test_without_a_sparse_offset_or_a_dual_point_nothing_limits():
    ar = Exact()
    assert dual_limit(ar, matrix(2, 1, [0, 0], []), dual(ar, [9, 9])) is None
    sparse = [Sparse(rho=Fraction(1))]
    assert dual_limit(ar, matrix(2, 1, [0, 0], sparse), dual(ar, [0, 0])) is None


# --- sums: A* W includes the corrections ----------------------------------------------------

DESIGN = numbers([1, 2, 3, 4, 5, 6], 3, 2)
SUMMED = {
    "intercept": (Intercept(), lambda W: [W.sum()]),
    "row": (Row(), lambda W: W.sum(axis=1)),
    "column": (Column(), lambda W: W.sum(axis=0)),
    "linear": (
        Linear(design=DESIGN),
        lambda W: (np.array([[1, 2], [3, 4], [5, 6]]).T @ W).reshape(-1),
    ),
    "smooth": (
        Smooth(graph=Graph(3, array("q", [0, 2]), None, (0, 1, 0), None)),
        lambda W: np.concatenate([W[0] + W[2], W[1]]),
    ),
    "mode": (Mode(axis=1), lambda W: W.sum(axis=0)),
}


@TIERS
@pytest.mark.parametrize("name", SUMMED)
def test_sums_of_a_dual_point_include_its_corrections(tier, name):
    o, truth = SUMMED[name]
    ar, raw = tier(), np.arange(1.0, 7.0)
    moved = [(1, Fraction(1, 3)), (4, Fraction(-7)), (5, Fraction(2, 7))]
    W = np.array([Fraction(x) for x in raw], dtype=object)
    for k, c in moved:
        W[k] += c
    found = o.adjoint(ar, Pattern(3, 2), dual(ar, raw, moved))
    assert found == list(truth(W.reshape(3, 2)))


# --- the dual value, and its floor over the offsets -----------------------------------------


@TIERS
@pytest.mark.parametrize("s", [Fraction(1), Fraction(1, 4)])
def test_a_dual_value_is_that_of_the_corrected_point(tier, s):
    # d(sW) = s <W, Y> - s^2 |W|^2 / 2, less s^2 / 2 of the cost
    ar, raw, Y = tier(), [2, -1], [3, 5]
    moved = [(0, Fraction(1, 3)), (1, Fraction(-2, 3))]
    entries = [Fraction(7, 3), Fraction(-5, 3)]
    inner = sum(w * y for w, y in zip(entries, Y, strict=True))
    truth = s * inner - s * s / 2 * (sum(w * w for w in entries) + 11)
    asked = matrix(2, 1, Y, [])
    found = dual_value(ar, asked, dual(ar, raw, moved), Fraction(11), s)
    assert truth - Fraction(1, 2**30) <= found <= truth


@TIERS
def test_a_floor_counts_the_corrections_of_its_dual_point(tier):
    # Y = (3, 0), u v^T = (2, 0), a free column intercept: half |P(1, 0)|^2 = 1/4, and lam |u||v|
    offsets = [Column()]
    asked = matrix(2, 1, [3, 0], offsets, (numbers([2, 0], 2, 1), numbers([1], 1, 1)))
    ar = tier()
    for raw, moved in (([0.5, -0.5], []), ([0, 0], [[0, "1/2"], [1, "-1/2"]])):
        given = Arrays({"floor.W": numbers(raw)}, "proof")
        proof = {"floor": {"corrections": moved}}
        found = floor(ar, asked, Evidence(proof, given), ZERO)
        truth = Fraction(1, 4) + 2
        assert truth - Fraction(1, 2**30) <= found <= truth


class Wide(Exact):
    """Exact arithmetic whose intervals are two units wide."""

    def spans(self, x):
        return [v - 1 for v in x.ints], [v + 1 for v in x.ints], x.exp


def test_a_floor_takes_the_end_of_an_entry_that_is_worse_for_its_correction():
    offsets = [Column()]
    asked = matrix(2, 1, [3, 0], offsets, (numbers([2.5, 0], 2, 1), numbers([1], 1, 1)))
    evidence = Evidence(
        {"floor": {"corrections": [[0, "1/4"], [1, "-1/4"]]}},
        Arrays({"floor.W": numbers([0, 0])}, "proof"),
    )
    exact, wide = (floor(ar, asked, evidence, ZERO) for ar in (Exact(), Wide()))
    assert exact - wide == 2 * Fraction(1, 4) / 2  # a unit is 1/2


SAMPLES = array("q", [0, 1, 1])
FEATURES = numbers([1, -2, 3, 1, -1, 2], 3, 2)


def layer(*, most, slope):
    norms = L2(2), L2(2)
    return Network(Pattern(2, 2), FEATURES, SAMPLES, Fraction(slope), *norms, max_pooled=most)


U, V = numbers([1, 2, -1, 3], 2, 2), numbers([2, -1, 3, 5], 2, 2)
ATOMS = {
    "matrix": (Pair(Pattern(2, 2), L2(2), L2(2)), (U, V)),
    "masked": (
        Pair(Pattern(2, 2, array("q", [0, 1]), array("q", [1, 0])), L2(2), L2(2)),
        (U, V),
    ),
    "sums of rows": (layer(most=False, slope=0.5), (U, V)),
    "largest of rows": (layer(most=True, slope=0), (U, V)),
}


def test_the_fields_of_these_models_by_hand():
    # slices u = (1, -1), v = (2, 3) and u = (2, 3), v = (-1, 5)
    wanted = {
        "matrix": [0, 13, -5, 12],
        "masked": [13, -5],
        # F u = (3, 2, -3) and (-4, 9, 4); slope 1/2: (3, 2, -3/2) and (-2, 9, 4)
        "sums of rows": [3 * 2 + 2, 3 * 3 - 10, 0.5 * 2 - 13, 0.5 * 3 + 65],
        "largest of rows": [6, 9, 2 * 2 - 9, 2 * 3 + 45],
    }
    for name, truth in wanted.items():
        pair, factors = ATOMS[name]
        field = model(Exact(), pair, factors)
        assert [x * power(field.exp) for x in field.ints] == truth
