"""Symmetric matrices: phi(x) = x x^T, one factor that is both."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.norms import Gauge, gauge, plain_key
from certify.polar import (
    Matrix,
    PolarBound,
    PolarQuery,
    Proposal,
    smallest_symmetric,
    within_budget,
)
from certify.polar.ascent.pairs import best_vector

from ._base import Atom, Factors, Slice
from ._enclosure import enclose_matrix
from ._words import Words, nonnegative, signs_of
from .rank_one import matrix_only

NORMS = ("l2", "l2+", "l1+")


@dataclass(frozen=True)
class Symmetric(Atom):
    """phi(x) = x x^T,  theta(x) = |x|^2, x (m,); the data are m x m.

    There is one factor X (m, r).  The data need not be symmetric: only (Y + Y^T) / 2 is fitted,
    and the antisymmetric part of Y is a constant in the loss.

        Omega*(W) = sup { x^T W x : |x| <= 1 }, at least 0            (polar)

    "l2"   max(lambda_max((W + W^T) / 2), 0): closed.
    "l2+"  x >= 0: NP-hard, as to decide whether it is 0 is to decide copositivity.  Bounded by
           lambda_max(S + N), N >= 0: exact for m <= 4, loose on the 5-cycle and the Petersen graph.
    "l1+"  the standard quadratic program max x^T W x over the simplex, NP-hard: for a
           graph's adjacency 1 - 1 / (largest clique) (Motzkin and Straus).  The doubly
           nonnegative relaxation is loose on the 5-cycle: 1 - 1 / sqrt(5), true 1 / 2.

    Raises InputError for another norm; a problem with it, for data that are not square.
    Source: Motzkin and Straus (1965) for l1+, Berman and Shaked-Monderer (2003) for l2+.
    """

    norm: str | Gauge = "l2"

    degree = 2
    kind = "symmetric"
    family = "squares"
    parts = 1

    def __post_init__(self) -> None:
        """Refuse other norms; the norm is stored as its key."""
        object.__setattr__(self, "norm", plain_key(self.norm, "norm", NORMS))

    @property
    def gauge(self) -> Gauge:
        """The norm of x."""
        return gauge(self.norm)

    @property
    def gauges(self) -> tuple[Gauge]:
        """The norm of x."""
        return (self.gauge,)

    @property
    def hard(self) -> bool:
        """Whether the polar is more than a largest eigenvalue."""
        return not (self.gauge.spherical and self.gauge.free)

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Refuse data that are not square."""
        matrix_only(self, data_shape)
        m, n = data_shape
        if m != n:
            cure = "give square data, or RankOne for two factors"
            raise InputError(f"Symmetric needs m x m data, got {m} x {n}; {cure}")

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int]]:
        """Return (m,)."""
        return ((data_shape[0],),)

    def phi(self, x: Slice) -> Array:
        """Return x x^T."""
        return np.outer(x[0], x[0])

    def outer_factors(self, factors: Factors) -> tuple[Array, Array]:
        """Return X twice."""
        return factors[0], factors[0]

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return |(W + W^T) x / 2|* |x| of each slice."""
        X = factors[0]
        pulled = (observed.times(W, X) + observed.times_left(W, X)) / 2
        return (self.gauge.dual(pulled) * self.gauge.value(X),)

    def theta(self, factors: Factors) -> Array:
        """Return |x|^2 of each column."""
        return np.square(self.gauge.value(factors[0]))

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return the smallest bound found."""
        norm = self.gauge
        return smallest_symmetric(PolarQuery(W, norm, norm, target, seed, deadline, symmetric=True))

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best slice found, of theta 1."""
        norm = self.gauge
        value, x = best_vector(PolarQuery(W, norm, norm, seed=seed, symmetric=True))
        return value, (x,)

    def engine(
        self, seed: int, deadline: float | None, nodes: int | None
    ) -> Callable[[Matrix], Proposal]:
        """Return the smallest bound found within the deadline and the nodes."""
        query = partial(PolarQuery, left=self.gauge, right=self.gauge, seed=seed, symmetric=True)
        by = smallest_symmetric
        return lambda W: within_budget(query(W=W, deadline=deadline, nodes=nodes), by)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides; the upper one is proved by the kernel."""
        return enclose_matrix(self, W, propose, seed)

    def words(self) -> Words:
        """Return x x^T and the norm, squared."""
        return Words("xₖxₖᵀ", f"{self.gauge.text('xₖ')}²", signs_of(["xₖ"], self.gauges))

    def title(self) -> str:
        """Return the name of the model."""
        return f"a {nonnegative(self.gauges)}symmetric factorization"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "Symmetric":
        """Return the atom of a norm."""
        return cls(statement["left"])

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom."""
        return {"kind": self.kind, "left": self.norm, "right": self.norm, "form": "product"}
