"""A flat path from a local minimum whose end is none: phi = u v^T, theta = |u|_1 |v|_1, exactly.

Y = diag(s^2 + lam, h^2 + lam).  The slices are diag((s cos)^2, 0) and diag((s sin)^2, 0), at
rational points of the circle.  Along the path the angle goes to 0: each slice is scaled by
(1 + t beta_i)^(1/2), and the second one ends at zero.

Why each earlier point is a local minimum: for slices (a, b) (c, d)^T with ac > 0, p = bc and
z = bd, f >= lam s^2 + lam^2 / 2 + y2^2 / 2 + sum (lam |p| - h^2 |z|), and |z| = |p| |d / c|; so f
is no lower where |d| <= (lam / h^2) |c|.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case
from ._counterpoints import norms, outer
from ._draw import positives, rationals, vectors
from ._exact import (
    Matrix,
    Vector,
    flat,
    half_squares,
    l1,
    least,
    objective,
    product,
    vector,
)
from ._necessity import NoCounterexampleError
from ._points import Number, Point, squared
from ._polynomial import variables

STATEMENT = Statement(
    title="The end of a flat path",
    words="f is constant along a flat path that starts at a local minimum, and the end of the "
    "path has a zero slice. But the end need not be a local minimum; then neither the end nor the "
    "start is global. What holds is that the end is a local minimum exactly if it is global. "
    "Otherwise a slice can grow from the zero slice while f falls, so the path can be continued "
    "without rising.",
    formula="Y = diag(s^2 + lam, h^2 + lam), h > 0: the slices diag((s cos)^2, 0) and "
    "diag((s sin)^2, 0) are a local minimum of f_2, the path to diag(s^2, 0) and 0 is flat, and "
    "there diag(0, g^2) in place of 0 lowers f by g^2 h^2 - g^4 / 2, until it is min F at g = h",
    needs={
        "local minimum": "slices 25/16 s^2 and -9/16 s^2 have the same sum; f falls on the way",
        "near": "the local minimum is not global: diag(s^2, 0) and diag(0, h^2) are lower",
        "l1 norms": "with |u|_2 |v|_2 the two slices turned to (1, +-g) (1, +-g)^T are lower, for "
        "g as small as one likes: the start is no local minimum",
        "the end": "before the end no slice is zero, and slices turned a little are not lower",
        "y2 > lam": "for y2 <= lam the end is a global minimum, and a slice diag(0, g^2) raises f",
    },
    rests={
        "f on the path = lam s^2 + (lam^2 + y2^2) / 2": ("local minimum",),
        "f on the path <= f near it": ("near", "l1 norms", "y2 > lam"),
        "f falls while g grows": ("l1 norms", "the end", "y2 > lam"),
    },
    gap="'A local minimum with dependent slices leads along a flat path to a local minimum with a "
    "zero slice, so it is global' is false. Dependent slices prove nothing. A zero slice at a "
    "local minimum does, so the end has to be tested: is the polar of W at most lam?",
)
FLAT, NEAR = "f on the path = lam s^2 + (lam^2 + y2^2) / 2", "f on the path <= f near it"
STAYS, VANISHES = "the sum of phi stays diag(s^2, 0)", "slices left at the end"
FALLS, DROP = "f falls while g grows", "f falls by g^2 h^2 - g^4 / 2"
REACHED, GLOBAL = "f(g = h) = min F", "y2 <= lam: f on the path = min F"
ONE, SMALL = Fraction(1), Fraction(1, 10**8)
Slices = tuple[list[Vector], list[Vector]]


@dataclass(frozen=True)
class Instance:
    """s, h, lam, a slope m, the near slices' sizes and slants in parts, two parts of h."""

    s: Fraction
    h: Fraction
    lam: Fraction
    m: Fraction
    sizes: Vector
    slants: Vector
    parts: tuple[Fraction, Fraction]

    @property
    def Y(self) -> Matrix:
        """Return diag(s^2 + lam, h^2 + lam)."""
        return [[self.s**2 + self.lam, ZERO], [ZERO, self.h**2 + self.lam]]

    @property
    def level(self) -> Fraction:
        """Return f on the path, by its formula."""
        return self.lam * self.s**2 + (self.lam**2 + self.Y[1][1] ** 2) / 2


_PARTS = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100)


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw near slices, on the path or off it."""
    s, h, lam, m = draw(positives(6)), draw(positives(6)), draw(positives()), draw(_PARTS)
    sizes, slants = draw(vectors(4, positives(9))), draw(vectors(4, rationals(-1, 1)))
    i = Instance(s, h, lam, m, sizes, slants, draw(st.tuples(_PARTS, _PARTS)))
    if draw(st.booleans()):
        return i
    a, c = ([x for x, _ in side] for side in on_path(i, draw(_PARTS)))
    return replace(i, sizes=[*a, *c], slants=[ZERO] * 4)


INSTANCES = _instances()


def on_path(i: Instance, m: Fraction) -> Slices:
    """Return the slices at slope m: u = v = (s cos, 0) and (s sin, 0); m = 0 is the end."""
    c, s = (1 - m * m) / (1 + m * m), 2 * m / (1 + m * m)
    return [[i.s * c, ZERO], [i.s * s, ZERO]], [[i.s * c, ZERO], [i.s * s, ZERO]]


def near(i: Instance) -> Slices:
    """Return (a, b) (c, d)^T with a, c > 0 and |d| <= (lam / h^2) c; b is any."""
    rho = i.lam / i.h**2
    a, c = i.sizes[:2], i.sizes[2:]
    b, d = i.slants[:2], [rho * t * x for t, x in zip(i.slants[2:], c, strict=True)]
    return [[*x] for x in zip(a, b, strict=True)], [[*x] for x in zip(c, d, strict=True)]


def grown(i: Instance, g: Fraction) -> Slices:
    """Return the end with diag(0, g^2) in place of the zero slice."""
    return [[i.s, ZERO], [ZERO, g]], [[i.s, ZERO], [ZERO, g]]


def value(i: Instance, slices: Slices) -> Fraction:
    """Return f."""
    return objective(i.Y, *slices, i.lam)


def sides(i: Instance) -> Iterator[Check]:
    """Yield f by the slices on the path, near it, and beyond its end."""
    for m in (i.m, i.m / 2, ZERO):
        yield Check(FLAT, value(i, on_path(i, m)), "==", i.level)
        yield from stays(i, on_path(i, m))
    yield Check(NEAR, value(i, on_path(i, i.m)), "<=", value(i, near(i)))
    yield Check(VANISHES, Fraction(sum(map(any, on_path(i, ZERO)[0]))), "==", ONE)
    low, high = sorted(i.h * part for part in i.parts)
    for a, b in ((ZERO, low), (low, high), (high, i.h)):
        if a < b:
            yield Check(FALLS, value(i, grown(i, b)), "<", value(i, grown(i, a)))
    end = value(i, on_path(i, ZERO))
    yield Check(DROP, end - value(i, grown(i, low)), "==", low**2 * i.h**2 - low**4 / 2)
    yield Check(REACHED, value(i, grown(i, i.h)), "==", least(i.Y, i.lam))
    small = [i.Y[0], [ZERO, i.lam * i.parts[0]]]
    there = objective(small, *on_path(i, i.m), i.lam)
    yield Check(GLOBAL, there, "==", least(small, i.lam))


def stays(i: Instance, slices: Slices) -> Iterator[Check]:
    """Yield the entries of the sum."""
    for x, y in zip(flat(product(*slices, 2, 2)), (i.s**2, ZERO, ZERO, ZERO), strict=True):
        yield Check(STAYS, x, "==", y)


def off(i: Instance) -> bool:
    """Return whether a near slice has an entry off the first."""
    return any(i.slants)


CASES: dict[str, Case] = {
    "near slices on the first entry": lambda i: not off(i),
    "near slices off the first entry": off,
    "h > s": lambda i: i.h > i.s,
    "h < s": lambda i: i.h < i.s,
    "lam > 1": lambda i: i.lam > 1,
    "lam < 1": lambda i: i.lam < 1,
}
NEVER: dict[str, tuple[str, ...]] = {NEAR: ("near slices off the first entry: equal",)}


def fixed() -> Iterator[Check]:
    """Yield Y = diag(10, 5) with lam = 1, and hardly a step from the end."""
    sizes = vector("9/5", "12/5", "9/5", "12/5")  # a near point: on the path
    half = Fraction(1, 2)
    i = Instance(Fraction(3), Fraction(2), ONE, half, sizes, vector(0, 0, 0, 0), (SMALL, half))
    yield from sides(i)
    for h in vector(3, "1/2"):  # as far as near goes: |d| = (lam / h^2) c in a slice of size SMALL
        edge = replace(i, h=h, sizes=[i.s, SMALL, i.s, ONE], slants=vector(0, "1/1000", 0, 1))
        yield from sides(edge)


@dataclass(frozen=True)
class Start:
    """Y, lam, s and h, two slices X, a move of them, or others with p-norms: theta = |u|_p |v|_p.

    `others` are a function of g; those of all g in (0, SMALL] come as near X as one likes.
    """

    of: Instance
    X: Slices
    others: Callable[[Instance, Number], Slices]
    g: Fraction = SMALL
    Y: Matrix | None = None
    p: int = 1
    down: tuple[Vector, ...] = ()

    @property
    def data(self) -> Matrix:
        """Return Y."""
        return self.Y or self.of.Y

    def local_minimum(self) -> Iterator[Check]:
        """Yield that X is a local minimum; along `down` f falls."""
        X = tuple((*u, *v) for u, v in zip(*self.X, strict=True))
        down = tuple(tuple(d) for d in self.down)
        loss = squared(*flat(self.data))
        yield from Point(4, outer, norms, loss, self.of.lam, X, (), down, 4).local_minimum()

    def near(self) -> Iterator[Check]:
        """Yield a, c > 0 and |d| <= (lam / h^2) c for each other slice (a, b) (c, d)^T."""
        us, vs = self.others(self.of, self.g)
        for (a, _), (c, d) in zip(us, vs, strict=True):
            yield Check("a and c", ZERO, "<", min(a, c))
            yield Check("|d|", abs(d) * self.of.h**2, "<=", self.of.lam * c)

    def l1_norms(self) -> Iterator[Check]:
        """Yield p = 1."""
        yield Check("p", Fraction(self.p), "==", ONE)

    def at_end(self) -> Iterator[Check]:
        """Yield that some slice is zero."""
        sizes = (l1(u) * l1(v) for u, v in zip(*self.X, strict=True))
        yield Check("the smallest slice", min(sizes), "==", ZERO)

    def steep(self) -> Iterator[Check]:
        """Yield y2 > lam."""
        yield Check("lam", self.of.lam, "<", self.data[1][1])

    def value(self, slices: Slices) -> Number:
        """Return f; for p = 2 each u is a multiple of its v, so |u|_2 |v|_2 = <u, v>."""
        if self.p == 1:
            return objective(self.data, *slices, self.of.lam)
        sizes = ZERO
        for (a, b), (c, d) in zip(*slices, strict=True):
            if a * d != b * c or a * c < 0:
                raise NoCounterexampleError("u is no multiple of v")
            sizes += a * c + b * d
        return half_squares(product(*slices, 2, 2), self.data) + self.of.lam * sizes

    def flat(self) -> Check:
        """Return f at X, which has the sum diag(s^2, 0), against the level."""
        if not all(check.true() for check in stays(self.of, self.X)):
            raise NoCounterexampleError("the sum is another")
        return Check(FLAT, self.value(self.X), "==", self.of.level)

    def higher(self) -> Check:
        """Return f at X, a point of the path, against f at the others."""
        here = self.flat()
        if not here.true():
            raise NoCounterexampleError("X is not on the path")
        return Check(NEAR, here.left, "<=", self.value(self.others(self.of, self.g)))

    def turned(self) -> Check:
        """Return the same, where the others are lower for every g of (0, SMALL]."""
        (g,) = variables((SMALL,))
        if (self.value(self.others(self.of, g)) - self.value(self.X)).sign() >= 0:
            raise NoCounterexampleError("some others are not lower")
        return self.higher()

    def falls(self) -> Check:
        """Return f at the others, against f at X; they are higher for every g of (0, SMALL]."""
        (g,) = variables((SMALL,))
        if (self.value(self.X) - self.value(self.others(self.of, g))).sign() >= 0:
            raise NoCounterexampleError("some others are not higher")
        return Check(FALLS, self.value(self.others(self.of, self.g)), "<", self.value(self.X))


HYPOTHESES = {
    "local minimum": Start.local_minimum,
    "near": Start.near,
    "l1 norms": Start.l1_norms,
    "the end": Start.at_end,
    "y2 > lam": Start.steep,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield slices that cancel, far ones, l2 norms, two slices that are not zero, and y2 = lam."""
    half = Fraction(1, 2)
    i = Instance(
        Fraction(3), Fraction(2), ONE, half, vector(1, 1, 1, 1), vector(0, 0, 0, 0), (half, half)
    )
    cancel = [vector("15/4", 0), vector("9/4", 0)], [vector("15/4", 0), vector("-9/4", 0)]
    down = vector("-4/15", 0, 0, 0), vector("-4/9", 0, 0, 0)  # du v is -1 and 1: the sum stays
    yield Counterexample("local minimum", Start(i, cancel, turned, down=down), Start.flat)
    yield Counterexample("near", Start(i, on_path(i, half), grown, g=i.h), Start.higher)
    two = Start(i, turned(i, ZERO), turned)
    yield Counterexample("l1 norms", replace(two, p=2), Start.turned)
    yield Counterexample("the end", two, Start.falls)
    poor = [i.Y[0], [ZERO, i.lam]]  # y2 = lam
    yield Counterexample("y2 > lam", Start(i, on_path(i, ZERO), grown, Y=poor), Start.falls)


def turned(i: Instance, g: Number) -> Slices:
    """Return two equal slices, turned to (1, g) (1, g)^T and (1, -g) (1, -g)^T."""
    half = i.s**2 / 2
    return [[half, half * g], [half, -half * g]], [[ONE, g], [ONE, -g]]
