"""Degree of theta below phi's, and above: what goes wrong, in rationals.

Below: phi = x^1 o ... o x^K, K = 3 or 4, with weight decay (1/K) sum |x^k|_2^2, of degree 2.
Above: phi = u v^T with |u|_2^2 |v|_2^2, of degree 4: what dropout adds to the loss in expectation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Statement
from ._draw import vectors
from ._exact import Vector, dot, flat, l1, product, scale, total, vector

STATEMENT = Statement(
    title="Degree of theta below or above phi's",
    words="Below (weight decay on three or more factors): the origin is a local minimum whatever "
    "the data, with any number of zero slices, so appending zeros tests nothing. Above: splitting "
    "a slice drives the regularizer to 0, so Omega is 0. Both are out of scope; a product of "
    "norms, or the mean of their K-th powers, is the cure.",
    formula="|x^k| <= m, m^(K-2) |Y|_1 <= lam  =>  f_r(0) <= f_r(x);   "
    "(u, v) -> n^2 slices (u, v) / n keeps sum phi and divides sum |u|^2 |v|^2 by n^2",
    needs={
        "degree below": "with the product of norms, of degree 3, the origin of 1 x 1 x 1 data 4 at "
        "lam = 1 is no local minimum: f falls from 8 along (e, e, e)",
        "degree above": "with |u| |v|, of degree 2, splitting leaves the regularizer as it is",
    },
    gap="Weight decay on three or more layers is what is used in practice, and there no "
    "statement of this theory applies.",
)
BELOW, POOR = "below: f(0) <= f(x) near 0", "below: a point far away is lower"
STAYS, DIVIDED = "above: the sum of phi stays", "above: the regularizer is divided"
Slice = list[Vector]


@dataclass(frozen=True)
class Below:
    """A target slice; its price as a fraction of the fit at 0; near slices; how near."""

    target: Slice
    price: Fraction
    near: list[Slice]
    size: Fraction


@dataclass(frozen=True)
class Above:
    """A slice u v^T, and n: it is split into n^2."""

    u: Vector
    v: Vector
    n: int


@st.composite
def _below(draw: st.DrawFn) -> Below:
    lengths = draw(st.lists(st.integers(1, 2), min_size=3, max_size=4))
    one = st.tuples(*(vectors(n).filter(any) for n in lengths)).map(list)
    price = draw(st.fractions(Fraction(1, 100), Fraction(99, 100)))
    near = draw(st.lists(one, min_size=0, max_size=3))
    return Below(draw(one), price, near, draw(st.fractions(Fraction(1, 1000), 1)))


INSTANCES = st.one_of(
    _below(), st.builds(Above, vectors(2).filter(any), vectors(2).filter(any), st.integers(1, 5))
)


def outer(x: Slice) -> Vector:
    """Return the entries of x^1 o ... o x^K."""
    out = vector(1)
    for factor in x:
        out = [a * b for a in out for b in factor]
    return out


def decay(x: Slice) -> Fraction:
    """Return (1/K) sum |x^k|_2^2."""
    return total(dot(f, f) for f in x) / len(x)


def value(Y: Vector, xs: Sequence[Slice], lam: Fraction) -> Fraction:
    """Return 1/2 |sum phi - Y|^2 + lam sum theta."""
    Z = [total(column) for column in zip([ZERO] * len(Y), *map(outer, xs), strict=True)]
    return total((z - y) ** 2 for z, y in zip(Z, Y, strict=True)) / 2 + lam * total(map(decay, xs))


def sides(i: Below | Above) -> Iterator[Check]:
    """Yield both sides by the definition of f; how near is near enough is the formula's.

    f(x) - f(0) >= sum over slices of lam theta - <Y, phi>, and where g^K = prod |x^k|_2 that is
    at least lam g^2 - |Y|_1 g^K, by AM-GM.
    """
    if isinstance(i, Above):
        yield from _split(i)
        return
    Y = outer(i.target)
    fit = dot(Y, Y) / 2
    lam = i.price * fit / decay(i.target)
    near = min(Fraction(1), lam / l1(Y)) * i.size  # m^(K-2) |Y|_1 <= lam, as K >= 3
    moved = [[scale(near / l1(f), f) for f in x] for x in i.near]  # |f|_2 <= |f|_1
    yield Check(BELOW, fit, "<=", value(Y, moved, lam))
    yield Check(POOR, value(Y, [i.target], lam), "<", fit)


def _split(i: Above) -> Iterator[Check]:
    parts = [scale(Fraction(1, i.n), i.u)] * i.n**2, [scale(Fraction(1, i.n), i.v)] * i.n**2
    whole = product([i.u], [i.v], 2, 2)
    for x, y in zip(flat(product(*parts, 2, 2)), flat(whole), strict=True):
        yield Check(STAYS, x, "==", y)
    price = total(dot(u, u) * dot(v, v) for u, v in zip(*parts, strict=True))
    yield Check(DIVIDED, price, "==", dot(i.u, i.u) * dot(i.v, i.v) / i.n**2)


def fixed() -> Iterator[Check]:
    """Yield a near point and a barely better one, a split, and the counterexamples."""
    far = [vector(2), vector(1, 1), vector(3)]
    below = Below(far, Fraction(1, 2), [far, far], Fraction(1, 10**6))
    yield from sides(below)
    yield from sides(replace(below, price=1 - Fraction(1, 10**7)))
    edge = [[vector(1)] * 3]  # here lam = 1/4 and m = 1/16, and f rises by m^6 / 2 only
    yield from sides(Below([vector(2), vector(1), vector(2)], Fraction(3, 32), edge, Fraction(1)))
    yield from sides(Above(vector(1, 2), vector(-3, 1), 3))
    e, lam, Y = Fraction(1, 10), Fraction(1), Fraction(4)
    yield Check(BELOW, Y**2 / 2, "<=", (e**3 - Y) ** 2 / 2 + lam * e**3, dropped="degree below")
    whole, part = l1(vector(1, 2)) * l1(vector(-3, 1)), l1(vector("1/2", 1)) * l1(vector(-3, 1)) / 2
    yield Check(DIVIDED, 4 * part, "==", whole / 4, dropped="degree above")
