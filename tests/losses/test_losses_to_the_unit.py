"""Dual values are below the truth, and domains end where they end, to the last unit."""

from array import array
from fractions import Fraction
from itertools import product

import pytest

from certify.kernel.arrays import Array, Arrays
from certify.kernel.exp_log import ONE
from certify.kernel.losses.base import Grains, Spans
from certify.kernel.losses.likelihoods import (
    KullbackLeibler,
    Logistic,
    Poisson,
    Softmax,
    _cross_entropy,
)
from certify.kernel.losses.piecewise import Absolute, Hinge, Huber, Quantile, SquaredHinge
from certify.kernel.norms import NORMS
from certify.kernel.offsets.entrywise import graph
from certify.kernel.patterns import Pattern
from certify.kernel.spaces import Pair
from tests.kernel.test_corrections import asked_of, numbers
from tests.references import DOMAINS, DUALS, mp, number, rational, xlogx

UNIT = Fraction(1, 2**110)  # sharp: what a dual value of three digits may lose


def below(found, true, size):
    """Whether a bound is at most the truth of 100 digits, and close to it."""
    true = rational(true)
    assert found <= true
    assert true - found <= UNIT * size


ENTROPIES = [(1, 333), (362, 366), (4, 366), (0, 5), (5, 5), (1, 2)]


@pytest.mark.parametrize(("a", "c"), ENTROPIES)
def test_the_dual_of_a_logistic_loss_is_below_the_entropy(a, c):
    true = xlogx(mp.mpf(c)) - xlogx(mp.mpf(a)) - xlogx(mp.mpf(c - a))
    for y, w in ((1, a), (0, -a)):
        below(Logistic().dual([w], Grains([y], 0), [c]), true, c)


@pytest.mark.parametrize(("a", "c"), ENTROPIES)
def test_the_dual_of_a_softmax_is_below_the_entropy(a, c):
    true = xlogx(mp.mpf(c)) - xlogx(mp.mpf(a)) - xlogx(mp.mpf(c - a))
    below(Softmax().dual([c - a, a - c], Grains([1, 0], 0), [c]), true, c)


@pytest.mark.parametrize(("q", "c"), [(285, 3), (297, 1), (0, 4), (1, 1), (2, 7)])
def test_the_dual_of_counts_is_below_the_truth(q, c):
    true = q + q * mp.log(c) - xlogx(mp.mpf(q))
    below(Poisson().dual([-q], Grains([0], 0), [c]), true, 10 * q + 1)
    below(Poisson().dual([c - q], Grains([1], 0), [c]), true, 10 * q + 1)


@pytest.mark.parametrize(("v", "x"), [(82, 90), (95, 83), (0, 7), (-3, 4)])
def test_the_dual_of_a_divergence_is_below_the_truth(v, x):
    true = x * (mp.log(x + v) - mp.log(x))
    below(KullbackLeibler().dual([v], Grains([1], 0), [x]), true, 10 * x)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_cross_entropy_of_points_is_enclosed_to_the_unit(label):
    ints, exp = [0, 2713487525874, 0], -40
    low, high = _cross_entropy(Spans(ints, ints, exp), label)
    scores = [number(Fraction(x, 2**40)) for x in ints]
    true = mp.log(mp.fsum(mp.exp(s - scores[label]) for s in scores))
    assert low <= rational(true * ONE) <= high


RULES = {
    "huber": (Huber(Fraction(1, 2)), Fraction(1, 2), (0, 3)),
    "quantile": (Quantile(Fraction(1, 3)), Fraction(1, 3), (0, 3)),
    "absolute": (Absolute(), None, (0, 3)),
    "hinge": (Hinge(), None, (1, -1)),
    "squared_hinge": (SquaredHinge(), None, (1, -1)),
    "logistic": (Logistic(), None, (0, 1)),
    "kullback_leibler": (KullbackLeibler(), None, (0, 1)),
    "poisson": (Poisson(), None, (0, 2)),
}


@pytest.mark.parametrize("name", RULES)
def test_a_domain_is_that_of_its_definition(name):
    rule, parameter, labels = RULES[name]
    for y, w, c in product(labels, range(-9, 10), (1, 2, 3, 4)):
        found = rule.inside([w], Grains([y], 0), [c])
        assert found == DOMAINS[name](Fraction(w, c), y, parameter)
        if found and name in ("huber", "quantile", "absolute", "hinge", "squared_hinge"):
            true = c * DUALS[name](Fraction(w, c), y, parameter)
            value = rule.dual([w], Grains([y], 0), [c])
            assert true - Fraction(1, ONE) <= value <= true


def test_a_domain_of_rows_is_the_simplex():
    for w in product(range(-4, 5), repeat=2):
        for c in (1, 2, 3):
            q = c - w[0], -w[1]
            wanted = min(q) >= 0 and sum(q) == c
            assert Softmax().inside(w, Grains([1, 0], 0), [c]) == wanted


# --- sizes: how far atoms reach, and how stiff graphs are -------------------------------------

BALLS = {"l1": 1, "l2": 1, "linf": 2}


@pytest.mark.parametrize(("left", "right"), list(product(BALLS, repeat=2)))
def test_a_correction_is_priced_by_the_largest_atom(left, right):
    pair = Pair(Pattern(2, 2), NORMS[left](2), NORMS[right](2))
    asked = asked_of(pair, [0] * 4, (numbers([], 2, 0), numbers([], 2, 0)))
    true = BALLS[left] * BALLS[right]  # |u v^T|^2 at the vertices
    assert true <= asked.wide**2 <= true * (1 + Fraction(1, 2**60))


EDGES = {
    "one edge": (2, [0, 1], [3.0]),
    "two components": (4, [0, 1, 2, 3], [4.0, 1.0]),
    "the second is stiff": (4, [0, 1, 2, 3], [1.0, 4.0]),
    "a path": (3, [0, 1, 1, 2], [2.0, 0.5]),
    "a path and a point": (4, [0, 1, 1, 3], None),
    "a cycle": (3, [0, 1, 1, 2, 2, 0], [1.0, 2.0, 4.0]),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_gap_bounds_the_energy_of_what_sums_to_zero_on_components(name):
    m, edges, weights = EDGES[name]
    arrays = {"edges0": Array((len(edges) // 2, 2), array("q", edges))}
    if weights:
        arrays["edges0.weights"] = numbers(weights)
    held = graph(Arrays(arrays, "statement"), 0, m)
    ends = list(zip(edges[::2], edges[1::2], strict=True))
    for i, j in product(range(m), repeat=2):
        joined = {i}
        for _ in range(m):
            joined |= {b for a, b in ends if a in joined} | {a for a, b in ends if b in joined}
        assert (held.labels[i] == held.labels[j]) == (j in joined)
    for x in product(range(-3, 4), repeat=m):
        sums = [sum(v for v, c in zip(x, held.labels, strict=True) if c == k) for k in range(m)]
        if not any(sums):
            pairs = zip(ends, weights or [1.0] * len(ends), strict=True)
            energy = sum(Fraction(w) * (x[i] - x[j]) ** 2 for (i, j), w in pairs)
            assert energy >= held.gap * sum(v * v for v in x)
    assert held.gap > 0
