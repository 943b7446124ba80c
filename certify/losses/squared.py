"""Least squares over observed entries, each with a weight."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.observed import Observed

from ._base import Loss
from ._reading import read


@dataclass(frozen=True, eq=False)
class Squared(Loss):
    """l(Z) = 1/2 sum_ij w_ij (z_ij - y_ij)^2 over the observed entries.

    Y        (m, n) array, (n1, ..., nK) tensor, or scipy.sparse matrix of *observed
             entries*: a stored zero is an observation, a missing entry is not.  A sparse Y
             is never made dense.
    weights  None (all 1), or w >= 0 in the shape of Y; for a sparse Y the same stored
             entries, or one number for each in row-major order.  Weight 0: unobserved.
    mask     None, or boolean in the shape of Y: True where it is observed.  Y may be NaN
             elsewhere.

        d(W) = sum_ij w_ij y_ij' - w_ij'^2 / (2 c_ij)             (y' = y, c the weights)

    Raises InputError for data that are not real, finite and nonempty, with two modes or more.
    """

    Y: Any
    weights: Any = None
    mask: Any = None
    observed: Observed = field(init=False, repr=False)
    data: Array = field(init=False, repr=False)
    scale: Array | None = field(init=False, repr=False)

    name = "squared"
    quadratic = True
    degree = 2
    formula, title = "½ Σ {c}(z − y)²", "least squares"

    def __post_init__(self) -> None:
        """Reduce the arguments to observed entries, data and weights."""
        observed, data, scale = read(self.Y, self.weights, self.mask)
        for name, value in (("observed", observed), ("data", data), ("scale", scale)):
            object.__setattr__(self, name, value)

    @property
    def curvature(self) -> float:
        """The largest weight."""
        return 1.0 if self.scale is None else float(self.scale.max())

    @np.errstate(all="ignore")  # what is infinite says so
    def value(self, Z: Array) -> float:
        """Return l(Z)."""
        residual = (Z - self.data).reshape(-1)
        return 0.5 * float(residual @ self.weigh(residual))

    def gradient(self, Z: Array) -> Array:
        """Return w (Z - Y)."""
        return self.weigh(Z - self.data)

    @np.errstate(all="ignore")
    def dual_value(self, W: Array) -> float:
        """Return sum W Y - W^2 / (2 w)."""
        w = W.reshape(-1)
        over = w if self.scale is None else w / self.scale.reshape(-1)
        return float(w @ self.data.reshape(-1)) - 0.5 * float(w @ over)

    def prox(self, Z: Array, t: float) -> Array:
        """Return (Z + t w Y) / (1 + t w)."""
        pull = t * (1.0 if self.scale is None else self.scale.reshape(self.data.shape))
        return np.asarray((Z + pull * self.data) / (1 + pull))

    def weigh(self, field: Array) -> Array:
        """Return w times a field."""
        if self.scale is None:
            return field
        return np.asarray(self.scale.reshape(field.shape) * field)

    def arrays(self) -> dict[str, Any]:
        """Return Y, and where they exist the weights, rows and columns."""
        out: dict[str, Any] = {"Y": self.data.reshape(-1)}
        if self.scale is not None:
            out["weights"] = self.scale.reshape(-1)
        if not self.observed.full:
            out["rows"], out["cols"] = self.observed.listed
        return out

    def relaxed(self, cp: Any, F: Any, y: Array, c: Array, unit: float) -> Any:  # noqa: ANN401
        """1/2 c (F - y)^2."""
        del unit
        return 0.5 * cp.sum_squares(cp.multiply(np.sqrt(c), F - y))
