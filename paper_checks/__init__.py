"""Statements of the paper under test: one module each, found by file name.

`_base.Module` describes a module; `_run` runs one; `python -m paper_checks` prints the table.
The two sides of a relation are computed in different ways, neither by `certify.check`.
"""

import importlib
import pkgutil

from ._base import Check, Counterexample, Module, Statement, contract

__all__ = ["Check", "Counterexample", "Module", "Statement", "load", "names"]


def names() -> list[str]:
    """Return the statements, by file name."""
    found = (m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg)
    return sorted(n for n in found if not n.startswith("_"))


def load(name: str) -> Module:
    """Return one statement's module."""
    return contract(importlib.import_module(f"paper_checks.{name}"))
