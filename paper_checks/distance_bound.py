"""Distance bound: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 sum c (z - y)^2, c > 0, in rationals.

The loss is m-strongly convex, m = min c; Omega(Z) = sum |Z_ij|.  F's minimum comes from its dual,
F* = d(W*) with W* = cY clipped to [-lam, lam], and its minimizer Z* from soft-thresholding.

And the families of `_problems`, with offset variables q of a penalty: weights c = s^2 make F a
problem over rays, with one pair of rays more for each variable, and its multiplier proves F*.

And losses of `_curved` that are no squares; one of them is strongly convex on bounded sets only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._balanced import inside, points
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted
from ._counterpoints import decay as _decay
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._curved import BARRIER, ODD, Curved, curved
from ._draw import matrices, positives, vectors
from ._exact import (
    Matrix,
    Vector,
    dot,
    flat,
    inner,
    l1,
    largest,
    price,
    product,
    scale,
    total,
    vector,
)
from ._fit import Fit
from ._linear import combine, plus
from ._lp import unit
from ._models import Model
from ._necessity import NoCounterexampleError
from ._points import Loss, Point, Term, squared
from ._polynomial import ONE, nonnegative, variables
from ._problems import MODELS, NAMED, Candidate, Problem, across, perfect_root
from ._rays import both
from .append_a_zero import Instance as Balanced
from .append_a_zero import instances

STATEMENT = Statement(
    title="Distance bound",
    words="The gap between balanced slices and the global minimum is bounded by the relative "
    "excess of the polar over lam, times lam Omega(Z*), minus a term of strong convexity.",
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
    gap="Strong convexity is used only between Z and Z*. So a loss that is strongly convex on "
    "bounded sets, such as a / t + c t for t > 0 or the logistic loss, has the bound with the m "
    "of a convex set that contains both. The logistic loss is not among the instances because its "
    "values are irrational.",
)
BOUND, ATTAINED = "f(X) - F* <= its bound", "f(X) - F* is its bound, where it is attained"
SUPPORT, BEST = "loss(Z*) >= its line at Z + m/2 |Z - Z*|^2", "F* <= f_s(X')"
INSIDE, LOWEST = "<W*, phi> - lam theta + lam <= lam for every ray", "F* = d(W*)"


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


@dataclass(frozen=True)
class Weighted:
    """Balanced slices with q and W = -grad loss of the loss 1/2 sum s^2 (t - y)^2."""

    candidate: Candidate  # its y is that of weights 1
    s: Vector

    def start(self) -> tuple[Vector, Vector, Vector]:
        """Return W, t and y."""
        c = self.candidate
        W, t = c.problem.weights(c.slices, c.q), c.problem.prediction(c.slices, c.q)
        return W, t, tuple(z + w / k**2 for z, w, k in zip(t, W, self.s, strict=True))

    def value(self) -> Fraction:
        """Return f."""
        c, (_, t, y) = self.candidate, self.start()
        fit = total(k**2 * (z - x) ** 2 for k, z, x in zip(self.s, t, y, strict=True)) / 2
        return (
            fit
            + c.problem.lam * total(map(c.problem.model.theta, c.slices))
            + c.problem.penalty(c.q)
        )

    def program(self) -> Fit:
        """Return F over rays: those of the family, then q's, whose ridge is a row of its own.

        The rows are s (Z + A q - y) and, with a ridge, sqrt(rho) q; |q| costs rho / lam.
        """
        p, rays, y = self.candidate.problem, self.candidate.problem.model.rays, self.start()[2]
        rows = len(p.columns) if p.ridge else 0
        phi = [(*_times(self.s, f), *[ZERO] * rows) for f in rays.phi]
        for k, a in enumerate(p.columns):
            ridge = scale(perfect_root(p.rho), unit(k, rows)) if p.ridge else ()
            phi += both([(*_times(self.s, a), *ridge)])
        price = ZERO if p.ridge else p.rho / p.lam
        theta = (*rays.theta, *[price] * (2 * len(p.columns)))
        return Fit(tuple(phi), theta, (*_times(self.s, y), *[ZERO] * rows), p.lam)


@st.composite
def _weighted(draw: st.DrawFn) -> Weighted:
    c = draw(st.one_of(points(steep=True, losses=["squared"]), inside(["squared"])))
    return Weighted(c, tuple(draw(vectors(len(c.problem.y), positives(3)))))


INSTANCES = st.one_of(_instances(), _weighted(), curved())


def _times(a: Sequence[Fraction], b: Sequence[Fraction]) -> Vector:
    return tuple(x * y for x, y in zip(a, b, strict=True))


def general(i: Weighted) -> Iterator[Check]:
    """Yield F* by slices and by its multiplier, and f - F* against the bound."""
    c, fit = i.candidate.problem, i.program()
    x = fit.minimum()
    R = fit.residual(x)
    most = max(fit.gain(j, R) for j in range(len(x)))
    yield Check(INSIDE, most + c.lam, "<=", c.lam)
    yield Check(LOWEST, fit.value(x), "==", dot(R, fit.y) - dot(R, R) / 2)
    n, k = len(c.y), len(c.model.rays.phi)
    Z = combine(x[:k], c.model.rays.phi, n)
    q = [a - b for a, b in zip(x[k::2], x[k + 1 :: 2], strict=True)]
    W, t, _ = i.start()
    apart = plus(t, plus(Z, combine(q, c.columns, n)), -1)
    over = c.model.rays.omega(Z).value * (c.model.rays.polar(W) - c.lam)
    bound = over - min(i.s) ** 2 * dot(apart, apart) / 2
    yield Check(BOUND, i.value() - fit.value(x), "<=", bound)


def between(i: Curved) -> Iterator[Check]:
    """Yield the bound with the m between Z and Z*, and strong convexity there."""
    losses, Z = i.entries(), i.output(i.us, i.vs)
    best = [entry.best() for entry in losses]
    W = [entry.weight(z) for entry, z in zip(losses, Z, strict=True)]
    m = min(entry.modulus(z, x) for entry, z, x in zip(losses, Z, best, strict=True))
    here, there = (sum_of(e.value(z) for e, z in zip(losses, at, strict=True)) for at in (Z, best))
    apart = plus(Z, best, -1)
    bend = m * dot(apart, apart) / 2
    yield Check(SUPPORT, here + dot(W, apart) + bend, "<=", there)
    bound = l1(best) * (largest([W]) - i.lam) - bend
    least = there + i.lam * l1(best)
    yield Check(BOUND, here + i.lam * price(i.us, i.vs) - least, "<=", bound)
    others = [e.value(z) for e, z in zip(losses, i.output(*i.others), strict=True)]
    if None not in others:
        yield Check(BEST, least, "<=", sum_of(others) + i.lam * price(*i.others))


def sum_of(values: Iterable[Fraction | None]) -> Fraction:
    """Return the sum of finite values; ValueError if one is infinite."""
    found = list(values)
    if None in found:
        raise ValueError("the loss is infinite there")
    return total(v for v in found if v is not None)


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


def sides(i: Instance | Weighted | Curved) -> Iterator[Check]:
    """Yield f - F* against the bound."""
    if not isinstance(i, Instance):
        yield from (general(i) if isinstance(i, Weighted) else between(i))
        return
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


def exactly(i: Instance | Weighted) -> Iterator[Check]:
    """Yield the checks, and that the bound is attained."""
    for check in sides(i):
        yield check
        if check.claim == BOUND:
            yield replace(check, claim=ATTAINED, relation="==")


def beyond(model: Model, *, ridge: bool) -> Weighted:
    """Return no slices, data four times the steepest, and a column that is across it.

    W is along phi of one extreme slice, where its polar is reached, and the weights are equal: the
    bound is attained.
    """
    (phi, theta), s = (model.rays.phi[0], model.rays.theta[0]), Fraction(2)
    column = next(across([phi], []))
    y = scale(4 * theta / dot(phi, phi), phi)
    problem = Problem(model, "squared", tuple(y), ONE, (column,), Fraction(9), ridge)
    return Weighted(Candidate(problem, (), (ZERO,)), (s,) * len(y))


def slices_of(i: Instance | Weighted | Curved) -> int:
    """Return the number of slices with phi != 0."""
    if isinstance(i, Weighted):
        return sum(any(i.candidate.problem.model.phi(x)) for x in i.candidate.slices)
    us, vs = (i.balanced.us, i.balanced.vs) if isinstance(i, Instance) else (i.us, i.vs)
    return sum(any(u) and any(v) for u, v in zip(us, vs, strict=True))


CASES: dict[str, Case] = {
    **among("instances:", lambda i: type(i).__name__, ("Instance", "Weighted", "Curved")),
    **counted("slice", slices_of),
    "with Q": lambda i: isinstance(i, Weighted) and bool(i.candidate.q),
}
_WEIGHTED = ("instances: Instance", "instances: Curved")
_CURVED = ("instances: Instance", "instances: Weighted", "with Q")
NEVER: dict[str, tuple[str, ...]] = {
    ATTAINED: ("any",),
    INSIDE: (*_WEIGHTED, "one slice: strict", "several slices: strict"),
    LOWEST: _WEIGHTED,
    SUPPORT: _CURVED,
    BEST: _CURVED,
}


def fixed() -> Iterator[Check]:
    """Yield entries left out and optima, where the bound is attained."""
    one, pair = Fraction(1), ([vector(1, 2)], [vector(1, 0)])
    yield from exactly(Instance(Balanced(one, [], [], [vector(4)], ([], [])), [vector(1)]))
    optimum = Balanced(one, *pair, [vector(0, 1), vector(0, -1)], pair)
    yield from exactly(Instance(optimum, [vector(1, 3), vector(2, 1)]))
    for p in NAMED:
        if p.problem.loss == "squared":
            yield from exactly(Weighted(p, tuple(one * (k + 1) for k, _ in enumerate(p.problem.y))))
    for k, model in enumerate(MODELS[:4]):
        yield from exactly(beyond(model, ridge=bool(k % 2)))
    for loss in (*ODD, BARRIER):
        entries = [vector(0, "1/2"), vector(0, "-1/2")], [vector(1, "1/4"), vector(2, "1/5")]
        steep = [vector(0, 4), vector(0, -5)], [vector(1, 3), vector(2, "17/5")]
        for first, second in (entries, steep):
            yield from sides(Curved(loss, one, *pair, first, second, pair))
    far = beyond(MODELS[0], ridge=False)
    p = far.candidate.problem
    small = replace(p, y=tuple(scale(Fraction(1, 16), p.y)))  # no ray comes near lam
    yield from exactly(replace(far, candidate=replace(far.candidate, problem=small)))


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
        """Return f(X) - F* >= f(X) - f(X') against the largest bound, for any Z*.

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
