"""The contract of an offset: a variable q that is fitted but not factorized."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, finite, from_torch, frozen, is_list, real, scalar
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.base.registry import refuse_heirs

HUGE = 2.0**900  # a price beyond it: nothing earns it either way
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Offset(ABC):
    """A q added to the factorization, with the penalty H(q), by default ridge/2 |q|^2.

    A dual point must be orthogonal to an unpenalized offset (ridge 0), exactly:
    A* W = 0.  With a ridge the dual value pays |A* W|^2 / (2 ridge) instead.

    A ridge that is a vector, where `apart` allows one, is held as the number 1 and the
    vector's `shares`: H(q) = ridge/2 sum_i shares_i q_i^2.

    A new offset needs a name, `shape`, `factors` and `solve`.  What else is known of it:

    separate   whether each number of q is fitted by itself
    entrywise  whether q has a number for each entry, so that A q is no product of low rank
    means      whether A q is the means of rows or columns, which commute with singular values
    at_fixed_rank   whether a problem with lam = 0 may have it
    stored     of each argument that is an array, its name in a statement as the k-th offset
    """

    ridge: Any = 0.0
    shares: Array | None = field(default=None, init=False, repr=False)
    name: ClassVar[str]
    apart: ClassVar[bool] = False
    separate: ClassVar[bool] = False
    entrywise: ClassVar[bool] = False
    means: ClassVar[bool] = False
    at_fixed_rank: ClassVar[bool] = False
    stored: ClassVar[Mapping[str, str]] = {"ridge": "ridge{k}"}

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Offset)

    def __post_init__(self) -> None:
        """Refuse a ridge that is negative or not finite; a vector must be positive."""
        name = f"{type(self).__name__}.ridge"
        if self.apart and is_list(from_torch(self.ridge, name)):
            shares = finite(real(self.ridge, name, ndim=1), name)
            if (shares <= 0).any():
                k = int((shares <= 0).argmax())
                raise InputError(f"{name} must be > 0 where it is a vector, got {shares[k]} at {k}")
            object.__setattr__(self, "shares", frozen(shares))
        value = 1.0 if self.shares is not None else scalar(self.ridge, name, zero=True)
        object.__setattr__(self, "ridge", value)

    @property
    def slot(self) -> str:
        """What a problem may have once: the kind."""
        return self.name

    def check(self, observed: Observed) -> None:
        """Raise InputError if the offset does not fit the data's shape."""
        if self.shares is not None and self.shares.shape != self.shape(observed):
            wanted = f"must have shape {self.shape(observed)}"
            raise InputError(f"{type(self).__name__}.ridge {wanted}, got {self.shares.shape}")

    def covariates(self, m: int) -> Array | None:
        """Return B (m, k) with A q = B q for q (k, n), if A is covariates of the rows."""
        return None

    @property
    def levels(self) -> bool:
        """Whether A q takes a constant of each column, exactly."""
        return False

    @property
    def priced(self) -> Array | float:
        """The ridge of every number of q, one for all or a vector."""
        return float(self.ridge) if self.shares is None else self.ridge * self.shares

    def accept(self, q: object, observed: Observed) -> Array:
        """Return the caller's q as an array of this offset's shape."""
        name = f"q of {type(self).__name__}"
        a = finite(np.atleast_1d(real(q, name)), name)
        if a.shape != self.shape(observed):
            raise InputError(f"{name} must have shape {self.shape(observed)}, got {a.shape}")
        return a

    @abstractmethod
    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return the shape of q."""

    def design(self, observed: Observed) -> Array:
        """Return A as a dense matrix: a row for each observed entry, a column for each q."""
        shape = self.shape(observed)
        units = np.eye(math.prod(shape))
        fields = [self.field(u.reshape(shape), observed) for u in units]
        return np.column_stack([f.reshape(-1) for f in fields])

    @property
    def free(self) -> bool:
        """Whether H stays at 0 along some q: a dual point must be orthogonal to those."""
        return bool(self.ridge == 0)

    def field(self, q: Array, observed: Observed) -> Array:
        """Return A q, a field."""
        return observed.product(*self.factors(q, observed))

    def penalty(self, q: Array) -> float:
        """Return H(q) = ridge/2 |q|^2, each square times its share."""
        scaled = q if self.shares is None else self.shares * q
        return 0.5 * float(self.ridge) * float(np.vdot(scaled, q))

    @property
    def price(self) -> float:
        """The price of |q|_1 in H; 0 for H that is quadratic."""
        return 0.0

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A as a sparse matrix: a row for each observed entry, a column for each q."""
        return sparse.csr_array(self.design(observed))

    def roots(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return R with H(q) = 1/2 |R q|^2, apart from `price`."""
        size = math.prod(self.shape(observed))
        return sparse.diags_array(np.sqrt(self.priced * np.ones(size)))

    def curvature(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return K with H(q) = 1/2 <q, K q>, apart from `price`."""
        return sparse.diags_array(self.priced * np.ones(math.prod(self.shape(observed))))

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return A* W."""
        flat = self.operator(observed).T @ W.reshape(-1)
        return np.asarray(flat.reshape(self.shape(observed)))

    def cost(self, W: Array, observed: Observed) -> float:
        """Return -2 inf_q <W, A q> + H(q) in floats, where that is finite: |A* W|^2 / ridge."""
        if not self.ridge > 0:
            return 0.0
        return float((np.square(self.adjoint(W, observed)) / self.priced).sum())

    def limit(self, W: Array) -> float:
        """Return the largest s for which inf_q <s W, A q> + H(q) is finite."""
        return np.inf

    def numbers(self) -> dict[str, float]:
        """Return the numbers of H that the statement names."""
        return {"ridge": self.ridge}

    def stated(self) -> dict[str, Any]:
        """Return what else the statement says: nothing."""
        return {}

    def arrays(self, k: int) -> dict[str, Any]:
        """Return the arrays that the statement names, when this is the k-th offset."""
        return {} if self.shares is None else {f"ridge{k}": self.shares}

    @classmethod
    def from_statement(cls, k: int, fields: dict[str, Any], data: dict[str, Any]) -> "Offset":
        """Return the k-th offset of a statement: its `numbers`, `stated` and `arrays`."""
        given = {name: x for name, x in fields.items() if name != "kind"}
        values = {name: float.fromhex(x) if isinstance(x, str) else x for name, x in given.items()}
        stored = {name: text.format(k=k) for name, text in cls.stored.items()}
        return cls(**values | {name: data[key] for name, key in stored.items() if key in data})

    def rescaled(self, data: int, weights: int) -> "Offset":
        """Return the offset for data times 2^data and weights times 2^weights."""
        out = type(self)(scaled_price(self.ridge, weights))
        object.__setattr__(out, "shares", self.shares)
        return out

    @abstractmethod
    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return (left, right) with A q = left right^T."""

    @abstractmethod
    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return argmin_q 1/2 sum w (A q - target)^2 + H(q) (least norm)."""


def placement_matrix(places: Ints, size: int) -> Any:  # noqa: ANN401  scipy.sparse
    """Return A where entry i takes the number places[i] of q, of so many."""
    count = len(places)
    return sparse.csr_array((np.ones(count), (np.arange(count), places)), shape=(count, size))


def scaled_price(price: float, e: int) -> float:
    """Return price 2^e, kept finite."""
    return min(float(np.ldexp(price, e)), HUGE)


def ratio(top: Array, bottom: Array) -> Array:
    """Divide, with 0 where nothing was observed."""
    return np.asarray(top / np.where(bottom > 0, bottom, 1.0))
