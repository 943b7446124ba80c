"""Proximal block descent on f(u, v) = 1/2 |u v^T - Y|^2 + lam (|u|_1 + |v|_1), steps in rationals.

The block's problem is separable: u+ = soft(Y v + L u, lam) / (|v|^2 + L), and so for v.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import RATIONALS, matrices, positives, vectors
from ._exact import (
    Matrix,
    Vector,
    difference,
    dot,
    half_squares,
    l1,
    product,
    sign_of,
    total,
    vector,
)
from ._told import told_of

STATEMENT = Statement(
    title="Proximal block descent",
    words="Each step minimizes f + L/2 |step|^2 in one block of factors, in which f is convex. "
    "Then f falls by L |step|^2 at least, so the squared steps sum to no more than "
    "(f_0 - inf f) / L. Right after its step a block has a subgradient no longer than L |step|, so "
    "among K sweeps one has two such subgradients, each of its block right after the step, whose "
    "squares sum to at most L (f_0 - inf f) / K: they shrink as 1 / sqrt(K). At the end of the "
    "sweep the first block's differs by no more than the change of its gradient. Nothing is said "
    "of global optimality: that is for a certificate.",
    formula="x+ = argmin f(x') + L/2 |x' - x|^2 over one block  =>  f(x+) + L |x+ - x|^2 <= f(x), "
    "dist(0, df(x+)) <= L |x+ - x|;   K min_k (dist_u^2 + dist_v^2) <= L (f_0 - f_K)",
    needs={
        "minimizer with L/2 |step|^2": "u = v = y = 0, L = 1: without the term u = 1 is a "
        "minimizer of the block as well, and f does not fall; and from u = v = 1, y = 0 the "
        "gradient step 3, longer than 2 / v^2, ends at u = -2, where f is 2 and was 1/2",
        "one block at a time": "u = v = 1/2, y = 2, L = 1/4: both blocks moved at once end at "
        "9/4, where f is 2401/512, and it was 49/32",
        "convex in the block": "f = -u^2 / 2, L = 2: the step from 1 to 2 lowers f by 3/2, not by "
        "2",
    },
    gap="For a block in which f is not convex, f still falls by L/2 |step|^2: compare x+ with x. "
    "That the iterates converge to one point needs more (the Kurdyka-Lojasiewicz property).",
)
FALLS = "f(x+) + L |x+ - x|^2 <= f(x)"
SUMS = "L times the squared steps <= f_0 - f_K"
NEAR = "dist(0, df) of a block after its step <= L |step|, squared"
SWEPT = "|.|_1 from 0 to the subgradients of u after the sweep <= L |step|_1 + |change|_1"
RATE = "K times the least defect of a sweep <= L (f_0 - f_K)"


@dataclass(frozen=True)
class Instance:
    """Y, the start, lam, L, and the number of sweeps."""

    Y: Matrix
    u: Vector
    v: Vector
    lam: Fraction
    L: Fraction
    K: int


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw any start, or v = 0 = Y and long u, where f falls by L |step|^2 only."""
    m, n, K, L = (draw(st.integers(1, most)) for most in (2, 2, 2, 3))
    lam = draw(st.one_of(st.just(ZERO), positives(4)))
    if draw(st.booleans()):
        entries = st.builds(lambda s, k: s * (K * lam / L + k), st.sampled_from((1, -1)), RATIONALS)
        u = draw(vectors(m, entries))
        return Instance([[ZERO] * n] * m, u, [ZERO] * n, lam, Fraction(L), K)
    Y, u, v = draw(matrices(m, n)), draw(vectors(m)), draw(vectors(n))
    return Instance(Y, u, v, lam, Fraction(L), K)


INSTANCES = _instances()


def value(i: Instance, u: Vector, v: Vector) -> Fraction:
    """Return f."""
    return half_squares(product([u], [v], len(u), len(v)), i.Y) + i.lam * (l1(u) + l1(v))


def step(Y: Matrix, u: Vector, v: Vector, lam: Fraction, L: Fraction) -> Vector:
    """Return the minimizer over u of f + L/2 |step|^2."""
    pulls = [dot(row, v) + L * a for row, a in zip(Y, u, strict=True)]
    return [sign_of(p) * max(ZERO, abs(p) - lam) / (dot(v, v) + L) for p in pulls]


def transposed(Y: Matrix) -> Matrix:
    """Return Y^T."""
    return [list(column) for column in zip(*Y, strict=True)]


def gradient(Y: Matrix, u: Vector, v: Vector) -> Vector:
    """Return (u v^T - Y) v."""
    return [dot(row, v) for row in difference(product([u], [v], len(u), len(v)), Y)]


def nearest(slopes: Vector, u: Vector, lam: Fraction) -> Vector:
    """Return the shortest slopes + lam s with s a subgradient of |u|_1."""
    return [
        g + lam * sign_of(a) if a else sign_of(g) * max(ZERO, abs(g) - lam)
        for g, a in zip(slopes, u, strict=True)
    ]


def squared(a: Vector, b: Vector) -> Fraction:
    """Return |a - b|^2."""
    return total((p - q) ** 2 for p, q in zip(a, b, strict=True))


def sides(i: Instance) -> Iterator[Check]:
    """Yield each step's fall and its subgradient, and the sums over all sweeps."""
    u, v, first = i.u, i.v, value(i, i.u, i.v)
    steps, defects, back = ZERO, [], transposed(i.Y)
    for _ in range(i.K):
        near = step(i.Y, u, v, i.lam, i.L)
        side = step(back, v, near, i.lam, i.L)
        defect = ZERO
        for old, new, other, Y in ((u, near, v, i.Y), (v, side, near, back)):
            moved = squared(new, old)
            rest = nearest(gradient(Y, new, other), new, i.lam)
            yield Check(NEAR, dot(rest, rest), "<=", i.L**2 * moved)
            steps, defect = steps + moved, defect + dot(rest, rest)
        here = value(i, near, v)
        yield Check(FALLS, here + i.L * squared(near, u), "<=", value(i, u, v))
        yield Check(FALLS, value(i, near, side) + i.L * squared(side, v), "<=", here)
        yield swept(i, (u, near), (v, side))
        defects.append(defect)
        u, v = near, side
    fall = first - value(i, u, v)
    yield Check(SUMS, i.L * steps, "<=", fall)
    yield Check(RATE, i.K * min(defects), "<=", i.L * fall)


def swept(i: Instance, us: tuple[Vector, Vector], vs: tuple[Vector, Vector]) -> Check:
    """Return how far u is from stationary once v has moved too."""
    before, after = (gradient(i.Y, us[1], v) for v in vs)
    left = l1(nearest(after, us[1], i.lam))
    moved, change = (l1(p - q for p, q in zip(*two, strict=True)) for two in (us, (after, before)))
    return Check(SWEPT, left, "<=", i.L * moved + change)


CASES: dict[str, Case] = {
    **among("sweeps:", lambda i: i.K, (1, 2)),
    **among("rows:", lambda i: len(i.u), (1, 2)),
    **among("columns:", lambda i: len(i.v), (1, 2)),
    "lam = 0": lambda i: i.lam == 0,
    "lam > 0": lambda i: i.lam > 0,
}
NEVER: dict[str, tuple[str, ...]] = {NEAR: ("lam = 0: strict",)}


def fixed() -> Iterator[Check]:
    """Yield two steps of length 1 along |u|, and a start from which both blocks move."""
    one, zero = Fraction(1), [vector(0)]
    yield from sides(Instance(zero, vector(3), vector(0), one, one, 2))
    yield from sides(Instance([vector(2, 1)], vector(1), vector(1, -1), ZERO, one, 1))


@dataclass(frozen=True)
class Move:
    """A step of (u, v) on f = 1/2 (u v - y)^2 - c u^2 / 2, of a block or of both."""

    y: Fraction
    old: Vector
    new: Vector
    L: Fraction = Fraction(1)
    c: Fraction = ZERO

    def slope(self, k: int, x: Fraction) -> Fraction:
        """Return the derivative in coordinate k at x, the other coordinate as it was."""
        other = self.old[1 - k]
        return (x * other - self.y) * other - (self.c * x if k == 0 else ZERO)

    def minimizer(self) -> Iterator[Check]:
        """Yield that a block that moves minimizes f + L/2 |step|^2, by its derivative."""
        for k, (a, b) in enumerate(zip(self.old, self.new, strict=True)):
            if a != b:
                yield Check("the slope", self.slope(k, b) + self.L * (b - a), "==", ZERO)
                yield Check("c", self.c, "<=", self.L + self.old[1 - k] ** 2)

    def single(self) -> Iterator[Check]:
        """Yield that one block moves."""
        (a, b), (p, q) = self.old, self.new
        yield Check("both move", (p - a) * (q - b), "==", ZERO)

    def convex(self) -> Iterator[Check]:
        """Yield that f is convex in u."""
        yield Check("c", self.c, "<=", self.old[1] ** 2)

    def falls(self) -> Check:
        """Return f after the step, plus L |step|^2, against f before."""
        after, before = (
            (u * v - self.y) ** 2 / 2 - self.c * u * u / 2 for u, v in (self.new, self.old)
        )
        return Check(FALLS, after + self.L * squared(self.new, self.old), "<=", before)


HYPOTHESES = {
    "minimizer with L/2 |step|^2": Move.minimizer,
    "one block at a time": Move.single,
    "convex in the block": Move.convex,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield a step without the proximal term, a long one, both blocks at once, and a concave f."""
    free = Move(ZERO, vector(0, 0), vector(1, 0))
    long = Move(ZERO, vector(1, 1), vector(-2, 1))
    both = Move(Fraction(2), vector("1/2", "1/2"), vector("9/4", "9/4"), L=Fraction(1, 4))
    concave = Move(ZERO, vector(1, 0), vector(2, 0), L=Fraction(2), c=Fraction(1))
    for name, example, numbers in (
        ("minimizer with L/2 |step|^2", free, ("1", "0")),
        ("minimizer with L/2 |step|^2", long, ("11", "1/2")),
        ("one block at a time", both, ("3185/512", "49/32")),
        ("convex in the block", concave, ("0", "-1/2")),
    ):
        yield Counterexample(name, example, partial(told_of, Move.falls, numbers))
