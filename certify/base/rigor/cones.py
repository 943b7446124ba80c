"""Simplicial cones in float64, many at a time: the rule `cones` with a-priori error bounds.

Generators are exact; an inexact sum of two is rejected.  Inside one orthant all generators have the
same sign in each coordinate, so |m| = a |g_i| + b |g_j| for m = a g_i + b g_j.  So the values that
are passed from generator to generator, f . g and A g, have an error of at most gamma_k |f| . |g|
after k roundings.  A point whose computed values have one sign is treated as linear: a true value
of the other sign is no larger than that error.  So in each output t a vertex bound has an error of
at most

    gamma_k |v_t| |g|,   v_t = |A_t| + sum_i |w_it| |f_i|,   k = 8 (points + depth + d + 8),

which is added to it; at a kink k, |f_i - k| counts as |f_i| + |k|.  Every y in floats with
y . g_j >= q_j > 0 gives a bound: max_j c_j / q_j times the dual norm of y.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Ints
from certify.base.cluster import Pool
from certify.kernel.errors import RejectedError
from certify.kernel.norms import L1, L2, Elastic, LInf, Norm, Variation
from certify.kernel.scalars import power
from certify.kernel.simplicial import SWEEPS, ConeForm

from .bounds import Floats, gamma, up
from .paths import variation_norms

NUMBERS = 1 << 17  # numbers of a batch, which fit into a processor's cache
NODES = 100_000  # nodes of a task: about a second
ROUND = 32  # tasks that run at the same time
PART = 32  # the least number of cones at the start of a task
ROOTS = 1 << 22  # numbers of the roots that are made at a time
NEWTON = 30  # the most steps to a level; about six are needed
LOST = 2.0**-500  # more than the root of the largest underflow; the largest datum is near 1
KNOWN = 1 << 18  # dual norms that are kept in memory


@dataclass(frozen=True)
class Batch:
    """B cones: generators G and dual rows R, (d, B, d), and their nodes (B,) in the tree.

    L  (d, B, outputs)  for each generator the linear part on the cone; empty if all is linear
    S  (d, B, K)        f_i . g of the points without a sign, i in `at` (B, K); N + 1 is no point
    C  (d, B)           vertex bounds if all is linear
    """

    G: Floats
    R: Floats
    L: Floats
    S: Floats
    at: Ints
    C: Floats
    node: Ints
    depth: int = 0

    def part(self, which: Ints) -> "Batch":
        """Return some of the cones."""
        G, R, L, S = (x[:, which] for x in (self.G, self.R, self.L, self.S))
        return Batch(G, R, L, S, self.at[which], self.C[:, which], self.node[which], self.depth)

    def raise_slopes(self, c: Floats) -> Floats:
        """Return s >= c, (d, B), that make y = sum s_j r_j shorter, as in the exact rule."""
        s, squares = c.copy(), np.einsum("jbk,jbk->jb", self.R, self.R)
        y = np.einsum("jb,jbk->bk", c, self.R)
        with np.errstate(all="ignore"):
            for _ in range(SWEEPS):
                for j, r in enumerate(self.R):
                    step = np.maximum(-np.einsum("bk,bk->b", r, y) / squares[j], c[j] - s[j])
                    y += step[:, None] * r
                    s[j] += step
        return s


class Cones:
    """The form in floats, scaled so that its largest data are near 1, and its batches."""

    def __init__(self, form: ConeForm) -> None:
        self.form = form
        self.A, a = floats_of(form.linear)
        rows, d = [f for f, _ in form.bent], form.short.size
        both, f = floats_of([*rows, *(form.kinks or [[0] * d])])
        self.F, self.kinks = both[: len(rows)], both[len(rows) :]
        w, b = floats_of([w for _, w in form.bent])
        e = max(a, f + b) if form.bent else a
        self.A = np.ldexp(self.A, a - e) if form.bent else self.A
        w = np.ldexp(w, f + b - e)
        outputs = len(form.linear)
        pull, c = floats_of([form.pull or [0] * outputs])
        self.pull = np.ldexp(pull[0], f + c - e)
        self.w = np.vstack([w.reshape(-1, outputs), np.zeros((1, outputs))])
        self.heights = np.sqrt((self.w * self.w).sum(axis=1))  # |w_i|, for the search
        self.unit = form.unit * power(e)
        self.pairs = form.pairs
        far = np.abs(self.kinks).max(axis=0)
        v = np.abs(self.A) + np.outer(np.abs(self.pull), far)
        if form.bent:
            v = v + np.abs(self.w[:-1]).T @ (np.abs(self.F) + far)
        self.reach = np.sqrt((v * v).sum(axis=1)) * (1 + 2.0**-30)  # |v_t|, from above
        self.known: dict[bytes, float] = {}  # of generators: the dual norm of A g

    def roots(self) -> Iterator[Batch]:
        """Yield batches of the orthants at each kink, numbered in the order of the form's."""
        N, outputs, d = len(self.F), len(self.A), self.form.short.size
        each, start = self.form.number // len(self.kinks), 0
        signs = (s for _, s in self.form.roots())
        while chunk := [*islice(signs, max(1, ROOTS // (d * (N + outputs + 2 * d))))]:
            some, node = np.array(chunk, dtype=float), start + np.arange(len(chunk))
            start += len(chunk)
            kinks, G = self.kinks[node // each], np.einsum("bj,jk->jbk", some, np.eye(d))
            S, L = (np.zeros((d, len(chunk), k)) for k in (N, outputs if N else 0))
            for j in range(d if N else 0):
                S[j] = some[:, [j]] * (self.F[:, j] - kinks[:, [j]])
                L[j] = some[:, [j]] * (self.A[:, j] - self.pull * kinks[:, [j]])
            at = np.broadcast_to(np.arange(N), (len(chunk), N))
            C = np.zeros(G.shape[:2]) if N else np.stack([self.linear_bounds(g, 0) for g in G])
            yield self.drop_fixed_signs(Batch(G, G.copy(), L, S, at, C, node))

    def slack(self, depth: int) -> float:
        """Return an upper bound of gamma_k in the module's docstring."""
        k = 8 * (len(self.w) + depth + self.form.short.size + 8)
        return float(gamma(k)) * (1 + 2.0**-30)

    def linear_bounds(self, g: Floats, depth: int) -> Floats:
        """Return the bounds of |A g| at generators (B, d).

        Many cones share a generator, so an iterative dual norm is computed once for each.  It is at
        most |.|_2, so the error of the floats is added in that norm.
        """
        if not isinstance(self.form.other, Elastic | Variation):
            h = g @ self.A.T
            return self.largest_supports(h, h, g, depth)
        known, keys = self.known, [x.tobytes() for x in g]
        new = {key: k for k, key in enumerate(keys) if key not in known}
        known.update(zip(new, self.norms(g[[*new.values()]]).tolist(), strict=True))
        off = self.off(g, depth)
        out = np.array([known[key] for key in keys]) + dual_norms(L2(off.shape[1]), off)
        if len(known) > KNOWN:
            self.known = {}
        return out

    def norms(self, g: Floats) -> Floats:
        """Bound the dual norms of the computed A g from above, each as if it were alone."""
        h = np.zeros((len(g), len(self.A)))
        for x, column in zip(g.T, self.A.T, strict=True):
            h += np.outer(x, column)
        if isinstance(self.form.other, Variation):
            return variation_norms(self.form.other, h)
        return dual_norms(self.form.other, self.one_sided(h, h, 0.0))

    def off(self, g: Floats, depth: int) -> Floats:
        """Return the error bound of the computed A g in each output."""
        size = np.sqrt((g * g).sum(axis=1)) * (1 + 2.0**-30)
        return np.asarray((self.slack(depth) * size + LOST)[:, None] * self.reach + LOST)

    def one_sided(self, high: Floats, low: Floats, off: Floats | float) -> Floats:
        """Return the largest |y_k| with low - off <= y <= high + off and a sign in the cone."""
        plus, minus = sign_masks(self.form.other)
        return np.asarray(np.maximum(np.maximum((high + off) * plus, (off - low) * minus), 0.0))

    def largest_supports(self, high: Floats, low: Floats, g: Floats, depth: int) -> Floats:
        """Bound the dual norms of vectors between low and high, (B, outputs), with errors for g."""
        p = self.one_sided(high, low, self.off(g, depth))
        return dual_norms(self.form.other, p)

    def lengths(self, g: Floats) -> Floats:
        """Return approximations of |g| for vectors (B, d); none is zero."""
        short = self.form.short
        if isinstance(short, LInf):
            return np.asarray(np.abs(g).max(axis=1))
        if isinstance(short, Elastic):
            a, sizes = float(short.alpha), np.abs(g)
            return np.asarray(a * sizes.sum(axis=1) + (1 - a) * np.sqrt((g * g).sum(axis=1)))
        n = np.sqrt((g * g).sum(axis=1))
        if isinstance(short, Variation):
            heads, tails = np.array(short.edges, dtype=np.int64).reshape(-1, 2).T
            n = n + float(short.rho) * np.abs(g[:, heads] - g[:, tails]).sum(axis=1)
        elif not isinstance(short, L2):
            n = np.array([float(short.lengths(x)[0].hi) for x in g.tolist()])
        return np.where(n > 0, n, 1.0)

    def drop_fixed_signs(self, batch: Batch) -> Batch:
        """Move the points with one sign to the linear part, and drop their columns."""
        S, at = batch.S, batch.at
        if not at.shape[1]:
            return batch
        low, high = S.min(axis=0), S.max(axis=0)
        mixed = (low < 0) & (high > 0)
        active = (low >= 0) & (high > 0)
        L = batch.L.copy()
        for t in range(self.w.shape[1]):
            L[:, :, t] += np.einsum("bk,jbk->jb", np.where(active, self.w[at, t], 0.0), S)
        width = int(mixed.sum(axis=1).max(initial=0))
        order = np.argsort(~mixed, axis=1, kind="stable")[:, :width]
        kept = np.take_along_axis(mixed, order, 1)
        at = np.where(kept, np.take_along_axis(at, order, 1), len(self.w) - 1)
        S = np.stack([np.where(kept, np.take_along_axis(x, order, 1), 0.0) for x in S])
        return replace(batch, L=L, S=S, at=at)

    def vertex_bounds(self, batch: Batch) -> tuple[Floats, Floats]:
        """Return c (d, B), and approximate values of g at the generators."""
        if len(self.w) == 1:
            return batch.C, batch.C
        S, depth, (d, B) = batch.S, batch.depth, batch.G.shape[:2]
        p = np.maximum(S, 0.0)
        rise, size = p.sum(axis=0), np.abs(S).sum(axis=0)
        slope = np.minimum(rise / np.where(size > 0, size, 1.0), 1.0)
        high, low, middle = batch.L.copy(), batch.L.copy(), batch.L.copy()
        for t in range(self.w.shape[1]):
            w = self.w[batch.at, t]
            up_, down = np.maximum(w, 0.0), np.maximum(-w, 0.0)
            a, b = (np.einsum("bk,jbk->jb", x, p) for x in (up_, down))
            high[:, :, t] += a - np.einsum("bk,jbk->jb", down * slope, S)
            low[:, :, t] += np.einsum("bk,jbk->jb", up_ * slope, S) - b
            middle[:, :, t] += a - b
        high, low, middle, g = (x.reshape(d * B, -1) for x in (high, low, middle, batch.G))
        c = self.largest_supports(high, low, g, depth)
        value = self.largest_supports(middle, middle, g, depth)
        return c.reshape(d, B), value.reshape(d, B)

    def bounds(self, batch: Batch) -> tuple[Floats, float]:
        """Return an upper bound of g on each cone, and about the largest value at a generator.

        Both are in units of `unit`.  The bound is the smallest of three, as in the exact rule.
        """
        c, value = self.vertex_bounds(batch)
        n = self.lengths(batch.G.reshape(-1, batch.G.shape[2])).reshape(c.shape)
        best = float((value / n).max(initial=0.0))
        tight = np.maximum(c, c.max(axis=0) * 2.0**-30)
        shapes = tight, n, batch.raise_slopes(tight)
        return np.min([self.bound(batch, c, shape) for shape in shapes], axis=0), best

    def bound(self, batch: Batch, c: Floats, shape: Floats) -> Floats:
        """Return max_j c_j / (y . g_j) times |y|_*, y about the solution of y . g_j = shape_j."""
        y = np.einsum("jb,jbk->bk", shape, batch.R)
        d = y.shape[1]
        with np.errstate(all="ignore"):
            y = y / np.abs(y).max(axis=1)[:, None]
            q = np.einsum("bk,jbk->jb", y, batch.G)
            q -= np.einsum("bk,jbk->jb", np.abs(y), np.abs(batch.G)) * float(gamma(2 * d + 4))
            ratio = np.where(q > LOST, c / q, np.inf).max(axis=0) * (1 + 2.0**-50)
        good = np.isfinite(ratio) & np.isfinite(y).all(axis=1)
        out = np.full(len(y), np.inf)
        out[good] = self.dual(y[good], ratio[good])
        return out

    def dual(self, y: Floats, ratio: Floats) -> Floats:
        """Bound ratio |y|_* of vectors (B, d) from above."""
        short, up_ = self.form.short, 1 + 2.0**-48
        plus, minus = sign_masks(short)
        p = np.maximum(np.maximum(y * plus, -y * minus), 0.0)
        if type(short) in (L1, L2, LInf, Elastic):
            return np.asarray(ratio * dual_norms(short, p) * up_)
        if isinstance(short, Variation):
            return np.asarray(ratio * variation_norms(short, y) * up_)
        pairs = zip(y.tolist(), map(Fraction, ratio.tolist()), strict=True)
        exact = (short.dual_norm([Fraction(v) * r for v in x]) for x, r in pairs)
        return np.array([float_at_least(x) for x in exact])

    def inexact(self, batch: Batch, i: Ints, j: Ints) -> npt.NDArray[np.bool_]:
        """Return whether g_i + g_j has more than 53 bits, for each cone."""
        r = np.arange(len(i))
        gi, gj = batch.G[i, r], batch.G[j, r]
        m = gi + gj
        z = m - gi
        return np.asarray((((gi - (m - z)) + (gj - z)) != 0).any(axis=1))

    def children(self, batch: Batch, i: Ints, j: Ints) -> tuple[Batch, Batch]:
        """Return the cones with m, a multiple of g_i + g_j, in place of g_i, and of g_j."""
        if self.inexact(batch, i, j).any():
            raise RejectedError("rounded", "inexact", "a generator of more than 53 bits")
        r = np.arange(len(i))
        G, R = batch.G, batch.R
        m = G[i, r] + G[j, r]
        scale = unit_powers(m)[:, None]
        m, depth, linear = m * scale, batch.depth + 1, len(self.w) == 1
        new = self.linear_bounds(m, depth) if linear else np.zeros(len(i))
        L, S = ((v[i, r] + v[j, r]) * scale for v in (batch.L, batch.S))
        out = []
        for at, kept in ((i, j), (j, i)):
            copies = {k: getattr(batch, k).copy() for k in "GRLSC"}
            for k, value in (("G", m), ("L", L), ("S", S), ("C", new)):
                copies[k][at, r] = value
            copies["R"][at, r] = R[at, r] / scale
            copies["R"][kept, r] = R[kept, r] - R[at, r]
            out.append(self.drop_fixed_signs(replace(batch, **copies, depth=depth)))
        return out[0], out[1]


def unit_powers(g: Floats) -> Floats:
    """Return the powers of two that scale vectors to a length of about 1."""
    return np.asarray(np.ldexp(1.0, -(np.frexp((g * g).sum(axis=1))[1] // 2)))


def sign_masks(norm: Norm) -> tuple[Floats, Floats]:
    """Return masks of 1 and 0: where a coordinate may be positive, and where negative."""
    signs = [norm.sign(k) for k in range(norm.size)]
    return tuple(np.array([float(s in x) for s in signs]) for x in ("*+", "*-"))  # type: ignore[return-value]


def dual_norms(norm: Norm, p: Floats) -> Floats:
    """Bound the dual norms of vectors p >= 0, (B, k), from above."""
    if isinstance(norm, L1):
        return np.asarray(p.max(axis=1, initial=0.0))
    if isinstance(norm, L2 | LInf):
        k = norm.size
        more = float(up(Fraction(1), 2 * k + 8)) * (1 + 2.0**-50)
        size = p.sum(axis=1) if isinstance(norm, LInf) else np.sqrt((p * p).sum(axis=1))
        return np.asarray(size * more + LOST)
    if isinstance(norm, Elastic):
        return elastic_norms(norm, p)
    even = replace(norm, cone="+")
    return np.array([float_at_least(even.dual_norm([*map(Fraction, x)])) for x in p.tolist()])


def elastic_norms(norm: Elastic, p: Floats) -> Floats:
    """Bound the dual elastic norms of vectors p >= 0, (B, k), by a valid level t, or by |p|_2.

    t is valid if |(p - alpha t)_+|_2 <= (1 - alpha) t.  Newton's steps rise to the least such t.
    It is raised a little and tested with roundings upward on the left and downward on the right:
    p (1 + 2^-50) - alpha t (1 - 2^-50), computed, is at least p - alpha t.
    """
    down, wide = 1 - 2.0**-50, 1 + 2.0**-50
    alpha, rest = (float(np.nextafter(float(x), 0.0)) for x in (norm.alpha, 1 - norm.alpha))
    size = np.sqrt((p * p).sum(axis=1)) * float(up(Fraction(1), 2 * norm.size + 8)) * wide + LOST
    t = p.max(axis=1, initial=0.0)
    for _ in range(NEWTON):
        over = np.maximum(p - alpha * t[:, None], 0.0)
        long = np.sqrt((over * over).sum(axis=1))
        slope = alpha * over.sum(axis=1) + rest * long
        gain = np.maximum(long - rest * t, 0.0) * long
        moves = gain > slope * t * 2.0**-50  # each vector as if it were alone
        t = t + np.where(moves, gain / np.where(slope > 0, slope, 1.0), 0.0)
        if not moves.any():
            break
    t = t * (1 + 2.0**-44)
    over = np.maximum(p * wide - (alpha * t)[:, None] * down, 0.0)
    long = np.sqrt((over * over).sum(axis=1)) * float(up(Fraction(1), 2 * norm.size + 8)) * wide
    return np.asarray(np.where(long + LOST <= rest * t * down, np.minimum(t, size), size))


def float_at_least(x: Fraction) -> float:
    """Return a float at least x."""
    return float(np.nextafter(float(x), np.inf))


def floats_of(rows: Sequence[Sequence[int]]) -> tuple[Floats, int]:
    """Return integers as floats times 2^e, each rounded once and at most about 1, and e."""
    e = max((abs(x).bit_length() for row in rows for x in row), default=0)
    return np.array([[x / (1 << e) for x in row] for row in rows], dtype=float), e


@dataclass(frozen=True)
class Walk:
    """A walk through a tree: its codes, and the second child of each inner node."""

    cones: Cones
    codes: npt.NDArray[np.uint8]
    second: npt.NDArray[np.int32]

    def __call__(self, batch: Batch, most: int) -> tuple[float, list[Batch]]:
        """Return a bound of the leaves below a batch, and the batches left after `most` nodes."""
        best, count, waiting = 0.0, 0, [batch]
        pairs = np.array(self.cones.pairs or [(0, 0)])
        while waiting and count < most:
            batch = take_batches(waiting)
            count += len(batch.node)
            code = self.codes[batch.node]
            ends, open_ = np.flatnonzero(code == 0), np.flatnonzero(code)
            if len(ends):
                best = max(best, float(self.cones.bounds(batch.part(ends))[0].max()))
            if len(open_):
                inner = batch.part(open_)
                first, other = self.cones.children(inner, *pairs[code[open_] - 1].T)
                other = replace(other, node=self.second[inner.node].astype(np.int64))
                waiting += cut_batches(join_batches([replace(first, node=inner.node + 1), other]))
        return best, waiting


def over_batches(form: ConeForm) -> Fraction:
    """Bound g over the tree's leaves, as `certify.kernel.simplicial.over_cones` does, in tasks."""
    second = seconds(form.tree)
    cones, codes = Cones(form._replace(tree=())), np.array(form.tree, dtype=np.uint8)
    best, node, pool = 0.0, 0, Pool(Walk(cones, codes, second.astype(np.int32)))
    for batch in cones.roots():
        nodes = list[int]()
        for _ in batch.node:
            nodes.append(node)
            node = after(form.tree, second, node)
        waiting = cut_batches(replace(batch, node=np.array(nodes)))
        while waiting:
            for bound, rest in pool.map([(b, NODES) for b in take_round(waiting)]):
                best = max(best, bound)
                waiting += rest
    if not np.isfinite(best):
        raise RejectedError("rounded", "overflow", best)
    return Fraction(best) * cones.unit


def seconds(tree: Sequence[int]) -> Ints:
    """Return the second child of each node of a tree in preorder; for a leaf 0."""
    out, ends = np.zeros(len(tree), dtype=np.int64), [0] * len(tree)
    for k in range(len(tree) - 1, -1, -1):
        if tree[k]:
            out[k] = ends[k + 1]
            ends[k] = ends[out[k]]
        else:
            ends[k] = k + 1
    return out


def after(tree: Sequence[int], second: Ints, k: int) -> int:
    """Return the node after the subtree of k."""
    while tree[k]:
        k = int(second[k])
    return k + 1


def cut_batches(batch: Batch) -> list[Batch]:
    """Cut a batch into parts that fit a cache, sorted by the number of points without a sign."""
    B, K = batch.at.shape
    d, _, outputs = batch.L.shape
    count = (batch.S != 0).any(axis=0).sum(axis=1) if K else np.zeros(B, dtype=np.int64)
    order = np.argsort(count, kind="stable")
    out, start = [], 0
    while start < B:
        width = count[order[start:]]
        numbers = (np.arange(len(width)) + 1) * d * (width + 2 * d + outputs + 1)
        stop = start + max(1, int(np.searchsorted(numbers, NUMBERS)))
        which = order[start:stop]
        part = batch.part(which)
        most = int(count[which].max(initial=0))
        out.append(replace(part, S=part.S[:, :, :most], at=part.at[:, :most]))
        start = stop
    return out


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Put batches side by side, their points padded to one width."""
    width = max(b.at.shape[1] for b in batches)

    def padded(x: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        """Pad an array to the common width with zeros: a point with f . g = 0 adds nothing."""
        more = [(0, 0)] * x.ndim
        more[axis] = (0, width - x.shape[axis])
        return np.pad(x, more)

    G, R, L, C = (np.concatenate([getattr(b, k) for b in batches], axis=1) for k in "GRLC")
    S = np.concatenate([padded(b.S, 2) for b in batches], axis=1)
    at = np.concatenate([padded(b.at, 1) for b in batches])
    node = np.concatenate([b.node for b in batches])
    return Batch(G, R, L, S, at, C, node, max(b.depth for b in batches))


def take_batches(waiting: list[Batch]) -> Batch:
    """Take the last batches that together fit a cache, at least one."""
    out, numbers = [waiting.pop()], 0
    while waiting:
        numbers += out[-1].G.size + out[-1].S.size + out[-1].L.size
        if numbers > NUMBERS // 2:
            break
        out.append(waiting.pop())
    return join_batches(out) if len(out) > 1 else out[0]


def take_round(waiting: list[Batch]) -> list[Batch]:
    """Take up to ROUND of the last batches; cut fewer ones into parts of at least PART cones."""
    taken = [take_batches(waiting) for _ in range(ROUND) if waiting]
    out = []
    for batch in taken:
        B = len(batch.node)
        count = min(ROUND // len(taken), max(B // PART, 1))
        out += [batch.part(np.arange(k, B, count)) for k in range(count)]
    return out
