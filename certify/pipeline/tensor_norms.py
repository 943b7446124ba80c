"""Spectral and nuclear norms of real tensors, over the real numbers: proved brackets.

    spectral(T) = max  <T, x1 o ... o xK>  over real unit vectors
    nuclear(T)  = min  sum_i |w_i|  over real decompositions T = sum_i w_i x1_i o ... o xK_i

They are dual to each other and NP-hard to compute for K >= 3.  Over the complex numbers both norms
are different: (e112 + e121 + e211) / sqrt(3) has the real nuclear norm sqrt(3) and the complex one
3/2.  Many packages use the name tensor nuclear norm for another norm of a three-way array, that of
the t-product.  At order 2 the norms are the largest singular value and the sum of the singular
values.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array, finite, natural, real
from certify.base.clock import Clock, seconds
from certify.base.errors import InputError
from certify.kernel.scalars import power, root
from certify.polar.proved import above, below
from certify.polar.scale import exponent, ldexp_steps

from .certificate.verdict import Bracket
from .decompose import Decomposition, decompose, empty, polar
from .numbers import at_least, at_most

MATRIX = 2  # modes
DIGITS = 12  # of a bound that is shown


@dataclass(frozen=True)
class NormBound(Bracket):
    """lower <= norm of T <= upper, both proved, with the evidence for each side.

    factors  K arrays (n_k, r).  spectral: one component of unit vectors, which attains `lower`.
             nuclear: a decomposition, whose sum of prod_k |x^k| and residual give `upper`
    dual     a tensor.  spectral: x1 o ... o xK, of nuclear norm 1 up to rounding.  nuclear:
             of spectral norm proved at most 1, with <dual, T> >= lower
    """

    norm: str
    lower: float
    upper: float
    factors: Factors
    dual: Array

    def __repr__(self) -> str:
        """Show the bracket, rounded outward, and the number of components."""
        low, high = at_least(self.lower, DIGITS), at_most(self.upper, DIGITS)
        bracket = f"{low} <= {self.norm} norm over R <= {high}"
        count = Atom.count(self.factors[0].shape[-1])
        return f"NormBound({bracket}, relative gap {at_most(self.relative_gap, 3)}, {count})"


@np.errstate(all="ignore")  # results that are not finite are refused or ignored
def spectral(T: Any, *, budget: float | None = None, seed: int = 0) -> NormBound:  # noqa: ANN401
    """Bracket the spectral norm of a real tensor over the REAL numbers:

        max { <T, x1 o ... o xK> : |xk|_2 <= 1 },   T (n1, ..., nK), K >= 2.

    `upper` comes from the partial-transpose relaxation and similar ones, and is proved by a rule of
    the kernel in outward-rounded floats; unit vectors attain `lower`.  Over the complex numbers the
    norm may be larger.

    Raises InputError for order 0 or 1, an empty tensor, or entries that are not finite.
    """
    array = tensor(T)
    limit, seed = seconds(budget), natural(seed, "seed")
    if not array.any():
        first = tuple(np.eye(n)[:, :1] for n in array.shape)
        return NormBound("spectral", 0.0, 0.0, first, slice_of(first))
    core, e, lost = at_one(squeeze(array))
    result = polar(core, limit, seed)
    vectors = restore_modes(tuple(x[:, None] for x in result.witness), array.shape)
    units = tuple(x / np.linalg.norm(x, axis=0) for x in vectors)
    lower = max(Fraction(result.lower) - lost, Fraction(0)) * power(e)
    upper = (Fraction(result.upper) + lost) * power(e)
    return NormBound("spectral", below(lower), above(upper), units, slice_of(units))


@np.errstate(all="ignore")
def nuclear(T: Any, *, budget: float | None = None, seed: int = 0) -> NormBound:  # noqa: ANN401
    """Bracket the nuclear norm of a real tensor over the REAL numbers:

        min { sum_i prod_k |x_i^k|_2 : T = sum_i x_i^1 o ... o x_i^K },   K >= 2.

    Any W of spectral norm at most 1 proves  nuclear(T) >= <W, T>.  Any factors prove

        nuclear(T) <= sum_i prod_k |x_i^k| + sqrt(d) |T - sum_i phi(x_i)|_F,

    d the product of all n_k but the largest, since a residual is a sum of one component for each of
    its d fibers.  W and the factors are found by proximal steps, min 1/2 |T + P - Z|^2
    + lam nuclear(Z).

    Raises InputError for order 0 or 1, an empty tensor, or entries that are not finite.
    """
    array = tensor(T)
    clock, seed = Clock(seconds(budget)), natural(seed, "seed")
    core, e, lost = at_one(squeeze(array))
    zero = Decomposition(0.0, np.zeros(core.shape), 0.0, empty(core.shape))
    result = decompose(core, clock, seed) if core.any() else zero
    lower = max(Fraction(result.lower) - lost, Fraction(0)) * power(e)
    upper = (Fraction(result.upper) + lost) * power(e)
    vectors = restore_modes(result.factors, array.shape)
    grown = (np.ldexp(vectors[0], e), *vectors[1:])
    dual = result.dual.reshape(array.shape)
    return NormBound("nuclear", below(lower), above(upper), grown, dual)


def tensor(T: Any) -> Array:  # noqa: ANN401  as a user has it
    """Return T as an array; raise InputError unless it is a finite real tensor of >= 2 modes."""
    array = real(T, "T")
    if array.ndim < MATRIX:
        cure = "the norm of a vector is numpy.linalg.norm(T)"
        raise InputError(f"T must have 2 modes or more, got shape {array.shape}: {cure}")
    if not array.size:
        raise InputError(f"T must not be empty, got shape {array.shape}")
    return finite(array, "T")


def at_one(T: Array) -> tuple[Array, int, Fraction]:
    """Return C, e and r: the norms of T are 2^e times those of C, up to an error of 2^e r.

    Both norms of a residual R, and |<D, R>| for a D of spectral norm 1, are at most
    sqrt(d) |R|_F, d the number of fibers along the longest mode; entries of C that underflow
    are off by 2^-1074.
    """
    e = exponent(T, 0)
    C = ldexp_steps(T, -e)
    if np.array_equal(ldexp_steps(C, e), T):
        return C, e, Fraction(0)
    fibers = T.size // max(T.shape)
    return C, e, root(Fraction(fibers * T.size)).hi * power(-1074)


def squeeze(T: Array) -> Array:
    """Return T without its modes of size 1, which do not change the norms; at least a matrix."""
    dims = [n for n in T.shape if n > 1]
    return T.reshape(dims + [1] * (MATRIX - len(dims)))


def restore_modes(factors: Factors, shape: tuple[int, ...]) -> Factors:
    """Return factors of all modes, with the number 1 for each mode of size 1."""
    r, vectors = factors[0].shape[-1], list(factors)
    if sum(n > 1 for n in shape) < MATRIX:  # move the numbers out of the modes that squeeze() added
        extra = [x for x in vectors if len(x) == 1]
        vectors = [x for x in vectors if len(x) > 1] or [np.ones((1, r))]
        vectors[0] = vectors[0] * np.prod(extra, axis=0)[0]
        if all(n == 1 for n in shape):
            return (vectors[0], *(np.ones((1, r)) for _ in shape[1:]))
    kept = iter(vectors)
    return tuple(next(kept) if n > 1 else np.ones((1, r)) for n in shape)


def slice_of(factors: Factors) -> Array:
    """Return the tensor of the first component."""
    return np.asarray(reduce(np.multiply.outer, (x[:, 0] for x in factors)))
