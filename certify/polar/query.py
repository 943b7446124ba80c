"""The contract of a method that bounds sup { u^T W v : |u|_a <= 1, |v|_b <= 1 } from above."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeAlias

import numpy as np

from certify.base.arrays import Array
from certify.base.clock import Deadline
from certify.norms import Gauge

Matrix: TypeAlias = Any  # an (m, n) float64 array or a scipy.sparse matrix
NEAR = 2.0**-30  # relative: a bound this near its target is not worth more work


@dataclass(frozen=True)
class PolarBound:
    """Two-sided enclosure of the polar of W, each side with its evidence.

    lower    attained: <W, phi(witness)> >= lower * theta(witness)
    upper    proved from `proof` by the kernel's rule, in outward-rounded floats
    witness  one slice (u, v)
    proof    the rule's name and its witness arrays; empty where upper is infinite
    note     why upper is infinite, where a solver failed
    """

    lower: float
    upper: float
    witness: tuple[Array, ...]
    proof: dict[str, Any]
    note: str = ""


@dataclass(frozen=True)
class PolarQuery(Deadline):
    """A query for a bound: W, the two norms, and how hard to try.

    target    a bound that is enough (usually lam); None: as small as the effort allows
    symmetric sup { u^T W u : |u|_a <= 1 } instead; left and right are the same then
    nodes     parts of a branch and bound at most; None: as target, deadline and effort allow
    """

    W: Matrix
    left: Gauge
    right: Gauge
    target: float | None = None
    seed: int = 0
    deadline: float | None = None
    symmetric: bool = False
    nodes: int | None = None


@dataclass(frozen=True)
class Proposal:
    """An unproved upper bound and the proof that should give it.

    note   the report of a solver
    open   the undecided parts of a tree, which explain a loose bound
    """

    upper: float
    proof: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    open: str = ""

    def with_prefix(self, prefix: str = "") -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the proof's text, and its arrays with a prefix before their names."""
        arrays = {k: x for k, x in self.proof.items() if isinstance(x, np.ndarray)}
        text = {k: x for k, x in self.proof.items() if k not in arrays}
        return text, {prefix + k: x for k, x in arrays.items()}

    def linear(self) -> "Proposal":
        """Return the proof of the matrix F^T W as that of W for a linear layer F."""
        of, arrays = self.with_prefix()
        return replace(self, proof={"rule": "linear", "of": of, **arrays})


def least(target: float | None, tries: Iterable[Proposal | None]) -> Proposal:
    """Return the smallest bound; none is tried after one that is near the target."""
    best = Proposal(np.inf)
    for proposal in tries:
        best = min(best, proposal or best, key=lambda p: p.upper)
        if target is not None and best.upper <= target * (1 + NEAR):
            break
    return best


P = ParamSpec("P")


def in_floats(propose: Callable[P, Proposal]) -> Callable[P, Proposal]:
    """Return the same function with an infinite bound where numbers leave the range of floats."""

    @wraps(propose)
    def attempt(*args: P.args, **named: P.kwargs) -> Proposal:
        """Propose, if LAPACK can solve it."""
        try:
            return propose(*args, **named)
        except np.linalg.LinAlgError:
            return Proposal(np.inf)

    return attempt


def combine(parts: Sequence[Proposal]) -> tuple[list[dict[str, Any]], dict[str, Array], str]:
    """Return the texts of the parts of a proof, their arrays named s0., s1., ..., and `open`."""
    split = [part.with_prefix(f"s{t}.") for t, part in enumerate(parts)]
    arrays = {k: x for _, named in split for k, x in named.items()}
    return [text for text, _ in split], arrays, next((p.open for p in parts if p.open), "")


class Method(ABC):
    """One way to bound the polar of a rank-one atom from above.

    Methods of a higher `cost` are asked later, and none once the target is proved.
    """

    cost: ClassVar[int] = 0

    @abstractmethod
    def applies(self, query: PolarQuery) -> bool:
        """Whether the rule of this method holds for these norms."""

    @abstractmethod
    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return a bound with its proof, or None if none was found."""


def exact_text(x: Fraction) -> str:
    """Write a rational in the kernel's hexadecimal form."""
    sign = "-" if x < 0 else ""
    return f"{sign}{abs(x.numerator):x}/{x.denominator:x}"
