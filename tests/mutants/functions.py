"""Find functions by qualified name, compile a changed one, and put its code in force."""

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

PACKAGES = ("certify.kernel", "certify.base.rigor")


class StaleError(LookupError):
    """A mutant that no longer applies to the source."""


@dataclass(frozen=True)
class Function:
    """A function as it is written and as it runs.

    live   the function object; None for a name that a module assigns
    text   its own source, from `def` (or the assignment) on
    """

    module: str
    qualname: str
    node: ast.stmt
    text: str
    live: FunctionType | None

    @property
    def file(self) -> str:
        return str(sys.modules[self.module].__file__)


def modules(packages=PACKAGES) -> list[ModuleType]:
    """Import and return every module of the packages."""
    out = []
    for name in packages:
        package = importlib.import_module(name)
        names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{name}.")]
        out += [package, *map(importlib.import_module, names)]
    return out


def functions_of(module: ModuleType) -> Iterator[Function]:
    """Yield the functions and methods that a module defines, and the names it assigns."""
    source = inspect.getsource(module) if module.__spec__ else ""
    lines = source.split("\n")
    for node in ast.parse(source).body:
        yield from _within(lines, node, (module.__name__, "", vars(module)))


def segment(lines: list[str], node: ast.stmt) -> str:
    """Return the source of a statement that ends its lines."""
    first, *rest = lines[node.lineno - 1 : node.end_lineno]
    return "\n".join([first[node.col_offset :], *rest])


def _within(lines: list[str], node: ast.stmt, where: tuple) -> Iterator[Function]:
    home, prefix, held = where
    if isinstance(node, ast.FunctionDef):
        live = unwrapped(held.get(node.name))
        if isinstance(live, FunctionType) and live.__module__ == home:
            yield Function(home, prefix + node.name, node, segment(lines, node), live)
    elif isinstance(node, ast.ClassDef):
        inside = home, f"{prefix}{node.name}.", vars(held[node.name])
        for child in node.body:
            yield from _within(lines, child, inside)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and not prefix and node.value:
        for name in assigned(node):
            yield Function(home, name, node, segment(lines, node), None)


def assigned(node: ast.stmt) -> list[str]:
    """Return the plain names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def unwrapped(held: Any) -> Any:
    """Return the function behind a method, a property or a decorator."""
    if isinstance(held, property):
        held = held.fget
    if isinstance(held, functools.cached_property):
        held = held.func
    if isinstance(held, staticmethod | classmethod):
        held = held.__func__
    return inspect.unwrap(held) if callable(held) else held


def every_function(packages=PACKAGES) -> dict[str, Function]:
    """Return all functions by qualified name; one that two modules define is an error."""
    out: dict[str, Function] = {}
    for module in modules(packages):
        for found in functions_of(module):
            if found.live is None and found.qualname in out:
                continue
            if found.qualname in out and out[found.qualname].live is not None:
                raise StaleError(f"{found.qualname} is in {found.module} and another module")
            out[found.qualname] = found
    return out


def rewritten(function: Function, old: str, new: str) -> ast.stmt:
    """Return a function with one fragment of its source replaced; it must occur exactly once."""
    count = function.text.count(old)
    if count != 1:
        raise StaleError(f"{function.qualname}: {old!r} occurs {count} times, not once")
    lines = function.text.replace(old, new).split("\n")
    shallow = function.node.col_offset
    flat = [line[shallow:] if line[:shallow].isspace() else line for line in lines]
    made = ast.parse("\n".join(flat)).body[0]
    return ast.increment_lineno(made, function.node.lineno - 1)


def compiled(function: Function, node: ast.stmt) -> CodeType:
    """Compile a definition inside its classes, and return the function's own code."""
    bare = ast.FunctionDef(
        **{name: value for name, value in ast.iter_fields(node) if name != "decorator_list"},
        decorator_list=[],
    )
    *classes, _ = function.qualname.split(".")
    inner: ast.stmt = ast.copy_location(bare, node)
    for name in reversed(classes):
        made = ast.ClassDef(name=name, bases=[], keywords=[], body=[inner], decorator_list=[])
        inner = ast.copy_location(made, node)
    tree = ast.fix_missing_locations(ast.Module(body=[inner], type_ignores=[]))
    return next(
        code
        for code in _codes(compile(tree, function.file, "exec", dont_inherit=True))
        if code.co_qualname == function.qualname
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for held in code.co_consts:
        if isinstance(held, CodeType):
            yield from _codes(held)


def put_in_force(function: Function, node: ast.stmt, known: dict[str, Function]) -> None:
    """Let every caller run the changed definition, and compute again what import made with it."""
    if function.live is None:
        _assign_again(function, node, known)
        return
    code = compiled(function, node)
    if code.co_freevars != function.live.__code__.co_freevars:
        raise StaleError(f"{function.qualname} closes over {code.co_freevars}")
    function.live.__code__ = code
    holder = vars(sys.modules[function.module])
    for part in function.qualname.split("."):
        found = holder[part]
        holder = vars(found) if isinstance(found, type) else {}
    if hasattr(found, "cache_clear"):
        found.cache_clear()
    for other in known.values():
        if other.live is None and calls(other.node, function.qualname):
            _assign_again(other, other.node, known)


def calls(node: ast.stmt, name: str) -> bool:
    """Tell whether a statement calls a function by this name."""
    called = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(isinstance(f, ast.Name) and f.id == name for f in called)


def _assign_again(function: Function, node: ast.stmt, known: dict[str, Function]) -> None:
    """Run an assignment again, for its own module and for those that imported its names."""
    own = vars(sys.modules[function.module])
    before = {name: own[name] for name in assigned(node)}
    tree = ast.fix_missing_locations(ast.Module(body=[node], type_ignores=[]))
    exec(compile(tree, function.file, "exec", dont_inherit=True), own)  # noqa: S102
    for name, old in before.items():
        for module in {f.module for f in known.values()}:
            if vars(sys.modules[module]).get(name) is old:
                setattr(sys.modules[module], name, own[name])
