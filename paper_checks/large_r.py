"""Large r: the finite construction, executed from any card(D) + 1 slices to a global minimum.

First reduce the slices to independent ones, down dependences that do not raise the cost; then
pivot to the cheapest slices of the same sum; then follow Z(t) = (1 - t) Z0 + t Z*, always with
the cheapest slices. Every move is straight, so f on it is linear, quadratic or, for the
absolute loss, convex and piecewise linear, in rationals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from . import _absolute
from ._barriers import FALLS, Barrier, barriers
from ._base import Check, Counterexample, Statement
from ._cases import Case, among, order
from ._draw import rationals, vectors
from ._fit import below, fit
from ._linear import Vector, combine, exact, plus
from ._models import Factors, Model, linear, network, times
from ._simplex import Columns, Weights, completed, follow, pivots, reduce

STATEMENT = Statement(
    title="Large r",
    words="With more than card(D) slices, a path on which f never rises leads from any point to a "
    "global minimum.",
    formula="r > card(D)  =>  from every X a continuous X(s), X(0) = X, has f_r(X(s)) "
    "non-increasing and f_r(X(1)) = min F",
    needs={
        "r > card(D)": "one number, one slice (a, b) >= 0, phi = a + b, theta from a + 2b on the "
        "axes to 20 (a + b) between: at b = 8, y = 10, lam = 1, f = 18, and the way to a = 9, "
        "f = 19/2, passes 50. And u v^T in l1 norms, Y = diag(3, 2), lam = 1/2, r = 1: 43/8 at "
        "entry (2, 2) is a strict local minimum, 27/8 is possible",
        "convex loss": "(z^2 - 1)^2 + 1 - z / 4 on the line, lam = 1/8: from -1 with 11/8 to 1 "
        "with 7/8 one passes z = 0, with 2 at least, whatever r is",
        "equal degrees": "phi = a b c, theta = a^2 + b^2 + c^2, y = 10, lam = 2: from the origin "
        "with 50 to a = b = c = 2 with 26 one passes sum theta = 3/4, where |Z| <= 1/8",
    },
    gap="r = card(D) is not claimed, and the first counterexample shows that it does not suffice. "
    "The construction is ours, for theta with finitely many extreme slices.",
)
ENDS = "f ends at min F"
ROOM, CHEAPEST = "slices <= card(D) + 1", "on the last way the slices cost Omega(Z)"
SLOPE = "f falls to the end of each leg"
CHORD = "on the last way f is below its chord"
V = (exact([1, 2]), exact([-1, 1]), exact([2, -1]))
MODELS = (
    linear(("l1", "l1"), (2, 2)),
    linear(("linf", "linf"), (2, 2)),
    linear(("l1", "linf"), (1, 3)),
    linear(("l1", "linf", "l1"), (1, 2, 2)),
    network(V),
)
HALF, DENSE = Fraction(1, 2), tuple(Fraction(k, 16) for k in range(17))


@dataclass(frozen=True)
class Instance:
    """A model, its data and lam, card(D) + 1 slices to start from, and "squared" or "absolute"."""

    model: Model
    y: Vector
    lam: Fraction
    start: tuple[Factors, ...]
    loss: str = "squared"

    def objective(self, slices: Sequence[Factors]) -> Fraction:
        """Return f."""
        return self.model.objective(slices, self.y, self.lam, self.loss)


@dataclass(frozen=True)
class Leg:
    """A straight move of coefficients; on the last way, from time t0 to t1."""

    before: Weights
    after: Weights
    times: tuple[Fraction, Fraction] | None = None

    def at(self, s: Fraction) -> Weights:
        """Return the coefficients at s in [0, 1]."""
        both = self.before.keys() | self.after.keys()
        zero = Fraction(0)
        ends = {j: (self.before.get(j, zero), self.after.get(j, zero)) for j in sorted(both)}
        return {j: (1 - s) * a + s * b for j, (a, b) in ends.items() if a or b}


@dataclass(frozen=True)
class Path:
    """The legs, over columns: the start's slices and then the extreme ones, as factors."""

    instance: Instance
    factors: tuple[Factors, ...]
    columns: Columns
    legs: tuple[Leg, ...]

    def value(self, leg: Leg, s: Fraction) -> Fraction:
        """Return f by the factors."""
        slices = [times(c, self.factors[j]) for j, c in leg.at(s).items()]
        return self.instance.objective(slices)

    def sum(self, c: Weights) -> Vector:
        """Return Z."""
        return combine(list(c.values()), [self.columns.phi[j] for j in c], len(self.instance.y))


def walk(i: Instance) -> Path:
    """Build the path."""
    factors = (*i.start, *i.model.kept)
    columns = Columns(tuple(map(i.model.phi, factors)), tuple(map(i.model.theta, factors)))
    path = Path(i, factors, columns, ())
    c: Weights = {j: Fraction(1) for j in range(len(i.start))}
    legs, start = [], path.sum(c)
    for after in reduce(columns, c):
        legs.append(Leg(c, after))
        c = after
    basis = completed(columns, c)
    for cheaper, after in pivots(columns, basis, start):
        legs.append(Leg(c, after))
        basis, c = cheaper, after
    t, end = Fraction(0), target(i)
    for later, optimal in follow(columns, basis, start, end):
        after = columns.weights(optimal, plus(start, plus(end, start, -1), later))
        legs.append(Leg(c, after, (t, later)))
        c, t = after, later
    return Path(i, factors, columns, tuple(legs))


def target(i: Instance) -> Vector:
    """Return Z*, the sum of a global minimum."""
    whole = fit(i.model.rays, i.y, i.lam)
    if i.loss == "squared":
        return plus(i.y, whole.residual(whole.minimum()), -1)
    return plus(i.y, whole.residual(_absolute.coefficients(i.model.rays, i.y, i.lam)), -1)


def bound(i: Instance, Z: Vector) -> Fraction:
    """Return a dual value, which no factorization of any size is below."""
    if i.loss == "squared":
        return below(i.model.rays, plus(i.y, Z, -1), i.y, i.lam)
    return _absolute.bound(i.model.rays, i.y, i.lam)


def path(i: Instance, samples: int = 16) -> list[tuple[float, float]]:
    """Return (leg + s, f) along the path, for a picture."""
    way = walk(i)
    steps = [Fraction(k, samples) for k in range(samples + 1)]
    return [
        (float(n + s), float(way.value(leg, s))) for n, leg in enumerate(way.legs) for s in steps
    ]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    model = draw(st.sampled_from(MODELS))
    size = len(model.phi(model.extreme[0]))
    slices = st.tuples(*(vectors(n).map(exact) for n in model.lengths))
    start = draw(st.lists(slices, min_size=size + 1, max_size=size + 1))
    y, loss = exact(draw(vectors(size))), draw(st.sampled_from(("squared", "absolute")))
    lam = draw(rationals(1, 4))
    if draw(st.booleans()):  # around the size where slices are needed
        lam = model.rays.polar(y) * draw(st.sampled_from((HALF, 1, 2))) or lam
    return Instance(model, y, lam, tuple(start), loss)


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield f along the path, its end against the dual value, and each last leg against Omega."""
    yield from checked(i, (Fraction(0), HALF, Fraction(1)))


def checked(i: Instance, samples: tuple[Fraction, ...]) -> Iterator[Check]:
    """Yield the checks with these samples of a leg, 0 and 1 among them.

    Where the sum stays, f is linear. With the squared loss f is q(s) = a s^2 + b s + c with
    a >= 0, so it never rises if 2a + b <= 0, which is 3 q(1) + q(0) <= 4 q(1/2). With the
    absolute loss the last way is convex and below its chord, which falls.
    """
    way, last = walk(i), i.objective(i.start)
    for leg in way.legs:
        f = {s: way.value(leg, s) for s in samples}
        for s in samples:
            yield Check(FALLS, f[s], "<=", last)
            last = f[s]
        if i.loss == "squared" or not leg.times:
            yield Check(SLOPE, (3 * f[samples[-1]] + f[samples[0]]) / 4, "<=", f[HALF])
        yield Check(ROOM, Fraction(len(leg.at(HALF))), "<=", Fraction(len(i.y) + 1))
    yield from last_way(way)
    yield Check(ENDS, last, "==", bound(i, way.sum(way.legs[-1].after)))


def last_way(way: Path) -> Iterator[Check]:
    """Yield the cost against Omega's own program, and f against its chord."""
    legs = [leg for leg in way.legs if leg.times]
    first, end = way.value(legs[0], Fraction(0)), way.value(legs[-1], Fraction(1))
    for leg in legs:
        c = leg.at(HALF)
        cost = sum((x * way.columns.theta[j] for j, x in c.items()), Fraction(0))
        yield Check(CHEAPEST, cost, "==", way.instance.model.rays.omega(way.sum(c)).value)
        for t, s in ((sum(leg.times) / 2, HALF), (leg.times[1], Fraction(1))):
            yield Check(CHORD, way.value(leg, s), "<=", (1 - t) * first + t * end)


def named() -> Instance:
    """Return the instance of the picture: 2 x 2, linf norms, five slices."""
    start = (
        ((1, 2), (2, -1)),
        ((1, 2), (2, -1)),
        ((3, -1), (1, 1)),
        ((-1, 1), (2, 3)),
        ((2, 2), (1, 0)),
    )
    slices = tuple((exact(u), exact(v)) for u, v in start)
    return Instance(MODELS[1], exact([5, -1, 0, 4]), Fraction(1, 2), slices)


CASES: dict[str, Case] = {
    **among("model:", lambda i: i.model, MODELS),
    **among("loss:", lambda i: i.loss, ("squared", "absolute")),
    **order("the polar of y", "lam", lambda i: i.model.rays.polar(i.y) - i.lam),
}
NEVER: dict[str, tuple[str, ...]] = {}


def fixed() -> Iterator[Check]:
    """Yield a path for each model."""
    yield from checked(named(), DENSE)
    for model in MODELS:
        size = len(model.phi(model.extreme[0]))
        slices = [
            tuple(
                exact([(3 * k + 2 * a + b) % 5 - 1 for a in range(n)])
                for b, n in enumerate(model.lengths)
            )
            for k in range(size + 1)
        ]
        y = exact([Fraction((-1) ** k * (3 * k + 5), 2) for k in range(size)])
        for loss in ("squared", "absolute"):
            yield from checked(Instance(model, y, HALF, tuple(slices), loss), DENSE)


HYPOTHESES = {
    "r > card(D)": Barrier.enough,
    "convex loss": lambda b: b.point.convex(),
    "equal degrees": lambda b: b.point.equal_degrees(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield the barriers that every path has to pass."""
    for name, barrier in barriers():
        yield Counterexample(name, barrier, Barrier.conclusion)
