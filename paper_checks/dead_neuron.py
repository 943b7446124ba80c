"""A hidden ReLU neuron that is zero on all data: phi(u, v) = (V u)_+ v^T, loss 1/2 |Z - Y|^2.

theta is |u|_1 |v|_1, which is 0 at v = 0, or weight decay (|u|_2^2 + |v|_2^2) / 2, which is 0 at
the zero slice only.  The rows of V are turned so that <v_k, u> < 0 for each: then (V u')_+ = 0 for
every u' with |u' - u|_inf < min_k |<v_k, u>| / |v_k|_1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import positives, vectors
from ._exact import (
    Matrix,
    Vector,
    dot,
    half_squares,
    inner,
    l1,
    product,
    scale,
    total,
    vector,
)
from ._necessity import NoCounterexampleError
from ._points import Number
from ._polynomial import variables
from ._told import told_of

STATEMENT = Statement(
    title="Dead neurons",
    words="A neuron that is zero on all data, phi = 0, need not be a zero slice, and then the "
    "statement on zero slices does not apply to it. Near a strictly dead neuron, V u < 0, phi is "
    "0, so f is f of the other neurons plus lam theta. If theta is 0 there, as |u| |v| is for v = "
    "0, or if lam is 0, the point is a local minimum whenever the other neurons are at one, and "
    "it need not be global. If lam > 0 and theta > 0 for every slice but zero (weight decay), "
    "shrinking a dead neuron lowers f. So at a local minimum a dead neuron is the zero slice, and "
    "the minimum is global.",
    formula="V u < 0, u' near u  =>  f(X, (u', v')) = f(X) + lam theta(u', v');   "
    "phi(x) = 0, theta(x) > 0, lam > 0, 0 <= s < 1  =>  f(X, s x) = f(X, x) - lam (1 - s^2) "
    "theta(x)",
    needs={
        "dead on all data": "for y = 5, lam = 1 the best neuron, u = v = 2, has 9/2, and 9 "
        "when it is shrunk by half",
        "strictly dead": "at u = v = 0, V u is 0 and not below: for y = 4, lam = 1 f is 8 there, "
        "lower at u = v = t for every t of (0, 1/10], and 7.97005 at 1/10",
        "near": "at u = -1, v = 0 f is 8 for y = 4, lam = 1, and 7.705 at the live u = 1, v = 1/10",
        "theta(x) > 0": "|u|_1 |v|_1 is 0 at v = 0: shrinking leaves f as it is",
        "lam > 0": "for lam = 0 shrinking a dead neuron leaves f as it is",
    },
    rests={
        "v = 0 and theta = |u| |v|: no dead neuron near is lower": (
            "dead on all data",
            "strictly dead",
            "near",
        ),
        "a dead neuron shrunk is lower": ("dead on all data", "theta(x) > 0", "lam > 0"),
    },
    gap="'A neuron that is switched off proves optimality' is true of the zero slice, from which "
    "every neuron can grow. It is false of a dead neuron, from which no neuron can grow.",
)
SAME = "near a dead neuron f is f of the others + lam theta"
LOCAL = "v = 0 and theta = |u| |v|: no dead neuron near is lower"
FREE = "lam = 0: near a dead neuron f is f of the others"
BETTER = "a live neuron far away is lower"
FALLS, SHRINKS = "shrinking it lowers f by lam (1 - s^2) theta", "a dead neuron shrunk is lower"
ONE, SMALL = Fraction(1), Fraction(1, 10**8)
Slice = tuple[Vector, Vector]


@dataclass(frozen=True)
class Instance:
    """V, the dead u, v of it, steps from u and to v', a live v, lam as a part, and a factor s."""

    V: Matrix
    u: Vector
    v: Vector
    step: Vector
    near: Vector
    live: Vector
    part: Fraction
    s: Fraction

    @property
    def data(self) -> Matrix:
        """Return V with its rows turned so that V u < 0."""
        return [scale(Fraction(-1), x) if dot(x, self.u) > 0 else x for x in self.V]

    @property
    def radius(self) -> Fraction:
        """Return how far u' may be from u."""
        return min(abs(dot(x, self.u)) / l1(x) for x in self.V)


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    n, d, c = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    u = draw(vectors(d).filter(any))
    V = draw(st.lists(vectors(d).filter(lambda x: bool(dot(x, u))), min_size=n, max_size=n))
    inside = vectors(d, st.fractions(Fraction(-99, 100), Fraction(99, 100), max_denominator=100))
    v, live = draw(vectors(c)), draw(vectors(c).filter(any))
    near = draw(st.one_of(st.just([ZERO] * c), vectors(c)))
    part, s = draw(st.fractions(Fraction(1, 100), Fraction(99, 100))), draw(positives(9))
    return Instance(V, u, v, draw(inside), near, live, part, s / (s + 1))


INSTANCES = _instances()


def hidden(V: Matrix, u: Vector) -> Vector:
    """Return (V u)_+."""
    return [max(ZERO, dot(x, u)) for x in V]


def norms(x: Slice) -> Fraction:
    """Return |u|_1 |v|_1."""
    return l1(x[0]) * l1(x[1])


def decay(x: Slice) -> Fraction:
    """Return (|u|_2^2 + |v|_2^2) / 2."""
    return (dot(x[0], x[0]) + dot(x[1], x[1])) / 2


def fit(V: Matrix, Y: Matrix, xs: Sequence[Slice]) -> Fraction:
    """Return 1/2 |sum phi - Y|^2."""
    Z = product([hidden(V, u) for u, _ in xs], [v for _, v in xs], len(Y), len(Y[0]))
    return half_squares(Z, Y)


def sides(i: Instance) -> Iterator[Check]:
    """Yield f with the dead neuron, from the whole network, against f without it."""
    V, alive = i.data, (scale(Fraction(-1), i.u), i.live)
    Y = product([hidden(V, alive[0])], [alive[1]], len(V), len(i.live))
    half = inner(Y, Y) / 2
    lam = i.part * half / norms(alive)
    other = (scale(Fraction(1, 2), alive[0]), i.live)
    moved = [a + i.radius * b for a, b in zip(i.u, i.step, strict=True)], i.near
    rest = fit(V, Y, [other])
    squares = total(dot(x, x) for y in (other, moved) for x in y) / 2
    sizes = l1(other[0]) * l1(other[1]) + l1(moved[0]) * l1(moved[1])
    for theta, price in ((norms, sizes), (decay, squares)):
        there = fit(V, Y, [other, moved]) + lam * (theta(other) + theta(moved))
        yield Check(SAME, there, "==", rest + lam * price)
    yield Check(FREE, fit(V, Y, [other, moved]), "==", rest)
    dead = i.u, [ZERO] * len(i.live)
    here = fit(V, Y, [other, dead]) + lam * (norms(other) + norms(dead))
    there = fit(V, Y, [other, moved]) + lam * (norms(other) + norms(moved))
    yield Check(LOCAL, here, "<=", there)
    yield Check(BETTER, fit(V, Y, [alive]) + lam * norms(alive), "<", fit(V, Y, [dead]))
    yield from shrunk(i, Y, other, lam)


def shrunk(i: Instance, Y: Matrix, other: Slice, lam: Fraction) -> Iterator[Check]:
    """Yield f with weight decay, the dead neuron shrunk by s, against f and the formula."""
    x, small = (i.u, i.v), (scale(i.s, i.u), scale(i.s, i.v))
    before, after = (
        fit(i.data, Y, [other, y]) + lam * (decay(other) + decay(y)) for y in (x, small)
    )
    yield Check(FALLS, after, "==", before - lam * (1 - i.s**2) * decay(x))
    yield Check(SHRINKS, after, "<", before)


CASES: dict[str, Case] = {
    **among("samples:", lambda i: len(i.V), (1, 2, 3)),
    **among("inputs:", lambda i: len(i.u), (1, 2)),
    **among("outputs:", lambda i: len(i.v), (1, 2)),
    "v = 0": lambda i: not any(i.v),
    "u' = u": lambda i: not any(i.step),
    "v' = 0": lambda i: not any(i.near),
    "v' != 0": lambda i: any(i.near),
}
NEVER: dict[str, tuple[str, ...]] = {LOCAL: ("v' = 0: strict", "v' != 0: equal")}


def fixed() -> Iterator[Check]:
    """Yield a dead neuron of two samples, and barely better or shrunk ones."""
    V = [vector(1, 2), vector(2, -1)]
    still, live = vector(0, 0), vector(1, -1)
    named = Instance(V, vector(1, 1), live, vector("1/2", 0), still, live, 1 - SMALL, 1 - SMALL)
    yield from sides(named)
    yield from sides(replace(named, near=vector(1, 2), part=Fraction(1, 2), s=Fraction(1, 3)))


@dataclass(frozen=True)
class Lone:
    """V = 1, y and one neuron x; the neurons x + t step, t of (start, end], or of [end, end]."""

    y: Vector
    x: Slice
    step: Slice
    theta: Callable[[Slice], Fraction]
    lam: Fraction = ONE
    start: Fraction = ONE
    end: Fraction = ONE

    def dead(self) -> Iterator[Check]:
        """Yield (V u)_+ = 0."""
        yield Check("(V u)_+", l1(hidden(SINGLE, self.x[0])), "==", ZERO)

    def strictly(self) -> Iterator[Check]:
        """Yield V u < 0."""
        for row in SINGLE:
            yield Check("V u", dot(row, self.x[0]), "<", ZERO)

    def near(self) -> Iterator[Check]:
        """Yield that u' comes as near as V u' <= 0 is sure: |u' - u|_inf |v_k|_1 <= |<v_k, u>|."""
        least = self.start * max(map(abs, self.step[0]))
        for row in SINGLE:
            yield Check("|u' - u|", least * l1(row), "<=", abs(dot(row, self.x[0])))

    def priced(self) -> Iterator[Check]:
        """Yield theta(x) > 0."""
        yield Check("theta", ZERO, "<", self.theta(self.x))

    def regularized(self) -> Iterator[Check]:
        """Yield lam > 0."""
        yield Check("lam", ZERO, "<", self.lam)

    def value(self, t: Number) -> Number:
        """Return f at x + t step."""
        x = [
            [a + t * b for a, b in zip(p, d, strict=True)]
            for p, d in zip(self.x, self.step, strict=True)
        ]
        return fit(SINGLE, [self.y], [(x[0], x[1])]) + self.lam * self.theta((x[0], x[1]))

    def local(self) -> Check:
        """Return f at x, v = 0, against f at the end; on the way it is lower than at x as well."""
        if any(self.x[1]) or self.theta is not norms:
            raise NoCounterexampleError("v is not 0, or theta is another")
        (t,) = variables((self.end,))
        if self.start < self.end and (self.value(t) - self.value(ZERO)).sign() >= 0:
            raise NoCounterexampleError("f is not lower on the way")
        return Check(LOCAL, self.value(ZERO), "<=", self.value(self.end))

    def shrunk(self) -> Check:
        """Return f at the neuron shrunk by 1 - end against f at x."""
        if any(
            a + b for p, d in zip(self.x, self.step, strict=True) for a, b in zip(p, d, strict=True)
        ):
            raise NoCounterexampleError("the step does not shrink x")
        return Check(SHRINKS, self.value(self.end), "<", self.value(ZERO))


HYPOTHESES = {
    "dead on all data": Lone.dead,
    "strictly dead": Lone.strictly,
    "near": Lone.near,
    "theta(x) > 0": Lone.priced,
    "lam > 0": Lone.regularized,
}
SINGLE = [vector(1)]


def scalar(u: float | str, v: float | str) -> Slice:
    """Return a neuron of one input and one output."""
    return vector(u), vector(v)


def counterexamples() -> Iterator[Counterexample]:
    """Yield a live neuron, one at the border, a far one, and prices that are 0."""
    half, tenth, dead = Fraction(1, 2), Fraction(1, 10), scalar(-1, 0)
    alive = Lone(vector(5), scalar(2, 2), scalar(-2, -2), decay, end=half)
    border = Lone(vector(4), scalar(0, 0), scalar(1, 1), norms, start=ZERO, end=tenth)
    far = Lone(vector(4), dead, scalar(2, "1/10"), norms)
    free = Lone(vector(4), dead, scalar(1, 0), norms, end=half)
    for name, example, conclusion, numbers in (
        ("dead on all data", alive, Lone.shrunk, ("9", "9/2")),
        ("strictly dead", border, Lone.local, ("8", "7.97005")),
        ("near", far, Lone.local, ("8", "7.705")),
        ("theta(x) > 0", free, Lone.shrunk, ("8", "8")),
        ("lam > 0", replace(free, theta=decay, lam=ZERO), Lone.shrunk, ("8", "8")),
    ):
        yield Counterexample(name, example, partial(told_of, conclusion, numbers))
