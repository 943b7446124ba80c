"""The names of the kernel's rules and functions, for the table of formal proofs.

A rule is `TABLE.key`, as "LOSSES.huber"; a function is `name` or `Class.name`.  Both are read from
the kernel itself, in whichever of its modules they are.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache, reduce
from types import ModuleType
from typing import Any

import certify.kernel as package

TABLES = ("POLAR_RULES", "TENSOR_RULES", "LOSSES", "OFFSETS")
LISTED = ("network_bound", "deep_bound")  # they compare `rule` with their rules' names


@cache
def modules() -> tuple[ModuleType, ...]:
    """Return the modules of the kernel, by name."""
    found = sorted(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    return tuple(importlib.import_module(n) for n in found if not n.endswith(".__main__"))


def named(name: str) -> Any:  # noqa: ANN401  a table, a class, a function
    """Return the kernel's object of this name; AttributeError if there is none."""
    first, *rest = name.split(".")
    home = next((m for m in modules() if hasattr(m, first)), package)
    return reduce(getattr, rest, getattr(home, first))


def known(name: str) -> bool:
    """Whether the kernel has something of this name."""
    try:
        named(name)
    except AttributeError:
        return False
    return True


def rules() -> set[str]:
    """Return everything of the kernel that is called a rule, as TABLE.key.

    `network_bound` and `deep_bound` list their rules in their own text, as `rule in (...)`; the
    name of a lower bound is in its `Bound`.
    """
    return {f"{name}.{key}" for name in TABLES for key in named(name)} | _written()


@cache
def _written() -> frozenset[str]:
    compared = {f"{name}.{key}" for name in LISTED for key in _compared(named(name))}
    return frozenset(compared | {f"lower.{n}" for tree in _trees() for n in _bound_names(tree)})


def _trees() -> Iterator[ast.Module]:
    yield from (ast.parse(inspect.getsource(m)) for m in modules())


def _compared(function: Any) -> Iterator[str]:  # noqa: ANN401  any function
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "rule":
            for side in node.comparators:
                if isinstance(node.ops[0], ast.In):
                    yield from ast.literal_eval(side)


def _bound_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Bound":
            parts = [n for a in node.args for n in (a.elts if isinstance(a, ast.Tuple) else [a])]
            yield from (n.value for n in parts if isinstance(n, ast.Constant))


@cache
def functions() -> frozenset[str]:
    """Return every function and method except abstract ones."""
    return frozenset(name for tree in _trees() for name in defined(tree))


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the functions and methods of a module's text."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef))
            yield from (f"{node.name}.{m.name}" for m in methods if not _abstract(m))


def _abstract(method: ast.FunctionDef) -> bool:
    return "abstractmethod" in map(ast.unparse, method.decorator_list)


@cache
def names_of(function: str) -> frozenset[str]:
    """Return the names under which a function may be listed: its own and those it overrides."""
    owner, dot, name = function.rpartition(".")
    bases = named(owner).__mro__ if dot and known(owner) else ()
    return frozenset({function, *(f"{b.__name__}.{name}" for b in bases if hasattr(b, name))})
