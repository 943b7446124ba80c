"""The constructions that statements execute: the path of large r, the meta-algorithm, nets."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_checks import _barriers, attainment, large_r, meta_algorithm, pilanci_ergen
from paper_checks import strict_gap_of_standard_deep_nets as gap
from paper_checks._cone_program import network
from paper_checks._draw import rationals, vectors
from paper_checks._fit import enumerated, fit
from paper_checks._linear import exact, plus, rank
from paper_checks._nets import Network
from paper_checks._simplex import Columns, completed, exchanged, follow, pivots, reduce
from tests.strategies import examples

QUICK = settings(max_examples=examples(30), database=None)
HALF, ONE = Fraction(1, 2), Fraction(1)


def nonzero(weights):
    return {j: x for j, x in weights.items() if x}


@given(large_r.INSTANCES)
@QUICK
def test_the_path_is_one_path_of_enough_slices(instance):
    way = large_r.walk(instance)
    here = dict.fromkeys(range(len(instance.start)), ONE)
    for leg in way.legs:
        assert nonzero(leg.before) == nonzero(here)
        assert min(leg.after.values()) >= 0
        assert len(leg.at(HALF)) <= len(instance.y) + 1
        here = leg.after
    assert way.sum(here) == large_r.target(instance)
    times = [leg.times for leg in way.legs if leg.times]
    assert times[0][0] == 0
    assert times[-1][1] == 1
    assert [t for _, t in times[:-1]] == [t for t, _ in times[1:]]


@given(large_r.INSTANCES)
@QUICK
def test_only_the_last_way_moves_the_sum(instance):
    way = large_r.walk(instance)
    sums = [(way.sum(leg.before), way.sum(leg.after)) for leg in way.legs if not leg.times]
    assert all(a == b for a, b in sums)
    start, end = way.sum(dict.fromkeys(range(len(instance.start)), ONE)), large_r.target(instance)
    for leg in way.legs:
        if leg.times:
            assert way.sum(leg.after) == plus(start, plus(end, start, -1), leg.times[1])


def test_the_picture_falls_from_the_start_to_the_end():
    instance = large_r.named()
    drawn = large_r.path(instance)
    heights = [f for _, f in drawn]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] > heights[-1]
    model = instance.model
    assert heights[0] == float(instance.objective(instance.start))
    assert [t for t, _ in drawn] == sorted(t for t, _ in drawn)
    whole = fit(model.rays, instance.y, instance.lam)
    assert heights[-1] == pytest.approx(float(whole.value(whole.minimum())), rel=1e-14)


COLUMNS = Columns(
    tuple(map(exact, ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, -1)))),
    exact([2, 2, 2, 2, 1, 1]),
)


def test_a_reduction_takes_the_direction_that_does_not_raise_the_cost():
    start = {0: ONE, 1: ONE, 4: ONE}
    *_, end = reduce(COLUMNS, start)
    assert nonzero(end) == {4: 2}
    *_, end = reduce(COLUMNS, {0: ONE, 2: ONE})
    assert nonzero(end) == {}


def test_pivots_end_at_the_cheapest_slices():
    Z = exact([3, 1])
    start = completed(COLUMNS, {0: ONE})
    *_, (basis, c) = pivots(COLUMNS, start, Z)
    assert dict(c) == {0: 2, 4: 1}
    assert min(COLUMNS.prices(basis)) == 0


def test_the_parametric_way_is_optimal_at_each_breakpoint():
    start, end = exact([3, 1]), exact([-1, 3])
    *_, (basis, _) = pivots(COLUMNS, completed(COLUMNS, {}), start)
    found = list(follow(COLUMNS, basis, start, end))
    assert [t for t, _ in found] == [Fraction(1, 3), Fraction(3, 4), 1]
    for t, optimal in found:
        assert min(COLUMNS.prices(optimal)) >= 0
        here = COLUMNS.weights(optimal, plus(start, plus(end, start, -1), t))
        assert min(here.values()) >= 0


def test_a_dual_pivot_keeps_the_prices():
    basis = (0, 4)
    assert min(COLUMNS.prices(basis)) == 0
    assert set(exchanged(COLUMNS, basis, 0)) == {4, 1}
    assert min(COLUMNS.prices(exchanged(COLUMNS, basis, 0))) == 0


def test_barriers_are_above_their_starts_and_something_lower_is_beyond():
    beyond = [Fraction(19, 2), Fraction(27, 8), Fraction(7, 8), Fraction(26)]
    for (_, barrier), lower in zip(_barriers.barriers(), beyond, strict=True):
        start, end = (barrier.point.value(x) for x in (barrier.point.X, barrier.point.others))
        assert lower == end < start < barrier.pass_over(barrier.point)


STEPS = {"start", "descend", "grow", "merge", "append", "remove"}


@pytest.mark.parametrize("rays", meta_algorithm.FAMILIES, ids=repr)
def test_every_step_of_the_meta_algorithm_is_taken(rays):
    runs = [meta_algorithm.run(i) for i in meta_algorithm.named() if i.rays == rays]
    assert {step for done in runs for step, _, _ in done.trace} == STEPS


@given(meta_algorithm.INSTANCES)
@QUICK
def test_the_meta_algorithm_ends_without_zero_slices(instance):
    done = meta_algorithm.run(instance)
    assert all(c > 0 for _, c in done.slices)
    assert done.trace[-1][0] == "remove"
    assert done.trace[-1][1:] == (done.value(), len(done.slices))


def test_a_full_set_of_slices_at_a_local_minimum_takes_one_more():
    start = ((0, ONE), (2, ONE))  # e1 and e2: the cheaper e1 + e2 is missing
    done = meta_algorithm.run(
        meta_algorithm.Instance(meta_algorithm.hexagon(), exact([5, 5]), ONE, start)
    )
    assert max(r for _, _, r in done.trace) == 3
    assert done.value() == enumerated(meta_algorithm.hexagon(), exact([5, 5]), ONE)


def test_attained_slices_are_independent():
    for rays in attainment.FAMILIES:
        y = exact([Fraction(7 * k * k + 9, k + 1) for k in range(rays.size)])
        c = fit(rays, y, HALF).minimum()
        inside = [p for p, x in zip(rays.phi, c, strict=True) if x]
        assert rank(inside) == len(inside) > 0


@pytest.mark.parametrize("by_cells", [True, False])
def test_a_poor_network_only_opens_the_bracket(by_cells, monkeypatch):
    data = tuple(exact([x, 1]) for x in range(-2, 3))
    y, lam = exact([1, -1, 1, 1, -1]), Fraction(1, 10)
    low, high = pilanci_ergen.bracket(data, y, lam, by_cells=by_cells)
    assert 0 < high - low < Fraction(1, 10**7)
    good = network(data, y, 0.1)
    half = Network(tuple((u, v / 2) for u, v in good.neurons))
    monkeypatch.setattr(pilanci_ergen.cone_program, "network", lambda *_: half)
    lower, higher = pilanci_ergen.bracket(data, y, lam, by_cells=by_cells)
    assert lower < low - Fraction(1, 100)
    assert higher > high + Fraction(1, 100)


@given(
    st.lists(rationals(-3, 3), min_size=4, max_size=4),
    vectors(4),
    vectors(4),
    st.sampled_from([Fraction(k, 8) for k in range(1, 9)]),
)
@QUICK
def test_no_deep_net_is_below_the_standard_optimum(a, b, c, ratio):
    identity = gap.diagonal(ONE, ONE)
    instance = gap.Instance(HALF, ratio, (identity, identity), ONE)
    layers = [np.array(x, dtype=float).reshape(2, 2) for x in (a, b, c)]
    error = 0.5 * np.sum(
        (layers[0] @ layers[1] @ layers[2] - np.diag(list(map(float, instance.data)))) ** 2
    )
    value = error + float(instance.lam) * np.prod([np.linalg.norm(x) for x in layers])
    assert value > float(gap.dual(instance))
    for check in gap.below(
        instance, tuple(tuple(map(tuple, np.reshape(x, (2, 2)))) for x in (a, b, c))
    ):
        assert check.passed()
