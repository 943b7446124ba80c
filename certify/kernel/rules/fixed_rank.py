"""Lower bounds of f over all factors of rank <= r: Eckart-Young, on disjoint blocks."""

from array import array
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, filled, squares_exactly
from ..dual import least_loss
from ..errors import demand
from ..fields import Json, part, shift_of
from ..losses.piecewise import Squared
from ..offsets import Offset, offset_values
from ..patterns import Pattern
from ..scalars import Bound, root
from ..spaces import Pair
from ..statement import Point, Question
from ..values import fitted
from .witness import gram_side


class Fan(NamedTuple):
    """A matrix all of whose entries are seen, what is fitted beside Z, and the witness.

    rank   Z, with the covariates' part, has rank <= this
    kinds  "row", "column": the means that are removed
    K, L   G <= t I + K K^T, t from shift and L
    """

    at: Pattern
    rank: int
    kinds: frozenset[str]
    axis: int
    shift: Fraction
    K: Array
    L: Array | None


def fan(asked: Question, at: Pattern, found: Json, given: Arrays, name: str) -> Fan:
    """Read the witness of a matrix; `name` ends the names of its arrays.

    Leaving out penalties and signs lowers the infimum.  An intercept is a row of equal
    column intercepts; k covariates add at most k to the rank.
    """
    where = f"proof.ky_fan{name}"
    axis = gram_side(found, at, f"{where}.axis", held=False)
    size = (at.m, at.n)[axis]
    packed = size * (size + 1) // 2
    factor = given.get(f"L{name}", (packed,)) if f"L{name}" in given.arrays else None
    wide = sum(o.design.shape[1] for o in asked.offsets if o.design is not None)
    means = {"intercept": "column", "row": "row", "column": "column"}
    kinds = frozenset(means[o.kind] for o in asked.offsets if o.design is None)
    shift = shift_of(found, f"{where}.shift")
    held = given.get(f"K{name}", (size, None))
    return Fan(at, asked.rank + wide, kinds, axis, shift, held, factor)


def tail(ar: Arithmetic[H], held: Fan, c: H) -> Fraction:
    """Prove |P(C - Z)P'|^2 >= |PCP'|^2 - r t - |K|^2 for every Z of rank <= r.

    |P(C - Z)P'|^2 >= sum over i > r of sigma_i(PCP')^2 (Eckart-Young), and the sum over
    i <= r of sigma_i(PCP')^2 <= that of lambda_i(G), G = C C^T or C^T C, <= r t + |K|^2 if
    G <= t I + K K^T (Ky Fan).  P and P' remove the means that are fitted.
    """
    g, slack = ar.gram(c, held.axis, held.at)
    t = ar.top(ar.subtract(g, ar.outer(held.K)), held.shift, held.L)
    r = held.rank
    head = r * max(t, Fraction(0)) + squares_exactly(held.K.data)
    spread = 2 * slack * root(max(head, Fraction(0)) * max(r, 1)).hi + r * slack * slack
    return max(centred(ar, held, c) - head - spread, Fraction(0))


def fixed_rank(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Bound f over rank <= r by the rule whose witness the proof has; f >= d(0) without one."""
    held = "blocks" in proof or "K" in given.arrays
    kind = type(asked.loss).__name__
    demand(not held or isinstance(asked.loss, Squared), "statement.loss", "scope", kind)
    matrix = isinstance(asked.pair, Pair)
    demand(not held or matrix, "statement.atom", "scope", "a tensor at a fixed rank")
    if "blocks" in proof:
        return blocks(ar, asked, proof, given)
    if "K" in given.arrays:
        return ky_fan(ar, asked, proof, given)
    return Bound(least_loss(asked), ("trivial",))


def ky_fan(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= 1/2 |P(C - Z)P'|^2, C = Y - (any offsets mu), as `tail` bounds it."""
    at = asked.at
    plain = at.rows is None and asked.weights is None
    demand(plain, "proof.K", "wrong_rule", "masked or weighted")
    c = ar.load(asked.Y)
    if asked.offsets:
        mu = offset_values(given, "mu.", asked.offsets, at)
        flat = Point((filled((at.m, 1), 0.0), filled((at.n, 1), 0.0)), mu)
        c = ar.subtract(c, fitted(ar, asked, flat))
    held = fan(asked, at, part(proof, "ky_fan"), given, "")
    return Bound(tail(ar, held, c) / 2, ("ky_fan",))


def blocks(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= sum over disjoint, fully observed blocks B of w_B/2 |P(Y_B - Z_B)P'|^2.

    A block holds all entries of some rows and columns, and w_B is the least weight in it.
    The entries outside cost at least 0, and the infimum of a sum is at least the sum of
    the infima: on a block the offsets are again row and column means, and Z_B, a part of
    a Z of rank <= r, has rank <= r.  So `tail` bounds each block by itself.
    """
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
        least = min(asked.weights.data[k] for k in at_entry) if asked.weights else 1.0
        total += Fraction(least) * tail(ar, held, c) / 2
    return Bound(total, ("blocks",))


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


def centred(ar: Arithmetic[H], held: Fan, c: H) -> Fraction:
    """Return a lower bound of |PCP'|^2 = |C|^2 - |1^T C|^2/m - |C 1|^2/n + (1^T C 1)^2/mn.

    Only the sums of an offset that is present are removed; the last term needs both.
    """
    at = held.at
    energy = ar.squares(c, None).lo
    sizes = {"column": at.m, "row": at.n}
    for kind in sorted(held.kinds):
        energy -= ar.sums(c, kind, at).hi / sizes[kind]
    if len(held.kinds) == 2:
        energy += ar.sums(c, "intercept", at).lo / (at.m * at.n)
    return energy
