"""Weak duality in rationals: three losses, two pairs of norms, the polar over the balls' vertices.

theta = |u|_1 |v|_1 has the polar max |W_ij|, theta = |u|_1 |v|_inf the largest l1 norm of a row;
here both are a maximum over enumerated vertices, and d(W) is the loss's conjugate.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted, order
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._draw import matrices, positives, slices
from ._exact import Matrix, Vector, dot, flat, l1, product, scale, sign_of, total, vector
from ._points import Number, Point, everywhere, squared
from ._polynomial import ONE, UndecidedError, nonnegative, orthants, variables

STATEMENT = Statement(
    title="Weak duality",
    words="Any W whose polar is at most lam bounds the objective of every factorization of every "
    "size from below. W need not be a gradient, and the loss need not be convex.",
    formula="Omega*(W) <= lam  =>  f_s(X') >= d(W) = inf_Z loss(Y, Z) + <W, Z> for every s and X'",
    needs={
        "polar at most lam": "Y = 4, lam = 1: W = 2 has d(W) = 6, and f = 3.5 at the slice 3",
        "equal degrees": "phi = x^2, theta = |x|: the polar of W = 1 is 1, d(W) = 3.5, and "
        "f = 2 at x = 2 for Y = 4, lam = 1",
        "positive degree": "phi = 1 and theta = 2 at every x but 0: theta <= 1 holds at 0 "
        "alone, so the polar of W = 4 is 0 and d(W) = 8; f = 4 at four slices for Y = 4, lam = 1/2",
    },
)
BOUND, SLICE = "d(W) <= f_s(X')", "<W, phi(x)> <= polar theta(x)"
REACHED = "d(W) = f at an optimum"


@dataclass(frozen=True)
class Loss:
    """A loss of z - y, entry by entry; its d(w) = y w - conjugate(w) where |w| <= domain."""

    of: Callable[[Fraction], Fraction]
    conjugate: Callable[[Fraction], Fraction]
    domain: Fraction | None = None


LOSSES = {
    "squared": Loss(lambda e: e * e / 2, lambda w: w * w / 2),
    "absolute": Loss(abs, lambda _: ZERO, Fraction(1)),
    "huber, delta = 2": Loss(
        lambda e: e * e / 2 if abs(e) <= 2 else 2 * abs(e) - 2, lambda w: w * w / 2, Fraction(2)
    ),
}
NORMS: dict[str, Callable[[Vector], Fraction]] = {"l1": l1, "linf": lambda v: max(map(abs, v))}


@dataclass(frozen=True)
class Instance:
    """The norm of v, a loss's name, lam, Y, any W, and factors of any size."""

    right: str
    loss: str
    lam: Fraction
    Y: Matrix
    W: Matrix
    us: list[Vector]
    vs: list[Vector]

    def theta(self) -> list[Fraction]:
        """Return |u|_1 |v| of each slice."""
        return [l1(u) * NORMS[self.right](v) for u, v in zip(self.us, self.vs, strict=True)]


def signs(x: Vector) -> Vector:
    """Return the sign of each entry."""
    return list(map(sign_of, x))


@st.composite
def _optima(draw: st.DrawFn) -> Instance:
    """Draw slices on the faces of the polar ball of lam on whose border W is, and Y = Z + W.

    For the absolute loss W is 0, 1 or -1, and Y - Z any multiple of it.
    """
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    right, loss = draw(st.sampled_from(list(NORMS))), draw(st.sampled_from(list(LOSSES)))
    most = 6 if loss == "squared" else int(LOSSES[loss].domain or 0)
    whole = st.integers(-most, most).map(Fraction)
    W = draw(matrices(m, n, whole).filter(lambda W: any(map(any, W))))
    lam, units = polar(W, right), []
    for a, row in enumerate(W):
        unit = [Fraction(a == k) for k in range(m)]
        if right == "linf" and l1(row) == lam:
            units.append((unit, signs(row)))
        if right == "l1":
            units += [
                (unit, [sign_of(w) * (b == k) for k in range(n)])
                for b, w in enumerate(row)
                if abs(w) == lam
            ]
    chosen = draw(st.lists(st.tuples(st.sampled_from(units), positives(4)), max_size=3))
    us, vs = [scale(t, u) for (u, _), t in chosen], [v for (_, v), _ in chosen]
    t = Fraction(draw(st.integers(0, 2))) if loss == "absolute" else Fraction(1)
    pairs = zip(product(us, vs, m, n), W, strict=True)
    Y = [[z + t * w for z, w in zip(*rows, strict=True)] for rows in pairs]
    steep = Fraction(draw(st.integers(1, 2)))  # the bound is that of W scaled into the ball
    return Instance(right, loss, lam, Y, [scale(steep, row) for row in W], us, vs)


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Instance(
        draw(st.sampled_from(list(NORMS))),
        draw(st.sampled_from(list(LOSSES))),
        draw(positives()),
        draw(matrices(m, n)),
        draw(matrices(m, n)),
        *draw(slices(m, n, 4)),
    )


INSTANCES = st.one_of(_instances(), _optima())


def vertices(norm: str, n: int) -> list[Vector]:
    """Return the vertices of the unit ball of l1, or of linf."""
    if norm == "l1":
        return [vector(*(s * (i == j) for j in range(n))) for i in range(n) for s in (1, -1)]
    return [vector(*signs) for signs in every((1, -1), repeat=n)]


def polar(W: Matrix, right: str) -> Fraction:
    """Return the largest <W, u v^T> over the vertices of both balls."""
    rows, columns = vertices("l1", len(W)), vertices(right, len(W[0]))
    return max(dot(u, [dot(row, v) for row in W]) for v in columns for u in rows)


def shrunk(i: Instance) -> Matrix:
    """Scale W into the polar ball of radius lam and into the loss's domain."""
    limits = [Fraction(1)]
    top, domain = polar(i.W, i.right), LOSSES[i.loss].domain
    if top:
        limits.append(i.lam / top)
        limits += [domain / max(map(abs, flat(i.W)))] if domain else []
    return [scale(min(limits), row) for row in i.W]


def bound(W: Matrix, Y: Matrix, loss: str) -> Fraction:
    """Return d(W), by the conjugate."""
    pairs = zip(flat(W), flat(Y), strict=True)
    return total(w * y - LOSSES[loss].conjugate(w) for w, y in pairs)


def value(i: Instance) -> Fraction:
    """Return f by its definition."""
    Z = product(i.us, i.vs, len(i.Y), len(i.Y[0]))
    fit = total(LOSSES[i.loss].of(z - y) for z, y in zip(flat(Z), flat(i.Y), strict=True))
    return fit + i.lam * total(i.theta())


def sides(i: Instance) -> Iterator[Check]:
    """Yield the bound, and <W, phi> <= Omega*(W) theta for each slice."""
    yield Check(BOUND, bound(shrunk(i), i.Y, i.loss), "<=", value(i))
    for u, v, theta in zip(i.us, i.vs, i.theta(), strict=True):
        yield Check(SLICE, dot(u, [dot(row, v) for row in i.W]), "<=", polar(i.W, i.right) * theta)


def optima() -> Iterator[Instance]:
    """Yield points where the bound is attained: each loss, each norm, each side of a kink."""
    one = Fraction(1)
    for loss, price, z in (("squared", 1, 3), ("huber, delta = 2", 1, 3), ("absolute", 1, 4)):
        pair = [vector(z)], [[one]]
        yield Instance("l1", loss, Fraction(price), [vector(4)], [vector(2)], *pair)
    for loss in ("huber, delta = 2", "absolute"):  # W ends at the border of the loss's domain
        yield Instance("l1", loss, Fraction(3), [vector(4)], [vector(5)], [], [])
        yield Instance("l1", loss, Fraction(3), [vector("-5/2")], [vector(-5)], [], [])
    yield Instance("l1", "squared", one, [vector(4)], [vector(1)], [vector(3)], [[one]])
    Y, W = [vector(3, -3)], [vector(1, -1)]
    yield Instance("linf", "squared", one, Y, W, [vector("5/2")], [vector(1, -1)])


CASES: dict[str, Case] = {
    **among("norm of v:", lambda i: i.right, NORMS),
    **among("loss:", lambda i: i.loss, LOSSES),
    **counted("slice", lambda i: sum(map(bool, i.theta()))),
    **order("the polar", "lam", lambda i: polar(i.W, i.right) - i.lam),
    "W = 0": lambda i: not any(map(any, i.W)),
}
NEVER: dict[str, tuple[str, ...]] = {
    REACHED: ("any",),
    SLICE: ("no slice: strict", "W = 0: strict"),
}


def fixed() -> Iterator[Check]:
    """Yield optima, where the bound is attained."""
    for i in optima():
        yield from sides(i)
        yield Check(REACHED, bound(shrunk(i), i.Y, i.loss), "==", value(i))


@dataclass(frozen=True)
class Bound:
    """A problem with one output, loss 1/2 (z - y)^2, the slices X, and W.

    `ball` is a radius outside of which a slice of one number has theta >= 1; None where
    lam theta - W phi >= 0 is proved instead. `steep` is a slice that shows the polar above lam.
    """

    point: Point
    y: Fraction
    W: Fraction
    ball: Fraction | None = None
    steep: tuple[Fraction, ...] | None = None

    def polar(self) -> Iterator[Check]:
        """Yield that W phi(x) <= lam where theta(x) <= 1."""
        p = self.point
        if self.steep is not None:
            (phi,) = p.phi(self.steep)
            if p.theta(self.steep) > 1:
                raise UndecidedError("the slice is outside the ball")
            yield Check("W phi", self.W * phi, "<=", p.lam)
        elif self.ball is None:
            yield from everywhere(
                "polar", p.arity, lambda x: p.lam * p.theta(x) - self.W * p.phi(x)[0]
            )
        else:
            (t,) = variables((None,))
            for s in (1, -1):
                yield from nonnegative("theta outside", p.theta([s * (self.ball + t)]) - 1)
            for (x,) in orthants((ZERO,), self.ball) if self.ball else (((ZERO),),):
                yield from nonnegative("polar", p.lam - self.W * p.phi([x])[0])

    def conclusion(self) -> Check:
        """Return d(W) against f."""
        return Check(
            BOUND, bound([[self.W]], [[self.y]], "squared"), "<=", self.point.value(self.point.X)
        )


HYPOTHESES = {
    "polar at most lam": Bound.polar,
    "equal degrees": lambda b: b.point.equal_degrees(),
    "positive degree": lambda b: b.point.positive_degree(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield slices below d(W)."""
    y, half = Fraction(4), Fraction(1, 2)
    pair = Point(2, _product, _size, squared(y), ONE, (tuple(vector(3, 1)),))
    high = Bound(pair, y, Fraction(2), steep=(ONE, ONE))
    yield Counterexample("polar at most lam", high, Bound.conclusion)
    square = Point(1, lambda x: [x[0] * x[0]], _size, squared(y), ONE, ((Fraction(2),),))
    yield Counterexample("equal degrees", Bound(square, y, ONE, ball=ONE), Bound.conclusion)
    step = Point(1, _nonzero, lambda x: 2 * _nonzero(x)[0], squared(y), half, ((ONE,),) * 4)
    yield Counterexample("positive degree", Bound(step, y, y, ball=ZERO), Bound.conclusion)


def _nonzero(x: Sequence[Number]) -> list[Fraction]:
    return [Fraction(1 if x[0] else 0)]
