"""A spurious valley: one hidden ReLU neuron, one input, one output, loss 1/2 |Z - y|^2, exactly.

phi(u, v) = (x u)_+ v, theta = |u| |v|.  A neuron with u > 0 fits the samples with x > 0, one with
u < 0 the others, and at u = 0 it is zero: f = |y|^2 / 2 whatever v.  With k = <x, y> over the
samples of one side the best there is |y|^2 / 2 - (|k| - lam)_+^2 / (2 |x|^2), at c = |u v| =
(|k| - lam)_+ / |x|^2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, counted
from ._draw import positives, rationals, vectors
from ._exact import Vector, dot, l1, total, vector
from ._necessity import NoCounterexampleError
from ._points import Number
from ._polynomial import nonnegative, orthants, variables

STATEMENT = Statement(
    title="Spurious valleys below the width",
    words="For r too small a connected part of {f <= level} can be without a global minimum of "
    "f_r: no path leads out of it without rising. One ReLU neuron with data on both sides of 0 "
    "has such a valley: it fits one side, and to fit the other it must pass u = 0, where f is as "
    "high as without a neuron. With a second neuron, zero at first, f falls from the same point "
    "to min F. So a non-increasing path to a global minimum needs a large r.",
    formula="f(0, v) = |y|^2 / 2 > level >= m- > m+, m+- the least f for u > 0 and for u < 0: "
    "every path from u < 0 to u > 0 has a point with f > level;   with a second neuron f falls "
    "from m- to min F = m+ + m- - |y|^2 / 2",
    needs={
        "one neuron": "the path of the second neuron's growth never rises, and ends lower",
        "both sides gain": "for lam >= |k| on one side the least f there is |y|^2 / 2: no valley",
        "unequal sides": "for equal sides both valleys are global minima of f_1",
        "ReLU": "for phi = x u v the neurons (u, v) and (-u, -v) are the same, so the least f is "
        "the same for u > 0 and for u < 0, and no sign of u has to change",
    },
    gap="The valley is shown for one neuron and any number of samples, so for 1 = r <= card(D). "
    "A non-increasing path to a global minimum exists for r > card(D); nothing is said here of the "
    "sizes in between.",
)
BARRIER, LEAST = "f(0, v) = |y|^2 / 2", "one sign of u: m <= f(u, v)"
BOTTOM, DEEP = "m is reached", "m- < |y|^2 / 2"
OTHER, CROSSES = "m+ < m-", "|y|^2 / 2 <= the highest f of a path from u < 0 to u > 0"
FALLS, POLAR = "f falls while a second neuron grows", "the polar of W is lam"
GLOBAL = "f of the two best neurons = d(W)"
HALF, SMALL = Fraction(1, 2), Fraction(1, 10**8)
Neuron = tuple[Fraction, Fraction]


def relu(x: Number) -> Number:
    """Return x_+."""
    return max(ZERO, x)


@dataclass(frozen=True)
class Side:
    """The samples of one sign: |x| and y."""

    sign: int
    sizes: Vector
    data: Vector

    @property
    def k(self) -> Fraction:
        """Return <|x|, y>."""
        return dot(self.sizes, self.data)

    def gain(self, lam: Fraction) -> Fraction:
        """Return |y|^2 / 2 - m = (|k| - lam)_+^2 / (2 |x|^2)."""
        return max(ZERO, abs(self.k) - lam) ** 2 / (2 * dot(self.sizes, self.sizes))

    def best(self, lam: Fraction) -> Neuron:
        """Return u = +-1 and v = (|k| - lam)_+ / |x|^2 with the sign of k."""
        c = max(ZERO, abs(self.k) - lam) / dot(self.sizes, self.sizes)
        return Fraction(self.sign), c if self.k > 0 else -c


@dataclass(frozen=True)
class Instance:
    """Both sides, lam as a part of the smaller |k|, corners of a path, and two parts."""

    sides: tuple[Side, Side]
    part: Fraction
    corners: list[Neuron]
    parts: tuple[Fraction, Fraction]
    activation: Callable[[Number], Number] = relu

    @property
    def lam(self) -> Fraction:
        """Return lam < |k| on both sides if the part is below 1."""
        return self.part * min(abs(side.k) for side in self.sides)

    def ordered(self) -> tuple[Side, Side]:
        """Return the side that gains less, then the other."""
        first, second = self.sides
        return (first, second) if first.gain(self.lam) <= second.gain(self.lam) else (second, first)


def _side(sign: int) -> st.SearchStrategy[Side]:
    def of(n: int) -> st.SearchStrategy[Side]:
        return st.builds(Side, st.just(sign), vectors(n, positives(4)), vectors(n))

    return st.integers(1, 3).flatmap(of).filter(lambda side: bool(side.k))


_PARTS = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100)


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw corners of a path, the best neurons among them or not."""
    pair = draw(_side(1)), draw(_side(-1))
    if draw(st.integers(0, 3)) == 0:  # equal sides
        pair = pair[0], replace(pair[0], sign=-1)
    corners = draw(st.lists(st.tuples(rationals(), rationals()), max_size=3))
    i = Instance(pair, draw(_PARTS), corners, draw(st.tuples(_PARTS, _PARTS)))
    bests = draw(st.lists(st.sampled_from([side.best(i.lam) for side in i.sides]), max_size=2))
    return replace(i, corners=[*corners, *bests])


INSTANCES = _instances()


def output(i: Instance, neurons: Sequence[Neuron]) -> list[Vector]:
    """Return sum (x u)_+ v on the samples of each side."""
    return [
        [total(i.activation(side.sign * x * u) * v for u, v in neurons) for x in side.sizes]
        for side in i.sides
    ]


def residual(i: Instance, neurons: Sequence[Neuron]) -> list[Vector]:
    """Return W = y - Z on the samples of each side."""
    pairs = zip(i.sides, output(i, neurons), strict=True)
    return [[y - z for y, z in zip(side.data, zs, strict=True)] for side, zs in pairs]


def value(i: Instance, *neurons: Neuron) -> Fraction:
    """Return f."""
    fit = total(dot(w, w) for w in residual(i, neurons)) / 2
    return fit + i.lam * total(abs(u * v) for u, v in neurons)


def half_square(i: Instance) -> Fraction:
    """Return |y|^2 / 2, the barrier."""
    return total(dot(side.data, side.data) for side in i.sides) / 2


def sides(i: Instance) -> Iterator[Check]:
    """Yield f of neurons, by the network, against the formulas of each side."""
    valley, other = i.ordered()
    barrier = half_square(i)
    low, high = (barrier - side.gain(i.lam) for side in (valley, other))
    for u, v in i.corners:
        yield Check(BARRIER, value(i, (ZERO, v)), "==", barrier)
        for side, least in ((valley, low), (other, high)):
            yield Check(LEAST, least, "<=", value(i, (abs(u) * side.sign, v)))
    for side, least in ((valley, low), (other, high)):
        yield Check(BOTTOM, value(i, side.best(i.lam)), "==", least)
    yield Check(DEEP, value(i, valley.best(i.lam)), "<", barrier)
    if low != high:
        yield Check(OTHER, high, "<", value(i, valley.best(i.lam)))
    yield Check(CROSSES, barrier, "<=", highest(i))
    yield from wider(i)


def highest(i: Instance) -> Fraction:
    """Return the highest f at the corners of a path from one best neuron to the other, and where
    u changes its sign.
    """
    valley, other = i.ordered()
    path = [valley.best(i.lam), *i.corners, other.best(i.lam)]
    met = [*path]
    for (a, b), (c, d) in pairwise(path):
        if a * c < 0:
            met.append((ZERO, b + a / (a - c) * (d - b)))
    return max(value(i, neuron) for neuron in met)


def growth(i: Instance) -> Iterator[Fraction]:
    """Yield f while a second neuron grows from zero beside the valley's best."""
    valley, (u, v) = (side.best(i.lam) for side in i.ordered())
    for t in sorted({ZERO, *i.parts, Fraction(1)}):
        yield value(i, valley, (u, t * v))


def wider(i: Instance) -> Iterator[Check]:
    """Yield f while a second neuron grows, and the dual at its end."""
    values = [*growth(i)]
    for before, after in pairwise(values):
        yield Check(FALLS, after, "<", before)
    valley, other = (side.best(i.lam) for side in i.ordered())
    W = residual(i, (valley, other))
    yield Check(POLAR, max(abs(dot(s.sizes, w)) for s, w in zip(i.sides, W, strict=True)), "==",
                i.lam)  # fmt: skip
    dual = total(dot(w, s.data) - dot(w, w) / 2 for s, w in zip(i.sides, W, strict=True))
    yield Check(GLOBAL, values[-1], "==", dual)


CASES: dict[str, Case] = {
    **counted("corner", lambda i: len(i.corners)),
    "m+ < m-": lambda i: i.ordered()[0].gain(i.lam) < i.ordered()[1].gain(i.lam),
    "m+ = m-": lambda i: i.ordered()[0].gain(i.lam) == i.ordered()[1].gain(i.lam),
    "one sample a side": lambda i: all(len(side.data) == 1 for side in i.sides),
    "several samples on a side": lambda i: any(len(side.data) > 1 for side in i.sides),
}
NEVER: dict[str, tuple[str, ...]] = {
    OTHER: ("m+ = m-",),
    BARRIER: ("no corner",),
    LEAST: ("no corner",),
    CROSSES: ("no corner: strict",),
}


def fixed() -> Iterator[Check]:
    """Yield two samples, shallow valleys, and hardly a step."""
    one, two = Side(-1, vector(1), vector(1)), Side(1, vector(1), vector(2))
    straight = [(Fraction(-1), HALF), (Fraction(1), Fraction(3, 2)), (Fraction(1), HALF)]
    i = Instance((two, one), HALF, straight, (SMALL, HALF))
    yield from sides(i)
    yield from sides(replace(i, part=1 - Fraction(1, 10**4)))
    near = Side(1, vector(1), [1 + SMALL])
    yield from sides(replace(i, sides=(near, one)))


@dataclass(frozen=True)
class Net:
    """Data and lam, and the neurons at the start and at the end of a straight path."""

    of: Instance
    start: tuple[Neuron, ...]
    end: tuple[Neuron, ...]

    def single(self) -> Iterator[Check]:
        """Yield that there is one neuron."""
        yield Check("neurons", Fraction(len(self.start)), "==", Fraction(1))

    def gaining(self) -> Iterator[Check]:
        """Yield lam < |k| on each side."""
        for side in self.of.sides:
            yield Check("lam", self.of.lam, "<", abs(side.k))

    def unequal(self) -> Iterator[Check]:
        """Yield that one side gains less."""
        less, more = (side.gain(self.of.lam) for side in self.of.ordered())
        yield Check("the gains", less, "<", more)

    def rectified(self) -> Iterator[Check]:
        """Yield that the activation is x for x > 0 and 0 for x < 0, as a polynomial."""
        for (x,), wanted in zip(orthants((ZERO,), None), (1, 0), strict=True):
            rest = self.of.activation(x) - abs(x) * wanted
            yield Check("other terms", l1(rest.terms.values()), "==", ZERO)

    def crossing(self) -> Check:
        """Return the barrier against the highest f of the path, which is its start."""
        (t,) = variables((Fraction(1),))
        pairs = zip(self.start, self.end, strict=True)
        there = [(a + t * (c - a), b + t * (d - b)) for (a, b), (c, d) in pairs]
        highest = value(self.of, *self.start)
        falls = nonnegative("f falls", highest - value(self.of, *there))
        if not all(c.true() for c in falls) or value(self.of, *self.end) >= highest:
            raise NoCounterexampleError("the path ends no lower")
        return Check(CROSSES, half_square(self.of), "<=", highest)

    def deep(self) -> Check:
        """Return the least f of the side that gains less against the barrier."""
        best = self.of.ordered()[0].best(self.of.lam)
        if self.start != (best,):
            raise NoCounterexampleError("the start is not the best")
        return Check(DEEP, value(self.of, *self.start), "<", half_square(self.of))

    def other(self) -> Check:
        """Return the least f of both sides: the best neurons."""
        bests = tuple(side.best(self.of.lam) for side in self.of.ordered())
        if (*self.end, *self.start) != (bests[1], bests[0]):
            raise NoCounterexampleError("the ends are not the best")
        return Check(OTHER, value(self.of, *self.end), "<", value(self.of, *self.start))

    def mirrored(self) -> Check:
        """Return f at (u, v) and (-u, -v); it is the same at all such pairs, so are the least."""
        for u, v in orthants((ZERO, ZERO), None):
            if value(self.of, (u, v)) - value(self.of, (-u, -v)):
                raise NoCounterexampleError("f is another at (-u, -v)")
        ((u, v),) = self.start
        if self.end != ((-u, -v),):
            raise NoCounterexampleError("the end is no mirror image")
        return Check(OTHER, value(self.of, *self.end), "<", value(self.of, *self.start))


HYPOTHESES = {
    "one neuron": Net.single,
    "both sides gain": Net.gaining,
    "unequal sides": Net.unequal,
    "ReLU": Net.rectified,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield a second neuron, a side that gains nothing, equal sides, and a linear neuron."""
    one, two = Side(-1, vector(1), vector(1)), Side(1, vector(1), vector(2))
    i = Instance((two, one), HALF, [], (HALF, HALF))
    u, v = two.best(i.lam)
    pair = Net(i, (one.best(i.lam), (u, ZERO)), (one.best(i.lam), (u, v)))
    yield Counterexample("one neuron", pair, Net.crossing)
    none = replace(i, part=Fraction(1))  # lam = |k| at u < 0
    bests = [(side.best(none.lam),) for side in none.ordered()]
    yield Counterexample("both sides gain", Net(none, *bests), Net.deep)
    equal = replace(i, sides=(replace(two, data=one.data), one))
    bests = [(side.best(equal.lam),) for side in equal.ordered()]
    yield Counterexample("unequal sides", Net(equal, *bests), Net.other)
    linear = replace(i, activation=lambda x: x)
    mirrored = Net(linear, ((Fraction(-1), -HALF / 2),), ((Fraction(1), HALF / 2),))
    yield Counterexample("ReLU", mirrored, Net.mirrored)
