"""One file per loss; the file's name is the loss's name."""

from certify._registry import load

from ._base import Loss
from .squared import Squared

__all__ = ["LOSSES", "Loss", "Squared"]

LOSSES = load(__name__, Loss)
