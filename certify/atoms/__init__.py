"""One file per atom; the file's name is the atom's name."""

from typing import Any

from certify.base.registry import load

from ._base import Atom, Factors, Slice
from ._layers import Widths
from ._words import Words
from .cp import CP
from .deep_linear import DeepLinear
from .deep_relu import DeepReLU
from .rank_one import RankOne
from .relu import ReLU
from .symmetric import Symmetric

__all__ = [
    "ATOMS",
    "CP",
    "Atom",
    "DeepLinear",
    "DeepReLU",
    "Factors",
    "RankOne",
    "ReLU",
    "Slice",
    "Symmetric",
    "Widths",
    "Words",
    "atom_of",
]

ATOMS = load(__name__, Atom)


def atom_of(statement: dict[str, Any], data: dict[str, Any]) -> Atom:
    """Return the atom that a statement and its arrays describe.

    Raises LookupError for a kind that is no atom of this package.
    """
    kinds = {atom.kind: atom for atom in ATOMS.values()}
    return kinds[statement["kind"]].from_statement(statement, data)
