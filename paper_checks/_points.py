"""A factorization problem written out, a point of it, and its hypotheses decided in rationals.

phi, theta and the loss are functions of numbers; on the orthants around a point they are
polynomials (`_polynomial`), so claims about all slices near it are proved, not sampled.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from ._base import ZERO, Check
from ._polynomial import ONE, Polynomial, UndecidedError, nonnegative, orthants, variables

Number = Any  # a Fraction, or a Polynomial
Slice = tuple[Fraction, ...]
NEAR = Fraction(1, 128)  # the half width of the cube on which a local minimum is proved
SHAPES: dict[str, Callable[[Number], Number]] = {
    "linear": lambda x: x,
    "square": lambda x: x * x / 2,
    "cube": lambda x: x**3,
    "cubed": lambda x: abs(x) ** 3,
    "fourth": lambda x: x**4,
    "absolute": abs,
}
CONVEX = ("square", "fourth", "absolute")  # with a weight >= 0; a linear term with any


@dataclass(frozen=True)
class Term:
    """weight s(a.Z + b), s one of SHAPES."""

    shape: str
    a: tuple[int, ...] = (1,)
    b: Fraction | int = 0
    weight: Fraction | int = 1

    def value(self, Z: Sequence[Number]) -> Number:
        """Return the term at Z."""
        inside = sum((k * z for k, z in zip(self.a, Z, strict=True) if k), Fraction(self.b))
        return self.weight * SHAPES[self.shape](inside)


@dataclass(frozen=True)
class Loss:
    """A sum of terms; two outputs at which it is not convex, if it is not."""

    terms: tuple[Term, ...]
    bent: tuple[Slice, Slice] | None = None

    def value(self, Z: Sequence[Number]) -> Number:
        """Return the loss at Z."""
        return sum((t.value(Z) for t in self.terms), ZERO)

    def convex(self, m: Fraction = ZERO) -> Iterator[Check]:
        """Yield that it is m-strongly convex, m > 0 for one output: each term is convex.

        A loss with `bent` is compared with its chord: it is not convex if it is above.
        """
        if self.bent is None:
            yield Check(
                "m", m, "<=", sum((t.weight for t in self.terms if t.shape == "square"), ZERO)
            )
            for t in self.terms:
                if t.shape != "linear":
                    convex = t.shape in CONVEX
                    yield Check("a convex term", ZERO, "<=", Fraction(t.weight if convex else -1))
            return
        p, q = self.bent
        bend = m * sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) / 8
        middle = self.value([(a + b) / 2 for a, b in zip(p, q, strict=True)])
        yield Check("below the chord", middle, "<=", (self.value(p) + self.value(q)) / 2 - bend)

    def bounded(self) -> Iterator[Check]:
        """Yield that no term falls below 0; where all are linear, the slope for one output."""
        if all(t.shape == "linear" for t in self.terms):
            slope = sum((t.weight * t.a[0] for t in self.terms), ZERO)
            yield Check("the slope", slope, "==", ZERO)
            return
        for t in self.terms:
            yield Check("a term", ZERO, "<=", Fraction(t.weight if t.shape in CONVEX else -1))

    def gradient(self, W: Sequence[Fraction], Z: Sequence[Fraction]) -> Iterator[Check]:
        """Yield that W = -grad loss at Z, on both sides of each coordinate."""
        for k, w in enumerate(W):
            for (s,), slope in zip(orthants((ZERO,), NEAR), (-w, w), strict=True):
                there = self.value([z + s if i == k else z for i, z in enumerate(Z)])
                yield Check("-grad", there.terms.get((1,), ZERO), "==", slope)

    def differentiable(self, at: Sequence[Fraction] | None = None) -> Iterator[Check]:
        """Yield that no absolute value is in it; where one is, the slopes to both sides of `at`.

        At a kink of |a.Z + b| the slopes along a are -|a|^2 and |a|^2 apart from the other terms.
        """
        kinks = [t for t in self.terms if t.shape == "absolute" and t.weight]
        if not kinks:
            yield Check("kinks", ZERO, "==", ZERO)
            return
        here = [Fraction(0)] * len(kinks[0].a) if at is None else list(at)
        for t in kinks:
            steps = [next(orthants((ZERO,), ONE)), list(orthants((ZERO,), ONE))[1]]
            right, left = (
                self.value([z + k * s for z, k in zip(here, t.a, strict=True)]).terms.get(
                    (1,), ZERO
                )
                for (s,) in steps
            )
            yield Check("the slopes agree", right, "==", -left)


def squared(*y: object) -> Loss:
    """Return 1/2 |Z - y|^2."""
    n = len(y)
    units = [tuple(int(i == k) for i in range(n)) for k in range(n)]
    return Loss(tuple(Term("square", e, -Fraction(t)) for e, t in zip(units, y, strict=True)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Point:
    """phi and theta of a slice of `arity` numbers, loss, lam, the slices X, others, and `down`.

    `down` moves the slices of X along a line on which f falls, if X is no local minimum.
    """

    arity: int
    phi: Callable[[Sequence[Number]], Sequence[Number]]
    theta: Callable[[Sequence[Number]], Number]
    loss: Loss
    lam: Fraction
    X: tuple[Slice, ...]
    others: tuple[Slice, ...] = ()
    down: tuple[Slice, ...] = ()
    size: int = 1  # card(D)
    proof: Callable[["Point"], Iterator[Check]] | None = None

    def sum(self, slices: Sequence[Sequence[Number]]) -> list[Number]:
        """Return sum phi."""
        return [
            sum(column, ZERO)
            for column in zip([ZERO] * self.size, *map(self.phi, slices), strict=True)
        ]

    def value(self, slices: Sequence[Sequence[Number]]) -> Number:
        """Return f."""
        return self.loss.value(self.sum(slices)) + self.lam * sum(map(self.theta, slices), ZERO)

    def moved(self, cube: Sequence[Number]) -> list[Sequence[Number]]:
        """Return the numbers as slices."""
        return [cube[k : k + self.arity] for k in range(0, len(cube), self.arity)]

    def compare(self, claim: str, relation: str = "<=") -> Check:
        """Return f(X) against f at the others."""
        return Check(claim, self.value(self.X), relation, self.value(self.others))

    def local_minimum(self) -> Iterator[Check]:
        """Yield that f is nowhere lower in a cube around X; along `down`, that it does not fall.

        On each orthant f - f(X) is a polynomial, proved >= 0; along a line its lowest term tells.
        """
        if not self.X:
            yield Check("slices that may move", ZERO, "==", ZERO)
            return
        if self.down:
            yield self._along_down()
            return
        if self.proof is not None:
            yield from self.proof(self)
            return
        here, flat = self.value(self.X), tuple(x for s in self.X for x in s)
        for cube in orthants(flat, NEAR):
            yield from nonnegative("f near X", self.value(self.moved(cube)) - here)

    def _along_down(self) -> Check:
        t = next(orthants((ZERO,), NEAR))[0]
        line = [
            [a + d * t for a, d in zip(x, step, strict=True)]
            for x, step in zip(self.X, self.down, strict=True)
        ]
        change = self.value(line) - self.value(self.X)
        order = min(change.terms, default=(0,))
        lowest = change.terms.get(order, ZERO)
        if lowest >= 0:
            raise UndecidedError("f does not fall along `down`")
        return Check("the lowest term along a line", ZERO, "<=", lowest)

    def zero_slice(self) -> Iterator[Check]:
        """Yield that some slice is zero."""
        sizes = [sum(map(abs, x), ZERO) for x in self.X]
        yield Check("the smallest slice is zero", min(sizes, default=ONE), "==", ZERO)

    def equal_degrees(self) -> Iterator[Check]:
        """Yield that every term of phi and theta has one degree, on every orthant."""
        degrees = self.degrees()
        yield Check(
            "degrees of phi and theta", Fraction(min(degrees)), "==", Fraction(max(degrees))
        )

    def positive_degree(self) -> Iterator[Check]:
        """Yield that the degree is not 0."""
        yield Check("the degree", ZERO, "<", Fraction(min(self.degrees())))

    def degrees(self) -> set[int]:
        """Return the degrees of the terms of phi and theta."""
        return degrees(self.arity, self.phi) | degrees(self.arity, lambda x: [self.theta(x)])

    def convex(self) -> Iterator[Check]:
        """Yield that the loss is convex."""
        yield from self.loss.convex()

    def differentiable(self) -> Iterator[Check]:
        """Yield that the loss is differentiable."""
        yield from self.loss.differentiable(self.sum(self.X))


def degrees(arity: int, f: Callable[[Sequence[Number]], Sequence[Number]]) -> set[int]:
    """Return the degrees of the terms of f on every orthant and every face of one."""
    found, steps = set(), variables((None,) * arity)
    for signs in product((1, -1, 0), repeat=arity):
        for value in f([s * t for s, t in zip(signs, steps, strict=True)]):
            terms = value.terms if isinstance(value, Polynomial) else {(0,): value}
            found |= {sum(power) for power, c in terms.items() if c}
    return found


def everywhere(claim: str, arity: int, f: Callable[[Sequence[Number]], Number]) -> Iterator[Check]:
    """Yield that f >= 0 for all numbers."""
    for x in orthants((ZERO,) * arity, None):
        yield from nonnegative(claim, f(x))
