"""Offsets whose A q has a low rank: one number for many entries, and covariates of the rows."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, columns, filled, transposed
from ..evidence import Dual
from ..exact import Exact
from ..fields import Json, index
from ..metered import Metered
from ..patterns import Pattern, split_index
from .base import Offset, ones, price


class Intercept(Offset):
    """(A q)_ij = q; on a block it is a row of equal column means."""

    kind, mean = "intercept", "column"

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return (1,)."""
        del at
        return (1,)

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Return 1 and q."""
        return ones(at.m), filled((at.n, 1), q.data[0])


class Row(Offset):
    """(A q)_ij = q_i."""

    kind, mean, apart = "row", "row", True

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return (m,)."""
        return (at.m,)

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Return q and 1."""
        return Array((at.m, 1), q.data), ones(at.n)


class Column(Offset):
    """(A q)_ij = q_j."""

    kind, mean, apart = "column", "column", True

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return (n,)."""
        return (at.n,)

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Return 1 and q."""
        return ones(at.m), Array((at.n, 1), q.data)


@dataclass(frozen=True)
class Mode(Offset):
    """A q has one number for each index of the mode `axis`."""

    axis: int = 0
    kind = "mode"
    fields = frozenset({"axis", "ridge"})

    @classmethod
    def stated(cls, fields: Json, k: int, arrays: Arrays, at: Pattern) -> Offset:
        """Read the mode and the ridge."""
        del arrays
        axis = index(fields["axis"], len(at.sizes), f"statement.offsets[{k}].axis", "axis")
        return cls(price(fields, k), None, axis)

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the size of the mode."""
        return (at.sizes[self.axis],)

    def columns(self, at: Pattern) -> list[int]:
        """Return the index of each column in the mode `axis` > 0."""
        return [split_index(j, at.sizes[1:], self.axis - 1)[0] for j in range(at.n)]

    def cells(self, at: Pattern) -> tuple[Sequence[int], int]:
        """Return the index of each entry."""
        if self.axis == 0:
            return at.cells("row")
        index = self.columns(at)
        return [index[j] for j in at.cells("column")[0]], at.sizes[self.axis]

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Return q and 1 for the first mode, else 1 and the q of each column."""
        if self.axis == 0:
            return Array((at.m, 1), q.data), ones(at.n)
        wide = array("d", (q.data[i] for i in self.columns(at)))
        return ones(at.m), Array((at.n, 1), wide)


NO_DESIGN = Array((0, 0), ())


@dataclass(frozen=True)
class Linear(Offset):
    """A q = design q for q (k, n)."""

    design: Array = NO_DESIGN
    kind, mean = "linear", ""

    @classmethod
    def stated(cls, fields: Json, k: int, arrays: Arrays, at: Pattern) -> Offset:
        """Read the ridge and the design, A<k>."""
        return cls(price(fields, k), None, arrays.get(f"A{k}", (at.m, None)))

    @property
    def width(self) -> int:
        """The number of covariates."""
        return self.design.shape[1]

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return (k, n)."""
        return (self.width, at.n)

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Return the design and q^T."""
        del at
        return self.design, transposed(q)

    def adjoint(self, ar: Arithmetic[H], at: Pattern, dual: Dual[H]) -> list[Fraction]:
        """Return design^T W, exactly in every arithmetic."""
        exact, out, (cells, n) = Metered(Exact(), ar.budget), list[Fraction](), at.cells("column")
        raw, unit = exact.load(dual.raw), filled((n,), 1.0)
        for column in columns(self.design):
            rows = Array((at.m,), column)
            totals = exact.totals(exact.scaled(raw, rows, unit, at), cells, n)
            for k, c in dual.corrections:
                totals[cells[k]] += Fraction(column[at.entry(k)[0]]) * c
            out += totals
        return out
