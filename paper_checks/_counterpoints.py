"""Points with a zero slice that lack one hypothesis each, and lower points."""

from collections.abc import Iterator
from fractions import Fraction
from math import prod

from ._base import ZERO, Check
from ._exact import vector
from ._points import NEAR, Loss, Number, Point, Slice, Term, everywhere, squared
from ._polynomial import ONE, Polynomial, nonnegative, orthants, variables

HALF = Fraction(1, 2)


def outer(x: Slice) -> list[Number]:
    """Return u v^T of x = (u, v), 2 x 2, by rows."""
    return [x[0] * x[2], x[0] * x[3], x[1] * x[2], x[1] * x[3]]


def norms(x: Slice) -> Number:
    """Return |u|_1 |v|_1."""
    return (abs(x[0]) + abs(x[1])) * (abs(x[2]) + abs(x[3]))


def product(x: Slice) -> list[Number]:
    """Return the one number x1 x2 ... ."""
    return [prod(x, start=ONE)]


def size(x: Slice) -> Number:
    """Return |x1 x2 ...|."""
    return abs(product(x)[0])


def decay(x: Slice) -> Number:
    """Return the mean of the squares."""
    return sum((a * a for a in x), ZERO) / len(x)


def step(x: Slice) -> list[Number]:
    """Return 2 for x > 0, -3 for x < 0, 0 at 0."""
    return [Fraction(2 if x[0] > 0 else -3 if x[0] < 0 else 0)]


def costs(x: Slice) -> Fraction:
    """Return 1 but at 0."""
    return Fraction(1 if x[0] else 0)


ROUGH = Loss(
    (
        Term("absolute", (1, 0, 0, -1)),
        Term("absolute", (0, 1, 0, 0)),
        Term("absolute", (0, 0, 1, 0)),
        Term("linear", (-1, 0, 0, -1)),
        Term("square", (1, 0, 0, 1), 0, HALF),
    )
)
WELL = Loss((Term("fourth", weight=Fraction(1, 4)), Term("cube", weight=-1)), ((ZERO,), (ONE,)))


def rank_one(p: Point) -> Iterator[Check]:
    """Yield that f(u v^T) >= f(0) for the loss of 2 x 2 arrays without a derivative.

    By scale u = (1, s) or (0, 1). Without its square the loss is convex and linear in v between
    the rays where v1 = 0, v2 = 0 or z11 = z22, so it is >= 0 where it is on these. There it is a
    polynomial in s >= 0 or in -s >= 0.
    """
    linear = Loss(tuple(t for t in p.loss.terms if t.shape != "square"))
    squares = [t for t in p.loss.terms if t.shape == "square"]
    yield Check("the square's weight", ZERO, "<=", min(Fraction(t.weight) for t in squares))
    yield Check("the point is 0", sum((abs(x) for s in p.X for x in s), ZERO), "==", ZERO)
    yield Check("its slices", Fraction(len(p.X)), "==", ONE)
    yield Check("the loss at 0", p.loss.value([ZERO] * 4), "==", ZERO)
    yield Check("the price", ZERO, "<=", p.lam)
    yield from everywhere("theta", p.arity, p.theta)
    (t,) = variables((None,))
    for u in ((ONE, t), (ONE, -t), (ZERO * t, ONE)):
        for v in ((ONE, ZERO), (ZERO, ONE), (u[1], u[0])):
            for sign in (1, -1):
                Z = outer((*u, *(sign * x for x in v)))
                yield from square_or_sum(linear.value(Z))


def square_or_sum(f: Number) -> Iterator[Check]:
    """Yield that a polynomial of degree 2 in t >= 0 is >= 0: no negative term, or no two roots."""
    terms = f.terms if isinstance(f, Polynomial) else {(0,): f}
    c, b, a = (terms.get((k,), ZERO) for k in range(3))
    yield Check("terms of degree 3", Fraction(max((k for (k,) in terms), default=0)), "<=", 2)
    yield Check("its ends", ZERO, "<=", min(a, c))
    yield Check("its discriminant", min(b, ZERO) ** 2, "<=", 4 * a * c)


def near_one_entry(p: Point) -> Iterator[Check]:
    """Yield that f >= f(X) at every 2 x 2 array of rank 1 near X = x e1 e1^T, x > 1.

    There z11 > 1, so z22 = z12 z21 w with w = 1 / z11 in [0, 1], and theta is the sum of the
    absolute entries: f - f(X) is a polynomial in the entries and w.
    """
    (X,) = p.X[:1]
    Z, f = p.sum(p.X), p.value(p.X)
    yield Check("entries beside the first", sum(map(abs, Z[1:]), ZERO), "==", ZERO)
    yield Check("the first entry", ONE + NEAR, "<", Z[0])
    yield Check("one slice", Fraction(sum(map(any, p.X))), "==", ONE)
    yield Check("theta is the sum", p.theta(X), "==", sum(map(abs, Z), ZERO))
    for a, q, r, w in orthants((Z[0], ZERO, ZERO, ZERO), NEAR):
        wide = w * (1 / NEAR)  # in [0, 1], or [-1, 0]
        there = [a, q, r, q * r * wide]
        price = p.lam * sum(map(abs, there), ZERO)
        yield from nonnegative("f near X", p.loss.value(there) + price - f)


ORIGIN = Point(
    2, product, size, squared(4), ONE, ((ZERO, ZERO),), (tuple(vector(3, 1)),), ((ONE, ONE),)
)
BESIDE = Point(
    4, outer, norms, squared(3, 0, 0, 2), HALF, (tuple(vector("5/2", 0, 1, 0)),),
    (tuple(vector("5/2", 0, 1, 0)), tuple(vector(0, "3/2", 0, 1))), size=4, proof=near_one_entry,
)  # fmt: skip
POINTS = {
    "local minimum": ORIGIN,
    "zero slice": BESIDE,
    "differentiable loss": Point(
        4, outer, norms, ROUGH, HALF, ((ZERO,) * 4,),
        (tuple(vector("1/2", 0, 1, 0)), tuple(vector(0, "1/2", 0, 1))), size=4, proof=rank_one,
    ),
    "convex loss": Point(2, product, size, WELL, ONE, ((ZERO, ZERO),), (tuple(vector(3, 1)),)),
    "equal degrees": Point(
        3, product, decay, squared(27), ONE, ((ZERO,) * 3,), ((Fraction(3),) * 3,)
    ),
    "positive degree": Point(
        1, step, costs, squared(1), Fraction(1, 10), ((ZERO,),), ((ONE,), (ONE,), (-ONE,))
    ),
}  # fmt: skip


def axes(x: Slice) -> list[Number]:
    """Return x e1 for x > 0, -x e2 else."""
    return [x[0], ZERO] if x[0] > 0 else [ZERO, -x[0]]


RIDGE = Point(
    1, axes, size,
    Loss(  # 5 |z1 - z2| + max(-z1 - z2, -10)
        (
            Term("absolute", (1, -1), 0, 5),
            Term("linear", (-1, -1), -10, HALF),
            Term("absolute", (-1, -1), 10, HALF),
        )
    ),
    Fraction(1, 4), ((ZERO,),), ((Fraction(5),), (Fraction(-5),)), size=2,
)  # fmt: skip
