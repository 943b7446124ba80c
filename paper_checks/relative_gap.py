"""Relative gap: phi = u v^T, theta = |u|_1 |v|_1, convex losses of each entry, in rationals.

    F* >= s f(X) + (1 - s) inf loss,    s = min(1, lam / Omega*(W))

because s W is in the polar ball of lam, d is concave with d(0) = inf loss, and d(W) = f(X): W is
a subgradient (Fenchel) and the slices are balanced. With loss >= 0 this is f(X) <= F* / s.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import Check, Statement
from ._draw import positives, rationals, slices
from ._exact import Vector, dot, flat, l1, largest, price, product, total, vector

STATEMENT = Statement(
    title="Relative gap",
    words="The polar alone bounds the gap. If the polar is 1.03 lam at balanced slices and the "
    "loss is nonnegative, then f is at most 3 % above the global minimum. Nothing else has to be "
    "known: no strong convexity, no minimizer, no derivative.",
    formula="loss convex, -W a subgradient at Z = sum phi(X_i), <W, phi(X_i)> = lam theta(X_i), "
    "P >= Omega*(W)  =>  f(X) - F* <= (1 - lam / P)_+ (f(X) - inf loss);   "
    "loss >= 0  =>  f(X) <= max(1, P / lam) F*",
    needs={
        "balanced slices": "the slice 4 for 1/2 (z - 4)^2, lam = 1, has W = 0, so the bound would "
        "be f <= F*, but f = 4 and F* = 3.5",
        "convex loss": "(z - 3)^2 (z^2 + 2 z + 3) / 4 = z^4 / 4 - z^3 + 27/4 >= 0, lam = 1: at "
        "0 W = 0, so the bound would be f <= F*, but f = 27/4, and z = 3 has 3",
        "subgradient": "no slice, 1/2 (z - 4)^2, lam = 1: f = 8 and F* = 3.5; W = 1 instead of 4 "
        "would say f <= F*",
        "P >= Omega*(W)": "the same point with W = 4 and P = 2, half of the polar, would say "
        "f <= 2 F* = 7",
        "loss >= 0": "|z - 4| - 2 with lam = 1/2: at 0 f = 2 and Omega*(W) = 1, but F* = 0; only "
        "the form with inf loss = -2 holds",
        "equal degrees": "phi = a b c with weight decay, Y = 27, lam = 1, no slice: the polar is "
        "27 and F* <= 9, so the bound would be f <= 27 * 9 = 243, but f = 364.5",
    },
    gap="Usually the bound is given with Omega(Z*) of the unknown minimizer: f - F* <= lam "
    "Omega(Z*) (Omega*(W) / lam - 1). For a loss >= 0, lam Omega(Z*) is at most F*, and that "
    "gives the relative form. The form with f on the right can be computed at once.",
)
BRACKET = "s f(X) + (1 - s) inf loss <= F*"
RELATIVE = "f(X) <= max(1, P / lam) F*"
UNKNOWN = "f(X) - F* <= (P - lam)_+ Omega(Z*)"
SLOPE = "-W is a subgradient, seen from Z*"
Loss = Callable[[Fraction, Fraction], Fraction]
LOSSES: dict[str, Loss] = {
    "squared": lambda z, y: (z - y) ** 2 / 2,
    "absolute": lambda z, y: abs(z - y),
    "Huber": lambda z, y: (z - y) ** 2 / 2 if abs(z - y) <= 1 else abs(z - y) - Fraction(1, 2),
}


@dataclass(frozen=True)
class Instance:
    """A loss of one entry, its constant, lam, slices u, v >= 0, and per entry W and a distance.

    W is `inside`, or lam where Z > 0: then the slices are balanced.
    """

    loss: str
    constant: Fraction
    lam: Fraction
    us: list[Vector]
    vs: list[Vector]
    inside: Vector
    far: Vector

    def point(self) -> tuple[Vector, Vector, Vector]:
        """Return Z, W and the data y for which -W is a subgradient at Z."""
        columns = len(self.vs[0]) if self.vs else 1
        Z = flat(product(self.us, self.vs, len(self.inside) // columns, columns))
        W = [self.lam if z else w for z, w in zip(Z, self.inside, strict=True)]
        return Z, W, [z + self.off(w, far) for z, w, far in zip(Z, W, self.far, strict=True)]

    def off(self, w: Fraction, far: Fraction) -> Fraction:
        """Return y - z for the slope -w; where many are right, one at the distance `far`."""
        if self.loss == "squared" or abs(w) < 1:
            return w if self.loss != "absolute" else w * 0
        least = 0 if self.loss == "absolute" else 1
        return (least + far) * (1 if w > 0 else -1)

    def best(self, y: Fraction) -> tuple[Fraction, Fraction]:
        """Return the minimizer of loss(z) + lam |z| and the minimum: z is 0, y, or a threshold."""
        sign, value = 1 if y > 0 else -1, LOSSES[self.loss]
        sizes = [y * 0, abs(y), max(y * 0, abs(y) - self.lam)]
        least, size = min((value(sign * z, y) + self.lam * z, z) for z in sizes)
        return sign * size, least


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw lam <= 1 for the losses whose slope is at most 1."""
    loss, m, n = draw(st.sampled_from(sorted(LOSSES))), draw(st.integers(1, 2)), 2
    lam = draw(positives() if loss == "squared" else st.fractions(Fraction(1, 9), 1))
    us, vs = draw(slices(m, n, 3, rationals(0)))
    if not us:
        us, vs = [[Fraction(0)] * m], [[Fraction(0)] * n]
    most = 9 if loss == "squared" else 1
    inside = draw(st.lists(st.fractions(-most, most, max_denominator=4), min_size=4, max_size=4))
    far = draw(st.lists(rationals(0), min_size=4, max_size=4))
    return Instance(loss, draw(rationals(0)), lam, us, vs, inside[: m * n], far[: m * n])


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield F*, entry by entry, against the three bounds."""
    Z, W, Y = i.point()
    fit = total(LOSSES[i.loss](z, y) for z, y in zip(Z, Y, strict=True))
    here = i.constant + fit + i.lam * price(i.us, i.vs)
    minima = [i.best(y) for y in Y]
    best, least = [z for z, _ in minima], i.constant + total(f for _, f in minima)
    line = fit + dot(W, Z) - dot(W, best)
    there = total(LOSSES[i.loss](z, y) for z, y in zip(best, Y, strict=True))
    yield Check(SLOPE, line, "<=", there)
    steepest = max(i.lam, largest([W]))
    s = i.lam / steepest
    yield Check(BRACKET, s * here + (1 - s) * i.constant, "<=", least)
    yield Check(RELATIVE, here, "<=", least * steepest / i.lam)
    yield Check(UNKNOWN, here - least, "<=", (steepest - i.lam) * l1(best))


def fixed() -> Iterator[Check]:
    """Yield |z - 4| at 0, where all bounds are attained, and the counterexamples."""
    one, zero = Fraction(1), [vector(0)]
    attained = Instance("absolute", one * 0, one / 2, zero, zero, vector(1), vector(4))
    yield from sides(attained)
    yield from sides(replace(attained, loss="Huber", inside=vector("3/4"), lam=one))
    yield from sides(Instance("squared", one, one, [vector(2)], [vector(1)], vector(1), vector(0)))
    least = Fraction(4**2 - 3**2, 2)  # lam y - lam^2 / 2 at y = 4
    yield _dropped("balanced slices", one * 4, least)
    at_0, at_3 = ((z - 3) ** 2 * (z * z + 2 * z + 3) / 4 + z for z in vector(0, 3))
    yield _dropped("convex loss", at_0, at_3)
    yield _dropped("subgradient", Fraction(4**2, 2), 1 * least)
    yield _dropped("P >= Omega*(W)", Fraction(4**2, 2), 2 * least)
    yield _dropped("loss >= 0", one * 4 - 2, 2 * (one / 2 * 4 - 2))
    yield _dropped("equal degrees", Fraction(27**2, 2), 27 * (one * 3**2))


def _dropped(name: str, here: Fraction, bound: Fraction) -> Check:
    return Check(RELATIVE, here, "<=", bound, dropped=name)
