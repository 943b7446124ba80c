"""Where factors came from: the model, its tolerance, and how to copy the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.problem import Values

LEAST = 1e-6  # check()'s default rtol


@dataclass(frozen=True)
class Origin:
    """The fit that an adapter read factors from.

    model    the class of the estimator
    tol      the tolerance at which it stops, if it has one
    rebuild  rebuild(estimator, Y, factors, q): a fitted copy of the estimator with these factors;
             None if no copy can be made
    """

    model: str
    tol: float | None = None
    rebuild: Callable[[Any, Array, Factors, Values], Any] | None = None

    @property
    def rtol(self) -> float:
        """The relative epsilon for the fit: its tol, but at least 1e-6."""
        return max(LEAST, self.tol or 0.0)
