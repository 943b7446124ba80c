"""Branch and bound over simplicial cones of one factor of few coordinates: many at a time.

    g(z) = sup { <x, h(z)> : |x| <= 1 } <= sum a_j c_j on the cone of z = sum a_j g_j, a >= 0

A cone is split between the two generators where its bound loses most, among the pairs that are
about as far apart as any, so that cones stay thick.  Batches are taken last in, first out, so that
few wait.  Cones within one gap of the best value wait for the next, smaller gap: a tree that is cut
short has bounded all cones to one gap, and some to the next.  The subtree of a cone whose bound is
at most that of the whole tree is left out: it would not lower that bound.  A task grows the tree
below a batch, up to a number of cones.  The tasks of a round start from the same best value and do
not know of each other, so that the tree does not depend on where they run.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Ints
from certify.base.cluster import Pool
from certify.base.rigor.cones import (
    NODES,
    Batch,
    Cones,
    cut_batches,
    join_batches,
    take_batches,
    take_round,
)
from certify.base.rigor.rounded import Rounded
from certify.kernel.errors import RejectedError
from certify.kernel.rules.cones import layer_form, pair_form
from certify.kernel.simplicial import ConeForm
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.proved import as_kernel_array, kernel_layer, kernel_pair, stored_entries
from certify.polar.query import PolarQuery, Proposal

# relative, one after the other: a bound this near the best value is not split
GAPS = tuple(2.0**e for e in (3, 2, 1, 0, -1, -2, -3, -5, -7, -10, -24))
SHORT = 6  # coordinates of the short factor; for more, relaxations are tighter in the same time
LONG = 32  # coordinates of the other side up to which relaxations are as fast
NEAR = 0.7  # of the largest distance of two generators: pairs that may be split
THICK = 6.0  # times the length of an orthant, shrunk to a volume: a longer cone is thin
FINE, STORED = 2.0**-3, 1 << 26  # larger gaps are used while at most so many numbers wait
MOST = 8_000_000  # cones of a tree at most
UNTIMED = 200_000  # the same without a deadline
SHARE = 0.7  # of the time that is left
LEAST_DONE = 1e-3  # of the cone: the time of the rest is not estimated from less
LITTLE = 2.0**-40  # added to losses, so that none is zero
Floats = npt.NDArray[np.float64]


@dataclass
class Grown:
    """A tree as it grows: of each node the pair that it is split at, and its children.

    share  of each node: that of a root, halved with each split
    bound  of each node; infinite as long as it is not known
    left, undecided  the share and number of the cones that are not bounded closely, for lack of
        time or room
    upper  the largest bound of a leaf, in the end; best: the largest value found
    waiting, later  batches to split, and those within the gap
    """

    code: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    first: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    share: Floats = field(default_factory=lambda: np.zeros(0))
    bound: Floats = field(default_factory=lambda: np.zeros(0))
    roots: int = 0
    count: int = 0
    left: float = 0.0
    undecided: int = 0
    upper: float = 0.0
    best: float = 0.0
    waiting: list[Batch] = field(default_factory=list)
    later: list[Batch] = field(default_factory=list)

    def make(self, number: int) -> Ints:
        """Return the numbers of new nodes."""
        self.count += number
        while len(self.code) < self.count:
            more = max(1024, len(self.code))
            self.code, self.first = (np.pad(x, (0, more)) for x in (self.code, self.first))
            self.share = np.pad(self.share, (0, more))
            self.bound = np.pad(self.bound, (0, more), constant_values=np.inf)
        return np.arange(self.count - number, self.count)

    def start(self, batch: Batch, share: Floats, bound: Floats) -> None:
        """Begin with the cones of a batch."""
        nodes = self.make(len(share))
        self.share[nodes], self.bound[nodes] = share, bound
        self.waiting = [replace(batch, node=nodes)]

    def join(self, batch: Batch, part: "Grown") -> None:
        """Add the tree that has grown below a batch."""
        n = part.count
        at = np.concatenate([batch.node, self.make(n - len(batch.node))])
        self.code[at], self.share[at] = part.code[:n], part.share[:n]
        self.bound[at] = part.bound[:n]
        self.first[at] = at[part.first[:n]]
        self.best = max(self.best, part.best)
        for here, there in ((self.waiting, part.waiting), (self.later, part.later)):
            here += [replace(b, node=at[b.node]) for b in there]

    def least_bounds(self) -> list[float]:
        """Return the least bound of each cone: its own, or the larger one of its children.

        A child may have a larger bound than its parent: other slopes lie below it.
        """
        out: list[float] = self.bound[: self.count].tolist()
        first = self.first.tolist()
        for k in np.flatnonzero(self.code)[::-1].tolist():
            out[k] = min(out[k], max(out[first[k] : first[k] + 2]))
        return out

    def tree(self) -> list[int]:
        """Return the codes in preorder, from all roots; a second child is the number after."""
        out, waiting = [], [*range(self.roots)][::-1]
        code, first = self.code.tolist(), self.first.tolist()
        while waiting:
            k = waiting.pop()
            out.append(code[k])
            if code[k]:
                waiting += (first[k] + 1, first[k])
        return out


@dataclass(frozen=True)
class Grower:
    """A task: grow the tree below a batch.

    target, blur  in units of the form: the bound that is enough, and the resolution of floats
    roots, least  the number of orthants, and the smallest gap
    """

    cones: Cones
    expired: Callable[[], bool]
    target: float
    blur: float
    roots: int
    least: float

    def __call__(
        self, batch: Batch, known: tuple[Floats, Floats], best: float, gap: float, most: int
    ) -> Grown:
        """Return the tree below cones, after about `most` new ones; known: their shares, bounds."""
        tree = Grown(roots=self.roots, best=best)
        tree.start(batch, *known)
        most += tree.count
        while tree.waiting and tree.count < most and not self.expired():
            self.step(tree, gap)
        return tree

    def step(self, tree: Grown, gap: float) -> None:
        """Bound the last batch, and split the cones that are not near their value."""
        batch, least = take_batches(tree.waiting), self.target
        upper, best = tree.bound[batch.node], tree.best
        if np.isinf(upper).any():
            upper, value = self.cones.bounds(batch)
            tree.bound[batch.node], best = upper, max(best, value)
            tree.best = best
        done = max(least, best * (1 + self.least), best + self.blur)
        wide = upper > max(least, best * (1 + gap), best + self.blur)
        later = ~wide & (upper > done)
        if later.any():
            tree.later.append(batch.part(np.flatnonzero(later)))
        if wide.any():
            tree.waiting += divide(self.cones, tree, batch.part(np.flatnonzero(wide)))


def grow_codes(
    cones: Cones,
    aims: tuple[float, float],
    expired: Callable[[], bool],
    *,
    most: int = MOST,
    gaps: Sequence[float] = GAPS,
) -> Grown:
    """Return a tree whose leaves are at most the aim, unless time or cones run out.

    aims  the target, and a value that is attained
    """
    unit = float(cones.unit)
    target, best = (x / unit if unit else 0.0 for x in aims)
    blur = 4 * cones.slack(64) * float(cones.reach.sum())
    tree = Grown(roots=cones.form.number, best=best)
    tree.make(tree.roots)
    tree.share[: tree.roots] = 1 / tree.roots
    pool = Pool(Grower(cones, expired, target, blur, tree.roots, gaps[-1]))
    roots, begun = cones.roots(), 0
    for gap in gaps:
        while tree.waiting or begun < tree.roots:
            stored = sum(b.G.size + b.R.size + b.S.size + b.L.size for b in tree.later)
            if gap > FINE and stored > STORED:
                break
            if expired() or tree.count > most:
                open_ = tree.waiting + tree.later
                tree.left = sum(float(tree.share[b.node].sum()) for b in open_)
                tree.left += 1 - begun / tree.roots
                tree.undecided = sum(len(b.node) for b in open_) + tree.roots - begun
                return with_bound(cones, tree, roots)
            if not tree.waiting:
                tree.waiting = cut_batches(next(roots))
                begun += sum(len(b.node) for b in tree.waiting)
            batches = take_round(tree.waiting)
            room = min(NODES, (most - tree.count) // len(batches) + 1)
            asked = [
                (b, (tree.share[b.node], tree.bound[b.node]), tree.best, gap, room) for b in batches
            ]
            for b, part in zip(batches, pool.map(asked), strict=True):
                tree.join(b, part)
        # by the number of points without a sign: batches of one number are joined
        tree.waiting = sorted(tree.later + tree.waiting, key=lambda b: -b.at.shape[1])
        tree.later = []
    return with_bound(cones, tree)


def with_bound(cones: Cones, tree: Grown, roots: Iterable[Batch] = ()) -> Grown:
    """Return the tree with its bound in units of the form; a cone that is within it is a leaf.

    roots: those that are not in the tree yet
    """
    for batch in chain(tree.waiting, roots):
        if np.isinf(tree.bound[batch.node]).any():
            tree.bound[batch.node] = cones.bounds(batch)[0]
    top = max(tree.least_bounds()[: tree.roots], default=0.0)
    tree.code, tree.upper = np.where(tree.bound > top, tree.code, 0), top * float(cones.unit)
    return tree


def divide(cones: Cones, tree: Grown, batch: Batch) -> list[Batch]:
    """Split each cone of a batch whose new generator fits a float."""
    if not cones.pairs:
        return []
    pairs = np.array(cones.pairs)
    at = worst_pairs(cones, batch, tree.share[batch.node] * tree.roots)
    ended = cones.inexact(batch, *pairs[at].T)
    if ended.all():
        return []
    batch, at = batch.part(np.flatnonzero(~ended)), at[~ended]
    children = cones.children(batch, *pairs[at].T)
    new = tree.make(2 * len(at)).reshape(-1, 2)
    tree.code[batch.node], tree.first[batch.node] = at + 1, new[:, 0]
    tree.share[new] = tree.share[batch.node][:, None] / 2
    parts = join_batches([replace(c, node=new[:, k]) for k, c in enumerate(children)])
    return cut_batches(parts)


def worst_pairs(cones: Cones, batch: Batch, volume: Floats) -> Ints:
    """Return the pair of each cone to split: the largest loss at g_i + g_j, of far generators.

    volume: of each cone, as a part of its orthant's.  One that is long for it is split where it
    is longest, so that none becomes thin.

    The loss is the sum over k of |w_k| (|f_k . g_i| + |f_k . g_j| - |f_k . (g_i + g_j)|) / 2, over
    the points k without a sign, times the root of the distance of g_i and g_j, both unit vectors.
    """
    sizes = np.sqrt((batch.G * batch.G).sum(axis=2))[:, :, None]
    G, S, weights = batch.G / sizes, batch.S / sizes, cones.heights[batch.at]
    alone = np.einsum("bk,jbk->jb", weights, np.abs(S))
    apart = np.stack([((G[i] - G[j]) ** 2).sum(axis=1) for i, j in cones.pairs])
    lost = np.stack(
        [
            alone[i] + alone[j] - np.einsum("bk,bk->b", weights, np.abs(S[i] + S[j]))
            for i, j in cones.pairs
        ]
    )
    scores = (np.maximum(lost, 0.0) + LITTLE) * np.sqrt(np.sqrt(apart))
    longest = apart.max(axis=0)
    thin = longest > THICK**2 * 2 * volume ** (2 / (len(batch.G) - 1))
    far = apart >= np.where(thin, 1.0, NEAR**2) * longest
    return np.asarray(np.where(far, scores, -1.0).argmax(axis=0))


def pack_codes(tree: Sequence[int]) -> Ints:
    """Return eight codes in each integer, the first one in the lowest byte."""
    padded = np.zeros(-(-len(tree) // 8) * 8, dtype=np.uint8)
    padded[: len(tree)] = tree
    return padded.view("<i8").astype(np.int64)


def are_few(layer: Layer) -> bool:
    """Whether u has few coordinates, but for an unpriced bias: that is at a kink."""
    return bool(0 < layer.features.shape[1] - layer.free <= SHORT)


def layer_proposal(query: LayerQuery, lower: float) -> Proposal:
    """Return the bound of a layer of few features by cones of u; lower: a value attained."""
    ar = Rounded()
    net = kernel_layer(query.layer, *query.W.shape)
    form = layer_form(ar, net, ar.load(as_kernel_array(query.W)))
    return proposal(form, query, lower, {"rule": "cones"})


def pair_proposal(query: PolarQuery, lower: float) -> Proposal:
    """Return the bound of a matrix with a short side by cones of that factor."""
    ar, (at, data) = Rounded(), stored_entries(query.W)
    axis = int(at.n <= at.m)
    form = pair_form(
        ar, kernel_pair(at, (query.left, query.right)), ar.load(as_kernel_array(data)), axis
    )
    return proposal(form, query, lower, {"rule": "cones", "axis": axis})


def proposal(
    form: ConeForm, query: PolarQuery | LayerQuery, lower: float, proof: dict[str, Any]
) -> Proposal:
    """Grow a tree in part of the remaining time: its proof takes a third or less of that."""
    begun, aims = monotonic(), (query.target or 0.0, lower)
    most = query.nodes or (UNTIMED if query.deadline is None else MOST)
    late = None if query.deadline is None else begun + SHARE * (query.deadline - begun)
    expired = replace(query, deadline=late).expired
    try:
        grown = grow_codes(Cones(form), aims, expired, most=most)
    except (OverflowError, RejectedError):  # numbers outside the range of floats
        return Proposal(np.inf)
    tree, note = pack_codes(grown.tree()), left_open(grown, monotonic() - begun)
    return Proposal(grown.upper, {**proof, "tree": tree}, open=note)


def left_open(tree: Grown, seconds: float) -> str:
    """Return the part of the cone that is left, and about how long it takes, as a sentence."""
    if not tree.left:
        return ""
    done = 1.0 - tree.left
    rest = f"; {duration(seconds * tree.left / done)} more" if done > LEAST_DONE else ""
    return f"{min(100 * tree.left, 99.9):.3g} % of it in {tree.undecided} cones undecided{rest}"


def duration(seconds: float) -> str:
    """Write a time roughly, in the largest unit that is not too long."""
    for name, unit in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * unit:
            return f"about {seconds / unit:.0f} {name}"
    return f"about {max(seconds, 1.0):.0f} seconds"
