"""Parts of the proof, its JSON with its arrays, and its dual points.  All are only witnesses."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, NamedTuple

from . import zeros
from .arithmetic import Arithmetic, H
from .arrays import Array, Arrays
from .budget import Budget
from .errors import demand
from .fields import Json, as_list, as_object, index, part, rational
from .patterns import Pattern
from .scalars import root

POLAR = "proof.polar"


class Evidence(NamedTuple):
    """The JSON of a part of the proof, and its arrays.

    where  its name in rejections
    mark   the end of the names of its arrays: for a leaf t of a tree they are N<t>, D<t>, ...
    """

    fields: Json
    given: Arrays
    where: str = POLAR
    mark: str = ""

    def part(self, name: str, prefix: str = "") -> "Evidence":
        """Return the object of this name, {} if there is none, with the arrays of a prefix."""
        fields = part(self.fields, name, self.where)
        return Evidence(fields, with_prefix(self.given, prefix), f"{self.where}.{name}")

    def leaf(self, node: Json) -> "Evidence":
        """Return the evidence of a leaf, {"leaf": t, ...}."""
        t, where = node["leaf"], f"{POLAR}.nodes"
        demand(type(t) is int and t >= 0, where, "outside", t)
        return Evidence(node, self.given, where, str(t))

    def each(self, count: int) -> Iterator["Evidence"]:
        """Yield the evidence of each slice, listed in "each"; the arrays of slice 3 are s3.NAME."""
        slices, where = slice_arrays(self.given), f"{POLAR}.each"
        proofs = as_list(self.fields.get("each"), where)
        demand(len(proofs) == count, where, "list", f"{len(proofs)}, not {count}")
        for t, inner in enumerate(proofs):
            arrays = slices.get(t, Arrays({}, "proof"))
            yield Evidence(as_object(inner, f"{where}[{t}]"), arrays)

    def find(self, letter: str, *shape: int) -> Array | None:
        """Return the array named by a letter and the mark, or None if there is none."""
        return self.given.find(f"{letter}{self.mark}", shape)


def slice_arrays(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is the array NAME of slice 3."""
    slices: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            slices.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in slices.items()}


def with_prefix(given: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose names begin with a prefix, without it."""
    mine = {k: a for k, a in given.arrays.items() if k.startswith(prefix)}
    return Arrays({k.removeprefix(prefix): a for k, a in mine.items()}, given.where)


@dataclass(frozen=True)
class Dual(Generic[H]):
    """W = (a float field) + (exact rational corrections at a few entries).

    low   L and R if unlisted entries are observed zeros: W = (a field of the listed) - L R^T
    """

    field: H
    raw: Array
    corrections: tuple[tuple[int, Fraction], ...]
    name: str = "W"
    low: zeros.Pair | None = None

    @property
    def stray(self) -> Fraction:
        """An upper bound of the norm of the corrections."""
        return root(sum((c * c for _, c in self.corrections), Fraction(0))).hi


Multiple = tuple[Dual[H], Fraction]  # W and s, for the dual point s W


def dual_point(ar: Arithmetic[H], at: Pattern, proof: Evidence, name: str) -> Dual[H]:
    """Read W; its corrections are listed as [entry, 'p/q']."""
    given, raw = proof.given, proof.given.get(name, (at.size,))
    where, out = f"proof.{name}.corrections", []
    for item in as_list(proof.fields.get("corrections", []), where):
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        out.append((index(item[0], at.size, where), rational(item[1], where)))
    pay_for_sum([c for _, c in out], ar.budget)
    demand(len({k for k, _ in out}) == len(out), where, "order", "an entry twice")
    low = zeros.low_rank_part(given, name, at) if at.zeros else None
    return Dual(ar.load(raw), raw, tuple(out), name, low)


def pay_for_sum(terms: Sequence[Fraction], budget: Budget) -> None:
    """Charge the work to add fractions: at each step the square of the bits so far."""
    common = 1
    for c in terms:
        common = math.lcm(common, c.denominator)
        bits = common.bit_length() + c.numerator.bit_length()
        budget.spend(bits * bits >> 9, "sums of corrections")
