"""What a statement is, and one instance of it with both sides computed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
    With `dropped`, the name of a hypothesis, the instance lacks it and the relation must *fail*:
    the hypothesis is needed.
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
class Statement:
    """One statement of the paper: what is claimed, and on which hypotheses.

    `needs` names each hypothesis and says in a few words what goes wrong without it, or why no
    counterexample is given.  `gap` tells where the argument as usually told is incomplete: our
    reconstruction.  `formula` is plain text.
    """

    title: str
    words: str
    formula: str
    needs: dict[str, str]
    gap: str = ""


class Module(Protocol):
    """The contract of a module here: `flat_path.py`, found by its file name.

    `INSTANCES` draws one instance (exact rationals or dyadic floats) and `sides` computes the
    checks of the statement on it; `fixed` yields named instances: the extreme ones, where the
    relation is an equality, and a counterexample for each hypothesis that can be dropped.
    """

    STATEMENT: Statement
    INSTANCES: SearchStrategy[Any]
    sides: Callable[[Any], Iterable[Check]]
    fixed: Callable[[], Iterable[Check]]


def contract(module: ModuleType) -> Module:
    """Return the module as a `Module`; AttributeError names what it lacks."""
    for name in ("STATEMENT", "INSTANCES", "sides", "fixed"):
        if not hasattr(module, name):
            raise AttributeError(f"{module.__name__} has no {name}")
    return module
