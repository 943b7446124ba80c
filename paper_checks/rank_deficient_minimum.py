"""Rank-deficient minima: f(U, V) = 1/2 sum c (U V^T - Y)^2 + lam/2 (|U|^2 + |V|^2), c > 0.

Stationary points of every kind come from rational orthogonal P, Q, R: U = P1 S R1, V = Q1 S R1
have rank k < r, W = lam P1 Q1^T + P2 T Q2^T, and Y = Z + W / c. Whether such a point is of second
order is decided by elimination on its whole Hessian.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Hypothesis, Statement
from ._cases import Case, among, counted, order
from ._draw import matrices, positives, rationals, vectors
from ._exact import Matrix, Vector, flat, total, vector
from ._linear import exact, rank
from ._necessity import NoCounterexampleError
from ._points import NEAR, Number, Point
from ._polynomial import orthants
from ._rank_points import POINTS, halved
from ._second_order import across, hessian, moved, negative, orthogonal, residual, times, value
from ._told import told_of

STATEMENT = Statement(
    title="Rank-deficient minima",
    words="For matrices with squared l2 norms no slice has to be zero: if the r slices (u, v) are "
    "linearly dependent, a local minimum is global, and so is a stationary point whose Hessian is "
    "positive semidefinite. A rotation of the slices, which keeps U V^T and the price, makes one "
    "slice zero. Other norms have no such rotation, and for them the statement is false.",
    formula="f(U, V) = loss(U V^T) + lam/2 (|U|^2 + |V|^2), rank (U^T U + V^T V) < r, (U, V) a "
    "local minimum or stationary of second order  =>  sigma_1(W) <= lam, "
    "f(U, V) = min F <= f_s(X')",
    needs={
        "second order": "for Y = diag(10, 5), lam = 1 the slices u = v = 9/5 e1 and u = v = 12/5 "
        "e1 are stationary and have rank 1, with f = 22, but 14 is possible",
        "rank < r": "for the same Y, weight 3 beside the diagonal and r = 1, the slice u = v = "
        "2 e2 is a local minimum with f = 109/2, and the slice u = v = 3 e1 has 22",
        "l2 norms": "with l1 norms, Y = diag(5/2, 2), lam = 1/2, twice u = v = e1 is a local "
        "minimum with f = 25/8, but 17/8 is possible; with linf norms, the same turned by 45 "
        "degrees",
        "phi = u v^T": "a hidden layer of ReLUs with the outputs u+ v and (-u)+ v, y = (9, 5), "
        "lam = 1: two neurons u = v = 2 are a local minimum with f = 21, and one more with u = -2, "
        "v = 2 reaches 13",
        "convex loss": "z^4 / 4 - z^3 at z = u v: u = v = 0 is a local minimum for lam = 1, with "
        "f = 0, and u = 2, v = 3/2 has -29/8",
        "differentiable loss": "the loss of 2 x 2 arrays without a derivative of the zero slice: "
        "one slice 0 is a minimum of f_1 for lam = 1/2, and I / 2 has f = -1/8",
    },
    gap="Only the curvature along (U + t a q^T, V + t b q^T) with U q = V q = 0 is used, where Z "
    "moves by t^2 a b^T. So one derivative of the loss is enough; the second is needed only to "
    "speak of a Hessian. Nothing is assumed of the sign of lam: the curvature says lam >= "
    "sigma_1(W) >= 0, so for lam < 0 there is no such point. The argument does not extend to other "
    "norms: dependent slices lead to a zero slice along a path on which f is constant, but a local "
    "minimum at its start need not be one at its end.",
)
STATIONARY, DEFICIENT = "W V = lam U and W^T U = lam V", "the rank is below r"
POLAR, DUAL = "of second order: sigma_1(W) <= lam", "of second order: f = d(W)"
LEAST, GLOBAL = "of second order: f = min F", "of second order: f <= f_s(X')"
ESCAPE = "else a short step is lower"
TURNED = "a rotation makes a slice zero and keeps f"
STEP = Fraction(1, 10**6)
HALF, ONE = Fraction(1, 2), Fraction(1)
SIGMAS = vector(0, "1/2", 1, 1, -1, 2)


@dataclass(frozen=True)
class Instance:
    """Reflections for P, Q, R; sizes S; the sigmas T in units of lam; weights c; other factors."""

    normals: tuple[list[Vector], list[Vector], list[Vector]]
    sizes: Vector
    sigmas: Vector
    weights: Matrix
    lam: Fraction
    others: tuple[Matrix, Matrix] | None = None

    def plain(self) -> tuple[Matrix, Matrix]:
        """Return P1 S and Q1 S, with zero columns to make r."""
        P, Q, R = map(orthogonal, self.normals)
        rest = [ZERO] * (len(R) - len(self.sizes))
        U, V = ([[s * x for s, x in zip(self.sizes, p, strict=False)] + rest for p in A]
                for A in (P, Q))  # fmt: skip
        return U, V

    def factors(self) -> tuple[Matrix, Matrix]:
        """Return U, V."""
        U, V = self.plain()
        R = orthogonal(self.normals[2])
        return times(U, R), times(V, R)

    def data(self) -> Matrix:
        """Return Y = Z + W / c."""
        P, Q, _ = map(orthogonal, self.normals)
        sigmas = [self.lam * t for t in (*[ONE] * len(self.sizes), *self.sigmas)]
        W = across([[x * t for x, t in zip(p, sigmas, strict=False)] for p in P],
                   [q[: len(sigmas)] for q in Q])  # fmt: skip
        rows = zip(across(*self.plain()), W, self.weights, strict=True)
        return [[z + w / c for z, w, c in zip(*row, strict=True)] for row in rows]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    m, n, r = draw(st.integers(2, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    normals = [draw(st.lists(vectors(d).filter(any), min_size=1, max_size=2)) for d in (m, n, r)]
    k = draw(st.integers(0, min(m, n, r - 1)))
    sizes = draw(vectors(k, positives(4)))
    sigmas = draw(vectors(min(m, n) - k, st.sampled_from(SIGMAS)))
    one = st.just(ONE)
    weights = draw(matrices(m, n, draw(st.sampled_from((one, positives(3))))))
    s = draw(st.integers(1, 3))
    others = draw(st.one_of(st.none(), st.tuples(matrices(m, s), matrices(n, s))))
    P, Q, R = normals
    lam = draw(st.one_of(positives(4), rationals(-1, 0)))
    return Instance((P, Q, R), sizes, sigmas, weights, lam, others)


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield the conditions of the point, and that it is global or that a short step is lower."""
    Y, c, lam, at = i.data(), i.weights, i.lam, i.factors()
    W, here = residual(Y, c, at), value(Y, c, lam, at)
    yield from stationary(W, lam, at)
    yield Check(TURNED, here, "==", value(Y, c, lam, i.plain()))
    down = negative(hessian(W, c, lam, at))
    if down:
        steps = (moved(at, down, STEP / 4**k) for k in range(32))
        near = (value(Y, c, lam, x) for x in steps)
        yield Check(ESCAPE, next((f for f in near if f < here), here), "<", here)
        return
    top = max([abs(t) for t in i.sigmas] + [ONE] * bool(i.sizes))
    yield Check(POLAR, abs(lam) * top, "<=", lam)
    entries = list(zip(flat(W), flat(Y), flat(c), strict=True))
    yield Check(DUAL, here, "==", total(w * y - w * w / (2 * k) for w, y, k in entries))
    if set(flat(c)) == {1}:
        yield Check(LEAST, here, "==", thresholded(i))
    yield Check(GLOBAL, here, "<=", value(Y, c, lam, i.others or at))


def stationary(W: Matrix, lam: Fraction, at: tuple[Matrix, Matrix]) -> Iterator[Check]:
    """Yield the first-order equations, and the rank against r."""
    U, V = at
    turned = [list(row) for row in zip(*W, strict=True)]
    for left, right in ((times(W, V), U), (times(turned, U), V)):
        for x, y in zip(flat(left), flat(right), strict=True):
            yield Check(STATIONARY, x, "==", lam * y)
    yield deficient([exact(x) for x in zip(*U, *V, strict=True)])


def deficient(columns: Sequence[Sequence[Fraction]]) -> Check:
    """Return that the rank of the slices (u, v) is below their number."""
    below = rank([tuple(x) for x in columns]) + 1
    return Check(DEFICIENT, Fraction(below), "<=", Fraction(len(columns)))


def thresholded(i: Instance) -> Fraction:
    """Return min F by the singular values s^2 + lam and lam |t| of Y, for c = 1."""
    values = [s * s + i.lam for s in i.sizes] + [i.lam * abs(t) for t in i.sigmas]
    kept = [(y, max(ZERO, y - i.lam)) for y in values]
    return total((y - z) ** 2 / 2 + i.lam * z for y, z in kept)


CASES: dict[str, Case] = {
    **among("r:", lambda i: len(i.normals[2][0]), (1, 2, 3)),
    **counted("slice", lambda i: len(i.sizes)),
    **order("lam", "0", lambda i: i.lam),
    "weights 1": lambda i: set(flat(i.weights)) == {1},
    "other weights": lambda i: set(flat(i.weights)) != {1},
}
NEVER: dict[str, tuple[str, ...]] = {
    DEFICIENT: ("r: 1: strict", "several slices: strict"),
    POLAR: ("one slice: strict", "several slices: strict", "lam < 0", "lam = 0: strict"),
    DUAL: ("lam < 0",),
    LEAST: ("lam < 0", "other weights"),
    GLOBAL: ("lam < 0",),
    ESCAPE: ("lam = 0",),
}


def fixed() -> Iterator[Check]:
    """Yield optima and a saddle of dense slices, the origin, and points in other norms."""
    turns = [vector(1, 2)], [vector(3, -1)], [vector(1, 1), vector(2, 1)]
    for sigma in vector(1, "1000001/1000000"):
        yield from sides(Instance(turns, vector(2), [sigma], [vector(1, 1)] * 2, HALF))
        yield from sides(Instance(turns, vector(2), [sigma], [vector(1, 2), vector(3, 1)], HALF))
    origin = [vector(1, 2)], [vector(3, -1)], [vector(1)]
    for sigma in vector(1, "1/2"):
        yield from sides(Instance(origin, [], [sigma, Fraction(1, 3)], [vector(1, 1)] * 2, HALF))


def deficient_slices(p: Point) -> Iterator[Check]:
    """Yield the rank of the slices (u, v) against their number."""
    yield deficient(p.X)


def l2_norms(p: Point) -> Iterator[Check]:
    """Yield that theta is the square of the l2 norm of (u, v), halved, on every orthant.

    First at points that tell norms apart: a norm may be no polynomial on an orthant.
    """
    points = list(every(vector(-1, 0, 1), repeat=p.arity))
    for where in (points, orthants((ZERO,) * p.arity, None)):
        others = sum(bool(p.theta(x) - halved(x)) for x in where)
        yield Check("where theta is another", Fraction(others), "==", ZERO)
        if others:
            return


def is_product(p: Point) -> Iterator[Check]:
    """Yield that phi is u v^T for some lengths of u and v, on every orthant."""
    lengths = [m for m in range(1, p.arity) if m * (p.arity - m) == p.size]
    found = [m for m in lengths if all(_same(p, m, x) for x in orthants((ZERO,) * p.arity, None))]
    yield Check("lengths for which phi is u v^T", ONE, "<=", Fraction(len(found)))


def _same(p: Point, m: int, x: Sequence[Number]) -> bool:
    product = [u * v for u in x[:m] for v in x[m:]]
    return not any(a - b for a, b in zip(p.phi(x), product, strict=True))


HYPOTHESES: dict[str, Hypothesis] = {
    "second order": Point.local_minimum,  # which is of second order; what is none falls along t^2
    "rank < r": deficient_slices,
    "l2 norms": l2_norms,
    "phi = u v^T": is_product,
    "convex loss": Point.convex,
    "differentiable loss": Point.differentiable,
}


def is_global(p: Point) -> Check:
    """Return that the point is not above the others."""
    return p.compare(GLOBAL)


def is_global_if_stationary(p: Point) -> Check:
    """Return the same, of a point at which f has slope 0 along each number of its slices."""
    numbers = [x for s in p.X for x in s]
    for k in range(len(numbers)):
        for (t,) in orthants((ZERO,), NEAR):
            line = p.value(p.moved([x + t * (i == k) for i, x in enumerate(numbers)]))
            if line.terms.get((1,)):
                raise NoCounterexampleError("the point is not stationary")
    return is_global(p)


def counterexamples() -> Iterator[Counterexample]:
    """Yield two slices on a line that is no minimum, one alone, other norms, phi and losses."""
    for name, point, numbers in POINTS:
        conclusion = is_global_if_stationary if name == "second order" else is_global
        yield Counterexample(name, point, partial(told_of, conclusion, numbers))
