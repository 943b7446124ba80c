"""Evaluate <W, phi(x)> and theta(x) of a slice as exactly as possible.

Atoms that the kernel knows are evaluated in its exact integers, others in rationals if their phi
and theta return Fractions for arrays of Fractions, else in floats with an allowance for rounding.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from certify.atoms import Atom, Factors, Slice
from certify.base.arrays import Array, as_dense
from certify.kernel import arrays as kernel_arrays
from certify.kernel.arrays import Arrays
from certify.kernel.exact import Exact
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import Enclosure, exactly, power
from certify.kernel.statement import stated_atom
from certify.kernel.values import model, theta
from certify.polar.proved import as_kernel_array

from ._contract import EPS

KERNEL, RATIONAL, FLOATS = "exactly, by the kernel", "exactly, in rationals", "floats"
ROUNDED = "in floats, slack from the count of operations"
ENTRY = 64  # roundings allowed in an entry of phi, theta or a loss, besides those of its sums


def rationals(x: Any) -> list[Fraction]:  # noqa: ANN401  an array
    """Return the entries as rationals, exactly."""
    return [Fraction(v) for v in np.asarray(x).reshape(-1).tolist()]


def column(X: Factors, k: int = 0) -> Slice:
    """Return one slice of factors."""
    return tuple(x[..., k] for x in X)


def single(x: Slice) -> Factors:
    """Return a slice as factors of size 1."""
    return tuple(np.asarray(part)[..., None] for part in x)


def operations(*arrays: Array) -> int:
    """Return the number of roundings allowed in an entry: 4 for each number, and ENTRY."""
    return ENTRY + 4 * sum(np.size(a) for a in arrays)


def spread(atom: Atom, x: Slice) -> float:
    """Return the largest |phi| at x and at x with other signs, the size of the terms of phi."""
    tries = [x, *(tuple(s * np.abs(p) for p in x) for s in (1.0, -1.0))]
    slices = [column(atom.project(single(t))) for t in tries]
    return max(float(np.abs(atom.phi(t)).max(initial=0.0)) for t in (x, *slices))


def atom_statement(atom: Atom, shape: tuple[int, ...]) -> Any | None:  # noqa: ANN401  the kernel's question
    """Return the kernel's form of an atom, or None if it does not know the atom."""
    statement = atom.statement()
    if not statement:
        return None
    at = Pattern(shape[0], prod(shape[1:]), dims=shape)
    given = Arrays({k: as_kernel_array(a) for k, a in atom.arrays().items()}, "statement")
    space = stated_atom(statement, given, at)
    return SimpleNamespace(space=space, at=at, form=statement.get("form", "product"))


@dataclass(frozen=True)
class Scale:
    """Evaluates slices of an atom for data of one shape; how: the arithmetic."""

    atom: Atom
    asked: Any
    how: str

    @property
    def words(self) -> str:
        """How clauses are decided, in the words of the report."""
        return ROUNDED if self.how == FLOATS else self.how

    def field(self, x: Slice) -> list[Enclosure]:
        """Return enclosures of the entries of phi(x)."""
        if self.how == KERNEL:
            arithmetic = Exact()
            spans = arithmetic.spans(model(arithmetic, self.asked.space, self.columns(x)))
            unit = power(spans[2])
            return [Enclosure(a * unit, b * unit) for a, b in zip(*spans[:2], strict=True)]
        if self.how == RATIONAL:
            return [exactly(Fraction(v)) for v in in_rationals(self.atom.phi(as_fractions(x)))]
        slack = Fraction(operations(*x) * EPS * spread(self.atom, x))
        return [Enclosure(v - slack, v + slack) for v in rationals(self.atom.phi(x))]

    def inner_product(self, W: Any, x: Slice) -> Enclosure:  # noqa: ANN401  an array or scipy.sparse
        """Return an enclosure of <W, phi(x)>."""
        pairs = zip(rationals(as_dense(W)), self.field(x), strict=True)
        ends = [(w * e.lo, w * e.hi) if w >= 0 else (w * e.hi, w * e.lo) for w, e in pairs]
        return Enclosure(*(sum(side, Fraction(0)) for side in zip(*ends, strict=True)))

    def price(self, x: Slice) -> Enclosure:
        """Return an enclosure of theta(x)."""
        if self.how == KERNEL:
            flat = [list(part.data) for part in self.columns(x)]
            return theta(self.asked, flat)
        if self.how == RATIONAL:
            return exactly(in_rationals(self.atom.theta(single(as_fractions(x))))[0])
        value = Fraction(float(self.atom.theta(single(x))[0]))
        slack = abs(value) * Fraction(operations(*x) * EPS)
        return Enclosure(value - slack, value + slack)

    def columns(self, x: Slice) -> tuple[kernel_arrays.Array, ...]:
        """Return the slice as the kernel's factors of size 1, one for each of its norms."""
        count = len(self.asked.space.norms) if len(x) == 1 else 1
        return tuple(
            as_kernel_array(np.asarray(p, dtype=np.float64).reshape(-1, 1)) for p in x * count
        )


def scale_of(atom: Atom, shape: tuple[int, ...]) -> Scale:
    """Return the most exact arithmetic that the atom allows."""
    question = atom_statement(atom, shape)
    if question is not None:
        return Scale(atom, question, KERNEL)
    exact = Scale(atom, None, RATIONAL)
    for size in (1.0, -1.0, 0.0):
        x = column(atom.project(single(tuple(np.full(s, size) for s in atom.shapes(shape)))))
        try:
            exact.field(x)
            exact.price(x)
        except (TypeError, ValueError, AttributeError):  # it is for floats
            return replace(exact, how=FLOATS)
    return exact


def as_fractions(x: Slice) -> Any:  # noqa: ANN401  arrays of Fractions
    """Return a slice as arrays of Fractions."""
    parts = [np.array([*rationals(part), None], dtype=object)[:-1] for part in x]
    return tuple(h.reshape(np.shape(part)) for h, part in zip(parts, x, strict=True))


def in_rationals(entries: Any) -> list[Fraction]:  # noqa: ANN401  an array
    """Return entries that were computed in rationals; raise TypeError if one is a float."""
    values: Iterable[Any] = np.asarray(entries, dtype=object).reshape(-1).tolist()
    out = []
    for v in values:
        if not isinstance(v, Fraction | int):
            raise TypeError(f"{type(v).__name__} is not exact")
        out.append(Fraction(v))
    return out
