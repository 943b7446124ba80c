"""Networks with one hidden layer: better neurons and dual points of their training problem."""

from .lam_max import lam_max

__all__ = ["lam_max"]
