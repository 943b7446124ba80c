"""Relative gap: phi = u v^T, theta = |u|_1 |v|_1, convex losses of each entry, in rationals.

    F* >= s f(X) + (1 - s) inf loss,    s = min(1, lam / Omega*(W))

because s W is in the polar ball of lam, d is concave with d(0) = inf loss, and d(W) = f(X): W is
a subgradient (Fenchel) and the slices are balanced. With loss >= 0 this is f(X) <= F* / s.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted, order
from ._counterpoints import decay, product, size
from ._draw import positives, rationals, slices
from ._exact import Vector, dot, flat, l1, largest, price, total, vector
from ._exact import product as sum_of
from ._linear import exact
from ._points import CONVEX, Loss, Number, Point, Term, squared
from ._polynomial import UndecidedError, variables
from ._slopes import polar, subgradient
from ._told import told_of

STATEMENT = Statement(
    title="Relative gap",
    words="The polar alone bounds the gap. If the polar is 1.03 lam at balanced slices and the "
    "loss is nonnegative, then f is at most 3 % above the global minimum. Nothing else has to be "
    "known: no strong convexity, no minimizer, no derivative.",
    formula="loss convex, -W a subgradient at Z = sum phi(X_i), <W, phi(X_i)> = lam theta(X_i), "
    "P >= Omega*(W)  =>  f(X) - F* <= (1 - lam / P)_+ (f(X) - inf loss);   "
    "loss >= 0  =>  f(X) <= max(1, P / lam) F*",
    needs={
        "balanced slices": "the slice 4 for 1/2 (z - 4)^2, lam = 1, has W = 0, so the bound would "
        "be f <= F*, but f = 4 and F* = 3.5",
        "convex loss": "(z - 3)^2 (z^2 + 2 z + 3) / 4 = z^4 / 4 - z^3 + 27/4 >= 0, lam = 1: at "
        "0 W = 0, so the bound would be f <= F*, but f = 27/4, and z = 3 has 3",
        "subgradient": "no slice, 1/2 (z - 4)^2, lam = 1: f = 8 and F* = 3.5; W = 1 instead of 4 "
        "would say f <= F*",
        "P >= Omega*(W)": "the same point with W = 4 and P = 2, half of the polar, would say "
        "f <= 2 F* = 7",
        "loss >= 0": "|z - 4| - 2 with lam = 1/2: at 0 f = 2 and Omega*(W) = 1, but F* = 0; only "
        "the form with inf loss = -2 holds",
        "equal degrees": "phi = a b c with weight decay, Y = 27, lam = 1, no slice: the polar is "
        "27 and F* <= 9, so the bound would be f <= 27 * 9 = 243, but f = 364.5",
    },
    gap="Usually the bound is given with Omega(Z*) of the unknown minimizer: f - F* <= lam "
    "Omega(Z*) (Omega*(W) / lam - 1). For a loss >= 0, lam Omega(Z*) is at most F*, and that "
    "gives the relative form. The form with f on the right can be computed at once.",
)
BRACKET = "s f(X) + (1 - s) inf loss <= F*"
RELATIVE = "f(X) <= max(1, P / lam) F*"
UNKNOWN = "f(X) - F* <= (P - lam)_+ Omega(Z*)"
SLOPE = "-W is a subgradient, seen from Z*"
LOSSES: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "squared": lambda z, y: (z - y) ** 2 / 2,
    "absolute": lambda z, y: abs(z - y),
    "Huber": lambda z, y: (z - y) ** 2 / 2 if abs(z - y) <= 1 else abs(z - y) - Fraction(1, 2),
}


@dataclass(frozen=True)
class Instance:
    """A loss of one entry, its constant, lam, slices u, v >= 0, and per entry W and a distance.

    W is `inside`, or lam where Z > 0: then the slices are balanced.
    """

    loss: str
    constant: Fraction
    lam: Fraction
    us: list[Vector]
    vs: list[Vector]
    inside: Vector
    far: Vector

    def point(self) -> tuple[Vector, Vector, Vector]:
        """Return Z, W and the data y for which -W is a subgradient at Z."""
        columns = len(self.vs[0]) if self.vs else 1
        Z = flat(sum_of(self.us, self.vs, len(self.inside) // columns, columns))
        W = [self.lam if z else w for z, w in zip(Z, self.inside, strict=True)]
        return Z, W, [z + self.off(w, far) for z, w, far in zip(Z, W, self.far, strict=True)]

    def off(self, w: Fraction, far: Fraction) -> Fraction:
        """Return y - z for the slope -w; where many are right, one at the distance `far`."""
        if self.loss == "squared" or abs(w) < 1:
            return w if self.loss != "absolute" else w * 0
        least = 0 if self.loss == "absolute" else 1
        return (least + far) * (1 if w > 0 else -1)

    def best(self, y: Fraction) -> tuple[Fraction, Fraction]:
        """Return the minimizer of loss(z) + lam |z| and the minimum: z is 0, y, or a threshold."""
        sign, value = 1 if y > 0 else -1, LOSSES[self.loss]
        sizes = [y * 0, abs(y), max(y * 0, abs(y) - self.lam)]
        least, size = min((value(sign * z, y) + self.lam * z, z) for z in sizes)
        return sign * size, least


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw lam <= 1 for the losses whose slope is at most 1."""
    loss, m, n = draw(st.sampled_from(sorted(LOSSES))), draw(st.integers(1, 2)), 2
    lam = draw(positives() if loss == "squared" else st.fractions(Fraction(1, 9), 1))
    us, vs = draw(slices(m, n, 3, rationals(0)))
    if not us:
        us, vs = [[Fraction(0)] * m], [[Fraction(0)] * n]
    most = 9 if loss == "squared" else 1
    inside = draw(st.lists(st.fractions(-most, most, max_denominator=4), min_size=4, max_size=4))
    far = draw(st.lists(rationals(0), min_size=4, max_size=4))
    return Instance(loss, draw(rationals(0)), lam, us, vs, inside[: m * n], far[: m * n])


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield F*, entry by entry, against the three bounds."""
    Z, W, Y = i.point()
    fit = total(LOSSES[i.loss](z, y) for z, y in zip(Z, Y, strict=True))
    here = i.constant + fit + i.lam * price(i.us, i.vs)
    minima = [i.best(y) for y in Y]
    best, least = [z for z, _ in minima], i.constant + total(f for _, f in minima)
    line = fit + dot(W, Z) - dot(W, best)
    there = total(LOSSES[i.loss](z, y) for z, y in zip(best, Y, strict=True))
    yield Check(SLOPE, line, "<=", there)
    steepest = max(i.lam, largest([W]))
    s = i.lam / steepest
    yield Check(BRACKET, s * here + (1 - s) * i.constant, "<=", least)
    yield Check(RELATIVE, here, "<=", least * steepest / i.lam)
    yield Check(UNKNOWN, here - least, "<=", (steepest - i.lam) * l1(best))


CASES: dict[str, Case] = {
    **among("loss:", lambda i: i.loss, LOSSES),
    **counted("slice", lambda i: sum(any(u) and any(v) for u, v in zip(i.us, i.vs, strict=True))),
    **order("the polar", "lam", lambda i: largest([i.point()[1]]) - i.lam),
    "inf loss = 0": lambda i: i.constant == 0,
    "inf loss > 0": lambda i: i.constant > 0,
}
_OPTIMAL = ("the polar < lam: strict", "the polar = lam: strict")
NEVER: dict[str, tuple[str, ...]] = {
    SLOPE: (*_OPTIMAL, "loss: absolute: strict"),
    BRACKET: _OPTIMAL,
    RELATIVE: _OPTIMAL,
    UNKNOWN: _OPTIMAL,
}


def fixed() -> Iterator[Check]:
    """Yield |z - 4| at 0, where all bounds are attained."""
    one, zero = Fraction(1), [vector(0)]
    attained = Instance("absolute", one * 0, one / 2, zero, zero, vector(1), vector(4))
    yield from sides(attained)
    yield from sides(replace(attained, loss="Huber", inside=vector("3/4"), lam=one))
    yield from sides(Instance("squared", one, one, [vector(2)], [vector(1)], vector(1), vector(0)))


Squares = tuple[tuple[Fraction, Callable[[Number], Number]], ...]


@dataclass(frozen=True)
class Bounded:
    """A point of one number of output, W, P, and the loss as squares, or where it is below 0."""

    point: Point
    W: Fraction
    P: Fraction
    squares: Squares = ()
    low: Fraction | None = None

    def balanced(self) -> Iterator[Check]:
        """Yield <W, phi> = lam theta for each slice."""
        p = self.point
        for x in p.X:
            yield Check("<W, phi>", self.W * p.phi(x)[0], "==", p.lam * p.theta(x))

    def sloped(self) -> Iterator[Check]:
        """Yield that -W is a slope of the loss at the sum."""
        yield from subgradient(self.point.loss, self.W, *self.point.sum(self.point.X))

    def above(self) -> Iterator[Check]:
        """Yield P >= Omega*(W)."""
        yield Check("P", polar(self.point, self.W), "<=", self.P)

    def nonnegative(self) -> Iterator[Check]:
        """Yield that the loss is a sum of squares, or has no term below 0; else where it is."""
        loss = self.point.loss
        if self.low is not None:
            if loss.value([self.low]) >= 0:
                raise UndecidedError("the loss is not below 0 there")
            yield Check("the loss", ZERO, "<=", loss.value([self.low]))
            return
        if self.squares:
            (z,) = variables((None,))
            rest = loss.value([z]) - sum((a * f(z) ** 2 for a, f in self.squares), ZERO)
            weights = [a for a, _ in self.squares]
        else:
            rest = [t for t in loss.terms if t.shape not in CONVEX]
            weights = [Fraction(t.weight) for t in loss.terms]
        if rest or min(weights) < 0:
            raise UndecidedError("the loss may be below 0")
        yield Check("a weight of a square, or of a term above 0", ZERO, "<=", min(weights))

    def relative(self) -> Check:
        """Return f against max(1, P / lam) times f of the others, which is no less than F*."""
        p = self.point
        factor = max(Fraction(1), self.P / p.lam)
        return Check(RELATIVE, p.value(p.X), "<=", factor * p.value(p.others))


HYPOTHESES = {
    "balanced slices": Bounded.balanced,
    "convex loss": lambda i: i.point.convex(),
    "subgradient": Bounded.sloped,
    "P >= Omega*(W)": Bounded.above,
    "loss >= 0": Bounded.nonnegative,
    "equal degrees": lambda i: i.point.equal_degrees(),
}
QUARTIC = Loss(
    (
        Term("fourth", weight=Fraction(1, 4)),
        Term("cube", weight=-1),
        Term("linear", (0,), Fraction(27, 4)),
    ),
    ((ZERO,), (Fraction(1),)),
)


def counterexamples() -> Iterator[Counterexample]:
    """Yield the slice 4, the origin of several losses, and three factors."""
    one, half, zero = Fraction(1), Fraction(1, 2), (ZERO, ZERO)
    three = exact([3, 1])
    slice_4 = Point(2, product, size, squared(4), one, (exact([4, 1]),), (three,))
    origin = replace(slice_4, X=(zero,))
    quartic = replace(origin, loss=QUARTIC)
    squares = (one / 4, lambda z: (z - 3) * (z + 1)), (half, lambda z: z - 3)
    shifted = Loss((Term("absolute", b=-4), Term("linear", (0,), -2)))
    below = replace(origin, loss=shifted, lam=half, others=(exact([4, 1]),))
    cube = Point(3, product, decay, squared(27), one, ((ZERO,) * 3,), (exact([3, 3, 3]),))
    for name, example, numbers in (
        ("balanced slices", Bounded(slice_4, ZERO, ZERO), ("4", "3.5")),
        ("convex loss", Bounded(quartic, ZERO, ZERO, squares), ("27/4", "3")),
        ("subgradient", Bounded(origin, one, one), ("8", "3.5")),
        ("P >= Omega*(W)", Bounded(origin, 4 * one, 2 * one), ("8", "7")),
        ("loss >= 0", Bounded(below, one, one, low=4 * one), ("2", "0")),
        ("equal degrees", Bounded(cube, 27 * one, 27 * one), ("364.5", "243")),
    ):
        yield Counterexample(name, example, partial(told_of, Bounded.relative, numbers))
