"""The contract of an atom: what one slice of a factorization is and costs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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

    family   which search and which relaxation serve it; "" for none, then its factors are
             judged as they are.  The rest of a slice's meaning follows from `gauges`:
               "pairs"     phi(u, v) = u v^T          "squares"  phi(x) = x x^T
               "products"  x1 o ... o xK, or x o ... o x where `parts` is 1
               "layers"    one hidden `layer`         "deep"     parallel deep networks of V, hidden
    """

    degree: ClassVar[int]
    kind: ClassVar[str]
    parts: ClassVar[int] = 2  # arrays in a slice
    family: ClassVar[str] = ""
    component: ClassVar[str] = "component"  # what a user calls a slice
    layer: Layer | None = None  # of the family "layers"

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final, and their reprs short."""
        refuse_heirs(cls, Atom)
        if "__repr__" not in vars(cls):  # a dataclass keeps one that is there
            setattr(cls, "__repr__", brief)  # noqa: B010  of a type, not of this one

    @classmethod
    def count(cls, size: int) -> str:
        """Return so many slices in a user's words: "1 component", "7 hidden units"."""
        name = cls.component
        return f"{size} {name}{'' if size == 1 else 'es' if name.endswith('ch') else 's'}"

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """The norm of each part of a slice, of each mode of a tensor."""
        return ()

    @property
    def hard(self) -> bool:
        """Whether the bound of the polar tightens with time, having no closed form."""
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
        """Return (<W, phi(x)>, x) for a slice x with theta(x) = 1, as large as found."""

    def propose_near(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None, starts: Factors
    ) -> Proposal:
        """Return what `propose` does; starts are slices that may attain the polar."""
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
        know both are floats, and nothing is proved.

        budget    seconds; a branch and bound takes what is left of them
        nodes     of matrices: parts of a branch and bound at most; without them and a budget it
                  has none
        method    "engine", or "cvxpy": the bound of a relaxation, by the solver of that name
                  (None: the first that answers), untrusted and proved as any other

        Raises InputError if W is not a finite real array of a shape that the atom takes, or
        for method="cvxpy" where no relaxation is known.
        """
        budget, seed = seconds(budget), natural(seed, "seed")
        nodes = None if nodes is None else natural(nodes, "nodes")
        engine = self.engine(seed, None if budget is None else monotonic() + budget, nodes)
        return self.enclose(W, proposer(self, engine, (method, solver), budget), seed)

    def engine(
        self, seed: int, deadline: float | None, nodes: int | None
    ) -> Callable[[Matrix], Proposal]:
        """Return how a matrix is bounded within a deadline and so many parts of a tree.

        Raises InputError for nodes where no tree takes them.
        """
        if nodes is not None:
            raise InputError(f"nodes are for matrices, not for {type(self).__name__}: give budget")
        return lambda scaled: self.propose(scaled, None, seed, deadline)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides of the polar, the upper one by `propose`; here floats, not proved."""
        proposal = propose(W)
        lower, witness = self.attain(W, seed)
        return PolarBound(lower, proposal.upper, witness, proposal.proof)

    def predict(self, factors: Factors, observed: Observed) -> Array:
        """Return the field of sum_i phi(X_i)."""
        total = np.zeros((observed.m, observed.n))
        for k in range(factors[0].shape[-1]):
            total += self.phi(tuple(x[..., k] for x in factors))
        return total if observed.full else total[observed.listed]

    def inner_products(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, Array]:
        """Return <W, phi(X_i)> and |phi(X_i)| over the observed entries, for each slice."""
        slices = range(factors[0].shape[-1])
        fields = [self.predict(tuple(x[..., k : k + 1] for x in factors), observed) for k in slices]
        pairs = [(float(np.vdot(W, f)), float(np.linalg.norm(f))) for f in fields]
        both = np.array(pairs).reshape(len(pairs), 2)
        return both[:, 0], both[:, 1]

    def sizes(self, factors: Factors) -> tuple[Array, ...]:
        """Return the norm of each part of each slice, where theta is made of them; else ()."""
        return ()

    def best_responses(self, W: Array, factors: Factors, observed: Observed) -> tuple[Array, ...]:
        """Return, for parts that can be replaced alone, the most that slices then earn:

        sup { <W, phi(x)> : x differs from X_i in part k, of the same norm },  shape (r,).
        """
        return ()

    @property
    def separable(self) -> bool:
        """Whether `weighted` knows separate weights of the parts."""
        return False

    def weighted(
        self, weights: tuple[float, ...], data_shape: tuple[int, ...]
    ) -> tuple["Atom", float]:
        """Return the atom and lam that charge each part a weight of its own.

        Raises InputError where no atom of this kind does.
        """
        cure = "give one lam, the geometric mean of the weights, and form='product'"
        raise InputError(
            f"separate weights lam={weights} are for RankOne with l2 norms and form='sum': {cure}"
        )

    def check(self, data_shape: tuple[int, ...]) -> None:  # noqa: B027  most fit any data
        """Raise InputError unless the atom's parameters fit data of this shape."""

    def wrong_sign(self, factors: Factors) -> str:
        """Name the entry of a factor that is farthest outside its cone, or return ""."""
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
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "Atom":
        """Return the atom of a statement, from its own arrays.

        Raises LookupError where the kernel has no such statement.
        """
        raise LookupError(f"{cls.__name__} has no statement, got {statement}")

    def statement(self) -> dict[str, Any]:
        """Return what the kernel's statement says of this atom; {} if unknown to it.

        The kernel answers this question and sees no other: theta and phi must be those.
        """
        return {}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that the statement names by digest."""
        return {}


def combine(sizes: Sequence[Array], form: str) -> Array:
    """Return theta from the K norms of each slice: their product, or 1/K sum of K-th powers."""
    if form == "product":
        return np.asarray(np.prod(sizes, axis=0))
    return np.asarray(np.mean(np.power(sizes, len(sizes)), axis=0))


def misfit(name: str, norm: Gauge, x: Array) -> str:
    """Say which entry of a factor is outside the norm's cone, or return ""."""
    if norm.admits(x):
        return ""
    far = np.abs(x - norm.project_cone(x))
    at = np.unravel_index(int(far.argmax()), x.shape)
    low, high = (side[at[0]] for side in norm.sides(len(x)))
    wanted = "0" if low == high else (">= 0" if low == 0 else "<= 0")
    cure = "Problem.project(factors) returns the nearest factors that are allowed"
    where, label = [int(k) for k in at], norm.key if norm.is_plain else norm
    return f"{name} must be {wanted} under {short(label)}, got {x[at]} at {where}; {cure}"
