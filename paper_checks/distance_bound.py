"""Distance bound: phi = u v^T, theta = |u|_1 |v|_1, loss 1/2 sum c (z - y)^2, c > 0, in rationals.

The loss is m-strongly convex, m = min c; Omega(Z) = sum |Z_ij|.  F's minimum comes from its dual,
F* = d(W*) with W* = cY clipped to [-lam, lam], and its minimizer Z* from soft-thresholding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from ._base import Check, Statement
from ._draw import matrices, positives
from ._exact import Matrix, Vector, flat, inner, l1, largest, price, product, total, vector
from .append_a_zero import Instance as Balanced
from .append_a_zero import instances

STATEMENT = Statement(
    title="Distance bound",
    words="How far balanced slices are from the global minimum is bounded before it is known: by "
    "how much the polar exceeds lam, less what strong convexity gives back.",
    formula="loss m-strongly convex in Z, W = -grad loss at Z = sum phi(X_i), <W, phi(X_i)> = "
    "lam theta(X_i)  =>  f(X) - F* <= lam Omega(Z*) (Omega*(W) / lam - 1) - m/2 |Z - Z*|^2",
    needs={
        "balanced slices": "the slice 4 for Y = 4, lam = 1: W = 0, so the right side is "
        "3 (0 - 1) - 1/2 < 0",
        "strong convexity": "|z - 4| with lam = 1/2 at Z = 0: f - F* = 2, and m = 1 would say -6 "
        "(m = 0 says 2)",
        "gradient": "no slice, Y = 4, lam = 1: f - F* = 4.5, and W = 1 instead of 4 would say -4.5",
        "equal degrees": "phi = a b c with weight decay, Y = 27, lam = 1, no slice: F* <= 9, so "
        "f - F* >= 355.5; Omega(z) = |z|^(2/3) and the polar is 27, so the right side is "
        "26 t^2 - t^6 / 2 at t = |Z*|^(1/3), below 234 for every t",
    },
)
BOUND = "f(X) - F* <= its bound"


@dataclass(frozen=True)
class Instance:
    """Balanced slices with their W, and the weights c."""

    balanced: Balanced
    weights: Matrix


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    balanced = draw(instances())
    rows, columns = len(balanced.inside), len(balanced.inside[0])
    return Instance(balanced, draw(matrices(rows, columns, positives(4))))


INSTANCES = _instances()


def minimum(Y: Vector, c: Vector, lam: Fraction) -> Fraction:
    """Return F* = max d(W), d(W) = sum w y - w^2 / (2 c), |w| <= lam."""
    clipped = [max(-lam, min(lam, k * y)) for k, y in zip(c, Y, strict=True)]
    return total(w * y - w * w / (2 * k) for w, y, k in zip(clipped, Y, c, strict=True))


def minimizer(Y: Vector, c: Vector, lam: Fraction) -> Vector:
    """Return Z*, the soft-thresholded Y."""
    pairs = zip(Y, c, strict=True)
    return [
        (abs(y) - lam / k) * (1 if y > 0 else -1) if k * abs(y) > lam else y * 0 for y, k in pairs
    ]


def sides(i: Instance) -> Iterator[Check]:
    """Yield f - F* against the bound."""
    b = i.balanced
    Z = flat(product(b.us, b.vs, len(b.inside), len(b.inside[0])))
    W, c = b.question()[1], flat(i.weights)
    Y = [z + w / k for z, w, k in zip(Z, flat(W), c, strict=True)]
    fit = total(k * (z - y) ** 2 for k, z, y in zip(c, Z, Y, strict=True)) / 2
    best = minimizer(Y, c, b.lam)
    apart = [[z - x for z, x in zip(Z, best, strict=True)]]
    bound = l1(best) * (largest(W) - b.lam) - min(c) * inner(apart, apart) / 2
    here = fit + b.lam * price(b.us, b.vs)
    yield Check(BOUND, here - minimum(Y, c, b.lam), "<=", bound)


def fixed() -> Iterator[Check]:
    """Yield an entry left out, where the bound is attained, and the counterexamples."""
    one = Fraction(1)
    yield from sides(Instance(Balanced(one, [], [], [vector(4)], ([], [])), [vector(1)]))
    least = minimum(vector(4), vector(1), one)
    yield _dropped("balanced slices", one * 4 - least, 3 * (0 - one) - one / 2)
    yield _dropped("strong convexity", Fraction(4 - 2), one / 2 * 4 * (2 - 1) - one / 2 * 4**2)
    yield _dropped("gradient", Fraction(4**2, 2) - least, 3 * (one - 1) - one / 2 * 3**2)
    yield _dropped("equal degrees", Fraction(27**2, 2) - 9, Fraction(26 * 9))


def _dropped(name: str, left: Fraction, right: Fraction) -> Check:
    return Check(BOUND, left, "<=", right, dropped=name)
