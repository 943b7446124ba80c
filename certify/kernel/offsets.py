"""Offsets: variables q that are fitted together with the factors, and their penalties."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat

from .arithmetic import Arithmetic, H
from .arrays import Array, Arrays, filled, flat_of, squares_exactly, transposed
from .errors import demand
from .fields import Json, as_list, as_object, index, number
from .graphs import NO_GRAPH, Graph, components
from .patterns import Pattern, split_index
from .scalars import Enclosure, exactly

OFFSETS = ("intercept", "row", "column", "mode", "linear", "sparse", "smooth")


@dataclass(frozen=True)
class Offset:
    """One unfactorized variable q, its linear map A and its penalty H(q).

        H(q) = rho |q|_1                            sparse
               rho/2 <q, L q> + ridge/2 |q|^2       smooth
               ridge/2 sum w q^2                    row or column with weights w > 0
               ridge/2 |q|^2                        otherwise

    A sparse q has one number for each observed entry.  A smooth q is (m, n), and A takes its
    observed entries.  A q of kind mode has one number for each index of the mode `axis`.
    """

    kind: str
    ridge: Fraction
    design: Array | None = None
    rho: Fraction = Fraction(0)
    graph: Graph = NO_GRAPH
    weights: Sequence[float] | None = None
    axis: int = 0

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of q."""
        if self.design is not None:
            return (self.design.shape[1], at.n)
        if self.kind == "smooth" or (self.kind == "sparse" and at.rows is None):
            return (at.m, at.n)
        if self.kind == "mode":
            return (at.sizes[self.axis],)
        sizes = {"intercept": 1, "row": at.m, "column": at.n, "sparse": at.size}
        return (sizes[self.kind],)

    def index(self, j: int, at: Pattern) -> int:
        """Return the index of column j in the mode `axis` > 0."""
        return split_index(j, at.sizes[1:], self.axis - 1)[0]

    def cells(self, at: Pattern) -> tuple[Sequence[int], int]:
        """Return the cell of each observed entry, and the number of cells.

        The cell is the number of q at the entry.  For a smooth q it is the component of the
        entry's row, in its column; for covariates it is the entry's column.
        """
        if self.kind == "smooth":
            labels, n = self.graph.labels, at.n
            return [labels[i] * n + j for i, j in at.entries()], self.graph.components * n
        if self.kind == "mode" and self.axis:
            index = [self.index(j, at) for j in range(at.n)]
            return [index[j] for j in at.cells("column")[0]], at.sizes[self.axis]
        return at.cells({"mode": "row", "linear": "column"}.get(self.kind, self.kind))

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array] | None:
        """Return left and right with A q = left right^T, or None if q is itself a field."""
        if self.design is not None:
            return self.design, transposed(q)
        if self.kind == "row" or (self.kind == "mode" and self.axis == 0):
            return Array((at.m, 1), q.data), filled((at.n, 1), 1.0)
        if self.kind == "mode":
            wide = array("d", (q.data[self.index(j, at)] for j in range(at.n)))
            return filled((at.m, 1), 1.0), Array((at.n, 1), wide)
        if self.kind == "column":
            return filled((at.m, 1), 1.0), Array((at.n, 1), q.data)
        if self.kind == "intercept":
            return filled((at.m, 1), 1.0), filled((at.n, 1), q.data[0])
        return None

    def penalty(self, ar: Arithmetic[H], q: Array) -> Enclosure:
        """Enclose H(q)."""
        if self.kind == "sparse":
            return ar.absolutes(ar.load(q)).times(self.rho)
        if self.kind != "smooth":
            return exactly(self.ridge * self.squares(q) / 2)
        bent = ar.laplacian(q, self.graph, self.rho, self.ridge)
        return ar.inner(ar.load(flat_of(q)), bent).times(Fraction(1, 2))

    def squares(self, q: Array) -> Fraction:
        """Return sum w q^2."""
        if self.weights is None:
            return squares_exactly(q.data)
        pairs = zip(self.weights, q.data, strict=True)
        return sum((Fraction(w) * Fraction(x) ** 2 for w, x in pairs), Fraction(0))

    def cost(self, totals: Sequence[Fraction]) -> Fraction:
        """Return sum t^2 / (ridge w), for ridge > 0."""
        pairs = zip(self.weights or repeat(1), totals, strict=False)
        return sum((t * t / Fraction(w) for w, t in pairs), Fraction(0)) / self.ridge


def offsets(stated: Json, arrays: Arrays, at: Pattern) -> tuple[Offset, ...]:
    """Read the list of offsets."""
    out = []
    demand("offsets" in stated, "statement.offsets", "missing", sorted(stated))
    for k, fields in enumerate(as_list(stated["offsets"], "statement.offsets")):
        where = f"statement.offsets[{k}]"
        o = as_object(fields, where)
        kind = str(o.get("kind"))
        demand(kind in OFFSETS, where, "unknown", kind)
        names = {"sparse": {"rho"}, "smooth": {"rho", "ridge"}}.get(kind, {"ridge"})
        keys = {"kind", "axis"} if kind == "mode" else {"kind"}
        demand(set(o) == {*keys, *names}, where, "fields", sorted(o))
        axis = index(o.get("axis", 0), len(at.sizes), f"{where}.axis", "axis")
        numbers = {name: number(o[name], f"{where}.{name}") for name in sorted(names)}
        rho, ridge = numbers.get("rho", Fraction(0)), numbers.get("ridge", Fraction(0))
        demand(ridge >= 0, f"{where}.ridge", "sign", o.get("ridge"))
        demand(rho > 0 or "rho" not in names, f"{where}.rho", "sign", o.get("rho"))
        design = arrays.get(f"A{k}", (at.m, None)) if kind == "linear" else None
        edges = graph(arrays, k, at.m) if kind == "smooth" else NO_GRAPH
        weights = ridge_weights(arrays, k, kind, at)
        out.append(Offset(kind, ridge, design, rho, edges, weights, axis))
    return tuple(out)


def ridge_weights(arrays: Arrays, k: int, kind: str, at: Pattern) -> Sequence[float] | None:
    """Read the weights of a row's or column's ridge, if it has any."""
    name = f"ridge{k}"
    if kind not in ("row", "column") or name not in arrays.arrays:
        return None
    weights: Sequence[float] = arrays.positive(name, (at.m if kind == "row" else at.n,)).data
    return weights


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


def offset_values(
    arrays: Arrays, prefix: str, kinds: Sequence[Offset], at: Pattern
) -> tuple[Array, ...]:
    """Read one array per offset."""
    named = enumerate(kinds)
    return tuple(arrays.get(f"{prefix}q{k}", o.shape(at)) for k, o in named)
