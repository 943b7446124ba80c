"""Exact bounds for few features: branch and bound on the signs of rows of F."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from certify.base.arrays import Array
from certify.polar.layer_query import EDGE, Ints, LayerQuery, reach
from certify.polar.query import Proposal, in_floats

from .cell import Bound, Ranges, Signs, bound, lengths, lines, narrow, whole
from .tree import Limits, Node, Solved, Tree, grow

GAP = 1e-9  # relative: a part with its bound this near an attained value is done
TINY = 1e-11  # of the largest possible value: such a part is done too
NODES = 20000  # parts, unless the query sets a number or a deadline
BITS = (8, 14, 24, 36, 52)  # of a leaf's numbers: as few as its bound allows

Label: TypeAlias = tuple[int, int]
"""(row, sign); (-1, sign) of w^T s."""


class ProvedPart(NamedTuple):
    """What proves a part: its ranges and its bound."""

    ranges: Ranges
    bound: Bound


KINDS = (ProvedPart, Ranges, Bound)  # the types in a tree
CellTree: TypeAlias = Tree[Label, ProvedPart, ProvedPart]


@dataclass(frozen=True)
class Cells:
    """The `solve` of `tree.grow` for one output: for both signs of w^T s, or for one.

    prefix: labels that hold on all parts, if there is one sign
    """

    signs: tuple[int, ...]
    question: Signs
    prefix: tuple[Label, ...] = ()

    def __call__(
        self, path: tuple[Label, ...], warm: ProvedPart | None, aim: float
    ) -> Solved[Label, ProvedPart, ProvedPart]:
        """Bound one part; split it at the row whose chord loses most at the maximizer."""
        if not path and len(self.signs) > 1:
            both, no_proof = ((-1, self.signs[0]), (-1, self.signs[1])), cast("Any", None)
            return Solved(np.inf, no_proof, split=both)
        q, rows = self.at(path), self.rows(path)
        ranges = narrow(q, rows, warm.ranges) if warm and rows_of(path).size else self.root(q)
        result = bound(q, rows, ranges)
        z = q.F @ result.u
        value = float(q.omega @ np.where(z > 0, z, q.slope * z))
        split = None
        loose = result.loose if result.loose.max(initial=0.0) > 0 else lines(q, rows, ranges)[1]
        if result.upper > aim and loose.max(initial=0.0) > 0:
            i = int(loose.argmax())
            split = (i, 1), (i, -1)
        witness = ProvedPart(ranges, result)
        return Solved(result.upper, witness, value, (result.u, self.sign(path)), split, witness)

    def rows(self, path: tuple[Label, ...]) -> Ints:
        """Return the (row, sign) of a path, the prefix first."""
        return rows_of((*self.prefix, *path))

    def root(self, q: Signs) -> Ranges:
        """Return the ranges that the prefix leaves."""
        rows, ranges = rows_of(self.prefix), whole(q)
        for k in range(len(rows)):
            ranges = narrow(q, rows[: k + 1], ranges)
        return ranges

    def sign(self, path: tuple[Label, ...]) -> int:
        """Return the sign of w^T s on a path."""
        return path[0][1] if path and path[0][0] < 0 else self.signs[0]

    def at(self, path: tuple[Label, ...]) -> Signs:
        """Return the value that is bounded on a path."""
        return self.question._replace(omega=self.sign(path) * self.question.omega)


def rows_of(path: tuple[Label, ...]) -> Ints:
    """Return the (row, sign) of a path."""
    return np.array([p for p in path if p[0] >= 0], dtype=np.int64).reshape(-1, 2)


def question(query: LayerQuery) -> Signs:
    """Return the value that is bounded, of one output."""
    layer = query.layer
    omega = layer.spread(query.W)[:, 0]
    far = reach(layer.features) if layer.free else 0.0
    return Signs(omega, layer.features, layer.slope, far)


@in_floats
def proposal(query: LayerQuery, lower: float) -> Proposal:
    """Return the bound of a tree on signs of rows, of one output; lower: a value attained."""
    solver = Cells(query.signs(), question(query))
    tree = grow(solver, limits(query, lower))
    if tree.upper == np.inf:  # no time for a first part
        return Proposal(np.inf)
    tree = split_root(solver, tree)
    aim = limits(query, lower).aim(tree.lower)
    return Proposal(*proof_of(solver, tree, aim), open=tree.open(aim))


def split_root(solver: Cells, tree: CellTree) -> CellTree:
    """Return the tree with its root split into both signs, even if there was no time for it."""
    root = tree.nodes[0]
    if len(solver.signs) == 1 or root.children:
        return tree
    labels = root.solved.split or ()
    parts = [Node((label,), solver((label,), None, np.inf), 0) for label in labels]
    return replace(tree, nodes=(replace(root, children=(1, 2)), *parts))


def limits(query: LayerQuery, lower: float) -> Limits:
    """Return when to stop: under the target, or at the value that is attained."""
    rows = np.linalg.norm(query.layer.features, axis=1)
    size = float(np.abs(query.layer.spread(query.W)[:, 0]) @ rows)
    target = max(query.target or 0.0, lower * (1 + GAP), TINY * size)
    nodes = query.nodes or (NODES if query.deadline is None else 1 << 30)
    return Limits(target, GAP, nodes, query.expired, 1, query.key("cells"), KINDS)


def proof_of(solver: Cells, tree: CellTree, aim: float) -> tuple[float, dict[str, Any]]:
    """Return (bound, proof); each leaf is as short as the larger of worst bound and aim allows."""
    first = len(solver.signs) == 1
    nodes: list[dict[str, Any]] = [{"signs": [1]}] if first else []
    allowed, top = max(tree.upper, aim), 0.0
    for node in tree.nodes:
        ends = [k + first for k in node.children]
        if not ends:
            q, rows = solver.at(node.path), solver.rows(node.path)
            leaf, value = shortest((q, rows), node.solved.witness, allowed)
            nodes.append(leaf)
            top = max(top, value)
            continue
        label = tree.nodes[node.children[0]].path[-1]
        if label[0] < 0:
            nodes.append({"signs": ends})
        else:
            nodes.append({"row": label[0], "plus": ends[0], "minus": ends[1]})
    return top * (1 + EDGE), {"rule": "network", "nodes": nodes}


def shortest(
    part: tuple[Signs, Ints], witness: ProvedPart, allowed: float
) -> tuple[dict[str, Any], float]:
    """Return a leaf and its bound, with the fewest bits for which the bound is allowed."""
    q, rows = part
    undecided = ~np.isin(np.arange(len(q.F)), rows[:, 0])
    down = (q.omega < 0) & undecided
    for bits in BITS:
        mu = np.maximum(short(witness.bound.mu, bits), 0.0)
        rho = np.clip(short(witness.bound.rho, bits), q.slope, 1.0)
        chords, ends = chords_of(q, rows, witness, bits)
        factors, loss, _ = lines(q, rows, Ranges(ends, witness.ranges.at, {}))
        kappa = {c[0]: c[1] for c in chords}
        for i in np.flatnonzero((q.omega > 0) & undecided):
            k = kappa.get(int(i), 0.5 * (1 + q.slope))
            factors[i] = q.omega[i] * k
            loss[i] = q.omega[i] * max((k - q.slope) * ends[i, 0], (1 - k) * ends[i, 1])
        factors[down] = (q.omega * rho)[down]
        total = q.F.T @ factors + (q.F[rows[:, 0]].T * rows[:, 1]) @ mu
        value = float(lengths(q, total[:, None])[0]) + float(loss.sum())
        if value <= allowed:
            break
    made: dict[str, Any] = {"cell": 0, "mu": pairs(mu)}
    made["rho"] = [[int(i), rho[i].hex()] for i in np.flatnonzero(down & (rho > q.slope))]
    made["chords"] = [[i, k.hex(), *ways] for i, k, *ways in chords]
    return {k: v for k, v in made.items() if k == "cell" or v}, value


def short(x: Array, bits: int) -> Array:
    """Round each number to a number of significant bits."""
    mantissa, e = np.frexp(x)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), e - bits))


def pairs(mu: Array) -> list[list[Any]]:
    """Return [[k, mu_k], ...] of the multipliers that are not zero."""
    return [[int(k), float(mu[k]).hex()] for k in np.flatnonzero(mu)]


def chords_of(q: Signs, rows: Ints, witness: ProvedPart, bits: int) -> tuple[list[Any], Array]:
    """Return the chords that differ from a whole row's, and the ranges they prove."""
    ends = np.column_stack([q.radii, q.radii])
    S = q.F[rows[:, 0]].T * rows[:, 1]
    ways: dict[int, list[list[list[Any]]]] = {}
    for (i, side), mu in witness.ranges.mu.items():
        if i in rows[:, 0]:
            continue
        y = np.maximum(short(mu, bits), 0.0)
        end = float(lengths(q, (q.F[i] * (2 * side - 1) + S[:, : len(y)] @ y)[:, None])[0])
        if end < ends[i, side]:
            ends[i, side] = end
            ways.setdefault(i, [[], []])[side] = pairs(y)
    out = []
    for i, (down, up) in sorted(ways.items()):
        kappa = float(np.clip(short(witness.bound.kappa, bits)[i], q.slope, 1.0))
        out.append((i, kappa, down, up))
    return out, ends
