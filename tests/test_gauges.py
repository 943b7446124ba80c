"""Every gauge, on the whole space and on the cone, keeps the contract of gauges/_base.py."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify import InputError
from certify.gauges import GAUGES, KEYS, gauge

from .strategies import arrays, cone, dyadics, powers
from .tolerance import EPS, exact_square, fractions, rounding

each_key = pytest.mark.parametrize("key", KEYS)
lengths = st.integers(1, 4)
radii = dyadics(1, 40)
FLOPS = 16  # roundings in a norm of four entries and one scaling, generously


def inner(x, y):
    """Return <x, y> exactly."""
    return sum((a * b for a, b in zip(fractions(x), fractions(y), strict=True)), Fraction(0))


def test_every_gauge_has_both_keys():
    assert set(KEYS) == {name + sign for name in GAUGES for sign in ("", "+")}
    assert [gauge(k).key for k in KEYS] == list(KEYS)


@pytest.mark.parametrize("wrong", ["l3", "L2", "l2++", "", None, 2])
def test_an_unknown_norm_is_refused_with_its_name(wrong):
    with pytest.raises(InputError, match=repr(wrong).replace("+", r"\+")):
        gauge(wrong)


@each_key
@given(data=st.data(), d=lengths)
def test_the_value_is_the_norm(key, data, d):
    x = data.draw(arrays((d, 2)))
    for k, value in enumerate(gauge(key).value(x)):
        truth = exact_square(key, x[:, k])
        assert abs(Fraction(float(value)) ** 2 - truth) <= Fraction(FLOPS * EPS) * truth


@each_key
@given(data=st.data(), d=lengths, e=powers)
def test_value_and_dual_have_degree_one(key, data, d, e):
    x, g, a = data.draw(arrays(d)), gauge(key), 2.0**e
    assert g.value(a * x) == a * g.value(x)
    assert g.dual(a * x) == a * g.dual(x)
    assert g.value(0 * x) == g.dual(0 * x) == 0


@pytest.mark.parametrize("e", [-1070, -600, 600, 1020])
@each_key
def test_extreme_sizes_neither_overflow_nor_vanish(key, e):
    x, g = np.ldexp([1.0, 1.0], e), gauge(key)
    assert np.isfinite(g.value(x))
    assert g.value(x) >= x[0]
    assert np.isfinite(g.dual(x))
    assert g.dual(x) >= x[0]


@each_key
@given(data=st.data(), d=lengths)
def test_no_vector_of_the_cone_earns_more_than_the_dual(key, data, d):
    y, x, g = data.draw(arrays(d)), data.draw(cone(key, d)), gauge(key)
    earned = inner(y, x)
    bound = Fraction(float(g.dual(y))) ** 2 * exact_square(key, x)
    assert earned <= 0 or earned**2 <= bound * (1 + Fraction(FLOPS * EPS))


@each_key
@given(data=st.data(), d=lengths)
def test_the_maximizer_earns_the_dual_with_norm_one(key, data, d):
    y, g = data.draw(arrays(d)), gauge(key)
    x = g.maximizer(y)
    assert g.admits(x)
    assert abs(exact_square(key, x) - 1) <= FLOPS * EPS
    if g.dual(y) > 0:
        assert abs(float(inner(y, x) - Fraction(float(g.dual(y))))) <= rounding(y, flops=FLOPS)
    else:
        assert inner(y, x) == max(fractions(y))  # at best nothing: the largest entry


@each_key
@given(data=st.data(), d=lengths)
def test_admits_tells_the_cone(key, data, d):
    x, g = data.draw(arrays(d)), gauge(key)
    assert g.admits(x) == (not key.endswith("+") or min(fractions(x)) >= 0)
    assert g.admits(np.abs(x))
    assert not gauge("l1+").admits(-np.abs(x) - 1)


@each_key
@given(data=st.data(), d=lengths, t=radii)
def test_the_prox_beats_every_other_point_of_the_cone(key, data, d, t):
    x, other, g = data.draw(arrays(d)), data.draw(cone(key, d)), gauge(key)

    def cost(z):
        return 0.5 * float(np.square(z - x).sum()) + t * float(g.value(z))

    z = g.prox(x, t)
    assert g.admits(z)
    slack = rounding(x * x, t * x, flops=FLOPS)
    assert cost(z) <= cost(other) + slack
    assert cost(z) <= cost(z + (other - z) / 64) + slack


@each_key
@given(data=st.data(), d=lengths, t=radii)
def test_prox_and_projection_part_a_vector(key, data, d, t):
    x, g = data.draw(arrays(d)), gauge(key)
    whole = g.prox(x, t) + g.project_dual(x, t)
    assert np.abs(whole - x).max() <= rounding(x, flops=FLOPS)


@each_key
@given(data=st.data(), d=lengths, radius=radii)
def test_the_projection_is_in_the_dual_ball_and_nearest(key, data, d, radius):
    y, other, g = data.draw(arrays(d)), data.draw(arrays(d)), gauge(key)
    p = g.project_dual(y, radius)
    assert g.dual(p) <= radius * (1 + FLOPS * EPS)
    size = float(g.dual(other))
    inside = other * min(1.0, radius / size) if size > 0 else other
    slack = rounding(y * y, other * other, flops=FLOPS)
    assert float((y - p) @ (inside - p)) <= slack


@each_key
@given(data=st.data(), d=lengths, radius=radii)
def test_a_point_of_the_ball_is_its_own_projection(key, data, d, radius):
    y, g = data.draw(arrays(d)), gauge(key)
    if g.dual(y) <= radius:
        assert np.array_equal(g.project_dual(y, radius), y)
        assert np.abs(g.prox(y, radius)).max() == 0


@each_key
@given(data=st.data(), d=lengths, radius=radii)
def test_columns_are_treated_one_by_one(key, data, d, radius):
    y, g = data.draw(arrays((d, 3))), gauge(key)
    each = np.column_stack([g.project_dual(y[:, k], radius) for k in range(3)])
    assert np.array_equal(g.project_dual(y, radius), each)
    assert np.array_equal(g.dual(y), [float(g.dual(y[:, k])) for k in range(3)])
