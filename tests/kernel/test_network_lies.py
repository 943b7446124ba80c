"""What the kernel refuses of a hidden layer, each with a reason; and what weak duality adds."""

from fractions import Fraction

import numpy as np
import pytest

from certify import Certificate, Problem
from certify.atoms import ReLU
from certify.base.rigor.rounded import Rounded
from certify.kernel import statement as kernel_statement
from certify.kernel.arrays import Arrays
from certify.kernel.budget import FLOOR, Budget
from certify.kernel.claim import main
from certify.kernel.errors import RejectedError
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.file import read
from certify.kernel.metered import Metered
from certify.kernel.patterns import Pattern
from certify.kernel.rules.polar import polar_bound
from certify.kernel.scalars import power
from certify.kernel.statement import Point, stated_atom
from certify.kernel.values import loss_value
from certify.kernel.verdict import EXITS, prove
from certify.losses import KullbackLeibler, Logistic, Squared
from certify.offsets import ColumnIntercept
from certify.pipeline.certificate.file import ask
from certify.polar.proved import as_kernel_array, split
from certify.search.relax import Using
from certify.search.relax.network_witness import network_witness
from tests.network_cases import asked_of, cell_tree, made, network_of, proved, truth
from tests.tolerance import rounding

PLAIN = made(3, (3, 2, 1))
LINEAR = made(3, (3, 2, 1), activation="linear")
TWO = made(3, (3, 2, 2))
ONE_SIGN = made(3, (3, 2, 1), right="l2+")
LINE = made(3, (3, 2, 1), left="l1", activation="linear")
FREE = made(3, (3, 1, 1), bias="free")
FREE_LINE = made(3, (3, 1, 1), bias="free", activation="linear")


def rows(n=6):
    """Return a packed N of n facts: zeros."""
    return np.zeros(n * (n + 1) // 2)


def at(i, j, value, n=6):
    """Return a packed N with one entry."""
    out = rows(n)
    out[i * (i + 1) // 2 + j] = value
    return out


def under_signs(*nodes, count=2):
    """Return a tree of nodes under the split by sign."""
    return {"rule": "network", "nodes": [{"signs": [*range(1, count + 1)]}, *nodes]}


UP = float(np.sqrt(2.0))  # above the root of 2
CELL = {"cell": 0}
LEAF = {"leaf": 0, "tau": "0x1p0", "shift": "ffff"}
RADIAL = LEAF | {"radial": "0x0p0"}
SPLIT = {"row": 0, "plus": 1, "minus": 2}
IN_ROW = [{"signs": [1, 2]}, {"row": 0, "plus": 3, "minus": 4}, CELL]
IN_CUT = [{"signs": [1, 2]}, {"cut": 0, "plus": 3, "minus": 4}, CELL]
CUTS = {"cuts": np.ones((1, 5))}
ABOVE = {"above": 0, "of": [[1, "0x1p-1"], [2, "-0x1p-2"]], "next": [1]}
RANGE = {"range": [[1, "0x1p-1"], [2, "-0x1p0"]], "next": [1]}  # beside a free bias
SMALL = ReLU(PLAIN[0].V * 2.0**-200), PLAIN[1]  # large coefficients are finite beside these rows


def in_row(**cell):
    """Return a tree whose node 3 is a cell under row 0."""
    return {"rule": "network", "nodes": [*IN_ROW, CELL | cell, CELL]}


def nodes(*held, **arrays):
    return {"rule": "network", "nodes": list(held), **arrays}


def cone(*line, at=0, n=6):
    """Return Y of n facts of two coordinates: zeros, and one line."""
    out = np.zeros((n, 3))
    out[at, : len(line)] = line
    return out


HONEST = {
    "a leaf": (PLAIN, nodes(LEAF)),
    "N free at p_i q_i": (PLAIN, nodes(LEAF, N0=at(4, 1, -2.0))),
    "N of a cut": (
        PLAIN,
        nodes({"cut": 0, "plus": 1, "minus": 2}, LEAF, LEAF | {"leaf": 1}, **CUTS),
    ),
    "radial": (PLAIN, nodes(RADIAL, N0=at(12, 6, 1.0, 13))),
    "linear": (PLAIN, under_signs(RADIAL | {"linear": True}, CELL)),
    "a cone": (PLAIN, nodes(RADIAL, Y0=cone(3, -4, 5), N0=at(4, 1, -2.0))),
    "a cone, rounded up": (PLAIN, nodes(RADIAL, Y0=cone(1, -1, UP, at=5))),
    "a cone in short floats": (PLAIN, nodes(RADIAL, Y0=cone(0, 3, 3).astype(np.float32))),
    "a cone of a cut": (
        PLAIN,
        nodes(
            {"cut": 0, "plus": 1, "minus": 2},
            RADIAL,
            RADIAL | {"leaf": 1},
            **CUTS,
            Y0=cone(0, 1, 1, at=6, n=7),
        ),
    ),
    "a cone beside a free bias": (FREE, nodes(RADIAL, Y0=cone(-2, 2)[:, :2])),
    "an added fact": (PLAIN, nodes(ABOVE, RADIAL, N0=at(13, 6, 1.0, 14))),
    "an added fact and a cone": (PLAIN, nodes(ABOVE, RADIAL, Y0=cone(3, -4, 5, at=6, n=7))),
    "an added fact above cells": (
        PLAIN,
        under_signs(ABOVE | {"next": [3]}, CELL, CELL | {"rho": [[1, "0x1p0"]]}),
    ),
    "a range": (FREE, nodes(RANGE, RADIAL, N0=at(13, 6, 1.0, 14))),
    "a range and a cone": (FREE, nodes(RANGE, RADIAL, Y0=cone(3, 5, at=6, n=7)[:, :2])),
    "a range of nothing": (FREE, nodes(RANGE | {"range": []}, LEAF | {"radial": "0x0p0"})),
    "a length": (PLAIN, nodes({"above": 1, "next": [1]}, RADIAL)),
    "large coefficients": (SMALL, nodes(ABOVE | {"of": [[1, "0x1p900"]]}, RADIAL)),
    "cells": (PLAIN, in_row(mu=[[0, "0x1p0"]], rho=[[1, "0x1p0"], [2, "0x0p0"]])),
    "one sign": (ONE_SIGN, under_signs(CELL, count=1)),
    "short floats": (PLAIN, nodes(LEAF, N0=at(1, 0, 1.0).astype(np.float32))),
    "outputs": (TWO, {"rule": "outputs", "each": [under_signs(CELL, CELL)] * 2}),
    "a linear layer": (
        LINEAR,
        {"rule": "linear", "of": {"rule": "spectral", "axis": 1, "shift": "ff"}},
    ),
}
POLAR = "proof.polar"
NODE = "proof.polar.nodes"
LIES = [
    (PLAIN, {"rule": "conic"}, f"{POLAR}.rule", "unknown"),
    (PLAIN, {}, f"{POLAR}.rule", "unknown"),
    (PLAIN, {"rule": "linear", "of": {}}, f"{POLAR}.rule", "wrong_rule"),
    (FREE_LINE, {"rule": "linear", "of": {}}, f"{POLAR}.rule", "wrong_rule"),
    (LINEAR, {"rule": "linear", "of": "lines"}, f"{POLAR}.of", "json"),
    (LINEAR, {"rule": "linear"}, f"{POLAR}.of.rule", "unknown"),
    (LINEAR, {"rule": "linear", "of": {"rule": "network"}}, f"{POLAR}.of.rule", "unknown"),
    (LINE, nodes(LEAF), f"{POLAR}.rule", "wrong_rule"),
    (LINE, {"rule": "outputs", "each": [nodes(LEAF)]}, f"{POLAR}.rule", "wrong_rule"),
    (TWO, {"rule": "outputs"}, f"{POLAR}.each", "list"),
    (TWO, {"rule": "outputs", "each": [nodes(LEAF)]}, f"{POLAR}.each", "list"),
    (TWO, {"rule": "outputs", "each": [nodes(LEAF), 3]}, f"{POLAR}.each[1]", "json"),
    (PLAIN, {"rule": "network"}, NODE, "list"),
    (PLAIN, nodes(), NODE, "list"),
    (PLAIN, nodes("leaf"), f"{NODE}[0]", "json"),
    (PLAIN, nodes(LEAF | CELL), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"equal": [0, 1], "plus": 1, "minus": 2}, LEAF, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes(SPLIT, {"signs": [3, 4]}, LEAF, CELL, CELL), f"{NODE}[1]", "tree"),
    (TWO, nodes({"signs": [1, 2]}, LEAF, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, under_signs(CELL, count=1), f"{NODE}[0]", "tree"),
    (ONE_SIGN, under_signs(CELL, CELL), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"signs": 1}, CELL), f"{NODE}[0]", "list"),
    (PLAIN, nodes({"row": 0, "plus": 1}, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"row": 0, "plus": 1, "minus": 1}, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"row": 0, "plus": 1, "minus": 5}, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"row": 0, "plus": 0, "minus": 1}, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes({"row": 0, "plus": True, "minus": 2}, LEAF, LEAF), f"{NODE}[0]", "tree"),
    (PLAIN, nodes(LEAF, LEAF), f"{NODE}[1]", "tree"),
    (
        PLAIN,
        nodes(
            SPLIT, {"row": 1, "plus": 3, "minus": 4}, {"row": 1, "plus": 3, "minus": 4}, LEAF, LEAF
        ),
        f"{NODE}[2]",
        "tree",
    ),
    (PLAIN, nodes(SPLIT | {"row": 3}, LEAF, LEAF), f"{NODE}[0]", "outside"),
    (PLAIN, nodes(SPLIT | {"row": -1}, LEAF, LEAF), f"{NODE}[0]", "outside"),
    (PLAIN, nodes(SPLIT | {"row": False}, LEAF, LEAF), f"{NODE}[0]", "outside"),
    (PLAIN, nodes({"cut": 0, "plus": 1, "minus": 2}, LEAF, LEAF), f"{NODE}[0]", "outside"),
    (PLAIN, nodes({"cut": 1, "plus": 1, "minus": 2}, LEAF, LEAF, **CUTS), f"{NODE}[0]", "outside"),
    *(
        (PLAIN, nodes(ABOVE | {"above": k}, RADIAL), f"{NODE}[0]", "outside")
        for k in (3, -1, True, "0", None, 1, 2)  # 1 and 2 are in "of"
    ),
    *(
        (PLAIN, nodes(ABOVE | {"of": of}, RADIAL), f"{NODE}[0]", code)
        for of, code in (
            ([[1, "0x1p0"], [1, "0x1p0"]], "outside"),
            ([[3, "0x1p0"]], "outside"),
            ([[-1, "0x1p0"]], "outside"),
            ([[True, "0x1p0"]], "outside"),
            ([[1, "0x1p0", 2]], "pair"),
            ([1], "pair"),
            ({"1": "0x1p0"}, "list"),
            ([[1, 0.5]], "number"),
            ([[1, "inf"]], "number"),
            ([[1, "0x1p9999"]], "number"),
            ([[1, "0x1p1023"]], "overflow"),
            ([[1, "-0x1p1023"]], "overflow"),
        )
    ),
    *(
        (PLAIN, nodes(ABOVE | {"next": after}, RADIAL, RADIAL), f"{NODE}[0]", code)
        for after, code in (
            ([], "tree"),
            ([1, 2], "tree"),
            ([0], "tree"),
            ([3], "tree"),
            ([True], "tree"),
            (1, "list"),
            (None, "list"),
        )
    ),
    *(
        (FREE, nodes(RANGE | {"range": of}, RADIAL), f"{NODE}[0]", code)
        for of, code in (
            ([[1, "0x1p0"], [1, "0x1p0"]], "outside"),
            ([[3, "0x1p0"]], "outside"),
            ([1], "pair"),
            ({"1": "0x1p0"}, "list"),
            (None, "list"),
            ([[1, 0.5]], "number"),
            ([[1, "0x1p1023"]], "overflow"),
        )
    ),
    (FREE, nodes(RANGE | {"next": [1, 2]}, RADIAL, RADIAL), f"{NODE}[0]", "tree"),
    (FREE, nodes(RANGE | ABOVE, RADIAL), f"{NODE}[0]", "tree"),
    (FREE, nodes(RANGE, LEAF), f"{NODE}.added", "wrong_rule"),
    (FREE, nodes(RANGE, RADIAL, N0=at(13, 6, -1.0, 14)), "proof.N0", "sign"),
    (PLAIN, nodes(RANGE, RADIAL), f"{NODE}[0]", "wrong_rule"),
    (PLAIN, nodes({"above": 0, "plus": 1, "minus": 2}, RADIAL, RADIAL), f"{NODE}[0]", "list"),
    (PLAIN, nodes(ABOVE, RADIAL, RADIAL), f"{NODE}[2]", "tree"),
    (PLAIN, nodes(ABOVE | RADIAL, RADIAL), f"{NODE}[0]", "tree"),
    (PLAIN, nodes(ABOVE, {"signs": [2, 3]}, CELL, CELL), f"{NODE}[1]", "tree"),
    (PLAIN, nodes(ABOVE, LEAF), f"{NODE}.added", "wrong_rule"),
    (PLAIN, nodes({"above": 0, "next": [1]}, LEAF), f"{NODE}.added", "wrong_rule"),
    (PLAIN, nodes(ABOVE, RADIAL, N0=rows(13)), "proof.N0", "shape"),
    (PLAIN, nodes(ABOVE, RADIAL, N0=rows(15)), "proof.N0", "shape"),
    (PLAIN, nodes(ABOVE, RADIAL, N0=at(13, 6, -1.0, 14)), "proof.N0", "sign"),
    (PLAIN, nodes(ABOVE, RADIAL, Y0=cone()), "proof.Y0", "shape"),
    (
        SMALL,
        nodes(ABOVE | {"of": [[1, "0x1p900"]]}, RADIAL | {"tau": "0x1p200"}),
        f"{NODE}.added",
        "overflow",
    ),
    (
        PLAIN,
        nodes(ABOVE | {"of": [[1, "0x3p-1074"]]}, RADIAL | {"tau": "0x1p-1"}),
        f"{NODE}.added",
        "underflow",
    ),
    (
        PLAIN,
        under_signs(ABOVE | {"next": [3]}, CELL, CELL | {"mu": [[0, "0x1p0"]]}),
        f"{NODE}.cell",
        "sign",
    ),
    (PLAIN, nodes(LEAF, cuts=np.ones((1, 4))), "proof.cuts", "shape"),
    (
        PLAIN,
        nodes(
            {"cut": 0, "plus": 1, "minus": 2},
            LEAF,
            LEAF | {"leaf": 1, "tau": "0x1p500"},
            cuts=np.full((1, 5), 2.0**600),
        ),
        "proof.cuts",
        "overflow",
    ),
    (PLAIN, nodes(CELL), f"{NODE}.cell", "wrong_rule"),
    (PLAIN, in_row(mu=[[0, "-0x1p-40"]]), f"{NODE}.cell", "sign"),
    (PLAIN, in_row(mu=[[1, "0x1p0"]]), f"{NODE}.cell", "outside"),
    (PLAIN, in_row(mu=[[-1, "0x1p0"]]), f"{NODE}.cell", "outside"),
    (PLAIN, in_row(mu=[[False, "0x1p0"]]), f"{NODE}.cell", "outside"),
    (PLAIN, in_row(mu=[[0, "0x1p0"], [0, "0x1p0"]]), f"{NODE}.cell", "outside"),
    (PLAIN, in_row(mu=[[0]]), f"{NODE}.cell", "pair"),
    (PLAIN, in_row(mu={"0": "0x1p0"}), f"{NODE}.cell", "list"),
    (PLAIN, in_row(mu=[[0, "nan"]]), f"{NODE}.cell", "number"),
    (PLAIN, in_row(mu=[[0, "1.5"]]), f"{NODE}.cell", "number"),
    (PLAIN, in_row(chords={}), f"{NODE}.chords", "list"),
    (PLAIN, in_row(chords=[[1, "0x1p0"]]), f"{NODE}.chords", "chord"),
    (PLAIN, in_row(chords=[[3, "0x1p0", [], []]]), f"{NODE}.chords", "outside"),
    (PLAIN, in_row(chords=[[-1, "0x1p0", [], []]]), f"{NODE}.chords", "outside"),
    (PLAIN, in_row(chords=[[True, "0x1p0", [], []]]), f"{NODE}.chords", "outside"),
    (PLAIN, in_row(chords=[[1, "0x1p0", [], []]] * 2), f"{NODE}.chords", "outside"),
    (PLAIN, in_row(chords=[[1, "1", [], []]]), f"{NODE}.chords", "number"),
    (PLAIN, in_row(chords=[[1, "-0x1p-60", [], []]]), f"{NODE}.chords", "sign"),
    (PLAIN, in_row(chords=[[1, "0x1.0000000000001p0", [], []]]), f"{NODE}.chords", "sign"),
    (PLAIN, in_row(chords=[[1, "0x1p0", [[0, "-0x1p0"]], []]]), f"{NODE}.cell", "sign"),
    (PLAIN, in_row(chords=[[1, "0x1p0", [], [[0, "-0x1p0"]]]]), f"{NODE}.cell", "sign"),
    (
        PLAIN,
        nodes(*IN_CUT, CELL | {"mu": [[0, "0x1p0"]]}, CELL, **CUTS),
        f"{NODE}.cell",
        "sign",
    ),
    (PLAIN, nodes(LEAF | {"tau": "0x3p0"}), f"{NODE}.tau", "dyadic"),
    (PLAIN, nodes(LEAF | {"tau": "0x0p0"}), f"{NODE}.tau", "dyadic"),
    (PLAIN, nodes(LEAF | {"tau": "-0x1p0"}), f"{NODE}.tau", "dyadic"),
    (PLAIN, nodes(LEAF | {"tau": "inf"}), f"{NODE}.tau", "number"),
    (PLAIN, nodes({"leaf": 0, "shift": "1"}), f"{NODE}.tau", "number"),
    (PLAIN, nodes(LEAF | {"leaf": -1}), NODE, "outside"),
    (PLAIN, nodes(LEAF | {"leaf": True}), NODE, "outside"),
    (PLAIN, nodes(LEAF | {"level": "0x1p9999"}), f"{NODE}.level", "number"),
    (PLAIN, nodes(LEAF | {"level": 1}), f"{NODE}.level", "number"),
    (PLAIN, nodes(LEAF | {"bias": "nan"}), f"{NODE}.bias", "number"),
    (PLAIN, nodes(LEAF | {"radial": "1"}), f"{NODE}.radial", "number"),
    (PLAIN, nodes(LEAF | {"shift": "1/3"}), f"{NODE}.shift", "dyadic"),
    (PLAIN, nodes(LEAF | {"shift": None}), f"{NODE}.shift", "number"),
    (PLAIN, nodes(RADIAL | {"linear": True}), f"{NODE}.linear", "wrong_rule"),
    (PLAIN, under_signs(LEAF | {"linear": True}, CELL), f"{NODE}.linear", "wrong_rule"),
    (TWO, nodes(RADIAL | {"linear": True}), f"{NODE}.linear", "wrong_rule"),
    (PLAIN, nodes(LEAF, N0=at(1, 0, -(2.0**-60))), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(0, 0, -1.0)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(4, 0, -1.0)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(3, 1, -1.0)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(5, 4, -1.0)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(4, 1, -1.0) + at(4, 0, -0.5)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=at(4, 1, -1.0) + at(4, 0, -1.0)), "proof.N0", "sign"),
    (PLAIN, nodes(RADIAL, N0=at(6, 3, -1.0, 13)), "proof.N0", "sign"),
    (PLAIN, nodes(RADIAL, N0=at(7, 4, -1.0, 13)), "proof.N0", "sign"),
    (PLAIN, nodes(RADIAL, N0=at(10, 7, -1.0, 13)), "proof.N0", "sign"),
    (PLAIN, nodes(LEAF, N0=rows(7)), "proof.N0", "shape"),
    (PLAIN, nodes(RADIAL, N0=rows(6)), "proof.N0", "shape"),
    (PLAIN, nodes(LEAF, N0=at(0, 0, np.nan)), "proof.N0", "finite"),
    (PLAIN, nodes(LEAF, N0=rows().astype(np.int64)), "proof.N0", "dtype"),
    (PLAIN, nodes(LEAF, Y0=cone()), "proof.Y0", "wrong_rule"),
    (PLAIN, nodes(RADIAL, Y0=cone(n=13)), "proof.Y0", "shape"),
    (PLAIN, nodes(RADIAL, Y0=cone()[:, 1:]), "proof.Y0", "shape"),
    (PLAIN, nodes(RADIAL, Y0=cone().reshape(-1)), "proof.Y0", "shape"),
    (PLAIN, nodes(RADIAL, Y0=cone(), N0=rows(13)), "proof.N0", "shape"),
    (FREE, nodes(RADIAL, Y0=cone()), "proof.Y0", "shape"),
    (PLAIN, nodes(SPLIT, RADIAL, RADIAL, Y0=cone()), "proof.Y0", "shape"),
    (PLAIN, nodes(RADIAL, Y0=cone(3, -4, np.nextafter(5, 0))), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(1, -1, np.nextafter(UP, 0), at=5)), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(1, 2.0**-500, 1)), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(0, 5e-324, 0)), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(3, -4, -5)), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(0, 0, -5e-324)), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(5, 4, 3)), "proof.Y0", "cone"),
    (FREE, nodes(RADIAL, Y0=cone(2, 1)[:, :2]), "proof.Y0", "cone"),
    (PLAIN, nodes(RADIAL, Y0=cone(0, 0, np.nan)), "proof.Y0", "finite"),
    (PLAIN, nodes(RADIAL, Y0=cone(0, 0, np.inf)), "proof.Y0", "finite"),
    (PLAIN, nodes(RADIAL, Y0=cone().astype(np.int64)), "proof.Y0", "dtype"),
    (PLAIN, nodes(LEAF, L0=rows()), "proof.L0", "shape"),
    (PLAIN, nodes(LEAF, L0=at(1, 1, np.inf, 5)), "proof.L0", "finite"),
    (
        PLAIN,
        nodes(
            {"cut": 0, "plus": 1, "minus": 2},
            LEAF,
            LEAF | {"leaf": 1, "tau": "0x1p-1"},
            cuts=np.full((1, 5), 5e-324),
        ),
        "proof.cuts",
        "underflow",
    ),
]


@pytest.mark.parametrize("name", HONEST)
def test_honest_proofs_of_the_same_shape_are_accepted(name):
    (atom, W), proof = HONEST[name]
    assert proved(Exact, atom, W, proof) >= Fraction(truth(atom, W) * (1 - 1e-12))
    assert proved(Rounded, atom, W, proof) >= Fraction(truth(atom, W) * (1 - 1e-12))


@pytest.mark.parametrize("tier", [Exact, Rounded])
@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_lies_are_rejected_with_their_reason(lie, tier):
    (atom, W), proof, where, code = lie
    with pytest.raises(RejectedError) as caught:
        proved(tier, atom, W, proof)
    assert (caught.value.where, caught.value.code) == (where, code)


@pytest.mark.parametrize(
    ("slope", "rho", "good"),
    [
        (0.0, 0.0, True),
        (0.0, 1.0, True),
        (0.0, -(2.0**-60), False),
        (0.0, 1.0 + 2.0**-52, False),
        (0.25, 0.25, True),
        (0.25, 0.125, False),
        (-1.0, -1.0, True),
        (-1.0, -1.5, False),
    ],
)
def test_a_support_has_a_slope_of_the_activation(slope, rho, good):
    atom = ReLU([[1.0]], activation="leaky_relu", slope=slope)
    proof = under_signs(CELL | {"rho": [[0, rho.hex()]]}, CELL)
    W = np.array([[-1.0]])
    if good:
        assert proved(Exact, atom, W, proof) >= abs(Fraction(rho))
        return
    with pytest.raises(RejectedError, match=r"nodes\.cell: sign: rho"):
        proved(Exact, atom, W, proof)


def test_a_cell_needs_a_convex_activation():
    atom, W = PLAIN
    ar, proof, given = Exact(), under_signs(CELL, CELL), Arrays({}, "proof")
    net, w = network_of(atom, W, slope=(1.5).hex()), ar.load(as_kernel_array(W.reshape(-1)))
    with pytest.raises(RejectedError, match="slope <= 1"):
        polar_bound(ar, net, w, Evidence(proof, given))


def test_a_leaf_holds_for_an_activation_that_is_steeper_above():
    atom, W = PLAIN
    net = network_of(atom, W, slope=(3.0).hex())
    ar = Exact()
    w = ar.load(as_kernel_array(W.reshape(-1)))
    bound = polar_bound(ar, net, w, Evidence(nodes(LEAF), Arrays({}, "proof")))
    z = atom.layer.features @ np.array([np.cos(t := np.linspace(0, 7, 999)), np.sin(t)])
    assert bound >= np.abs(W.T @ np.where(z > 0, z, 3 * z)).max()


def test_a_dense_matrix_beyond_the_limit_is_refused_before_it_is_made():
    atom, W = ReLU(np.zeros((2048, 1))), np.zeros((2048, 1))
    ar, net = Metered(Exact(), Budget(FLOOR)), network_of(atom, W)
    w = ar.load(as_kernel_array(W.reshape(-1)))
    with pytest.raises(RejectedError) as caught:
        polar_bound(ar, net, w, Evidence(nodes(LEAF), Arrays({}, "proof")))
    assert (caught.value.where, caught.value.code) == ("budget", "limit")


# --- the statement ---------------------------------------------------------------------


SAID = {"kind": "relu", "left": "l2", "right": "l2", "form": "product", "bias": "none"}
SAID |= {"slope": "0x0p0"}
FEATURES = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])


def ints(*values):
    return np.array(values, dtype=np.int64)


STATED = [
    ({"rho": "0x1p0"}, {}, "statement.atom", "fields"),
    ({"slope": "0.5"}, {}, "statement.atom.slope", "number"),
    ({"slope": "nan"}, {}, "statement.atom.slope", "number"),
    ({"slope": "0x1p9999"}, {}, "statement.atom.slope", "number"),
    ({"slope": None}, {}, "statement.atom.slope", "number"),
    ({"bias": "some"}, {}, "statement.bias", "unknown"),
    ({"left": "l1"}, {}, "statement.atom.left", "scope"),
    ({"left": "l2+"}, {}, "statement.atom.left", "scope"),
    ({"left": "biased"}, {}, "statement.atom.left", "unknown"),
    ({"left": {"norm": "biased", "cone": ""}}, {}, "statement.atom.left.norm", "unknown"),
    (
        {"right": {"norm": "elastic", "cone": "", "alpha": "0x1p-1"}},
        {},
        "statement.atom.right",
        "scope",
    ),
    ({"right": {"norm": "l2", "cone": "+*"}}, {}, "statement.atom.right", "scope"),
    ({"bias": "free", "left": "l1", "slope": "0x1p0"}, {}, "statement.atom.left", "scope"),
    ({"bias": "free", "left": "l2+"}, {}, "statement.atom.left", "scope"),
    ({"bias": "free"}, {"features": FEATURES[:, ::-1]}, "statement.features", "bias"),
    ({"bias": "free"}, {"features": FEATURES * [1, -1]}, "statement.features", "bias"),
    ({"bias": "free"}, {"features": FEATURES * [1, 0]}, "statement.features", "bias"),
    ({"bias": "free"}, {"samples": ints(0, 0, 1)}, "statement.samples", "bias"),
    ({"bias": "free"}, {"samples": ints(0, 1, 1)}, "statement.samples", "bias"),
    ({}, {"samples": ints(0, 1, 3)}, "statement.samples", "outside"),
    ({}, {"samples": ints(0, -1, 2)}, "statement.samples", "outside"),
    ({}, {"samples": ints(0, 1)}, "statement.samples", "shape"),
    ({}, {"samples": np.arange(3.0)}, "statement.samples", "dtype"),
    ({}, {"features": FEATURES[:2]}, "statement.features", "shape"),
    ({}, {"features": FEATURES[:, 0]}, "statement.features", "shape"),
    ({}, {"features": np.zeros((3, 0))}, "statement.features", "shape"),
    ({}, {"features": FEATURES * np.nan}, "statement.features", "finite"),
    ({}, {"features": None}, "statement.features", "missing"),
]


@pytest.mark.parametrize("lie", STATED, ids=range(len(STATED)))
def test_statements_beyond_the_rules_are_rejected(lie):
    said, held, where, code = lie
    given = {"features": FEATURES} | held
    arrays = {k: as_kernel_array(a) for k, a in given.items() if a is not None}
    with pytest.raises(RejectedError) as caught:
        stated_atom(SAID | said, Arrays(arrays, "statement"), Pattern(3, 2))
    assert (caught.value.where, caught.value.code) == (where, code)


def test_a_layer_is_for_a_matrix_of_outputs():
    arrays = Arrays({"features": as_kernel_array(FEATURES)}, "statement")
    with pytest.raises(RejectedError, match=r"statement\.shape: shape"):
        stated_atom(SAID, arrays, Pattern(3, 4, dims=(3, 2, 2)))


def test_samples_may_have_no_row_where_the_bias_has_a_price():
    arrays = {"features": as_kernel_array(FEATURES), "samples": as_kernel_array(ints(0, 2, 2))}
    net = stated_atom(SAID, Arrays(arrays, "statement"), Pattern(3, 1))
    field = Exact().layer(net, as_kernel_array(np.ones((2, 1))), as_kernel_array(np.ones((1, 1))))
    assert [v * power(field.exp) for v in field.ints] == [2, 0, 7]


# --- weak duality --------------------------------------------------------------------------


def question(*, bias="free", offset=True, lam=0.5, size=1.0):
    """Return a problem of three samples, and a question about it with the intercept's value."""
    rng = np.random.default_rng(1)
    V, Y = size * rng.integers(-8, 9, (3, 1)) / 4, rng.integers(-8, 9, (3, 1)) / 4
    offsets = (ColumnIntercept(),) if offset else ()
    atom = ReLU(V, bias=bias)
    problem = Problem(Squared(Y), atom, lam, offsets)
    d = atom.layer.features.shape[1]
    return problem, asked_of(problem, (np.ones((d, 1)), np.ones((1, 1))))


def duality(told, atom, W, corrections=(), **statement):
    """Return the outcome of a proof by this W, its polar bounded by the relaxation."""
    text, arrays = split(network_witness(W.reshape(-1, 1), atom.layer, Using()).proof)
    listed = [[k, f"{Fraction(c).numerator:x}/{Fraction(c).denominator:x}"] for k, c in corrections]
    proof = {"polar": text, "corrections": listed}
    asked, found = told
    witness = found | arrays | {"W": as_kernel_array(W.reshape(-1))}
    return prove(asked.statement | statement, asked.given, proof, witness)


SUMS = np.array([1.0, -0.5, -0.5])


def test_a_free_bias_needs_a_dual_point_whose_columns_sum_to_zero():
    problem, told = question()
    assert duality(told, problem.atom, SUMS).lower > 0
    bare = {"offsets": [], "q": "found"}
    tilted = SUMS + np.array([0, 0, 2.0**-52])
    for statement in (bare, {}):
        with pytest.raises(RejectedError) as caught:
            duality(told, problem.atom, tilted, **statement)
        assert (caught.value.where, caught.value.code) == ("proof.W", "orthogonal")
        assert duality(told, problem.atom, tilted, [(2, -(2.0**-52))], **statement).lower > 0
        with pytest.raises(RejectedError, match="orthogonal"):
            duality(told, problem.atom, SUMS, [(2, -(2.0**-52))], **statement)


def test_a_priced_bias_needs_no_such_thing():
    problem, told = question(bias="regularized", offset=False)
    assert duality(told, problem.atom, SUMS + np.array([0, 0, 0.25])).lower > 0


@pytest.mark.parametrize("size", [1.0, 16.0])
@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
def test_corrections_cost_what_the_layer_may_reach(bias, size):
    """All of W is a correction: its polar is at most |W| times the largest |phi|."""
    problem, told = question(bias=bias, offset=bias == "free", size=size)
    found = duality(told, problem.atom, np.zeros(3), list(enumerate(SUMS)))
    Y = problem.loss.data
    polar = truth(problem.atom, SUMS[:, None])
    s = min(1.0, problem.lam / polar)
    assert 0 < found.lower <= s * (SUMS @ Y.reshape(-1)) - s * s * (SUMS @ SUMS) / 2 + 2.0**-40


@pytest.mark.parametrize("kwargs", [{}, {"bias": "free"}, {"samples": [0, 1, 1, 0]}])
@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0])
def test_the_widest_output_is_at_least_every_one(kwargs, slope):
    atom, W = made(3, (4, 2, 2), activation="leaky_relu", slope=slope, right="linf", **kwargs)
    problem = Problem(Squared(W), atom, 1.0, (ColumnIntercept(),) if "bias" in kwargs else ())
    d = atom.layer.features.shape[1]
    asked = asked_of(problem, (np.zeros((d, 0)), np.zeros((2, 0))))[0]
    wide = kernel_statement.question(asked.statement, asked.given).wide
    rng = np.random.default_rng(0)
    U = rng.standard_normal((d, 2000))
    U /= atom.layer.size(U)
    if atom.layer.free:
        U[-1] = rng.choice([-1, 1], 2000) * float(network_of(atom, W).reach)
    hidden = atom.layer.act(U)
    best = np.sqrt(2 * (hidden**2).sum(axis=0)).max()  # v = (1, 1), of size 1 in linf
    assert best <= float(wide) <= best * 4


def test_the_widest_output_of_one_row():
    problem = Problem(Squared([[1.0]]), ReLU([[3.0, 4.0]]), 1.0)
    asked = asked_of(problem, (np.zeros((2, 0)), np.zeros((1, 0))))[0]
    assert kernel_statement.question(asked.statement, asked.given).wide == 5


def test_a_certificate_of_a_network_is_a_file(tmp_path, capsys):
    asked, witness = question()[1]
    claim = {"verdict": "UNDECIDED", "tier": "exact"}
    path = tmp_path / "x.cert"
    Certificate(asked.statement, asked.given, claim, {}, witness).save(path)
    assert main([str(path)]) == EXITS["UNDECIDED"]
    told = capsys.readouterr().out
    assert '"kind": "relu"' in told
    assert '"bias": "free"' in told
    assert set(read(path).given) == {"Y", "U", "V", "features"}


def test_a_bound_of_one_bias_is_no_bound_of_another():
    """The same proof, the bias unpriced: the value without a price is larger."""
    atom, W = made(3, (3, 1, 1), bias="free")
    priced = ReLU(atom.V, bias="regularized")
    proof = cell_tree(priced, W, 3)
    assert proved(Exact, priced, W, proof) < truth(atom, W)
    assert proved(Exact, atom, W, proof) >= truth(atom, W)


@pytest.mark.parametrize("tier", [Exact, Rounded])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_radii_beyond_floats_are_rejected(tier, bias):
    atom = ReLU(np.full((2, 2), 1.7e308), bias=bias)
    with pytest.raises(RejectedError, match=r"statement\.features: overflow: about 2"):
        proved(tier, atom, np.array([[1.0], [-1.0]]), nodes(RADIAL))


@pytest.mark.parametrize("tier", [Exact, Rounded])
@pytest.mark.parametrize("bias", ["none", "free"])
@pytest.mark.parametrize(("F", "w"), [(1.0, 5e-324), (2.0**-500, 1.0), (1.0, 2.0**1000)])
def test_extreme_numbers_prove_no_less_than_the_truth(tier, bias, F, w):
    atom, W = ReLU(np.full((2, 1), F) * [[1], [3]], bias=bias), np.array([[w], [-w]])
    best = 2 * Fraction(F) * Fraction(w)  # u = -1 against nothing; u = 1: 1 - 3
    for proof in (under_signs(CELL, CELL), nodes(LEAF), nodes(RADIAL), nodes(LEAF, L0=rows(4))):
        if "L0" in proof and bias == "none":
            continue
        bound = above(tier, atom, W, proof)
        assert bound is None or bound >= best


def above(tier, atom, W, proof):
    """Return the bound, None where a float overflows."""
    try:
        return proved(tier, atom, W, proof)
    except RejectedError as error:
        return None if error.code == "overflow" else Fraction(-1)


def test_outputs_below_zero_are_outside_a_loss_that_wants_counts():
    """All weights are nonnegative, but the data and a leaky unit are not."""
    atom = ReLU([[-1.0], [1.0]], activation="leaky_relu", slope=0.5)
    problem = Problem(KullbackLeibler(np.ones((2, 1))), atom, 1.0)
    positive = Problem(KullbackLeibler(np.ones((2, 1))), ReLU([[2.0], [1.0]]), 1.0)
    one = np.ones((1, 1))
    assert loss_of(positive, (one, one)).hi > 0
    with pytest.raises(RejectedError, match="domain"):
        loss_of(problem, (one, one))
    found = loss_of(Problem(Logistic(np.zeros((2, 1))), atom, 1.0), (one, one))
    wanted = np.log1p(np.exp([-0.5, 1.0])).sum()
    assert found.lo <= found.hi
    assert abs(float(found.lo) - wanted) <= rounding(wanted, flops=8)


def loss_of(problem, factors):
    """Return the kernel's enclosure of the loss at factors."""
    asked = kernel_statement.question(
        *vars(ask(problem, factors, None, rtol=0.0, atol=0.0)).values()
    )
    return loss_value(Exact(), asked, Point(asked.factors, ()))


@pytest.mark.parametrize("tier", [Exact, Rounded])
def test_a_negative_shift_is_no_credit_for_the_size_of_x(tier):
    """-p q makes the leaf's matrix negative definite: [[-1, 1], [1, -2]], its top is -0.38."""
    atom, W = ReLU([[1.0]]), np.array([[1.0]])
    rest = np.array([[0.625, -1.0], [-1.0, 1.625]])  # shift I - G, shift = -3/8
    L = np.linalg.cholesky(rest)[np.tril_indices(2)]
    node = LEAF | {"level": "0x1p1", "shift": "-3/8"}
    bound = proved(tier, atom, W, nodes(node, N0=at(1, 0, -1.0, 2), L0=L))
    assert abs(bound**2 - 2) < Fraction(1, 2**40)


def test_a_negative_level_of_the_bias_is_no_credit_for_its_reach():
    """The best b may be 0; W = 0, and without a factor the top is the largest |entry|, 4."""
    atom, W = ReLU([[1.0], [-1.0]], bias="free"), np.zeros((2, 1))
    node = LEAF | {"level": "0x1p2", "bias": "-0x1p0", "shift": "0"}
    wide = (1 + 4) * (1 + 1) + 1
    assert abs(proved(Exact, atom, W, nodes(node)) ** 2 - 4 - 4 * wide) < Fraction(1, 2**40)
