"""Optional libraries: each belongs to an extra of the package."""

from importlib import import_module
from typing import Any

from .errors import InputError


def optional(module: str, name: str, extra: str) -> Any:  # noqa: ANN401  a module
    """Import a module of a library.

    Raises InputError, naming the extra to install, if it cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        cure = f"pip install 'certifact[{extra}]'"
        raise InputError(f"{name} cannot be imported ({error}): {cure}") from None
