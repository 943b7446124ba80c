"""Counterexamples under attack: polynomials that are proved >= 0, and points that are moved."""

from dataclasses import replace
from fractions import Fraction
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paper_checks
from paper_checks import _counterpoints, append_a_zero, zero_slice
from paper_checks._balanced import points
from paper_checks._necessity import NoCounterexampleError, broken
from paper_checks._points import Loss, Point, Term, squared
from paper_checks._polynomial import Polynomial, UndecidedError, nonnegative, orthants, variables
from paper_checks._problems import LOSSES, lower
from tests.strategies import examples

QUICK = settings(max_examples=examples(100), database=None)
HALF, ONE = Fraction(1, 2), Fraction(1)
SMALL = st.integers(-3, 3).map(Fraction)
UNIT = st.integers(0, 8).map(lambda k: Fraction(k, 8))


def value(f, t):
    """Return f at the numbers t, term by term."""
    found = Fraction(0)
    for power, c in f.terms.items():
        found += c * prod((x**k for x, k in zip(t, power, strict=True)), start=ONE)
    return found


def proved(f):
    try:
        return all(c.true() for c in nonnegative("", f))
    except UndecidedError:
        return False


POWERS = st.tuples(st.integers(0, 3), st.integers(0, 3))
BOUNDS = st.tuples(*[st.sampled_from([HALF, ONE, 2 * ONE])] * 2)


@given(st.dictionaries(POWERS, SMALL.filter(bool), max_size=4), BOUNDS, UNIT, UNIT)
@QUICK
def test_what_is_proved_nonnegative_is_so_at_every_point_of_the_box(terms, bounds, a, b):
    f = Polynomial(terms, bounds)
    if proved(f):
        assert value(f, (a * bounds[0], b * bounds[1])) >= 0


@given(POWERS, POWERS, SMALL, UNIT, UNIT)
@QUICK
def test_polynomials_compute_as_numbers_do(p, q, c, a, b):
    f, g = (Polynomial({power: ONE + k}, (ONE, ONE)) for k, power in enumerate((p, q)))
    t = (a, b)
    assert value(f * g - c, t) == value(f, t) * value(g, t) - c
    assert value((f + c) / 2, t) == (value(f, t) + c) / 2
    assert value(c - f, t) == c - value(f, t)
    assert value(f**3, t) == value(f, t) ** 3


def test_terms_are_charged_and_a_false_claim_is_not_proved():
    x, y = variables((HALF, HALF))
    assert proved(x * x + y * y - 2 * x * y)  # the inequality of the means, exactly
    assert not proved(x * x + y * y - Fraction(21, 10) * x * y)
    assert proved(x - 2 * x * x)  # x <= 1/2
    assert not proved(x - 3 * x * x)
    assert not proved(x * x - y * x)
    assert not proved(x - 1)
    assert proved(Fraction(0))
    assert not proved(Fraction(-1))
    assert not proved(-x)
    free, _ = variables((None, None))
    assert not proved(free - free * free)
    assert proved((free - 0) ** 2)
    root, other = variables((Fraction(1, 4), Fraction(1, 4)))
    assert proved(root - 4 * root * root)
    assert not proved(root * root - Fraction(3) * root * other)


def test_a_sign_is_told_only_where_it_is_one():
    (t,) = variables((HALF,))
    assert (1 + t).sign() == (2 * t).sign() == (ONE - t).sign() == 1
    assert (-t).sign() == (t - 1).sign() == -1
    assert (t - t).sign() == 0
    with pytest.raises(UndecidedError):
        (t - Fraction(1, 4)).sign()
    with pytest.raises(UndecidedError):
        (t - HALF).sign()
    (free,) = variables((None,))
    with pytest.raises(UndecidedError):
        (1 - free).sign()


def test_orthants_are_the_cube():
    found = [tuple(map(str, (x.terms for x in cube))) for cube in orthants((ONE, ONE), HALF)]
    assert len(set(found)) == 4


def off(point, by):
    """Yield the point with one number of one slice moved."""
    for k, x in enumerate(point.X):
        for i, _ in enumerate(x):
            moved = tuple(v + by * (j == i) for j, v in enumerate(x))
            yield replace(point, X=(*point.X[:k], moved, *point.X[k + 1 :]))


@pytest.mark.parametrize("name", _counterpoints.POINTS)
def test_a_counterexample_that_is_moved_off_its_point_is_refused(name):
    (example,) = (e for e in zero_slice.counterexamples() if e.dropped == name)
    assert broken(zero_slice, example).dropped == name
    for by in (Fraction(1, 1000), Fraction(-1, 3)):
        for moved in off(example.instance, by):
            if name in ("local minimum", "zero slice"):
                with pytest.raises((NoCounterexampleError, UndecidedError)):
                    list(map(_true, replace(moved, down=()).local_minimum()))
                continue
            with pytest.raises(NoCounterexampleError):
                broken(zero_slice, replace(example, instance=moved))


def _true(check):
    if not check.true():
        raise NoCounterexampleError(str(check))


def test_a_loss_without_a_slope_is_told_from_one_with_it():
    kink = Loss((Term("absolute"), Term("square", b=-4)))
    assert not all(c.true() for c in kink.differentiable([0 * ONE]))
    assert all(c.true() for c in squared(4).differentiable([0 * ONE]))
    assert all(c.true() for c in squared(4).convex(ONE))
    assert not all(c.true() for c in squared(4).convex(2 * ONE))
    assert not all(c.true() for c in Loss((Term("square", weight=-1),)).convex())
    assert all(c.true() for c in squared(4).gradient([3 * ONE], [ONE]))
    assert not all(c.true() for c in squared(4).gradient([2 * ONE], [ONE]))
    assert not all(c.true() for c in kink.gradient([4 * ONE], [0 * ONE]))
    assert not all(c.true() for c in Loss((Term("linear"),)).bounded())
    assert all(c.true() for c in squared(4).bounded())


def test_the_appended_slice_must_be_zero_and_the_first_a_minimum():
    (example,) = (e for e in append_a_zero.counterexamples() if e.dropped == "stays one")
    x, zero = example.instance.X
    assert broken(append_a_zero, example).dropped == "stays one"
    for X in ((x, x), (zero, x), (zero, zero)):
        with pytest.raises((NoCounterexampleError, ValueError)):
            broken(append_a_zero, replace(example, instance=replace(example.instance, X=X)))


@pytest.mark.parametrize("name", paper_checks.names())
def test_no_counterexample_is_one_for_another_hypothesis(name):
    module = paper_checks.load(name)
    for example in module.counterexamples():
        for other in module.STATEMENT.needs:
            if other != example.dropped:
                with pytest.raises((NoCounterexampleError, AttributeError)):
                    broken(module, replace(example, dropped=other))


@pytest.mark.thorough
@given(points())
@QUICK
def test_a_drawn_problem_has_its_w_and_its_dual_value(p):
    W = p.problem.weights(p.slices, p.q)
    assert p.problem.model.rays.polar(W) <= p.problem.lam
    assert lower(p, Fraction(1, 10**9)) is None
    assert p.value() == p.problem.dual(W)


@pytest.mark.parametrize("name", LOSSES)
@given(st.data())
@QUICK
def test_a_loss_has_its_slope_its_data_and_its_dual(name, data):
    loss = LOSSES[name]
    w, t = data.draw(SMALL), data.draw(st.integers(1, 9).map(Fraction)) / 3
    y = loss.data(w, t)
    if y is None:
        return
    assert loss.slope(y, t) == w
    assert loss.of(y, t) + w * t == loss.dual(y, w)
    for other in (t / 2, t + ONE, t * 5):
        assert loss.of(y, other) + w * other >= loss.dual(y, w)


def test_a_loss_with_a_domain_is_infinite_outside():
    loss = LOSSES["y / t + c t, t > 0"]
    assert loss.of(ONE, 0 * ONE) is None
    assert loss.of(ONE, -ONE) is None
    assert loss.data(-3 * ONE, ONE) is None
    assert loss.data(ONE, -ONE) is None
    assert LOSSES["huber"].data(3 * ONE, ONE) is None


def test_a_point_without_slices_may_be_asked():
    none = Point(1, lambda x: x, abs, squared(1), ONE, ())
    assert all(c.true() for c in none.local_minimum())
