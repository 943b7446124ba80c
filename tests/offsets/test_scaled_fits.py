"""The best offsets of data of any size are those of data near 1, scaled."""

import numpy as np
import pytest

from certify import Problem
from certify.atoms import RankOne
from certify.losses import Absolute, Huber, KullbackLeibler, Quantile, Squared
from certify.offsets import ColumnIntercept, Intercept, RowIntercept

RNG = np.random.default_rng(3)
DATA = RNG.standard_normal((5, 4))
LEFT, RIGHT = (np.abs(RNG.standard_normal((d, 1))) for d in (5, 4))
LOSSES = {
    "absolute": lambda e: Absolute(np.ldexp(DATA, e)),
    "quantile": lambda e: Quantile(np.ldexp(DATA, e), 0.3),
    "huber": lambda e: Huber(np.ldexp(DATA, e), float(np.ldexp(0.5, e))),
    "counts": lambda e: KullbackLeibler(np.ldexp(np.rint(np.abs(4 * DATA)), e)),
    "squared": lambda e: Squared(np.ldexp(DATA, e)),
}
OFFSETS = {
    "one": (Intercept(),),
    "two": (RowIntercept(), ColumnIntercept()),
    "ridge": (ColumnIntercept(ridge=0.5),),
}


@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("e", [-300, -40, 30, 40, 300])
def test_best_offsets_scale_with_the_data(loss, offsets, e):
    def value(e):
        """Return the objective at the best offsets, divided by its scale."""
        made = LOSSES[loss](e)
        parts = [o.rescale(e, (made.degree - 2) * e) for o in OFFSETS[offsets]]
        problem, factors = Problem(made, RankOne(), 1.0, parts), (np.ldexp(LEFT, e), RIGHT)
        q = problem.best_offsets(factors)
        penalty = sum(o.penalty(x) for o, x in zip(problem.offsets, q, strict=True))
        return np.ldexp(made.value(problem.predict(factors, q)) + penalty, -made.degree * e)

    assert value(e) == pytest.approx(value(0), rel=1e-9)
