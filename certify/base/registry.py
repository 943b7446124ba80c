"""A folder is a registry: one file, one entry class, and the file's name is its key."""

import importlib
import pkgutil
from typing import TypeVar

T = TypeVar("T")


def names(package: str) -> list[str]:
    """Return the public modules of a package, in alphabetical order."""
    path = importlib.import_module(package).__path__
    modules = (m.name for m in pkgutil.iter_modules(path))
    return sorted(name for name in modules if not name.startswith("_"))


def load(package: str, base: type[T]) -> dict[str, type[T]]:
    """Import every public module of `package`; each must define exactly one `base`.

    Raises ImportError, naming the file, for a module with none or with two.
    """
    return {name: _entry(f"{package}.{name}", base) for name in names(package)}


def refuse_heirs(cls: type, base: type) -> None:
    """Raise TypeError if a class derives from one of ours below `base`: those are final.

    The kernel knows an entry by its name, so an heir that computes something else would
    have its own question answered as its parent's.
    """
    for parent in cls.__mro__[1:]:
        if (
            parent is not base
            and issubclass(parent, base)
            and parent.__module__.startswith("certify.")
        ):
            message = f"{parent.__name__} is final: derive {cls.__name__} from {base.__name__}"
            raise TypeError(message)


def _entry(module_name: str, base: type[T]) -> type[T]:
    module = importlib.import_module(module_name)
    classes = [
        x
        for x in vars(module).values()
        if isinstance(x, type) and issubclass(x, base) and x.__module__ == module_name
    ]
    if len(classes) != 1:
        have = [c.__name__ for c in classes]
        message = f"{module_name} must define exactly one {base.__name__}, has {have}"
        raise ImportError(message)
    return classes[0]
