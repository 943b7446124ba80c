"""One file per atom; the file's name is the atom's name."""

from certify.base.registry import load

from ._base import Atom, Factors, Slice
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
]

ATOMS = load(__name__, Atom)
