"""Degree of theta below and above that of phi: the failures, in rationals.

Below: phi = x^1 o ... o x^K, K = 3 or 4, with weight decay (1/K) sum |x^k|_2^2, of degree 2.
Above: phi = u v^T with |u|_2^2 |v|_2^2, of degree 4: what dropout adds to the loss in expectation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted
from ._counterpoints import norms as _norms
from ._counterpoints import outer as _outer
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._draw import vectors
from ._exact import Vector, dot, flat, l1, product, scale, total, vector
from ._necessity import NoCounterexampleError
from ._points import Point, degrees, squared

STATEMENT = Statement(
    title="Degree of theta below or above phi's",
    words="If the degree of theta is below that of phi (weight decay on three or more factors), "
    "the origin is a local minimum for any data, with any number of zero slices, so appending "
    "zeros tests nothing. If it is above, splitting a slice drives the regularizer to 0, so Omega "
    "is 0. Both cases are out of scope. A product of norms, or the mean of their K-th powers, has "
    "the right degree.",
    formula="|x^k| <= m, m^(K-2) |Y|_1 <= lam  =>  f_r(0) <= f_r(x);   "
    "(u, v) -> n^2 slices (u, v) / n keeps sum phi and divides sum |u|^2 |v|^2 by n^2",
    needs={
        "degree below": "with the product of norms, of degree 3, the origin of 1 x 1 x 1 data 4 at "
        "lam = 1 is no local minimum: f falls from 8 along (e, e, e)",
        "degree above": "with |u| |v|, of degree 2, splitting leaves the regularizer as it is",
    },
    rests={
        "below: f(0) <= f(x) near 0": ("degree below",),
        "below: a point far away is lower": ("degree below",),
        "above: the sum of phi stays": ("degree above",),
        "above: the regularizer is divided": ("degree above",),
    },
    gap="Weight decay on three or more layers is common in practice, and no statement of this "
    "theory applies to it.",
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


def near(i: Below | Above) -> int:
    """Return the number of near slices; -1 where none are needed."""
    return len(i.near) if isinstance(i, Below) else -1


CASES: dict[str, Case] = {
    **among("factors:", lambda i: len(i.target) if isinstance(i, Below) else 2, (2, 3, 4)),
    **counted("near slice", near),
    "one part": lambda i: isinstance(i, Above) and i.n == 1,
    "several parts": lambda i: isinstance(i, Above) and i.n > 1,
}
_BELOW, _ABOVE = ("factors: 2", "one part", "several parts"), ("factors: 3", "factors: 4")
_NEAR = tuple(counted("near slice", near))
_EQUAL = ("no near slice: strict", "one near slice: equal", "several near slices: equal")
NEVER = {
    BELOW: (*_BELOW, *_EQUAL),
    POOR: _BELOW,
    STAYS: (*_ABOVE, *_NEAR),
    DIVIDED: (*_ABOVE, *_NEAR),
}


def fixed() -> Iterator[Check]:
    """Yield a near point and a barely better one, and a split."""
    far = [vector(2), vector(1, 1), vector(3)]
    below = Below(far, Fraction(1, 2), [far, far], Fraction(1, 10**6))
    yield from sides(below)
    yield from sides(replace(below, price=1 - Fraction(1, 10**7)))
    edge = [[vector(1)] * 3]  # here lam = 1/4 and m = 1/16, and f rises by m^6 / 2 only
    yield from sides(Below([vector(2), vector(1), vector(2)], Fraction(3, 32), edge, Fraction(1)))
    yield from sides(Above(vector(1, 2), vector(-3, 1), 3))


def gaps(p: Point) -> tuple[Fraction, Fraction]:
    """Return the least and the largest degree of theta, less the only one of phi."""
    (degree,) = degrees(p.arity, p.phi)
    of_theta = degrees(p.arity, lambda x: [p.theta(x)])
    return Fraction(min(of_theta) - degree), Fraction(max(of_theta) - degree)


def nearby(p: Point) -> Check:
    """Return f at no slice against f at one, nearer than the formula asks."""
    (x,) = p.X
    if max(map(abs, x)) ** (p.arity - 2) * abs(p.loss.terms[0].b) > p.lam:
        raise NoCounterexampleError("the slice is not near")
    return Check(BELOW, p.value([]), "<=", p.value(p.X))


def split(p: Point) -> Check:
    """Return the price of four slices x / 2 against that of x over four."""
    (x,) = p.X
    return Check(DIVIDED, 4 * p.theta(scale(Fraction(1, 2), x)), "==", p.theta(x) / 4)


HYPOTHESES = {
    "degree below": lambda p: [Check("theta below phi", gaps(p)[1], "<", ZERO)],
    "degree above": lambda p: [Check("theta above phi", ZERO, "<", gaps(p)[0])],
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield prices of phi's own degree: f falls near 0, and splitting changes nothing."""
    near = (Fraction(1, 10),) * 3
    cube = Point(3, _product, _size, squared(4), Fraction(1), (near,))
    yield Counterexample("degree below", cube, nearby)
    whole = tuple(vector(1, 2, -3, 1))
    matrix = Point(4, _outer, _norms, squared(0, 0, 0, 0), Fraction(1), (whole,), size=4)
    yield Counterexample("degree above", matrix, split)
