"""The contract of an offset: a variable q that is fitted but not factorized."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, finite, from_torch, frozen, is_list, real, scalar
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.base.registry import refuse_heirs

HUGE = 2.0**900  # the largest price: no data reach it
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Offset(ABC):
    """A q added to the factorization, with the penalty H(q), by default ridge/2 |q|^2.

    A dual point must be orthogonal to an unpenalized offset (ridge 0), exactly:
    A* W = 0.  With a ridge the dual value pays |A* W|^2 / (2 ridge) instead.

    If `apart`, the ridge may be a vector: it is stored as ridge = 1 and `shares`, with
    H(q) = ridge/2 sum_i shares_i q_i^2.

    A new offset needs a name, `shape`, `factors` and `solve`.  Optional facts:

    apart      whether the ridge may be a vector
    separate   whether each number of q can be fitted by itself
    entrywise  whether q has a number for each entry, so that A q has no low rank
    means      whether A q is constant along rows or along columns
    at_fixed_rank   whether a problem with lam = 0 may have this offset
    stored     the name in a statement, as the k-th offset, of each argument that is an array
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
        """Raise InputError for a ridge that is negative or not finite, or a vector not > 0."""
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
    def kind(self) -> str:
        """The kernel's kind of this offset: its own, or that of which it is a special case."""
        return str(self.statement_fields().get("kind", self.name))

    @property
    def slot(self) -> str:
        """The name; a problem has at most one offset for each slot."""
        return self.name

    def check(self, observed: Observed) -> None:
        """Raise InputError if the offset does not fit the data's shape."""
        if self.shares is not None and self.shares.shape != self.shape(observed):
            wanted = f"must have shape {self.shape(observed)}"
            raise InputError(f"{type(self).__name__}.ridge {wanted}, got {self.shares.shape}")

    def covariates(self, m: int) -> Array | None:
        """Return B (m, k) with A q = B q for q (k, n), or None if A is not of this form."""
        return None

    @property
    def levels(self) -> bool:
        """Whether A q can be any constant in each column, exactly."""
        return False

    @property
    def ridges(self) -> Array | float:
        """The ridge of each number of q: one number, or a vector."""
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

    @property
    def free(self) -> bool:
        """Whether H is 0 for some q != 0; a dual point must be orthogonal to their fields."""
        return bool(self.ridge == 0)

    def field(self, q: Array, observed: Observed) -> Array:
        """Return A q, a field."""
        return observed.product(*self.factors(q, observed))

    def penalty(self, q: Array) -> float:
        """Return H(q) = ridge/2 sum_i shares_i q_i^2."""
        scaled = q if self.shares is None else self.shares * q
        return 0.5 * float(self.ridge) * float(np.vdot(scaled, q))

    @property
    def price(self) -> float:
        """The weight of |q|_1 in H; 0 if H is quadratic."""
        return 0.0

    def operator(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return A as a sparse matrix: a row for each observed entry, a column for each q."""
        shape = self.shape(observed)
        units = np.eye(math.prod(shape))
        fields = [self.field(u.reshape(shape), observed) for u in units]
        return sparse.csr_array(np.column_stack([f.reshape(-1) for f in fields]))

    def roots(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return R with H(q) = 1/2 |R q|^2 + price |q|_1."""
        size = math.prod(self.shape(observed))
        return sparse.diags_array(np.sqrt(self.ridges * np.ones(size)))

    def curvature(self, observed: Observed) -> Any:  # noqa: ANN401  scipy.sparse
        """Return K with H(q) = 1/2 <q, K q> + price |q|_1."""
        return sparse.diags_array(self.ridges * np.ones(math.prod(self.shape(observed))))

    def adjoint(self, W: Array, observed: Observed) -> Array:
        """Return A* W."""
        flat = self.operator(observed).T @ W.reshape(-1)
        return np.asarray(flat.reshape(self.shape(observed)))

    def cost(self, W: Array, observed: Observed) -> float:
        """Return -2 inf_q <W, A q> + H(q) in floats, if that is finite: |A* W|^2 / ridge."""
        if not self.ridge > 0:
            return 0.0
        return float((np.square(self.adjoint(W, observed)) / self.ridges).sum())

    def witness(self, W: Array, observed: Observed) -> dict[str, Array]:
        """Return arrays with which the kernel bounds `cost`, by their names in a proof."""
        return {}

    def limit(self, W: Array) -> float:
        """Return the largest s for which inf_q <s W, A q> + H(q) is finite."""
        return np.inf

    def numbers(self) -> dict[str, float]:
        """Return the parameters of H, as the statement names them."""
        return {"ridge": self.ridge}

    def statement_fields(self) -> dict[str, Any]:
        """Return further fields of the statement."""
        return {}

    def arrays(self, k: int) -> dict[str, Any]:
        """Return the arrays of the statement, if this is its k-th offset."""
        return {} if self.shares is None else {f"ridge{k}": self.shares}

    @classmethod
    def from_statement(cls, k: int, fields: dict[str, Any], data: dict[str, Any]) -> "Offset":
        """Return the k-th offset of a statement: its `numbers`, `statement_fields` and `arrays`."""
        given = {name: x for name, x in fields.items() if name != "kind"}
        values = {name: float.fromhex(x) if isinstance(x, str) else x for name, x in given.items()}
        stored = {name: text.format(k=k) for name, text in cls.stored.items()}
        return cls(**values | {name: data[key] for name, key in stored.items() if key in data})

    @classmethod
    def examples(cls, m: int, ridge: float) -> Sequence["Offset"]:
        """Return offsets of this kind for data of m rows, for tests."""
        return (cls(ridge),)

    def rescale(self, data: int, weights: int) -> "Offset":
        """Return the offset of the problem with data times 2^data and weights times 2^weights."""
        out = copy(self)
        object.__setattr__(out, "ridge", scaled_price(self.ridge, weights))
        return out

    @abstractmethod
    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return (left, right) with A q = left right^T."""

    @abstractmethod
    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return argmin_q 1/2 sum w (A q - target)^2 + H(q) (least norm)."""


def placement_matrix(places: Ints, size: int) -> Any:  # noqa: ANN401  scipy.sparse
    """Return A with (A q)_i = q[places[i]], for q of a size."""
    count = len(places)
    return sparse.csr_array((np.ones(count), (np.arange(count), places)), shape=(count, size))


def scaled_price(price: float, e: int) -> float:
    """Return price 2^e, at most HUGE."""
    return min(float(np.ldexp(price, e)), HUGE)


def ratio(top: Array, bottom: Array) -> Array:
    """Return top / bottom; 0 where bottom, and therefore top, is 0."""
    return np.asarray(top / np.where(bottom > 0, bottom, 1.0))
