"""What a statement is, and one instance of it with both sides computed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

ZERO = Fraction(0)


@dataclass(frozen=True)
class Check:
    """`left relation right + slack`, the sides computed by two routes.

    Sides are exact: floats are dyadic and become the Fractions they are.  `slack` is zero for
    rational routes, else a bound of the rounding of both, derived in `why`, never tuned.
    With `dropped`, the name of a hypothesis, the instance lacks it and the relation must *fail*;
    that the hypothesis is needed is shown by a `Counterexample` alone.
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
        """Whether it came out as the theory says: a counterexample must break the relation."""
        return self.true() is not bool(self.dropped)


@dataclass(frozen=True)
class Counterexample:
    """An instance that lacks the hypothesis `dropped` only, and on which the conclusion is false.

    The instance goes to every predicate of HYPOTHESES and to `conclusion`, so both speak of the
    same data.
    """

    dropped: str
    instance: Any
    conclusion: Callable[[Any], Check]


@dataclass(frozen=True)
class Statement:
    """One statement of the paper: what is claimed, and on which hypotheses.

    `needs` names each hypothesis and says in a few words what goes wrong without it, or why no
    counterexample is given.  `gap` tells where the argument as usually told is incomplete: our
    reconstruction.  `formula` is plain text.  `rests` names the hypotheses of a claim, where it
    does not rest on all; `implies` names the hypotheses that one hypothesis contains.
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
    """The contract of a module here: `flat_path.py`, found by its file name.

    `INSTANCES` draws one instance (exact rationals or dyadic floats) and `sides` computes the
    checks of the statement on it; `fixed` yields named instances: the extreme ones, where the
    relation is an equality.  `counterexamples` has one for each hypothesis that can be dropped,
    and HYPOTHESES decides each hypothesis on its instance: it holds exactly if all checks do, so
    what is kept is proved and what is dropped is refuted.
    """

    STATEMENT: Statement
    INSTANCES: SearchStrategy[Any]
    HYPOTHESES: dict[str, Hypothesis]
    sides: Callable[[Any], Iterable[Check]]
    fixed: Callable[[], Iterable[Check]]
    counterexamples: Callable[[], Iterable[Counterexample]]


def contract(module: ModuleType) -> Module:
    """Return the module as a `Module`; AttributeError names what it lacks."""
    for name in ("STATEMENT", "INSTANCES", "sides", "fixed"):
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name}")
    return module
