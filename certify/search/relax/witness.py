"""Witnesses of the kernel's conic rule from a general solver, for any pair of norms or one.

What the solver returns is rounded to a grid and made feasible by itself: any N of the right
signs, any D and any S prove a bound.  It is worth as much as the solver's accuracy.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from certify.base.arrays import Array, Ints
from certify.norms import L2, Gauge
from certify.polar import METHODS, PolarQuery, Proposal, exact_text
from certify.polar import eigen as spectra

from ._cvxpy import cp
from ._norms import Marks, cover, dual_cost, marks, signs
from ._solve import Using, numbers, unit
from .omega import in_groups

BITS = 34  # of multipliers: short integers for the verifier, far below a solver's accuracy


@dataclass
class Tree:
    """A conic proof while it grows: nodes, arrays, and the largest bound of a leaf."""

    size: int
    signed: Ints  # the coordinates of z with a sign
    using: Using
    nodes: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)
    top: float = 0.0


class Side(NamedTuple):
    """A factor of a part: its name, its norm, and where its coordinates are in the whole z."""

    name: str
    norm: Gauge
    place: Ints

    @property
    def marks(self) -> Marks:
        """The cone of each coordinate."""
        return marks(self.norm, len(self.place))


@dataclass(frozen=True)
class Part:
    """A block of the form z^T G z: of the factors u and v of a pair, or of the one factor x."""

    G: Array
    sides: tuple[Side, ...]

    @property
    def marks(self) -> Marks:
        """The cone of each coordinate."""
        return np.hstack([side.marks for side in self.sides])


def witness(W: Array, left: Gauge, right: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup u^T W v with its conic proof, or None if the solver fails.

    A sum of groups' norms is split by its groups: each leaf is a pair without it.
    """
    m, n = W.shape
    G = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    sides = Side("left", left, np.arange(m)), Side("right", right, m + np.arange(n))
    return solver_bound(Part(G, sides), using)


def symmetric_witness(W: Array, norm: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup x^T W x with its conic proof, or None if the solver fails.

        S + N <= Diag(D) + T + t I,  S = (W + W^T) / 2,  N_ij >= 0 where x_i x_j >= 0
        =>  sup x^T W x <= cost(D, T) + t wide.

    W (d, d); norm: l2, l1 or linf, with a sign or none.
    """
    return solver_bound(Part(W / 2 + W.T / 2, (Side("left", norm, np.arange(len(W))),)), using)


def solver_bound(whole: Part, using: Using | None) -> Proposal | None:
    """Return the proof of the tree of a part, or None if the solver fails."""
    signed = np.flatnonzero(np.isin(whole.marks, ["+", "-"]))
    tree = Tree(len(whole.G), signed, using or Using())
    try:
        if not grow(tree, whole):
            return None
    except OverflowError:  # a norm whose square is no float
        return None
    return Proposal(tree.top, {"rule": "conic", "nodes": tree.nodes, **tree.arrays})


def matrix_witness(W: Array, left: Gauge, right: Gauge, using: Using) -> Proposal | None:
    """Return the bound of a matrix: of an l1 side the closed form, which needs no solver."""
    if left.axial or right.axial:
        return METHODS["lines"]().propose(PolarQuery(W, left, right))
    return witness(W, left, right, using)


def grow(tree: Tree, part: Part) -> bool:
    """Add a part to the tree: its groups one by one, or a leaf; False if the solver fails."""
    at = len(tree.nodes)
    tree.nodes.append({})
    for side in part.sides:
        if in_groups(side.norm):
            each = []
            for g in side.norm.blocks(len(side.place)):
                each.append(len(tree.nodes))
                if not narrower(tree, part, side, np.array(g)):
                    return False
            tree.nodes[at] = {"groups": side.name, "each": each}
            return True
    made = leaf(tree, part, leaves(tree))
    tree.nodes[at] = made or {}
    return made is not None


def narrower(tree: Tree, part: Part, side: Side, g: Ints) -> bool:
    """Add a group's part to the tree; that of a group fixed to zero has the bound 0."""
    if (side.marks[g] != "0").any():
        return grow(tree, narrow(part, side, g))
    other = next(x for x in part.sides if x is not side)
    made = nothing(tree, int((other.marks != "0").sum()))
    tree.nodes.append(made or {})
    return made is not None


def nothing(tree: Tree, size: int) -> dict[str, Any] | None:
    """Return the leaf of a part where <W, phi> is zero; size: its coordinates not fixed to zero."""
    number = leaves(tree)
    tree.arrays[f"D{number}"] = np.zeros(size)
    return close_leaf(tree, np.zeros((size, size)), (0.0, 0.0), number)


def leaves(tree: Tree) -> int:
    """Return how many leaves there are."""
    return sum("leaf" in node for node in tree.nodes)


def narrow(part: Part, side: Side, g: Ints) -> Part:
    """Return a part with one side cut to a group, its norm there l2."""
    inner = Side(side.name, L2(cone="".join(side.marks[g])), side.place[g])
    kept = [g if x is side else np.arange(len(x.place)) for x in part.sides]
    ends = np.cumsum([0, *(len(x.place) for x in part.sides)])
    at = np.concatenate([k + first for k, first in zip(kept, ends[:-1], strict=True)])
    return Part(part.G[np.ix_(at, at)], tuple(inner if x is side else x for x in part.sides))


def leaf(tree: Tree, part: Part, number: int) -> dict[str, Any] | None:
    """Solve one leaf, round its multipliers, and return its node."""
    free = part.marks != "0"  # the kernel drops a coordinate that is fixed to zero
    multipliers = solve_part(part, tree.using)
    if multipliers is None:
        return None
    priced, N = multipliers
    scale = unit(part.G)
    s = signs(part.marks)
    N = spectra.on_grid(np.maximum(np.outer(s, s) * N * scale, 0.0), BITS)
    G = part.G + np.outer(s, s) * N
    cost, far, D, first = 0.0, 0.0, np.zeros(len(G)), 0
    for (diagonal, S, A), side in zip(priced, part.sides, strict=True):
        rows = slice(first, first + len(diagonal))
        first = rows.stop
        D[rows] = spectra.on_grid(diagonal * scale, BITS)
        G[rows, rows] -= np.diag(D[rows])
        rounded = None if S is None else spectra.on_grid(S * scale, BITS)
        if rounded is not None:
            G[rows, rows] -= A.T @ rounded @ A
            tree.arrays[f"S{number}.{side.name}"] = rounded[np.tril_indices(len(rounded))]
        cost += ball_cost(side.norm, D[rows], rounded)
        far += float(side.norm.cost(np.ones(len(diagonal))))  # the largest |x|_2^2
    tree.arrays[f"D{number}"] = D[free]
    tree.arrays[f"N{number}"] = spread(tree, np.hstack([x.place for x in part.sides]), N)
    prices = cost / len(part.sides), far / len(part.sides)
    return close_leaf(tree, G[np.ix_(free, free)], prices, number)


def spread(tree: Tree, place: Ints, N: Array) -> Array:
    """Return N over all signed coordinates of z, packed; zero outside the part."""
    full = np.zeros((tree.size, tree.size))
    full[np.ix_(place, place)] = N
    signed = full[np.ix_(tree.signed, tree.signed)]
    return np.asarray(signed[np.tril_indices(len(signed))])


def close_leaf(
    tree: Tree, G: Array, price: tuple[float, float], number: int
) -> dict[str, Any] | None:
    """Return the leaf's node: G <= shift I by a Cholesky factor."""
    made = spectra.shifted_factor(G)
    if made is None:
        return None
    shift, tree.arrays[f"L{number}"] = made
    tree.top = max(tree.top, (price[0] + max(shift, 0.0) * price[1]) * (1 + 1e-14))
    return {"leaf": number, "shift": exact_text(Fraction(shift))}


Priced = list[tuple[Array, Array | None, Array]]


def solve_part(part: Part, using: Using) -> tuple[Priced, Array] | None:
    """Return (D, S, A) of each side and N, in units of the form's size; None without an answer."""
    sizes = [len(side.place) for side in part.sides]
    costs = [dual_cost(side.norm, d) for side, d in zip(part.sides, sizes, strict=True)]
    sized = list(zip(costs, sizes, strict=True))
    C = cp.bmat([[x.C if x is y else np.zeros((d, e)) for y, e in sized] for x, d in sized])
    G = part.G / unit(part.G)
    cone = [*(c for x in costs for c in x.cone), *cover(C, G, part.marks)]
    program = cp.Problem(cp.Minimize(sum(x.cost for x in costs) / len(costs)), cone)
    if not using.solve(program):
        return None
    psd = next(v for v in program.variables() if v.attributes["PSD"])
    values = numbers([C, psd])
    if values is None:
        return None
    N = values[0] - G - values[1]
    out: Priced = []
    for (x, d), side in zip(sized, part.sides, strict=True):
        side_values = numbers([y for y in (x.C, x.S, x.d) if y is not None])
        if side_values is None:
            return None
        mixture = side.norm.mixture
        A = np.eye(d) if mixture is None else mixture.A(d)
        if x.S is None:
            out.append((np.diagonal(side_values[0]).copy(), None, A))
        else:
            S = 0.5 * (side_values[1] + side_values[1].T)
            out.append((np.full(d, float(side_values[2])), S, A))
    return out, 0.5 * (N + N.T)


def ball_cost(norm: Gauge, D: Array, S: Array | None) -> float:
    """Return what D and S cost over the unit ball, as the kernel prices them."""
    mixture = norm.mixture
    if S is None or mixture is None:
        return float(norm.cost(D))
    entries = np.abs(S)
    k = mixture.reach(len(D))[1]
    if mixture.edges is not None:
        top, s = max(float(D.max()), 0.0), float(entries.max(initial=0.0))
        return max(top, (top + s * k * k) / (mixture.b + mixture.a * k) ** 2)
    s = float((entries * (1 - np.eye(len(D)))).max(initial=0.0))
    top = max(float((D + np.diagonal(S)).max()), s, 0.0)
    return float(max(top, (top + s * (len(D) - 1)) / (mixture.b + mixture.a * k) ** 2))
