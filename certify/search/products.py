"""CP problems: better factors and dual points of tensors, by descent and column generation."""

from .dual.products import bounded, open_gap
from .schedule.products import trail

__all__ = ["bounded", "open_gap", "trail"]
