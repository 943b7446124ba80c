"""Where factors came from: what a fit says of itself, and how to make a copy of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.problem import Values

LEAST = 1e-6  # check()'s own rtol: what stops at less is judged by it


@dataclass(frozen=True)
class Origin:
    """The fit that an adapter read factors from.

    model    the class of the estimator
    tol      the tolerance at which it stops, None where it has none
    rebuild  rebuild(estimator, Y, factors, q): a fitted copy of the estimator with these factors;
             None where that is not known
    """

    model: str
    tol: float | None = None
    rebuild: Callable[[Any, Array, Factors, Values], Any] | None = None

    @property
    def rtol(self) -> float:
        """The relative epsilon that the fit's own tolerance means: tol, no less than 1e-6."""
        return max(LEAST, self.tol or 0.0)
