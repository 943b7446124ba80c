"""Witnesses of the kernel's conic rule from a general solver, for any pair of norms or one.

The solver's multipliers are rounded to a grid and made feasible: any N of the right signs, any D
and any S prove a bound.  The bound is as tight as the solver is accurate.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from certify.base.arrays import Array, Ints
from certify.kernel.errors import RejectedError
from certify.norms import Gauge
from certify.polar import METHODS, PolarQuery, Proposal, exact_text
from certify.polar import eigen as spectra
from certify.polar.methods.multiplier import marks
from certify.polar.proved import proved_above

from ._cvxpy import cp
from ._norms import cover, dual_cost, group_norm, in_groups
from ._solve import Using, numbers, unit

BITS = 34  # of multipliers: short integers for the verifier, far below a solver's accuracy


@dataclass
class Tree:
    """A conic proof while it grows.

    size, signed  the number of coordinates of z, and those with a sign
    """

    size: int
    signed: Ints
    using: Using
    nodes: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)


class Side(NamedTuple):
    """A factor of a part: its name, its norm, and where its coordinates are in the whole z."""

    name: str
    norm: Gauge
    place: Ints


@dataclass(frozen=True)
class Part:
    """A block of the form z^T G z: of the factors u and v of a pair, or of the one factor x."""

    G: Array
    sides: tuple[Side, ...]

    @property
    def marks(self) -> Array:
        """The cone of each coordinate, as `marks`."""
        return np.hstack([marks(side.norm, len(side.place)) for side in self.sides])


def witness(W: Array, left: Gauge, right: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup u^T W v with its conic proof, or None if the solver fails.

    A sum of groups' norms is split by its groups: each leaf has one group, in l2.
    """
    m, n = W.shape
    G = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    whole = Part(G, (Side("left", left, np.arange(m)), Side("right", right, m + np.arange(n))))
    return prove(W, whole, using or Using())


def symmetric_witness(W: Array, norm: Gauge, using: Using | None = None) -> Proposal | None:
    """Return a bound of sup x^T W x with its conic proof, or None if the solver fails.

        S + N <= Diag(D) + T + t I,  S = (W + W^T) / 2,  N_ij >= 0 where x_i x_j >= 0
        =>  sup x^T W x <= cost(D, T) + t wide.

    W (d, d); norm: l2, l1 or linf, with a sign or none.
    """
    whole = Part(W / 2 + W.T / 2, (Side("left", norm, np.arange(len(W))),))
    return prove(W, whole, using or Using())


def prove(W: Array, whole: Part, using: Using) -> Proposal | None:
    """Return the tree of the whole, with the bound that the kernel proves from it."""
    tree = Tree(len(whole.G), np.flatnonzero(np.abs(whole.marks) > 0), using)
    try:
        if not grow(tree, whole):
            return None
        proof = {"rule": "conic", "nodes": tree.nodes, **tree.arrays}
        norms = whole.sides[0].norm, whole.sides[-1].norm
        return Proposal(proved_above(W, norms, proof, symmetric=len(whole.sides) == 1), proof)
    except (OverflowError, RejectedError):  # a norm whose square is no float
        return None


def matrix_witness(W: Array, left: Gauge, right: Gauge, using: Using) -> Proposal | None:
    """Return the bound of a matrix: of an l1 side the closed form, which needs no solver."""
    if left.axial or right.axial:
        return METHODS["lines"]().propose(PolarQuery(W, left, right))
    return witness(W, left, right, using)


def grow(tree: Tree, part: Part) -> bool:
    """Add a part to the tree: its groups one by one, or a leaf; False if the solver fails."""
    at = len(tree.nodes)
    tree.nodes.append({})
    side = next((s for s in part.sides if in_groups(s.norm)), None)
    if side is None:
        node = leaf(tree, part)
        tree.nodes[at] = node or {}
        return node is not None
    each = []
    for g in side.norm.blocks(len(side.place)):
        each.append(len(tree.nodes))
        if not grow(tree, narrow(part, side, np.array(g))):
            return False
    tree.nodes[at] = {"groups": side.name, "each": each}
    return True


def narrow(part: Part, side: Side, g: Ints) -> Part:
    """Return a part with one side cut to a group, in l2; a group of zeros leaves the other side."""
    inner = group_norm(side.norm, len(side.place), g)
    if inner is None:
        (other,) = (x for x in part.sides if x is not side)
        return Part(np.zeros((len(other.place),) * 2), (other,))
    kept = [g if x is side else np.arange(len(x.place)) for x in part.sides]
    ends = np.cumsum([0, *(len(x.place) for x in part.sides)])
    at = np.concatenate([k + first for k, first in zip(kept, ends[:-1], strict=True)])
    cut = side._replace(norm=inner, place=side.place[g])
    return Part(part.G[np.ix_(at, at)], tuple(cut if x is side else x for x in part.sides))


def leaf(tree: Tree, part: Part) -> dict[str, Any] | None:
    """Solve one leaf, round its multipliers, and return its node."""
    multipliers = solve_part(part, tree.using)
    if multipliers is None:
        return None
    each, N = multipliers
    number, scale = sum("leaf" in node for node in tree.nodes), unit(part.G)
    products = np.nan_to_num(np.outer(part.marks, part.marks))
    N = spectra.on_grid(np.maximum(products * N * scale, 0.0), BITS)
    G, D, first = part.G + products * N, np.zeros(len(N)), 0
    for (diagonal, S), side in zip(each, part.sides, strict=True):
        rows = slice(first, first + len(diagonal))
        first = rows.stop
        D[rows] = spectra.on_grid(diagonal * scale, BITS)
        G[rows, rows] -= np.diag(D[rows])
        if S is not None and side.norm.mixture is not None:
            A, rounded = side.norm.mixture.A(len(diagonal)), spectra.on_grid(S * scale, BITS)
            G[rows, rows] -= A.T @ rounded @ A
            tree.arrays[f"S{number}.{side.name}"] = rounded[np.tril_indices(len(rounded))]
    free = ~np.isnan(part.marks)  # the kernel drops a coordinate that is fixed to zero
    made = spectra.shifted_factor(G[np.ix_(free, free)])
    if made is None:
        return None
    tree.arrays[f"D{number}"] = D[free]
    tree.arrays[f"N{number}"] = spread(tree, np.hstack([x.place for x in part.sides]), N)
    shift, tree.arrays[f"L{number}"] = made[0], spectra.pack_triangle(made[1])
    return {"leaf": number, "shift": exact_text(Fraction(shift))}


def spread(tree: Tree, place: Ints, N: Array) -> Array:
    """Return N over all signed coordinates of z, packed; zero outside the part."""
    full = np.zeros((tree.size, tree.size))
    full[np.ix_(place, place)] = N
    signed = full[np.ix_(tree.signed, tree.signed)]
    return np.asarray(signed[np.tril_indices(len(signed))])


def solve_part(part: Part, using: Using) -> tuple[list[tuple[Array, Array | None]], Array] | None:
    """Return (D, S) of each side and N, in units of the form's size; None without an answer."""
    sizes = [len(side.place) for side in part.sides]
    costs = [dual_cost(side.norm, d) for side, d in zip(part.sides, sizes, strict=True)]
    sized = list(zip(costs, sizes, strict=True))
    C = cp.bmat([[x.C if x is y else np.zeros((d, e)) for y, e in sized] for x, d in sized])
    N, cone = cover(C, part.G / unit(part.G), part.marks)
    cone += [c for x in costs for c in x.cone]
    bound = sum(x.cost for x in costs) / len(costs)
    if not using.solve(cp.Problem(cp.Minimize(bound), cone)):
        return None
    values = numbers([N, *(x.C for x in costs)])
    if values is None:
        return None
    each: list[tuple[Array, Array | None]] = []
    for (x, d), value in zip(sized, values[1:], strict=True):
        if x.S is None or x.d is None:
            each.append((np.diagonal(value).copy(), None))
        else:
            each.append((np.full(d, float(x.d.value)), 0.5 * (x.S.value + x.S.value.T)))
    return each, 0.5 * (values[0] + values[0].T)
