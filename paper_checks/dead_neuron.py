"""A hidden ReLU neuron that is zero on all data: phi(u, v) = (V u)_+ v^T, loss 1/2 |Z - Y|^2.

theta is |u|_1 |v|_1, which is 0 at v = 0, or weight decay (|u|_2^2 + |v|_2^2) / 2, which is 0 at
the zero slice only.  The rows of V are turned so that <v_k, u> < 0 for each: then (V u')_+ = 0 for
every u' with |u' - u|_inf < min_k |<v_k, u>| / |v_k|_1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Statement
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
from ._told import told

STATEMENT = Statement(
    title="Dead neurons",
    words="A neuron that is zero on all data, phi = 0, is not a zero slice, and the zero slice "
    "statement does not apply to it. Near a strictly dead neuron, V u < 0, phi stays 0: f is f of "
    "the other neurons plus lam theta. If theta is 0 there, as |u| |v| is for v = 0, or if lam is "
    "0, it is part of a local minimum whenever the others are one, and that need not be global. "
    "If theta > 0 for every slice but zero (weight decay) and lam > 0, shrinking a dead neuron "
    "lowers f: at a local minimum a dead neuron is the zero slice, and then it is a global one.",
    formula="V u < 0, u' near u  =>  f(X, (u', v')) = f(X) + lam theta(u', v');   "
    "phi(x) = 0, theta(x) > 0, lam > 0, 0 <= s < 1  =>  f(X, s x) = f(X, x) - lam (1 - s^2) "
    "theta(x)",
    needs={
        "dead on all data": "for y = 5, lam = 1 the best neuron, u = v = 2, has 9/2, and 9 "
        "when it is shrunk by half",
        "strictly dead": "at u = v = 0, V u is 0 and not below: for y = 4, lam = 1 f is 8 there "
        "and 7.97005 at u = v = 1/10",
        "near": "at u = -1, v = 0 f is 8 for y = 4, lam = 1, and 7.705 at the live u = 1, v = 1/10",
        "theta(x) > 0": "|u|_1 |v|_1 is 0 at v = 0: shrinking leaves f as it is",
        "lam > 0": "for lam = 0 shrinking a dead neuron leaves f as it is",
    },
    gap="'A neuron that is switched off proves optimality' is true of the zero slice, from which "
    "every neuron can grow, and false of a dead one, from which none can.",
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
    v, near, live = draw(vectors(c)), draw(vectors(c)), draw(vectors(c).filter(any))
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


def scalar(u: float | str, v: float | str) -> Slice:
    """Return a neuron of one input and one output."""
    return vector(u), vector(v)


def fixed() -> Iterator[Check]:
    """Yield a dead neuron of two samples, barely better or shrunk ones, and counterexamples."""
    V = [vector(1, 2), vector(2, -1)]
    still, live = vector(0, 0), vector(1, -1)
    named = Instance(V, vector(1, 1), live, vector("1/2", 0), still, live, 1 - SMALL, 1 - SMALL)
    yield from sides(named)
    yield from sides(replace(named, near=vector(1, 2), part=Fraction(1, 2), s=Fraction(1, 3)))
    yield from without(ONE)


def without(lam: Fraction) -> Iterator[Check]:
    """Yield the counterexamples: V = 1 and one number y, at the neuron x against another."""
    V, dead = [vector(1)], scalar(-1, 0)
    best, half = scalar(2, 2), scalar(1, 1)

    def f(y: int, x: Slice, price: Fraction) -> Fraction:
        return fit(V, [vector(y)], [x]) + price

    low, high = f(5, best, lam * decay(best)), f(5, half, lam * decay(half))
    yield Check(SHRINKS, told(high, "9"), "<", told(low, "9/2"), dropped="dead on all data")
    zero, near = scalar(0, 0), scalar("1/10", "1/10")
    start, there = told(f(4, zero, ZERO), "8"), told(f(4, near, lam * norms(near)), "7.97005")
    yield _local(start, there, "strictly dead")
    alive = scalar(1, "1/10")
    there = told(f(4, alive, lam * norms(alive)), "7.705")
    yield _local(told(f(4, dead, ZERO), "8"), there, "near")
    less = scalar("-1/2", 0)
    after, before = (told(f(4, x, lam * norms(x)), "8") for x in (less, dead))
    yield Check(SHRINKS, after, "<", before, dropped="theta(x) > 0")
    after, before = (told(f(4, x, ZERO), "8") for x in (less, dead))
    yield Check(SHRINKS, after, "<", before, dropped="lam > 0")


def _local(here: Fraction, there: Fraction, name: str) -> Check:
    return Check(LOCAL, here, "<=", there, dropped=name)
