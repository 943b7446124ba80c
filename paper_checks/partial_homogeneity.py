"""Partial homogeneity: a hidden layer of hard sigmoids, homogeneous in its outer weights only.

    phi(w, b, v) = v h(w x_i + b), one entry a sample,   h(z) = (1 + z) / 2 clipped to [0, 1]
    theta(w, b, v) = |v|,     Omega*(W) = max over (w, b) of |sum W_i h(w x_i + b)|

The sum is piecewise linear and bounded, so on each cell of the lines w x_i + b = +-1 it is largest
at a corner, where two of them cross: these are the rays.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from itertools import combinations
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted, order
from ._draw import positives, rationals, vectors
from ._exact import Vector, dot, l1, scale, total, vector
from ._fit import below, enumerated, fit
from ._linear import combine, exact, plus
from ._necessity import NoCounterexampleError
from ._points import NEAR as NEARBY
from ._points import Number, everywhere
from ._polynomial import ONE, UndecidedError, nonnegative, orthants
from ._rays import Rays
from ._told import told_of

STATEMENT = Statement(
    title="Partial homogeneity",
    words="A sigmoid layer is not homogeneous in its inner weights a, but it is in its outer "
    "weights v. If theta is homogeneous of the same degree in v, with a fixed, then weak duality "
    "and the certificate hold as they are, with the polar taken over all a. What fails is the "
    "statement on a zero slice: (a, 0) is a zero slice whatever a is, and a local minimum tests "
    "only inner weights near its own a.",
    formula="phi(a, s v) = s^p phi(a, v), theta(a, s v) = s^p theta(a, v) for s >= 0;   "
    "Omega*(W) = sup over all a and theta(a, v) <= 1 of <W, phi(a, v)> <= lam  =>  "
    "f_s(X') >= d(W);   <W, phi(X_i)> = lam theta(X_i) too  =>  f_r(X) = min F",
    needs={
        "theta homogeneous in v": "weight decay (|a|^2 + v^2) / 2, a = (w, b), one sample x = 1, "
        "y = 1, lam = 2: W = 1 has at most 2^(1/2) <= lam on the ball, so d(W) = 1/2 would be a "
        "bound, but 100 slices with a = 0, v = 1/50 sum to 1 and have f = 1/25; n slices have 4/n",
        "all a": "samples 0 and 1, y = (0, 4), lam = 1: the zero slice with w = 0, b = -3 is dead, "
        "h = 0 near it, so it is a local minimum with f = 8, but one unit that is on at x = 1 and "
        "off at x = 0 reaches 7/2",
        "balanced slices": "the unit with output 4 fits y = (0, 4) exactly: W = 0, and f = 4",
    },
    rests={"d(W) <= f_s(X')": ("theta homogeneous in v", "all a")},
    gap="'Homogeneous' is often said of phi and theta without the variables. Homogeneity in v is "
    "enough for everything that scales slices: weak duality, the certificate, the distance and the "
    "relative bound, and the path of large r, on which the a of a zero slice moves freely at the "
    "same f. Homogeneity in all variables is used where one zero slice must stand for all slices.",
)

DOMINATES, DUALITY = "<W, phi(a, v)> <= Omega*(W) theta(a, v)", "d(W) <= f_s(X')"
GLOBAL, LOWER = "balanced, polar <= lam: f = min F", "polar > lam: its maximizer lowers f"
SPLIT = "weight decay: n slices with a = 0 have f = 4/n"
FREE = "f is the same at every a of a zero slice"
Neuron = tuple[Fraction, Fraction, Fraction]  # w, b, v
STEP = Fraction(1, 10**9)


def h(z: Number) -> Number:
    """Return (1 + z) / 2 clipped to [0, 1]."""
    return max(ZERO, min(Fraction(1), (1 + z) / 2))


@dataclass(frozen=True)
class Layer:
    """Distinct samples x."""

    x: Vector

    def phi(self, neuron: Neuron) -> Vector:
        """Return v h(w x + b)."""
        w, b, v = neuron
        return [v * h(w * x + b) for x in self.x]

    @cached_property
    def corners(self) -> list[Neuron]:
        """Return v = +-1 where two of the lines cross, one (w, b) for each phi that is not 0."""
        found = []
        for (p, q), (s, t) in every(combinations(self.x, 2), every((1, -1), repeat=2)):
            w = (t - s) / (q - p)
            found += [(w, s - w * p, Fraction(v)) for v in (1, -1)]
        return [n for phi, n in {exact(self.phi(n)): n for n in found}.items() if any(phi)]

    @cached_property
    def rays(self) -> Rays:
        """Return them as rays."""
        phi = tuple(exact(self.phi(n)) for n in self.corners)
        return Rays(f"hard sigmoids at {list(map(str, self.x))}", phi, exact([1] * len(phi)))

    def residual(self, y: Sequence[Fraction], neurons: Sequence[Neuron]) -> Vector:
        """Return W = y - sum phi."""
        outputs = [exact(self.phi(n)) for n in neurons]
        return list(plus(y, combine([Fraction(1)] * len(outputs), outputs, len(y)), -1))

    def value(self, y: Sequence[Fraction], lam: Fraction, neurons: Sequence[Neuron]) -> Fraction:
        """Return 1/2 |sum phi - y|^2 + lam sum |v|."""
        W = self.residual(y, neurons)
        return dot(W, W) / 2 + lam * total(abs(v) for *_, v in neurons)


LAYERS = tuple(Layer(vector(*x)) for x in ((0, 1), (0, 1, 3), (-1, "1/2", 2)))


@dataclass(frozen=True)
class Instance:
    """A layer, its data and lam, some neurons, and the inner weights of a zero slice."""

    layer: Layer
    y: Vector
    lam: Fraction
    neurons: list[Neuron]
    a: tuple[Fraction, Fraction]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    layer = draw(st.sampled_from(LAYERS))
    neuron = st.tuples(rationals(), rationals(), rationals())
    neurons, a = draw(st.lists(neuron, max_size=3)), draw(st.tuples(rationals(), rationals()))
    i = Instance(layer, draw(vectors(len(layer.x))), draw(positives(4)), neurons, a)
    return i if draw(st.booleans()) else replace(i, neurons=best(i))


INSTANCES = _instances()


def best(i: Instance) -> list[Neuron]:
    """Return neurons of least f."""
    c = fit(i.layer.rays, i.y, i.lam).minimum()
    return [(w, b, v * x) for (w, b, v), x in zip(i.layer.corners, c, strict=True) if x]


def sides(i: Instance) -> Iterator[Check]:
    """Yield the polar over all (w, b) against neurons; f against d(W); and the minimum."""
    layer, y, lam = i.layer, i.y, i.lam
    rays, W, here = layer.rays, layer.residual(y, i.neurons), layer.value(y, lam, i.neurons)
    top = rays.polar(W)
    for n in (*i.neurons, (*i.a, Fraction(1))):
        yield Check(DOMINATES, dot(W, layer.phi(n)), "<=", top * abs(n[2]))
    yield Check(FREE, layer.value(y, lam, [*i.neurons, (*i.a, ZERO)]), "==", here)
    whole = fit(rays, y, lam)
    c = whole.minimum()
    for dual in (W, whole.residual(c)):
        yield Check(DUALITY, below(rays, exact(dual), exact(y), lam), "<=", here)
    yield Check(GLOBAL, layer.value(y, lam, best(i)), "==", enumerated(rays, exact(y), lam))
    if top > lam:
        w, b, v = max(layer.corners, key=lambda n: dot(W, layer.phi(n)))
        step = min(STEP, (top - lam) / len(y))  # |phi|^2 <= the number of samples
        yield Check(LOWER, layer.value(y, lam, [*i.neurons, (w, b, v * step)]), "<", here)


def excess(i: Instance) -> Fraction:
    """Return the polar of W minus lam."""
    return i.layer.rays.polar(i.layer.residual(i.y, i.neurons)) - i.lam


CASES: dict[str, Case] = {
    **among("samples:", lambda i: [*map(str, i.layer.x)], [[*map(str, x.x)] for x in LAYERS]),
    **counted("neuron", lambda i: sum(any(i.layer.phi(n)) for n in i.neurons)),
    **order("the polar", "lam", excess),
}
NEVER: dict[str, tuple[str, ...]] = {
    SPLIT: ("any",),
    DUALITY: ("the polar > lam: equal",),
    LOWER: ("the polar < lam", "the polar = lam"),
}


def fixed() -> Iterator[Check]:
    """Yield the best unit of two samples, each layer at a corner, and a split."""
    layer, y, one = LAYERS[0], vector(0, 4), Fraction(1)
    on = Fraction(2), Fraction(-1)
    yield from sides(Instance(layer, y, one, [(*on, Fraction(3))], on))
    for other in LAYERS:
        n = max(other.corners, key=lambda n: dot(other.phi(n), other.phi(n)))
        yield from sides(Instance(other, scale(Fraction(3), other.phi(n)), one, [], n[:2]))
    yield from split(100)


def split(n: int) -> Iterator[Check]:
    """Yield the value of weight decay on all weights at n slices with a = 0, y = 1, lam = 2."""
    found = Fitted(Layer(vector(1)), vector(1), Fraction(2), halves(n), decay)
    yield Check(SPLIT, found.value(found.neurons), "==", Fraction(4, n))


def halves(n: int) -> tuple[Neuron, ...]:
    """Return n neurons with a = 0 and v = 2 / n: their outputs 1 / n sum to 1."""
    return ((ZERO, ZERO, Fraction(2, n)),) * n


def outer_size(n: Sequence[Number]) -> Number:
    """Return |v|."""
    return abs(n[2])


def decay(n: Sequence[Number]) -> Number:
    """Return (w^2 + b^2 + v^2) / 2."""
    return sum((x * x for x in n), ZERO) / 2


@dataclass(frozen=True)
class Fitted:
    """A layer, its data, lam, neurons, theta, and W if it is not the residual."""

    layer: Layer
    y: Vector
    lam: Fraction
    neurons: tuple[Neuron, ...]
    theta: Callable[[Sequence[Number]], Number] = outer_size
    given: Vector | None = None

    @property
    def W(self) -> Vector:
        """Return W."""
        return self.given or self.layer.residual(self.y, self.neurons)

    def value(self, neurons: Sequence[Sequence[Number]]) -> Number:
        """Return f."""
        errors = [
            sum((v * h(w * x + b) for w, b, v in neurons), ZERO) - t
            for x, t in zip(self.layer.x, self.y, strict=True)
        ]
        price = sum(map(self.theta, neurons), ZERO)
        return sum((e * e for e in errors), ZERO) / 2 + self.lam * price

    def homogeneous(self) -> Iterator[Check]:
        """Yield that v has the power 1 in every term of theta, as it has in phi."""
        for n in orthants((ZERO,) * 3, None):
            for power in self.theta(n).terms:
                yield Check("the power of v", Fraction(power[2]), "==", ONE)

    def all_inner(self) -> Iterator[Check]:
        """Yield that the polar over all a is at most lam.

        It is enumerated for |v|.  Where theta <= 1 has v^2 <= 2, <W, phi> is at most |W|_1 |v|,
        and its square at most 2 |W|_1^2.
        """
        if self.theta is outer_size:
            yield Check("the polar", self.layer.rays.polar(exact(self.W)), "<=", self.lam)
            return
        yield from everywhere("2 theta", 3, lambda n: 2 * self.theta(n) - n[2] * n[2])
        bound = 2 * l1(self.W) ** 2
        if bound > self.lam**2:
            raise UndecidedError("the polar may be larger than lam")
        yield Check("its square", bound, "<=", self.lam**2)

    def balanced(self) -> Iterator[Check]:
        """Yield <W, phi> = lam theta for each neuron."""
        for n in self.neurons:
            yield Check("<W, phi>", dot(self.W, self.layer.phi(n)), "==", self.lam * self.theta(n))

    def dual(self) -> Check:
        """Return d(W) against f at the neurons."""
        W = self.W
        return Check(DUALITY, dot(W, self.y) - dot(W, W) / 2, "<=", self.value(self.neurons))

    def least(self) -> Check:
        """Return f at the neurons against min F; the statement's W is the residual."""
        if self.given is not None:
            raise NoCounterexampleError("W is no residual")
        best = enumerated(self.layer.rays, exact(self.y), self.lam)
        return Check(GLOBAL, self.value(self.neurons), "==", best)

    def local(self) -> Check:
        """Return the same at one neuron, where f is proved no lower near it."""
        ((here,), f) = self.neurons, self.value(self.neurons)
        near = (nonnegative("f near", self.value([n]) - f) for n in orthants(here, NEARBY))
        if not all(c.true() for checks in near for c in checks):
            raise NoCounterexampleError("f is lower nearby")
        return self.least()


HYPOTHESES = {
    "theta homogeneous in v": Fitted.homogeneous,
    "all a": Fitted.all_inner,
    "balanced slices": Fitted.balanced,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield weight decay on all weights, a zero slice that is dead, and an exact fit."""
    split_up = Fitted(Layer(vector(1)), vector(1), 2 * ONE, halves(100), decay, vector(1))
    dead = Fitted(LAYERS[0], vector(0, 4), ONE, ((ZERO, Fraction(-3), ZERO),))
    fitted = replace(dead, neurons=((2 * ONE, -ONE, 4 * ONE),))
    for name, example, conclusion, numbers in (
        ("theta homogeneous in v", split_up, Fitted.dual, ("1/2", "1/25")),
        ("all a", dead, Fitted.local, ("8", "7/2")),
        ("balanced slices", fitted, Fitted.least, ("4", "7/2")),
    ):
        yield Counterexample(name, example, partial(told_of, conclusion, numbers))
