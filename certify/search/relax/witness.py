"""Witnesses of the kernel's conic rule from a general solver, for any pair of norms.

What the solver returns is rounded to a grid and made feasible by itself: any N of the right
signs, any D and any S prove a bound.  It is worth as much as the solver's accuracy.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array, Ints
from certify.norms import L2, Gauge
from certify.polar import METHODS, PolarQuery, Proposal, exact_text
from certify.polar import eigen as spectra

from ._cvxpy import cp
from ._norms import dual_cost, marks, signs
from ._solve import Using, numbers, unit
from .omega import in_groups
from .polar_sdp import cover

BITS = 34  # of multipliers: short integers for the verifier, far below a solver's accuracy


@dataclass
class Tree:
    """A conic proof while it grows: nodes, arrays, and the largest bound of a leaf."""

    shape: tuple[int, int]
    signed: Ints  # the coordinates of (u, v) with a sign
    using: Using
    nodes: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)
    top: float = 0.0


@dataclass(frozen=True)
class Part:
    """A block of W with the norms on it, and where its rows and columns are in W."""

    W: Array
    left: Gauge
    right: Gauge
    rows: Ints
    cols: Ints


def witness(W: Array, left: Gauge, right: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup u^T W v with its conic proof, or None if the solver fails.

    A sum of groups' norms is split by its groups: each leaf is a pair without it.
    """
    m, n = W.shape
    symbols = np.hstack([marks(left, m), marks(right, n)])
    tree = Tree(W.shape, np.flatnonzero(np.isin(symbols, ["+", "-"])), using or Using())
    whole = Part(W, left, right, np.arange(m), np.arange(n))
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
    for name, norm in (("left", part.left), ("right", part.right)):
        if in_groups(norm):
            each = []
            for g in norm.blocks(part.W.shape[name == "right"]):
                each.append(len(tree.nodes))
                if not narrower(tree, part, name, np.array(g)):
                    return False
            tree.nodes[at] = {"groups": name, "each": each}
            return True
    made = leaf(tree, part, leaves(tree))
    tree.nodes[at] = made or {}
    return made is not None


def narrower(tree: Tree, part: Part, name: str, g: Ints) -> bool:
    """Add a group's part to the tree; that of a group fixed to zero has the bound 0."""
    left, right = (marks(n, d) for n, d in zip((part.left, part.right), part.W.shape, strict=True))
    this, other = (left, right) if name == "left" else (right, left)
    if (this[g] != "0").any():
        return grow(tree, narrow(part, name, g))
    made = nothing(tree, int((other != "0").sum()))
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


def narrow(part: Part, name: str, g: Ints) -> Part:
    """Return a part with one side cut to a group, its norm there l2."""
    if name == "left":
        inner = L2(cone="".join(marks(part.left, len(part.W))[g]))
        return Part(part.W[g], inner, part.right, part.rows[g], part.cols)
    inner = L2(cone="".join(marks(part.right, part.W.shape[1])[g]))
    return Part(part.W[:, g], part.left, inner, part.rows, part.cols[g])


def leaf(tree: Tree, part: Part, number: int) -> dict[str, Any] | None:
    """Solve one leaf, round its multipliers, and return its node."""
    m, n = part.W.shape
    symbols = np.hstack([marks(part.left, m), marks(part.right, n)])
    free = symbols != "0"  # the kernel drops a coordinate that is fixed to zero
    multipliers = solve_part(part, tree.using)
    if multipliers is None:
        return None
    sides, N = multipliers
    scale = unit(part.W)
    G = np.block([[np.zeros((m, m)), part.W], [part.W.T, np.zeros((n, n))]])
    s = signs(symbols)
    N = spectra.on_grid(np.maximum(np.outer(s, s) * N * scale, 0.0), BITS)
    G = G + np.outer(s, s) * N
    cost, D = 0.0, np.zeros(m + n)
    for name, (diagonal, S, A), first, norm in zip(
        ("left", "right"), sides, (0, m), (part.left, part.right), strict=True
    ):
        d = len(diagonal)
        rows = slice(first, first + d)
        D[rows] = spectra.on_grid(diagonal * scale, BITS)
        G[rows, rows] -= np.diag(D[rows])
        rounded = None if S is None else spectra.on_grid(S * scale, BITS)
        if rounded is not None:
            G[rows, rows] -= A.T @ rounded @ A
            tree.arrays[f"S{number}.{name}"] = rounded[np.tril_indices(len(rounded))]
        cost += ball_cost(norm, D[rows], rounded)
    tree.arrays[f"D{number}"] = D[free]
    place = np.hstack([part.rows, tree.shape[0] + part.cols])
    tree.arrays[f"N{number}"] = spread(tree, place, N)
    G = G[np.ix_(free, free)]
    return close_leaf(tree, G, (cost, wide(part.left, m) + wide(part.right, n)), number)


def spread(tree: Tree, place: Ints, N: Array) -> Array:
    """Return N over all signed coordinates of W, packed; zero outside the part."""
    full = np.zeros((sum(tree.shape),) * 2)
    full[np.ix_(place, place)] = N
    signed = full[np.ix_(tree.signed, tree.signed)]
    return np.asarray(signed[np.tril_indices(len(signed))])


def close_leaf(
    tree: Tree, G: Array, price: tuple[float, float], number: int
) -> dict[str, Any] | None:
    """Return the leaf's node: G <= shift I by a Cholesky factor, at half the price."""
    made = spectra.shifted_factor(G)
    if made is None:
        return None
    shift, tree.arrays[f"L{number}"] = made
    tree.top = max(tree.top, 0.5 * (price[0] + max(shift, 0.0) * price[1]) * (1 + 1e-14))
    return {"leaf": number, "shift": exact_text(Fraction(shift))}


Sides = list[tuple[Array, Array | None, Array]]


def solve_part(part: Part, using: Using) -> tuple[Sides, Array] | None:
    """Return (D, S, A) of each side and N, in units of W's size; None without an answer."""
    m, n = part.W.shape
    sides = dual_cost(part.left, m), dual_cost(part.right, n)
    C = cp.bmat([[sides[0].C, np.zeros((m, n))], [np.zeros((n, m)), sides[1].C]])
    W = part.W / unit(part.W)
    both = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    symbols = np.hstack([marks(part.left, m), marks(part.right, n)])
    cone = cover(C, both, symbols)
    program = cp.Problem(
        cp.Minimize((sides[0].cost + sides[1].cost) / 2), [*sides[0].cone, *sides[1].cone, *cone]
    )
    if not using.solve(program):
        return None
    psd = next(v for v in program.variables() if v.attributes["PSD"])
    values = numbers([C, psd])
    if values is None:
        return None
    N = values[0] - both - values[1]
    out: Sides = []
    for s, d, norm in zip(sides, (m, n), (part.left, part.right), strict=True):
        side_values = numbers([x for x in (s.C, s.S, s.d) if x is not None])
        if side_values is None:
            return None
        A = np.eye(d) if norm.mixture is None else norm.mixture.A(d)
        if s.S is None:
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


def wide(norm: Gauge, d: int) -> float:
    """Return the largest |x|_2^2 of the unit ball."""
    return float(norm.cost(np.ones(d)))
