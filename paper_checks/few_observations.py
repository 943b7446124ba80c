"""Few observations: f = g(<A_1, Z>, ..., <A_k, Z>) + lam sum |x|^2, Z = sum x x^T, in rationals.

With the slices as columns of X, Z(t) = X (I + t D) X^T keeps all k numbers where D, symmetric, is
orthogonal to every X^T A_i X: r (r + 1) / 2 unknowns, k equations. The price is linear in t: it
does not rise one way, and there I + t D becomes singular. D = b b^T / |b|^2 - a a^T / |a|^2 with
orthogonal a and b is drawn first, then A_i orthogonal to it: the end is at t = 1 or -1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import matrices, positives, vectors
from ._exact import Matrix, Vector, dot, inner, l1, total, vector
from ._linear import dependences, exact
from ._necessity import NoCounterexampleError
from ._points import Number
from ._polynomial import ONE, nonnegative, orthants, variables
from ._second_order import combined, times
from ._told import told_of

STATEMENT = Statement(
    title="Few observations need few slices",
    words="If the loss depends only on k numbers <A_i, Z> and the price is a squared l2 norm, "
    "about sqrt(2 k) slices are enough: whenever r (r + 1) / 2 > k, a straight line of Z leads "
    "from r slices to fewer, keeps the k numbers, and does not raise f. This is Pataki's and "
    "Barvinok's bound for semidefinite programs. A matrix u v^T is the case x = (u, v).",
    formula="phi(x) = x x^T, theta(x) = |x|_2^2, loss(Z) = g(<A_1, Z>, ..., <A_k, Z>), "
    "r (r + 1) / 2 > k  =>  for every X of r slices some X' of r - 1 has f(X') <= f(X);   "
    "so min over all sizes = min f_r for the largest r with r (r + 1) / 2 <= k",
    needs={
        "r (r + 1) / 2 > k": "Z11, Z12 and Z22 observed, y = (2, 0, 2), lam = 1: two slices have "
        "f = 3; one with x^2 = (s, t) has (s - 2)^2 / 2 + (t - 2)^2 / 2 + s t / 2 + s + t, which "
        "is convex and least at s = t = 2/3: 10/3",
        "l2 norm": "the diagonal (2, 2) is observed, lam = 1, theta = |x|_1^2: two slices e1, e2 "
        "have f = 3; one with x^2 = (a, b) has 3 + ((a - 1)^2 + (b - 1)^2) / 2 + 2 sqrt(a b), at "
        "least 13/4: either a and b >= 1/4, or one of them is further than 3/4 from 1",
    },
    gap="The loss need not be convex, because it does not change along the line. Only the size of "
    "a global minimum is bounded; other local minima may exist.",
)
STAYS, FALLS = "each <A_i, Z> stays", "f does not rise"
FEWER, MOVES = "one slice less is left", "dim of the moves >= r (r + 1) / 2 - k"
MATRIX = "x = (u, v): <A_i, Z> depends on u v^T only"
REACHES = "one slice less reaches f"


@dataclass(frozen=True)
class Instance:
    """Slices as columns of X (n, r); a, b in r-space; matrices to observe by; y, lam; the loss.

    With `split` = m the slices are (u, v), u of length m, and only entries of u v^T are observed.
    """

    X: Matrix
    a: Vector
    b: Vector
    seen: list[Matrix]
    y: Vector
    lam: Fraction
    loss: str = "squared"
    split: int = 0

    def move(self) -> Matrix:
        """Return D, with the sign for which the price does not rise."""
        p, q = dot(self.a, self.a), dot(self.b, self.b)
        D = [
            [y * w / q - x * z / p for z, w in zip(self.a, self.b, strict=True)]
            for x, y in zip(self.a, self.b, strict=True)
        ]
        gram = times(list(map(list, zip(*self.X, strict=True))), self.X)
        return [[-x for x in row] for row in D] if inner(gram, D) > 0 else D

    def observed(self) -> list[Matrix]:
        """Return the A_i: symmetric, and orthogonal to X D X^T."""
        turned = list(map(list, zip(*self.X, strict=True)))
        across = self.part(times(times(self.X, self.move()), turned))
        square, found = inner(across, across), []
        for B in self.seen:
            A = self.part([[x + B[j][i] for j, x in enumerate(row)] for i, row in enumerate(B)])
            by = inner(A, across) / square if square else ZERO
            found.append([combined(r, s, by) for r, s in zip(A, across, strict=True)])
        return found

    def part(self, A: Matrix) -> Matrix:
        """Return the part of A that may be observed: all, or the entries of u v^T and v u^T."""
        m = self.split
        return [
            [x if not m or (i < m <= j) or (j < m <= i) else ZERO for j, x in enumerate(row)]
            for i, row in enumerate(A)
        ]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    n, r = draw(st.integers(2, 3)), draw(st.integers(2, 3))
    a = draw(vectors(r).filter(any))
    b = draw(vectors(r).map(lambda x: combined(x, a, dot(x, a) / dot(a, a))).filter(any))
    k = draw(st.integers(1, r * (r + 1) // 2 - 1))
    seen = draw(st.lists(matrices(n, n), min_size=k, max_size=k))
    loss, split = draw(st.sampled_from(("squared", "wells"))), draw(st.integers(0, n - 1))
    equal = st.builds(lambda t: [[t * (p == q) for q in range(r)] for p in range(n)], positives(3))
    X, y, lam = draw(st.one_of(matrices(n, r), equal)), draw(vectors(k)), draw(positives(4))
    return Instance(X, a, b, seen, y, lam, loss, split)


INSTANCES = _instances()
Slices = list[tuple[Fraction, Vector]]  # (d, x) is the slice sqrt(d) x


def slices(X: Matrix, middle: Matrix) -> Slices:
    """Return the slices of X M X^T for M >= 0: M = L D L^T gives those of D > 0."""
    M, found = [list(row) for row in middle], []
    for p in range(len(M)):
        d, column = M[p][p], [row[p] for row in M]
        if not d:
            if any(column):
                raise ValueError(f"not positive semidefinite: {middle}")
            continue
        found.append((d, [dot(row, column) / d for row in X]))
        M = [combined(row, column, x / d) for row, x in zip(M, column, strict=True)]
    if any(d < 0 for d, _ in found):
        raise ValueError(f"not positive semidefinite: {middle}")
    return found


def seen(As: Sequence[Matrix], found: Slices) -> Vector:
    """Return every <A_i, Z>."""
    return [total(d * dot(x, [dot(row, x) for row in A]) for d, x in found) for A in As]


def across(A: Matrix, found: Slices, m: int) -> Fraction:
    """Return 2 sum u^T B v over the slices x = (u, v), u of length m, B the upper right of A."""
    return 2 * total(d * dot(x[:m], [dot(r[m:], x[m:]) for r in A[:m]]) for d, x in found)


def value(i: Instance, As: Sequence[Matrix], found: Slices) -> Fraction:
    """Return f: the loss is sum (z - y)^2 / 2, or sum (z^2 - y)^2, which is not convex."""
    pairs = zip(seen(As, found), i.y, strict=True)
    fit = total((z - y) ** 2 / 2 if i.loss == "squared" else (z * z - y) ** 2 for z, y in pairs)
    return fit + i.lam * total(d * dot(x, x) for d, x in found)


def sides(i: Instance) -> Iterator[Check]:
    """Yield the observations and f at t = 0, 1/2 and 1, and the number of slices that are left."""
    As, D, r = i.observed(), i.move(), len(i.a)
    identity = [[Fraction(int(p == q)) for q in range(r)] for p in range(r)]
    start = slices(i.X, identity)
    first, last = seen(As, start), value(i, As, start)
    for t in vector("1/2", 1):
        there = slices(i.X, [combined(e, d, -t) for e, d in zip(identity, D, strict=True)])
        for A in As if i.split else ():
            yield Check(MATRIX, seen([A], there)[0], "==", across(A, there, i.split))
        for now, before in zip(seen(As, there), first, strict=True):
            yield Check(STAYS, now, "==", before)
        here = value(i, As, there)
        yield Check(FALLS, here, "<=", last)
        last = here
    yield Check(FEWER, Fraction(len(there) + 1), "==", Fraction(r))
    yield Check(REACHES, last, "<=", value(i, As, start))
    unknowns = list(combinations_with_replacement(range(r), 2))
    forms = [times(list(map(list, zip(*i.X, strict=True))), times(A, i.X)) for A in As]
    columns = [exact([form[p][q] + form[q][p] for form in forms]) for p, q in unknowns]
    moves = Fraction(len(list(dependences(columns))))
    yield Check(MOVES, Fraction(len(unknowns) - len(As)), "<=", moves)


def gram(i: Instance) -> Matrix:
    """Return X^T X."""
    return times(list(map(list, zip(*i.X, strict=True))), i.X)


CASES: dict[str, Case] = {
    **among("slices:", lambda i: len(i.a), (2, 3)),
    **among("loss:", lambda i: i.loss, ("squared", "wells")),
    "one observation": lambda i: len(i.seen) == 1,
    "several observations": lambda i: len(i.seen) > 1,
    "matrices": lambda i: i.split > 0,
    "symmetric": lambda i: not i.split,
    "the price falls": lambda i: inner(gram(i), i.move()) < 0,
    "the price stays": lambda i: inner(gram(i), i.move()) == 0,
}
_STAYS = ("the price falls: equal", "the price stays: strict")
NEVER: dict[str, tuple[str, ...]] = {
    FALLS: _STAYS,
    REACHES: _STAYS,
    MATRIX: ("symmetric",),
}


def fixed() -> Iterator[Check]:
    """Yield slices of equal lengths, where the price stays, and matrices."""
    one, X = Fraction(1), [vector(1, 0), vector(0, 1)]
    a, b = vector(1, 2), vector(2, -1)
    entries = [[vector(1, 0), vector(0, 0)], [vector(0, 1), vector(0, 0)]]
    for loss in ("squared", "wells"):
        yield from sides(Instance(X, a, b, entries, vector(3, -1), one, loss))
    tall = [vector(1, 2, 0), vector(0, 1, 1), vector(2, 0, -1)]
    many = [[[Fraction((p + 2 * q + s) % 5) for q in range(3)] for p in range(3)] for s in range(5)]
    ab = vector(1, 1, 0), vector(1, -1, 2)
    yield from sides(Instance(tall, *ab, many, vector(1, 2, 3, 4, 5), one))
    yield from sides(Instance(tall, *ab, many[:2], vector(1, 2), one, split=1))


@dataclass(frozen=True)
class Seen:
    """Slices in the plane, the A_i, y, lam, theta, and a proof that no single slice is lower."""

    X: list[Vector]
    As: list[Matrix]
    y: Vector
    lam: Fraction
    theta: Callable[[Sequence[Number]], Number]
    least: Fraction
    proof: Callable[["Seen"], bool]

    def value(self, xs: Sequence[Sequence[Number]]) -> Number:
        """Return f, with the loss 1/2 |z - y|^2 of the observations."""
        pairs = zip(seen(self.As, [(ONE, x) for x in xs]), self.y, strict=True)
        return sum(((z - y) ** 2 / 2 for z, y in pairs), ZERO) + self.lam * sum(
            map(self.theta, xs), ZERO
        )

    def many(self) -> Iterator[Check]:
        """Yield r (r + 1) / 2 > k."""
        r = len(self.X)
        yield Check("observations", Fraction(len(self.As)), "<", Fraction(r * (r + 1), 2))

    def l2_norm(self) -> Iterator[Check]:
        """Yield theta(x) = |x|_2^2, for all x."""
        for x in orthants((ZERO, ZERO), None):
            rest = self.theta(x) - sum(a * a for a in x)
            yield Check("other terms", l1(rest.terms.values()), "==", ZERO)

    def reached(self) -> Check:
        """Return a lower bound of f over single slices, against f at the slices."""
        if len(self.X) != 2 or not self.proof(self):
            raise NoCounterexampleError("one slice may be lower")
        return Check(REACHES, self.least, "<=", self.value(self.X))


def by_squares(i: Seen) -> bool:
    """Return whether f(p, q) - least = ((p^2 - s)^2 + (q^2 - s)^2 + (p^2 + q^2 - 2 s)^2) / 4.

    s = 2/3, for all p and q.
    """
    s = Fraction(2, 3)
    p, q = variables((None, None))
    return all(
        i.value([(a, b)]) - i.least
        == ((p * p - s) ** 2 + (q * q - s) ** 2 + (p * p + q * q - 2 * s) ** 2) / 4
        for a, b in ((p, q), (p, -q))  # f is even
    )


def by_cells(i: Seen) -> bool:
    """Return whether f - least >= 0 where |p| <= 1/2, where |q| <= 1/2, and where neither is."""
    half = Fraction(1, 2)
    small, (far, other) = variables((half, None)), variables((None, None))
    cells = (small, small[::-1], (half + far, half + other))
    return all(
        c.true()
        for (p, q), s, t in every(cells, (1, -1), (1, -1))
        for c in nonnegative("f of one slice", i.value([(s * p, t * q)]) - i.least)
    )


HYPOTHESES = {"r (r + 1) / 2 > k": Seen.many, "l2 norm": Seen.l2_norm}


def counterexamples() -> Iterator[Counterexample]:
    """Yield Z11, Z12 and Z22 with y = (2, 0, 2), and the diagonal (2, 2) in l1 norms."""
    X, zero = [vector(1, 0), vector(0, 1)], vector(0, 0)
    As = [[X[0], zero], [vector(0, "1/2"), vector("1/2", 0)], [zero, X[1]]]
    all_entries = Seen(X, As, vector(2, 0, 2), ONE, lambda x: sum(a * a for a in x),
                       Fraction(10, 3), by_squares)  # fmt: skip
    diagonal = Seen(X, As[::2], vector(2, 2), ONE, lambda x: sum(map(abs, x)) ** 2,
                    Fraction(13, 4), by_cells)  # fmt: skip
    for name, example, numbers in (
        ("r (r + 1) / 2 > k", all_entries, ("10/3", "3")),
        ("l2 norm", diagonal, ("13/4", "3")),
    ):
        yield Counterexample(name, example, partial(told_of, Seen.reached, numbers))
