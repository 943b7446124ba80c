"""A folder is a registry: one file, one entry class, and the file's name is its key."""

import importlib
import pkgutil
from typing import TypeVar

T = TypeVar("T")


def names(package: str) -> list[str]:
    """Return the names of the public modules of a package, in alphabetical order."""
    path = importlib.import_module(package).__path__
    modules = (m.name for m in pkgutil.iter_modules(path))
    return sorted(name for name in modules if not name.startswith("_"))


def load(package: str, base: type[T]) -> dict[str, type[T]]:
    """Import every public module of `package`, and return its class by the module's name.

    Raises ImportError, naming the module, unless it defines exactly one subclass of `base`.
    """
    return {name: _entry(f"{package}.{name}", base) for name in names(package)}


def refuse_heirs(cls: type, base: type) -> None:
    """Raise TypeError if a class derives from one of ours below `base`: those are final.

    The kernel knows an entry by its name, so it would answer the question of the parent.
    """
    for parent in cls.__mro__[1:]:
        ours = issubclass(parent, base) and parent.__module__.startswith("certify.")
        if ours and parent is not base:
            message = f"{parent.__name__} is final: derive {cls.__name__} from {base.__name__}"
            raise TypeError(message)


def is_entry(cls: type, base: type) -> bool:
    """Whether a class is an entry of ours: in the package of `base`, which the kernel may know."""
    return cls.__module__.rpartition(".")[0] == base.__module__.rpartition(".")[0]


def _entry(module_name: str, base: type[T]) -> type[T]:
    found = vars(importlib.import_module(module_name)).values()
    own = (x for x in found if isinstance(x, type) and x.__module__ == module_name)
    classes = [x for x in own if issubclass(x, base)]
    if len(classes) != 1:
        have = [c.__name__ for c in classes]
        message = f"{module_name} must define exactly one {base.__name__}, has {have}"
        raise ImportError(message)
    return classes[0]
