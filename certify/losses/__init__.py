"""One file per loss; the file's name is the loss's name."""

from certify.base.registry import load

from ._base import Loss
from ._entrywise import Entrywise
from .absolute import Absolute
from .hinge import Hinge
from .huber import Huber
from .kullback_leibler import KullbackLeibler
from .logistic import Logistic
from .poisson import Poisson
from .quantile import Quantile
from .softmax import Softmax
from .squared import Squared
from .squared_hinge import SquaredHinge

__all__ = [
    "LOSSES",
    "Absolute",
    "Entrywise",
    "Hinge",
    "Huber",
    "KullbackLeibler",
    "Logistic",
    "Loss",
    "Poisson",
    "Quantile",
    "Softmax",
    "Squared",
    "SquaredHinge",
]

LOSSES = load(__name__, Loss)
