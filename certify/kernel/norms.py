"""The norms of a factor's column: length, the cost of a diagonal form, the cone of signs.

The dual norms are in `rules.lines`, the costs of other forms in `rules.conic_leaf`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from .arrays import Array, Arrays, absolutes_exactly, squares_exactly
from .errors import RejectedError, demand
from .fields import Json, number, only
from .scalars import Enclosure, exactly, root, summed

PLAIN = ("l1", "l2", "linf")
NORMS = (*PLAIN, "elastic", "group", "variation", "weighted")
CONES = "*+-0"  # of one coordinate: free, >= 0, <= 0, zero


@dataclass(frozen=True)
class Norm:
    """The norm of a factor's column x of length `size`, on a cone of signs.

    l1, l2, linf             sum |x_i|, sqrt(sum x_i^2), max |x_i|
    biased                   l2 of all but the last coordinate (stated by a network only)
    weighted   weights > 0   sqrt(sum w_i x_i^2)
    elastic    0 <= a <= 1   a |x|_1 + (1 - a) |x|_2            (a is `scalar`)
    group      a partition   sum, or largest (`outer`), of the groups' |x_g|_2
    variation  rho, edges    rho sum |x_i - x_j| + |x|_2        (rho is `scalar`)

    `cone` is one of CONES for all coordinates, or one character for each.
    """

    name: str
    size: int
    cone: str = "*"
    scalar: Fraction = Fraction(0)
    outer: str = ""
    data: Any = ()  # weights, group numbers, or edges row-major

    def sign(self, i: int) -> str:
        """Return the cone of one coordinate."""
        return self.cone if len(self.cone) == 1 else self.cone[i]

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield the edges of the graph."""
        return zip(self.data[::2], self.data[1::2], strict=True)

    def groups(self, values: Sequence[Fraction]) -> list[list[Fraction]]:
        """Split the coordinates' values into groups."""
        out: list[list[Fraction]] = [[] for _ in range(max(self.data) + 1)]
        for x, g in zip(values, self.data, strict=True):
            out[g].append(x)
        return out


def plain(key: str, size: int) -> Norm:
    """Return the norm written "l1", "l2" or "linf", with the sign "+" or "-" if it has one."""
    name = key.rstrip("+-")
    demand(name in PLAIN and len(key) - len(name) < 2, "norm", "unknown", repr(key))
    return Norm(name, size, key[len(name) :] or "*")


def norm(atom: Json, side: str, size: int, arrays: Arrays) -> Norm:
    """Read the norm of one side: a key, or an object with its parameters and arrays."""
    stated, where = atom.get(side), f"statement.atom.{side}"
    if isinstance(stated, str):
        try:
            return plain(stated, size)
        except RejectedError as error:
            raise RejectedError(where, error.code, error.value) from None
    demand(isinstance(stated, dict), where, "unknown", repr(stated))
    held = dict(stated or {})
    name = held.get("norm")
    demand(name in NORMS, f"{where}.norm", "unknown", repr(name))
    own = {"elastic": {"alpha"}, "group": {"outer"}, "variation": {"rho"}}.get(str(name), set())
    only(held, {"norm", "cone", *own}, where)
    cone = held.get("cone")
    demand(isinstance(cone, str), f"{where}.cone", "cone", type(cone).__name__)
    cone = str(cone) or "*"
    fits = len(cone) in (1, size) and set(cone) <= set(CONES) and set(cone) != {"0"}
    demand(fits, f"{where}.cone", "cone", f"{cone} for {size} coordinates")
    cone = cone[0] if len(set(cone)) == 1 else cone
    return structured(Norm(str(name), size, cone), held, arrays, side)


def structured(bare: Norm, held: Json, arrays: Arrays, side: str) -> Norm:
    """Add the parameters of a structured norm."""
    where, d = f"statement.atom.{side}", bare.size
    if bare.name == "elastic":
        alpha = number(held.get("alpha"), f"{where}.alpha")
        demand(0 <= alpha <= 1, f"{where}.alpha", "sign", held.get("alpha"))
        return replace(bare, scalar=alpha)
    if bare.name == "weighted":
        weights = arrays.get(f"{side}.weights", (d,)).data
        demand(min(weights) > 0, f"statement.{side}.weights", "sign", min(weights))
        return replace(bare, data=weights)
    if bare.name == "group":
        demand(held.get("outer") in ("l1", "linf"), f"{where}.outer", "unknown", held.get("outer"))
        groups = arrays.get(f"{side}.groups", (d,), "q").data
        inside = min(groups) >= 0 and max(groups) < d
        demand(inside, f"statement.{side}.groups", "outside", (min(groups), max(groups)))
        return replace(bare, outer=held["outer"], data=groups)
    if bare.name == "variation":
        rho = number(held.get("rho"), f"{where}.rho")
        demand(rho >= 0, f"{where}.rho", "sign", held.get("rho"))
        edges = arrays.get(f"{side}.edges", (None, 2), "q").data
        inside = all(0 <= i < d for i in edges)
        demand(inside, f"statement.{side}.edges", "outside", f"{d} vertices")
        return replace(bare, scalar=rho, data=edges)
    return bare


def lengths(n: Norm, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
    """Enclose (|x|, |x|^2); exactly wherever it is rational."""
    if n.name in ("l1", "linf"):
        size = exactly(absolutes_exactly(x) if n.name == "l1" else _largest(x))
        return size, exactly(size.lo * size.lo)
    squared = squares_exactly(x[:-1] if n.name == "biased" else x)
    if n.name in ("l2", "biased"):
        return root(squared), exactly(squared)
    if n.name == "weighted":
        squared = sum(
            (Fraction(w) * Fraction(v) ** 2 for w, v in zip(n.data, x, strict=True)), Fraction(0)
        )
        return root(squared), exactly(squared)
    if n.name == "group":
        parts = [sum((v * v for v in g), Fraction(0)) for g in n.groups([*map(Fraction, x)])]
        if n.outer == "linf":
            return root(max(parts)), exactly(max(parts))
        size = summed(root(p) for p in parts)
    elif n.name == "elastic":
        size = exactly(n.scalar * absolutes_exactly(x)).plus(root(squared).times(1 - n.scalar))
    else:
        jumps = sum((abs(Fraction(x[i]) - Fraction(x[j])) for i, j in n.edges()), Fraction(0))
        size = exactly(n.scalar * jumps).plus(root(squared))
    return size, Enclosure(size.lo**2, size.hi**2)


def _largest(x: Sequence[float]) -> Fraction:
    return max((abs(Fraction(v)) for v in x), default=Fraction(0))


def diagonal_cost(n: Norm, d: Sequence[Fraction]) -> Fraction:
    """Bound sup { sum d_i x_i^2 : |x| <= 1, x in the cone } from above.

    l2, and every norm that is at least the l2 norm: max d_i.  weighted: max d_i / w_i.
    linf: sum d_i^+.  group of largest outer norm: each group has |x_g|_2 <= 1.
    """
    held = [Fraction(0) if n.sign(i) == "0" else max(v, Fraction(0)) for i, v in enumerate(d)]
    if n.name == "weighted":
        held = [v / Fraction(w) for v, w in zip(held, n.data, strict=True)]
    if n.name == "linf":
        return sum(held, Fraction(0))
    if n.name == "group" and n.outer == "linf":
        return sum((max(g) for g in n.groups(held) if g), Fraction(0))
    return max(held)


def widest(n: Norm) -> Fraction:
    """Bound sup |x|_2^2 over the unit ball."""
    if n.name in ("linf", "weighted", "group"):
        return diagonal_cost(n, [Fraction(1)] * n.size)
    return Fraction(1)


def misfit(n: Norm, factor: Array) -> float | None:
    """Return an entry of a factor outside the cone, if there is one."""
    r = factor.shape[1]
    rows = [(n.cone, factor.data)]
    if len(n.cone) > 1:
        rows = [(c, factor.data[i * r : i * r + r]) for i, c in enumerate(n.cone)]
    for cone, row in rows:
        low, high = min(row, default=0.0), max(row, default=0.0)
        if cone in "+0" and low < 0:
            return low
        if cone in "-0" and high > 0:
            return high
    return None
