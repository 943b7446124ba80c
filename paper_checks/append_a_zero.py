"""Append a zero: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 |Z - Y|^2, all in rationals.

Slices u, v >= 0 and Y = Z + W, with W = lam where Z > 0: then <W, phi(X_i)> = lam theta(X_i)
for every slice.  Where Z = 0 W is drawn, inside [-lam, lam] or outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from . import _counterpoints, zero_slice
from ._base import ZERO, Check, Counterexample, Statement
from ._draw import matrices, positives, rationals, slices
from ._exact import Matrix, Vector, largest, least, objective, product, vector
from ._points import Point

KEPT = ("differentiable loss", "convex loss", "equal degrees", "positive degree")
STATEMENT = Statement(
    title="Append a zero",
    words="A local minimum that stays one with a zero slice appended is global, for every size. "
    "To first order: if the slices are balanced, it is global exactly if the polar of W = -grad "
    "loss is at most lam; else the polar's maximizer, appended as small as one likes, lowers f.",
    formula="<W, phi(X_i)> = lam theta(X_i), Omega*(W) <= lam  =>  f_r(X) = min F <= f_s(X');   "
    "<W, phi(z)> = pi > lam theta(z), theta(z) = 1  =>  f falls by (pi - lam)^2 / (2 |phi(z)|^2)",
    needs={
        "stays one": "a local minimum alone is not enough: Y = diag(3, 2), lam = 1/2, and the one "
        "slice 5/2 at the first entry is a local minimum of f_1 = 3.375: [[x, q], [p, z]] of rank "
        "1 with |x - 5/2|, |p|, |q| <= 1/2 has |z| <= |pq| / 2, and f is higher by (x - 5/2)^2 / 2 "
        "+ (|p| + |q|) / 2 - 3/2 |z| at least, so by 5/16 (|p| + |q|); with a zero slice it falls "
        "along the second entry, and two slices reach 2.25",
        "local minimum": "no counterexample: a point that stays one with a zero slice is one",
        **{name: zero_slice.STATEMENT.needs[name] for name in KEPT},
    },
    implies={"stays one": ("local minimum",)},
    gap="'Stays a local minimum' is a condition on all near points, and the polar of a nonconvex "
    "set of atoms may be hard to compute; the first-order form says what has to be bounded.",
)
GLOBAL, CONVEX, FALL = (
    "f_r(X) <= f_s(X')",
    "f_r(X) = min F",
    "the best step lowers f by its formula",
)
NEAR = "else an appended slice nearby is lower"
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
    return Instance(draw(positives()), us, vs, draw(inside), draw(slices(m, n, 4)))


INSTANCES = instances()


def appended(i: Instance, W: Matrix, size: Fraction) -> tuple[list[Vector], list[Vector]]:
    """Append size e_a e_b^T, at the largest |W_ab| and with its sign: the polar's maximizer."""
    places = [(a, b) for a, row in enumerate(W) for b, _ in enumerate(row)]
    a, b = max(places, key=lambda p: abs(W[p[0]][p[1]]))
    u, v = [ZERO] * len(W), [ZERO] * len(W[0])
    u[a], v[b] = Fraction(1), size if W[a][b] > 0 else -size
    return [*i.us, u], [*i.vs, v]


def sides(i: Instance) -> Iterator[Check]:
    """Yield that f is the minimum of F where the polar is at most lam; else how far it falls."""
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


def fixed() -> Iterator[Check]:
    """Yield an optimum against itself, and a point that is none."""
    one, pair = Fraction(1), ([vector(1, 2)], [vector(1, 0)])
    optimum = Instance(one, *pair, [vector(0, 1), vector(0, -1)], pair)
    yield from sides(optimum)
    yield from sides(replace(optimum, inside=[vector(0, 1), vector(0, -3)]))


def stays(p: Point) -> Iterator[Check]:
    """Yield that the last slice is zero, and that all of them are a local minimum."""
    yield from replace(p, X=p.X[-1:]).zero_slice()
    yield from p.local_minimum()


HYPOTHESES = {
    "stays one": stays,
    "local minimum": lambda p: replace(p, X=p.X[:-1], down=()).local_minimum(),
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
    yield Counterexample("stays one", appended, lambda p: p.compare(GLOBAL))
    for name in KEPT:
        point = _counterpoints.POINTS[name]
        yield Counterexample(name, point, lambda p: p.compare(GLOBAL))
