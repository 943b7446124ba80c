"""Evidence for a bound over at most r slices where entries are missing or weighted: blocks.

Each completely observed block of rows and columns has a bound of its own: without weights as
`own_size` bounds a matrix, with weights by `block_ascent`.  What is outside costs d(W) there.
Blocks of a tensor are those of one of its unfoldings, the best one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array, Ints
from certify.losses import Squared
from certify.polar.ascent.contract import fold, unfold
from certify.polar.eigen import on_grid
from certify.problem import Problem
from certify.search.observed_blocks import ENTRIES, Block, disjoint

from . import scaling
from .block_ascent import Parts, product_below
from .block_ascent import ascend as ascend_blocks
from .orthogonal import Orthogonal
from .own_size import (
    ASCENT,
    GRID,
    LARGEST,
    MATRIX,
    SPARE,
    ending,
    fan,
    opposite_signs,
    project_signs,
    rank,
    sets,
    sign_field,
    unfoldings,
)
from .own_size_ascent import Group, Project, ascend
from .points import Dual, Run, bound_inside, squared_loss

SEARCH = (0.3, 0.5)  # of the time: when the search for blocks ends, and the last one of a tensor
LEADING = 8  # blocks of an ascent over all of them together, and of weights beside it

Expired = Callable[[], bool]


@dataclass(frozen=True)
class Blocks:
    """The proof of a lower bound: W with its polar bound or None, each block's proof, the bound."""

    dual: Dual | None
    blocks: tuple[dict[str, Any], ...]
    value: float


def applies(problem: Problem) -> bool:
    """Whether `propose` knows a bound: least squares of a matrix beside means and covariates.

    Of a tensor without offsets too, at lam = 0.
    """
    loss, known = problem.loss, {"row", "column", "intercept", "linear"}
    small = isinstance(loss, Squared) and loss.observed.m * loss.observed.n <= ENTRIES
    if len(loss.dims) > MATRIX:
        return small and problem.lam == 0 and not problem.offsets
    return small and {o.kind for o in problem.offsets} <= known


def propose(run: Run, known: Dual | None = None) -> Blocks:
    """Return the best evidence: with another search's dual point, one of its own, or none.

    At lam = 0 the dual point consists of entries whose polar is 0, found block by block.
    """
    if len(run.problem.loss.dims) > MATRIX:
        groups = unfoldings(run.problem.loss.dims, rank(run))
        parts = np.linspace(*SEARCH, len(groups))
        grids = (Grid.of(run, g, part) for g, part in zip(groups, parts, strict=True))
        return max((grid.bound(None) for grid in grids), key=lambda b: b.value)
    grid = Grid.of(run)
    usable = known is not None and not known.point.corrections
    tries = [grid.bound(known)] if usable else []
    if run.problem.lam == 0 or not usable:
        tries.append(grid.bound(None))
    dual = grid.ascend() if run.problem.lam > 0 else None
    if dual is not None:
        tries.append(grid.bound(dual))
    return max(tries, key=lambda b: b.value)


@dataclass(frozen=True)
class Grid:
    """The data and weights as matrices, 0 where nothing is observed, and the blocks found.

    modes   of a tensor's unfolding, those of its rows
    """

    run: Run
    modes: Group
    data: Array
    weights: Array
    rank: int
    found: tuple[Block, ...]

    @classmethod
    def of(cls, run: Run, modes: Group = (0,), until: float = SEARCH[0]) -> "Grid":
        """Read a question and look for blocks, until a part of the time is spent."""
        loss, r = squared_loss(run.problem), rank(run)
        scale = np.ones_like(loss.data) if loss.scale is None else loss.scale
        data, weights = (unfold(loss.observed.tensor(x), modes) for x in (loss.data, scale))
        m, n = weights.shape
        whole = Block(np.arange(m), np.arange(n), 1.0)
        if loss.observed.full:
            return cls(run, modes, data, weights, r, (whole,))
        found = disjoint(weights > 0, r, run.clock.share(until).expired)
        return cls(run, modes, data, weights, r, tuple(found))

    @property
    def unfolded(self) -> dict[str, Any]:
        """The modes of the unfolding, as the block of a tensor names them."""
        return {"modes": list(self.modes)} if len(self.run.problem.loss.dims) > MATRIX else {}

    def ascend(self) -> Dual | None:
        """Return the dual point of an ascent over it and the largest blocks together.

        None where no set of dual points is known, or where they have to be orthogonal.
        """
        problem = self.run.problem
        named = {} if any(o.free for o in problem.offsets) else sets(problem)
        if not named or not self.found or min(self.weights.shape) > LARGEST:
            return None
        ab, rest, leading = np.zeros_like(self.data), self.weights.copy(), []
        for block in self.found[:LEADING]:
            at = block.rows[:, None], block.cols
            product = self.product(at)
            if product is not None:
                ab[at], rest[at] = np.outer(product[0], product[1]), product[2]
                leading.append(at)
        parts = Parts(self.data, ab, rest, tuple(leading), self.rank)
        expired = ending(self.run.clock, 3.0 * self.data.size * min(self.data.shape))
        W = ascend_blocks(parts, np.zeros_like(ab), list(named.values()), expired).W
        dual = bound_inside(self.run, problem.loss.observed.field(W))
        return None if dual is None or dual.point.corrections else dual

    def product(self, at: tuple[Ints, Ints]) -> tuple[Array, Array, Array] | None:
        """Return a, b and c' of a block: 1, 1, 0 without weights; None without any c' > 0."""
        c = self.weights[at]
        if squared_loss(self.run.problem).scale is None:
            return np.ones(c.shape[0]), np.ones(c.shape[1]), np.zeros_like(c)
        product = product_below(c)
        return product if (product[2] > 0).all() else None

    def bound(self, known: Dual | None) -> Blocks:
        """Return the proofs of the blocks under a dual point, or of the best for signs."""
        problem, observed = self.run.problem, self.run.problem.loss.observed
        signs = sign_field(problem) if problem.lam == 0 and known is None else None
        if any(o.free for o in problem.offsets):
            signs = None  # W <= 0 with sums of zero is 0
        signs = None if signs is None else unfold(signs, self.modes)
        W, value, s = np.zeros_like(self.data), 0.0, 1.0
        if known is not None:
            s = min(1.0, problem.lam / max(known.polar.upper, 1e-300))
            W = s * observed.spread(known.point.W)
        until = self.run.clock.share(ASCENT).expired
        out = []
        few = known is not None and squared_loss(problem).scale is not None
        for block in self.found[: LEADING if few else None]:
            at = block.rows[:, None], block.cols
            one = self.one(at, W[at], None if signs is None else signs[at], until)
            if one is not None:
                out.append({"rows": block.rows, "cols": block.cols} | self.unfolded | one[0])
                W[at], value = one[1], value + one[2]
        dual = known
        if known is not None:
            value += scaling.value(problem, known.point.W, s)
        elif W.any():
            point = observed.field(fold(W, self.modes, problem.loss.dims))
            d = scaling.value(problem, point, 1.0)
            dual = Dual(Orthogonal(point), opposite_signs(problem, point), d)
            value += d
        return Blocks(dual, tuple(out), value)

    def one(
        self, at: tuple[Ints, Ints], W: Array, signs: Array | None, expired: Expired
    ) -> tuple[dict[str, Any], Array, float] | None:
        """Return the best proof of a block, W on it, and its bound beside d(W)."""
        c = self.weights[at]
        weighted = squared_loss(self.run.problem).scale is not None
        project = None if signs is None else lambda M: project_signs(M, signs)
        tries = []
        if not weighted or not W.any():
            tries.append(self.plain(at, W, None if weighted else project, expired))
        small = min(c.shape) <= LARGEST
        if weighted and (not tries or (small and (project or (c != c[0, 0]).any()))):
            product = self.product(at)
            tries += [self.by_product(at, product, W, project, expired)] if product else []
        y = self.data[at]  # the share of d(W) counts too
        shares = [float((t[1] * y - t[1] ** 2 / (2 * c)).sum()) for t in tries]
        both = zip(tries, shares, strict=True)
        return max(both, key=lambda t: t[0][2] + t[1])[0] if tries else None

    def by_product(
        self,
        at: tuple[Ints, Ints],
        below: tuple[Array, Array, Array],
        W: Array,
        project: Project | None,
        expired: Expired,
    ) -> tuple[dict[str, Any], Array, float]:
        """Bound a block by a product below its weights; means count as ranks."""
        y, c = self.data[at], self.weights[at]
        kinds = {o.kind for o in self.run.problem.offsets}
        wide = self.rank + ("row" in kinds) + bool(kinds & {"column", "intercept"})
        a, b, rest = below
        ab, (m, n) = np.outer(a, b), y.shape
        parts = Parts(y, ab, rest, ((np.arange(m)[:, None], np.arange(n)),), wide)
        ascent = ascend_blocks(parts, W, [project] if project else [], expired)
        W = on_grid(ascent.W, GRID)
        proof = fan(ascent.M, wide)[0] | {"left": a, "right": b}
        arrays = {"rest": rest.reshape(-1), "G": (ascent.M - ab * y).reshape(-1)}
        d = float((ascent.W * y - ascent.W**2 / (2 * c)).sum())
        return proof | arrays, W, ascent.value - d

    def plain(
        self, at: tuple[Ints, Ints], W: Array, project: Project | None, expired: Expired
    ) -> tuple[dict[str, Any], Array, float]:
        """Bound a block by its least weight; means are removed."""
        C, means = self.data[at], {}
        kinds = {o.kind for o in self.run.problem.offsets}
        if "row" in kinds:
            means["mu.row"] = C.mean(axis=1)
            C = C - means["mu.row"][:, None]
        if kinds & {"column", "intercept"}:
            means["mu.column"] = C.mean(axis=0)
            C = C - means["mu.column"]
        if project is not None and min(C.shape) <= LARGEST:
            W = on_grid(ascend(C, self.rank, ((0,),), [project], (np.inf, expired)).W, GRID)
        spare = SPARE if project is None and W.any() else 0.0
        proof, size = fan(C - W, self.rank, spare=spare)
        least = float(self.weights[at].min())
        return means | proof, W, 0.5 * least * max(float(np.square(C - W).sum()) - size, 0.0)
