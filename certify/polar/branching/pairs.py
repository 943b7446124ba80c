"""Branch and bound on a conic form: bound a cell, look for a slice, choose a split."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.relaxation import pair_admm as admm
from certify.polar.relaxation.pair_admm import PairMultiplier, Warm
from certify.polar.relaxation.pair_leaf import leaf
from certify.polar.relaxation.pairs import Cell, Cut, Equal, Label, PairForm, Path, cell
from certify.polar.relaxation.steps import Stop

from .tree import Solved, Tree

CUT_BITS = 12  # of a cut's entries: short integers for the verifier
STEPS, STALLED = 200, 1e-5  # of one cell; splitting early pays more than many steps
ROOT_STEPS, ROOT_SETTLED = 3000, 1e-7
STARTS = 2  # eigenvectors of a cell's Y that start an ascent
EDGE = 1e-9  # relative slack left for the last roundings of a leaf

Climb: TypeAlias = Callable[[Array], tuple[float, Any]]
"""From starts z, as columns, to the best (value, slice)."""
Grown: TypeAlias = Tree[Label, Warm, PairMultiplier]


@dataclass(frozen=True)
class Bounder:
    """The `solve` of `tree.grow` for the cells of one form."""

    form: PairForm
    climb: Climb
    expired: Callable[[], bool] = lambda: False
    steps: int = STEPS
    root_steps: int = ROOT_STEPS

    def __call__(
        self, path: Path, warm: Warm | None, aim: float
    ) -> Solved[Label, Warm, PairMultiplier]:
        """Bound one cell; stop as soon as it is under the aim."""
        part = cell(self.form, path)
        steps, least_gain = (self.steps, STALLED) if path else (self.root_steps, ROOT_SETTLED)
        if warm is not None:
            warm = admm.child(cell(self.form, path[:-1]), part, warm, path[-1])
        relaxed = admm.solve(part, Stop(aim, steps, least_gain, self.expired), warm)
        above = relaxed.best.bound > aim
        values, vectors = np.linalg.eigh(relaxed.Y)
        lower, found = self.ascend(part, vectors) if above or not path else (-np.inf, None)
        split = splits(part, values, vectors) if above else None
        return Solved(relaxed.best.bound, relaxed.best, lower, found, split, relaxed.warm)

    def ascend(self, part: Cell, vectors: Array) -> tuple[float, Any]:
        """Return the best (value, slice) from both signs of the last eigenvectors."""
        starts = part.M @ vectors[:, -STARTS:]
        if self.form.unboxed is not None:  # to the coordinates of u and v, where s_0 > 0
            starts = self.form.unboxed @ starts
        return self.climb(np.hstack([starts, -starts]))


def splits(part: Cell, values: Array, vectors: Array) -> tuple[Label, Label] | None:
    """Return two labels: coordinates of a cube that agree or not, else a spectral cut."""
    pair = uncertain_pair(part, (vectors * values) @ vectors.T)
    if pair is not None:
        return Equal(*pair, 1), Equal(*pair, -1)
    if part.size == 1:
        return None
    lone = unsigned_coordinate(part)
    return both(part, vectors[:, -2] if lone is None else np.eye(part.size)[lone])


def unsigned_coordinate(part: Cell) -> int | None:
    """Return the coordinate left of a cube, if no cut fixes its sign and others have signs."""
    if not part.form.signs.any():
        return None
    for s in (0, 1):
        at = np.flatnonzero(part.form.cube[part.first] == s)
        if at.size == 1:
            cut = np.abs(part.rows[part.size :])
            fixed = (cut[:, at[0]] > 0) & (np.delete(cut, at[0], axis=1) == 0).all(axis=1)
            return None if fixed.any() else int(at[0])
    return None


def both(part: Cell, y: Array) -> tuple[Cut, Cut]:
    """Return the halves of a cut given in y."""
    normal = np.zeros(part.form.size)
    normal[part.first] = y / part.M[part.first, np.arange(part.size)]
    normal = spectra.on_grid(normal, CUT_BITS)
    return Cut(normal), Cut(-normal)


def uncertain_pair(part: Cell, Y: Array) -> tuple[int, int] | None:
    """Return the two coordinates of the smaller cube whose relative sign is the least certain."""
    cube = part.form.cube
    sides = [s for s in (0, 1) if (cube == s).any()]
    if not sides:
        return None
    chosen = min(sides, key=lambda s: int((cube == s).sum()))
    at = np.flatnonzero(cube[part.first] == chosen)
    if at.size < 2:  # noqa: PLR2004  one class: the signs are decided
        return None
    size = np.sqrt(np.maximum(np.diagonal(Y)[at], 1e-300))
    sure = np.abs(Y[np.ix_(at, at)]) / np.outer(size, size)
    sure[np.tril_indices(at.size)] = np.inf
    i, j = np.unravel_index(int(sure.argmin()), sure.shape)
    p, q = part.first[at[i]], part.first[at[j]]
    return int(min(p, q)), int(max(p, q))


def proof_of(form: PairForm, tree: Grown, aim: float) -> tuple[float, dict[str, Any]]:
    """Return (bound, conic proof of a tree); each leaf is as coarse as the worst bound allows."""
    allowed = max(tree.upper, aim) * (1 + EDGE)
    nodes: list[dict[str, Any]] = []
    cuts: list[Array] = []
    arrays: dict[str, Any] = {}
    top, count = 0.0, 0
    for node in tree.nodes:
        if not node.children:
            made, bound = leaf(cell(form, node.path), node.solved.witness, allowed, count)
            arrays |= made["arrays"]
            nodes.append(made["node"])
            top, count = max(top, bound), count + 1
            continue
        label = tree.nodes[node.children[0]].path[-1]
        ends = {"plus": node.children[0], "minus": node.children[1]}
        if isinstance(label, Cut):
            nodes.append({"cut": len(cuts), **ends})
            cuts.append(label.normal)
        else:
            nodes.append({"equal": [label.p, label.q], **ends})
    if cuts:
        arrays["cuts"] = np.array(cuts)
    boxes = {"boxed": list(form.boxed)} if form.boxed else {}
    return top, {"rule": "conic", "nodes": nodes, **boxes, **arrays}
