"""Statements of the paper under test: one module each, found by file name.

A module's `checks(seed, examples)` returns `Check` objects: the statement on instances, each
side by its own route, neither through `certify.check`.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Check:
    """`left relation right`, in exact rationals: no slack."""

    claim: str
    left: Fraction
    relation: str
    right: Fraction

    def holds(self) -> bool:
        """Whether the relation holds, exactly."""
        if self.relation == "==":
            return self.left == self.right
        return self.left <= self.right if self.relation == "<=" else self.left < self.right


def names() -> list[str]:
    """Return the statements, by file name."""
    found = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(n for n in found if not n.startswith("_"))


def load(name: str, seed: int = 0, examples: int = 20) -> list[Check]:
    """Run one statement."""
    found: list[Check] = importlib.import_module(f"paper_checks.{name}").checks(seed, examples)
    return found
