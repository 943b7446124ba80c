"""Polynomials in variables t_k of [0, bound], with rational coefficients, and when one is >= 0.

A function written with +, -, *, / and abs accepts polynomials in place of numbers.  On the orthant
x = X + s t with signs s, its exact value is then a polynomial.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import prod

from ._base import ZERO, Check

Exponents = tuple[int, ...]
ONE = Fraction(1)


class UndecidedError(ValueError):
    """Something was neither proved nor refuted."""


@dataclass(frozen=True)
class Polynomial:
    """sum of coefficients times t^exponents; the variables' bounds, None where there is none."""

    terms: dict[Exponents, Fraction]
    bounds: tuple[Fraction | None, ...]

    def of(self, other: object) -> "Polynomial":
        """Return the other as a polynomial in these variables."""
        if isinstance(other, Polynomial):
            return other
        constant = Fraction(other)  # type: ignore[arg-type]
        return Polynomial({(0,) * len(self.bounds): constant} if constant else {}, self.bounds)

    def __add__(self, other: object) -> "Polynomial":
        found = dict(self.terms)
        for power, c in self.of(other).terms.items():
            found[power] = found.get(power, ZERO) + c
        return Polynomial({p: c for p, c in found.items() if c}, self.bounds)

    def __mul__(self, other: object) -> "Polynomial":
        found: dict[Exponents, Fraction] = {}
        for (p, a), (q, b) in product(self.terms.items(), self.of(other).terms.items()):
            power = tuple(i + j for i, j in zip(p, q, strict=True))
            found[power] = found.get(power, ZERO) + a * b
        return Polynomial({p: c for p, c in found.items() if c}, self.bounds)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Polynomial":
        return self * -1

    def __sub__(self, other: object) -> "Polynomial":
        return self + -self.of(other)

    def __rsub__(self, other: object) -> "Polynomial":
        return -self + other

    def __truediv__(self, number: object) -> "Polynomial":
        return self * (1 / Fraction(number))  # type: ignore[arg-type]

    def __pow__(self, n: int) -> "Polynomial":
        return prod([self] * n, start=self.of(1))

    def __abs__(self) -> "Polynomial":
        return self if self.sign() >= 0 else -self

    def __gt__(self, other: object) -> bool:
        return (self - other).sign() > 0

    def __lt__(self, other: object) -> bool:
        return (self - other).sign() < 0

    def __bool__(self) -> bool:
        return bool(self.terms)

    def sign(self) -> int:
        """Return the sign for all t > 0; UndecidedError if it may change in the box.

        The largest product of powers in all terms, which is positive, is divided out.
        """
        if not self.terms:
            return 0
        coefficients = list(self.terms.values())
        if all(c > 0 for c in coefficients) or all(c < 0 for c in coefficients):
            return 1 if coefficients[0] > 0 else -1
        least = [min(powers) for powers in zip(*self.terms, strict=True)]
        rest = {
            tuple(k - m for k, m in zip(p, least, strict=True)): c for p, c in self.terms.items()
        }
        start = rest.get((0,) * len(self.bounds), ZERO)
        if None not in self.bounds and abs(start) > sum(
            abs(c) * size(p, self.bounds) for p, c in rest.items() if any(p)
        ):
            return 1 if start > 0 else -1
        raise UndecidedError(f"the sign of {self.terms} changes")


def size(power: Exponents, bounds: tuple[Fraction, ...]) -> Fraction:
    """Return the largest t^power in the box."""
    return prod((b**k for b, k in zip(bounds, power, strict=True)), start=ONE)


def variables(bounds: tuple[Fraction | None, ...]) -> list[Polynomial]:
    """Return t_1, t_2, ..."""
    units = [tuple(int(i == k) for i in range(len(bounds))) for k in range(len(bounds))]
    return [Polynomial({power: ONE}, bounds) for power in units]


def orthants(x: tuple[Fraction, ...], near: Fraction | None) -> Iterator[list[Polynomial]]:
    """Yield x + s t for all signs s, t in [0, near]: together the cube around x, or all."""
    steps = variables((near,) * len(x))
    for signs in product((1, -1), repeat=len(x)):
        yield [s * t + a for s, t, a in zip(signs, steps, x, strict=True)]


def nonnegative(claim: str, f: Polynomial | Fraction) -> Iterator[Check]:
    """Yield checks that prove f >= 0 in the box: each negative term is charged to positive ones.

    c t^a is charged to t^b and t^d with b + d <= 2 a:  t^a <= m (t^b + t^d) / 2, m the largest
    t^(a - (b + d) / 2), by the inequality of the means; what is left of each must be >= 0.
    """
    if not isinstance(f, Polynomial):
        yield Check(claim, ZERO, "<=", f)
        return
    left = {p: c for p, c in f.terms.items() if c > 0}
    yield Check(claim, ZERO, "<=", sum(left.values(), ZERO))
    for power, c in f.terms.items():
        if c < 0:
            yield _charge(claim, left, (power, -c), f.bounds)


def _charge(
    claim: str,
    left: dict[Exponents, Fraction],
    term: tuple[Exponents, Fraction],
    bounds: tuple[Fraction | None, ...],
) -> Check:
    """Take the term from the pair that has most left over; UndecidedError if none has enough."""
    power, c = term
    best: tuple[Fraction, dict[Exponents, Fraction]] | None = None
    for pair in combinations_with_replacement(left, 2):
        spare = [2 * a - b - d for a, b, d in zip(power, *pair, strict=True)]
        free = any(k > 0 for k, bound in zip(spare, bounds, strict=True) if bound is None)
        if min(spare, default=0) < 0 or free:
            continue
        most = prod(map(_half_power, bounds, spare), start=ONE)
        rest = {p: left[p] - c * most * pair.count(p) / 2 for p in pair}
        if best is None or min(rest.values()) > best[0]:
            best = min(rest.values()), rest
    if best is None or best[0] < 0:
        raise UndecidedError(f"{claim}: {term} is more than {left} can bear")
    left.update(best[1])
    return Check(claim, ZERO, "<=", best[0])


def _half_power(bound: Fraction | None, k: int) -> Fraction:
    """Return an upper bound of t^(k / 2) for t in [0, bound]: exact for even k."""
    return ONE if bound is None else bound ** (k // 2) * (max(bound, ONE) if k % 2 else ONE)
