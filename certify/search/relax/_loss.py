"""Every loss as cvxpy sees it, in the solver's own units.

A field F of the solver stands for `data` F, a cost for data^degree weight times it.
"""

from collections.abc import Callable
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


DEGREES = {"squared": 2, "huber": 2, "absolute": 1, "quantile": 1, "kullback_leibler": 1}


def units(loss: Loss) -> Units:
    """Return the units of a loss."""
    degree = DEGREES.get(loss.name, 0)
    data = unit(held(loss)) if degree else 1.0
    return Units(data, unit(getattr(loss, "scale", None)), degree)


def held(loss: Loss) -> Array:
    """Return the data of a loss, flat."""
    return np.asarray(getattr(loss, "data"), dtype=np.float64).reshape(-1)  # noqa: B009


def weights(loss: Loss, by: Units) -> Array:
    """Return the weight of each entry of the solver's field (of each row for softmax)."""
    scale = getattr(loss, "scale", None)
    count = loss.shape[0] if loss.name == "softmax" else loss.observed.size
    return np.ones(count) if scale is None else np.asarray(scale).reshape(-1) / by.weight


def known(loss: Loss) -> bool:
    """Whether this is one of certify's own losses."""
    return isinstance(loss, tuple(LOSSES.values())) and loss.name in STATED


def stated(loss: Loss, F: Expression, by: Units) -> Expression:
    """Return l(F), F the flat field in the solver's units, without its constants."""
    return STATED[loss.name](loss, F, by)


def constant(loss: Loss) -> float:
    """Return what `stated` leaves out, in the caller's units."""
    if loss.name != "kullback_leibler":
        return 0.0
    y, c = held(loss), weights(loss, Units(1.0, 1.0, 1))
    logs = np.log(np.where(y > 0, y, 1.0))
    return float((c * (y * (logs - np.log(units(loss).data)) - y)).sum())


def squared(loss: Loss, F: Expression, by: Units) -> Expression:
    """1/2 c (F - y)^2."""
    rest = F - held(loss) / by.data
    if getattr(loss, "scale", None) is not None:
        rest = cp.multiply(np.sqrt(weights(loss, by)), rest)
    return 0.5 * cp.sum_squares(rest)


def huber(loss: Loss, F: Expression, by: Units) -> Expression:
    """C times the Huber function of F - y."""
    delta = float(getattr(loss, "delta")) / by.data  # noqa: B009
    return 0.5 * (weights(loss, by) @ cp.huber(F - held(loss) / by.data, delta))


def absolute(loss: Loss, F: Expression, by: Units) -> Expression:
    """C |F - y|."""
    return weights(loss, by) @ cp.abs(F - held(loss) / by.data)


def quantile(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (tau (y - F)_+ + (1 - tau)(F - y)_+)."""
    rest, tau = F - held(loss) / by.data, float(getattr(loss, "tau"))  # noqa: B009
    return weights(loss, by) @ cp.maximum(-tau * rest, (1 - tau) * rest)


def hinge(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (1 - y F)_+."""
    return weights(loss, by) @ cp.pos(1 - cp.multiply(held(loss), F))


def squared_hinge(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (1 - y F)_+^2."""
    return weights(loss, by) @ cp.square(cp.pos(1 - cp.multiply(held(loss), F)))


def logistic(loss: Loss, F: Expression, by: Units) -> Expression:
    """C ln(1 + e^x), x = F or -F by the label."""
    turn = np.where(held(loss) == 1, -1.0, 1.0)
    return weights(loss, by) @ cp.logistic(cp.multiply(turn, F))


def softmax(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (ln sum e^F - F_class), row by row."""
    m, n = loss.shape
    rows = cp.reshape(F, (m, n), order="C")
    own = cp.sum(cp.multiply(held(loss).reshape(m, n), rows), axis=1)
    return weights(loss, by) @ (cp.log_sum_exp(rows, axis=1) - own)


def kullback_leibler(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (F - y ln F); F >= 0 is asked in `domain`."""
    y, c = held(loss) / by.data, weights(loss, by)
    counted = np.nonzero(y > 0)[0]
    logs = (c * y)[counted] @ cp.log(F[counted]) if len(counted) else 0.0
    return c @ F - logs


def poisson(loss: Loss, F: Expression, by: Units) -> Expression:
    """C (e^F - y F)."""
    return weights(loss, by) @ (cp.exp(F) - cp.multiply(held(loss), F))


def domain(loss: Loss, F: Expression) -> list[Expression]:
    """Return where the loss is finite."""
    return [F >= 0] if loss.name == "kullback_leibler" else []


STATED: dict[str, Callable[[Loss, Expression, Units], Expression]] = {
    f.__name__: f
    for f in (
        squared,
        huber,
        absolute,
        quantile,
        hinge,
        squared_hinge,
        logistic,
        softmax,
        kullback_leibler,
        poisson,
    )
}
