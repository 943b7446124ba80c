"""The meta-algorithm executed on rays: each slice has a ray, and a zero slice may take any.

So a point is a local minimum exactly when scaling a slice does not lower f and, if it has a zero
slice, no ray does: both are decided in rationals.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import strategies as st

from . import _counterpoints, zero_slice
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted, order
from ._draw import rationals, vectors
from ._exact import dot, scale
from ._fit import Fit, dual_value, enumerated, fit, orthogonal, room
from ._linear import Vector, dependence, exact, outer, plus
from ._rays import Rays, both, entries, hexagon, relu, rows, signs

STATEMENT = Statement(
    title="Meta-algorithm",
    words="Descend to a local minimum. If a slice is zero, stop: the point is global. Otherwise "
    "use a dependence of the slices to make one of them zero at no cost, or append a zero slice, "
    "and repeat. f never rises, and the end is a global minimum, after at most card(D) + 1 slices.",
    formula="f(X_k+1) <= f(X_k);  f(X_end) = min F;  Omega*(Y - Z_end) <= lam;  r <= card(D) + 1",
    needs={
        "local minimum": "the origin is stationary and has a zero slice: stopping there leaves 8 "
        "for y = 4, lam = 1 on the line, where 3.5 is possible",
        "zero slice": "a local minimum alone is no reason to stop: diag(3, 2) at lam = 1/2 with "
        "the one slice 5/2 at the first entry has 3.375, and two slices reach 2.25",
        "convex loss": "z^4 / 4 - z^3 on the line, lam = 1: the origin is a local minimum with a "
        "zero slice, and f = -15/4 at z = 3",
        "differentiable loss": "5 |z1 - z2| + max(-z1 - z2, -10), rays e1 and e2, lam = 1/4: one "
        "slice at zero is a local minimum, and (5, 5) has -15/2",
        "equal degrees": "phi = a b c, theta = (a^2 + b^2 + c^2) / 3, y = 27, lam = 1: the origin "
        "is a local minimum with a zero slice and has 729/2, a = b = c = 3 has 9",
    },
    gap="Local descent may stop at a point that is only stationary, or continue forever. Here "
    "each descent ends, because the rays are finitely many, and whether its end is a local minimum "
    "is decided exactly.",
)
FALLS, MERGED = "f never rises", "a merge leaves f"
ENDS, POLAR = "the end is the global minimum", "at the end the polar is at most lam"
ROOM = "slices <= card(D) + 1"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
SMALL = relu((exact([1, 2]), exact([-1, 1])))
FAMILIES = (entries(2, 2), signs(2), signs(3), rows(1, 3), hexagon(), SMALL, NET)
ORTHOGONAL = (FAMILIES[0], FAMILIES[1], FAMILIES[2])


@dataclass(frozen=True)
class Instance:
    """Rays, data, lam, and the slices to start from: (ray, coefficient)."""

    rays: Rays
    y: Vector
    lam: Fraction
    start: tuple[tuple[int, Fraction], ...]


@dataclass
class Run:
    """The slices (ray, coefficient), and the steps so far: (step, f, slices)."""

    fit: Fit
    slices: list[tuple[int, Fraction]]
    trace: list[tuple[str, Fraction, int]] = field(default_factory=list)

    def note(self, step: str) -> None:
        """Record f, evaluated at the slices."""
        self.trace.append((step, self.value(), len(self.slices)))

    def value(self) -> Fraction:
        """Return f at the slices, slice by slice."""
        W, cost = self.residual(), sum((self.fit.theta[j] * c for j, c in self.slices), ZERO)
        return dot(W, W) / 2 + self.fit.lam * cost

    def residual(self) -> Vector:
        """Return W = y - Z."""
        W = self.fit.y
        for j, c in self.slices:
            W = plus(W, self.fit.phi[j], -c)
        return W

    def zero(self) -> int | None:
        """Return the place of a zero slice."""
        return next((k for k, (_, c) in enumerate(self.slices) if not c), None)

    def grow(self) -> bool:
        """Give a zero slice the ray that falls fastest, and its best size; False if none falls."""
        k, W = self.zero(), self.residual()
        gains = [self.fit.gain(j, W) / t for j, t in enumerate(self.fit.theta)]
        j = max(range(len(gains)), key=gains.__getitem__)
        if k is None or gains[j] <= 0:
            return False
        phi = self.fit.phi[j]
        self.slices[k] = (j, self.fit.gain(j, W) / dot(phi, phi))
        return True

    def descend(self) -> None:
        """Go down to a local minimum: scale the slices, and let zero slices grow."""
        while True:
            for c in self.own().descend(tuple(c for _, c in self.slices)):
                self.slices = [(j, x) for (j, _), x in zip(self.slices, c, strict=True)]
                self.note("descend")
            if not self.grow():
                return
            self.note("grow")

    def own(self) -> Fit:
        """Return the problem over the slices' rays."""
        rays = [j for j, _ in self.slices]
        phi, theta = tuple(self.fit.phi[j] for j in rays), tuple(self.fit.theta[j] for j in rays)
        return Fit(phi, theta, self.fit.y, self.fit.lam)

    def merge(self) -> bool:
        """Follow a dependence until a slice is zero; False if the slices are independent."""
        beta = dependence(self.own().phi)
        if beta is None:
            return False
        c = tuple(c for _, c in self.slices)
        if min(beta) >= 0:
            beta = tuple(scale(Fraction(-1), beta))
        c = plus(c, beta, room(c, beta))
        self.slices = [(j, x) for (j, _), x in zip(self.slices, c, strict=True)]
        return True


def run(i: Instance) -> Run:
    """Run it to the end."""
    now = Run(fit(i.rays, i.y, i.lam), list(i.start))
    now.note("start")
    while True:
        now.descend()
        if now.zero() is not None:
            now.slices = [s for s in now.slices if s[1]]
            now.note("remove")
            return now
        if now.merge():
            now.note("merge")
        else:
            now.slices.append((0, ZERO))
            now.note("append")


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    rays = draw(st.sampled_from(FAMILIES))
    slices = st.tuples(st.integers(0, len(rays.phi) - 1), rationals(1))
    start = draw(st.lists(slices, max_size=rays.size + 1))
    y, lam = exact(draw(vectors(rays.size))), draw(rationals(1, 4))
    if draw(st.booleans()):  # around the size where slices are needed
        lam = rays.polar(y) * draw(st.sampled_from((Fraction(1, 2), 1, 2))) or lam
    if draw(st.booleans()):  # two slices on the steepest ray
        gains = [dot(y, p) / t for p, t in zip(rays.phi, rays.theta, strict=True)]
        start = [(gains.index(max(gains)), c / 16) for _, c in start[:2]]
    return Instance(rays, y, lam, tuple(start))


INSTANCES = _instances()


def known(i: Instance) -> Fraction:
    """Return min F by soft thresholds, or by enumeration of the supports."""
    return (orthogonal if i.rays in ORTHOGONAL else enumerated)(i.rays, i.y, i.lam)


def sides(i: Instance) -> Iterator[Check]:
    """Yield each step against the last, and the end against the enumerated minimum."""
    done = run(i)
    for (_, before, _), (step, after, r) in zip(done.trace, done.trace[1:], strict=False):
        yield Check(FALLS, after, "<=", before)
        yield Check(ROOM, Fraction(r), "<=", Fraction(i.rays.size + 1))
        if step == "merge":
            yield Check(MERGED, after, "==", before)
    W = done.residual()
    yield Check(ENDS, done.value(), "==", known(i))
    yield Check(POLAR, i.rays.polar(W), "<=", i.lam)
    yield Check(ENDS, done.value(), "==", dual_value(W, i.y))


CASES: dict[str, Case] = {
    **among("rays:", lambda i: i.rays.name, [rays.name for rays in FAMILIES]),
    **counted("slice at the start", lambda i: sum(c > 0 for _, c in i.start)),
    **order("the polar of y", "lam", lambda i: i.rays.polar(i.y) - i.lam),
}
_SMALL = ("the polar of y < lam", "the polar of y = lam")
NEVER: dict[str, tuple[str, ...]] = {
    POLAR: (f"{_SMALL[0]}: equal", f"{_SMALL[1]}: strict", "the polar of y > lam: strict"),
    MERGED: (*_SMALL, "no slice at the start", "one slice at the start"),
}


def fixed() -> Iterator[Check]:
    """Yield runs of every kind."""
    one, half = Fraction(1), Fraction(1, 2)
    yield from sides(Instance(hexagon(), exact([5, 5]), one, ((0, one), (2, one))))
    yield from sides(Instance(hexagon(), exact([5, 2]), one, ((0, one), (0, one), (0, 2 * one))))
    for i in named():
        yield from sides(i)
    rays, y = rotated()
    done = run(Instance(rays, y, half, ((6, one),)))
    yield Check(ENDS, done.value(), "==", half * (3 + 2) - half**2)  # thresholds 3, 2 by 1/2
    (a, b), (c, d) = done.residual()[:2], done.residual()[2:]
    spectral = max(a * a + c * c, b * b + d * d) + abs(a * b + c * d)  # row sums of W^T W
    yield Check(POLAR, spectral, "<=", half**2)


def named() -> Iterator[Instance]:
    """Yield each family from nothing, from two good slices on one ray, and with a poor one."""
    for rays in FAMILIES:
        y = exact([(-1) ** k * Fraction(3 * k + 4, 2) for k in range(rays.size)])
        good = max(range(len(rays.phi)), key=lambda j: dot(y, rays.phi[j]) / rays.theta[j])
        poor = min(range(len(rays.phi)), key=lambda j: dot(y, rays.phi[j]) / rays.theta[j])
        for start in ((), (good, good), (good, poor)):
            yield Instance(rays, y, Fraction(1, 2), tuple((j, Fraction(1, 16)) for j in start))


def rotated() -> tuple[Rays, Vector]:
    """Return u v^T with l2 norms, u and v from rational orthonormal bases, and the data.

    Y = 3 u1 v1^T + 2 u2 v2^T. The end has W = lam (u1 v1^T + u2 v2^T), of spectral norm lam, so
    it is global among all u and v.
    """
    us = [exact(x) for x in ((Fraction(3, 5), Fraction(4, 5)), (Fraction(-4, 5), Fraction(3, 5)))]
    vs = [
        exact(x)
        for x in ((Fraction(5, 13), Fraction(12, 13)), (Fraction(-12, 13), Fraction(5, 13)))
    ]
    phi = both([outer(u, v) for u in us for v in vs])
    y = plus(scale(Fraction(3), outer(us[0], vs[0])), outer(us[1], vs[1]), 2)
    return Rays("matrix, l2 x l2, rotated", phi, exact([1] * len(phi))), y


HYPOTHESES = {
    name: zero_slice.HYPOTHESES[name]
    for name in ("local minimum", "zero slice", "convex loss", "differentiable loss")
}
HYPOTHESES["equal degrees"] = zero_slice.HYPOTHESES["equal degrees"]


def counterexamples() -> Iterator[Counterexample]:
    """Yield points where the algorithm would stop, and lower ones."""
    points = {**_counterpoints.POINTS, "differentiable loss": _counterpoints.RIDGE}
    for name in HYPOTHESES:
        yield Counterexample(name, points[name], lambda p: p.compare(ENDS, "=="))
