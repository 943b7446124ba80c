"""Entrywise losses, not squares, that are strongly convex, everywhere or on sets f <= const.

phi = u v^T, theta = |u|_1 |v|_1, so that F is a sum over the entries z of loss(z) + lam |z|.  Each
problem is built from its minimum: e = y - z is where the slope is lam, or t = z + b.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO
from ._draw import matrices, positives, rationals, slices
from ._exact import Matrix, Vector, flat, product, sign_of

ONE, HALF = Fraction(1), Fraction(1, 2)


@dataclass(frozen=True)
class Odd:
    """A loss of e = y - z with loss(-e) = loss(e), its derivative, and its modulus m."""

    of: Callable[[Fraction], Fraction]
    slope: Callable[[Fraction], Fraction]
    m: Fraction


ODD = {
    "e^2 / 2 + e^4 / 4": Odd(lambda e: e**2 / 2 + e**4 / 4, lambda e: e + e**3, ONE),
    "e^2 / 4 + Huber": Odd(
        lambda e: e**2 / 4 + (e**2 / 2 if abs(e) <= 1 else abs(e) - HALF),
        lambda e: e / 2 + max(-ONE, min(ONE, e)),
        HALF,
    ),
    "e^2 / 2 + |e|": Odd(lambda e: e**2 / 2 + abs(e), lambda e: e + sign_of(e), ONE),
}
BARRIER = "a / t + c t, t > 0"  # strongly convex where t is bounded: m = 2 a / t^3 at the largest t


@dataclass(frozen=True)
class Residual:
    """An entry with data y and one of ODD; the slope is lam at e = edge."""

    loss: Odd
    y: Fraction
    edge: Fraction

    def value(self, z: Fraction) -> Fraction | None:
        """Return the loss."""
        return self.loss.of(self.y - z)

    def weight(self, z: Fraction) -> Fraction:
        """Return w, minus the derivative, or one of its limits at a kink."""
        return self.loss.slope(self.y - z)

    def best(self) -> Fraction:
        """Return the minimizer of loss + lam |z|."""
        return sign_of(self.y) * max(ZERO, abs(self.y) - self.edge)

    def modulus(self, *_: Fraction) -> Fraction:
        """Return m."""
        return self.loss.m


@dataclass(frozen=True)
class Barrier:
    """An entry a / t + c t of t = z + b > 0, with a = (c + lam) s^2 and 0 <= c <= lam."""

    c: Fraction
    lam: Fraction
    b: Fraction
    s: Fraction

    def value(self, z: Fraction) -> Fraction | None:
        """Return the loss, None where it is infinite."""
        t = z + self.b
        return (self.c + self.lam) * self.s**2 / t + self.c * t if t > 0 else None

    def weight(self, z: Fraction) -> Fraction:
        """Return w."""
        return (self.c + self.lam) * (self.s / (z + self.b)) ** 2 - self.c

    def best(self) -> Fraction:
        """Return the minimizer: w >= -c >= -lam at 0, so it is not below 0."""
        return max(ZERO, self.s - self.b)

    def modulus(self, *zs: Fraction) -> Fraction:
        """Return the least second derivative between outputs."""
        return 2 * (self.c + self.lam) * self.s**2 / (max(zs) + self.b) ** 3


@dataclass(frozen=True)
class Curved:
    """A loss's name, the edge (lam for BARRIER), slices u, v >= 0, and two numbers an entry.

    They are e where Z = 0, or b and s; where Z > 0 the entry is balanced.
    """

    loss: str
    edge: Fraction
    us: list[Vector]
    vs: list[Vector]
    first: Matrix
    second: Matrix
    others: tuple[list[Vector], list[Vector]]

    @property
    def lam(self) -> Fraction:
        """Return lam."""
        return self.edge if self.loss == BARRIER else ODD[self.loss].slope(self.edge)

    def output(self, us: list[Vector], vs: list[Vector]) -> Vector:
        """Return Z."""
        return flat(product(us, vs, len(self.first), len(self.first[0])))

    def entries(self) -> list[Residual | Barrier]:
        """Return the entries' losses."""
        numbers = zip(
            self.output(self.us, self.vs), flat(self.first), flat(self.second), strict=True
        )
        if self.loss == BARRIER:
            return [
                Barrier(self.lam / 2, self.lam, abs(p) + 1, z + abs(p) + 1 if z else abs(q) + HALF)
                for z, p, q in numbers
            ]
        odd = ODD[self.loss]
        return [Residual(odd, z + self.edge if z else p, self.edge) for z, p, _ in numbers]


@st.composite
def curved(draw: st.DrawFn) -> Curved:
    """Draw slices and entries, some inside lam and some outside."""
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    us, vs = draw(slices(m, n, 3, st.one_of(st.just(ZERO), rationals(0))))
    return Curved(
        draw(st.sampled_from([*ODD, BARRIER])),
        draw(positives(4)),
        us,
        vs,
        draw(matrices(m, n)),
        draw(matrices(m, n)),
        draw(st.one_of(st.just((us, vs)), slices(m, n, 3))),
    )
