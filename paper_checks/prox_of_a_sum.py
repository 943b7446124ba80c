"""The prox of b |x|_2 + a |x|_1, also with x >= 0, in two steps.

y is drawn from its soft-thresholded vector w, whose entries have a rational l2 norm: 3, 4 has 5.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import isqrt

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import positives
from ._exact import Vector, dot, l1, scale, sign_of, total, vector
from ._necessity import NoCounterexampleError
from ._told import told_of

STATEMENT = Statement(
    title="The prox of a sum in two steps",
    words="Let g = a |x|_1, or a |x|_1 for x >= 0 only. The prox of g + b |x|_2 is the prox of g, "
    "then that of b |x|_2: the second step only shrinks the vector, and g has the same "
    "subgradients at all positive multiples of a vector. So a factor with a group norm and sparse "
    "entries costs no more than two closed forms, and the result is the exact minimizer.",
    formula="P(x) = |x - y|^2 / 2 + g(x) + b |x|_2, z = prox_{b |.|_2}(prox_g(y))  =>  P(z) + "
    "|x - z|^2 / 2 <= P(x);   z != 0  =>  y - z - b z / |z|_2 in the subdifferential of g at z",
    needs={
        "g first": "y = (4, 3), a = 3, b = 1: the other order ends at (1/5, 0), where P is 12.52, "
        "and P(0) = 12.5",
        "l2 norm outside": "y = (3, 0), a = b = 1 with |x|_1 and the l1 norm of x turned by the "
        "angle of (3, 4): the second step ends at (0.6, -0.2), where P is 4.5, and P(0.6, 0) = "
        "4.32",
        "degree 1 inside": "y = 4, b = 1, g = x^2 / 2: the two steps end at 1, where P is 6, and "
        "P(3/2) = 5.75",
        "a cone": "y = 3, b = 1, g = 0 for x <= 1 only: the steps end at 0, where P is 4.5, and "
        "P(1) = 3",
    },
    gap="The proof uses of g only that it is convex, of degree 1, and defined on a cone. It says "
    "nothing of the prox of g, which is a closed form for |x|_1 and not for most norms.",
)
LEAST = "P(z) + |x - z|^2 / 2 <= P(x)"
REACHED = "P(z) is the dual bound at the clipped y"
BORDER = "no entry of y - z - b z / |z| is above a"
PAIRED = "<y - z, z> = a |z|_1 + b |z|_2"
SHRUNK = "z = 0: the thresholded y is no longer than b"
LENGTHS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((1,), (0,)),
    2: ((3, 4), (1, 0), (5, 12), (0, 0)),
    3: ((1, 2, 2), (2, 3, 6), (3, 4, 0), (1, 0, 0), (0, 0, 0)),
}


@dataclass(frozen=True)
class Instance:
    """y, a, b, whether x >= 0, and another x."""

    y: Vector
    a: Fraction
    b: Fraction
    positive: bool
    x: Vector


@st.composite
def _pythagorean(draw: st.DrawFn, n: int, *, positive: bool) -> Vector:
    """Draw a vector whose l2 norm is rational."""
    sizes = draw(st.sampled_from(LENGTHS[n]).flatmap(st.permutations))
    signs = [1 if positive else draw(st.sampled_from((1, -1))) for _ in sizes]
    g = draw(positives())
    return [g * s * k for s, k in zip(signs, sizes, strict=True)]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw y that is thresholded to w; b is below |w|_2, equal to it, or above."""
    n, positive, a = draw(st.integers(1, 3)), draw(st.booleans()), draw(positives(4))
    w = draw(_pythagorean(n, positive=positive))
    inside = [Fraction(k, 3) for k in (range(-9, 4) if positive else range(-3, 4))]
    y = [e + a * sign_of(e) if e else a * draw(st.sampled_from(inside)) for e in w]
    b = draw(st.sampled_from(vector(1, "1/2", 2, 3))) * (norm(w) or Fraction(1))
    z = composed(y, a, b, positive=positive)
    near = [z, scale(Fraction(2), z), [ZERO] * n]
    x = draw(st.one_of(st.sampled_from(near), _pythagorean(n, positive=positive)))
    return Instance(y, a, b, positive, x)


INSTANCES = _instances()


def norm(x: Vector) -> Fraction:
    """Return |x|_2; ValueError if it is irrational."""
    square = dot(x, x)
    root = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    if root * root != square:
        raise ValueError(f"the norm of {x} is irrational")
    return root


def threshold(y: Vector, a: Fraction, *, positive: bool = False) -> Vector:
    """Return the prox of a |x|_1, or of a |x|_1 for x >= 0."""
    return [max(ZERO, e - a) if positive else sign_of(e) * max(ZERO, abs(e) - a) for e in y]


def shrink(w: Vector, b: Fraction) -> Vector:
    """Return the prox of b |x|_2."""
    size = norm(w)
    return scale(1 - b / size if size > b else ZERO, w)


def composed(y: Vector, a: Fraction, b: Fraction, *, positive: bool) -> Vector:
    """Return the prox of g, then that of b |x|_2."""
    return shrink(threshold(y, a, positive=positive), b)


def distance(x: Vector, y: Vector) -> Fraction:
    """Return |x - y|^2 / 2."""
    return total((p - q) ** 2 for p, q in zip(x, y, strict=True)) / 2


def sides(i: Instance) -> Iterator[Check]:
    """Yield P at the composed prox, against P elsewhere, the dual bound, and the inclusion."""
    z = composed(i.y, i.a, i.b, positive=i.positive)
    here, there = (distance(x, i.y) + i.a * l1(x) + i.b * norm(x) for x in (z, i.x))
    yield Check(LEAST, here + distance(i.x, z), "<=", there)
    s = dual(i)
    yield Check(REACHED, here, "==", dot(s, i.y) - dot(s, s) / 2)
    rest = [p - q for p, q in zip(i.y, z, strict=True)]
    yield Check(PAIRED, dot(rest, z), "==", i.a * l1(z) + i.b * norm(z))
    if any(z):
        size = norm(z)
        for r, e in zip(rest, z, strict=True):
            slope = r - i.b * e / size
            yield Check(BORDER, slope if i.positive else abs(slope), "<=", i.a)
    else:
        yield Check(SHRUNK, norm(threshold(i.y, i.a, positive=i.positive)), "<=", i.b)


def dual(i: Instance) -> Vector:
    """Return y clipped to the subgradients of g, plus the rest scaled into the ball of b.

    Every s = p + q with p <= a (|p| <= a without x >= 0) and |q|_2 <= b gives P(x) >=
    <s, y> - |s|^2 / 2.
    """
    p = [min(i.a, e if i.positive else max(-i.a, e)) for e in i.y]
    q = [e - c for e, c in zip(i.y, p, strict=True)]
    part = i.b / max(norm(q), i.b)
    return [c + part * e for c, e in zip(p, q, strict=True)]


CASES: dict[str, Case] = {
    **among("length", lambda i: len(i.y), (1, 2, 3)),
    "x >= 0": lambda i: i.positive,
    "free signs": lambda i: not i.positive,
    "z = 0": lambda i: not any(composed(i.y, i.a, i.b, positive=i.positive)),
    "z != 0": lambda i: any(composed(i.y, i.a, i.b, positive=i.positive)),
}
NEVER: dict[str, tuple[str, ...]] = {
    BORDER: ("z = 0", "length 1: strict"),
    SHRUNK: ("z != 0",),
}


def fixed() -> Iterator[Check]:
    """Yield a vector of length 5 that is shrunk by half, and one that just becomes 0."""
    half = Instance(vector(4, 5), Fraction(1), Fraction(5, 2), positive=False, x=vector("3/2", 2))
    yield from sides(half)
    yield from sides(replace(half, x=vector(3, 4)))
    yield from sides(replace(half, b=Fraction(5), x=vector(0, 0)))
    free = Instance(vector(4, 5, -7), Fraction(1), Fraction(5, 2), positive=True, x=vector(0, 0, 0))
    yield from sides(free)


@dataclass(frozen=True)
class Steps:
    """y, x, and b; g = a |x|_1 + c |x|_2^2 / 2 for x <= cap; `turned`: the norm outside is turned.

    z is where two steps end, g's first or the other.
    """

    y: Vector
    z: Vector
    x: Vector
    a: Fraction = ZERO
    b: Fraction = Fraction(1)
    c: Fraction = ZERO
    cap: Fraction | None = None
    turned: bool = False

    def inner(self, y: Vector) -> Vector:
        """Return the prox of g; with a cap, of one entry."""
        w = scale(1 / (1 + self.c), threshold(y, self.a))
        return w if self.cap is None else [min(e, self.cap) for e in w]

    def outer(self, w: Vector) -> Vector:
        """Return the prox of the norm outside."""
        if not self.turned:
            return shrink(w, self.b)
        return turn(threshold(turn(w, 1), self.b), -1)

    def price(self, x: Vector) -> Fraction:
        """Return the norm outside."""
        return l1(turn(x, 1)) if self.turned else norm(x)

    def g(self, x: Vector) -> Fraction:
        """Return g where it is finite."""
        if self.cap is not None and max(x) > self.cap:
            raise NoCounterexampleError("g is infinite there")
        return self.a * l1(x) + self.c * dot(x, x) / 2

    def order(self) -> Iterator[Check]:
        """Yield that z is where g's step, then the norm's, end."""
        for e, there in zip(self.z, self.outer(self.inner(self.y)), strict=True):
            yield Check("z", e, "==", there)

    def euclidean(self) -> Iterator[Check]:
        """Yield that the norm outside is |x|_2 on vectors of one or two entries, all axes of it."""
        axes = (vector(1), vector(2)) if len(self.y) == 1 else (vector(3, 4), vector(1, 0))
        for x in axes:
            yield Check("the norm outside", self.price(x), "==", norm(x))

    def homogeneous(self) -> Iterator[Check]:
        """Yield g(2 x) = 2 g(x) apart from the cap, at x."""
        free = replace(self, cap=None)
        yield Check("g(2 x)", free.g(scale(Fraction(2), self.x)), "==", 2 * free.g(self.x))

    def cone(self) -> Iterator[Check]:
        """Yield that twice the cap is allowed."""
        cap = ZERO if self.cap is None else self.cap
        yield Check("twice the cap", 2 * cap, "<=", cap)

    def least(self) -> Check:
        """Return P at z against P at x, where z is the end of the two steps in some order."""
        ends = self.outer(self.inner(self.y)), self.inner(self.outer(self.y))
        if self.z not in ends:
            raise NoCounterexampleError("no two steps end at z")
        at_z, at_x = (
            distance(x, self.y) + self.g(x) + self.b * self.price(x) for x in (self.z, self.x)
        )
        return Check(LEAST, at_z + distance(self.x, self.z), "<=", at_x)


def turn(x: Vector, way: int) -> Vector:
    """Turn x by the angle of (3, 4), back if way is 1."""
    c, s = Fraction(3, 5), Fraction(4 * way, 5)
    return [c * x[0] + s * x[1], c * x[1] - s * x[0]]


HYPOTHESES = {
    "g first": Steps.order,
    "l2 norm outside": Steps.euclidean,
    "degree 1 inside": Steps.homogeneous,
    "a cone": Steps.cone,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield the other order, a turned l1 norm, a square, and an interval."""
    one = Fraction(1)
    swapped = Steps(vector(4, 3), vector("1/5", 0), vector(0, 0), a=Fraction(3))
    rotated = Steps(vector(3, 0), vector("3/5", "-1/5"), vector("3/5", 0), a=one, turned=True)
    square = Steps(vector(4), vector(1), vector("3/2"), c=one)
    capped = Steps(vector(3), vector(0), vector(1), cap=one)
    for name, example, numbers in (
        ("g first", swapped, ("12.54", "12.5")),
        ("l2 norm outside", rotated, ("4.52", "4.32")),
        ("degree 1 inside", square, ("6.125", "5.75")),
        ("a cone", capped, ("5", "3")),
    ):
        yield Counterexample(name, example, partial(told_of, Steps.least, numbers))
