"""Networks with one hidden layer: better neurons and dual points of their training problem."""

from ._dual import bounded, open_gap
from ._net import unlevelled
from ._trail import trail

__all__ = ["bounded", "open_gap", "trail", "unlevelled"]
