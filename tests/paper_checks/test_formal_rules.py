"""The kernel's rules for matrices meet the hypotheses of their theorems, in fractions.

Each test evaluates what a theorem of `paper_checks/formal` supposes, by the plainest loops, at the
number that the kernel returns.
"""

from array import array
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.kernel import losses
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact
from certify.kernel.losses.base import Grains
from certify.kernel.norms import L1, L2, NORMS, Elastic, LInf, Variation
from certify.kernel.patterns import Pattern
from certify.kernel.rules.conic import Leaf, split_cut
from certify.kernel.rules.ky_fan import Fan, centred_squares
from certify.kernel.scalars import root
from certify.kernel.spaces import Pair

DYADIC = st.builds(lambda n, k: Fraction(n, 2**k), st.integers(-40, 40), st.integers(0, 4))
SIZE = 4
VECTOR = st.lists(DYADIC, min_size=SIZE, max_size=SIZE)
CONES = st.text("*+-0", min_size=SIZE, max_size=SIZE)
GROUPS = (0, 0, 1, 2)
EDGES = (0, 1, 1, 2, 1, 3)


def met(sign, y):
    """Norms.met."""
    zero = Fraction(0)
    return {"*": abs(y), "+": max(y, zero), "-": max(-y, zero), "0": zero}[sign]


def squares(values):
    return sum((v * v for v in values), Fraction(0))


def grouped(values):
    return [[v for v, g in zip(values, GROUPS, strict=True) if g == k] for k in range(3)]


@given(CONES, VECTOR)
def test_the_part_of_a_line_that_is_met_is_that_of_the_theorems(cone, y):
    found = L2(SIZE, cone).met(y)
    assert found == [met(s, v) for s, v in zip(cone, y, strict=True)]


HYPOTHESES = {
    "l1": lambda p, P: all(v <= P for v in p),
    "l2": lambda p, P: squares(p) <= P * P,
    "linf": lambda p, P: sum(p) <= P,
    "weighted": lambda p, P: sum(v * v / (i + 1) for i, v in enumerate(p)) <= P * P,
    "group": lambda p, P: all(squares(g) <= P * P for g in grouped(p)),
}
WEIGHTS = array("d", [1.0, 2.0, 3.0, 4.0])
DATA = {"weighted": (WEIGHTS,), "group": ("l1", GROUPS)}
COSTS = {"l1": (), "l2": (), "elastic": (), "linf": (), "weighted": (WEIGHTS,)}
COSTS |= {"group": ("linf", GROUPS)}


@given(st.sampled_from(sorted(HYPOTHESES)), CONES, VECTOR)
def test_the_dual_norm_meets_the_hypothesis_of_its_theorem_and_is_not_much_larger(name, cone, y):
    """Norms.dual_l1, dual_l2, dual_linf, dual_weighted, dual_group_sum."""
    n = NORMS[name](SIZE, cone, *DATA.get(name, ()))
    P = n.dual_norm(y)
    p = [met(s, v) for s, v in zip(cone, y, strict=True)]
    assert P >= 0
    assert HYPOTHESES[name](p, P)
    assert P == 0 or not HYPOTHESES[name](p, P * Fraction(1023, 1024))


@given(CONES, VECTOR, DYADIC, st.integers(0, 4))
def test_an_elastic_level_is_returned_only_where_the_theorem_has_it(cone, y, level, quarters):
    """Norms.dual_elastic, or else Norms.dual_above."""
    a, p = Fraction(quarters, 4), [met(s, v) for s, v in zip(cone, y, strict=True)]
    P = Elastic(SIZE, cone, alpha=a).dual_norm(y, level=level)
    rest = squares(max(v - a * level, Fraction(0)) for v in p)
    if level >= 0 and rest <= ((1 - a) * level) ** 2:
        assert level == P
    else:
        assert squares(p) <= P * P


@given(CONES, VECTOR, st.lists(DYADIC, min_size=3, max_size=3), st.integers(1, 8))
def test_a_flow_meets_the_hypothesis_of_the_variation_norm(cone, y, flow, rho):
    """Norms.dual_variation: |f| <= P rho and |met(y - B^T f)|_2 <= P."""
    n = Variation(SIZE, cone, rho=Fraction(rho, 4), ends=EDGES)
    P = n.dual_norm(y, flow)
    rest = list(y)
    for f, i, j in zip(flow, EDGES[::2], EDGES[1::2], strict=True):
        rest[i] -= f
        rest[j] += f
    assert all(abs(f) <= P * n.rho for f in flow)
    assert squares(met(s, v) for s, v in zip(cone, rest, strict=True)) <= P * P


@given(CONES, VECTOR)
def test_diagonal_costs_meet_the_hypotheses_of_theirs(cone, d):
    """Norms.held, cost_above, cost_linf, cost_weighted, cost_group_max."""
    held = [Fraction(0) if s == "0" else max(v, Fraction(0)) for s, v in zip(cone, d, strict=True)]
    cost = {
        name: NORMS[name](SIZE, cone, *parameters).diagonal_cost(d)
        for name, parameters in COSTS.items()
    }
    assert cost["l1"] == cost["l2"] == cost["elastic"] == max(held)
    assert cost["linf"] == sum(held)
    assert cost["weighted"] == max(v / (i + 1) for i, v in enumerate(held))
    assert cost["group"] == sum(max(g) for g in grouped(held))


@given(st.integers(0, 4), st.integers(0, 40), st.integers(0, 40))
def test_costs_of_entries_meet_the_hypotheses_of_theirs(quarters, d, s):
    """Entries.cost_entries_elastic and cost_entries_variation: d + s (k^2 - 1) <= C far^2."""
    a, d, s = Fraction(quarters, 4), Fraction(d, 8), Fraction(s, 8)
    n = SIZE  # sqrt(4) = 2 exactly
    C = Elastic(n, alpha=a).entries_cost(d, s)
    raised = max(d, s)
    assert raised <= C
    assert raised + s * (n - 1) <= C * (2 * a + 1 - a) ** 2
    degrees = [sum(e == i for e in EDGES) for i in range(SIZE)]
    k = root(Fraction(squares(map(Fraction, degrees))))
    C = Variation(n, rho=a, ends=EDGES).entries_cost(d, s)
    assert d <= C
    assert d + s * squares(map(Fraction, degrees)) <= C * (1 + a * k.lo) ** 2
    assert L1(n).entries_cost(d, s) == max(d, s)


FAR = Fraction(10**6)
LOSSES = {  # parameter; k of w y - w^2 / (k c), 0 without; low c <= w <= high c, of y w if signed
    "squared": ((), 2, (-FAR, FAR), False),
    "huber": ((Fraction(3, 2),), 2, (Fraction(-3, 2), Fraction(3, 2)), False),
    "absolute": ((), 0, (Fraction(-1), Fraction(1)), False),
    "quantile": ((Fraction(1, 4),), 0, (Fraction(-3, 4), Fraction(1, 4)), False),
    "hinge": ((), 0, (Fraction(0), Fraction(1)), True),
    "squared_hinge": ((), 4, (Fraction(0), FAR), True),
}


@pytest.mark.parametrize("name", sorted(LOSSES))
@given(w=st.integers(-12, 12), y=st.sampled_from([-1, 1]), c=st.integers(1, 9))
def test_a_loss_has_the_domain_and_at_most_the_value_of_its_theorem(name, w, y, c):
    """Losses.squared_dual and its kin: w and c are integers in one unit, the quotient rounded."""
    made, k, (low, high), signed = LOSSES[name]
    loss, data = losses.LOSSES[name](*made), Grains([y], 0)
    a = y * w if signed else w
    assert loss.inside([w], data, [c]) == (low * c <= a <= high * c)
    left = w * y - (Fraction(w * w, k * c) if k else 0)
    assert left - Fraction(1, 2**100) <= loss.dual([w], data, [c]) <= left


INSIDE = st.integers(0, 2)
SPLITS = st.lists(
    st.tuples(st.sampled_from([0, 3]), INSIDE, INSIDE, st.sampled_from([1, -1])), max_size=8
)


@given(SPLITS)
def test_coordinates_are_merged_as_in_the_tree_of_the_theorem(splits):
    """Conic.equated: z_high = side s t z_low, and every coordinate of the class moves."""
    pair = Pair(Pattern(3, 3), LInf(3), LInf(3))
    leaf = Leaf((), tuple((i, 1) for i in range(6)))
    for first, p, q, side in splits:
        (a, s), (b, t) = leaf.classes[first + p], leaf.classes[first + q]
        if a == b:
            continue
        low, high = (a, b) if a < b else (b, a)
        wanted = tuple((low, x * side * s * t) if c == high else (c, x) for c, x in leaf.classes)
        leaf = split_cut(pair, [], {"equal": [first + p, first + q]}, leaf, "")[side < 0]
        assert leaf.classes == wanted
        assert all(leaf.classes[c][0] == c and x * x == 1 for c, x in leaf.classes)


@pytest.mark.parametrize("kinds", [(), ("row",), ("column",), ("row", "column")])
@given(rows=st.lists(st.lists(DYADIC, min_size=3, max_size=3), min_size=2, max_size=2))
def test_the_centred_energy_is_that_of_the_projectors(kinds, rows):
    """KyFan.centred_both and its kin: |P C P'|^2 with P = 1 - 1 1^T / m."""
    at = Pattern(2, 3)
    flat = array("d", (float(x) for row in rows for x in row))
    held = Fan(at, 1, frozenset(kinds), 0, Array((2, 0), array("d")), None)
    centre = [list(row) for row in rows]
    if "column" in kinds:
        means = [sum(col) / 2 for col in zip(*centre, strict=True)]
        centre = [[x - mu for x, mu in zip(row, means, strict=True)] for row in centre]
    if "row" in kinds:
        centre = [[x - sum(row) / 3 for x in row] for row in centre]
    ar = Exact()
    found = centred_squares(ar, held, ar.load(Array((6,), flat)))
    assert found == sum(squares(row) for row in centre)
