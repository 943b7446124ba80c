"""Flat path: slices with a dependence, scaled by (1 + t beta)^(1/p), in rationals.

The slices are (h, a), (h, b), (h, c (a + b)) of a matrix, a tensor of order 3 (p = 3) or a hidden
ReLU layer, any or at a global minimum of a problem with offset variables.  Times are those where
all roots are rational.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._balanced import points
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._counterpoints import decay, size
from ._counterpoints import product as product_of
from ._draw import positives, rationals, vectors
from ._exact import Vector, dot, l1, scale, total, vector
from ._linear import combine, exact, plus
from ._models import Factors, Model, linear
from ._points import Point, squared
from ._problems import LOSSES, MODELS, NAMED, ONE, Problem, spread

STATEMENT = Statement(
    title="Flat path",
    words="A linear dependence of the slices' phi moves the slices without moving their sum. From "
    "a local minimum f is constant along this path, and at its end a slice is zero.",
    formula="sum_i beta_i phi(X_i) = 0  =>  X_i(t) = (1 + t beta_i)^(1/p) X_i keeps sum_i phi(X_i) "
    "and sum_i theta(X_i(t)) is linear in t; at min_i (1 + t beta_i) = 0 a slice is zero",
    needs={
        "dependence": "without it the sum moves: phi = z, the slices 2 and 1 for y = 4, lam = 1 "
        "are a minimum, and beta = (1, -1) leads from f = 7/2 to 29/8",
        "equal degrees": "phi = z, theta = z^2: the slices 1 and 1 for y = 4, lam = 1 are a "
        "minimum, and beta = (1, -1) raises sum theta, so f from 4 to 9/2",
        "local minimum": "the slices 1 and -1 for y = 0 cancel, and scaling both changes f alone",
    },
    rests={
        "the sum of phi stays": ("dependence",),
        "the sum of theta is linear in t": ("equal degrees",),
    },
)
STAYS, LINEAR = "the sum of phi stays", "the sum of theta is linear in t"
FLAT, VANISHES = "f is constant from a local minimum", "slices vanish at the end"
DEPENDENT, ROOTS = (
    "beta_1 phi(X_1) + beta_2 phi(X_2) = -beta_3 phi(X_3)",
    "each factor is scaled by the root of 1 + t beta_i",
)


@dataclass(frozen=True)
class Way:
    """beta of slices (h, a), (h, b), (h, c (a + b)), and the times t with rational roots.

    The third slice makes sum beta phi = 0: c = -beta_1 / beta_3, and beta_1 = beta_2.
    """

    beta: Vector
    times: tuple[tuple[Fraction, Vector], ...]
    p: int

    @property
    def c(self) -> Fraction:
        """Return the size of the third slice."""
        return -self.beta[0] / self.beta[2]


def squares(m: Fraction) -> Way:
    """Return beta = (1, 1, -3) at the start, where a line of slope m meets the conic, and the end.

    Roots a of 1 + t and b of 1 - 3t have 3 a^2 + b^2 = 4.
    """
    s = -(6 + 2 * m) / (3 + m**2)
    a, b = abs(1 + s), abs(1 + m * s)
    times = ((ZERO, vector(1, 1, 1)), (a * a - 1, [a, a, b]), (-Fraction(1), vector(0, 0, 2)))
    return Way(vector(1, 1, -3), times, 2)


def cubes() -> tuple[Way, Way]:
    """Return a way through 1729 = 9^3 + 10^3 = 1^3 + 12^3, and one from 1 + 7 to its end 2^3."""
    sums = ((9, 10), (1, 12), (10, 9), (12, 1))
    roots = [(Fraction(a, 9), Fraction(b, 10)) for a, b in sums]
    through = tuple(
        (Fraction(a**3 - 9**3), [s, s, r]) for (a, _), (s, r) in zip(sums, roots, strict=True)
    )
    end = ((ZERO, vector(1, 1, 1)), (Fraction(1), vector(2, 2, 0)))
    return Way(vector("1/729", "1/729", "-1/1000"), through, 3), Way(vector(7, 7, -1), end, 3)


@dataclass(frozen=True)
class Instance:
    """Three slices and a path; a problem and q for which they are a minimum, or None."""

    model: Model
    slices: tuple[Factors, ...]
    way: Way
    problem: Problem | None = None
    q: Vector = ()


def three(
    h: Factors, a: Sequence[Fraction], b: Sequence[Fraction], way: Way
) -> tuple[Factors, ...]:
    """Return (h, a), (h, b), (h, c (a + b)): phi is linear in the last factor."""
    return (*h, exact(a)), (*h, exact(b)), (*h, exact(scale(way.c, plus(a, b))))


@st.composite
def _ways(draw: st.DrawFn, p: int) -> Way:
    return squares(draw(rationals())) if p == 2 else draw(st.sampled_from(cubes()))


@st.composite
def _free(draw: st.DrawFn) -> Instance:
    """Draw any slices: sum theta is linear, and moves."""
    model = draw(st.sampled_from(MODELS))
    *h, a, b = (exact(draw(vectors(n))) for n in (*model.lengths, model.lengths[-1]))
    way = draw(_ways(len(model.lengths)))
    return Instance(model, three(tuple(h), a, b, way), way)


@st.composite
def _flat(draw: st.DrawFn) -> Instance:
    """Draw slices on one face of the polar ball of W = -grad loss: a global minimum."""
    model = draw(st.sampled_from(MODELS))
    way = draw(_ways(len(model.lengths)))

    def choose(draw: st.DrawFn, faces: list[Factors]) -> tuple[Factors, ...]:
        x = draw(st.sampled_from(faces))
        beside = draw(st.sampled_from([y for y in faces if y[:-1] == x[:-1]]))
        h = spread(x, [draw(positives(3)) for _ in x])[:-1]
        return three(h, *(scale(draw(positives(3)), y[-1]) for y in (x, beside)), way)

    p = draw(points(models=[model], choice=choose))
    return Instance(model, p.slices, way, p.problem, p.q)


INSTANCES = st.one_of(_free(), _flat())


def sides(i: Instance) -> Iterator[Check]:
    """Yield the path's sums by factors, against the start's and against a straight line.

    At a minimum the value of f is d(W), which no factorization is below.
    """
    phi, theta = ([f(x) for x in i.slices] for f in (i.model.phi, i.model.theta))
    start, moves = (
        combine([ONE] * 3, phi, len(phi[0])),
        combine(i.way.beta[:2], phi[:2], len(phi[0])),
    )
    for entry, last in zip(moves, phi[2], strict=True):
        yield Check(DEPENDENT, entry, "==", -i.way.beta[2] * last)
    for t, roots in i.way.times:
        left = [1 + t * b for b in i.way.beta]
        for s, power in zip(roots, left, strict=True):
            yield Check(ROOTS, s**i.way.p, "==", power)
        there = tuple(spread(x, [s] * len(x)) for s, x in zip(roots, i.slices, strict=True))
        now = combine([ONE] * 3, [i.model.phi(x) for x in there], len(start))
        for x, y in zip(now, start, strict=True):
            yield Check(STAYS, x, "==", y)
        slope = dot(i.way.beta, theta)
        yield Check(LINEAR, total(map(i.model.theta, there)), "==", total(theta) + t * slope)
        if i.problem:
            W = i.problem.weights(i.slices, i.q)
            yield Check(FLAT, i.problem.value(there, i.q), "==", i.problem.dual(W))
        if min(left) == 0:
            pairs = [(y, s) for x, y, s in zip(i.slices, there, left, strict=True) if not zeros(x)]
            gone = sum(zeros(y) for y, _ in pairs)
            yield Check(VANISHES, Fraction(gone), "==", Fraction(sum(s == 0 for _, s in pairs)))


def zeros(x: Factors) -> bool:
    """Return whether all factors are zero."""
    return not any(map(any, x))


def pictured() -> Instance:
    """Return the instance of the picture: W = lam = 1 at every entry of a 3 x 2 matrix >= 0."""
    model, way = linear(("l1", "l1"), (3, 2)), squares(Fraction(2))
    slices = three((exact([1, 0, 2]),), exact([1, 2]), exact([0, 2]), way)
    Z = combine([ONE] * 3, [model.phi(x) for x in slices], 6)
    problem = Problem(model, "squared", tuple(z + 1 for z in Z), ONE)
    return Instance(model, slices, way, problem)


CASES: dict[str, Case] = {
    **among("degree:", lambda i: i.way.p, (2, 3)),
    **among("model:", lambda i: i.model, MODELS),
    "from a minimum": lambda i: i.problem is not None,
    "from any point": lambda i: i.problem is None,
    "with Q": lambda i: bool(i.q),
    "the path ends": lambda i: any(not all(roots) for _, roots in i.way.times),
    "the path goes on": lambda i: all(all(roots) for _, roots in i.way.times),
}
NEVER: dict[str, tuple[str, ...]] = {
    FLAT: ("from any point",),
    VANISHES: ("the path goes on",),
}


def fixed() -> Iterator[Check]:
    """Yield paths that end and one that does not, free ones and one from a minimum."""
    yield from sides(pictured())
    matrix, tensor = MODELS[0], MODELS[2]
    h, a, b = exact([1, -2]), exact([1, 3]), exact([2, -1])
    yield from sides(Instance(matrix, three((h,), a, b, squares(ONE * 2)), squares(ONE * 2)))
    for way in cubes():
        yield from sides(Instance(tensor, three((exact([2]), h), a, b, way), way))
    for p in NAMED:
        x, way = p.slices[0], squares(ONE) if len(p.slices[0]) == 2 else cubes()[1]
        same = three(x[:-1], x[-1], scale(2 * ONE, x[-1]), way)
        t, W = p.problem.prediction(same, p.q), p.problem.weights(p.slices, p.q)
        y = [LOSSES[p.problem.loss].data(w, z) for w, z in zip(W, t, strict=True)]
        problem = replace(p.problem, y=exact(y))
        yield from sides(Instance(problem.model, same, way, problem, p.q))


@dataclass(frozen=True)
class Path:
    """Slices of one number x with phi = x, of degree 1; beta, and a time t."""

    point: Point
    beta: tuple[Fraction, ...]
    t: Fraction

    def at(self, t: Fraction) -> list[tuple[Fraction, ...]]:
        """Return (1 + t beta_i) X_i."""
        return [tuple(scale(1 + t * b, x)) for b, x in zip(self.beta, self.point.X, strict=True)]

    def dependence(self) -> Iterator[Check]:
        """Yield that sum beta_i phi(X_i) = 0, and that beta is not 0."""
        phi = [self.point.phi(x)[0] for x in self.point.X]
        yield Check("sum beta phi", dot(self.beta, phi), "==", ZERO)
        yield Check("beta", ZERO, "<", l1(self.beta))

    def flat(self) -> Check:
        """Return f on the way against f at the start."""
        return Check(FLAT, self.point.value(self.at(self.t)), "==", self.point.value(self.point.X))

    def sum(self) -> Check:
        """Return the sum of phi on the way against the start's."""
        there, here = self.point.sum(self.at(self.t)), self.point.sum(self.point.X)
        return Check(STAYS, there[0], "==", here[0])

    def linear(self) -> Check:
        """Return sum theta at t against the line through its values at 0 and 2t."""
        start, there, end = (total(map(self.point.theta, self.at(k * self.t))) for k in range(3))
        return Check(LINEAR, there, "==", (start + end) / 2)


HYPOTHESES = {
    "dependence": Path.dependence,
    "equal degrees": lambda p: p.point.equal_degrees(),
    "local minimum": lambda p: p.point.local_minimum(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield two slices of one number, and how each is scaled."""
    half = Fraction(1, 2)
    line = Point(1, product_of, size, squared(4), Fraction(1), ((Fraction(2),), (Fraction(1),)))
    free = Path(line, (Fraction(1), Fraction(-1)), half)
    yield Counterexample("dependence", free, Path.flat)
    yield Counterexample("dependence", free, Path.sum)
    square = replace(line, theta=decay, X=((Fraction(1),),) * 2)
    steep = Path(square, (Fraction(1), Fraction(-1)), half)
    yield Counterexample("equal degrees", steep, Path.flat)
    yield Counterexample("equal degrees", steep, Path.linear)
    pair = ((Fraction(1),), (Fraction(-1),))
    cancel = replace(line, loss=squared(0), X=pair, down=(((Fraction(-1),), (Fraction(1),))))
    yield Counterexample("local minimum", Path(cancel, (Fraction(1),) * 2, half), Path.flat)
