"""Ky Fan's bound on disjoint blocks of rows and columns, all of whose entries are observed."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays
from ..dual import Dual
from ..errors import demand
from ..fields import Json
from ..offsets import Offset
from ..patterns import Pattern
from ..statement import Question
from .ky_fan import Excess, Fan, fan, shrunk, tail


def blocks(
    ar: Arithmetic[H],
    asked: Question,
    proof: Json,
    given: Arrays,
    by: tuple[Dual[H], Fraction] | None,
) -> Excess:
    """Prove e >= sum over disjoint, fully observed blocks B of w_B/2 |P(C_B - Z_B)P'|^2.

    C = Y - sW (W = 0 where there are weights).  A block holds all entries of some rows and
    columns, and w_B is the least weight in it.  The entries outside cost at least 0, and the
    infimum of a sum is at least the sum of the infima: on a block the offsets are again row
    and column means, and Z_B, a part of a Z of rank <= r, has rank <= r.  So `tail` bounds
    each block by itself.
    """
    demand(len(asked.at.sizes) == 2, "statement.atom", "scope", "blocks of a tensor")
    weighted = asked.weights is not None and by is not None
    demand(not weighted, "proof.W", "wrong_rule", "a dual point and blocks with weights")
    listed = proof["blocks"]
    demand(isinstance(listed, list), "proof.blocks", "list", type(listed).__name__)
    sides = [block_sides(asked.at, given, t) for t in range(len(listed))]
    entries = entries_of(asked.at, sides)
    total = Fraction(0)
    for t, ((rows, cols), at_entry, found) in enumerate(zip(sides, entries, listed, strict=True)):
        demand(isinstance(found, dict), f"proof.blocks[{t}]", "json", type(found).__name__)
        at = Pattern(len(rows), len(cols))
        held = fan(asked, at, found, given, str(t))
        y = Array((at.size,), array("d", (asked.Y.data[k] for k in at_entry)))
        c = without_means(ar, given, held, y, t)
        if by is not None:
            w = Array((at.size,), array("d", (by[0].raw.data[k] for k in at_entry)))
            c = ar.subtract(c, shrunk(ar, (replace(by[0], field=ar.load(w)), by[1]), at))
        least = min(asked.weights.data[k] for k in at_entry) if asked.weights else 1.0
        total += Fraction(least) * tail(ar, held, c) / 2
    return Excess(total, "blocks")


def block_sides(at: Pattern, given: Arrays, t: int) -> tuple[Sequence[int], Sequence[int]]:
    """Read the rows and columns of a block: rising, inside, at least one."""
    out = []
    for name, size in ((f"rows{t}", at.m), (f"cols{t}", at.n)):
        found = given.get(name, (None,), "q").data
        demand(len(found) > 0, f"proof.{name}", "shape", "empty")
        demand(found[0] >= 0 and found[-1] < size, f"proof.{name}", "outside", size)
        rising = all(a < b for a, b in pairwise(found))
        demand(rising, f"proof.{name}", "order", "not rising")
        out.append(found)
    return out[0], out[1]


def entries_of(
    at: Pattern, sides: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[list[int]]:
    """Return where each block's entries are in the field: all observed, none in two blocks."""
    count = sum(len(rows) * len(cols) for rows, cols in sides)
    demand(count <= at.size, "proof.blocks", "unobserved", f"{count} of {at.size} entries")
    wanted = [[i * at.n + j for i in rows for j in cols] for rows, cols in sides]
    where = dict.fromkeys((code for block in wanted for code in block), -1)
    demand(len(where) == count, "proof.blocks", "overlap", f"{len(where)} of {count} entries")
    for k, (i, j) in enumerate(at.entries()):
        if i * at.n + j in where:
            where[i * at.n + j] = k
    missing = next((code for code, k in where.items() if k < 0), None)
    told = None if missing is None else divmod(missing, at.n)
    demand(missing is None, "proof.blocks", "unobserved", told)
    return [[where[code] for code in block] for block in wanted]


def without_means(ar: Arithmetic[H], given: Arrays, held: Fan, y: Array, t: int) -> H:
    """Return C = Y_B minus any row and column means that the offsets may fit."""
    c, at = ar.load(y), held.at
    for kind, size in (("row", at.m), ("column", at.n)):
        name = f"mu{t}.{kind}"
        if kind in held.kinds and name in given.arrays:
            o, mu = Offset(kind, Fraction(0)), given.get(name, (size,))
            left, right = o.factors(mu, at) or (mu, mu)
            c = ar.subtract(c, ar.product(left, right, at))
    return c
