"""What several rules read from a proof: signs, sides, eigenvalues, the arrays of a part."""

from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays
from ..errors import demand
from ..fields import Json
from ..patterns import Pattern

SIGNS = {"*": (1, -1), "+": (1,), "-": (-1,), "0": ()}


def meets(x: float, a: str, b: str) -> bool:
    """Whether x u v >= 0 for all u in the cone a and v in the cone b, x not 0."""
    if "0" in a + b:
        return True
    return "*" not in a + b and (x > 0) == (a == b)


def gram_side(found: Json, at: Pattern, where: str, *, held: bool) -> int:
    """Return the axis of the Gram matrix: the smaller one, or any whose M the file holds.

    So a few bytes of proof cannot ask for more memory than the question's own size.
    """
    axis, sizes = found.get("axis"), (at.m, at.n)
    demand(type(axis) is int and axis in (0, 1), where, "axis", axis)
    side = int(axis == 1)
    demand(held or sizes[side] == min(sizes), where, "axis", axis)
    return side


def largest_eigenvalue(
    ar: Arithmetic[H], g: H, shift: Fraction, given: Arrays, name: str
) -> Fraction:
    """Return t >= 0 with G <= t I, by a shift and the packed factor `name`, if the proof has one.

    So z^T G z <= t |z|^2: each leaf of each rule multiplies t by a bound of |z|^2.
    """
    k = ar.measure(g).shape[0]
    factor = given.get(name, (k * (k + 1) // 2,)) if name in given.arrays else None
    return max(ar.top(g, shift, factor), Fraction(0))


def apart(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is NAME of slice 3."""
    own: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            own.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in own.items()}
