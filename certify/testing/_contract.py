"""Clauses of a contract, their errors, and the report of those that hold."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from scipy import sparse

from certify.base.arrays import short
from certify.base.errors import InputError

T = TypeVar("T")
EPS = float(np.finfo(np.float64).eps)


class Clause(NamedTuple):
    """A clause: its name, its formula, and the source of the formula."""

    name: str
    formula: str
    source: str


class Covered(NamedTuple):
    """A clause with its number of examples and how it was decided ("not covered: why" for none)."""

    clause: Clause
    examples: int
    how: str


class ContractError(AssertionError):
    """A clause that does not hold.

    clause    the Clause         instance  {name: array} of a small instance
    left, right                  the two sides of the formula
    """

    def __init__(
        self, clause: Clause, instance: Mapping[str, Any], left: object, right: object
    ) -> None:
        self.clause, self.instance = clause, dict(instance)
        self.left, self.right = left, right
        lines = [f"{clause.name}: {clause.formula}   [{clause.source}]"]
        lines += [f"  left  {figure(left)}", f"  right {figure(right)}"]
        lines += [f"  {k} = {figure(v)}" for k, v in instance.items()]
        super().__init__("\n".join(lines))


@cache
def kind_of(clause: Clause) -> type[ContractError]:
    """Return the exception class of a clause; with one class, shrinking could change the clause."""
    return type("ContractError", (ContractError,), {"__doc__": clause.formula})


def figure(x: object) -> str:
    """Return a figure as text: arrays as lists, rationals as the nearest float."""
    if sparse.issparse(x):
        return f"sparse {x.toarray().tolist()}"  # type: ignore[attr-defined]  # scipy has no types
    if isinstance(x, np.ndarray):
        return str(x.tolist())
    if isinstance(x, tuple):
        return f"({', '.join(map(figure, x))})"
    return repr(float(x)) if isinstance(x, Fraction | np.floating) else str(x)


@dataclass(frozen=True)
class Report:
    """The clauses that were tested on a subject; all of them hold."""

    subject: str
    clauses: tuple[Covered, ...]

    def __getitem__(self, name: str) -> Covered:
        """Return a clause by its name."""
        return next(c for c in self.clauses if c.clause.name == name)

    def __str__(self) -> str:
        """Return a table: examples, name, formula, and how each was decided."""
        head = [f"{self.subject}: the contract holds"]
        rows = [
            f"  {c.examples:6}  {c.clause.name:20}  {c.clause.formula}  ({c.how})"
            for c in self.clauses
        ]
        return "\n".join(head + rows)


@dataclass
class Book:
    """Counts the examples of each clause, and raises ContractError for one that fails."""

    clauses: tuple[Clause, ...]
    how: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def hold(
        self,
        clause: Clause,
        holds: bool,  # noqa: FBT001  the claim itself
        instance: Mapping[str, Any],
        sides: tuple[object, object],
    ) -> None:
        """Count an example; raise ContractError unless it holds."""
        self.counts[clause.name] += 1
        if not holds:
            raise kind_of(clause)(clause, instance, *sides)

    def report(self, subject: object) -> Report:
        """Return the report."""
        rows = [
            Covered(c, self.counts[c.name], self.how.get(c.name, "exactly")) for c in self.clauses
        ]
        return Report(type(subject).__name__, tuple(rows))


def over(
    strategy: st.SearchStrategy[T], body: Callable[[T], None], count: int, tries: tuple[int, int]
) -> None:
    """Run a body on `count` examples; a failure is shrunk before it is raised.

    tries  the seed, and the number of smaller examples
    """
    failed: dict[str, ContractError] = {}
    left = [tries[1]]

    def example(drawn: T) -> None:
        """Run the body, without numpy's warnings; after `tries` only known failures are raised."""
        if failed and not left[0]:
            if known := failed.get(repr(drawn)):
                raise known
            return
        left[0] -= bool(failed)
        try:
            with np.errstate(all="ignore"):
                body(drawn)
        except ContractError as error:
            failed[repr(drawn)] = error
            raise

    seed(tries[0])(quiet(count)(given(strategy)(example)))()


def quiet(count: int) -> settings:
    """Return settings by which only the seed matters, and nothing is stored or printed."""
    return settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )


def example_count(examples: object) -> int:
    """Return the number of examples, which must be an integer >= 1."""
    if not isinstance(examples, int) or isinstance(examples, bool) or examples < 1:
        raise InputError(f"examples must be an integer >= 1, got {short(examples)}")
    return examples
