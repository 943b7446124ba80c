"""Distance bound: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 sum c (z - y)^2, c > 0, in rationals.

The loss is m-strongly convex, m = min c; Omega(Z) = sum |Z_ij|.  F's minimum comes from its dual,
F* = d(W*) with W* = cY clipped to [-lam, lam], and its minimizer Z* from soft-thresholding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._counterpoints import decay as _decay
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._draw import matrices, positives
from ._exact import Matrix, Vector, flat, inner, l1, largest, price, product, total, vector
from ._necessity import NoCounterexampleError
from ._points import Loss, Point, Term, squared
from ._polynomial import ONE, nonnegative, variables
from .append_a_zero import Instance as Balanced
from .append_a_zero import instances

STATEMENT = Statement(
    title="Distance bound",
    words="How far balanced slices are from the global minimum is bounded before it is known: by "
    "how much the polar exceeds lam, less what strong convexity gives back.",
    formula="loss m-strongly convex in Z, W = -grad loss at Z = sum phi(X_i), <W, phi(X_i)> = "
    "lam theta(X_i)  =>  f(X) - F* <= lam Omega(Z*) (Omega*(W) / lam - 1) - m/2 |Z - Z*|^2",
    needs={
        "balanced slices": "the slice 4 for Y = 4, lam = 1: W = 0, so the right side is "
        "3 (0 - 1) - 1/2 < 0",
        "strong convexity": "|z - 4| with lam = 1/2 at Z = 0: f - F* = 2, and m = 1 would say -6 "
        "(m = 0 says 2)",
        "gradient": "no slice, Y = 4, lam = 1: f - F* = 4.5, and W = 1 instead of 4 would say -4.5",
        "equal degrees": "phi = a b c with weight decay, Y = 27, lam = 1, no slice: F* <= 9, so "
        "f - F* >= 355.5; Omega(z) = |z|^(2/3) and the polar is 27, so the right side is "
        "26 t^2 - t^6 / 2 at t = |Z*|^(1/3), below 234 for every t",
    },
)
BOUND = "f(X) - F* <= its bound"


@dataclass(frozen=True)
class Instance:
    """Balanced slices with their W, and the weights c."""

    balanced: Balanced
    weights: Matrix


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    balanced = draw(instances())
    rows, columns = len(balanced.inside), len(balanced.inside[0])
    return Instance(balanced, draw(matrices(rows, columns, positives(4))))


INSTANCES = _instances()


def minimum(Y: Vector, c: Vector, lam: Fraction) -> Fraction:
    """Return F* = max d(W), d(W) = sum w y - w^2 / (2 c), |w| <= lam."""
    clipped = [max(-lam, min(lam, k * y)) for k, y in zip(c, Y, strict=True)]
    return total(w * y - w * w / (2 * k) for w, y, k in zip(clipped, Y, c, strict=True))


def minimizer(Y: Vector, c: Vector, lam: Fraction) -> Vector:
    """Return Z*, the soft-thresholded Y."""
    pairs = zip(Y, c, strict=True)
    return [
        (abs(y) - lam / k) * (1 if y > 0 else -1) if k * abs(y) > lam else y * 0 for y, k in pairs
    ]


def sides(i: Instance) -> Iterator[Check]:
    """Yield f - F* against the bound."""
    b = i.balanced
    Z = flat(product(b.us, b.vs, len(b.inside), len(b.inside[0])))
    W, c = b.question()[1], flat(i.weights)
    Y = [z + w / k for z, w, k in zip(Z, flat(W), c, strict=True)]
    fit = total(k * (z - y) ** 2 for k, z, y in zip(c, Z, Y, strict=True)) / 2
    best = minimizer(Y, c, b.lam)
    apart = [[z - x for z, x in zip(Z, best, strict=True)]]
    bound = l1(best) * (largest(W) - b.lam) - min(c) * inner(apart, apart) / 2
    here = fit + b.lam * price(b.us, b.vs)
    yield Check(BOUND, here - minimum(Y, c, b.lam), "<=", bound)


def fixed() -> Iterator[Check]:
    """Yield an entry left out, where the bound is attained."""
    one = Fraction(1)
    yield from sides(Instance(Balanced(one, [], [], [vector(4)], ([], [])), [vector(1)]))


@dataclass(frozen=True)
class Gap:
    """A problem with one output, W at its slices X, and m; the other slice is a minimum."""

    point: Point
    W: Fraction
    m: Fraction = ONE

    def balanced(self) -> Iterator[Check]:
        """Yield that <W, phi> = lam theta for each slice."""
        p = self.point
        yield Check("slices", ZERO, "<=", Fraction(len(p.X)))
        for x in p.X:
            yield Check("a slice", self.W * p.phi(x)[0], "==", p.lam * p.theta(x))

    def gradient(self) -> Iterator[Check]:
        """Yield that W = -grad loss."""
        yield from self.point.loss.gradient([self.W], self.point.sum(self.point.X))

    def on_the_line(self) -> Check:
        """Return f(X) - F* against its bound, for phi = z, theta = |z|: F is convex in z."""
        p = self.point
        lowest = replace(p, X=p.others)
        if len(p.others) != 1 or not all(c.true() for c in lowest.local_minimum()):
            raise NoCounterexampleError("the other slice is no minimum")
        (Z,), (best,) = p.sum(p.X), p.sum(p.others)
        bound = abs(best) * (abs(self.W) - p.lam) - self.m * (Z - best) ** 2 / 2
        return Check(BOUND, p.value(p.X) - p.value(p.others), "<=", bound)

    def decayed(self) -> Check:
        """Return f(X) - F* >= f(X) - f(X') against the largest bound, whatever Z* is.

        With weight decay Omega(z) = |z|^(2/3), the polar is |W|: the bound is (|W| - lam) s -
        m s^3 / 2 at s = |Z*|^(2/3), so at most (|W| - lam) S where it falls below 0 from S on.
        """
        p, S, (t,) = self.point, Fraction(9), variables((None,))
        slope = abs(self.W) - p.lam
        falls = nonnegative("beyond S", self.m * (t + S) ** 3 / 2 - slope * (t + S))
        if p.X or not all(c.true() for c in falls):
            raise NoCounterexampleError("the bound may be larger")
        return Check(BOUND, p.value(p.X) - p.value(p.others), "<=", slope * S)


HYPOTHESES = {
    "balanced slices": Gap.balanced,
    "strong convexity": lambda g: g.point.loss.convex(g.m),
    "gradient": Gap.gradient,
    "equal degrees": lambda g: g.point.equal_degrees(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield slices that are farther from the minimum than the bound."""
    line = Point(1, _product, _size, squared(4), ONE, (), ((Fraction(3),),))
    heavy = Gap(replace(line, X=((Fraction(4),),)), ZERO)
    yield Counterexample("balanced slices", heavy, Gap.on_the_line)
    absolute = Loss((Term("absolute", (1,), -4),), ((Fraction(5),), (Fraction(6),)))
    flat_loss = replace(line, loss=absolute, lam=Fraction(1, 2), others=((Fraction(4),),))
    yield Counterexample("strong convexity", Gap(flat_loss, ONE), Gap.on_the_line)
    yield Counterexample("gradient", Gap(line, ONE), Gap.on_the_line)
    cube = Point(3, _product, _decay, squared(27), ONE, (), ((Fraction(3),) * 3,))
    yield Counterexample("equal degrees", Gap(cube, Fraction(27)), Gap.decayed)
