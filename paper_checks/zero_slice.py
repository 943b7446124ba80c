"""Zero slice: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 |Z - Y|^2, all in rationals.

And with other families, losses and offset variables: `_problems`.

A point with a zero slice is put to the proof's own test: scale a slice, or grow the zero slice
along a vertex of the ball.  Either such a step, as short as one likes, lowers f, so the point
is no local minimum; or none does, and then f is the minimum of F, known entry by entry.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from . import _counterpoints
from ._balanced import points
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, counted
from ._draw import matrices, positives, rationals, slices
from ._exact import (
    Matrix,
    Vector,
    difference,
    inner,
    l1,
    least,
    objective,
    product,
    scale,
    vector,
)
from ._models import times
from ._points import Point
from ._problems import MODELS, NAMED, Candidate, Problem, finite
from ._problems import lower as lower_point

STATEMENT = Statement(
    title="Zero slice",
    words="A local minimum of f_r with an all-zero slice is a global minimum of f_s for every "
    "size s, and the sum of its phi is a global minimum of F.",
    formula="X a local minimum of f_r, X_i = 0 for some i  =>  f_r(X) = min F <= f_s(X')",
    needs={
        "local minimum": "a stationary point is not enough: at the origin of 1/2 (u v - y)^2 + "
        "lam |u v| the gradient is zero for every y, and for y = 4, lam = 1 it has f = 8 where "
        "3.5 is possible",
        "zero slice": "Y = diag(3, 2), lam = 1/2, and the one slice 5/2 at the first entry is a "
        "local minimum of f_1 = 3.375: [[x, q], [p, z]] of rank 1 near it has z = p q / x, and f "
        "is higher; two slices reach 2.25",
        "differentiable loss": "on 2 x 2 arrays |z11 - z22| + |z12| + |z21| - s + s^2 / 4 with "
        "s = z11 + z22 is at least -s + |z11 - z22| + 2 sqrt(z11 z22) >= 0 wherever the rank is 1, "
        "so 0 is a minimum for r = 1, its one slice is zero, and I / 2 is lower at lam = 1/2",
        "convex loss": "z^4 / 4 - z^3 + |z| has a local minimum at 0, and is -15/4 at z = 3",
        "equal degrees": "phi = a b c with weight decay (a^2 + b^2 + c^2) / 3: the origin is a "
        "local minimum for every y; for y = 27 it has f = 729/2, and a = b = c = 3 has 9",
        "positive degree": "phi(x) = 2 for x > 0 and -3 for x < 0, theta = 1 for x != 0, both of "
        "degree 0, Y = 1, lam = 1/10: with one slice 0 is the best, and 2 + 2 - 3 = 1 is better",
    },
    gap="The argument needs one-sided derivatives along scalings of the other slices. They exist "
    "because phi and theta are homogeneous. phi need not be regular, and Omega need not be a norm "
    "or attained.",
)
GLOBAL, CONVEX = "f_r(X) <= f_s(X')", "f_r(X) = min F"
NEAR, DUAL = "else a point nearby is lower", "f_r(X, Q) = d(W)"
STEP = Fraction(1, 10**9)  # how near: any number > 0 would do


@dataclass(frozen=True)
class Instance:
    """Y, lam, the slices beside the zero slice, and others of any size."""

    Y: Matrix
    lam: Fraction
    us: list[Vector]
    vs: list[Vector]
    others: tuple[list[Vector], list[Vector]]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw any point, or one with slices >= 0 where Y = Z + lam makes it optimal."""
    m, n, lam = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(positives())
    optimal = draw(st.booleans())
    us, vs = draw(slices(m, n, 3, rationals(0 if optimal else -6)))
    Y = draw(matrices(m, n))
    if optimal:
        inside = draw(matrices(m, n, st.sampled_from(vector(-1, "1/2", 1))))
        Z = product(us, vs, m, n)
        Y = [
            [z + lam * (1 if z else w) for z, w in zip(*rows, strict=True)]
            for rows in zip(Z, inside, strict=True)
        ]
    others = draw(st.one_of(st.just((us, vs)), slices(m, n, 4)))
    return Instance(Y, lam, us, vs, others)


@st.composite
def _moved(draw: st.DrawFn) -> Candidate:
    """Draw a point that is balanced, or whose slices or q are moved a little, or at random."""
    p = draw(points(steep=True))
    k = draw(st.integers(0, 3))
    if k == 1 and p.slices:
        p = replace(p, slices=(times(draw(positives(3)), p.slices[0]), *p.slices[1:]))
    if k == 2:
        p = replace(p, q=tuple(x + draw(rationals(0, 1)) for x in p.q))
    if k == 3:
        p = replace(p, slices=p.others, q=p.p, others=p.slices, p=p.q)
    return p


INSTANCES = st.one_of(_instances(), points(), _moved().filter(finite))


def others_at(p: Candidate) -> Iterator[Check]:
    """Yield f against the dual value, which no factorization of any size is below, and others."""
    here, problem = p.value(), p.problem
    yield Check(DUAL, here, "==", problem.dual(problem.weights(p.slices, p.q)))
    there = problem.value(p.others, p.p)
    if there is not None:
        yield Check(GLOBAL, here, "<=", there)


def sides(i: Instance | Candidate) -> Iterator[Check]:
    """Yield that a short step is lower, or that nothing is."""
    if isinstance(i, Candidate):
        near = lower_point(i, STEP)
        if near is None:
            yield from others_at(i)
        else:
            yield Check(NEAR, near.value(), "<", i.value())
        return
    W = difference(i.Y, product(i.us, i.vs, len(i.Y), len(i.Y[0])))
    here = objective(i.Y, i.us, i.vs, i.lam)
    step = lower(i, W)
    if step:
        yield Check(NEAR, objective(i.Y, *step, i.lam), "<", here)
        return
    yield Check(CONVEX, here, "==", least(i.Y, i.lam))
    yield Check(GLOBAL, here, "<=", objective(i.Y, *i.others, i.lam))


def lower(i: Instance, W: Matrix) -> tuple[list[Vector], list[Vector]] | None:
    """Return slices within STEP that the proof says are lower, or None if it has none.

    Scaling phi of a slice by 1 + s changes f by s g + s^2 |phi|^2 / 2, g = lam theta - <W, phi>;
    a e_i e_j^T in the zero slice by a (lam - |W_ij|) + a^2 / 2.
    """
    for k, (u, v) in enumerate(zip(i.us, i.vs, strict=True)):
        phi = product([u], [v], len(u), len(v))
        g, square = i.lam * l1(u) * l1(v) - inner(W, phi), inner(phi, phi)
        if g:
            s = max(-STEP, min(STEP, -g / square))
            return [*i.us[:k], scale(1 + s, u), *i.us[k + 1 :]], i.vs
    for a, row in enumerate(W):
        for b, w in enumerate(row):
            if abs(w) > i.lam:
                size = min(STEP, abs(w) - i.lam)
                u, v = [ZERO] * len(W), [ZERO] * len(row)
                u[a], v[b] = Fraction(1), size if w > 0 else -size
                return [*i.us, u], [*i.vs, v]
    return None


def size(i: Instance | Candidate) -> int:
    """Return the number of slices with phi != 0."""
    if isinstance(i, Candidate):
        return sum(any(i.problem.model.phi(x)) for x in i.slices)
    return sum(any(u) and any(v) for u, v in zip(i.us, i.vs, strict=True))


CASES: dict[str, Case] = {
    **counted("slice", size),
    "a matrix": lambda i: isinstance(i, Instance),
    "any problem": lambda i: isinstance(i, Candidate),
    "with Q": lambda i: isinstance(i, Candidate) and bool(i.q),
    "squared loss": lambda i: isinstance(i, Instance) or i.problem.loss == "squared",
    "another loss": lambda i: isinstance(i, Candidate) and i.problem.loss != "squared",
}
NEVER: dict[str, tuple[str, ...]] = {
    CONVEX: ("with Q", "another loss", "any problem"),
    DUAL: ("a matrix",),
}


def fixed() -> Iterator[Check]:
    """Yield an optimum against itself, and two points that are not optimal."""
    one, two = Fraction(1), ([vector(1, 2)], [vector(1, 1)])
    yield from sides(Instance([vector(2, 2), vector(3, 3)], one, *two, two))
    yield from sides(Instance([vector(2, 2), vector(3, 4)], one, *two, two))
    yield from sides(Instance([vector(4)], one, [], [], ([], [])))
    yield from sides(Instance([vector(4)], one, [vector(4)], [vector(1)], ([], [])))
    yield from sides(Instance([vector("3/2")], one, [], [], ([], [])))
    for p in one_way():
        yield from sides(p)
    for p in NAMED:
        yield from sides(replace(p, others=p.slices, p=p.q))
        yield from sides(replace(p, slices=(), others=p.slices, p=p.q))


def one_way() -> Iterator[Candidate]:
    """Yield points where only one move lowers f: a smaller slice, a new one, a smaller q."""
    model, one, zero = MODELS[0], Fraction(1), Fraction(0)
    (x, *_), four = model.kept, (4 * one, zero, zero, zero)
    yield Candidate(Problem(model, "squared", four, one), (times(4 * one, x),))
    steep = Problem(model, "squared", tuple(scale(one * 3 / 8, four)), one)
    yield Candidate(steep, (), others=(times(one / 2, x),))
    column = ((one,) * 4,)
    yield Candidate(Problem(model, "squared", (zero,) * 4, one, column), (), (one / 100,))


HYPOTHESES = {
    "local minimum": Point.local_minimum,
    "zero slice": Point.zero_slice,
    "differentiable loss": Point.differentiable,
    "convex loss": Point.convex,
    "equal degrees": Point.equal_degrees,
    "positive degree": Point.positive_degree,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield a point without each hypothesis, and a lower one."""
    for name, point in _counterpoints.POINTS.items():
        yield Counterexample(name, point, lambda p: p.compare(GLOBAL))
