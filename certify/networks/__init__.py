"""Networks with one hidden layer: better neurons and dual points of their training problem."""

from ._deep import deep_trail
from ._dual import bounded, open_gap
from ._lam_max import lam_max
from ._net import unlevelled
from ._trail import trail

__all__ = ["bounded", "deep_trail", "lam_max", "open_gap", "trail", "unlevelled"]
