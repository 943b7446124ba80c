"""Networks with one hidden layer: better neurons and dual points of their training problem."""

from ._deep import deep_trail
from ._dual import bounded, open_gap
from ._lam_max import lam_max
from ._most import max_trail
from ._net import unlevelled
from ._trail import trail

__all__ = ["bounded", "deep_trail", "lam_max", "max_trail", "open_gap", "trail", "unlevelled"]
