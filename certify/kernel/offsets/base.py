"""The base class of offsets: maps, penalties, and what an infimum over q costs a dual point."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import repeat
from typing import ClassVar

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, filled, squares_exactly
from ..errors import demand, shown
from ..evidence import Dual, Evidence
from ..fields import Json, number
from ..patterns import Pattern
from ..scalars import Enclosure, exactly


@dataclass(frozen=True)
class Offset(ABC):
    """One unfactorized variable q, its linear map A and its penalty H(q) = ridge/2 sum w q^2.

    The defaults are those of a q with one number for each cell of observed entries: A q is the
    number of the entry's cell, A* W has the sums of W over the cells.

    fields   the names of its parameters in the statement
    apart    whether its ridge may have weights w, from the array ridge<k>
    mean     at a fixed size: the means of a block that A q fits, "row" or "column"; "" if A q
             adds `width` to the rank; None if no bound is known
    """

    ridge: Fraction = Fraction(0)
    weights: Sequence[float] | None = None
    kind: ClassVar[str]
    fields: ClassVar[frozenset[str]] = frozenset({"ridge"})
    apart: ClassVar[bool] = False
    mean: ClassVar[str | None] = None

    @classmethod
    def stated(cls, fields: Json, k: int, arrays: Arrays, at: Pattern) -> "Offset":
        """Read the parameters of the k-th offset."""
        o, name = cls(price(fields, k)), f"ridge{k}"
        if not cls.apart or name not in arrays.arrays:
            return o
        return replace(o, weights=arrays.positive(name, o.shape(at)).data)

    @property
    def width(self) -> int:
        """The number of columns of `factors`."""
        return 1

    @abstractmethod
    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of q."""

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array] | None:
        """Return left and right with A q = left right^T, or None if q is itself a field."""
        del q, at
        return None

    def penalty(self, ar: Arithmetic[H], q: Array) -> Enclosure:
        """Enclose H(q)."""
        del ar
        return exactly(self.ridge * self.squares(q) / 2)

    def squares(self, q: Array) -> Fraction:
        """Return sum w q^2."""
        if self.weights is None:
            return squares_exactly(q.data)
        pairs = zip(self.weights, q.data, strict=True)
        return sum((Fraction(w) * Fraction(x) ** 2 for w, x in pairs), Fraction(0))

    def cells(self, at: Pattern) -> tuple[Sequence[int], int]:
        """Return the cell of each observed entry, and the number of cells."""
        return at.cells(self.kind)

    def adjoint(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H]) -> list[Fraction]:
        """Return the sums of W, with its corrections, that are 0 if q has no ridge: A* W."""
        cells, count = self.cells(at)
        totals = ar.totals(dual.field, cells, count)
        for k, c in dual.corrections:
            totals[cells[k]] += c
        return totals

    def cost(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H], proof: Evidence) -> Fraction:
        """Return an upper bound of -2 inf over q of <W, A q> + H(q): sum (A* W)^2 / (ridge w)."""
        totals = self.checked_adjoint(ar, at, dual, proof.mark)
        return self.over_ridge(totals) if self.ridge > 0 else Fraction(0)

    def checked_adjoint(
        self, ar: Arithmetic[H], at: Pattern, dual: Dual[H], k: str
    ) -> list[Fraction]:
        """Return A* W.  With ridge 0 it must be exactly 0, or the infimum over q is -inf."""
        totals = self.adjoint(ar, at, dual)
        wrong = next((t for t in totals if t), None) if self.ridge == 0 else None
        seen = f"offset {k}: {wrong and shown(wrong)}"
        demand(wrong is None, f"proof.{dual.name}", "orthogonal", seen)
        return totals

    def over_ridge(self, totals: Sequence[Fraction]) -> Fraction:
        """Return sum t^2 / (ridge w), for ridge > 0."""
        pairs = zip(self.weights or repeat(1), totals, strict=False)
        return sum((t * t / Fraction(w) for w, t in pairs), Fraction(0)) / self.ridge

    def limit(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H]) -> Fraction | None:
        """Return the largest s with inf over q of <s W, A q> + H(q) finite, or None if all are."""
        del ar, at, dual
        return None


def price(fields: Json, k: int, name: str = "ridge") -> Fraction:
    """Read a number > 0 of the k-th offset; a ridge may be 0."""
    where = f"statement.offsets[{k}].{name}"
    value = number(fields[name], where)
    demand(value > 0 or (value == 0 and name == "ridge"), where, "sign", fields[name])
    return value


def ones(n: int) -> Array:
    """Return a column of ones."""
    return filled((n, 1), 1.0)
