"""The polar at stationary points, loss 1/2 |Z - y|^2, polyhedral theta, all in rationals.

One slice is scaled to where f is least along its scaling: there p <W, phi(x)> = p lam theta(x), so
the polar, enumerated over the extreme slices, is at least lam. At the origin there is no slice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, order
from ._counterpoints import decay, product, size
from ._draw import positives, vectors
from ._exact import dot, scale, vector
from ._fit import enumerated, fit
from ._linear import Vector, combine, exact, plus
from ._models import Factors, Model, linear, network, times
from ._necessity import NoCounterexampleError
from ._points import NEAR, Loss, Point, Term, squared
from ._polynomial import variables
from ._problems import tight
from ._slopes import CUSP, least_of_cusp, polar, subgradient
from ._told import told_of

STATEMENT = Statement(
    title="The polar at stationary points",
    words="At a stationary point with a slice of positive cost, the polar is at least lam; at a "
    "global minimum for every size it is exactly lam. It can be below lam only if every slice has "
    "cost 0, as at the origin, and such a point is a global minimum. So the smallest lam for "
    "which the origin is optimal is the polar of -grad loss at 0.",
    formula="X stationary, theta(X_i) > 0 for some i  =>  Omega*(W) >= lam;   "
    "f_r(X) = min F, theta(X_i) > 0 for some i  =>  Omega*(W) = lam;   "
    "0 is a global minimum  <=>  Omega*(-grad loss at 0) <= lam",
    needs={
        "stationary": "the slice 4 for Y = 4, lam = 1 costs 4, and W = 0",
        "a slice that costs": "the origin for Y = 1/2, lam = 1: W = 1/2, and the origin is optimal",
        "differentiable loss": "|z - 4| with lam = 1/2 has its minimum at z = 4; there W = 0 is a "
        "subgradient too, and its polar is 0 (W = 1/2 is the one that certifies)",
        "equal degrees": "phi = a b c with weight decay, y = 25/3, lam = 1: a = b = c = 2 is "
        "stationary, with W = 1/3, and the polar is 1/3",
        "convex loss": "|z|^3 / 12 - 5 z^2 / 8 with lam = 1: at 0 the polar is 0, but z = 4 has "
        "-2/3, the minimum: the derivative for z > 0 is (z - 1) (z - 4) / 4",
    },
    rests={"polar <= lam: f(0) = min F": ("differentiable loss", "equal degrees", "convex loss")},
    gap="It is enough that f is stationary along the scaling of one slice. That derivative exists "
    "because phi and theta are homogeneous; neither needs a gradient. At a global minimum for one "
    "size r only, the polar can be larger than lam.",
)
STATIONARY = "f does not change along the slice, to first order"
AT_LEAST, EXACTLY = "lam <= Omega*(W)", "at a minimum the polar is lam"
ORIGIN, BELOW = "polar <= lam: f(0) = min F", "polar > lam: min F < f(0)"
V = (exact([1, 2]), exact([-1, 1]), exact([2, -1]))
MODELS = (
    linear(("l1", "l1"), (1, 3)),
    linear(("linf", "linf"), (2, 2)),
    linear(("l1", "linf", "l1"), (1, 2, 1)),
    network(V),
)
RATIOS = vector("1/4", "9/10", 1, "11/10", 3)


@dataclass(frozen=True)
class Instance:
    """A model, data, lam, a slice, and the sum of phi of all others."""

    model: Model
    y: Vector
    lam: Fraction
    x: Factors
    others: Vector


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw lam around the polar at 0, and the other slices' sum."""
    model = draw(st.sampled_from(MODELS))
    y = exact(draw(vectors(model.rays.size).filter(any)))
    x = tuple(exact(draw(vectors(n).filter(any))) for n in model.lengths)
    if draw(st.booleans()):  # the best slice of its ray is a minimum
        W, faces = tight(model, y)
        x = draw(st.sampled_from(faces))
        if draw(st.booleans()):
            y = plus(W, model.phi(x), draw(positives(4)))
            return Instance(model, y, Fraction(1), x, combine([], [], len(y)))
        small, against = draw(st.sampled_from(vector("1/2", 1))), -draw(positives(4)) - 1
        others = exact(scale(against, model.phi(x)))
        return Instance(model, exact(scale(small, W)), Fraction(1), x, others)
    lam = draw(st.sampled_from(RATIOS)) * (model.rays.polar(y) or 1)
    small = (exact([e / 4 for e in draw(vectors(n))]) for n in model.lengths)
    against = (*x[:-1], exact(scale(Fraction(-draw(st.integers(0, 4))), x[-1])))
    others = draw(st.sampled_from((tuple(small), against)))
    return Instance(model, y, lam, x, model.phi(others))


INSTANCES = _instances()


def scaled(i: Instance) -> Factors | None:
    """Return the slice where f is least along its scaling, None if that is 0 or phi is 0."""
    phi = i.model.phi(i.x)
    gain = dot(plus(i.y, i.others, -1), phi) - i.lam * i.model.theta(i.x)
    return times(gain / dot(phi, phi), i.x) if gain > 0 else None


def sides(i: Instance) -> Iterator[Check]:
    """Yield the polar at a point stationary along one slice, at a minimum, and at the origin."""
    rays, x = i.model.rays, scaled(i)
    if x:
        W = plus(plus(i.y, i.others, -1), i.model.phi(x), -1)
        yield Check(STATIONARY, dot(W, i.model.phi(x)), "==", i.lam * i.model.theta(x))
        yield Check(AT_LEAST, i.lam, "<=", rays.polar(W))
    whole = fit(rays, i.y, i.lam)
    c, zero = whole.minimum(), dot(i.y, i.y) / 2
    if any(c):
        yield Check(EXACTLY, rays.polar(whole.residual(c)), "==", i.lam)
    if rays.polar(i.y) <= i.lam:
        yield Check(ORIGIN, zero, "==", enumerated(rays, i.y, i.lam))
    else:
        yield Check(BELOW, whole.value(c), "<", zero)


CASES: dict[str, Case] = {
    **among("model:", lambda i: i.model, MODELS),
    **order("the polar of y", "lam", lambda i: i.model.rays.polar(i.y) - i.lam),
    "other slices": lambda i: any(i.others),
    "no other slice": lambda i: not any(i.others),
}
NEVER: dict[str, tuple[str, ...]] = {
    BELOW: ("the polar of y < lam", "the polar of y = lam"),
    ORIGIN: ("the polar of y > lam",),
    EXACTLY: ("the polar of y < lam", "the polar of y = lam"),
}


def fixed() -> Iterator[Check]:
    """Yield an extreme slice for each model, lam at and just below the polar."""
    for model in MODELS:
        rays = model.rays
        k = max(range(len(rays.phi)), key=lambda j: dot(rays.phi[j], rays.phi[j]))
        y = exact(rays.phi[k])
        for ratio in vector("1/2", 1, "9999/10000"):
            lam = ratio * rays.polar(y)
            yield from sides(Instance(model, y, lam, model.kept[k], combine([], [], rays.size)))


@dataclass(frozen=True)
class At:
    """A point of one number of output, and W, minus a slope of the loss there."""

    point: Point
    W: Fraction

    def stationary(self) -> Iterator[Check]:
        """Yield that f has no slope below 0, along each entry and along all of X."""
        p = self.point
        here = tuple(a for x in p.X for a in x)
        units = [[Fraction(int(i == k)) for i in range(len(here))] for k in range(len(here))]
        (t,) = variables((NEAR,))
        for d in (*units, here):
            for step in (t, -t):
                there = p.value(p.moved([a + step * b for a, b in zip(here, d, strict=True)]))
                yield Check("the slope", ZERO, "<=", (there + ZERO * t).terms.get((1,), ZERO))

    def costing(self) -> Iterator[Check]:
        """Yield that some slice costs something."""
        yield Check("the largest theta", ZERO, "<", max(map(self.point.theta, self.point.X)))

    def polar(self) -> Fraction:
        """Return Omega*(W), -W a slope of the loss at the sum."""
        if not all(
            c.true() for c in subgradient(self.point.loss, self.W, *self.point.sum(self.point.X))
        ):
            raise NoCounterexampleError("-W is no slope of the loss")
        return polar(self.point, self.W)

    def at_least(self) -> Check:
        """Return lam against the polar."""
        return Check(AT_LEAST, self.point.lam, "<=", self.polar())

    def origin(self) -> Check:
        """Return f at the origin, where the polar is at most lam, against min F."""
        if self.polar() > self.point.lam or any(map(any, self.point.X)):
            raise NoCounterexampleError("the polar is larger, or it is not the origin")
        least = least_of_cusp(self.point)
        if self.point.value(self.point.others) != least:
            raise NoCounterexampleError("the others are no minimum")
        return Check(ORIGIN, self.point.value(self.point.X), "==", least)


HYPOTHESES = {
    "stationary": At.stationary,
    "a slice that costs": At.costing,
    "differentiable loss": lambda i: i.point.differentiable(),
    "equal degrees": lambda i: i.point.equal_degrees(),
    "convex loss": lambda i: i.point.convex(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield a slice that is too long, the origin, a kink, three factors, and two valleys."""
    one, zero, half = Fraction(1), (ZERO, ZERO), Fraction(1, 2)
    long = Point(2, product, size, squared(4), one, (exact([4, 1]),))
    kink = replace(long, loss=Loss((Term("absolute", b=-4),)), lam=half)
    cube = Point(3, product, decay, squared(Fraction(25, 3)), one, (exact([2, 2, 2]),))
    well = replace(long, loss=CUSP, X=(zero,), others=(exact([2, 2]),))
    for name, example, conclusion, numbers in (
        ("stationary", At(long, ZERO), At.at_least, ("1", "0")),
        (
            "a slice that costs",
            At(replace(long, loss=squared(half), X=(zero,)), half),
            At.at_least,
            ("1", "1/2"),
        ),
        ("differentiable loss", At(kink, ZERO), At.at_least, ("1/2", "0")),
        ("equal degrees", At(cube, Fraction(1, 3)), At.at_least, ("1", "1/3")),
        ("convex loss", At(well, ZERO), At.origin, ("0", "-2/3")),
    ):
        yield Counterexample(name, example, partial(told_of, conclusion, numbers))
