"""The contract of an atom: the value and the penalty of one slice of a factorization."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from inspect import signature
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, brief, natural, short
from certify.base.clock import seconds
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.base.registry import refuse_heirs
from certify.norms import Gauge
from certify.offsets import Offset
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.layer_query import Layer

from ._hidden import matrix
from ._methods import proposer
from ._words import Words

Slice = tuple[Array, ...]
Factors = tuple[Array, ...]


class Atom(ABC):
    """A pair (phi, theta), both positively homogeneous of one degree p.

    Factors are K arrays whose last axis is the slice: X^k of shape (*shapes[k], r).
    For a slice x = (x^1, ..., x^K) and a >= 0

        phi(a x) = a^p phi(x),    theta(a x) = a^p theta(x),

    and the pair fixes the gauge Omega and its polar

        Omega*(W) = sup { <W, phi(x)> : theta(x) <= 1 }.          (polar)

    Subclasses are final: an atom is never derived from another atom.  An atom without
    a row in the kernel's table reaches the verdict NUMERICAL at best.

    family   its searches and relaxations; "" for none, then factors are judged without a search:
               "pairs"     phi(u, v) = u v^T          "squares"  phi(x) = x x^T
               "products"  x1 o ... o xK, or x o ... o x where `parts` is 1
               "layers"    one hidden `layer`         "deep"     parallel deep networks of V, hidden
             A family of your own needs a `relaxation` for method="cvxpy".
    """

    degree: ClassVar[int]
    kind: ClassVar[str]
    parts: ClassVar[int] = 2  # arrays in a slice
    family: ClassVar[str] = ""
    component: ClassVar[str] = "component"  # the user's word for a slice
    layer: Layer | None = None  # of the family "layers"

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final, and their reprs short."""
        refuse_heirs(cls, Atom)
        if "__repr__" not in vars(cls):  # a dataclass keeps a __repr__ that exists
            setattr(cls, "__repr__", brief)  # noqa: B010  mypy refuses an assignment

    @classmethod
    def count(cls, size: int) -> str:
        """Return a number of slices in the user's words: "1 component", "7 hidden units"."""
        return f"{size} {cls.component if size == 1 else cls.components()}"

    @classmethod
    def over(cls, size: int | None) -> str:
        """Return the factors over which a bound holds: "at most 3 components"; None: "any size"."""
        return "any size" if size is None else f"at most {cls.count(size)}"

    @classmethod
    def components(cls) -> str:
        """Return the user's word for slices: "components", "hidden units"."""
        return cls.component + ("es" if cls.component.endswith("ch") else "s")

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """The norm of each part of a slice, or of each mode of a tensor."""
        return ()

    @property
    def hard(self) -> bool:
        """Whether the polar has no closed form, so that its bound improves with time."""
        return False

    @abstractmethod
    def shapes(self, data_shape: tuple[int, ...]) -> Sequence[tuple[int, ...]]:
        """Return the shape of each part of a slice, for data of this shape."""

    @abstractmethod
    def phi(self, x: Slice) -> Array:
        """Return phi(x), an array of the data's shape."""

    @abstractmethod
    def theta(self, factors: Factors) -> Array:
        """Return theta of each slice, shape (r,)."""

    @abstractmethod
    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return an unproved upper bound of the polar with its proof."""

    @abstractmethod
    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return (<W, phi(x)>, x) for the best slice x found with theta(x) = 1."""

    def propose_near(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None, starts: Factors
    ) -> Proposal:
        """Return the bound of `propose`; starts are slices that may attain the polar."""
        return self.propose(W, target, seed, deadline)

    @np.errstate(all="ignore")  # the kernel refuses what is not finite
    def polar(  # noqa: PLR0913  the contract's keywords
        self,
        W: Any,  # noqa: ANN401
        *,
        budget: float | None = None,
        seed: int = 0,
        nodes: int | None = None,
        method: str = "engine",
        solver: str | None = None,
    ) -> PolarBound:
        """Enclose the polar of W, an array of the data's shape or a scipy.sparse matrix.

        `upper` is proved by the kernel's rule in outward-rounded floats; `lower` is attained
        by `witness` after allowing for every rounding.  For an atom that the kernel does not
        know, both are floats, and nothing is proved.

        budget    seconds, for branch and bound too
        nodes     for matrices: the most parts of a branch and bound; there is none without nodes
                  and budget
        method    "engine", or "cvxpy": a relaxation solved by `solver` (None: the first that has
                  an answer), whose bound is proved like any other

        Raises InputError if W is not a finite real array of a shape that the atom takes, or
        for method="cvxpy" if no relaxation is known.
        """
        budget, seed = seconds(budget), natural(seed, "seed")
        nodes = None if nodes is None else natural(nodes, "nodes")
        engine = self.engine(seed, None if budget is None else monotonic() + budget, nodes)
        return self.enclose(W, proposer(self, engine, (method, solver), budget), seed)

    def engine(
        self, seed: int, deadline: float | None, nodes: int | None
    ) -> Callable[[Matrix], Proposal]:
        """Return the function that proposes a bound within a deadline and a number of nodes.

        Raises InputError for nodes, which are for matrices.
        """
        if nodes is not None:
            raise InputError(f"nodes are for matrices, not for {type(self).__name__}: give budget")
        return lambda scaled: self.propose(scaled, None, seed, deadline)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides of the polar, the upper one by `propose`, in floats and unproved."""
        given = matrix(W, ndim=None)
        self.check(given.shape)
        proposal = propose(given)
        lower, witness = self.attain(given, seed)
        return PolarBound(lower, proposal.upper, witness, proposal.proof, proposal.note)

    def relaxation(self, cp: Any, Z: Any) -> tuple[Any, list[Any]] | None:  # noqa: ANN401
        """Return Omega(Z), or a function below it, and its constraints, for method="cvxpy".

        cp  the module cvxpy           Z  a variable (m, n); a tensor's other modes are its columns
        The function is convex and positively homogeneous; None: that of `family`.
        """
        return None

    def outer_factors(self, factors: Factors) -> tuple[Array, Array] | None:
        """Return L (m, r) and R (n, r) with phi(X_i) = L_i R_i^T for each slice; else None."""
        return None

    def predict(self, factors: Factors, observed: Observed) -> Array:
        """Return the field of sum_i phi(X_i)."""
        if (pair := self.outer_factors(factors)) is not None:
            return observed.product(*pair)
        total = np.zeros((observed.m, observed.n))
        for k in range(factors[0].shape[-1]):
            total += self.phi(tuple(x[..., k] for x in factors))
        return total if observed.full else total[observed.listed]

    def inner_products(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, Array]:
        """Return <W, phi(X_i)> and |phi(X_i)| of each slice."""
        if (pair := self.outer_factors(factors)) is not None:
            left, right = pair
            norms = np.linalg.norm(left, axis=0) * np.linalg.norm(right, axis=0)
            return np.einsum("mr,mr->r", left, observed.times(W, right)), norms
        both = np.zeros((factors[0].shape[-1], 2))
        for k in range(len(both)):  # one field at a time
            field = self.predict(tuple(x[..., k : k + 1] for x in factors), observed)
            both[k] = np.vdot(W, field), np.linalg.norm(field)
        return both[:, 0], both[:, 1]

    def sizes(self, factors: Factors) -> tuple[Array, ...]:
        """Return the norm of each part of each slice, if theta is a function of them, else ()."""
        return ()

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return, for each part that can be replaced alone, the largest inner products:

        sup { <W, phi(x)> : x differs from X_i in part k, of the same norm },  shape (r,).
        """
        return ()

    @property
    def separable(self) -> bool:
        """Whether `with_weights` takes separate weights of the parts."""
        return False

    def with_weights(
        self, weights: tuple[float, ...], data_shape: tuple[int, ...]
    ) -> tuple["Atom", float]:
        """Return the atom and lam with separate weights of the parts.

        Raises InputError if atoms of this kind have none.
        """
        reason = "are for RankOne with l2 norms and form='sum'"
        cure = "give one lam, the geometric mean of the weights, and form='product'"
        raise InputError(f"separate weights lam={weights} {reason}: {cure}")

    def check(self, data_shape: tuple[int, ...]) -> None:  # noqa: B027  most fit any data
        """Raise InputError unless the atom's parameters fit data of this shape."""

    def wrong_sign(self, factors: Factors) -> str:
        """Return a message about the entry farthest outside its cone, or ""."""
        names = ("U", "V", *(f"X{k}" for k in range(2, len(factors))))
        messages = (misfit(*p) for p in zip(names, self.gauges, factors, strict=False))
        return next((text for text in messages if text), "")

    def project(self, factors: Factors) -> Factors:
        """Return the nearest factors in the cones."""
        if not self.gauges:
            return factors
        pairs = zip(self.gauges, factors, strict=False)
        return tuple(np.asarray(g.project_cone(x)) + 0.0 for g, x in pairs)  # no -0.0

    def why_infinite(self, offsets: Sequence[Offset]) -> str:
        """Return why the polar is infinite beside these offsets, with the cure, or ""."""
        return ""

    def words(self) -> Words:
        """Return the formula of a slice."""
        return Words()

    def title(self) -> str:
        """Return the name of the model."""
        return "a factorization"

    @classmethod
    def examples(cls, data_shape: tuple[int, ...]) -> Sequence["Atom"]:
        """Return atoms of this kind for data of a shape, for `certify.testing.strategies`.

        By default the one without arguments, if it needs none and fits the data.
        """
        if any(p.default is p.empty for p in signature(cls).parameters.values()):
            return ()
        atom = cls()
        try:
            atom.check(data_shape)
        except InputError:
            return ()
        return (atom,)

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "Atom":
        """Return the atom of a statement and its arrays.

        Raises LookupError if the kernel has no such statement.
        """
        raise LookupError(f"{cls.__name__} has no statement, got {statement}")

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom; {} if the kernel does not know it.

        What is certified is this statement, so phi and theta must agree with it.
        """
        return {}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays whose digests are in the statement."""
        return {}


def combine(sizes: Sequence[Array], form: str) -> Array:
    """Return theta of each slice: the product of its K norms, or the mean of their K-th powers."""
    if form == "product":
        return np.asarray(np.prod(sizes, axis=0))
    return np.asarray(np.mean(np.power(sizes, len(sizes)), axis=0))


def misfit(name: str, norm: Gauge, x: Array) -> str:
    """Return a message about the entry farthest outside the norm's cone, or ""."""
    if norm.admits(x):
        return ""
    far = np.abs(x - norm.project_cone(x))
    at = np.unravel_index(int(far.argmax()), x.shape)
    low, high = (side[at[0]] for side in norm.sides(len(x)))
    wanted = "0" if low == high else (">= 0" if low == 0 else "<= 0")
    cure = "Problem.project(factors) returns the nearest factors that are allowed"
    where, label = [int(k) for k in at], norm.key if norm.is_plain else norm
    return f"{name} must be {wanted} under {short(label)}, got {x[at]} at {where}; {cure}"
