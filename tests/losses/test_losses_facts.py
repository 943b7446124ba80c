"""What a loss says of itself is true: degree, data, parameters, formula, and what cvxpy sees."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certify import InputError
from certify.losses import LOSSES, Loss
from certify.search.relax._cvxpy import cp
from certify.search.relax._loss import Units, domain, loss_expression
from certify.testing.strategies import fields, losses
from tests.tolerance import rounding

EACH = pytest.mark.parametrize("name", LOSSES)
few = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
ALL_ONES = Units(1.0, 1.0, 0)


def rescaled(loss, a):
    """Return the loss of a times the data, what is measured in its units too."""
    held = {k: v for k, v in vars(loss).items() if k in ("Y", "weights", "mask", *loss.intervals)}
    return type(loss)(**held | {"Y": a * loss.Y} | {k: a * held[k] for k in loss.measured})


@EACH
@few
@given(data=st.data())
def test_the_degree_is_that_of_the_loss(name, data):
    loss = data.draw(losses(LOSSES[name], (2, 3)))
    Z = data.draw(fields(loss))
    if loss.degree:
        assert rescaled(loss, 4.0).value(4 * Z) == 4.0**loss.degree * loss.value(Z)
    turn = loss.gradient(2 * Z) - 2 * loss.gradient(Z) + loss.gradient(0 * Z)
    if loss.quadratic:
        assert np.abs(turn).max() <= rounding(loss.gradient(2 * Z), loss.gradient(Z), flops=8)


@EACH
@few
@given(data=st.data())
def test_cvxpy_sees_the_loss(name, data):
    loss = data.draw(losses(LOSSES[name], (2, 3)))
    Z = data.draw(fields(loss))
    F = cp.Constant(Z.reshape(-1))
    assert all(c.value() for c in domain(loss, F))
    told = float(loss_expression(loss, F, ALL_ONES).value)
    assert told == pytest.approx(loss.value(Z), rel=1e-12, abs=1e-12)


@EACH
def test_data_and_parameters_outside_are_refused(name):
    cls = LOSSES[name]
    middle = dict.fromkeys(cls.intervals, 0.5)
    Y = np.full((2, 2), cls.labels[0] if cls.labels else 1.0)
    if cls.rowwise:
        Y = np.eye(2)
    good = cls(Y, **middle)
    assert good.positive == np.isinf(good.value(-np.ones((2, 2))))
    wrong = 0.25 if cls.labels or cls.rowwise else -1.0 if cls.counts else None
    if wrong is not None:
        with pytest.raises(InputError):
            cls(np.full((2, 2), wrong), **middle)
    for name_, (low, high) in cls.intervals.items():
        for end in (low, high):
            with pytest.raises(InputError):
                cls(Y, **{name_: end})


@EACH
def test_the_formula_has_a_place_for_weights_and_says_its_letters(name):
    cls = LOSSES[name]
    assert "{c}" in cls.formula
    assert cls.title != Loss.title
    middle = dict.fromkeys(cls.intervals, 0.5)
    Y = np.eye(2) if cls.rowwise else np.full((2, 2), cls.labels[0] if cls.labels else 1.0)
    told = cls(Y, **middle).glosses()
    assert len(told) == len(cls.intervals)
    assert all("0.5" in text for text in told)
