"""Losses with their data at scale 1: scaling by a power of two is exact.

A loss of degree d has l(2^-a Z; 2^-a Y) = 2^-da l(Z; Y), the parameters that are `measured` in
the units of the data scaled with them.
"""

from typing import Any

import numpy as np

from certify.losses import Entrywise, Loss, Squared
from certify.polar.scale import ORDINARY, exponent, ldexp_steps

FEW = 20  # binary exponents of ordinary data, for other losses than squares


def data_exponent(loss: Loss) -> int:
    """Return a with data of unusual size times 2^-a near 1; 0 for ordinary data or no degree."""
    if not isinstance(loss, Entrywise) or not loss.degree:
        return 0
    return exponent(loss.data, ORDINARY if isinstance(loss, Squared) else FEW)


def scale_loss(loss: Any, data: int, weights: int = 0) -> Any:  # noqa: ANN401  a loss with a degree
    """Return the loss with data and what is measured times 2^-data, weights times 2^-weights."""
    new = object.__new__(type(loss))
    vars(new).update({k: getattr(loss, k) for k in loss.intervals})
    vars(new).update({k: float(ldexp_steps(getattr(loss, k), -data)) for k in loss.measured})
    scale = None if loss.scale is None else np.ldexp(loss.scale, -weights)
    vars(new).update(Y=None, weights=None, mask=None, observed=loss.observed)
    vars(new).update(data=ldexp_steps(loss.data, -data), scale=scale)
    return new
