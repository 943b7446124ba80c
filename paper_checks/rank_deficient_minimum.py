"""Rank-deficient minima: f(U, V) = 1/2 sum c (U V^T - Y)^2 + lam/2 (|U|^2 + |V|^2), c > 0.

Stationary points of every kind come from rational orthogonal P, Q, R: U = P1 S R1, V = Q1 S R1
have rank k < r, W = lam P1 Q1^T + P2 T Q2^T, and Y = Z + W / c. Whether such a point is of second
order is decided by elimination on its whole Hessian.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Hypothesis, Statement
from ._counterpoints import ROUGH
from ._draw import matrices, positives, vectors
from ._exact import Matrix, Vector, flat, half_squares, inner, product, total, vector
from ._linear import exact, rank
from ._models import NORMS
from ._second_order import across, hessian, moved, negative, orthogonal, residual, times, value

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
        "rank < r": "for the same Y and r = 1 the slice u = v = 3 e1 is stationary, and its "
        "Hessian is positive semidefinite, with f = 22",
    },
    gap="Only the curvature along (U + t a q^T, V + t b q^T) with U q = V q = 0 is used, where Z "
    "moves by t^2 a b^T. So one derivative of the loss is enough; the second is needed only to "
    "speak of a Hessian. The argument does not extend to other norms: dependent slices lead to a "
    "zero slice along a path on which f is constant, but a local minimum at its start need not be "
    "one at its end. With squares of l1 norms, or of linf norms, two equal slices can be a local "
    "minimum that is not global, and neither is zero: for l1 norms, Y = diag(5/2, 2), lam = 1/2, "
    "twice u = v = e1 has f = 25/8, but 17/8 is possible. A loss that is not convex, or has no "
    "derivative, also breaks it; these three are shown as relations on instances, not as "
    "counterexamples whose other hypotheses are decided in code.",
)
STATIONARY, DEFICIENT = "W V = lam U and W^T U = lam V", "the rank is below r"
POLAR, DUAL = "of second order: sigma_1(W) <= lam", "of second order: f = d(W)"
LEAST, GLOBAL = "of second order: f = min F", "of second order: f <= f_s(X')"
ESCAPE = "else a short step is lower"
TURNED = "a rotation makes a slice zero and keeps f"
NEAR = "the points in other norms are lowest nearby"
ELSEWHERE = "in other norms and for other losses a point far away is lower, by as much as is told"
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
    others = draw(matrices(m, s)), draw(matrices(n, s))
    P, Q, R = normals
    return Instance((P, Q, R), sizes, sigmas, weights, draw(positives(4)), others)


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield what the point is, and that it is global or that a short step is lower."""
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
    yield Check(POLAR, max([lam * abs(t) for t in i.sigmas] + [lam] * bool(i.sizes)), "<=", lam)
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


def fixed() -> Iterator[Check]:
    """Yield optima and a saddle of dense slices, the origin, and points in other norms."""
    turns = [vector(1, 2)], [vector(3, -1)], [vector(1, 1), vector(2, 1)]
    for sigma in vector(1, "1000001/1000000"):
        yield from sides(Instance(turns, vector(2), [sigma], [vector(1, 1)] * 2, HALF))
        yield from sides(Instance(turns, vector(2), [sigma], [vector(1, 2), vector(3, 1)], HALF))
    origin = [vector(1, 2)], [vector(3, -1)], [vector(1)]
    yield from sides(Instance(origin, [], vector(1, "1/3"), [vector(1, 1)] * 2, HALF))
    for norm in ("l1", "linf"):
        yield from equal_slices(norm)
    least = min(z**3 / 12 - 5 * z * z / 8 + z for z in vector(0, 1, 4))
    yield Check(ELSEWHERE, least, "==", Fraction(-2, 3))
    yield from rough()


@dataclass(frozen=True)
class Symmetric:
    """Slices u = v, the columns of U, for data Y and lam = 1, and lower slices of the same kind."""

    U: Matrix
    Y: Matrix
    lower: Matrix

    def value(self, U: Matrix) -> Fraction:
        """Return f(U, U)."""
        return value(self.Y, ones(self.Y), ONE, (U, U))


def ones(Y: Matrix) -> Matrix:
    """Return weights 1."""
    return [[ONE] * len(row) for row in Y]


def is_second_order(i: Symmetric) -> Iterator[Check]:
    """Yield the first-order equations, and that no direction has negative curvature."""
    W, at = residual(i.Y, ones(i.Y), (i.U, i.U)), (i.U, i.U)
    yield from list(stationary(W, ONE, at))[:-1]
    down = negative(hessian(W, ones(i.Y), ONE, at))
    yield Check("directions of negative curvature", Fraction(bool(down)), "==", ZERO)


def is_deficient(i: Symmetric) -> Iterator[Check]:
    """Yield the rank of the slices (u, u) against their number."""
    yield deficient([exact(x) for x in zip(*i.U, *i.U, strict=True)])


HYPOTHESES: dict[str, Hypothesis] = {"second order": is_second_order, "rank < r": is_deficient}


def is_global(i: Symmetric) -> Check:
    """Return that the point is not above the lower one."""
    return Check(GLOBAL, i.value(i.U), "<=", i.value(i.lower))


def counterexamples() -> Iterator[Counterexample]:
    """Yield 3 e1 e1^T in two slices and in one, for Y = diag(10, 5)."""
    Y, lower = [vector(10, 0), vector(0, 5)], [vector(3, 0), vector(0, 2)]
    two, one = [vector("9/5", "12/5"), vector(0, 0)], [vector(3), vector(0)]
    yield Counterexample("second order", Symmetric(two, Y, lower), is_global)
    yield Counterexample("rank < r", Symmetric(one, Y, lower), is_global)


def equal_slices(norm: str) -> Iterator[Check]:
    """Yield two equal slices at a local minimum in l1 norms, and turned by 45 degrees, in linf.

    In l1 norms, with slices (a, p) (b, q)^T, z = sum p q and x = sum a b, f is least for lengths
    that are equal, and less its value at x = 2, p = q = 0 it is then at least (x - 2)^2 / 2 +
    z^2 / 2 - 2 z + 1/2 sum (|a q| + |p b| + |p q|). Where |a|, |b| >= 1/2 and |p|, |q| <= 1/8
    that is >= 0, since |a q| + |p b| >= (|p| + |q|) / 2 >= 8 |p q|.
    """
    size, length = 1 if norm == "l1" else 4, NORMS[norm]
    y = vector("5/2", 0, 0, 2) if norm == "l1" else vector("9/2", "1/2", "1/2", "9/2")

    def turn(x: Vector) -> Vector:
        return x if norm == "l1" else vector(x[0] + x[1], x[0] - x[1])

    def f(*slices: tuple[Vector, Vector]) -> Fraction:
        us, vs = ([turn(x) for x in side] for side in zip(*slices, strict=True))
        price = total(length(x) ** 2 for x in (*us, *vs)) / 2
        return half_squares(product(us, vs, 2, 2), [y[:2], y[2:]]) + HALF * size * price

    e1, e2 = vector(1, 0), vector(0, 1)
    here = f((e1, e1), (e1, e1))
    for p, q, s, t in every(vector("-1/8", 0, "1/8"), repeat=4):
        near = (vector(1 + s * t, p), vector(1, q)), (vector(1 - q, s), vector(1 + p, t))
        yield Check(NEAR, here, "<=", f(*near))
    yield deficient([(*turn(e1), *turn(e1))] * 2)
    yield Check(ELSEWHERE, here - f((e1, e1), (e1, e1), (e2, e2)), "==", Fraction(size))


def rough() -> Iterator[Check]:
    """Yield the loss without a derivative, lam = 1/2: near 0 with one slice, and at I / 2."""

    def f(U: Matrix, V: Matrix) -> Fraction:
        return ROUGH.value(flat(across(U, V))) + HALF / 2 * (inner(U, U) + inner(V, V))

    zero = [vector(0), vector(0)]
    for a, b, c, d in every(vector("-1/8", 0, "1/8"), repeat=4):
        yield Check(NEAR, f(zero, zero), "<=", f([[a], [b]], [[c], [d]]))
    half, whole = [vector("1/2", 0), vector(0, "1/2")], [vector(1, 0), vector(0, 1)]
    yield Check(ELSEWHERE, f(zero, zero) - f(half, whole), "==", Fraction(1, 8))
