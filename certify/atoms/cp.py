"""Tensors: phi(x1, ..., xK) = x1 o ... o xK, the slices of a CP (CANDECOMP/PARAFAC) model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, accept_word, as_dense, is_list, short
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.norms import Gauge, gauge, plain_key
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.ascent.contract import kronecker_columns, product
from certify.polar.ascent.products import attain
from certify.polar.product_query import ProductQuery
from certify.polar.products import propose
from certify.polar.proved import attained_below, tensor_above, unknown_norms

from ._base import Atom, Factors, Slice, combine
from ._enclosure import enclose
from ._hidden import nonempty
from ._words import Words, exponent_text, nonnegative, penalty_formula, signs_of
from .rank_one import CLOSED, FORMS, polar_kind

LEAST, MOST = 2, 6  # the order of a symmetric tensor, whose permutations the kernel sums


@dataclass(frozen=True, init=False)
class CP(Atom):
    """phi(x1, ..., xK) = x1 o x2 o ... o xK, xk (n_k,), with a norm on each mode.

        form="product":  theta = |x1| |x2| ... |xK|
        form="sum":      theta = 1/K (|x1|^K + ... + |xK|^K)

    Both forms have the same gauge Omega (AM-GM); with l2 norms it is the nuclear norm of a real
    tensor.  norms are K keys "l2", "l1", "linf", with "+" or "-" at the end for a factor of one
    sign, or the same norms as objects, such as L2(cone="+").  Factors are K arrays (n_k, r), the
    data a tensor (n_1, ..., n_K).  For K = 2 this is RankOne.

        Omega*(W) = sup { <W, x1 o ... o xK> : |xk| <= 1 }            (polar)

    With l2 norms this is the spectral norm of W: NP-hard for K >= 3, bounded by the
    partial-transpose relaxation.  It was tight to 1e-10 on random tensors.  At the dual points of
    optima, where many slices attain the polar, it was loose by up to 1e-3, or tight with copies of
    a factor.

    symmetric=True: one factor x (n, r) for all modes, one norm, phi(x) = x o ... o x,
    theta(x) = |x|^K; `CP("l2", symmetric=True, order=3)`.  Only the mean of the data over all
    permutations of the modes is fitted.  For odd K phi(-x) = -phi(x), and Omega is a norm.  For
    even K phi(-x) = phi(x): all coefficients are positive, Omega is infinite outside the cone of
    such sums, and the polar is sup <W, phi(x)>, at least 0, without an absolute value.

    Raises InputError for an unknown norm or form, fewer than 2 modes, or different norms with
    symmetric=True; a problem raises it for data of another order or other sizes.
    Source: the factorizations of Haeffele and Vidal (2015), CP case.
    """

    norms: tuple[str, ...]
    symmetric: bool = False
    form: str = "product"

    kind = "cp"
    family = "products"

    def __init__(
        self,
        norms: str | Gauge | Sequence[str | Gauge] = ("l2", "l2", "l2"),
        symmetric: bool = False,  # noqa: FBT001, FBT002  the contract's order
        form: str = "product",
        *,
        order: int | None = None,
    ) -> None:
        """Take one norm for each mode, or one norm and the order."""
        each = (norms,) * tensor_order(order) if isinstance(norms, str | Gauge) else norms
        keys = plain_keys(each)
        if order is not None and len(keys) != order:
            raise InputError(f"order is {order}, but there are {len(keys)} norms")
        if len(keys) < LEAST:
            raise InputError(f"CP needs a norm for each of 2 modes or more, got {short(norms)}")
        accept_word(form, "form", FORMS)
        if not isinstance(symmetric, bool):
            raise InputError(f"symmetric must be True or False, got {short(symmetric)}")
        if symmetric and (len(set(keys)) > 1 or len(keys) > MOST):
            raise InputError(f"symmetric needs one norm and at most {MOST} modes, got {keys}")
        for name, value in (("norms", keys), ("symmetric", symmetric), ("form", form)):
            object.__setattr__(self, name, value)

    @property
    def degree(self) -> int:  # type: ignore[override]  # the order of the data
        """The order K."""
        return len(self.norms)

    @property
    def parts(self) -> int:  # type: ignore[override]
        """The number of arrays in a slice: K, or 1 if symmetric."""
        return 1 if self.symmetric else len(self.norms)

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """The norm of each mode."""
        return tuple(gauge(k) for k in self.norms)

    @property
    def hard(self) -> bool:
        """Whether the polar is hard; with K - 2 l1 modes it is that of the matrices along them."""
        if self.symmetric:
            return len(self.norms) > LEAST or not (self.gauges[0].spherical and self.gauges[0].free)
        *sliced, left, right = sorted(self.gauges, key=lambda g: not g.axial)
        return not all(g.axial for g in sliced) or polar_kind(left, right) != CLOSED

    def every(self, factors: Factors) -> Factors:
        """Return a factor for each mode."""
        return tuple(factors) * (len(self.norms) if self.symmetric else 1)

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Raise InputError for data of another order, or different sizes if symmetric."""
        if len(data_shape) != len(self.norms):
            cure = "one norm a mode is needed"
            wanted = f"{len(self.norms)} modes, one for each norm"
            raise InputError(f"CP needs data of {wanted}, got shape {tuple(data_shape)}: {cure}")
        if self.symmetric and len(set(data_shape)) > 1:
            raise InputError(f"a symmetric CP needs modes of one size, got {tuple(data_shape)}")

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int], ...]:
        """Return (n_1,), ..., (n_K,), or (n,) alone."""
        return tuple((n,) for n in data_shape[: self.parts])

    def phi(self, x: Slice) -> Array:
        """Return x1 o ... o xK as a matrix: the first mode by all the others."""
        first, *rest = self.every(x)
        return np.outer(first, product(rest))

    def outer_factors(self, factors: Factors) -> tuple[Array, Array]:
        """Return x1, and x2 o ... o xK as a vector, of each slice."""
        first, *rest = self.every(factors)
        return first, kronecker_columns(rest)

    def sizes(self, factors: Factors) -> tuple[Array, ...]:
        """Return |xk| of each slice, for every mode."""
        return tuple(g.value(x) for g, x in zip(self.gauges, self.every(factors), strict=True))

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return |xk| times the dual norm of W contracted with the other factors, for each k."""
        parts, T = self.every(factors), observed.tensor(W)
        pulled = [contract_except(T, parts, k) for k in range(len(parts))]
        if self.symmetric:
            pulled = [np.mean(pulled, axis=0)]
        sizes = self.sizes(factors)
        return tuple(g.dual(p) * s for g, p, s in zip(self.gauges, pulled, sizes, strict=False))

    def theta(self, factors: Factors) -> Array:
        """Return theta of each slice."""
        return combine(self.sizes(factors), self.form)

    def propose(
        self,
        W: Matrix,
        target: float | None,
        seed: int,
        deadline: float | None,
        starts: Factors = (),
    ) -> Proposal:
        """Return the smallest bound found; starts are factors that may attain the polar."""
        slices = tuple(zip(*(x.T for x in starts), strict=True))
        T: Any = as_dense(W) if len(self.norms) > LEAST else W  # matrices may stay sparse
        return propose(ProductQuery(T, self.gauges, self.symmetric, target, seed, deadline, slices))

    propose_near = propose

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best slice found, of theta 1."""
        return attain(as_dense(W), self.gauges, symmetric=self.symmetric, seed=seed)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides; the upper one is proved by the kernel."""
        T = nonempty(W.toarray() if sparse.issparse(W) else W, "W", ndim=None)
        self.check(T.shape)
        sides = (
            lambda M, witness: attained_below(M, self.every(witness), self.gauges),
            lambda M, proof: tensor_above(M, self.statement(), proof),
        )
        return enclose(self, T, propose, seed, sides)

    def words(self) -> Words:
        """Return the product of the modes and their norms."""
        order = len(self.norms)
        if self.symmetric:
            theta = self.gauges[0].text("xₖ") + exponent_text(order)
            return Words(" ∘ ".join(["xₖ"] * order), theta, signs_of(["xₖ"], self.gauges))
        names = [f"x{exponent_text(k)}ₖ" for k in range(1, order + 1)]
        norms = [g.text(x) for g, x in zip(self.gauges, names, strict=True)]
        return Words(
            " ∘ ".join(names), penalty_formula(norms, self.form), signs_of(names, self.gauges)
        )

    def title(self) -> str:
        """Return the name of the model."""
        return f"a {nonnegative(self.gauges)}CP factorization of order {len(self.norms)}"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "CP":
        """Return the atom of a norm for each mode."""
        return cls(
            tuple(statement["norms"]), symmetric=statement["symmetric"], form=statement["form"]
        )

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom; {} if it does not have a norm."""
        if unknown_norms(self.gauges):
            return {}
        norms, symmetric = list(self.norms), self.symmetric
        return {"kind": self.kind, "norms": norms, "symmetric": symmetric, "form": self.form}


def tensor_order(order: object) -> int:
    """Return the order, an integer of at least 2."""
    if not isinstance(order, int) or isinstance(order, bool) or order < LEAST:
        raise InputError(f"one norm for all modes needs order=2 or more, got order={short(order)}")
    return order


def plain_keys(norms: object) -> tuple[str, ...]:
    """Return the keys of plain norms, as the kernel writes them."""
    if not is_list(norms):
        raise InputError(f"norms must be a list, a norm for each mode, got {short(norms)}")
    return tuple(plain_key(norm, f"norms[{k}]") for k, norm in enumerate(norms))


def contract_except(T: Array, parts: Sequence[Array], k: int) -> Array:
    """Return T contracted with every factor of a slice but the k-th, (n_k, r)."""
    moved, others = np.moveaxis(T, k, 0), [*parts[:k], *parts[k + 1 :]]
    return np.asarray(moved.reshape(len(moved), -1) @ kronecker_columns(others))
