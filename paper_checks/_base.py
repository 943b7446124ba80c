"""Statements, their modules, and checks: relations with both sides computed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

ZERO = Fraction(0)


@dataclass(frozen=True)
class Check:
    """`left relation right + slack`, with sides computed in two different ways.

    Sides are exact: a float is converted to the Fraction that it is.  `slack` is zero for rational
    computations, else a bound of the rounding of both sides, derived in `why` and never tuned.
    If `dropped` names a hypothesis, the instance lacks it and the relation must *fail*; only a
    `Counterexample` shows that the hypothesis is needed.
    """

    claim: str
    left: Fraction
    relation: str  # "<=", "<" or "=="
    right: Fraction
    slack: Fraction = ZERO
    why: str = ""
    dropped: str = ""

    def true(self) -> bool:
        """Whether the relation holds, within the derived slack."""
        if self.relation == "==":
            return abs(self.left - self.right) <= self.slack
        if self.relation == "<":
            return self.left < self.right + self.slack
        return self.left <= self.right + self.slack

    def passed(self) -> bool:
        """Whether the relation is as the theory says: false for a counterexample, else true."""
        return self.true() is not bool(self.dropped)


@dataclass(frozen=True)
class Counterexample:
    """An instance that lacks only the hypothesis `dropped`, and on which the conclusion is false.

    Every predicate of HYPOTHESES and `conclusion` get this same instance.
    """

    dropped: str
    instance: Any
    conclusion: Callable[[Any], Check]


@dataclass(frozen=True)
class Statement:
    """One statement of the paper: its claims and hypotheses.

    words    the statement in words; formula: the same in plain text
    needs    each hypothesis, with a short counterexample without it, or the reason for none
    gap      remarks: where the usual argument is incomplete
    rests    the hypotheses of a claim that does not need all of them
    implies  the hypotheses that one hypothesis implies
    """

    title: str
    words: str
    formula: str
    needs: dict[str, str]
    gap: str = ""
    rests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    implies: dict[str, tuple[str, ...]] = field(default_factory=dict)


Hypothesis = Callable[[Any], Iterable[Check]]


class Module(Protocol):
    """The contract of a statement's module, which is found by its file name.

    INSTANCES        draws an instance (exact rationals or dyadic floats)
    sides            computes the checks of the statement on an instance
    fixed            computes the checks on named instances, extreme ones with equality
    counterexamples  has one for each hypothesis that can be dropped
    HYPOTHESES       decides each hypothesis on an instance: it holds exactly if all checks do
    CASES            tells the cases of a drawn instance: each claim has to be seen in each
    NEVER            lists the cases that a claim cannot be seen in: "case", "case: equal" or
                     "case: strict"; "any" if only named instances test it
    """

    STATEMENT: Statement
    INSTANCES: SearchStrategy[Any]
    HYPOTHESES: dict[str, Hypothesis]
    CASES: dict[str, Callable[[Any], bool]]
    NEVER: dict[str, tuple[str, ...]]
    sides: Callable[[Any], Iterable[Check]]
    fixed: Callable[[], Iterable[Check]]
    counterexamples: Callable[[], Iterable[Counterexample]]


def contract(module: ModuleType) -> Module:
    """Return the module as a `Module`; AttributeError names a missing part."""
    for name in ("STATEMENT", "INSTANCES", "CASES", "NEVER", "sides", "fixed"):
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name}")
    return module
