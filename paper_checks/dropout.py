"""Dropout of slices u v^T with squared loss: its exact expectation, over all masks.

A slice is kept with probability p and then divided by p.  2 x 2 data: N(Z)^2 = |Z|^2 + 2 |det Z|
is rational.  Unit vectors w_i have M = sum w_i w_i^T of trace r, so Z = t P M Q with rotations P, Q
has N(Z) = r t, and the slices (P w_i, t Q^T w_i) are all of size t.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from ._base import Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import matrices, positives, rationals, vectors
from ._exact import Matrix, Vector, half_squares, product, scale, total, vector
from ._masks import HALF, Slices, Trained, bound, masks, norm_square, price
from ._necessity import NoCounterexampleError
from ._polynomial import variables
from ._told import told, told_of

MASKS = ("independent masks", "division by p", "squared loss")
SIZES = ("exactly r slices", "sizes that sum to N(Z)", "slices of one size")
STATEMENT = Statement(
    title="Dropout",
    words="In expectation dropout adds (1 - p) / (2p) sum |u_i|^2 |v_i|^2 to the squared loss. "
    "This theta has degree 4 and phi has degree 2, so Omega is 0. But over exactly r slices, r at "
    "least the rank of Z, the least sum is N(Z)^2 / r, where N is the nuclear norm, and slices of "
    "equal size attain it. Write (1 - p) / p = c r. Then the mean loss is never below the minimum "
    "of the convex 1/2 |Y - Z|^2 + c/2 N(Z)^2, and reaches it if r is at least the rank of its "
    "minimizer. If p falls with r so that c stays the same, this holds for every r with one "
    "regularizer. If p is fixed while r grows, c and the regularizer tend to 0.",
    formula="E 1/2 |Y - sum b_i u_i v_i^T / p|^2 = 1/2 |Y - Z|^2 + (1 - p) / (2p) sum |u_i|^2 "
    "|v_i|^2;   r sum |u_i|^2 |v_i|^2 >= N(Z)^2;   (1 - p) / p = c r  =>  E >= <W, Y> - "
    "1/2 |W|^2 - sigma_1(W)^2 / (2c)",
    needs={
        "independent masks": "one mask for all slices adds (1 - p) / (2p) |Z|^2 instead: for two "
        "orthogonal slices that is the same, for two equal ones it is twice as much",
        "division by p": "without it the mean output is p Z: y = z = 1, p = 1/2 has 1/4 and not "
        "1/2",
        "squared loss": "the absolute loss of y = z = 1 is |1 - 2b| = 1 for both masks, not 1/2",
        "exactly r slices": "the slice 1 as two slices 1/2, for r = 1: N^2 = 1, and the sum is 1/2",
        "sizes that sum to N(Z)": "the slices 1 and -1 have the sum 0: 2 (1 + 1) = 4, and N^2 = 0",
        "slices of one size": "diag(2, 1) as diag(2, 0) + diag(0, 1): 2 (4 + 1) = 10, and N^2 = 9",
        "p falls with r": "p = 1/2 held, one slice 1 split in two: it adds 1/4 and not 1/2",
        "r at least the rank": "Y = 3 I, c = 1: one slice has 6.75 at best, two reach 6",
    },
    rests={
        "the mean over all masks = loss + (1 - p) / (2p) sum |u|^2 |v|^2": MASKS,
        "N(Z)^2 <= r sum |u|^2 |v|^2": ("exactly r slices",),
        "slices of one size: r sum |u|^2 |v|^2 = N(Z)^2": SIZES,
        "p falls with r: 1/2 |Y - Z|^2 + c/2 N(Z)^2 <= the mean over all masks": (
            *MASKS,
            "exactly r slices",
            "p falls with r",
        ),
    },
    gap="That slices of equal size exist for every Z and r is not tested: two slices of a "
    "balanced factorization can be rotated into each other until one has the mean size, and after "
    "r - 1 rotations all have it. The instances start from such slices. No statement of the paper "
    "gives the dual bound, because its regularizer is lam Omega and here it is the square of a "
    "norm.",
)
EXPECTED = "the mean over all masks = loss + (1 - p) / (2p) sum |u|^2 |v|^2"
ATLEAST, EQUAL = "N(Z)^2 <= r sum |u|^2 |v|^2", "slices of one size: r sum |u|^2 |v|^2 = N(Z)^2"
SPLIT = "a slice split into k equal ones costs 1/k"
CONVEX = "p falls with r: 1/2 |Y - Z|^2 + c/2 N(Z)^2 <= the mean over all masks"
DUAL = "every W: <W, Y> - |W|^2 / 2 - sigma_1(W)^2 / (2c) <= the mean over all masks"
OPTIMAL = "slices of one size reach the dual bound"


@dataclass(frozen=True)
class Instance:
    """Data, r slices, W, p, c; and r slopes, those of P and Q, and t, of slices of one size."""

    Y: Matrix
    slices: Slices
    W: Matrix
    p: Fraction
    c: Fraction
    slopes: list[Fraction]
    turns: tuple[Fraction, Fraction]
    t: Fraction

    @property
    def kept(self) -> Fraction:
        """Return the p that falls with r: (1 - p) / p = c r."""
        return 1 / (1 + self.c * len(self.slopes))


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    r = draw(st.integers(1, 3))
    us, vs = (draw(st.lists(vectors(2), min_size=r, max_size=r)) for _ in range(2))
    p = Fraction(draw(st.integers(1, 10)), 10)
    slopes = draw(vectors(r, rationals(-3, 3)))
    turns = draw(rationals(-3, 3)), draw(rationals(-3, 3))
    Y, W = draw(matrices(2, 2)), draw(matrices(2, 2))
    return Instance(Y, (us, vs), W, p, draw(positives(4)), slopes, turns, draw(positives(6)))


INSTANCES = _instances()


def unit(m: Fraction) -> Vector:
    """Return the unit vector at twice the angle of slope m."""
    return [(1 - m * m) / (1 + m * m), 2 * m / (1 + m * m)]


def turned(m: Fraction, w: Vector) -> Vector:
    """Rotate w by the angle of unit(m)."""
    c, s = unit(m)
    return [c * w[0] - s * w[1], s * w[0] + c * w[1]]


def equal(i: Instance) -> Slices:
    """Return slices (P w, t Q^T w) of size t."""
    P, Q = i.turns
    ws = [unit(m) for m in i.slopes]
    return [turned(P, w) for w in ws], [scale(i.t, turned(-Q, w)) for w in ws]


def mean(Y: Matrix, slices: Slices, p: Fraction) -> Fraction:
    """Return E 1/2 |Y - sum b_i u_i v_i^T / p|^2, mask by mask."""
    us, vs = slices
    return total(
        chance * half_squares(product([scale(b / p, u) for b, u in zip(m, us, strict=True)], vs,
                                      len(Y), len(Y[0])), Y)
        for chance, m in masks(len(us), p)
    )  # fmt: skip


def added(Y: Matrix, slices: Slices, p: Fraction) -> Fraction:
    """Return 1/2 |Y - Z|^2 + (1 - p) / (2p) sum |u|^2 |v|^2."""
    return half_squares(product(*slices, len(Y), len(Y[0])), Y) + (1 - p) / (2 * p) * price(slices)


def copies(slices: Slices, k: int) -> Slices:
    """Split each slice into k, each v divided by k."""
    us, vs = slices
    return us * k, [scale(Fraction(1, k), v) for v in vs] * k


def convex(i: Instance, slices: Slices, p: Fraction) -> Check:
    """Return the convex objective at Z, against the mean over all masks."""
    fit = half_squares(product(*slices, 2, 2), i.Y)
    return Check(CONVEX, fit + i.c / 2 * norm_square(slices), "<=", mean(i.Y, slices, p))


def sides(i: Instance) -> Iterator[Check]:
    """Yield the means by enumeration, and the sums against the closed form of the norm."""
    r, here = len(i.slopes), mean(i.Y, i.slices, i.kept)
    yield Check(EXPECTED, mean(i.Y, i.slices, i.p), "==", added(i.Y, i.slices, i.p))
    yield Check(ATLEAST, norm_square(i.slices), "<=", r * price(i.slices))
    yield Check(EQUAL, r * price(equal(i)), "==", norm_square(equal(i)))
    for k in (2, 5):
        yield Check(SPLIT, price(copies(i.slices, k)), "==", price(i.slices) / k)
    yield convex(i, i.slices, i.kept)
    yield Check(DUAL, bound(i.Y, i.W, i.c), "<=", here)
    yield from optimal(i)


def optimal(i: Instance) -> Iterator[Check]:
    """Yield the value at slices of one size, for Y = Z + W with W = c N(Z) P Q."""
    size = i.c * len(i.slopes) * i.t
    columns = [turned(i.turns[0], turned(i.turns[1], e)) for e in (vector(1, 0), vector(0, 1))]
    W = [scale(size, row) for row in zip(*columns, strict=True)]
    pairs = zip(W, product(*equal(i), 2, 2), strict=True)
    Y = [[w + z for w, z in zip(*rows, strict=True)] for rows in pairs]
    best = mean(Y, equal(i), i.kept)
    yield Check(OPTIMAL, best, "==", bound(Y, W, i.c))
    yield Check(DUAL, bound(Y, W, i.c), "<=", best)
    yield Check(DUAL, bound(Y, W, i.c), "<=", mean(Y, i.slices, i.kept))


CASES: dict[str, Case] = {
    **among("slices:", lambda i: len(i.slopes), (1, 2, 3)),
    "p = 1": lambda i: i.p == 1,
    "p < 1": lambda i: i.p < 1,
}
NEVER: dict[str, tuple[str, ...]] = {
    ATLEAST: ("slices: 1: strict",),
    CONVEX: ("slices: 1: strict",),
}


def fixed() -> Iterator[Check]:
    """Yield slices of one size, where all relations are tight."""
    turns, t = (Fraction(1, 2), Fraction(1, 3)), Fraction(2)
    named = Instance(
        [vector(4, 1), vector(0, 3)], ([], []), [vector(1, 0), vector(0, 1)], HALF, Fraction(1),
        vector(0, "1/2", 2), turns, t,
    )  # fmt: skip
    yield from sides(replace(named, slices=equal(named)))
    halves = [vector(HALF)] * 2, [vector(1)] * 2
    added_here = told(added([vector(1)], halves, HALF), "1/4")
    yield Check(EXPECTED, mean([vector(1)], halves, HALF), "==", added_here)
    pair = mean(THREE, (AXES, AXES), Fraction(1, 3))
    yield Check(OPTIMAL, pair, "==", told(bound(THREE, TWO, Fraction(1)), "6"))


AXES = [vector(1, 0), vector(0, 1)]
TWO, THREE = ([scale(Fraction(k), e) for e in AXES] for k in (2, 3))


HYPOTHESES = {
    "independent masks": Trained.independent,
    "division by p": Trained.divided,
    "squared loss": Trained.squared,
    "exactly r slices": Trained.counted,
    "sizes that sum to N(Z)": Trained.aligned,
    "slices of one size": Trained.one_size,
    "p falls with r": Trained.falling,
    "r at least the rank": Trained.wide,
}


def expected(i: Trained) -> Check:
    """Return the mean over all masks, against the loss plus the addition."""
    more = (1 - i.p) / (2 * i.p) * price(i.slices)
    return Check(EXPECTED, i.mean(i.slices), "==", i.at(*i.slices) + more)


def sizes_least(i: Trained) -> Check:
    """Return N(Z)^2 against r times the price."""
    return Check(ATLEAST, norm_square(i.slices), "<=", i.r * price(i.slices))


def sizes_equal(i: Trained) -> Check:
    """Return r times the price against N(Z)^2."""
    return Check(EQUAL, i.r * price(i.slices), "==", norm_square(i.slices))


def below(i: Trained) -> Check:
    """Return the convex objective at Z, against the mean over all masks."""
    fit = i.at(*i.slices)
    return Check(CONVEX, fit + i.c / 2 * norm_square(i.slices), "<=", i.mean(i.slices))


def one_slice(i: Trained) -> Check:
    """Return the least of one slice against the dual bound, for Y = y I.

    f is the least + (1 + c) / 2 ((<u, v> - y / (1 + c))^2 + (u1 v2 - u2 v1)^2), for all u, v.
    """
    if len(i.slices[0]) != 1:
        raise NoCounterexampleError("there are more slices")
    a, b, c, d = variables((None,) * 4)
    y, weight = i.Y[0][0], 1 + i.c
    least = y * y - y * y / (2 * weight)
    squares = (a * c + b * d - y / weight) ** 2 + (a * d - b * c) ** 2
    if i.mean(([[a, b]], [[c, d]])) - least != weight / 2 * squares:
        raise NoCounterexampleError("the least of one slice is another")
    return Check(OPTIMAL, least, "==", bound(i.Y, i.W, i.c))


def counterexamples() -> Iterator[Counterexample]:
    """Yield y = z = 1 with other masks, no division and another loss; other slices; a fixed p."""
    one = [vector(1)]
    whole = Trained(one, (one, one), one, 1)
    both = replace(whole, slices=([vector(HALF)] * 2, one * 2), r=2,
                   chances=((HALF, (0, 0)), (HALF, (1, 1))))  # fmt: skip
    for name, example, numbers in (
        ("independent masks", both, ("1/2", "1/4")),
        ("division by p", replace(whole, divisor=Fraction(1)), ("1/4", "1/2")),
        ("squared loss", replace(whole, loss="absolute"), ("1", "1/2")),
    ):
        yield Counterexample(name, example, partial(told_of, expected, numbers))
    axis, twice = (AXES[:1], AXES[:1]), ([vector(2, 0), vector(0, 1)], AXES)
    plane = Trained([vector(1, 0), vector(0, 0)], axis, TWO, 1)
    many = replace(plane, slices=copies(axis, 2))
    yield Counterexample("exactly r slices", many, partial(told_of, sizes_least, ("1", "1/2")))
    against = replace(plane, slices=([*AXES[:1], vector(-1, 0)], AXES[:1] * 2), r=2)
    yield Counterexample(
        "sizes that sum to N(Z)", against, partial(told_of, sizes_equal, ("4", "0"))
    )
    unequal = replace(plane, slices=twice, r=2)
    yield Counterexample("slices of one size", unequal, partial(told_of, sizes_equal, ("10", "9")))
    held = replace(many, r=2)
    yield Counterexample("p falls with r", held, partial(told_of, below, ("1/2", "1/4")))
    single = Trained(THREE, ([vector("3/2", 0)], AXES[:1]), TWO, 1)
    yield Counterexample("r at least the rank", single, partial(told_of, one_slice, ("6.75", "6")))
