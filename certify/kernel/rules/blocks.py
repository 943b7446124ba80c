"""Ky Fan's bound on disjoint observed blocks of a matrix or of unfoldings of a tensor."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, filled, is_increasing
from ..errors import demand
from ..evidence import Evidence, Multiple
from ..fields import Json, as_list, as_object
from ..offsets import OFFSETS
from ..patterns import Pattern, strides
from ..scalars import Bound
from ..statement import Question
from .ky_fan import Fan, fan, head, scaled_dual, tail
from .witness import modes_of


def blocks(ar: Arithmetic[H], problem: Question, proof: Evidence, by: Multiple[H] | None) -> Bound:
    """Prove e >= sum over disjoint, fully observed blocks B of w_B/2 |P(C_B - Z_B)P'|^2.

    C = Y - sW.  A block consists of all entries of some rows and columns, and w_B is its least
    weight.  The entries outside cost at least 0, and the infimum of a sum is at least the sum
    of the infima.  On a block the offsets are row and column means, and Z_B, a part of a Z of
    rank <= r, has rank <= r.  So `tail` bounds each block separately.

    For a tensor, a block consists of rows and columns of an unfolding whose rows are indexed by
    its "modes"; every unfolding of Z has rank <= r.

    `weighted_bound` bounds a block with "left<t>".  Beside weights, W must be 0 on other blocks.
    """
    plain = len(problem.at.sizes) == 2 or not problem.offsets
    demand(plain, "statement.offsets", "scope", "a tensor at a fixed size")
    listed, given = as_list(proof.fields["blocks"], "proof.blocks"), proof.given
    sides = [block_sides(problem.at, given, fields, t) for t, fields in enumerate(listed)]
    entries = entries_of(problem.at, sides)
    total = Fraction(0)
    for t, ((rows, cols), places, fields) in enumerate(zip(sides, entries, listed, strict=True)):
        at = Pattern(len(rows), len(cols))
        witness = fan(problem, at, Evidence(fields, given, f"proof.ky_fan{t}", str(t)))
        y = pick_entries(problem.Y, places)
        c = problem.weights and pick_entries(problem.weights, places)
        w = None if by is None else scaled_dual(ar, on_block(ar, by, places), at)
        if f"left{t}" in given.arrays:
            total += weighted_bound(ar, given, t, (witness, y, c, w))
            continue
        moved = by is not None and any(pick_entries(by[0].raw, places).data)
        demand(c is None or not moved, "proof.W", "wrong_rule", "a dual point on plain weights")
        x = without_means(ar, given, witness, y, t)
        x = ar.subtract(x, w) if w is not None and moved else x
        total += Fraction(1 if c is None else min(c.data)) * tail(ar, witness, x) / 2
    return Bound(total, ("blocks",))


def pick_entries(a: Array, places: Sequence[int]) -> Array:
    """Return the entries of a field at these places."""
    return Array((len(places),), array("d", (a.data[k] for k in places)))


def on_block(ar: Arithmetic[H], by: Multiple[H], places: Sequence[int]) -> Multiple[H]:
    """Return a dual point without corrections on some entries."""
    dual, s = by
    raw = pick_entries(dual.raw, places)
    return replace(dual, field=ar.load(raw), raw=raw), s


def weighted_bound(
    ar: Arithmetic[H], given: Arrays, t: int, block: tuple[Fan, Array, Array | None, H | None]
) -> Fraction:
    """Bound a block by smaller weights a_i^2 b_j^2, and by a linear function for the rest.

    With a = "left<t>", b = "right<t>", c' = "rest<t>" > 0, a^2 b^2 + c' <= c, G = "G<t>", any
    v = w + ab G, x = ab z and 1/2 c' (y - z)^2 >= v (y - z) - v^2 / (2c'),

        1/2 c (y - z)^2 + w z >= 1/2 (ab y)^2 + v y - v^2 / (2c') - (ab y + G) x + 1/2 x^2,

    and sum <ab y + G, x> <= K_r(ab y + G) |x|, where the rank of x is at most r plus one for each
    kind of mean.  The block's share of d(w) is in the bound already and is subtracted here.  The
    result is at least 0, because the block's loss minus that share is a square.
    """
    witness, y, c, w = block
    at, size = witness.at, (witness.at.size,)
    a, b = given.positive(f"left{t}", (at.m,)), given.positive(f"right{t}", (at.n,))
    rest, weights = given.positive(f"rest{t}", size), c or filled(size, 1.0)
    square = ar.load(filled(size, 1.0))
    for _ in range(2):
        square = ar.scaled(square, a, b, at)
    room = min(ar.spans(ar.subtract(ar.load(weights), ar.add(square, ar.load(rest))))[0])
    demand(room >= 0, f"proof.rest{t}", "weights", room)
    G, data = ar.load(given.get(f"G{t}", size)), ar.load(y)
    high = ar.scaled(data, a, b, at)
    v = ar.scaled(G, a, b, at)
    v = v if w is None else ar.add(v, w)
    wide = witness._replace(rank=witness.rank + len(witness.kinds), kinds=frozenset())
    bound = ar.squares(high, None).lo / 2 + ar.inner(v, data).lo
    bound -= ar.squares_over(v, rest).hi / 2 + head(ar, wide, ar.add(high, G)) / 2
    if w is not None:
        bound += ar.squares_over(w, weights).lo / 2 - ar.inner(w, data).hi
    return max(bound, Fraction(0))


def block_sides(
    at: Pattern, given: Arrays, fields: Json, t: int
) -> tuple[Sequence[int], Sequence[int]]:
    """Read the rows and columns of a block: rising, inside, at least one.

    The entry of a row and a column is at the sum of the two numbers, row-major.
    """
    where, order = f"proof.blocks[{t}]", len(at.sizes)
    listed = as_object(fields, where).get("modes")
    modes = [0] if order == 2 else modes_of(listed, order, f"{where}.modes")
    others = [k for k in range(order) if k not in modes]
    out = []
    for name, across in ((f"rows{t}", modes), (f"cols{t}", others)):
        size = math.prod(at.sizes[k] for k in across)
        indices = given.get(name, (None,), "q").data
        demand(len(indices) > 0, f"proof.{name}", "shape", "empty")
        demand(indices[0] >= 0 and indices[-1] < size, f"proof.{name}", "outside", size)
        demand(is_increasing(indices), f"proof.{name}", "order", "not increasing")
        out.append([offset_of(i, across, at.sizes) for i in indices])
    return out[0], out[1]


def offset_of(i: int, modes: Sequence[int], sizes: Sequence[int]) -> int:
    """Return the row-major position of an index over some modes that is 0 in the others."""
    steps, at = strides(sizes), 0
    for k in reversed(modes):
        i, j = divmod(i, sizes[k])
        at += j * steps[k]
    return at


def entries_of(
    at: Pattern, sides: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[list[int]]:
    """Return the places of each block's entries in the field; reject unobserved and shared ones."""
    count = sum(len(rows) * len(cols) for rows, cols in sides)
    demand(count <= at.size, "proof.blocks", "unobserved", f"{count} of {at.size} entries")
    wanted = [[i + j for i in rows for j in cols] for rows, cols in sides]
    where = dict.fromkeys((code for block in wanted for code in block), -1)
    demand(len(where) == count, "proof.blocks", "overlap", f"{len(where)} of {count} entries")
    for k, (i, j) in enumerate(at.entries()):
        if i * at.n + j in where:
            where[i * at.n + j] = k
    missing = next((code for code, k in where.items() if k < 0), None)
    entry = None if missing is None else divmod(missing, at.n)
    demand(missing is None, "proof.blocks", "unobserved", entry)
    return [[where[code] for code in block] for block in wanted]


def without_means(ar: Arithmetic[H], given: Arrays, witness: Fan, y: Array, t: int) -> H:
    """Return C = Y_B minus the row and column means of the proof, which the offsets can fit."""
    c, at = ar.load(y), witness.at
    for kind, size in (("row", at.m), ("column", at.n)):
        name = f"mu{t}.{kind}"
        if kind in witness.kinds and name in given.arrays:
            mu = given.get(name, (size,))
            c = ar.subtract(c, ar.outer_sum(OFFSETS[kind]().factors(mu, at) or (mu, mu), at))
    return c
