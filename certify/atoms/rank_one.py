"""Matrices: phi(u, v) = u v^T with a norm, perhaps a sign, on each factor."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, accept_word
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.norms import Gauge, Weighted, gauge, norm_of
from certify.polar import Matrix, PolarBound, PolarQuery, Proposal, smallest, within_budget
from certify.polar.ascent.pairs import best_slice
from certify.polar.proved import norm_arrays, unknown_norms

from ._base import Atom, Factors, Slice, combine
from ._enclosure import enclose_matrix
from ._words import Words, nonnegative, penalty_formula, signs_of

CLOSED, HARD, OPEN = "closed", "NP-hard", "no closed form"
FORMS = ("product", "sum")
SIDES = ("left", "right")
LETTERS = ("uₖ", "vₖ")


@dataclass(frozen=True)
class RankOne(Atom):
    """phi(u, v) = u v^T, u (m,), v (n,); norms a, b: keys or gauges (certify.norms).

        form="product":  theta(u, v) = |u|_a |v|_b
        form="sum":      theta(u, v) = 1/2 (|u|_a^2 + |v|_b^2)

    Both forms have the same gauge Omega (AM-GM), hence the same optimum; objectives are those of
    the given form.  A key is "l1", "l2" or "linf"; "+" makes that factor nonnegative, "-"
    nonpositive, and the cone of a gauge may give each coordinate a sign of its own.

        Omega*(W) = sup { u^T W v : |u|_a <= 1, |v|_b <= 1 }          (polar)

    `polar_kind` states how hard the polar of each pair is, and which rule bounds it.

    Raises InputError for an unknown norm or form.
    Source: Haeffele and Vidal (2015), matrix factorization.
    """

    left: str | Gauge = "l2"
    right: str | Gauge = "l2"
    form: str = "product"

    degree = 2
    kind = "rank_one"
    family = "pairs"

    def __post_init__(self) -> None:
        """Refuse unknown norms and forms; a plain norm is stored as its key."""
        for side in SIDES:
            norm = gauge(getattr(self, side))
            object.__setattr__(self, side, norm.key if norm.is_plain else norm)
        accept_word(self.form, "form", FORMS)

    @property
    def gauges(self) -> tuple[Gauge, Gauge]:
        """The norms of u and v."""
        return gauge(self.left), gauge(self.right)

    @property
    def hard(self) -> bool:
        """Whether the pair has no closed form."""
        return polar_kind(*self.gauges) != CLOSED

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int], tuple[int]]:
        """Return (m,), (n,)."""
        m, n = data_shape
        return (m,), (n,)

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Raise InputError for a tensor, or parameters that do not fit the length of a factor."""
        matrix_only(self, data_shape)
        for side, norm, d in zip(SIDES, self.gauges, data_shape, strict=True):
            try:
                norm.check(d)
            except InputError as error:
                raise InputError(f"{side}: {error}") from None

    def phi(self, x: Slice) -> Array:
        """Return u v^T."""
        return np.outer(*x)

    def outer_factors(self, factors: Factors) -> tuple[Array, Array]:
        """Return U and V."""
        U, V = factors
        return U, V

    def sizes(self, factors: Factors) -> tuple[Array, ...]:
        """Return |u|_a and |v|_b of each slice."""
        return tuple(g.value(x) for g, x in zip(self.gauges, factors, strict=True))

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return |W v|_a* |u|_a and |W^T u|_b* |v|_b of each slice."""
        (U, V), (left, right) = factors, self.gauges
        a, b = self.sizes(factors)
        return left.dual(observed.times(W, V)) * a, right.dual(observed.times_left(W, U)) * b

    @property
    def separable(self) -> bool:
        """Whether both norms are l2, perhaps with a sign, and form is "sum"."""
        plain = all(g.spherical and g.is_plain for g in self.gauges)
        return plain and self.form == "sum"

    def with_weights(
        self, weights: tuple[float, ...], data_shape: tuple[int, ...]
    ) -> tuple[Atom, float]:
        """Return theta = 1/2 (a/s |u|^2 + b/s |v|^2) and s, a power of two near sqrt(a b)."""
        if not self.separable or len(weights) != len(SIDES):
            return Atom.with_weights(self, weights, data_shape)
        exponents = [math.frexp(w)[1] for w in weights]
        scale = math.ldexp(1.0, sum(exponents) // 2)  # a division by it is exact
        left, right = (
            Weighted(np.full(d, w / scale), cone=g.cone)
            for d, w, g in zip(data_shape, weights, self.gauges, strict=True)
        )
        return RankOne(left, right, self.form), scale

    def theta(self, factors: Factors) -> Array:
        """Return theta of each column pair."""
        return combine(self.sizes(factors), self.form)

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return the smallest bound of the methods that apply."""
        return smallest(PolarQuery(W, *self.gauges, target, seed, deadline))

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best slice found, of theta 1."""
        return best_slice(PolarQuery(W, *self.gauges, seed=seed))

    def engine(
        self, seed: int, deadline: float | None, nodes: int | None
    ) -> Callable[[Matrix], Proposal]:
        """Return the smallest bound of the methods within the deadline and the nodes."""
        query = partial(PolarQuery, left=self.gauges[0], right=self.gauges[1], seed=seed)
        return lambda W: within_budget(query(W=W, deadline=deadline, nodes=nodes), smallest)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides; the upper one is proved by the kernel."""
        return enclose_matrix(self, W, propose, seed)

    def words(self) -> Words:
        """Return u v^T and the norms."""
        left, right = (g.text(x) for g, x in zip(self.gauges, LETTERS, strict=True))
        return Words(
            "uₖvₖᵀ", penalty_formula([left, right], self.form), signs_of(LETTERS, self.gauges)
        )

    def title(self) -> str:
        """Return the name of the model."""
        return f"a {nonnegative(self.gauges)}matrix factorization"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "RankOne":
        """Return the atom of two norms."""
        left, right = (norm_of(statement[side], side, data) for side in SIDES)
        return cls(left, right, statement["form"])

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom; {} if it does not have a norm."""
        if unknown_norms(self.gauges):
            return {}
        left, right = (g.statement() for g in self.gauges)
        return {"kind": self.kind, "left": left, "right": right, "form": self.form}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the groups, edges and weights of the norms, with their side in the name."""
        return norm_arrays(self.gauges)


def matrix_only(atom: object, data_shape: tuple[int, ...]) -> None:
    """Raise InputError unless the data are a matrix."""
    if len(data_shape) != len(SIDES):
        name, cure = type(atom).__name__, "for a tensor give CP with a norm for each mode"
        raise InputError(f"{name} needs a matrix, got shape {tuple(data_shape)}; {cure}")


def polar_kind(left: str | Gauge, right: str | Gauge) -> str:
    """Return whether the polar of a pair of norms is closed, NP-hard, or has no closed form.

    pair                     polar                           class     rule        loose by
    l1 x any norm            largest dual norm of a line     closed    lines       nothing
      variation with signs   one flow for both signs of u    closed    lines       some
    l2, weighted             sigma_1(D^-1/2 W E^-1/2)        closed    spectral    nothing
      signs on one or both   sup over cones                  NP-hard   N, M, conic 1.5 % seen
    linf x l2, weighted      sup over a cube and a ball      NP-hard   scales      sqrt(pi/2)
    linf x linf              infinity-to-1 norm, cut norm    NP-hard   scales      1.783
      a dozen coordinates                                              corners     nothing
    group (largest) x ...    sup over products of balls      NP-hard   scales      1.783
    elastic, group (sum),    sup u^T W v                     no closed spectral,   sqrt of the
      variation x ... not l1                                 form      conic       length
      6 coordinates at most                                            cones       nothing
    """
    both = gauge(left), gauge(right)
    if any(g.axial for g in both):
        return CLOSED
    if not all(g.exact for g in both):
        return OPEN
    return CLOSED if all(g.is_round and g.free for g in both) else HARD
