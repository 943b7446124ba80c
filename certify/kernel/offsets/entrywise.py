"""Offsets with a number for each entry: sparse ones, and those that are smooth along a graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arithmetic import Arithmetic, H, Line
from ..arrays import Array, Arrays, filled, flat_of
from ..errors import demand
from ..evidence import Dual, Evidence
from ..fields import Json
from ..graphs import NO_GRAPH, Graph, components
from ..patterns import Pattern, fill_zeros
from ..scalars import Enclosure, root
from .base import Offset, price


@dataclass(frozen=True)
class Sparse(Offset):
    """A q = q, H(q) = rho |q|_1."""

    rho: Fraction = Fraction(1)
    kind = "sparse"
    fields = frozenset({"rho"})

    @classmethod
    def stated(cls, fields: Json, k: int, arrays: Arrays, at: Pattern) -> Offset:
        """Read rho."""
        del arrays, at
        return cls(rho=price(fields, k, "rho"))

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of a field."""
        return (at.m, at.n) if at.rows is None else (at.size,)

    def penalty(self, ar: Arithmetic[H], q: Array) -> Enclosure:
        """Enclose rho |q|_1."""
        return ar.absolutes(ar.load(q)).times(self.rho)

    def adjoint(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H]) -> list[Fraction]:
        """Return nothing: no sum of W has to be 0."""
        del ar, at, dual
        return []

    def limit(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H]) -> Fraction | None:
        """Return rho / max |W_ij|: inf over q of <W, q> + rho |q|_1 is 0 if |W_ij| <= rho."""
        top = ar.lines(dual.field, Line(0, "max", positive=False, signs=(1,)), at)
        for k, c in dual.corrections:
            top = max(top, abs(Fraction(dual.raw.data[k]) + c))
        return self.rho / top if top else None


@dataclass(frozen=True)
class Smooth(Offset):
    """A takes the observed entries of q (m, n), H(q) = 1/2 <q, K q>, K = rho L + ridge I."""

    rho: Fraction = Fraction(1)
    graph: Graph = NO_GRAPH
    kind = "smooth"
    fields = frozenset({"rho", "ridge"})

    @classmethod
    def stated(cls, fields: Json, k: int, arrays: Arrays, at: Pattern) -> Offset:
        """Read rho, ridge and the graph."""
        rho = price(fields, k, "rho")
        return cls(price(fields, k), None, rho, graph(arrays, k, at.m))

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return (m, n)."""
        return (at.m, at.n)

    def penalty(self, ar: Arithmetic[H], q: Array) -> Enclosure:
        """Enclose 1/2 <q, K q>."""
        bent = ar.laplacian(q, self.graph, self.rho, self.ridge)
        return ar.inner(ar.load(flat_of(q)), bent).times(Fraction(1, 2))

    def cells(self, at: Pattern) -> tuple[Sequence[int], int]:
        """Return the component of each entry's row, in its column: ker K, if ridge is 0."""
        labels, n = self.graph.labels, at.n
        return [labels[i] * n + j for i, j in at.entries()], self.graph.components * n

    def cost(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H], proof: Evidence) -> Fraction:
        """Bound tr(W^T K^+ W) = -2 inf over Q of <W, Q> + 1/2 <Q, K Q>.

        For any Q0 and R = W + K Q0, an expansion at Q0 shows that the infimum is
        <W, Q0> + 1/2 <Q0, K Q0> - 1/2 tr(R^T K^+ R) if R is orthogonal to ker K.  Moreover
        tr(R^T K^+ R) <= |R|^2 / kappa, where kappa is the least positive eigenvalue of K: at least
        ridge or, if ridge = 0, at least rho times the graph's gap.  As 1^T L = 0 on each component,
        R has the sums of W, which are 0 if ridge is 0.  Without a witness Q0 = 0.
        """
        self.checked_adjoint(ar, at, dual, proof.mark)
        shape = (at.m, at.n)
        q = proof.find(f"{dual.name.removesuffix('W')}smooth", *shape) or filled(shape, 0.0)
        flat, w = ar.load(flat_of(q)), ar.load(fill_zeros(dual.raw, at))
        bent = ar.laplacian(q, self.graph, self.rho, self.ridge)
        inner, energy = ar.inner(flat, w).lo, ar.inner(flat, bent).lo
        for entry, c in dual.corrections:
            i, j = at.entry(entry)
            inner += c * Fraction(q.data[i * at.n + j])
        size = root(ar.squares(ar.add(w, bent), None).hi).hi + dual.stray
        kappa = self.ridge or self.rho * (self.graph.gap or 1)  # no edges: R = W = 0
        return size * size / kappa - 2 * inner - energy


def graph(arrays: Arrays, k: int, m: int) -> Graph:
    """Read the graph of a smooth offset: edges between different rows, with weights > 0."""
    edges = arrays.get(f"edges{k}", (None, 2), "q").data
    inside = all(0 <= i < m for i in edges)
    demand(inside, f"{arrays.where}.edges{k}", "outside", f"an end not in 0..{m - 1}")
    pairs = zip(edges[::2], edges[1::2], strict=True)
    loops = [i for i, j in pairs if i == j]
    demand(not loops, f"{arrays.where}.edges{k}", "loop", loops[:1])
    name = f"edges{k}.weights"
    weights = arrays.positive(name, (len(edges) // 2,)).data if name in arrays.arrays else None
    least = Fraction(min(weights, default=1.0)) if weights is not None else Fraction(1)
    labels = components(m, edges)
    sizes = [0] * m
    for c in labels:
        sizes[c] += 1
    longest = max(sizes) - 1
    return Graph(m, edges, weights, labels, 2 * least / longest**2 if longest else None)
