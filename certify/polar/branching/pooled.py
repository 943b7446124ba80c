"""Upper bounds of the polar of a layer that takes the largest of a sample's rows.

One output and one sign of v at a time, by a layer that sums.  For few features the space of u is
split where two rows of a sample change places, each part with its own layer: exact in the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import nnls

from certify.base.arrays import Array
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import Ints, LayerQuery
from certify.polar.query import Proposal, combine

from . import cells
from .bases import SUM, Signed, Summed
from .cell import Signs
from .tree import Limits, Solved, Tree, grow

SQUARE = 500  # binary exponents of F whose squares are floats
SMALL = 6  # features up to which the space is split
PARTS = 256  # without a deadline
POINTS = 2000  # at which bounds are compared
CLOSE = 1e-7  # relative: a bound this near a found value is not worth more work
ROUGH = 0.02  # relative accuracy of the bound of a part that will be split,
FEW = 32  # and the number of parts of its own tree
Json = dict[str, Any]
Label: TypeAlias = tuple[int, int, int]
"""(i, j, sign): sign (f_i - f_j) . u >= 0; of f_i alone for j = -1."""


class Leaf(NamedTuple):
    """The proof of a part: its rows and a `network` proof of the layer that sums."""

    base: Ints
    proof: Json


class Warm(NamedTuple):
    """The start of the children of a part."""

    base: Ints
    u: Array


PartTree: TypeAlias = Tree[Label, Warm, Leaf]


def proposal(query: LayerQuery, propose: Callable[[LayerQuery], Proposal]) -> Proposal:
    """Return the bound of one output: the larger of its signs', each with its own tree.

    Infinite outside the range of floats.
    """
    if query.beyond(SQUARE):
        return Proposal(np.inf)
    if query.layer.features.shape[1] > SMALL:
        return by_signs(query, lambda part, signed: whole(part, signed, propose))
    lower, (u, _) = attain(query)
    return by_signs(query, lambda part, signed: split(part, signed, lower, u))


def by_signs(query: LayerQuery, bound: Callable[[LayerQuery, Signed], Proposal]) -> Proposal:
    """Return the larger bound of the signs of one output; infinite if one is."""
    signs, parts = query.signs(), list[Proposal]()
    for t, sign in enumerate(signs):
        signed = Signed(query.layer, query.W[:, 0], sign)
        parts.append(bound(query.share(len(signs) - t), signed))
        if parts[-1].upper == np.inf:
            return parts[-1]
    upper, (texts, arrays, left) = max(0.0, *(p.upper for p in parts)), combine(parts)
    return Proposal(upper, {"rule": "max_pool", "each": texts, **arrays}, open=left)


# --- the whole space ------------------------------------------------------------------


def whole(query: LayerQuery, signed: Signed, propose: Callable[[LayerQuery], Proposal]) -> Proposal:
    """Return the bound of one layer that sums, for all u."""
    base = signed.first
    if signed.omega.any():
        one_sign = replace(query, layer=replace(query.layer, right=signed.right))
        u = attain(one_sign)[1][0]
        base, _ = signed.best_rows(u[:, None], base, search_worst(query, signed), query.expired)
    summed = signed.sum_pooled(base)
    bound = propose(of_layer(query, signed, summed))
    leaf = Leaf(base, bound.proof)
    upper = bound.upper + summed.extra
    return Proposal(upper, write_tree([leaf], [{"leaf": 0}]), open=bound.open)


def of_layer(query: LayerQuery, signed: Signed, summed: Summed) -> LayerQuery:
    """Return the query of a layer that sums, for the sign of v alone."""
    layer = replace(query.layer, features=summed.features, samples=summed.samples, max_pooled=False)
    return replace(query, layer=replace(layer, right=signed.right))


def search_worst(query: LayerQuery, signed: Signed) -> Callable[[Ints], tuple[float, Array]]:
    """Return a function that searches the largest value of a layer with sum pooling."""

    def worst(base: Ints) -> tuple[float, Array]:
        """Return the value and the point."""
        summed = signed.sum_pooled(base)
        value, (u, _) = attain(of_layer(query, signed, summed))
        return value + summed.extra, u

    return worst


# --- parts of the space ---------------------------------------------------------------


def split(query: LayerQuery, signed: Signed, lower: float, u: Array) -> Proposal:
    """Return the bound of a tree of parts; lower: a value that is attained with some sign."""
    solver = Parts(query, signed, points_of(query, u), lower)
    most = PARTS if query.deadline is None else 1 << 30
    target = max(query.target or 0.0, lower * (1 + CLOSE), solver.tiny)
    tree: PartTree = grow(solver, Limits(target, 0.0, query.nodes or most, query.expired, 1))
    leaves, nodes, splits = list[Leaf](), list[Json](), list[Array]()
    for node in tree.nodes:
        if not node.children:
            nodes.append({"leaf": len(leaves)})
            leaves.append(node.solved.witness)
            continue
        plus, minus = node.children
        i, j, _ = tree.nodes[plus].path[-1]
        nodes.append({"split": len(splits), "plus": plus, "minus": minus})
        splits.append(solver.normal(i, j))
    return Proposal(tree.upper, write_tree(leaves, nodes, splits), open=tree.open(target))


def write_tree(leaves: list[Leaf], nodes: list[Json], splits: list[Array] | None = None) -> Json:
    """Return a tree as the kernel reads it."""
    out: Json = {"splits": np.array(splits)} if splits else {}
    entries = []
    for node in nodes:
        if "leaf" not in node:
            entries.append(node)
            continue
        t = node["leaf"]
        proof = leaves[t].proof | {"base": leaves[t].base}
        out |= {f"s{t}.{k}": x for k, x in proof.items() if isinstance(x, np.ndarray)}
        entries.append(node | {"nodes": proof["nodes"]})
    return out | {"nodes": entries}


def points_of(query: LayerQuery, u: Array) -> Array:
    """Return unit columns over the whole sphere; u, a good one, comes first."""
    F = query.layer.features
    random = np.random.default_rng(query.seed).standard_normal((POINTS, F.shape[1]))
    U = np.column_stack([u, *F, *-F, *random])
    size = np.linalg.norm(U, axis=0)
    return np.asarray(U[:, size > 0] / size[size > 0])


@dataclass(frozen=True)
class Parts:
    """The `solve` of `tree.grow` for parts where some rows are larger than others.

    points (d, n) at which bounds are compared; lower: a value that is attained
    """

    query: LayerQuery
    signed: Signed
    points: Array
    lower: float

    @property
    def tiny(self) -> float:
        """A value that is negligible beside the largest possible one."""
        F, samples = self.query.layer.features, self.query.layer.owners
        size = float(np.abs(self.signed.omega[samples]) @ np.linalg.norm(F, axis=1))
        return cells.TINY * size

    def normal(self, i: int, j: int) -> Array:
        """Return the row at which a part is split."""
        F = self.query.layer.features
        return np.asarray(F[i] if j == SUM else F[i] - F[j])

    def __call__(
        self, path: tuple[Label, ...], warm: Warm | None, aim: float
    ) -> Solved[Label, Warm, Leaf]:
        """Choose the rows of a part and bound it; split it where the bound loses most."""
        sides = np.array([s * self.normal(i, j) for i, j, s in path])
        sides = sides.reshape(len(path), self.query.layer.features.shape[1])
        near = None if warm is None else warm.u
        U = self.within(sides, near)
        base, u = self.signed.first if warm is None else warm.base, U[:, 0]
        values = self.signed.value(U)
        if self.signed.omega.any():
            start = U[:, [int(values.argmax())]]
            base, u = self.signed.best_rows(start, base, self.worst(U), self.query.expired)
        summed = self.signed.sum_pooled(base)
        refuted = float(self.signed.above(base, u[:, None]).sum()) > aim
        upper, proof, top = self.bound(summed, sides, (aim, FEW if refuted else cells.NODES))
        u = u if top is None else top
        best = np.column_stack([U[:, [int(values.argmax())]], u])
        lower = float(self.signed.value(best).max())
        division = self.division(path, base, u) if upper > aim else None
        return Solved(upper, Leaf(base, proof), lower, u, division, Warm(base, u))

    def within(self, sides: Array, near: Array | None) -> Array:
        """Return the points of a part; one that is near is moved into it."""
        U = self.points[:, (sides @ self.points >= 0).all(axis=0)]
        if near is None:
            return U
        inside = near + sides.T @ nnls(sides.T, -near)[0]  # the nearest point of the cone
        size = float(np.linalg.norm(inside))
        return np.asarray(np.column_stack([inside / size if size > 0 else 0 * near, U]))

    def worst(self, U: Array) -> Callable[[Ints], tuple[float, Array]]:
        """Return a function that takes the largest value of a bound over the points."""

        def largest(base: Ints) -> tuple[float, Array]:
            """Return the value and the point."""
            values = self.signed.above(base, U).sum(axis=0)
            k = int(values.argmax())
            return float(values[k]), U[:, k]

        return largest

    def bound(
        self, summed: Summed, sides: Array, budget: tuple[float, int]
    ) -> tuple[float, Json, Array | None]:
        """Return the bound of a layer that sums on a part, its proof, and where it is largest.

        budget: the aim, and how many parts its own tree may have.
        """
        W, count = self.query.W[:, 0], len(sides)
        omega = np.concatenate([W[summed.samples], np.zeros(count)])
        F, m = np.vstack([summed.features, sides]), len(summed.features)
        prefix = tuple((k, 1) for k in range(m, m + count))
        solver = cells.Cells((self.signed.sign,), Signs(omega, F, 0.0, 0.0), prefix)
        rest = max(budget[0] - summed.extra, 0.0)
        limits = Limits(rest, ROUGH, budget[1], self.query.expired, 1)
        tree = grow(solver, limits)
        if tree.lower <= limits.target < tree.upper:
            limits = replace(limits, gap=cells.GAP)
            tree = grow(solver, limits, tree)
        upper, proof = cells.proof_of(solver, tree, limits.target)
        return upper + summed.extra, proof, None if tree.found is None else tree.found[0]

    def division(self, path: tuple[Label, ...], base: Ints, u: Array) -> tuple[Label, Label] | None:
        """Return where the sample that loses most at u has two rows change places."""
        lost = self.signed.above(base, u[:, None])[:, 0]
        lost = lost - self.signed.omega * self.query.layer.act(u[:, None])[:, 0]
        known = {(i, j) for i, j, _ in path}
        z = self.query.layer.features @ u
        for k in np.argsort(-lost, kind="stable"):
            rows = sorted(self.signed.own[k], key=lambda i: -z[i])
            b = int(base[k])
            pairs = [(i, b) for i in rows if b not in (SUM, i)]
            pairs += [(i, j) for i in rows for j in rows if i != j]
            pairs += [(i, SUM) for i in rows]
            for i, j in pairs:
                if not {(i, j), (j, i)} & known and self.normal(i, j).any():
                    return (i, j, 1), (i, j, -1)
        return None
