"""Append a zero: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 |Z - Y|^2, all in rationals.

Slices u, v >= 0 and Y = Z + W, with W = lam where Z > 0: then <W, phi(X_i)> = lam theta(X_i)
for every slice.  Where Z = 0 W is drawn, inside [-lam, lam] or outside.  Other families, losses
and offset variables are those of `_problems`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from . import _counterpoints, zero_slice
from ._balanced import inside, points
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, counted, order
from ._draw import matrices, positives, rationals, slices
from ._exact import Matrix, Vector, dot, largest, least, objective, product, vector
from ._linear import linf, plus
from ._models import times
from ._necessity import NoCounterexampleError
from ._points import Point
from ._problems import NAMED, Candidate, across, lower

KEPT = ("differentiable loss", "convex loss", "equal degrees", "positive degree")
STATEMENT = Statement(
    title="Append a zero",
    words="A local minimum that remains one when a zero slice is appended is global, for every "
    "size. In first-order form: balanced slices are global exactly if the polar of W = -grad loss "
    "is at most lam; if it is larger, the polar's maximizer lowers f when it is scaled down "
    "enough and appended.",
    formula="<W, phi(X_i)> = lam theta(X_i), Omega*(W) <= lam  =>  f_r(X) = min F <= f_s(X');   "
    "<W, phi(z)> = pi > lam theta(z), theta(z) = 1  =>  f falls by (pi - lam)^2 / (2 |phi(z)|^2)",
    needs={
        "stays one": "a local minimum alone is not enough: Y = diag(3, 2), lam = 1/2, and the one "
        "slice 5/2 at the first entry is a local minimum of f_1 = 3.375: [[x, q], [p, z]] of rank "
        "1 with |x - 5/2|, |p|, |q| <= 1/2 has |z| <= |pq| / 2, and f is higher by (x - 5/2)^2 / 2 "
        "+ (|p| + |q|) / 2 - 3/2 |z| at least, so by 5/16 (|p| + |q|); with a zero slice it falls "
        "along the second entry, and two slices reach 2.25",
        **{name: zero_slice.STATEMENT.needs[name] for name in KEPT},
    },
    gap="'Remains a local minimum' is a condition on all nearby points, and the polar of a "
    "nonconvex set of atoms may be hard to compute. The first-order form says what has to be "
    "bounded.",
)
GLOBAL, CONVEX, FALL = (
    "f_r(X) <= f_s(X')",
    "f_r(X) = min F",
    "the best step lowers f by its formula",
)
NEAR, ONLY = "else an appended slice nearby is lower", "no move of the slices or of Q is lower"
BALANCED = "<W, phi(X_i)> = lam theta(X_i)"
STEP = Fraction(1, 10**9)  # how near: any number > 0 would do


@dataclass(frozen=True)
class Instance:
    """Slices u, v >= 0, W where their sum is zero in units of lam, and other slices."""

    lam: Fraction
    us: list[Vector]
    vs: list[Vector]
    inside: Matrix
    others: tuple[list[Vector], list[Vector]]

    def question(self) -> tuple[Matrix, Matrix]:
        """Return Y and W."""
        Z = product(self.us, self.vs, len(self.inside), len(self.inside[0]))
        rows = list(zip(Z, self.inside, strict=True))
        W = [[self.lam * (1 if z else w) for z, w in zip(*row, strict=True)] for row in rows]
        return [[z + w for z, w in zip(*row, strict=True)] for row in zip(Z, W, strict=True)], W


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Draw the polar inside the ball, on its boundary, and outside."""
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    inside = matrices(m, n, st.sampled_from(vector(0, "1/2", 1, -1, 2, -3)))
    us, vs = draw(slices(m, n, 3, rationals(0)))
    others = draw(st.one_of(st.just((us, vs)), slices(m, n, 4)))
    return Instance(draw(positives()), us, vs, draw(inside), others)


INSTANCES = st.one_of(
    instances(), points(steep=True), points(steep=True, losses=["squared"]), inside()
)


def appended(i: Instance, W: Matrix, size: Fraction) -> tuple[list[Vector], list[Vector]]:
    """Append size e_a e_b^T, at the largest |W_ab| and with its sign: the polar's maximizer."""
    places = [(a, b) for a, row in enumerate(W) for b, _ in enumerate(row)]
    a, b = max(places, key=lambda p: abs(W[p[0]][p[1]]))
    u, v = [ZERO] * len(W), [ZERO] * len(W[0])
    u[a], v[b] = Fraction(1), size if W[a][b] > 0 else -size
    return [*i.us, u], [*i.vs, v]


def balanced(p: Candidate) -> Iterator[Check]:
    """Yield the same for any problem; how far f falls, for the squared loss."""
    problem, model, here = p.problem, p.problem.model, p.value()
    W = problem.weights(p.slices, p.q)
    for x in p.slices:
        yield Check(BALANCED, dot(W, model.phi(x)), "==", problem.lam * model.theta(x))
    x = max(model.kept, key=lambda x: dot(W, model.phi(x)) / model.theta(x))
    pi, square = dot(W, model.phi(x)) / model.theta(x), dot(model.phi(x), model.phi(x))
    if pi <= problem.lam:
        yield from zero_slice.others_at(p)
        return
    if problem.loss == "squared":
        gain = (pi - problem.lam) * model.theta(x)
        best = problem.value((*p.slices, times(gain / square, x)), p.q)
        yield Check(FALL, here - best, "==", gain**2 / (2 * square))
    near = lower(p, STEP)
    yield Check(NEAR, near.value(), "<", here)
    yield Check(ONLY, Fraction(len(near.slices)), "==", Fraction(len(p.slices) + 1))


def sides(i: Instance | Candidate) -> Iterator[Check]:
    """Yield that f is the minimum of F where the polar is at most lam; else how far it falls."""
    if isinstance(i, Candidate):
        yield from balanced(i)
        return
    Y, W = i.question()
    here, top = objective(Y, i.us, i.vs, i.lam), largest(W)
    if top <= i.lam:
        yield Check(CONVEX, here, "==", least(Y, i.lam))
        yield Check(GLOBAL, here, "<=", objective(Y, *i.others, i.lam))
        return
    best = objective(Y, *appended(i, W, top - i.lam), i.lam)
    yield Check(FALL, here - best, "==", (top - i.lam) ** 2 / 2)
    small = appended(i, W, min(STEP, top - i.lam))
    yield Check(NEAR, objective(Y, *small, i.lam), "<", here)


def size(i: Instance | Candidate) -> int:
    """Return the number of slices with phi != 0."""
    if isinstance(i, Candidate):
        return sum(any(i.problem.model.phi(x)) for x in i.slices)
    return sum(any(u) and any(v) for u, v in zip(i.us, i.vs, strict=True))


def excess(i: Instance | Candidate) -> Fraction:
    """Return the polar of W minus lam."""
    if isinstance(i, Candidate):
        W = i.problem.weights(i.slices, i.q)
        return i.problem.model.rays.polar(W) - i.problem.lam
    return largest(i.question()[1]) - i.lam


SQUARED, OTHER = "squared loss", "another loss"
LESS, SAME, MORE = "the polar < lam", "the polar = lam", "the polar > lam"
CASES: dict[str, Case] = {
    **counted("slice", size),
    **order("the polar", "lam", excess),
    "a matrix": lambda i: isinstance(i, Instance),
    "any problem": lambda i: isinstance(i, Candidate),
    "with Q": lambda i: isinstance(i, Candidate) and bool(i.q),
    SQUARED: lambda i: isinstance(i, Instance) or i.problem.loss == "squared",
    OTHER: lambda i: isinstance(i, Candidate) and i.problem.loss != "squared",
}
NEVER = {
    GLOBAL: (MORE,),
    CONVEX: (MORE, OTHER, "with Q", "any problem"),
    zero_slice.DUAL: (MORE, "a matrix"),
    FALL: (LESS, SAME, OTHER),
    NEAR: (LESS, SAME),
    ONLY: (LESS, SAME, "a matrix"),
    BALANCED: (LESS, "no slice", "a matrix"),
}


def fixed() -> Iterator[Check]:
    """Yield an optimum against itself, and a point that is not optimal."""
    one, pair = Fraction(1), ([vector(1, 2)], [vector(1, 0)])
    optimum = Instance(one, *pair, [vector(0, 1), vector(0, -1)], pair)
    yield from sides(optimum)
    yield from sides(replace(optimum, inside=[vector(0, 1), vector(0, -3)]))
    yield from sides(tuple(zero_slice.one_way())[1])  # the polar is 3/2 lam
    for p in NAMED:
        yield from sides(replace(p, others=p.slices, p=p.q))
        yield from sides(steeper(p))


def steeper(p: Candidate) -> Candidate:
    """Return the same slices with data for which W has a part across them, of polar above lam."""
    problem, W = p.problem, p.problem.weights(p.slices, p.q)
    free = next(across([problem.model.phi(x) for x in p.slices], problem.columns))
    W = plus(W, free, 2 * problem.lam * (1 + linf(W)) / linf(free))
    t = problem.prediction(p.slices, p.q)
    return replace(p, problem=replace(problem, loss="squared", y=plus(t, W)))


def stays(p: Point) -> Iterator[Check]:
    """Yield that the last slice is zero, and that all of them are a local minimum."""
    yield from replace(p, X=p.X[-1:]).zero_slice()
    yield from p.local_minimum()


def compared(p: Point) -> Check:
    """Return f(X) against f at the others, where X without the last slice is a local minimum."""
    if not all(c.true() for c in replace(p, X=p.X[:-1], down=()).local_minimum()):
        raise NoCounterexampleError("the slices are no local minimum")
    return p.compare(GLOBAL)


HYPOTHESES = {
    "stays one": stays,
    **{name: zero_slice.HYPOTHESES[name] for name in KEPT},
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield the zero slice's, whose only slice is the one appended to none, and its first.

    Appended a zero slice, the one entry of diag(3, 2) falls along the second, though it is a
    local minimum itself.
    """
    alone = _counterpoints.BESIDE
    down = ((ZERO,) * 4, tuple(vector(0, 1, 0, 1)))
    appended = replace(alone, X=(*alone.X, (ZERO,) * 4), down=down)
    yield Counterexample("stays one", appended, compared)
    for name in KEPT:
        point = _counterpoints.POINTS[name]
        yield Counterexample(name, point, compared)
