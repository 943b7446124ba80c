"""Balls: an operation on balls holds the result for every member, and the roundings of its own."""

import math
from array import array
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from certify.base import sampled
from certify.base.rigor.bounds import gamma, norm_up, product_error, square_sum
from certify.base.rigor.layout import cholesky_completes, on_int64, row_sums_up
from certify.base.rigor.rounded import Ball, Rounded
from certify.kernel.arithmetic import Extent, Line, Pairs, Place
from certify.kernel.arrays import Array
from certify.kernel.errors import RejectedError
from certify.kernel.exact import Exact
from certify.kernel.graphs import Graph
from certify.kernel.norms import L2
from certify.kernel.patterns import Pattern
from certify.kernel.spaces import Deep, Network

EXACT, ROUNDED = Exact(), Rounded()
WIDTH = Fraction(1, 2**36)  # of what is not attained
ONE, RAD = Pattern(1, 1), Fraction(1, 4)
ROUGH = (0.1, 0.7, 1 / 3, 0.9)
LONG = (0.1, -0.7, 1 / 3, 0.9, 1e-3, 1.7)  # 53 significant bits each: products round


def numbers(values, *shape):
    flat = np.asarray(values, dtype=float).reshape(-1)
    return Array(shape or (flat.size,), array("d", flat))


def ball(values, rad=RAD):
    return Ball(np.asarray(values, dtype=float), rad)


def exact(values):
    shaped = np.asarray(values, dtype=float)
    return EXACT.load(numbers(shaped, *shaped.shape))


def distance_squared(held, grid):
    """Return the squared Frobenius distance of a ball's middle from exact numbers."""
    unit = Fraction(2) ** grid.exp
    pairs = zip(held.mid.reshape(-1).tolist(), grid.ints, strict=True)
    return sum((Fraction(a) - b * unit) ** 2 for a, b in pairs)


def contains(held, grid):
    return held.rad >= 0 and distance_squared(held, grid) <= held.rad**2


# --- members at the ends of a ball of one number: the bound of each formula is attained ------

TWO = {
    "add": lambda ar, x, y: ar.add(x, y),
    "subtract": lambda ar, x, y: ar.subtract(x, y),
    "multiply": lambda ar, x, y: ar.multiply(x, y),
    "kronecker": lambda ar, x, y: ar.kronecker(x, y, Place(0, (1,), 0, 1)),
}
SIGNS = pytest.mark.parametrize("signs", list(product((-1, 1), repeat=2)))


@SIGNS
@pytest.mark.parametrize("name", TWO)
def test_an_operation_on_two_balls_holds_that_of_any_members(name, signs):
    middles, rads = ((2.0, -3.0), (5.0, 1.0)), ((0.25, 0.125), (32.0, 16.0))
    for (a, b), (r, s) in product(middles, rads):
        found = TWO[name](ROUNDED, ball([[a]], Fraction(r)), ball([[b]], Fraction(s)))
        ends = [[a + signs[0] * r]], [[b + signs[1] * s]]
        assert contains(found, TWO[name](EXACT, *map(exact, ends)))


FORMS = {
    "hat": lambda ar, x: ar.hat(x, ONE),
    "symmetric": lambda ar, x: ar.symmetric(x, ONE),
    "scaled": lambda ar, x: ar.scaled(x, numbers([8.0]), numbers([4.0]), ONE),
    "times": lambda ar, x: ar.times(x, numbers([2.0], 1, 1), 0, ONE),
    "permuted": lambda ar, x: ar.permuted(x, Pattern(1, 1, dims=(1, 1, 1))),
    "unfold": lambda ar, x: ar.unfold(x, ONE, (1, 0), 1),
    "fixed": lambda ar, x: ar.fixed(x, ONE, (1, 0), -1),
}


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", FORMS)
def test_a_form_of_a_ball_holds_that_of_any_member(name, sign):
    held = FORMS[name](ROUNDED, ball([3.0]))
    true = FORMS[name](EXACT, exact([3.0 + sign / 4]))
    assert contains(held, true)
    assert held.rad**2 <= 2 * distance_squared(held, true)  # 2: the Frobenius norm of two places


HEAVY = numbers([16.0])
SIZES = {
    "squares": lambda ar, x: ar.squares(x, None),
    "weighted squares": lambda ar, x: ar.squares(x, HEAVY),
    "light squares": lambda ar, x: ar.squares(x, numbers([1 / 16])),
    "squares over weights": lambda ar, x: ar.squares_over(x, numbers([1 / 16])),
    "squares over no weights": lambda ar, x: ar.squares_over(x, None),
    "absolutes": lambda ar, x: ar.absolutes(x),
    "inner": lambda ar, x: ar.inner(x, x),
    "row": lambda ar, x: ar.sums(x, "row", ONE),
    "column": lambda ar, x: ar.sums(x, "column", ONE),
    "intercept": lambda ar, x: ar.sums(x, "intercept", ONE),
}


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("middle", "rad"), [(3.0, 0.25), (-0.125, 0.25), (3.0, 32.0)])
@pytest.mark.parametrize("name", SIZES)
def test_a_sum_over_a_ball_encloses_that_of_any_member(name, middle, rad, sign):
    found = SIZES[name](ROUNDED, ball([middle], Fraction(rad)))
    true = SIZES[name](EXACT, exact([middle + sign * rad]))
    assert found.lo <= true.lo
    assert true.hi <= found.hi
    ends = [SIZES[name](EXACT, exact([middle + way * rad])).lo for way in (-1, 1)]
    assert found.hi <= max(ends) * (1 + WIDTH)
    if name != "inner" and abs(middle) >= rad:
        assert found.lo >= min(ends) * (1 - WIDTH)


@pytest.mark.parametrize("kind", ["row", "column", "intercept"])
def test_sums_grow_with_the_root_of_how_many_are_added(kind):
    shape = {"row": (1, 4), "column": (4, 1), "intercept": (2, 2)}[kind]
    for sign in (-1, 1):  # four entries, each off by half the radius: their sum by twice it
        found = ROUNDED.sums(ball([1.0] * 4), kind, Pattern(*shape))
        total = 4 * (1 + sign * RAD / 2)
        assert found.lo <= total**2 <= found.hi


def test_absolutes_grow_with_the_root_of_their_number():
    for sign in (-1, 1):
        found = ROUNDED.absolutes(ball([1.0] * 4))
        assert found.lo <= 4 * (1 + sign * RAD / 2) <= found.hi


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("kind", ["max", "root", "sum"])
def test_the_longest_line_of_a_ball_is_that_of_its_worst_member(kind, axis):
    at = Pattern(4, 1) if axis else Pattern(1, 4)
    line = Line(axis, kind, positive=False, signs=(1,))
    worst = [1.25, 1, 1, 1] if kind == "max" else [1.125] * 4
    assert ROUNDED.lines(ball([1.0] * 4), line, at) >= EXACT.lines(exact(worst), line, at)


def test_a_side_of_a_line_is_measured_by_its_sign():
    for positive, signs, wanted in [
        (True, (1,), 1),
        (True, (-1,), 3),
        (False, (1,), 3),
        (True, (1, -1), 3),
    ]:
        line = Line(0, "max", positive, signs)
        for ar in (EXACT, ROUNDED):
            assert ar.lines(ar.load(numbers([1.0, -3.0])), line, Pattern(1, 2)) == wanted


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gram_of_a_ball_bounds_the_norm_of_any_member(axis):
    g, slack = ROUNDED.gram(ball([3.0]), axis, ONE)
    assert ROUNDED.top(g, Fraction(9), None) >= (Fraction(13, 4) - slack) ** 2


def test_exact_sums_and_lines_of_a_ball_are_refused():
    for ask in (
        lambda: ROUNDED.totals(ball([1.0]), [0], 1),
        lambda: ROUNDED.exact_lines(ball([1.0]), 0, ONE),
    ):
        with pytest.raises(RejectedError, match="inexact"):
            ask()


def test_spans_hold_both_ends_of_a_ball():
    for rad in (Fraction(1, 3), Fraction(1, 7), Fraction(1, 10**30)):
        lows, highs, e = ROUNDED.spans(ball([0.1, 3.0], rad))
        unit = Fraction(2) ** e
        for low, high, x in zip(lows, highs, (0.1, 3.0), strict=True):
            assert low * unit <= Fraction(x) - rad
            assert Fraction(x) + rad <= high * unit


def test_the_top_of_a_ball_dominates_any_member():
    # the factorization reads the lower triangle: E there, mirrored, has norm sqrt(2) |E|
    for middle, shift in [(3.0, 4), (3.0, 3), (3.0, 100), (-1.0, 1)]:
        top = ROUNDED.top(ball([[middle]]), Fraction(shift), None)
        assert Fraction(middle) + RAD <= top <= abs(Fraction(middle)) + 3 * RAD / 2 + WIDTH
    wide = ROUNDED.top(ball(np.zeros((2, 2))), Fraction(1, 2**20), None)
    assert wide**2 >= 2 * (RAD**2 / 2)


# --- roundings: inputs are exact, results are not -------------------------------------------


def square(values, k=2):
    return numbers(values[: k * k], k, k)


FIELD = Pattern(2, 3)
DIAGONAL = Pattern(2, 3, array("q", [0, 0, 1]), array("q", [0, 2, 1]))
LEFT, RIGHT = numbers(LONG[:4], 2, 2), numbers(LONG, 3, 2)
GRAPH = Graph(2, array("q", [0, 1]), [0.3], (0, 0), Fraction(1))
FEATURES = numbers(LONG, 3, 2)


CANCEL = (0.1, 0.7, 1 / 3, 1.0), (0.3, 0.9, 1 / 7, -(0.1 * 0.3 + 0.7 * 0.9 + 1 / 3 / 7))


def pool(count, slope):
    """Return a layer of one output: `count` rows of 0.1 in one sample, or one that cancels."""
    features = numbers([0.1] * count, count, 1) if count > 1 else numbers(CANCEL[0], 1, 4)
    norms = L2(features.shape[1]), L2(1)
    return Network(Pattern(1, 1), features, array("q", [0] * count), Fraction(slope), *norms)


def net(*, most=False, slope=Fraction(0.1), at=FIELD):
    norms = L2(2), L2(3)
    return Network(at, FEATURES, array("q", [0, 1, 1]), slope, *norms, max_pooled=most)


ROUNDING = {
    "add": lambda ar: ar.add(*(ar.load(numbers([x])) for x in (0.1, 1e3 + 0.3))),
    "subtract": lambda ar: ar.subtract(*(ar.load(numbers([x])) for x in (0.1, 1e3 + 0.3))),
    "multiply": lambda ar: ar.multiply(ar.load(LEFT), ar.load(RIGHT)),
    "product": lambda ar: ar.outer_sum((LEFT, RIGHT), FIELD),
    "masked product": lambda ar: ar.outer_sum((LEFT, RIGHT), DIAGONAL),
    "scaled": lambda ar: ar.scaled(
        ar.load(numbers(LONG)), numbers(LONG[1:3]), numbers(LONG[3:]), FIELD
    ),
    "masked scaled": lambda ar: ar.scaled(
        ar.load(numbers(LONG[:3])), numbers(LONG[1:3]), numbers(LONG[3:]), DIAGONAL
    ),
    "symmetric": lambda ar: ar.symmetric(ar.load(numbers(ROUGH)), Pattern(2, 2)),
    "permuted": lambda ar: ar.permuted(ar.load(numbers(ROUGH)), Pattern(2, 2, dims=(2, 2))),
    "kronecker": lambda ar: ar.kronecker(
        ar.load(square(LONG)), ar.load(square(LONG[1:])), Place(0, (2, 2), 0, 4)
    ),
    "outer_sum": lambda ar: ar.outer_sum((LEFT, RIGHT, RIGHT), Pattern(2, 9, dims=(2, 3, 3))),
    "laplacian": lambda ar: ar.laplacian(numbers(LONG, 2, 3), GRAPH, Fraction(0.7), Fraction(0.1)),
    "layer": lambda ar: ar.layer(net(), LEFT, RIGHT),
    "largest": lambda ar: ar.layer(net(most=True, slope=Fraction(0)), LEFT, RIGHT),
    "masked layer": lambda ar: ar.layer(net(at=DIAGONAL), LEFT, RIGHT),
    "deep": lambda ar: ar.deep(
        Deep(Pattern(3, 2), FEATURES, (2, 2, 2), Fraction(0.1)),
        (numbers([*LONG, 0.3, 0.6], 4, 2), numbers([*LONG[::-1], 0.2, 0.7], 4, 2)),
    ),
    "gram": lambda ar: ar.gram(ar.load(numbers(LONG)), 0, FIELD)[0],
    "gram of columns": lambda ar: ar.gram(ar.load(numbers(LONG)), 1, FIELD)[0],
    "pooled": lambda ar: ar.layer(pool(1000, 1.0), numbers([1.0], 1, 1), numbers([1.0], 1, 1)),
    "cancelled": lambda ar: ar.layer(
        pool(1, 2.0**-10), numbers([*CANCEL[1]], 4, 1), numbers([1.0], 1, 1)
    ),
    "cancelled below": lambda ar: ar.layer(
        pool(1, 2.0**-10), numbers([-x for x in CANCEL[1]], 4, 1), numbers([1.0], 1, 1)
    ),
    "cancelled deep": lambda ar: ar.deep(
        Deep(Pattern(1, 1), numbers(CANCEL[0], 1, 4), (4, 1, 1), Fraction(1)),
        (numbers(CANCEL[1], 4, 1), numbers([1.0], 1, 1)),
    ),
    "placed": lambda ar: ar.placed(
        numbers(LONG[:3]), Pairs([0, 0, 1], [1, 2, 2], [0, 0, 0], [0, 0, 0]), 3
    ),
}


# each product of the numbers before with the next rounds down, or up, by more than 0.999 u
DOWN, UP = (
    tuple(1 + k * 2.0**-52 for k in units)
    for units in (
        (386089538, 740702213, 381695680, 726969412, 226644361, 483814565),
        (394885672, 279423111, 838194677, 317112833, 845525878, 34512274),
    )
)
HALF = 2.0**-53  # 1 + u rounds to 1
LOW = 2.0**-537, 2.0**-538  # whose product, eta / 2, underflows to 0
WIDE = Pattern(4, 4)


def one(x):
    return numbers([x], 1, 1)


def neuron(values, *, right=1.0):
    """Return a layer of one negative hidden unit: features, weight, slope and output."""
    norms = L2(1), L2(1)
    net = Network(ONE, one(-values[0]), array("q", [0]), Fraction(values[2]), *norms)
    return net, one(values[1]), one(right)


def chain(values):
    """Return a network of three layers and one slice: features, three weights and a slope."""
    net = Deep(ONE, one(-values[0]), (1, 1, 1, 1), Fraction(values[2]))
    return net, (one(values[1]), one(values[3]), one(values[4]))


for way, far in (("down", DOWN), ("up", UP)):
    far = (2.0**20 * far[0], *far[1:])  # noqa: PLW2901  a power of two changes no rounding
    x, y, z = map(one, far[:3])
    ROUNDING |= {
        f"{way}: product": lambda ar, x=x, y=y: ar.outer_sum((x, y), ONE),
        f"{way}: multiply": lambda ar, x=x, y=y: ar.multiply(ar.load(x), ar.load(y)),
        f"{way}: scaled": lambda ar, far=far: ar.scaled(
            ar.load(numbers(far[:1])), numbers(far[1:2]), numbers(far[2:3]), ONE
        ),
        f"{way}: gram": lambda ar, x=x: ar.gram(ar.load(x), 0, ONE)[0],
        f"{way}: kronecker": lambda ar, x=x, y=y: ar.kronecker(
            ar.load(x), ar.load(y), Place(0, (1, 1), 0, 1)
        ),
        f"{way}: three modes": lambda ar, x=x, y=y, z=z: ar.outer_sum(
            (z, x, y), Pattern(1, 1, dims=(1, 1, 1))
        ),
        f"{way}: four modes": lambda ar, far=far: ar.outer_sum(
            [one(far[k]) for k in (3, 0, 1, 2)], Pattern(1, 1, dims=(1, 1, 1, 1))
        ),
        f"{way}: neuron": lambda ar, far=far: ar.layer(*neuron(far, right=far[3])),
        f"{way}: deep": lambda ar, far=far: ar.deep(*chain(far)),
    }
STEEP = [1 + k * 2.0**-52 for k in (740702213, 514991201, 337974982, 267340814, 102029799)]
CROWD = list(combinations(range(2, 48), 2))[:1024]
CROWD = Pairs([a for a, _ in CROWD], [b for _, b in CROWD], [0] * 1024, [1] * 1024)
MANY = numbers([1.0] + [HALF] * 4095, 1, 4096)
ROUNDING |= {
    "a half added": lambda ar: ar.add(*(ar.load(numbers([v])) for v in (1.0, HALF))),
    "a half subtracted": lambda ar: ar.subtract(*(ar.load(numbers([v])) for v in (1.0, -HALF))),
    "a half across": lambda ar: ar.symmetric(
        ar.load(numbers([0.0, 1.0, HALF, 0.0])), Pattern(2, 2)
    ),
    "a half permuted": lambda ar: ar.permuted(
        ar.load(numbers([0.0, 1.0, HALF, 0.0])), Pattern(2, 2, dims=(2, 2))
    ),
    "halves lost": lambda ar: ar.outer_sum((MANY, numbers([1.0] * 4096, 1, 4096)), ONE),
    "halves lost, listed": lambda ar: ar.outer_sum(
        (MANY, numbers([1.0] * 4096, 1, 4096)), Pattern(1, 1, array("q", [0]), array("q", [0]))
    ),
    "masked outer_sum": lambda ar: ar.outer_sum(
        (numbers([*LONG, *LONG], 4, 3), numbers(LONG, 2, 3), numbers(LONG[:3], 1, 3)),
        Pattern(4, 2, array("q", [0, 2, 3, 3]), array("q", [1, 0, 0, 1]), dims=(4, 2, 1)),
    ),
    "halves lost in three modes": lambda ar: ar.outer_sum(
        (MANY, *[numbers([1.0] * 4096, 1, 4096)] * 2), Pattern(1, 1, dims=(1, 1, 1))
    ),
    "halves lost in a layer": lambda ar: ar.layer(
        Network(ONE, MANY, array("q", [0]), Fraction(0), L2(4096), L2(1)),
        numbers([1.0] * 4096, 4096, 1),
        one(1.0),
    ),
    "halves lost in outputs": lambda ar: ar.layer(
        Network(ONE, one(1.0), array("q", [0]), Fraction(0), L2(1), L2(1)),
        MANY,
        numbers([1.0] * 4096, 1, 4096),
    ),
    "down: steep and deep": lambda ar: ar.deep(
        Deep(ONE, one(-DOWN[0]), (1,) * 7, 16 * Fraction(DOWN[2])), [*map(one, STEEP), one(1.0)]
    ),
    "gram of many": lambda ar: ar.gram(
        ar.load(numbers([1.0] + [HALF**0.5] * 4095)), 0, Pattern(1, 4096)
    )[0],
    "many at a place": lambda ar: ar.placed(numbers([1 + 255 * 2.0**-52] * 1024), CROWD, 48),
    "halves lost between layers": lambda ar: ar.deep(
        Deep(ONE, MANY, (4096, 1, 1), Fraction(0)), (numbers([1.0] * 4096, 4096, 1), one(1.0))
    ),
    "halves lost between slices": lambda ar: ar.deep(
        Deep(ONE, one(1.0), (1, 1, 1), Fraction(0)),
        (numbers([1.0] + [HALF] * 9, 1, 10), numbers([1.0] * 10, 1, 10)),
    ),
    "kronecker in the middle": lambda ar: ar.kronecker(
        ar.load(numbers([*LONG, 0.3, 0.6, 0.2], 3, 3)),
        ar.load(numbers([x * y for x in LONG[:4] for y in LONG[1:5]], 4, 4)),
        Place(1, (2, 3, 2), 1, 14),
    ),
    "Gram matrices that underflow on the left": lambda ar: ar.outer_sum(
        (one(DOWN[0] * 2.0**-540), one(DOWN[1] * 2.0**500)), ONE
    ),
    "Gram matrices that underflow on the right": lambda ar: ar.outer_sum(
        (one(DOWN[0] * 2.0**500), one(DOWN[1] * 2.0**-540)), ONE
    ),
    "many Gram matrices that underflow": lambda ar: ar.outer_sum(
        (numbers([DOWN[0] * 2.0**-538] * 64, 64, 1), one(DOWN[1] * 2.0**500)), Pattern(64, 1)
    ),
    "products that underflow": lambda ar: ar.outer_sum(
        (numbers([LOW[0]] * 16, 4, 4), numbers([LOW[1]] * 16, 4, 4)), WIDE
    ),
    "long products that underflow": lambda ar: ar.outer_sum(
        (numbers([LOW[0]] * 36, 2, 18), numbers([LOW[1]] * 36, 2, 18)), Pattern(2, 2)
    ),
    "scales that underflow": lambda ar: ar.scaled(
        ar.load(numbers([LOW[0]] * 16)), numbers([LOW[1]] * 4), numbers([2.0**10] * 4), WIDE
    ),
    "scales that underflow at once": lambda ar: ar.scaled(
        ar.load(numbers([LOW[0]] * 16)), numbers([1.0] * 4), numbers([LOW[1]] * 4), WIDE
    ),
    "three modes that underflow": lambda ar: ar.outer_sum(
        (one(2.0**500), numbers([LOW[0]] * 8, 8, 1), numbers([LOW[1]] * 8, 8, 1)),
        Pattern(1, 64, dims=(1, 8, 8)),
    ),
    "four modes that underflow": lambda ar: ar.outer_sum(
        (one(1.0), one(LOW[0]), one(LOW[1]), one(2.0**400)), Pattern(1, 1, dims=(1, 1, 1, 1))
    ),
    "five modes that underflow": lambda ar: ar.outer_sum(
        (one(1.0), one(LOW[0]), one(LOW[1]), one(2.0**200), one(2.0**200)),
        Pattern(1, 1, dims=(1, 1, 1, 1, 1)),
    ),
    "a slope that underflows": lambda ar: ar.layer(*neuron((LOW[0], 1.0, LOW[1]), right=2.0**500)),
    "a deep slope that underflows": lambda ar: ar.deep(
        *chain((LOW[0], 1.0, LOW[1], 1.0, 2.0**500))
    ),
    "an outer product that underflows": lambda ar: ar.kronecker(
        ar.load(numbers([LOW[0]], 1, 1)), ar.load(numbers([LOW[1]], 1, 1)), Place(0, (1, 1), 0, 1)
    ),
    "outer products that underflow": lambda ar: ar.kronecker(
        ar.load(numbers([LOW[0]] * 16, 4, 4)),
        ar.load(numbers([LOW[1]], 1, 1)),
        Place(0, (4, 1), 0, 4),
    ),
    "a half that underflows": lambda ar: ar.symmetric(
        ar.load(numbers([0.0, 5e-324, 0.0, 0.0])), Pattern(2, 2)
    ),
    "a place that underflows": lambda ar: ar.placed(
        numbers([5e-324]), Pairs([0], [0], [1], [1]), 2
    ),
    "a Gram matrix that underflows": lambda ar: ar.gram(ar.load(numbers([LOW[1]] * 16)), 0, WIDE)[
        0
    ],
}


@pytest.mark.parametrize("name", ROUNDING)
def test_a_result_that_rounds_is_within_its_radius(name):
    held, true = ROUNDING[name](ROUNDED), ROUNDING[name](EXACT)
    assert distance_squared(held, true) > 0  # it rounds: a radius of 0 would be wrong
    assert contains(held, true)


@pytest.mark.parametrize("name", [name for name in ROUNDING if "cancelled" not in name])
def test_a_radius_is_not_much_larger_than_what_was_lost(name):
    held, true = ROUNDING[name](ROUNDED), ROUNDING[name](EXACT)
    held = Ball(held.mid, max(held.rad - Fraction(1, 2**80), Fraction(0)))  # where all underflows
    assert held.rad**2 <= 64**2 * distance_squared(held, true)


@pytest.mark.parametrize("name", ["squares", "inner", "absolutes", "row", "column", "intercept"])
def test_a_sum_that_rounds_is_enclosed(name):
    at = Pattern(50, 60)
    x = numbers(np.random.default_rng(3).random(3000))
    ask = SIZES[name] if name in ("squares", "inner", "absolutes") else None
    ask = ask or (lambda ar, held: ar.sums(held, name, at))
    found, true = (ask(ar, ar.load(x)) for ar in (ROUNDED, EXACT))
    assert found.lo <= true.lo <= true.hi <= found.hi
    assert found.hi < true.hi * (1 + Fraction(1, 2**36))


TINY = 0.85 * 2.0**-537, 1.15 * 2.0**-537  # whose squares round to eta, up and down
SUMS = {
    "squares": lambda ar, x: ar.squares(ar.load(x), None),
    "weighted squares": lambda ar, x: ar.squares(ar.load(x), numbers([1.0] * 16)),
    "light squares": lambda ar, x: ar.squares(ar.load(numbers([1.0] * 16)), x),
    "squares over weights": lambda ar, x: ar.squares_over(ar.load(x), numbers([1.0] * 16)),
    "inner": lambda ar, x: ar.inner(ar.load(x), ar.load(x)),
    "row": lambda ar, x: ar.sums(ar.load(x), "row", Pattern(16, 1)),
}


@pytest.mark.parametrize("x", TINY)
@pytest.mark.parametrize("name", SUMS)
def test_a_sum_of_products_that_underflow_is_enclosed(name, x):
    found, true = (SUMS[name](ar, numbers([x] * 16)) for ar in (ROUNDED, EXACT))
    assert found.lo <= true.lo <= true.hi <= found.hi
    own = square_sum(np.full(16, x))
    assert own.lo <= 16 * Fraction(x) ** 2 <= own.hi


@pytest.mark.parametrize("weights", [None, numbers([3.0] * 16)])
def test_a_residual_without_a_rounding_is_exact(weights):
    x, least = ROUNDED.load(numbers([0.1] * 16)), ROUNDED.load(numbers([5e-324] * 16))
    zero = ROUNDED.subtract(x, x)
    assert (zero.rad, *ROUNDED.squares(zero, weights)) == (0, 0, 0)
    assert ROUNDED.squares(least, weights).hi > 0


@pytest.mark.parametrize("part", [0.5, 0.75])  # of a unit of 1: each sum loses or gains it
@pytest.mark.parametrize("name", ["squares", "squares over weights", "inner", "row", "absolutes"])
def test_a_sum_that_rounds_the_same_way_at_each_step_is_enclosed(name, part):
    count, small = 1024, part * 2.0**-52
    rest = small if name in ("absolutes", "row") else small**0.5
    x, ones = (numbers(2.0**20 * np.array([1.0] + [k] * (count - 1))) for k in (rest, 1.0))
    own = square_sum(np.array(x.data))
    assert own.lo <= EXACT.squares(EXACT.load(x), None).lo <= own.hi
    ask = {
        "squares over weights": lambda ar, held: ar.squares_over(held, ones),
        "row": lambda ar, held: ar.sums(held, "row", Pattern(1, count)),
    }.get(name, SIZES[name])
    found, true = (ask(ar, ar.load(x)) for ar in (ROUNDED, EXACT))
    assert found.lo <= true.lo <= true.hi <= found.hi


@pytest.mark.parametrize("kind", ["root", "sum"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_line_whose_sum_rounds_down_is_bounded(kind, listed):
    places = array("q", [0, 0, 0]), array("q", [0, 1, 2])
    at = Pattern(1, 3, *places) if listed else Pattern(1, 3)
    for values in ([1.0, HALF, HALF], [1.0, HALF**0.5, HALF**0.5], [TINY[1]] * 3):
        line = Line(0, kind, positive=False, signs=(1,))
        found = ROUNDED.lines(ROUNDED.load(numbers(values)), line, at)
        squares = sum(Fraction(v) ** 2 for v in values)
        assert found >= sum(map(Fraction, values)) if kind == "sum" else found**2 >= squares


def test_the_size_of_a_ball_is_told():
    assert ROUNDED.measure(ball([[1.0, 2.0]])) == Extent((1, 2), 53, 0)


def test_sums_of_more_than_a_run_are_enclosed():
    x = np.array([1.0] + [HALF**0.5] * ((1 << 17) - 1))
    true = 1 + ((1 << 17) - 1) * Fraction(x[1]) ** 2
    assert square_sum(x).lo <= true <= square_sum(x).hi


def test_the_top_of_a_ball_does_not_rest_on_the_triangle_that_is_read():
    k, t = 10, 2.0**-20  # t (1 1^T - I) has the eigenvalue (k - 1) t; one triangle of it is unseen
    for unseen in (np.tril, np.triu):
        g = t * (np.ones((k, k)) - np.eye(k))
        rad = Fraction(norm_up(unseen(g)))
        top = ROUNDED.top(Ball(g - unseen(g), rad), Fraction(2.0**-60), None)
        assert top >= (k - 1) * Fraction(t)
        assert top >= ROUNDED.top(Ball(g, Fraction(0)), Fraction((k - 1) * t), None) * (1 - WIDTH)


def test_a_rectangle_beside_its_transpose_is_exact():
    held, true = (ar.hat(ar.load(numbers(LONG)), FIELD) for ar in (ROUNDED, EXACT))
    assert (distance_squared(held, true), held.rad) == (0, 0)


def test_the_norm_of_a_matrix_that_is_not_symmetric_is_that_of_its_symmetric_part():
    for x in ([[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]):
        assert row_sums_up(np.array(x)) >= Fraction(3, 2)


def test_rows_and_columns_that_round_down_are_bounded():
    x = np.array([[1.0, HALF, HALF], [HALF, 0.0, 0.0], [HALF, 0.0, 0.0]])
    assert row_sums_up(x) >= 1 + 2 * Fraction(HALF)


SQUARE_ROOTS = {
    "weighted squares": lambda x: ROUNDED.squares(x, numbers([2.0])).hi / 2,
    "squares over weights": lambda x: ROUNDED.squares_over(x, numbers([0.5])).hi / 2,
    "absolutes": lambda x: ROUNDED.absolutes(x).hi ** 2 / 2,
    "row": lambda x: ROUNDED.sums(x, "row", Pattern(1, 2)).hi / 2,
    "lines": lambda x: ROUNDED.lines(x, Line(0, "sum", False, (1,)), Pattern(1, 2)) ** 2 / 2,
}


@pytest.mark.parametrize("name", SQUARE_ROOTS)
def test_a_root_that_a_radius_is_multiplied_by_is_rounded_up(name):
    middle = [0.0] if "squares" in name else [0.0, 0.0]
    assert 1 <= SQUARE_ROOTS[name](ball(middle, Fraction(1))) <= 1 + Fraction(1, 2**80)


def test_a_sum_of_squares_or_of_sizes_is_not_negative():
    for ask in ("squares", "weighted squares", "squares over weights", "absolutes", "row"):
        assert SIZES[ask](ROUNDED, ball([0.125], Fraction(1))).lo == 0


def test_gamma_is_that_of_sums_of_products():
    assert gamma(1000) * (1 - 1000 * Fraction(1, 2**53)) == 1000 * Fraction(1, 2**53)


def test_many_listed_entries_are_computed_in_blocks(monkeypatch):
    monkeypatch.setattr(sampled, "PART", 64)
    monkeypatch.setattr(sampled, "BYTES", 1)
    rows, cols = (array("q", k.tolist()) for k in np.divmod(np.arange(1, 200), 10))
    at = Pattern(20, 10, rows, cols, dims=(20, 10))
    x, y = numbers(range(20), 20, 1), numbers(range(10), 10, 1)
    found = ROUNDED.outer_sum((x, y), at)
    assert found.mid.tolist() == [i * j for i, j in zip(rows, cols, strict=True)]


def test_a_place_without_a_counterpart_is_exact():
    held = ROUNDED.placed(numbers([0.1]), Pairs([0], [1]), 2)
    assert (held.mid.tolist(), held.rad) == ([[0.0, 0.1], [0.1, 0.0]], 0)


@pytest.mark.parametrize("end", [math.inf, math.nan])
def test_a_factorization_with_a_pivot_that_is_no_number_does_not_complete(end):
    assert cholesky_completes(np.array([[4.0]]))
    assert not cholesky_completes(np.array([[end]]))
    assert not cholesky_completes(np.array([[1.0, end], [end, 1.0]]))
    assert not cholesky_completes(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_norms_and_errors_are_bounds_from_above():
    rng = np.random.default_rng(5)
    for shape in [(1, 1)] * 20 + [(3, 50), (40, 2)]:
        x = rng.random(shape)
        true = sum(Fraction(v) ** 2 for v in x.reshape(-1).tolist())
        assert square_sum(x).lo <= true <= square_sum(x).hi
        assert square_sum(x).lo >= true * (1 - Fraction(1, 2**36))
        assert norm_up(x) ** 2 >= true
        rows = [sum(map(Fraction, row)) for row in x.tolist()]
        assert row_sums_up(x) >= max(rows)
    for m, n, k in ((2, 2, 40), (40, 40, 3)):
        a, b = rng.random((m, k)), rng.random((n, k))
        field = numbers(a, m, k), numbers(b, n, k)
        held = Ball(a @ b.T, product_error(a, b, k))
        assert contains(held, EXACT.multiply(*map(EXACT.load, field)))


def test_the_top_allows_for_the_roundings_of_its_factorization():
    # sup of x^T G x is exactly 6 + 0.1 * 3 for G = 0.1 I + 2 * ones: the shift is that, rounded
    for k in (3, 30):
        g = np.full((k, k), 1 / 3) + np.eye(k) * 0.1
        true = max(Fraction(0.1) + k * Fraction(1 / 3), Fraction(0))
        top = ROUNDED.top(Ball(g, Fraction(0)), true, None)
        assert top >= true - k * Fraction(1, 2**53)
        rayleigh = sum(map(Fraction, g.reshape(-1).tolist())) / k
        for shift in (rayleigh, rayleigh * (1 - Fraction(1, 2**51)), Fraction(float(rayleigh))):
            assert ROUNDED.top(Ball(g, Fraction(0)), shift, None) >= rayleigh


@pytest.mark.parametrize("size", [4, 1000])
def test_integers_that_share_a_grid_are_added_exactly(size):
    x, room = np.full(size, 1 - 2.0**-53), size.bit_length()
    whole = on_int64(x, room)
    assert (whole is None) == (53 + room > 62)  # a sum could need more than 62 bits
    if whole is not None:
        assert Fraction(2) ** whole[1] * int(whole[0].sum()) == size * Fraction(1 - 2.0**-53)
    ints, e = on_int64(np.full(size, 0.75), room)
    assert Fraction(2) ** e * int(ints[0]) == Fraction(0.75)
    found = ROUNDED.totals(ROUNDED.load(numbers(x)), [0] * size, 1)
    assert found == [size * Fraction(1 - 2.0**-53)]


def test_sums_of_long_columns_are_enclosed():
    at = Pattern(40000, 2)  # added one after the other, 0.1 drifts by thousands of units
    x = numbers([0.1] * at.size)
    found = ROUNDED.sums(ROUNDED.load(x), "column", at)
    true = 2 * (40000 * Fraction(0.1)) ** 2
    assert found.lo <= true <= found.hi


NEARLY = (0.9858353588317891, 0.9799879238078322, 0.8880667317845192, 0.9174481122043798)


@pytest.mark.parametrize("b", NEARLY)
def test_a_factorization_that_completes_by_rounding_proves_no_less(b):
    # [[0, b], [b, 0]] has the eigenvalue b; with the float before b its factorization completes
    g = Ball(np.array([[0.0, b], [b, 0.0]]), Fraction(0))
    assert ROUNDED.top(g, Fraction(math.nextafter(b, 0.0)), None) >= Fraction(b)
