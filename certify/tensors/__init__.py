"""CP problems: better factors and dual points of tensors, by descent and column generation."""

from ._dual import bounded, open_gap
from ._trail import trail

__all__ = ["bounded", "open_gap", "trail"]
