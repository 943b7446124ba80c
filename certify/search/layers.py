"""Networks with one hidden layer: better neurons and dual points of their training problem."""

from .coordinates.layers import unlevelled
from .dual.layers import bounded, open_gap
from .lam_max import lam_max
from .schedule.deep import deep_trail
from .schedule.layers import trail
from .schedule.pooled import max_trail

__all__ = ["bounded", "deep_trail", "lam_max", "max_trail", "open_gap", "trail", "unlevelled"]
