"""Every loss as cvxpy sees it, in the solver's own units.

A flat variable F of the solver stands for the field `data` F, and a cost c for
data^degree weight c.
"""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.losses import LOSSES, Loss

from ._cvxpy import Expression, cp
from ._solve import unit


@dataclass(frozen=True)
class Units:
    """Powers of two: Y, Z and q are divided by data, weights by weight.

    l(data Z; data Y) = data^degree l(Z; Y): 2 for squares, 1 for distances, 0 where labels
    or an exponential fix the scale (data is 1 there).
    """

    data: float
    weight: float
    degree: int

    def cost(self, price: float, power: int) -> float:
        """Return the solver's price of a term that grows like data^power."""
        e = int(np.frexp(self.data)[1]) - 1
        return float(np.ldexp(price / self.weight, e * (power - self.degree)))

    def back(self, value: float, power: int = 0) -> float:
        """Return a cost, or a slope (power -1), in the caller's units."""
        e = int(np.frexp(self.data)[1]) - 1
        return float(np.ldexp(value * self.weight, e * (self.degree + power)))


def units(loss: Loss) -> Units:
    """Return the units of a loss."""
    data = unit(flat_data(loss)) if loss.degree else 1.0
    return Units(data, unit(getattr(loss, "scale", None)), loss.degree)


def flat_data(loss: Loss) -> Array:
    """Return the data of a loss, flat."""
    return np.asarray(getattr(loss, "data"), dtype=np.float64).reshape(-1)  # noqa: B009


def is_known(loss: Loss) -> bool:
    """Whether this is one of certify's own losses, with a relaxation."""
    return isinstance(loss, tuple(LOSSES.values())) and type(loss).relaxation is not Loss.relaxation


def loss_expression(loss: Loss, F: Expression, by: Units) -> Expression:
    """Return l(F), F the flat field in the solver's units."""
    scale = getattr(loss, "scale", None)
    count = loss.shape[0] if loss.rowwise else loss.observed.size
    weights = np.ones(count) if scale is None else np.asarray(scale).reshape(-1) / by.weight
    return loss.relaxation(cp, F, flat_data(loss) / by.data, weights, by.data)


def domain(loss: Loss, F: Expression) -> list[Expression]:
    """Return the constraints under which the loss is finite."""
    return [F >= 0] if loss.positive else []
