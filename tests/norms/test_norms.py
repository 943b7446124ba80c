"""Every norm on every kind of cone keeps the contract of norms/_base.py.

Upper bounds of g* come from the kernel, in exact arithmetic; lower ones from vectors, priced
exactly.  A prox is proved by its optimality condition, not compared with a solver's.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.kernel.patterns import Pattern
from certify.norms import NORMS, Group, Variation, Weighted, gauge
from certify.polar.proved import as_kernel_array, kernel_pair
from tests.norm_cases import CONES, IDS, MAKERS, VARIANTS, made
from tests.strategies import arrays, dyadics, powers
from tests.tolerance import EPS, exact_norm, fractions, rounding

FITS = {
    "*": lambda _: True,
    "+": lambda v: v >= 0,
    "-": lambda v: v <= 0,
    "0": lambda v: v == 0,
}
each_norm = pytest.mark.parametrize(("name", "cone"), VARIANTS, ids=IDS)
lengths = st.integers(2, 5)
FLOPS = 64  # roundings in a norm of five entries, its edges and one scaling, generously
SETTLED = 2.0**-22  # relative: variation's iteration ends at a gap of 1e-15 = (2^-25)^2


def slack(norm, *terms):
    """Return the allowance for rounding, and for an iteration where there is one."""
    if isinstance(norm, Variation):
        return SETTLED * sum(float(np.abs(t).sum()) for t in terms)
    return rounding(*terms, flops=FLOPS)


def inner(x, y):
    """Return <x, y> exactly."""
    return sum((a * b for a, b in zip(fractions(x), fractions(y), strict=True)), Fraction(0))


def proved_dual(norm, y, level):
    """Return the kernel's exact upper bound of g*(y)."""
    d = len(y)
    held = kernel_pair(Pattern(d, 1), (norm, "l1")).left
    flow = norm.flow(y) if isinstance(norm, Variation) else []
    return held.dual_norm(fractions(y), fractions(flow), level)


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_the_value_is_the_definition(name, cone, data, d):
    x, norm = data.draw(arrays((d, 2))), made(name, cone, d)
    for k, value in enumerate(norm.value(x)):
        low, high = exact_norm(norm, x[:, k])
        allowed = Fraction(norm.terms(d) + 8) * Fraction(EPS)
        assert low * (1 - allowed) <= Fraction(float(value)) <= high * (1 + allowed)


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_the_kernel_prices_a_vector_the_same(name, cone, data, d):
    x, norm = data.draw(arrays(d)), made(name, cone, d)
    held = kernel_pair(Pattern(d, 1), (norm, "l1")).left
    size, square = held.lengths(x.tolist())
    low, high = exact_norm(norm, x)
    assert size.lo <= high
    assert low <= size.hi
    assert square.lo <= high**2
    assert low**2 <= square.hi


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_the_dual_is_enclosed_by_a_vector_and_by_the_kernel(name, cone, data, d):
    y, norm = data.draw(arrays(d)), made(name, cone, d)
    value, x = float(norm.dual(y)), norm.maximizer(y)
    assert norm.admits(x)
    low, high = exact_norm(norm, x)
    assert abs(float(low) - 1) <= FLOPS * EPS
    level = Fraction(value) * (1 + Fraction(FLOPS * EPS))
    assert proved_dual(norm, y, level) <= Fraction(value) + Fraction(slack(norm, y))
    earned = inner(x, y) / high
    if value > 0:
        assert Fraction(value) - earned <= Fraction(slack(norm, y))
        assert earned <= Fraction(value) + Fraction(slack(norm, y))
    else:
        assert earned <= 0


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_no_vector_of_the_cone_earns_more_than_the_dual(name, cone, data, d):
    norm = made(name, cone, d)
    y, x = data.draw(arrays(d)), norm.project_cone(data.draw(arrays(d)))
    high = exact_norm(norm, x)[1]
    assert inner(y, x) <= (Fraction(float(norm.dual(y))) + Fraction(slack(norm, y))) * high


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_the_cone_admits_its_projections_and_nothing_else(name, cone, data, d):
    x, norm = data.draw(arrays(d)), made(name, cone, d)
    marks = norm.cone if len(norm.cone) == d else (norm.cone or "*") * d
    inside = all(FITS[c](v) for c, v in zip(marks, x, strict=True))
    p = norm.project_cone(x)
    assert norm.admits(x) == inside
    assert norm.admits(p)
    assert [a == b for a, b in zip(p, x, strict=True)] == [
        FITS[c](v) for c, v in zip(marks, x, strict=True)
    ]
    assert not p[p != x].any()  # what is moved goes to zero, the nearest


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths, t=dyadics(1, 40))
def test_the_prox_is_the_point_whose_rest_supports_it(name, cone, data, d, t):
    """z = prox(x) exactly when g*(x - z) <= t and <x - z, z> = t g(z), z in the cone."""
    x, norm = data.draw(arrays(d)), made(name, cone, d)
    z, p = norm.prox(x, t), norm.project_dual(x, t)
    assert norm.admits(z)
    assert np.abs(z + p - x).max() <= FLOPS * EPS * np.abs(x).max()
    assert float(norm.dual(p)) <= t + slack(norm, x, t)
    assert abs(float(inner(x - z, z)) - t * float(norm.value(z))) <= slack(norm, x * x, t * x)
    if float(norm.dual(x)) <= t:
        assert np.array_equal(p, x)
        assert not z.any()


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths, e=powers)
def test_value_and_dual_have_degree_one(name, cone, data, d, e):
    x, norm, a = data.draw(arrays(d)), made(name, cone, d), 2.0**e
    assert norm.value(a * x) == a * norm.value(x)
    assert abs(norm.dual(a * x) - a * norm.dual(x)) <= a * slack(norm, x)
    assert norm.value(0 * x) == norm.dual(0 * x) == 0


@pytest.mark.parametrize("e", [-1060, -600, 600, 1018])
@each_norm
def test_extreme_sizes_neither_overflow_nor_vanish(name, cone, e):
    norm = made(name, cone, 4)
    x = norm.project_cone(np.ldexp([1.0, 1.0, -1.0, 1.0], e))
    x = x if x.any() else -np.ldexp(np.ones(4), e)
    for found in (norm.value(x), norm.dual(x)):
        assert np.isfinite(found)
        assert found >= np.ldexp(0.25, e)


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths, t=dyadics(1, 40))
def test_columns_are_treated_one_by_one(name, cone, data, d, t):
    y, norm = data.draw(arrays((d, 2))), made(name, cone, d)
    for many in (norm.prox, norm.project_dual):
        each = np.column_stack([many(y[:, k], t) for k in range(2)])
        assert np.abs(many(y, t) - each).max() <= slack(norm, y)
    apart = np.array([float(norm.dual(y[:, k])) for k in range(2)])
    assert np.abs(norm.dual(y) - apart).max() <= slack(norm, y)


@pytest.mark.sampled(3)
@each_norm
@given(data=st.data(), d=lengths)
def test_the_cost_bounds_a_diagonal_form_over_the_ball(name, cone, data, d):
    norm = made(name, cone, d)
    weights = data.draw(arrays(d, dyadics(0)))
    x = norm.project_cone(data.draw(arrays(d)))
    squares = zip(fractions(weights), fractions(x), strict=True)
    form = sum((w * v * v for w, v in squares), Fraction(0))
    allowed = 1 + Fraction(FLOPS * EPS)
    assert form <= Fraction(norm.cost(weights)) * exact_norm(norm, x)[1] ** 2 * allowed


def test_every_entry_is_under_test():
    assert {made(name, "", 3).name for name in MAKERS} == set(NORMS)
    assert len(CONES) == 4


def test_special_cases_agree():
    y = np.array([3.0, -1.0, 0.5, 2.0])
    for one, other in (("elastic_l1", "l1"), ("elastic_l2", "l2")):
        assert made(one, "", 4).dual(y) == gauge(other).dual(y)
    assert Group([[0, 1, 2, 3]]).dual(y) == gauge("l2").dual(y)
    assert Group([[0], [1], [2], [3]], "linf").dual(y) == gauge("linf").dual(y)
    assert Weighted(np.ones(4)).dual(y) == gauge("l2").dual(y)


def test_a_long_path_is_solved_to_rounding():
    rng = np.random.default_rng(0)
    norm, y = Variation([(i, i + 1) for i in range(119)], 0.5), rng.standard_normal(120)
    value = float(norm.dual(y))
    assert value <= norm.bound(y, norm.flow(y)) <= value * (1 + SETTLED)
    assert as_kernel_array(norm.pairs).shape == (119, 2)
