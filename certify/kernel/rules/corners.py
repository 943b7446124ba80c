"""Rule `corners`: all norms but one are linf, so some maximizer is at corners of their cubes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

from ..arithmetic import Arithmetic, H
from ..budget import FRACTION
from ..errors import demand
from ..evidence import Evidence
from ..fields import index
from ..norms import LInf, Norm
from ..scalars import power
from ..spaces import Modes, Pair
from .lines import dual_witness

ENDS = {"*": (1, -1), "+": (1, 0), "-": (-1, 0), "0": (0,)}  # the ends of one coordinate of a cube
Ends = list[tuple[int, ...]]


def corners(ar: Arithmetic[H], space: Pair | Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x1 o ... o xK> <= the largest dual norm in the mode "axis", at a corner.

    For fixed other factors the value is linear in one factor, whose coordinates are in [-1, 1],
    [0, 1], [-1, 0] or {0} by its cone, so it is largest with each coordinate at an end.  So every
    factor but that of the mode "axis" can be a corner.  What remains is a vector, and the supremum
    over the last factor is its dual norm.
    """
    norms, order = space.norms, [*range(len(space.norms))]
    axis = index(proof.fields.get("axis"), len(order), "proof.polar.axis", "axis")
    demand(not space.symmetric, "proof.polar.axis", "axis", axis)
    order.append(order.pop(axis))
    *cubes, last = (norms[k] for k in order)
    wrong = next((n.name for n in cubes if not isinstance(n, LInf)), None)
    demand(wrong is None, "proof.polar.rule", "wrong_rule", wrong)
    ends = ends_of(cubes, ENDS, absorbed=is_free(last))
    count = math.prod(len(x) for cube in ends for x in cube)
    ar.budget.spend(2 * FRACTION * count * (last.size + len(last.edges)), "corners")
    flows, level = dual_witness(last, count, proof)
    (entries, e), best = ar.exact_entries(w, space.at, order), Fraction(0)
    for line, flow in zip(at_corners(ar, entries, ends), flows, strict=True):
        y = [x * power(e) for x in line]
        best = max(best, last.dual_norm(y, [*map(Fraction, flow)], level))
    return best


def ends_of(
    norms: Sequence[Norm], table: Mapping[str, tuple[int, ...]], *, absorbed: bool
) -> list[Ends]:
    """Return the ends, or the signs, of each coordinate of each factor.

    Of x and -x one is enough if another factor can take the sign: one that is not in the list
    (absorbed) or, without it, the first free one.
    """
    out: list[Ends] = []
    for norm in norms:
        ends = [table[norm.sign(i)] for i in range(norm.size)]
        if is_free(norm):
            ends[0] = ends[0][: 2 - absorbed]
            absorbed = True
        out.append(ends)
    return out


def is_free(n: Norm) -> bool:
    """Whether no coordinate has a sign."""
    return all(n.sign(i) == "*" for i in range(n.size))


def at_corners(
    ar: Arithmetic[H], entries: Sequence[int], ends: Sequence[Ends]
) -> Iterator[Sequence[int]]:
    """Yield the contraction of a tensor with each corner; the first cube is the outer loop."""
    if not ends:
        yield entries
        return
    size = len(ends[0])
    width = len(entries) // size
    parts = [entries[i * width : i * width + width] for i in range(size)]
    for corner in product(*ends[0]):
        ar.budget.spend(len(entries), "sums of slices")
        left = [
            sum(c * x for c, x in zip(corner, column, strict=True))
            for column in zip(*parts, strict=True)
        ]
        yield from at_corners(ar, left, ends[1:])
